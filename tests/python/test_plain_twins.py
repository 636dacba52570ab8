"""Each layer and its plain twin compute the same, at the defaults of both and after training."""

import functools
import inspect

import keras
import numpy as np
import pytest
from family import GEOMETRIES, every, is_representative
from frameworks import (
    JIT,
    assert_allclose,
    assert_array_equal,
    gradients,
    moment,
    numpy_of,
    total_of,
)
from posteriors import trainable_normal
from shapes import loses_digits

from bayeslayers import ArgumentError, as_bayesian, as_deterministic
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn

NARROW = default_mean_field_normal_fn(
    untransformed_scale_initializer=keras.initializers.Constant(-50.0)
)
ESTIMATORS = ("flipout", "reparameterization", "local_reparameterization")
POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
# The smallest step from 1.
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

each_geometry = pytest.mark.parametrize(
    "geometry", [pytest.param(geometry, id=name) for name, geometry in GEOMETRIES.items()]
)


def required(kind, geometry):
    """Return the arguments that have no default, and that which gives a layer its bias."""
    parameters = inspect.signature(kind).parameters.values()
    names = {p.name for p in parameters if p.default is p.empty} | {"bias_axes"}
    return {name: value for name, value in geometry.arguments.items() if name in names}


def numbers(tensor):
    return numpy_of(keras.ops.cast(tensor, "float64"))


@every(soon=is_representative)
@pytest.mark.parametrize("policy", POLICIES)
def test_without_spread_a_layer_is_its_plain_twin(row, policy, rng):
    narrow = {f"{role}_posterior_fn": NARROW for role in row.random}
    layer = row.layer_class(**required(row.layer_class, row.geometry), **narrow, dtype=policy)
    model = row.geometry.model_of(layer)
    plain = as_deterministic(model)
    assert type(plain.layers[-1]) is row.geometry.oracle
    inputs = row.geometry.inputs(rng)
    eps = max(EPS[layer.variable_dtype], EPS[layer.compute_dtype])
    if loses_digits(row.geometry):
        eps = max(eps, EPS["float32"])
    # Half precision has no narrower posterior than one of the smallest step from 1.
    found, expected = numbers(model(inputs)), numbers(plain(inputs))
    assert_allclose(found, expected, rtol=0, atol=30 * eps)


@functools.cache
def trained(oracle):
    """Return Keras's layer after some steps of training, in a model, with inputs."""
    geometry = next(g for g in GEOMETRIES.values() if g.oracle is oracle)
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(5)
    model = geometry.model_of(oracle(**required(oracle, geometry)))
    before = model.get_weights()
    inputs = geometry.inputs(rng, 32)
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=JIT)
    model.fit(inputs, rng.normal(size=model(inputs).shape), epochs=10, batch_size=8, verbose=0)
    assert all(np.all(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    return model, inputs


@each_geometry
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_with_a_small_delta_moped_starts_as_the_trained_layer(geometry, estimator):
    plain, inputs = trained(geometry.oracle)
    expected = numbers(plain(inputs))
    distances = []
    for delta in (1e-2, 1e-4, 1e-6):
        model = as_bayesian(plain, estimator, moped=True, delta=delta)
        assert type(model.layers[-1]).__module__.startswith("bayeslayers")
        distances.append(np.abs(numbers(model(inputs)) - expected).max())
        assert_allclose(as_deterministic(model)(inputs), expected, atol=1e-6)
    size = np.abs(expected).max()
    assert distances[0] < 0.2 * size
    assert distances[1] < 0.002 * size
    # Rounding, and the smallest scale that there is.
    assert distances[2] < 2e-5 * max(size, 1)


SIZES = np.array([1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0])


def dense_after_moped(kernel, delta, estimator="flipout", policy="float32", **further):
    """Return the layer that takes the place of a plain one with this kernel."""
    plain = keras.Sequential(
        [keras.Input((kernel.shape[0],)), keras.layers.Dense(kernel.shape[1], dtype=policy)]
    )
    plain.layers[0].set_weights([kernel, np.zeros(kernel.shape[1])])
    return as_bayesian(plain, estimator, moped=True, delta=delta, **further).layers[0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("delta", [1e-6, 1e-3, 0.1, 1.0, 3.0])
def test_a_posterior_is_as_wide_as_it_is_said_to_be(estimator, policy, delta):
    """The standard deviation is delta |w0|, down to the smallest step from 1 in the dtype."""
    kernel = np.stack([SIZES, -SIZES], axis=1)
    layer = dense_after_moped(kernel, delta, estimator, policy)
    eps = EPS[layer.variable_dtype]
    # The weights that the plain layer had: those of half precision are rounded.
    kernel = numbers(keras.ops.cast(kernel, layer.variable_dtype))
    size = np.where(kernel == 0, np.abs(kernel).mean(), np.abs(kernel))
    expected = np.maximum(delta * size, eps)
    # Rounding of scales; the variable behind a small one, its logarithm, has up to 16 in it.
    precision = {"float64": 1e-3, "float32": 2e-3, "float16": 0.02, "bfloat16": 0.1}
    stddev = numbers(moment(layer.kernel_posterior, "stddev"))
    assert_allclose(stddev, expected, rtol=precision[layer.variable_dtype])
    exact = delta * size > 100 * eps
    if layer.variable_dtype in ("float32", "float64"):
        assert_allclose(stddev[exact], delta * size[exact], rtol=1e-5)
    assert_array_equal(numbers(moment(layer.kernel_posterior, "mean")), kernel)


@each_geometry
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_it_is_so_in_every_kernel_and_in_a_bias_with_spread(geometry, estimator, rng):
    plain, _ = trained(geometry.oracle)
    plain = keras.models.clone_model(plain)
    weights = []
    for shape in (weight.shape for weight in plain.weights):
        weights.append(rng.normal(size=shape) * 10.0 ** rng.integers(-7, 1, shape))
        weights[-1].flat[::5] = 0.0
    plain.set_weights(weights)
    spread = {"bias_posterior_fn": default_mean_field_normal_fn()} if geometry.bias else {}
    layer = as_bayesian(plain, estimator, moped=True, delta=0.05, **spread).layers[-1]
    for role, weight in zip(geometry.roles, geometry.weights_of_ours(weights), strict=True):
        size = np.where(weight == 0, np.abs(weight).mean(), np.abs(weight))
        stddev = numbers(moment(getattr(layer, f"{role}_posterior"), "stddev"))
        assert_allclose(stddev, np.maximum(0.05 * size, EPS["float32"]), rtol=2e-3)


@pytest.mark.parametrize("delta", [1e-5, 0.1])
def test_a_kernel_of_zeros_has_the_spread_of_weights_of_a_tenth(delta):
    layer = dense_after_moped(np.zeros((3, 2)), delta)
    assert_allclose(moment(layer.kernel_posterior, "stddev"), 0.1 * delta, rtol=1e-4)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_narrowest_posterior_can_still_widen(policy):
    """Under the divergence alone, which asks for a standard deviation of 1."""
    layer = dense_after_moped(np.full((2, 2), 1e-9), 1e-6, policy=policy)
    before = numbers(moment(layer.kernel_posterior, "stddev"))
    (scale,) = (v for v in layer.trainable_variables if "scale" in v.name)
    for _ in range(20):

        def loss():
            layer(np.zeros((1, 2), "float32"))
            return total_of(layer.losses)

        gradient = numbers(gradients(loss, [scale])[0])
        assert np.all(gradient < -1e-4)
        scale.assign_add(np.full((2, 2), 0.5))
    assert np.all(numbers(moment(layer.kernel_posterior, "stddev")) > 1.5 * before)


def wrapped_default(*arguments):
    return default_mean_field_normal_fn()(*arguments)


def test_a_posterior_of_one_s_own_is_centred_or_refused(rng):
    kernel = rng.normal(size=(3, 2)).astype("float32")
    layer = dense_after_moped(kernel, 0.1, kernel_posterior_fn=wrapped_default)
    assert_allclose(moment(layer.kernel_posterior, "mean"), kernel)
    assert_allclose(moment(layer.kernel_posterior, "stddev"), 0.1 * np.abs(kernel), rtol=1e-4)
    for role, function in (
        ("kernel", trainable_normal),
        ("kernel", default_multivariate_normal_fn),
        ("bias", trainable_normal),
    ):
        argument = f"{role}_posterior_fn"
        with pytest.raises(ArgumentError, match=f"`{argument}` must have its mean in a variable"):
            dense_after_moped(kernel, 0.1, **{argument: function})


def residual_network(depth):
    """Return a plain network of convolutions, normalisation and shortcuts, with small weights."""
    small = keras.initializers.RandomNormal(stddev=1e-3)
    inputs = keras.Input((16, 4))
    values = inputs
    for _ in range(depth):
        within = keras.layers.Conv1D(4, 3, padding="same", kernel_initializer=small)(values)
        within = keras.layers.BatchNormalization(epsilon=1e-12, momentum=0.0)(within)
        within = keras.layers.ReLU()(within)
        values = keras.layers.Add()([values, within])
    values = keras.layers.GlobalAveragePooling1D()(values)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(values))


def test_a_deep_network_stays_near_the_plain_one(rng):
    """Behind normalisation a weight counts by its share of all: an absolute spread drowns it."""
    plain = residual_network(10)
    x = rng.normal(size=(64, 16, 4)).astype("float32")
    # So that normalisation knows the inputs.
    plain(x, training=True)
    expected = numbers(plain(x))
    for estimator in ESTIMATORS:
        # Probabilities. Of ten draws with other seeds, none was beyond a third of the bound.
        for delta, bound in ((1e-2, 0.2), (1e-4, 0.002)):
            model = as_bayesian(plain, estimator, moped=True, delta=delta)
            assert_allclose(numbers(model(x)), expected, rtol=0, atol=bound)
