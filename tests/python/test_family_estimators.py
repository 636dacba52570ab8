"""The estimators of the family, by their moments and by what tells them apart.

Every threshold follows from a stated error rate (`statistical.py`) or from exact arithmetic.
"""

import numpy as np
import pytest
from family import (
    FLIPOUT,
    LOCAL,
    RANDOM_KERNELS,
    REPARAMETERIZATION,
    ROWS,
    every,
    is_linear,
    is_linear_in_both,
    is_representative,
    random_normal,
    random_normals,
)
from frameworks import assert_allclose, assert_array_equal, compiled, numpy_of, on
from posteriors import fixed_normal, fixed_value
from statistical import (
    assert_fair_signs,
    assert_normal_moments,
    assert_same_distribution,
    assert_uncorrelated,
    draws,
)

CALLS = 800


def neighbours(values):
    """Return the outputs at two neighbouring positions in the middle: (..., batch, channels).

    Both see a whole window, in a transposed convolution as well.
    """
    middles = [size // 2 for size in values.shape[2:-1]]
    before = (slice(None), slice(None), middles[0] - 1, *middles[1:])
    after = (slice(None), slice(None), *middles)
    return values[before], values[after]


def perturbations(row, inputs, count, **further):
    """Return what the draw of the kernel adds to the mean, once per call."""
    loc, scale = random_normal(row.geometry.kernel)
    mean = row.geometry.deterministic(inputs, loc)
    return draws(row.with_kernel(loc, scale, **further), inputs, count) - mean


def random_bias(row, loc, scale):
    """Return the argument that adds a normal bias, and its mean and variance; or nothing."""
    if not row.geometry.bias:
        return {}, 0.0, 0.0
    return {"bias_posterior_fn": fixed_normal(loc, scale)}, loc, scale**2


@every(*RANDOM_KERNELS, where=is_linear)
def test_outputs_have_the_analytic_mean_and_variance(row, rng):
    geometry = row.geometry
    loc, scale = random_normal(geometry.kernel)
    inputs = geometry.inputs(rng)
    bias, bias_mean, bias_variance = random_bias(row, 0.3, 0.4)
    layer = row.with_kernel(loc, scale, **bias)
    mean = geometry.deterministic(inputs, loc) + bias_mean
    variance = geometry.variance(inputs, scale) + bias_variance
    samples = draws(layer, inputs, CALLS)
    assert samples.shape[2:] == geometry.outputs
    assert_normal_moments(samples, mean, variance)


@every(*RANDOM_KERNELS, where=is_linear, soon=is_representative)
def test_further_arguments_keep_mean_and_variance(row, rng):
    geometry = row.geometry
    further = geometry.variations[-1]
    (role,) = geometry.kernels
    loc, scale = random_normal(geometry.shapes_of(**further)[role])
    inputs = geometry.inputs(rng)
    if further.get("data_format") == "channels_first":
        inputs = np.moveaxis(inputs, -1, 1)
    # The noise of the bias keeps the variance above zero where padding leaves an output no input.
    bias, bias_mean, bias_variance = random_bias(row, 0.0, 0.5)
    layer = row.with_kernel(loc, scale, **{**further, **bias})
    mean = geometry.deterministic(inputs, loc, **further) + bias_mean
    variance = geometry.variance(inputs, scale, **further) + bias_variance
    assert_normal_moments(draws(layer, inputs, CALLS), mean, variance)


@every(*RANDOM_KERNELS, where=lambda geometry: not is_linear(geometry))
def test_each_example_sees_weights_that_follow_the_posteriors(row, rng):
    """Example by example, outputs are Keras's layer's under weights that NumPy has drawn."""
    geometry = row.geometry
    normals, inputs = random_normals(geometry.kernels), geometry.inputs(rng)
    keras_layer = geometry.keras_layer(use_bias=False)
    geometry.build(keras_layer, inputs.shape)
    call = compiled(lambda: geometry.call_of(keras_layer)(inputs))
    theirs = []
    for _ in range(CALLS):
        keras_layer.set_weights([rng.normal(loc, scale) for loc, scale in normals.values()])
        theirs.append(numpy_of(call()))
    assert_same_distribution(draws(row.with_kernels(normals), inputs, CALLS), np.stack(theirs))


@every(REPARAMETERIZATION, where=is_linear_in_both)
def test_all_examples_share_one_kernel(row, rng):
    """Under one kernel, the outputs of a sum are the sum of the outputs."""
    first, second = row.geometry.inputs(rng, 2)
    inputs = np.stack([first, second, first + second])
    for outputs in draws(row.with_kernel(*random_normal(row.geometry.kernel)), inputs, 5):
        assert_allclose(outputs[0] + outputs[1], outputs[2], rtol=1e-4, atol=1e-4)


@every(FLIPOUT, where=lambda geometry: not is_linear(geometry))
def test_two_examples_are_uncorrelated_through_several_kernels(row, rng):
    inputs = row.geometry.constant_inputs(rng, 2)
    found = draws(row.with_kernels(random_normals(row.geometry.kernels)), inputs, CALLS)
    assert_uncorrelated(found[:, 0], found[:, 1])


@every(REPARAMETERIZATION)
def test_two_examples_with_the_same_inputs_are_the_same(row, rng):
    inputs = row.geometry.constant_inputs(rng, 2)
    found = draws(row.with_kernels(random_normals(row.geometry.kernels)), inputs, 5)
    assert_allclose(found[:, 0], found[:, 1], rtol=1e-5, atol=1e-5)
    assert np.abs(np.diff(found[:, 0], axis=0)).max() > 0.01


@every(FLIPOUT, LOCAL, where=is_linear)
def test_two_examples_with_the_same_inputs_are_uncorrelated(row, rng):
    inputs = row.geometry.constant_inputs(rng, 2)
    found = perturbations(row, inputs, 400)
    assert_fair_signs(found[:, 0] * found[:, 1])


@every(FLIPOUT, REPARAMETERIZATION, where=is_linear)
def test_positions_share_the_kernel(row, rng):
    before, after = neighbours(perturbations(row, row.geometry.constant_inputs(rng), 10))
    assert_allclose(before, after, rtol=1e-4, atol=1e-4)
    assert np.abs(before).max() > 0.1


@every(LOCAL)
def test_positions_are_drawn_on_their_own(row, rng):
    before, after = neighbours(perturbations(row, row.geometry.constant_inputs(rng), 400))
    assert_fair_signs(before * after)


@every(FLIPOUT, where=is_linear)
def test_examples_see_one_kernel_under_signs(row, rng):
    """Wen et al. (2018): inputs in one channel alone differ by the signs of output channels."""
    inputs = row.geometry.constant_inputs(rng, 2)
    inputs[..., 1:] = 0
    found, _ = neighbours(perturbations(row, inputs, 400))
    assert_allclose(np.abs(found[:, 0]), np.abs(found[:, 1]), rtol=1e-3, atol=1e-4)
    signs = np.sign(found[:, 0] * found[:, 1])
    # Each output channel has a sign of its own. A depthwise one sees one input channel, so that
    # only the first two have anything to show.
    assert_fair_signs(signs[:, :2])
    assert_fair_signs(signs[:, 0] * signs[:, 1])


@every(FLIPOUT, where=is_linear)
def test_each_input_channel_has_a_sign_of_its_own(row, rng):
    """Two input channels agree in sign or not, which gives one of two sizes, equally often."""
    if not row.geometry.mixes_channels:
        pytest.skip("an output sees one input channel alone")
    found, _ = neighbours(perturbations(row, row.geometry.constant_inputs(rng, 2), 400))
    first, second = np.abs(found[:, 0]), np.abs(found[:, 1])
    alike = np.isclose(first, second, rtol=1e-3, atol=1e-4)
    assert_fair_signs(np.where(alike, 1, -1))


@every(LOCAL)
def test_output_channels_are_drawn_on_their_own(row, rng):
    found, _ = neighbours(perturbations(row, row.geometry.constant_inputs(rng), 400))
    assert_fair_signs(found[..., 0] * found[..., 1])


@every(*RANDOM_KERNELS, soon=is_representative)
def test_two_calls_draw_anew_and_a_seed_repeats_them(row, rng):
    inputs = row.geometry.inputs(rng)
    kernels = random_normals(row.geometry.kernels)
    layers = [row.with_kernels(kernels, seed=seed) for seed in (5, 5, 6)]
    first, same, other = (draws(layer, inputs, 2) for layer in layers)
    assert_array_equal(first, same)
    assert np.all(first[0] != first[1])
    assert np.all(first != other)


ANCESTORS = [pytest.param(row, id=row.name) for row in ROWS if row.ancestor]


@on("tensorflow")
@pytest.mark.parametrize("row", ANCESTORS)
def test_it_agrees_in_distribution_with_tensorflow_probability(row, rng):
    import tensorflow_probability as tfp

    geometry = row.geometry
    arguments = {
        **geometry.arguments,
        "kernel_posterior_fn": fixed_normal(*random_normal(geometry.kernel)),
        "bias_posterior_fn": fixed_value([0.5, -1.0]),
    }
    # Their dense layers take no positions.
    inputs = geometry.inputs(rng, 2)[:, 0] if geometry.rank == 0 else geometry.inputs(rng, 2)
    ours = draws(row.layer(**arguments), inputs, CALLS)
    theirs = draws(getattr(tfp.layers, row.ancestor)(**arguments), inputs, CALLS)
    assert_same_distribution(ours, theirs)
    # Jointly, too: between two output channels, two examples, and two positions.
    channels = [np.diff(samples, axis=-1) for samples in (ours, theirs)]
    assert_same_distribution(*channels)
    examples = [np.sum(samples, axis=1) for samples in (ours, theirs)]
    assert_same_distribution(*examples)
    # Their convolutions have no local reparameterization, which would tell positions apart.
    positions = [np.diff(samples, axis=2) for samples in (ours, theirs)]
    assert_same_distribution(*positions)
