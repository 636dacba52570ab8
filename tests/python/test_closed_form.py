"""The default posterior and prior take a shorter way: its numbers are those of the general one."""

from functools import partial

import keras
import numpy as np
import pytest
from family import every, is_representative
from frameworks import (
    JIT_COMPILE,
    assert_allclose,
    gradients,
    moment,
    numpy_of,
    on,
    parameter,
    second_derivatives,
    total_of,
    value_and_gradients,
)
from frameworks import distributions as tfd
from keras import ops
from oracles import normal_kl
from scipy import stats

import bayeslayers
from bayeslayers.backend import softplus
from bayeslayers.distributions.mean_field import (
    divergence_from_standard_normal,
    scale_and_divergence,
)
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn

GENERAL = {
    "posterior_fn": default_mean_field_normal_fn().__call__,
    "posterior_tensor_fn": lambda distribution: distribution.sample(),
    "prior_fn": partial(default_multivariate_normal_fn),
    "divergence_fn": lambda q, p, sample: tfd.kl_divergence(q, p),
}


LARGE = (256, 200)  # enough numbers to be computed in one pass


def pair(row, *changed, **further):
    """Return a layer with all defaults, and one with functions of a caller's that do the same."""
    general = {f"{role}_{what}": GENERAL[what] for role in row.random for what in changed}
    if row.has_factors:
        posterior = {f"{role}_posterior_fn": default_mean_field_normal_fn() for role in row.random}
        further = {**row.standard, **posterior, **further}
    return row.layer(seed=5, **further), row.layer(seed=5, **{**further, **general})


def results(layer, inputs):
    """Return outputs, losses and gradients of two calls."""
    layer.build(inputs.shape)

    def call():
        outputs = layer(inputs)
        return ops.sum(outputs**2) + total_of(layer.losses), outputs, layer.losses

    found = []
    for _ in range(2):
        (_, outputs, losses), of_total = value_and_gradients(call, layer.trainable_variables)
        found += [outputs, *losses, *of_total]
    return numpy_of(found)


@every(soon=is_representative)
@pytest.mark.parametrize(
    "changed",
    [tuple(GENERAL), ("posterior_tensor_fn",), ("divergence_fn",), ("prior_fn",)],
    ids=["all", "sample", "divergence", "prior"],
)
def test_outputs_losses_and_gradients_are_the_general_ones(row, changed, rng):
    inputs = row.geometry.inputs(rng)
    short, general = (results(layer, inputs) for layer in pair(row, *changed))
    assert len(short) == len(general)
    for ours, theirs in zip(short, general, strict=True):
        assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "name", ["DenseFlipout", "DenseReparameterization", "DenseLocalReparameterization"]
)
def test_draws_of_a_large_kernel_are_the_general_ones(name, rng):
    inputs = rng.normal(size=(4, LARGE[0])).astype("float32")
    general = {f"kernel_{what}": function for what, function in GENERAL.items()}
    make = getattr(bayeslayers.layers, name)
    layers = make(LARGE[1], seed=5), make(LARGE[1], seed=5, **general)
    short, longer = (results(layer, inputs) for layer in layers)
    for ours, theirs in zip(short, longer, strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_is_the_general_one(jit_compile, policy, rng):
    """Also where the kernel is large enough for its draws to be compiled."""
    keras.config.set_dtype_policy(policy)
    inputs = rng.normal(size=(16, 150)).astype("float32")
    targets = rng.normal(size=(16, 150)).astype("float32")
    general = {f"kernel_{what}": function for what, function in GENERAL.items()}
    weights = []
    for further in ({}, general):
        layer = bayeslayers.layer_dense_flipout(units=150, seed=3, **further)
        model = keras.Sequential([keras.Input((150,)), layer])
        model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=jit_compile)
        model.fit(inputs, targets, batch_size=8, epochs=3, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for ours, theirs in zip(*weights, strict=True):
        tolerance = 1e-3 if policy == "mixed_bfloat16" else 1e-5
        assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_no_distribution_is_made_for_a_layer_with_all_defaults(monkeypatch, rng):
    def refuse(*arguments):
        raise AssertionError("a distribution was made")

    monkeypatch.setattr(default_mean_field_normal_fn, "__call__", refuse)
    layer = bayeslayers.layer_conv_1d_flipout(filters=2, kernel_size=3)
    layer(rng.normal(size=(2, 8, 3)))
    assert len(layer.losses) == 1
    with pytest.raises(AssertionError, match="a distribution was made"):
        layer.kernel_posterior  # noqa: B018


@pytest.mark.parametrize("role", ["kernel", "bias"])
def test_a_weight_with_all_its_mass_on_a_point_diverges_by_the_density_of_the_prior(role, rng):
    point = default_mean_field_normal_fn(is_singular=True)
    functions = {f"{role}_posterior_fn": point, f"{role}_prior_fn": default_multivariate_normal_fn}
    layer = bayeslayers.layer_dense_reparameterization(units=3, **functions)
    layer(rng.normal(size=(2, 4)))
    density = stats.norm.logpdf(moment(getattr(layer, f"{role}_posterior"), "mean")).sum()
    assert_allclose(numpy_of(layer.losses[-1]), -density, rtol=1e-5)


@pytest.mark.parametrize("shape", [(7, 5), LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_divergence_and_its_gradient_are_the_closed_form(dtype, shape, rng):
    loc, scale = rng.normal(size=shape), rng.uniform(1e-3, 3, size=shape)
    loc, scale = (value.astype(dtype) for value in (loc, scale))
    variables = [parameter(value, dtype) for value in (loc, scale)]
    total, found = value_and_gradients(
        lambda: divergence_from_standard_normal(*(v.value for v in variables)), variables
    )
    assert_allclose(numpy_of(total), normal_kl(loc, scale), rtol=1e-6)
    of_loc, of_scale = numpy_of(found)
    assert_allclose(of_loc, loc, rtol=1e-6)
    assert_allclose(of_scale, scale - 1 / scale, rtol=1e-5)


@pytest.mark.parametrize("shape", [(7, 5), LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_scale_and_its_divergence_share_their_gradient(dtype, shape, rng):
    """In NumPy: of a weighted sum of the scales, plus a multiple of the divergence."""
    loc, untransformed = rng.normal(size=shape), rng.uniform(-7, 3, size=shape)
    weights = rng.normal(size=shape).astype(dtype)
    variables = [parameter(value.astype(dtype), dtype) for value in (loc, untransformed)]

    def total():
        scale, divergence = scale_and_divergence(*variables)
        return ops.sum(ops.multiply(scale, weights)) + 0.3 * divergence

    found, (of_loc, of_untransformed) = value_and_gradients(total, variables)
    loc, untransformed = (numpy_of(v.value).astype("float64") for v in variables)
    scale = np.logaddexp(untransformed, 0) + np.finfo(dtype).eps
    assert_allclose(
        numpy_of(found), (scale * weights).sum() + 0.3 * normal_kl(loc, scale), rtol=1e-5
    )
    assert_allclose(numpy_of(of_loc), 0.3 * loc, rtol=1e-6)
    of_scale = weights + 0.3 * (scale - 1 / scale)
    expected = of_scale / (1 + np.exp(-untransformed))
    assert_allclose(numpy_of(of_untransformed), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 5), LARGE])
def test_a_scale_alone_has_the_gradient_of_softplus(shape, rng):
    untransformed = parameter(rng.uniform(-7, 3, size=shape).astype("float32"))
    loc = parameter(np.zeros(shape, "float32"))
    (found,) = gradients(
        lambda: ops.sum(scale_and_divergence(loc, untransformed)[0]), [untransformed]
    )
    expected = 1 / (1 + np.exp(-numpy_of(untransformed.value).astype("float64")))
    assert_allclose(numpy_of(found), expected, rtol=1e-6)


@pytest.mark.parametrize("size", [2, 40_000])
def test_a_scale_and_its_divergence_have_second_derivatives(size):
    points = np.linspace(-2.0, 2.0, size, dtype="float32")
    loc = ops.zeros(size)

    def total(untransformed):
        scale, divergence = scale_and_divergence(loc, untransformed)
        return ops.sum(scale) + divergence

    x = points.astype("float64")
    scale, slope = np.logaddexp(x, 0), 1 / (1 + np.exp(-x))
    # Of s + s^2 / 2 - log(s), with s' = slope and s'' = slope (1 - slope).
    expected = (1 + 1 / scale**2) * slope**2 + (1 + scale - 1 / scale) * slope * (1 - slope)
    found = numpy_of(second_derivatives(total, points))
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@on("tensorflow")
@pytest.mark.parametrize("units", [3, 200])
@pytest.mark.parametrize("prior", [{}, {"kernel_prior_fn": None}])
@pytest.mark.parametrize("name", ["DenseFlipout", "DenseReparameterization"])
def test_outputs_and_divergence_have_a_derivative_in_forward_mode(name, prior, units, rng):
    import tensorflow as tf

    layer = getattr(bayeslayers.layers, name)(units, **prior)
    layer.build((None, units))
    variables = [variable.value for variable in layer.trainable_variables]
    tangents = [
        tf.cos(0.1 + tf.reshape(tf.range(tf.size(v), dtype=v.dtype), v.shape)) for v in variables
    ]
    inputs = rng.normal(size=(4, units)).astype("float32")
    with tf.autodiff.ForwardAccumulator(variables, tangents) as forward, tf.GradientTape() as tape:
        total = ops.sum(ops.tanh(layer(inputs))) + sum(layer.losses)
    backward = zip(tape.gradient(total, variables), tangents, strict=True)
    expected = sum(ops.sum(gradient * tangent) for gradient, tangent in backward)
    assert_allclose(forward.jvp(total), expected, rtol=1e-3)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["DenseFlipout", "DenseReparameterization"])
def test_a_large_kernel_trains_in_a_compiled_step_as_in_any_other(name, policy, rng):
    x, y = (rng.normal(size=(16, n)).astype("float32") for n in LARGE)
    losses = []
    for jit_compile in JIT_COMPILE:
        keras.utils.set_random_seed(1)
        layer = getattr(bayeslayers.layers, name)(LARGE[1], dtype=policy)
        model = keras.Sequential([keras.Input((LARGE[0],)), layer])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        losses.append(model.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"])
    assert np.all(np.isfinite(losses))
    assert losses[0][-1] < losses[0][0]
    for others in losses[1:]:
        assert_allclose(others, losses[0], rtol=1e-4 if policy == "float32" else 1e-2)


@pytest.mark.parametrize("size", [2, 40_000])
def test_the_divergence_has_second_derivatives(size):
    scale = np.linspace(0.5, 2.0, size, dtype="float32")
    loc = ops.zeros(size)
    found = second_derivatives(lambda s: divergence_from_standard_normal(loc, s), scale)
    assert_allclose(numpy_of(found), 1 + 1 / scale**2, rtol=1e-6)


@pytest.mark.parametrize("size", [4001, 40_001])
def test_softplus_and_its_gradient_are_those_of_numpy_in_double_precision(size):
    """From where it is exp(x) to where it is x; four roundings of single precision apart."""
    points = np.concatenate([np.linspace(-80, 80, size), np.linspace(-4, 4, size)])
    points = keras.Variable(points.astype("float32"))
    x = numpy_of(points).astype("float64")
    found, (gradient,) = value_and_gradients(lambda: ops.sum(softplus(points.value)), [points])
    assert_allclose(softplus(points.value), np.logaddexp(x, 0), rtol=4 * 2.0**-23)
    assert_allclose(found, np.logaddexp(x, 0).sum(), rtol=1e-5)
    assert_allclose(gradient, 1 / (1 + np.exp(-x)), rtol=4 * 2.0**-23)
