"""The house as it was planned, read from the imports and names in the source."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import bayeslayers
from bayeslayers import backend
from bayeslayers.backend import choice

ROOT = Path(bayeslayers.__file__).parent

ROOMS = (
    "_version",
    "compat",
    "contract",
    "backend",
    "geometries",
    "distributions",
    "estimators",
    "base_layers",
    "layers",
    "architecture",
    "predictive",
    "training",
    "models",
    "pictures",
    "tfp",
    "shim",
    "testing",
    "",
)
"""From the lowest to the highest; the last is the package itself. Each imports none after it."""

PACKAGES_OF = {
    "tensorflow": ("tensorflow",),
    "tensorflow_probability": ("tensorflow", "jax"),
    "tf_keras": (),
    "jax": ("jax",),
    "torch": ("torch",),
}
"""The packages of the backend that may import a framework or a library of it."""

NOT_PUBLIC = re.compile(
    r"_flatten_layers|_get_own_losses|_keras_history|_inbound_nodes|_outbound_nodes"
    r"|_loss_ids|_losses_override|_seed_generators|_keras_call_info_injected|_TensorCoercible|_initial_seed|\._value\b"
    r"|keras\.src|tensorflow\.python|tensorflow_probability\.python"
)
"""Names of Keras, TensorFlow and TensorFlow Probability that no other module uses than `compat`."""

COMMON = (
    "ClassDistribution",
    "LowRank",
    "MarginalCdf",
    "Sliding",
    "Stream",
    "Triangular",
    "at_least_single",
    "in_single",
    "is_of_other_library",
    "name_of_library",
    "within_range",
)
"""What `backend` has for all frameworks alike."""

LINES = 350
"""How many lines of code a module has at the most."""


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def room_of(module):
    return ([*module.split("."), ""])[1]


@cache
def tree_of(module):
    return ast.parse(MODULES[module].read_text())


def without_type_checking(tree):
    """Every node but those that only a type checker sees."""
    if isinstance(tree, ast.If) and getattr(tree.test, "id", None) == "TYPE_CHECKING":
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from without_type_checking(child)


@cache
def imports_of(module):
    """The names of the modules that a module imports, inside functions too."""
    found = set()
    for node in without_type_checking(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return found - {"__future__"}


def imports_of_ours(module):
    return {name for name in imports_of(module) if name in MODULES}


def test_every_module_has_a_room():
    assert {room_of(module) for module in MODULES} == set(ROOMS)


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter({module: imports_of_ours(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_a_later_one(room):
    above = set(ROOMS[ROOMS.index(room) + 1 :])
    found = {
        (module, name)
        for module in MODULES
        if room_of(module) == room
        for name in imports_of_ours(module)
        if room_of(name) in above
    }
    assert found == set()


@pytest.mark.parametrize("room", ["contract", "compat"])
def test_the_lowest_rooms_import_no_other_one(room):
    found = set().union(*(imports_of_ours(m) for m in MODULES if room_of(m) == room))
    assert {room_of(name) for name in found} <= {room}


def test_a_framework_is_imported_by_its_own_package_alone():
    found = {
        (module, name)
        for module in MODULES
        for name in imports_of(module)
        for packages in [PACKAGES_OF.get(name.split(".")[0])]
        if packages is not None and module.split(".")[1:3] not in [["backend", p] for p in packages]
    }
    assert found == set()


def test_every_supported_framework_has_a_package():
    for name in choice.SUPPORTED:
        assert f"bayeslayers.backend.{name}" in MODULES


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[-1] != "compat"])
def test_only_compat_uses_names_that_are_not_public(module):
    # Layers have such an attribute too, which is ours.
    code = ast.unparse(tree_of(module)).replace("self._initial_seed", "")
    assert NOT_PUBLIC.findall(code) == []


@pytest.mark.parametrize("module", MODULES)
def test_sums_are_not_keras_own(module):
    """On TensorFlow it adds what looks like a bias along the second axis, or the last one."""
    called = {ast.unparse(n.func) for n in ast.walk(tree_of(module)) if isinstance(n, ast.Call)}
    assert called.isdisjoint({"ops.add", "keras.ops.add", "ops.Add"})


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long(module):
    assert lines_of_code(module) <= LINES


def lines_of_code(module):
    """How many lines a module has without blank ones, comments and docstrings."""
    docstrings = set()
    for node in ast.walk(tree_of(module)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(MODULES[module].read_text().splitlines(), start=1)
    code = [n for n, line in lines if line.strip() and not line.strip().startswith("#")]
    return len(set(code) - docstrings)


def definition_of(name, module):
    """The statement that defines a name in a module, or in the one that it is imported from."""
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return definition_of(alias.name, node.module)
        targets = getattr(node, "targets", [getattr(node, "target", node)])
        if name in {getattr(target, "name", getattr(target, "id", None)) for target in targets}:
            return node
    raise AssertionError(f"{module} has no {name}")


def parameters_of(function):
    """The parameters of a function: names and kinds, and which may be left out."""
    arguments = function.args
    by_position = [*arguments.posonlyargs, *arguments.args]
    return (
        [argument.arg for argument in by_position],
        len(arguments.defaults),
        {
            a.arg: d is not None
            for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        },
        [getattr(each, "arg", None) for each in (arguments.vararg, arguments.kwarg)],
    )


def contract_of(name, framework):
    """What callers of a name rely on: parameters, of a class those of each public method."""
    node = definition_of(name, f"bayeslayers.backend.{framework}")
    if isinstance(node, ast.FunctionDef):
        return parameters_of(node)
    if not isinstance(node, ast.ClassDef):
        return "constant"
    return {
        each.name: parameters_of(each)
        for each in node.body
        if isinstance(each, ast.FunctionDef)
        and (each.name == "__init__" or not each.name.startswith("_"))
    }


@pytest.mark.parametrize("name", backend.INTERFACE)
def test_every_framework_has_the_name_with_the_same_parameters(name):
    """Read from the source: only one of them can be imported in a process."""
    contracts = {framework: contract_of(name, framework) for framework in choice.SUPPORTED}
    assert contracts == dict.fromkeys(contracts, contracts["tensorflow"])


def test_the_interface_is_what_the_framework_has():
    assert set(backend.INTERFACE) <= set(vars(backend))
    assert all(promise.endswith(".") for promise in backend.INTERFACE.values())


def test_rooms_take_from_the_backend_what_its_interface_has():
    names = {*backend.INTERFACE, *COMMON}
    for module in MODULES:
        if room_of(module) in ("backend", ""):
            continue
        for node in without_type_checking(tree_of(module)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("bayeslayers.backend"):
                assert node.module == "bayeslayers.backend", module
                assert {alias.name for alias in node.names} <= names, module
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "backend":
                assert node.attr in names, module
