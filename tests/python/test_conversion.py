"""Between Bayesian and plain Keras."""

import keras
import numpy as np
import pytest
from family import every
from frameworks import assert_allclose, assert_array_equal, moment, numpy_of, on

from bayeslayers import ArgumentError, as_bayesian, as_deterministic, kl_divergence
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
        assert_array_equal(ours, theirs)
    for old, new in zip(before, model.weights, strict=True):
        assert_array_equal(old, new)
    assert not plain.losses


def test_a_sample_is_a_draw_of_its_own():
    model = keras.Sequential(
        [keras.Input((3,)), DenseReparameterization(2, bias_posterior_fn=None)]
    )
    x = np.eye(3, dtype="float32")
    loc = moment(model.layers[0].kernel_posterior, "mean")
    scale = moment(model.layers[0].kernel_posterior, "stddev")
    draws = [numpy_of(as_deterministic(model, "sample")(x)) for _ in range(200)]
    z = (np.stack(draws) - loc) / scale
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
    expected = numpy_of(as_deterministic(inner)(x)) @ moment(
        model.layers[-1].kernel_posterior, "mean"
    )
    assert_allclose(plain(x), expected, rtol=1e-5, atol=1e-6)


@on("tensorflow")
def test_tensorflow_lite_gives_the_same_outputs(rng):
    import tensorflow as tf

    if tf.__version__.startswith("2.16."):
        pytest.skip("the converter of TensorFlow 2.16 ends the process on a model of Keras 3")
    plain = as_deterministic(network())
    x = rng.normal(size=(1, 10, 3)).astype("float32")
    content = tf.lite.TFLiteConverter.from_keras_model(plain).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_allclose(found, plain(x), rtol=1e-4, atol=1e-5)


def test_arguments_are_checked():
    with pytest.raises(ArgumentError, match="`weights` must be"):
        as_deterministic(network(), "median")


class Own(keras.Model):
    """A model that Keras can't make from its configuration: a function is an argument."""

    def __init__(self, function):
        super().__init__()
        self.dense = DenseFlipout(2)
        self.function = function

    def call(self, x):
        return self.function(self.dense(x))


def test_a_model_without_a_configuration_is_refused():
    own = Own(lambda x: 2 * x)
    own(np.ones((1, 3), "float32"))
    with pytest.raises(ArgumentError, match=r"`model` must be a Keras model whose.*get_config"):
        as_deterministic(own)


def plain_network():
    return keras.Sequential(
        [
            keras.Input((10, 3)),
            keras.layers.Conv1D(4, 3, padding="causal", activation="relu", name="first"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, use_bias=False),
        ]
    )


ESTIMATORS = {
    "flipout": "flipout",
    "reparameterization": "reparameterization",
    "local": "local_reparameterization",
    "rank1": "rank1",
}


@every(thin=True)
def test_every_layer_of_keras_becomes_ours_and_moped_starts_from_its_outputs(row, rng):
    inputs = row.geometry.inputs(rng)
    layer = row.geometry.oracle(**row.geometry.arguments)
    plain = row.geometry.model_of(layer)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    estimator = ESTIMATORS[row.estimator]
    model = as_bayesian(plain, estimator, moped=True, delta=1e-6)
    assert type(model.layers[-1]) is row.layer_class
    assert model.layers[-1].name == layer.name
    # With posteriors this narrow a draw is the trained network, and the mean is it exactly.
    assert_allclose(model(inputs), plain(inputs), rtol=1e-4, atol=1e-4)
    assert_allclose(as_deterministic(model)(inputs), plain(inputs), rtol=1e-5, atol=1e-6)


def test_moped_centres_both_posterior_and_prior():
    plain = plain_network()
    model = as_bayesian(plain, moped=True, delta=0.2)
    values = plain.layers[0].get_weights()[0]
    layer = model.get_layer("first")
    assert_allclose(moment(layer.kernel_posterior, "mean"), values, rtol=1e-6)
    assert_allclose(moment(layer.kernel_posterior, "stddev"), 0.2 * np.abs(values), rtol=1e-3)
    assert_allclose(moment(layer.kernel_prior, "mean"), values, rtol=1e-6)
    assert_allclose(moment(layer.kernel_prior, "stddev"), 1.0)
    # KL(Normal(m, s) || Normal(m, 1)) = (s^2 - 1) / 2 - log s
    kernels = [plain.layers[0].get_weights()[0], plain.layers[-1].get_weights()[0]]
    s = 0.2 * np.concatenate([np.abs(k).ravel() for k in kernels])
    assert_allclose(kl_divergence(model).total, np.sum((s**2 - 1) / 2 - np.log(s)), rtol=1e-3)
    assert not any("prior" in v.name for v in model.trainable_variables)


def test_a_moped_model_is_saved_trained_and_loaded(tmp_path):
    model = as_bayesian(plain_network(), moped=True)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 10, 3)), np.ones((8, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert kl_divergence(again).total == kl_divergence(model).total


def test_without_moped_posteriors_start_anew():
    plain = plain_network()
    plain.layers[0].set_weights([np.full((3, 3, 4), 7.0), np.zeros(4)])
    plain.layers[1].set_weights([np.full(4, 2.0)] * 4)
    model = as_bayesian(plain, kernel_divergence_fn=None)
    assert np.abs(moment(model.layers[0].kernel_posterior, "mean")).max() < 2
    assert model.layers[0].padding == "causal"
    assert model.layers[0].kernel_divergence_fn is None
    assert model.layers[-1].bias_posterior is None
    # Other layers keep their weights.
    assert_array_equal(model.layers[1].get_weights(), plain.layers[1].get_weights())
    assert_array_equal(plain.layers[0].get_weights()[0], 7.0)


def test_what_a_prior_replaces_is_said():
    layer = keras.layers.Dense(2, kernel_regularizer="l2")
    with pytest.warns(UserWarning, match="kernel_regularizer") as caught:
        as_bayesian(keras.Sequential([keras.Input((3,)), layer]))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"model": 1}, "model"),
        ({"model": keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])}, "model"),
        ({"estimator": "dropout"}, "estimator"),
        ({"moped": 1}, "moped"),
        ({"moped": True, "model": keras.Sequential([keras.layers.Dense(1)])}, "moped"),
        ({"delta": 0}, "delta"),
    ],
)
def test_arguments_of_as_bayesian_are_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        as_bayesian(**{"model": plain_network(), **arguments})
