"""The Flipout estimator, by its moments: every threshold follows from a stated error rate."""

import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, moment, numpy_of
from oracles import convolve, effective_kernel, parameters
from posteriors import fixed_normal
from statistical import (
    assert_fair_signs,
    assert_normal_moments,
    draws,
)

from bayeslayers import layer_conv_1d_flipout, tfd_mean
from bayeslayers.layers import DenseFlipout, default_mean_field_normal_fn

KERNEL_SIZE, CHANNELS, FILTERS = 3, 2, 2
CALLS = 2000


@pytest.fixture
def loc(rng):
    return rng.normal(size=(KERNEL_SIZE, CHANNELS, FILTERS)).astype("float32")


@pytest.fixture
def scale(rng):
    return rng.uniform(0.2, 1.5, size=(KERNEL_SIZE, CHANNELS, FILTERS)).astype("float32")


@pytest.fixture
def flipout(loc, scale):
    """A layer with a known kernel posterior and no bias."""

    def make(**arguments):
        return layer_conv_1d_flipout(
            filters=FILTERS,
            kernel_size=KERNEL_SIZE,
            kernel_posterior_fn=fixed_normal(loc, scale),
            bias_posterior_fn=None,
            **arguments,
        )

    return make


@pytest.fixture
def series(rng):
    return rng.normal(size=(12, CHANNELS)).astype("float32")


def effective_kernels(layer, inputs, count):
    """Return the kernel that each example of each call saw: (count, batch, taps, filters)."""
    kernels = [
        [effective_kernel(x, y, KERNEL_SIZE)[0] for x, y in zip(inputs, outputs, strict=True)]
        for outputs in draws(layer, inputs, count)
    ]
    return np.asarray(kernels)


def test_default_posterior_gives_the_analytic_mean_and_variance(rng):
    layer = layer_conv_1d_flipout(
        filters=4,
        kernel_size=3,
        # Wide, so that a wrong scale shows beside the mean.
        kernel_posterior_fn=default_mean_field_normal_fn(
            loc_initializer="random_normal", untransformed_scale_initializer="random_normal"
        ),
        bias_posterior_fn=fixed_normal(0.3, 0.4),
    )
    inputs = rng.normal(size=(3, 6, 2)).astype("float32")
    samples = draws(layer, inputs, CALLS)
    loc, scale = parameters(layer.kernel_posterior)
    mean = convolve(inputs, loc) + 0.3
    variance = convolve(inputs**2, scale**2) + 0.4**2
    assert_normal_moments(samples, mean, variance)


@pytest.mark.parametrize(
    "geometry",
    [
        {"padding": "same", "strides": 2},
        {"padding": "causal"},
        {"dilation_rate": 3},
        {"groups": 2},
    ],
    ids=str,
)
def test_every_geometry_gives_the_analytic_mean_and_variance(geometry, loc, scale, rng):
    groups = geometry.get("groups", 1)
    loc, scale = loc[:, : CHANNELS // groups], scale[:, : CHANNELS // groups]
    layer = layer_conv_1d_flipout(
        filters=FILTERS,
        kernel_size=KERNEL_SIZE,
        kernel_posterior_fn=fixed_normal(loc, scale),
        bias_posterior_fn=None,
        **geometry,
    )
    inputs = rng.normal(size=(2, 9, CHANNELS)).astype("float32")
    variance = convolve(inputs**2, scale**2, **geometry)
    # Under zero padding every window still holds at least one input.
    assert variance.min() > 0
    samples = draws(layer, inputs, CALLS)
    assert_normal_moments(samples, convolve(inputs, loc, **geometry), variance)


def test_channels_first_gives_the_analytic_mean_and_variance(flipout, loc, scale, rng):
    inputs = rng.normal(size=(2, 7, CHANNELS)).astype("float32")
    layer = flipout(data_format="channels_first")
    samples = draws(layer, inputs.transpose(0, 2, 1), CALLS).transpose(0, 1, 3, 2)
    assert_normal_moments(samples, convolve(inputs, loc), convolve(inputs**2, scale**2))


def test_the_outputs_of_one_example_come_from_one_kernel(flipout, rng):
    inputs = rng.normal(size=(5, 12, CHANNELS)).astype("float32")
    for outputs in draws(flipout(), inputs, 10):
        for series, output in zip(inputs, outputs, strict=True):
            _, unexplained = effective_kernel(series, output, KERNEL_SIZE)
            assert unexplained < 1e-4


def test_the_kernel_of_one_example_follows_the_posterior(flipout, loc, scale, series):
    kernels = effective_kernels(flipout(), series[None], CALLS)[:, 0]
    taps = KERNEL_SIZE * CHANNELS
    mean, variance = loc.reshape(taps, -1), scale.reshape(taps, -1) ** 2
    assert_normal_moments(kernels, mean, variance)
    # Independent entries: the variance of a sum of two is the sum of their variances.
    neighbours = kernels[:, 1:] + kernels[:, :-1]
    assert_normal_moments(neighbours, mean[1:] + mean[:-1], variance[1:] + variance[:-1])
    filters = kernels[..., 0] + kernels[..., 1]
    assert_normal_moments(filters, mean.sum(axis=1), variance.sum(axis=1))


def test_two_positions_covary_as_under_one_kernel_draw(flipout, loc, scale, series):
    samples = draws(flipout(), series[None], CALLS)[:, 0]
    mean = convolve(series[None], loc)[0]
    for first, second in [(0, 1), (2, 3), (0, 2), (4, 5)]:
        for sign in (1, -1):
            # Sum and difference of two jointly normal outputs are normal: exact, unlike a product.
            combined = series[first : first + 3] + sign * series[second : second + 3]
            variance = np.einsum("ic,ico->o", combined**2, scale**2)
            assert_normal_moments(
                samples[:, first] + sign * samples[:, second],
                mean[first] + sign * mean[second],
                variance,
            )


def test_identical_windows_get_identical_perturbations(flipout, rng):
    period = rng.normal(size=(1, 4, CHANNELS)).astype("float32")
    inputs = np.tile(period, (2, 3, 1))
    for outputs in draws(flipout(), inputs, 5):
        assert_allclose(outputs[:, 0], outputs[:, 4], atol=1e-5)
        assert np.abs(outputs[:, 0] - outputs[:, 1]).min() > 1e-5


def test_two_examples_see_one_draw_under_different_signs(flipout, loc, series):
    """Wen et al. (2018): the kernels of two examples differ by signs of rank one, all fair."""
    taps = (KERNEL_SIZE, CHANNELS, FILTERS)
    kernels = effective_kernels(flipout(), np.stack([series, series]), 400)
    first, second = (kernels[:, i].reshape(-1, *taps) - loc for i in range(2))
    assert_allclose(np.abs(first), np.abs(second), rtol=1e-2, atol=1e-4)
    signs = np.sign(first[:, 0] * second[:, 0])
    clear = np.abs(first).min(axis=(1, 2, 3)) > 1e-3
    # The same at all positions of the kernel, and a product of a sign for the input channel with
    # one for the output channel.
    assert np.array_equal(np.sign(first * second)[clear], np.repeat(signs[clear][:, None], 3, 1))
    assert np.all(signs[clear].prod(axis=(1, 2)) == 1)
    assert_fair_signs(signs)
    # One sign for each channel, not one for the example.
    assert_fair_signs(signs[:, 0, 0] * signs[:, 1, 0])
    assert_fair_signs(signs[:, 0, 0] * signs[:, 0, 1])


def test_a_draw_at_the_centre_leaves_the_mean(flipout, loc, rng):
    inputs = rng.normal(size=(3, 6, CHANNELS)).astype("float32")
    layer = flipout(kernel_posterior_tensor_fn=tfd_mean)
    assert_allclose(numpy_of(layer(inputs)), convolve(inputs, loc), rtol=1e-4, atol=1e-5)


def test_the_divergence_is_handed_the_kernel_behind_the_outputs(flipout, loc, scale, series):
    seen = []

    def divergence(q, p, sample):
        del q, p
        seen.append(numpy_of(sample))
        return 0.0

    layer = flipout(kernel_divergence_fn=divergence)
    outputs = numpy_of(layer(series[None]))[0]
    kernel, _ = effective_kernel(series, outputs, KERNEL_SIZE)
    deviation = (kernel.reshape(loc.shape) - loc) / scale
    # A function of a user's is looked at when the layer is built, before.
    assert_allclose(np.abs((seen[-1] - loc) / scale), np.abs(deviation), rtol=1e-2, atol=1e-3)


def test_layers_of_few_outputs_have_one_kernel_for_each_example(rng):
    # With no more outputs than positions, the product is with the kernel of each example.
    layer = DenseFlipout(2, bias_posterior_fn=None)
    x = rng.normal(size=(6, 8, 3)).astype("float32")
    outputs = numpy_of(layer(x)).astype("float64")
    loc = moment(layer.kernel_posterior, "mean")
    found = [np.linalg.lstsq(each, out, rcond=None) for each, out in zip(x, outputs, strict=True)]
    # The outputs at all positions of an example are those of one kernel.
    assert all(np.max(residuals) < 1e-9 for _, residuals, _, _ in found)
    deltas = np.stack([kernel for kernel, _, _, _ in found]) - loc
    # Perturbations differ by a sign for each input and each output: a matrix of rank one.
    assert_allclose(np.abs(deltas), np.broadcast_to(np.abs(deltas[0]), deltas.shape), atol=1e-5)
    signs = np.sign(deltas * deltas[0])
    assert_array_equal(signs[:, :, 0] * signs[:, :1, 0], signs[:, :, 1] * signs[:, :1, 1])
    assert len(np.unique(signs.reshape(6, -1), axis=0)) > 1
