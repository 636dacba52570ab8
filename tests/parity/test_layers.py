"""The same arguments and seed give the same layer, outputs and losses in R and in Python."""

import json

import keras
import numpy as np
import pytest
from languages import (
    PARITY,
    example_inputs,
    layer_from_python,
    layer_from_r,
    outputs_and_losses,
    read_cases,
)

import bayeslayers

CASES, ARGUMENTS = read_cases("layers.json")


@pytest.mark.parametrize("case", CASES)
def test_same_config(r, case, file_regression):
    arguments = ARGUMENTS[case]
    config = layer_from_python(arguments).get_config()
    assert layer_from_r(r, arguments).get_config() == config
    text = json.dumps(config, indent=1, sort_keys=True) + "\n"
    path = PARITY / "expected" / f"{case.replace(' ', '-')}-config.json"
    file_regression.check(text, fullpath=path)


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_to_the_bit(r, case, num_regression):
    arguments = ARGUMENTS[case]
    outputs, losses = outputs_and_losses(layer_from_python(arguments), example_inputs())
    outputs_r, losses_r = outputs_and_losses(layer_from_r(r, arguments), example_inputs())
    assert outputs.dtype == outputs_r.dtype
    assert np.array_equal(outputs, outputs_r)
    assert np.array_equal(losses, losses_r)
    # Another processor may round the last bits differently; within one process nothing may differ.
    columns = {"outputs": outputs.ravel().astype("float64"), "losses": losses}
    path = PARITY / "expected" / f"{case.replace(' ', '-')}-numbers.csv"
    num_regression.check(columns, fullpath=path, default_tolerance={"rtol": 1e-4, "atol": 1e-5})


def test_layers_of_a_pipe_are_seeded_in_the_order_of_the_pipe(r):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6, 6))])
    bayeslayers.layer_conv_1d_flipout(model, 4, 3)
    bayeslayers.layer_conv_1d_flipout(model, 2, 3)
    keras.utils.set_random_seed(3)
    model_r = r.python_object("""
        keras$Sequential(list(keras$Input(reticulate::tuple(6L, 6L)))) |>
          layer_conv_1d_flipout(4, 3) |>
          layer_conv_1d_flipout(2, 3)
    """)
    assert len(model.weights) == len(model_r.weights) > 0
    for variable, variable_r in zip(model.weights, model_r.weights, strict=True):
        assert np.array_equal(variable.numpy(), variable_r.numpy())


@pytest.mark.parametrize("pipe", ["|>", "%>%"])
def test_training_through_either_pipe_ends_with_the_same_weights(r, pipe):
    inputs, targets = example_inputs(), np.ones((2, 1))
    weights = []
    for build in (_python_model, lambda: r.python_object(_R_MODEL.replace("|>", pipe))):
        keras.utils.set_random_seed(5)
        model = build()
        model.compile("adam", "mse")
        model.fit(inputs, targets, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for from_python, from_r in zip(*weights, strict=True):
        assert np.array_equal(from_python, from_r)


def _python_model():
    model = keras.Sequential([keras.Input((6, 6))])
    model = bayeslayers.layer_conv_1d_flipout(model, filters=4, kernel_size=3, activation="relu")
    model = bayeslayers.layer_conv_1d_flipout(model, filters=1, kernel_size=4)
    model.add(keras.layers.Flatten())
    return model


_R_MODEL = """
    model <- keras$Sequential(list(keras$Input(reticulate::tuple(6L, 6L)))) |>
      layer_conv_1d_flipout(filters = 4, kernel_size = 3, activation = "relu") |>
      layer_conv_1d_flipout(filters = 1, kernel_size = 4)
    model$add(keras$layers$Flatten())
    model
"""
