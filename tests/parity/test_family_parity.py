"""Every layer of the family is the same layer in R and in Python: a few cases for each."""

import inspect
import json

import numpy as np
import pytest
from languages import (
    PARITY,
    as_expected,
    assert_same_error,
    error_from_python,
    error_from_r,
    example_inputs,
    layer_from_python,
    layer_from_r,
    outputs_and_losses,
    read_family,
)

import bayeslayers

FAMILY = read_family()
# `test_layers.py` and `test_errors.py` compare this one in every detail.
IN_DETAIL = "layer_conv_1d_flipout"


def every(part):
    """Parametrize a test over all cases of all functions."""
    cases = [
        pytest.param(function, arguments, id=f"{function}-{case.replace(' ', '-')}")
        for function, of_function in FAMILY.items()
        for case, arguments in of_function[part].items()
    ]
    return pytest.mark.parametrize(("function", "arguments"), cases)


def inputs_of(function):
    """Return the inputs that the cases of a function share."""
    cases = FAMILY[function]
    return example_inputs(cases["inputs"], cases.get("vocabulary"))


def test_every_function_of_the_family_has_cases():
    layers = bayeslayers.layers.FAMILY.values()
    variational = [kind for kind in layers if issubclass(kind, bayeslayers.layers.VariationalLayer)]
    assert set(FAMILY) | {IN_DETAIL} >= {kind.function_name for kind in variational}


@pytest.mark.parametrize("function", FAMILY)
def test_the_cases_know_the_function(function):
    """Every argument that has no default is given in some case, and left out in none that works."""
    parameters = inspect.signature(getattr(bayeslayers, function)).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    for arguments in FAMILY[function]["layers"].values():
        assert required - {"object"} <= set(arguments)


@every("layers")
def test_same_config(r, function, arguments):
    config = layer_from_python(arguments, function).get_config()
    assert layer_from_r(r, arguments, function).get_config() == config


@every("layers")
def test_same_numbers_to_the_bit(r, function, arguments):
    inputs = inputs_of(function)
    outputs, losses = outputs_and_losses(layer_from_python(arguments, function), inputs)
    outputs_r, losses_r = outputs_and_losses(layer_from_r(r, arguments, function), inputs)
    assert outputs.dtype == outputs_r.dtype
    assert np.array_equal(outputs, outputs_r)
    assert np.array_equal(losses, losses_r)


@every("errors")
def test_same_error(r, function, arguments):
    in_r = error_from_r(r, arguments, function)
    assert in_r["call"] == function
    assert_same_error(error_from_python(arguments, function), in_r, arguments)


def of_layer(function, arguments):
    """Return configuration, outputs and losses of a layer, row after row."""
    layer = layer_from_python(arguments, function)
    outputs, losses = outputs_and_losses(layer, inputs_of(function))
    numbers = {"outputs": outputs.ravel(), "losses": losses}
    rounded = {name: [float(f"{v:.6g}") for v in values] for name, values in numbers.items()}
    return {"config": layer.get_config(), **rounded}


def of_error(r, function, arguments):
    return as_expected(error_from_python(arguments, function), error_from_r(r, arguments, function))


def assert_close(obtained, expected):
    """Compare two files: the numbers to the precision that another processor keeps."""
    new, old = (json.loads(path.read_text(encoding="utf-8")) for path in (obtained, expected))
    for case, of_case in new["layers"].items():
        for numbers in ("outputs", "losses"):
            new_numbers, old_numbers = of_case.pop(numbers), old["layers"][case].pop(numbers)
            np.testing.assert_allclose(new_numbers, old_numbers, rtol=1e-4, atol=1e-5)
    assert new == old


@pytest.mark.parametrize("function", FAMILY)
def test_the_files_hold_what_python_gives(r, function, file_regression):
    cases = FAMILY[function]
    expected = {
        "layers": {case: of_layer(function, given) for case, given in cases["layers"].items()},
        "errors": {case: of_error(r, function, given) for case, given in cases["errors"].items()},
    }
    text = json.dumps(expected, sort_keys=True, separators=(",", ":")).replace("},", "},\n")
    path = PARITY / "expected" / f"{function}.json"
    file_regression.check(text + "\n", fullpath=path, check_fn=assert_close)
