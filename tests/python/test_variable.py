"""The layer that is a variable: its value whatever the inputs, its training and its saving."""

import keras
import numpy as np
import pytest
from frameworks import JIT_COMPILE, assert_allclose, assert_array_equal, numpy_of

from bayeslayers import ArgumentError, layer_variable
from bayeslayers.layers import VariableLayer


@pytest.mark.parametrize(
    ("shape", "expected"), [(4, (4,)), ([2, 3], (2, 3)), ((), ()), (np.array([5]), (5,))]
)
def test_the_output_has_the_variables_shape_whatever_the_inputs_are(shape, expected):
    layer = layer_variable(shape=shape, initializer="ones")
    for inputs in (np.zeros((7, 2)), np.zeros((1, 2, 3)), np.zeros(9)):
        assert_array_equal(layer(inputs), np.ones(expected))
    assert layer(keras.Input((3,))).shape == expected


def test_the_variable_is_there_with_the_layer():
    layer = VariableLayer(3, initializer=keras.initializers.Constant(2.0), activation="relu")
    assert [v.shape for v in layer.trainable_variables] == [(3,)]
    layer.variable.assign([-1.0, 0.0, 5.0])
    assert_array_equal(layer(np.zeros((1, 1))), [0.0, 0.0, 5.0])


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_training_finds_the_mean(jit_compile, rng):
    targets = rng.normal(3.0, size=(64, 2)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), VariableLayer(2)])
    # Half the squared distance has its minimum one step of length one away.
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda y, p: keras.ops.sum(keras.ops.square(y - p), axis=-1) / 2,
        jit_compile=jit_compile,
    )
    model.fit(np.zeros((64, 1)), targets, batch_size=64, verbose=0)
    assert_allclose(model.get_weights()[0], targets.mean(axis=0), rtol=1e-5)


def test_regularizer_and_constraint_reach_the_variable():
    layer = layer_variable(
        shape=2, initializer="ones", regularizer=keras.regularizers.L2(0.5), constraint="non_neg"
    )
    assert_allclose(layer.losses, [1.0])
    assert layer.variable.constraint is layer.constraint
    assert_array_equal(layer.constraint(np.array([-1.0, 2.0], "float32")), [0.0, 2.0])


def test_one_initializer_gives_two_layers_different_draws():
    initializer = keras.initializers.RandomNormal()
    first, second = (layer_variable(shape=5, initializer=initializer) for _ in range(2))
    assert np.all(numpy_of(first.variable) != numpy_of(second.variable))


def test_a_seed_for_all_repeats_the_initial_values():
    def values():
        keras.utils.set_random_seed(5)
        return numpy_of(layer_variable(shape=5, initializer="glorot_uniform").variable)

    assert_array_equal(values(), values())


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_the_output_keeps_the_variables_precision(dtype):
    layer = layer_variable(shape=1, dtype=dtype)
    expected = "float64" if dtype == "float64" else "float32"
    assert keras.backend.standardize_dtype(layer(np.zeros((2, 1))).dtype) == expected
    assert layer(keras.Input((1,))).dtype == expected


def test_a_saved_layer_comes_back(tmp_path):
    layer = VariableLayer(
        (2, 2),
        activation="tanh",
        initializer="random_normal",
        regularizer="l1",
        constraint="non_neg",
    )
    model = keras.Sequential([keras.Input((1,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert_array_equal(loaded(np.zeros((1, 1))), model(np.zeros((1, 1))))
    assert loaded.layers[0].get_config() == layer.get_config()


def test_a_lambda_is_not_saved():
    with pytest.raises(ArgumentError, match="`activation` must be a registered function"):
        layer_variable(shape=2, activation=lambda x: x).get_config()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"shape": 0}, "shape"),
        ({"shape": [2, 1.5]}, "shape"),
        ({"shape": None}, "shape"),
        ({"shape": "2"}, "shape"),
        ({"shape": True}, "shape"),
        ({}, "shape"),
        ({"shape": 2, "dtype": "int32"}, "dtype"),
        ({"shape": 2, "initializer": "no such"}, "initializer"),
        ({"shape": 2, "constraint": "no such"}, "constraint"),
        ({"shape": 2, "seed": 1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, named):
    with pytest.raises(ArgumentError) as caught:
        layer_variable(**arguments)
    assert caught.value.argument == named
