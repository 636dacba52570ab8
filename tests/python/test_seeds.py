"""Randomness: repeatable to the bit when it is asked for, and never shared when it is not."""

import keras
import numpy as np
import pytest
from frameworks import JIT_COMPILE, assert_array_equal, numpy_of
from keras import ops
from models import conv
from oracles import convolve
from posteriors import fixed_normal
from statistical import assert_fair_signs, draws

from bayeslayers import layer_conv_1d_flipout, layer_dense_reparameterization
from bayeslayers.backend import SeedStream, random_signs, standard_normal
from bayeslayers.layers import default_mean_field_normal_fn


def start(layer, inputs):
    """Return the weights that a layer starts from, and its first two outputs."""
    first, second = numpy_of(layer(inputs)), numpy_of(layer(inputs))
    return [*layer.get_weights(), first, second]


def equal(first, second):
    return [np.array_equal(a, b) for a, b in zip(first, second, strict=True)]


def test_two_layers_start_from_different_draws(inputs):
    bias = {"bias_posterior_fn": default_mean_field_normal_fn()}
    first, second = start(conv(**bias), inputs), start(conv(**bias), inputs)
    assert not any(equal(first, second))


def test_one_maker_serves_two_layers_without_tying_them(inputs):
    maker = default_mean_field_normal_fn(loc_initializer=keras.initializers.RandomNormal())
    assert not any(
        equal(*[numpy_of(conv(kernel_posterior_fn=maker)(inputs))[None] for _ in range(2)])
    )


def test_the_variables_of_one_layer_start_from_different_draws():
    layer = conv(bias_posterior_fn=default_mean_field_normal_fn(), seed=1)
    layer.build((None, 10, 3))
    kernel_loc, kernel_scale, bias_loc, bias_scale = layer.get_weights()
    assert np.abs(kernel_loc - (kernel_scale + 3)).max() > 0.01
    assert np.abs(bias_loc - (bias_scale + 3)).max() > 0.01
    assert np.abs(kernel_loc.ravel()[:4] - bias_loc).max() > 0.01


def test_an_initializer_with_a_seed_keeps_it():
    maker = default_mean_field_normal_fn(loc_initializer=keras.initializers.RandomNormal(seed=3))
    layers = [conv(kernel_posterior_fn=maker, seed=seed) for seed in (1, 2)]
    for layer in layers:
        layer.build((None, 10, 3))
    assert_array_equal(*[layer.get_weights()[0] for layer in layers])


def test_the_same_seed_gives_the_same_bits(inputs):
    assert all(equal(start(conv(seed=5), inputs), start(conv(seed=5), inputs)))


def test_another_seed_gives_others(inputs):
    bias = {"bias_posterior_fn": default_mean_field_normal_fn()}
    first, second = start(conv(seed=5, **bias), inputs), start(conv(seed=6, **bias), inputs)
    assert not any(equal(first, second))


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_every_seed_in_the_range_works(seed, inputs):
    assert np.all(np.isfinite(numpy_of(conv(seed=seed)(inputs))))


def test_every_call_is_a_new_draw(inputs):
    layer = conv()
    outputs = [numpy_of(layer(inputs)) for _ in range(3)]
    assert np.all(outputs[0] != outputs[1])
    assert np.all(outputs[1] != outputs[2])


def test_a_global_seed_fixes_layers_without_one(inputs):
    results = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        results.append(start(conv(), inputs))
    assert all(equal(results[0], results[1]))
    assert not np.array_equal(results[0][0], results[2][0])
    assert not np.array_equal(results[0][-1], results[2][-1])


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_a_global_seed_makes_training_repeatable_to_the_bit(jit_compile, inputs):
    def train():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((10, 3)), conv()])
        model.compile("adam", "mse", jit_compile=jit_compile)
        history = model.fit(inputs, np.ones((4, 8, 4)), batch_size=2, epochs=3, verbose=0)
        return [*model.get_weights(), history.history["loss"], model.predict(inputs, verbose=0)]

    assert all(equal(train(), train()))


def test_two_layers_share_no_noise(inputs):
    layers = [
        conv(kernel_posterior_fn=fixed_normal(0.0, 1.0), bias_posterior_fn=None) for _ in range(2)
    ]
    first, second = (draws(layer, inputs[:1], 400) for layer in layers)
    assert np.all(np.abs(first) != np.abs(second))
    assert_fair_signs(first * second)


def test_kernel_and_bias_share_no_noise():
    layer = layer_conv_1d_flipout(
        filters=1,
        kernel_size=1,
        kernel_posterior_fn=fixed_normal(0.0, 1.0),
        bias_posterior_fn=fixed_normal(0.0, 1.0),
    )
    # The first position shows the bias alone, the second adds the kernel.
    inputs = np.array([[[0.0], [1.0]]], "float32")
    outputs = draws(layer, inputs, 400)
    bias, kernel = outputs[:, 0, 0], outputs[:, 0, 1] - outputs[:, 0, 0]
    assert_fair_signs(bias * kernel)
    # Nor do they shadow each other in size, within a call or from one call to the next. Under
    # independence the median of the difference is near 0.5; 0.1 is never seen in 400 draws.
    for first, second in [(bias, kernel), (bias[:-1], kernel[1:]), (kernel[:-1], bias[1:])]:
        assert np.median(np.abs(np.abs(first) - np.abs(second))) > 0.1


def test_restoring_the_state_of_the_generator_repeats_a_draw(inputs):
    layer = conv()
    layer(inputs)
    state = numpy_of(layer.seed_generator.state)
    first = numpy_of(layer(inputs))
    layer.seed_generator.state.assign(state)
    assert_array_equal(layer(inputs), first)


def test_noise_has_the_size_of_the_posterior_under_any_global_seed(inputs):
    # Guards the tests above against a layer without noise.
    layer = conv(kernel_posterior_fn=fixed_normal(0.0, 1.0), bias_posterior_fn=None)
    expected = np.sqrt(convolve(inputs**2, np.ones((3, 3, 4), "float32")))
    ratio = np.abs(numpy_of(layer(inputs))) / expected
    assert 0.1 < np.median(ratio) < 2


def test_streams_of_neighbouring_seeds_never_meet():
    """Keras's generators do on PyTorch: the second seed of 5 is there the first one of 6."""
    seeds = [
        stream.next() for stream in map(SeedStream, [*range(20), 2**31 - 1]) for _ in range(20)
    ]
    draws = [numpy_of(standard_normal((4,), "float32", seed)) for seed in seeds]
    signs = [numpy_of(random_signs((64,), "float32", seed)) for seed in seeds]
    # What is drawn, too: two seeds may be two names of one generator's state.
    for values in (numpy_of(seeds), draws, signs):
        assert len({tuple(value) for value in values}) == len(seeds) == 420


def test_layers_never_meet_under_neighbouring_seeds():
    """The first draw of a layer, or of its bias, is no later one of another, or of the kernel."""
    seen = []

    def keep(q, p, sample):
        seen.append(float(ops.sum(sample)))
        return 0.0

    weights = {}
    for role in ("kernel", "bias"):
        weights[f"{role}_posterior_fn"] = fixed_normal(0.0, 1.0)
        weights[f"{role}_prior_fn"] = fixed_normal(0.0, 1.0)
        weights[f"{role}_divergence_fn"] = keep
    for seed in range(4):
        keras.utils.set_random_seed(seed)
        for own in (None, None, 100 + seed):
            layer = layer_dense_reparameterization(units=1, seed=own, **weights)
            # A function of a user's is looked at when a layer is built, with a draw for nothing.
            looked_at = len(seen)
            layer.build((1, 3))
            del seen[looked_at:]
            for _ in range(10):
                layer(np.ones((1, 3), "float32"))
    assert len(set(seen)) == len(seen) == 4 * 3 * 10 * 2
