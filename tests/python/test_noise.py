"""Normals and signs from seeds: their distribution, their independence, their repeatability."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, compiled, numpy_of, on
from keras import ops
from scipy import stats
from statistical import ERROR_RATE

from bayeslayers.backend import random_signs, standard_normal, weight_noise
from bayeslayers.backend.threefry import OF_NORMALS, threefry

DTYPES = ["float32", "float64"]
DRAWS = [standard_normal, weight_noise]
SIZES = [999, 200_001]  # drawn as they are, and compiled


def seed_of(*numbers):
    return ops.convert_to_tensor(numbers, "int32")


def normals(count, seed=(3, 4), dtype="float32", draw=standard_normal):
    return numpy_of(draw((count,), dtype, seed_of(*seed)))


def rotated(words, bits):
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))


def transformed(first, second):
    """Box and Muller in NumPy, in double precision, from two words of 32 bits for each pair.

    The uniform numbers are rounded to single precision, as they are drawn: close to 1 the radius
    follows from their last digits.
    """
    u = (first >> 1).astype("float32") * np.float32(2.0**-31) + np.float32(2.0**-32)
    angle = np.pi * second.view("int32").astype("float64") * 2.0**-31
    radius = np.sqrt(-2 * np.log(u.astype("float64")))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).ravel()


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_draws_are_standard_normal(size, dtype, draw):
    """Kolmogorov-Smirnov, over all draws and over the tail: each fails once in a million seeds."""
    draws = normals(size, dtype=dtype, draw=draw)
    assert draws.dtype == dtype
    assert stats.kstest(draws, "norm").pvalue > ERROR_RATE
    tail = draws[np.abs(draws) > 1.5]
    assert stats.kstest(stats.norm.sf(np.abs(tail)) / stats.norm.sf(1.5), "uniform").pvalue > 1e-6


@pytest.mark.parametrize("draw", DRAWS)
def test_far_tails_are_as_frequent_as_they_should_be(draw):
    """Four million draws: binomial counts beyond 4 and 4.5 standard deviations, exact."""
    draws = np.concatenate([normals(10**6, (5, i), draw=draw) for i in range(4)])
    for limit in (4.0, 4.5):
        count = int(np.sum(np.abs(draws) > limit))
        expected = stats.binom(len(draws), 2 * stats.norm.sf(limit))
        assert expected.ppf(ERROR_RATE / 4) <= count <= expected.isf(ERROR_RATE / 4)


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_of_one_call_and_of_neighbouring_seeds_are_independent(draw):
    """Correlations of draws and of their squares, at the distance of a pair and at others."""
    size = 200_000
    draws, other = (normals(size, seed, draw=draw) for seed in ((3, 4), (3, 5)))
    half = size // 2
    pairs = [(draws[:half], draws[half:]), (draws[:-1], draws[1:]), (draws[:-7], draws[7:])]
    pairs.append((draws[::2], draws[1::2]))
    for first, second in [*pairs, (draws, other)]:
        for one, two in ((first, second), (first**2, second**2)):
            z = np.corrcoef(one, two)[0, 1] * np.sqrt(len(one))
            # Asymptotically standard normal; ten comparisons.
            assert abs(z) < stats.norm.isf(ERROR_RATE / 20)


@on("tensorflow")
def test_the_radius_and_the_angle_of_a_pair_are_those_of_the_transform():
    """Box and Muller in NumPy, from the same bits, in double precision."""
    import tensorflow as tf

    count, seed = 50_000, tf.constant([3, 4])
    key = tf.bitcast(tf.reshape(seed, [1, 2]), tf.uint64)
    bits = numpy_of(
        tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[2, count // 2], key=key, counter=tf.zeros([2], tf.uint64), alg=1, dtype=tf.int32
        )
    )
    u = (bits[0] & 0x7FFFFFFF) * 2.0**-31 + 2.0**-32
    angle = np.pi * bits[1].astype("float64") * 2.0**-31
    expected = np.sqrt(-2 * np.log(u)) * np.stack([np.sin(angle), np.cos(angle)])
    assert_allclose(normals(count), expected.ravel(), rtol=1e-4, atol=2e-6)


@on("jax")
def test_the_radius_and_the_angle_are_those_of_the_transform():
    """Box and Muller in NumPy, from the bits of JAX's own generator."""
    from jax.extend.random import threefry_2x32

    count, seed = 50_000, seed_of(3, 4)
    # Of an array JAX encrypts each number of the first half with its partner of the second.
    counters = np.concatenate([np.full(count // 2, 1), np.arange(count // 2)]).astype("uint32")
    first, second = np.split(np.asarray(threefry_2x32(seed.astype("uint32"), counters)), 2)
    expected = transformed(first, second)
    assert_allclose(normals(count), expected, rtol=1e-4, atol=2e-6)


@on("tensorflow", "jax")
def test_a_large_weight_has_the_same_draws_on_both_backends():
    """From words in NumPy of a generator that gives the known answers, below."""
    count, seed = 50_000, np.array([2**31 - 1, 4], "uint32")
    with np.errstate(over="ignore"):
        words = threefry(seed, OF_NORMALS, np.arange(count // 2, dtype="uint32"), rotated)
    draws = normals(count, (2**31 - 1, 4), draw=weight_noise)
    assert_allclose(draws, transformed(*words), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("size", SIZES)
def test_a_seed_gives_the_same_draws_in_every_mode(size, draw):
    eager = normals(size, draw=draw)
    assert_array_equal(normals(size, draw=draw), eager)
    assert np.mean(normals(size, (3, 5), draw=draw) == eager) < 0.01
    for jit_compile in (False, True):
        call = compiled(lambda seed: draw((size,), "float32", seed), jit_compile)
        assert_allclose(call(seed_of(3, 4)), eager, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("size", [1000, 50_000])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_less_precise_draws_are_rounded_ones(dtype, size, draw):
    draws = draw((size,), dtype, seed_of(3, 4))
    assert keras.backend.standardize_dtype(draws.dtype) == dtype
    assert_array_equal(draws, ops.cast(normals(size, draw=draw), dtype))


def test_shapes_may_be_anything():
    for shape in ((), (0,), (1,), (3, 5), (2, 0, 4)):
        assert standard_normal(shape, "float32", seed_of(1, 2)).shape == shape

    def like(x):
        return standard_normal(ops.shape(x), "float32", seed_of(1, 2))

    assert compiled(like)(np.zeros((3, 5))).shape == (3, 5)


def test_signs_are_fair_and_independent():
    signs = numpy_of(random_signs((1000, 32), "float32", seed_of(7, 8)))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    low, high = stats.binom.ppf([ERROR_RATE / 2, 1 - ERROR_RATE / 2], signs.size, 0.5)
    assert low <= np.sum(signs > 0) <= high
    products = signs[:, 1:] * signs[:, :-1]
    low, high = stats.binom.ppf([ERROR_RATE / 2, 1 - ERROR_RATE / 2], products.size, 0.5)
    assert low <= np.sum(products > 0) <= high


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers(counter, key, words):
    """Those of the authors' library Random123, for 20 rounds."""
    found = threefry(np.array(key, "uint32"), *np.array(counter, "uint32")[:, None], rotated)
    assert tuple(int(word[0]) for word in found) == words


@on("tensorflow")
def test_draws_of_a_large_weight_without_a_loop_are_the_same(monkeypatch):
    """As on a GPU, where a loop takes longer than the numbers."""
    import tensorflow as tf

    from bayeslayers.backend.tensorflow import random

    monkeypatch.setattr(random, "has_gpu", lambda: True)
    draw = tf.function(random._draw_by_threefry, jit_compile=True)
    for count in (50_003, 50_004):
        in_a_loop = normals(count, draw=weight_noise)
        assert_allclose(draw(count, tf.float32, seed_of(3, 4)), in_a_loop, rtol=1e-4, atol=2e-6)
