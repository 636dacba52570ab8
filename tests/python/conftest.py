"""What every test starts from: fixed seeds, and no policy left behind by the test before it.

On other backends than TensorFlow, the tests that hold there are collected, and no others.
"""

import gc
import itertools
import json
import os
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest
from frameworks import BACKEND, double_precision

# Read or start no framework: what they say on TensorFlow, they say on every backend.
WHATEVER_THE_BACKEND = (
    "test_architecture",
    "test_docstrings",
    "test_examples",
    "test_gradient_variance",
    "test_keras_contract",
    "test_packaging",
    "test_pages",
    "test_public_layers",
    "test_readme",
    "test_reproduce",
    "test_stubs",
    "test_supply_chain",
)
# About what these backends alone have: strategies, sparse tensors, a room of `backend/`.
OF_SOME_BACKENDS = {
    "test_replicas": ("tensorflow",),
    "test_sparse": ("tensorflow", "jax"),
    # PyTorch has another library; `test_constructors_on_torch` has what is said there.
    "test_constructors_of_the_library": ("tensorflow", "jax"),
    "test_backend_jax": ("jax",),
    "test_backend_torch": ("torch",),
}

# Some 60,000 areas are allowed, and a test may take several hundred.
TESTS_RUN, TESTS_BETWEEN_CLEARINGS = itertools.count(1), 50

# Written by tools/list_slow_tests.py: what takes longer than 1.5 seconds on two cores.
SLOW = frozenset(
    json.loads((Path(__file__).parent / "slow_generated.json").read_text(encoding="utf-8"))[BACKEND]
)

collect_ignore = [f"{name}.py" for name, on in OF_SOME_BACKENDS.items() if BACKEND not in on]
if BACKEND != "tensorflow":
    collect_ignore += [f"{name}.py" for name in WHATEVER_THE_BACKEND]


def pytest_configure(config):
    config.addinivalue_line("markers", "on(*backends): about these backends alone")
    config.addinivalue_line("markers", "doubles: computes in double precision")
    config.addinivalue_line("markers", "soak: takes long, and is left to make soak")
    config.addinivalue_line("markers", "essential: takes long, and is run at every change")


def pytest_collection_modifyitems(config, items):
    """Leave out what is about other backends; skipped, it would drown what is skipped for cause.

    What takes long is left out, too, unless BAYESLAYERS_SOAK is set, as `make soak` does.
    """
    for item in filter(is_slow, items):
        item.add_marker("soak")
    marks = {item: item.get_closest_marker("on") for item in items}
    others = [item for item, mark in marks.items() if mark and BACKEND not in mark.args]
    if not os.environ.get("BAYESLAYERS_SOAK"):
        others += [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=others)
    left_out = set(others)
    items[:] = [item for item in items if item not in left_out]


def is_slow(item):
    """Whether a test has been seen to take long, and is not run at every change all the same."""
    return f"{item.path.stem}::{item.name}" in SLOW and not item.get_closest_marker("essential")


@pytest.fixture(autouse=True)
def doubles(request):
    """Let a framework have double precision where a test is about it, and has to ask for it."""
    call = getattr(request.node, "callspec", None)
    is_parameter = call is not None and "float64" in str(call.params)
    is_marked = request.node.get_closest_marker("doubles") is not None
    with double_precision() if is_parameter or is_marked else nullcontext():
        yield


@pytest.fixture(autouse=True)
def fixed_start(doubles):
    keras.utils.set_random_seed(20230817)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def forget_compiled_functions():
    """Free what JAX has compiled, which takes more areas of memory than a process may have."""
    yield
    if BACKEND == "jax" and next(TESTS_RUN) % TESTS_BETWEEN_CLEARINGS == 0:
        import jax

        gc.collect()
        jax.clear_caches()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def inputs(rng):
    """A batch of four series of ten steps and three channels."""
    return rng.normal(size=(4, 10, 3)).astype("float32")
