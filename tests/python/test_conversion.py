"""Between Bayesian and plain Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from family import ROWS

import bayeslayers
from bayeslayers import ArgumentError, as_deterministic
from bayeslayers.layers import Conv1DFlipout, DenseFlipout, DenseReparameterization


def network():
    return keras.Sequential(
        [
            keras.Input((10, 3)),
            Conv1DFlipout(4, 3, activation="relu", name="first"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling1D(),
            DenseFlipout(2, bias_posterior_fn=None),
        ]
    )


@pytest.mark.parametrize("row", [pytest.param(row, id=row.function) for row in ROWS])
def test_every_layer_becomes_keras_s_own_with_the_posterior_means(row, rng):
    inputs = row.geometry.inputs(rng)
    layer = getattr(bayeslayers, row.function)(**row.geometry.arguments)
    model = keras.Sequential([keras.Input(inputs.shape[1:], dtype=inputs.dtype.name), layer])
    plain = as_deterministic(model)
    assert type(plain.layers[-1]) is row.geometry.oracle
    kernels = {role: getattr(layer, f"{role}_posterior").mean() for role in row.geometry.kernels}
    bias = layer.bias_posterior.mean() if row.geometry.bias else None
    expected = row.geometry.deterministic(inputs, kernels, bias)
    np.testing.assert_allclose(plain(inputs), expected, rtol=1e-5, atol=1e-6)


def test_architecture_and_other_weights_stay(rng):
    model = network()
    x = rng.normal(size=(6, 10, 3)).astype("float32")
    model.compile("sgd", "mse")
    model.fit(x, np.ones((6, 2)), verbose=0)
    before = [np.asarray(w) for w in model.weights]
    plain = as_deterministic(model)
    names = ["Conv1D", "BatchNormalization", "GlobalAveragePooling1D", "Dense"]
    assert [type(layer).__name__ for layer in plain.layers] == names
    assert plain.layers[0].activation is keras.activations.relu
    assert not plain.layers[-1].use_bias
    for ours, theirs in zip(model.layers[1].weights, plain.layers[1].weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    assert not plain.losses


def test_a_sample_is_a_draw_of_its_own():
    model = keras.Sequential(
        [keras.Input((3,)), DenseReparameterization(2, bias_posterior_fn=None)]
    )
    x = np.eye(3, dtype="float32")
    loc = model.layers[0].kernel_posterior.mean()
    scale = model.layers[0].kernel_posterior.stddev()
    z = np.stack([(as_deterministic(model, "sample")(x) - loc) / scale for _ in range(200)])
    # 1200 standard normals: a mean square beyond 1 +- 0.25 comes once in a million times.
    assert 0.75 < np.mean(z**2) < 1.25
    assert len(np.unique(z[:, 0, 0])) == 200


def test_nested_and_functional_models():
    inner = network()
    inputs = keras.Input((10, 3))
    model = keras.Model(inputs, DenseFlipout(1, bias_posterior_fn=None)(inner(inputs)))
    plain = as_deterministic(model)
    found = [type(layer) for layer in plain._flatten_layers() if layer.weights]
    assert not any(kind.__module__.startswith("bayeslayers") for kind in found)
    x = np.ones((2, 10, 3), "float32")
    expected = as_deterministic(inner)(x).numpy() @ model.layers[-1].kernel_posterior.mean().numpy()
    np.testing.assert_allclose(plain(x), expected, rtol=1e-5, atol=1e-6)


def test_tensorflow_lite_gives_the_same_outputs(rng):
    plain = as_deterministic(network())
    x = rng.normal(size=(1, 10, 3)).astype("float32")
    content = tf.lite.TFLiteConverter.from_keras_model(plain).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, plain(x), rtol=1e-4, atol=1e-5)


def test_arguments_are_checked():
    with pytest.raises(ArgumentError, match="`weights` must be"):
        as_deterministic(network(), "median")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = DenseFlipout(2)

        def call(self, x):
            return self.dense(x)

    own = Own()
    own(np.ones((1, 3), "float32"))
    with pytest.raises(ArgumentError, match="`model` must be a `Sequential` or functional"):
        as_deterministic(own)
