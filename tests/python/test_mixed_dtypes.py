"""Layers of any dtypes in one model: Keras can sum what they add, and nothing precise is lost."""

import itertools

import keras
import numpy as np
import pytest
from family import every, is_representative
from frameworks import JIT, assert_allclose, value_and_gradients
from oracles import normal_kl, parameters
from posteriors import fixed_value

from bayeslayers import callback_kl_history, kl_divergence, layers, scale_kl
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn

DTYPES = ("float64", "float32", "mixed_bfloat16", "float16")
N = 50
X, Y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")

# The losses are all divergence on purpose, of which the callback warns.
pytestmark = pytest.mark.filterwarnings("ignore:The KL term of the loss")


@pytest.fixture
def double_precision():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")


def compiled(model):
    """Compile so that the loss is what the layers add, and training changes nothing."""
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f, jit_compile=JIT)
    return model


def exact(model):
    """Return the sum of the closed forms, computed in double precision."""
    found = [layer for layer in model.layers if hasattr(layer, "kernel_posterior")]
    return sum(normal_kl(*parameters(layer.kernel_posterior)) for layer in found)


def by_loop(model):
    def total():
        model(X)
        return sum(model.losses)

    loss, found = value_and_gradients(total, model.trainable_variables)
    assert any(g is not None for g in found)
    return float(loss)


def mean_of_keras(value):
    """Return what Keras shows of a loss: on PyTorch it divides in single precision."""
    mean = keras.metrics.Mean()
    mean.update_state(value)
    return float(mean.result())


@pytest.mark.parametrize("dtypes", list(itertools.combinations(DTYPES, 2)), ids=str)
def test_layers_of_any_two_dtypes_train_together(dtypes):
    kinds = (layers.DenseFlipout, layers.DenseReparameterization)
    first, second = (kind(3, dtype=dtype) for kind, dtype in zip(kinds, dtypes, strict=True))
    model = keras.Sequential([keras.Input((3,)), first, second, keras.layers.Dense(1)])
    compiled(scale_kl(model, N))
    history = callback_kl_history(warn_above=1e9)
    found = model.fit(X, Y, verbose=0, callbacks=[history], validation_data=(X, Y)).history
    found = [found[name][0] for name in ("loss", "val_loss", "kl_divergence")]
    found += [model.evaluate(X, Y, verbose=0), kl_divergence(model).loss]
    model(X)
    found += [float(sum(model.losses))]
    # Variables in half precision are rounded when the closed form is computed.
    rtol = 2e-3 if "float16" in dtypes else 1e-6
    assert_allclose(found, exact(model) / N, rtol=rtol)
    assert {keras.backend.standardize_dtype(loss.dtype) for loss in model.losses} == {"float32"}


@pytest.mark.doubles
@every(soon=is_representative)
def test_every_layer_trains_in_double_precision_beside_others(row, rng):
    bias = {
        "bias_posterior_fn": default_mean_field_normal_fn(),
        "bias_prior_fn": default_multivariate_normal_fn,
    }
    layer = row.layer(**(bias if row.bias else {}), **row.standard, dtype="float64")
    outputs = [keras.layers.Flatten(), keras.layers.Dense(1, dtype="float32")]
    model = compiled(row.geometry.model_of(layer, *outputs))
    inputs = row.geometry.inputs(rng)
    loss = model.train_on_batch(inputs, np.zeros((len(inputs), 1)))
    roles = row.roles
    expected = sum(normal_kl(*parameters(getattr(layer, f"{role}_posterior"))) for role in roles)
    assert_allclose(loss, expected, rtol=1e-6)
    # The verb has what the layer computed before the loss was rounded.
    assert_allclose(kl_divergence(model).total, expected, rtol=1e-13)


@pytest.mark.doubles
def test_under_a_floatx_of_double_precision_all_digits_stay(double_precision):
    layer = layers.DenseFlipout(3)
    model = keras.Sequential([keras.Input((3,)), layer, layers.DenseReparameterization(1)])
    compiled(scale_kl(model, N))
    expected = exact(model) / N
    assert_allclose([by_loop(model), kl_divergence(model).loss], expected, rtol=1e-13)
    found = [model.fit(X, Y, verbose=0).history["loss"][0], model.evaluate(X, Y, verbose=0)]
    assert_allclose(found, mean_of_keras(expected), rtol=1e-13)
    model(X)
    assert {keras.backend.standardize_dtype(loss.dtype) for loss in model.losses} == {"float64"}


@pytest.mark.doubles
def test_products_in_double_precision_keep_all_digits(rng):
    inputs, kernel = rng.normal(size=(5, 7)), rng.normal(size=(7, 3))
    layer = layers.DenseReparameterization(
        3,
        dtype="float64",
        kernel_posterior_fn=fixed_value(kernel),
        kernel_prior_fn=None,
        bias_posterior_fn=None,
    )
    assert_allclose(layer(inputs), inputs @ kernel, rtol=1e-13, atol=1e-14)

    network = layers.AutoregressiveNetwork(
        2,
        event_shape=7,
        conditional=True,
        conditional_event_shape=3,
        kernel_initializer="ones",
        dtype="float64",
    )
    conditions = rng.normal(size=(5, 3))
    before = np.cumsum(inputs, axis=1) - inputs + conditions.sum(axis=1, keepdims=True)
    expected = np.repeat(before[..., np.newaxis], 2, axis=-1)
    assert_allclose(network(inputs, conditions), expected, rtol=1e-13, atol=1e-14)


def of_variable(**arguments):
    return layers.VariableLayer((4, 1), initializer="ones", **arguments)


def of_network(**arguments):
    return layers.AutoregressiveNetwork(1, event_shape=3, **arguments)


def of_posterior(**arguments):
    penalized = default_mean_field_normal_fn(loc_regularizer=keras.regularizers.L2(0.5))
    return layers.DenseFlipout(1, kernel_posterior_fn=penalized, kernel_prior_fn=None, **arguments)


# Keras's own layers fail on these.
@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize(
    ("make", "penalty"),
    [
        (of_variable, {"activity_regularizer": "l2"}),
        (of_variable, {"regularizer": "l2"}),
        (of_network, {"kernel_regularizer": "l2"}),
        (of_network, {"bias_regularizer": lambda b: keras.ops.sum(b) + 1.0}),
        (of_network, {"activity_regularizer": "l2"}),
        (of_posterior, {}),
        (of_posterior, {"activity_regularizer": lambda y: 0.5 * keras.ops.sum(y**2)}),
    ],
)
def test_penalties_in_any_dtype_are_added(make, penalty, dtype):
    def loss_of(layer):
        model = keras.Sequential([keras.Input((3,)), layer])
        if layer.dtype == "float64":
            model.add(keras.layers.Activation("linear", dtype="float32"))
        model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * y, jit_compile=JIT)
        return model.train_on_batch(X, Y)

    reference, layer = make(**penalty), make(**penalty, dtype=dtype)
    expected = loss_of(reference)
    layer.build((None, 3))
    layer.set_weights(reference.get_weights())
    found = loss_of(layer)
    if make is of_posterior and penalty:
        # A penalty on outputs that are drawn.
        assert min(found, expected) > 0
    else:
        assert_allclose(found, expected, rtol=2e-2)
        assert expected > 0
