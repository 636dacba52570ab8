"""The stubs that type checkers read say what the functions and the layers take when they run.

What the calls of users look like to a type checker stands in `tests/typing`, which mypy checks.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest
from family import ROWS

import bayeslayers
from bayeslayers import layers

FAMILY = layers.FAMILY.values()
OF_CLASSES = {each.function_name for each in (*FAMILY, *layers.REGULARIZERS.values())}
OF_LAYERS = {layer.function_name: layer for layer in FAMILY}
FUNCTIONS = [name for name in bayeslayers.__all__ if inspect.isfunction(getattr(bayeslayers, name))]
KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD
EMPTY = inspect.Parameter.empty


def parsed(module):
    path = Path(module.__file__).with_suffix(".pyi")
    return ast.parse(path.read_text(encoding="utf-8"))


STUB, LAYERS_STUB = parsed(bayeslayers), parsed(layers)
CLASSES = {node.name: node for node in LAYERS_STUB.body if isinstance(node, ast.ClassDef)}


def definitions(name):
    return [node for node in STUB.body if isinstance(node, ast.FunctionDef) and node.name == name]


def plain(text):
    """A type's text without the modules of its names, which a stub imports another way."""
    return re.sub(r"[\w.]+\.(?=\w)", "", text)


def of_stub(node):
    """The parameters of a definition: name, kind, type and default."""
    arguments = node.args
    assert not arguments.posonlyargs
    assert not arguments.vararg
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    rows = [
        *zip(arguments.args, [False] * len(defaults), defaults, strict=True),
        *((each, True, value) for each, value in keyword_only(arguments)),
        *([(arguments.kwarg, VAR_KEYWORD, None)] if arguments.kwarg else []),
    ]
    return [
        (
            each.arg,
            kind,
            each.annotation and plain(ast.unparse(each.annotation)),
            default and ast.unparse(default),
        )
        for each, kind, default in rows
    ]


def keyword_only(arguments):
    return zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def of_runtime(parameters):
    """The same of parameters when they run, a default that is a function as an ellipsis."""
    rows = []
    for parameter in parameters:
        kind = VAR_KEYWORD if parameter.kind is VAR_KEYWORD else parameter.kind is KEYWORD_ONLY
        text = parameter.annotation
        if not isinstance(text, str):
            text = "Any" if text is EMPTY else inspect.formatannotation(text)
        default = None
        if parameter.default is not EMPTY:
            default = "..." if callable(parameter.default) else repr(parameter.default)
        rows.append((parameter.name, kind, plain(text), default))
    return rows


def title_and_formula(docstring):
    title, *parts = inspect.cleandoc(docstring).partition("\nArgs:")[0].split("\n\n")
    formula = next((part for part in parts if part.startswith("    ")), "")
    return " ".join(f"{title} {formula}".split())


def documentation(node):
    return " ".join(ast.get_docstring(node).split())


def all_of(stub):
    [names] = [
        node.value
        for node in stub.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    return ast.literal_eval(names)


def test_the_stubs_have_the_public_names_and_no_others():
    assert all_of(STUB) == bayeslayers.__all__
    assert all_of(LAYERS_STUB) == layers.__all__
    assert not definitions("__getattr__")


@pytest.mark.parametrize("name", OF_LAYERS)
def test_a_layers_function_has_an_overload_for_each_kind_of_object(name):
    layer = OF_LAYERS[name]
    arguments = of_runtime(layer.arguments.parameters.values())
    overloads = definitions(name)
    assert [ast.unparse(node.decorator_list[0]) for node in overloads] == ["overload"] * 5
    left_out, *composed = map(of_stub, overloads)
    assert left_out == [(name, True, kind, value) for name, _, kind, value in arguments]
    public = inspect.signature(getattr(bayeslayers, name)).parameters
    assert [*public][:-1] == [name for name, is_named, *_ in composed[0] if not is_named]
    kinds = ["None", "Sequential", "KerasTensor", "_Tensor | Sequence[_Tensor]"]
    for kind, found in zip(kinds, composed, strict=True):
        assert found == [("object", False, kind, None), *arguments]
    results = [ast.unparse(node.returns) for node in overloads]
    assert results[:3] == [layer.__name__, layer.__name__, "keras.Sequential"]
    assert results[3] in ("keras.KerasTensor", "SymbolicDistribution", "Any")
    assert results[4] == "Any"
    assert documentation(overloads[0]) == title_and_formula(layer.__doc__)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OF_CLASSES])
def test_a_function_has_its_own_signature(name):
    function = getattr(bayeslayers, name)
    [node] = definitions(name)
    signature = inspect.signature(function)
    found, expected = of_stub(node), of_runtime(signature.parameters.values())
    if all(parameter.annotation is EMPTY for parameter in signature.parameters.values()):
        # TensorFlow Probability's own arguments have no types.
        found = [(name, kind, "Any", default) for name, kind, _, default in found]
    assert found == expected
    result = signature.return_annotation
    result = "Any" if result is EMPTY else result
    expected = result if isinstance(result, str) else inspect.formatannotation(result)
    assert plain(ast.unparse(node.returns)) == plain(expected)
    assert documentation(node) == title_and_formula(function.__doc__)


@pytest.mark.parametrize("layer", FAMILY, ids=lambda layer: layer.__name__)
def test_a_layer_has_its_whole_constructor(layer):
    [constructor] = [
        node for node in CLASSES[layer.__name__].body if getattr(node, "name", "") == "__init__"
    ]
    (itself, *_), *arguments = of_stub(constructor)
    assert itself == "self"
    assert arguments == of_runtime(layer.arguments.parameters.values())
    assert documentation(CLASSES[layer.__name__]) == title_and_formula(layer.__doc__)
    own_file = layer.__module__.rpartition(".")[2]
    assert ast.unparse(CLASSES[layer.__name__].bases[0]) == f"{own_file}.{layer.__name__}"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_layer_has_the_attributes_and_properties_of_its_stub(row):
    layer = row.layer()
    body = CLASSES[type(layer).__name__].body
    attributes = [node.target.id for node in body if isinstance(node, ast.AnnAssign)]
    assert {"bias_posterior_fn", "embeddings_posterior_fn"} & set(attributes)
    assert [name for name in attributes if not hasattr(layer, name)] == []
    of_class = vars(type(layer)).items()
    properties = [name for name, value in of_class if isinstance(value, property)]
    decorated = [node.name for node in body if getattr(node, "decorator_list", ())]
    assert decorated == properties


def test_other_names_are_those_of_the_same_class():
    aliases = {
        node.targets[0].id: node.value.id
        for node in LAYERS_STUB.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
    }
    assert aliases
    for alias, name in aliases.items():
        assert getattr(layers, alias) is getattr(layers, name)
