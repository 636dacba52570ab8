"""Random numbers from a seed: exact, fast, and the same inside XLA as outside it.

TensorFlow's own normals are drawn one by one outside XLA, and from another, slower generator inside
it. These take whole vectors through Philox and the transform of Box and Muller.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import tensorflow as tf

from bayeslayers.backend.common import at_least_single
from bayeslayers.backend.series import cosine_and_sine
from bayeslayers.backend.tensorflow.operations import has_gpu
from bayeslayers.backend.tensorflow.passes import compiled_for, is_worth_compiling
from bayeslayers.backend.threefry import OF_ANGLES, OF_NORMALS, threefry

_PHILOX = 1
# The dtype to draw in, and how many random bits it takes, without a sign.
_BITS = {tf.float32: (tf.int32, 31), tf.float64: (tf.int64, 63)}
_COMPLEX = {tf.float32: tf.complex64, tf.float64: tf.complex128}


def standard_normal(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent standard normals: z = sqrt(-2 log u) (sin v, cos v).

    With u uniform on (0, 1] and v uniform on [-pi, pi], both coordinates are normal and independent
    (Box and Muller, 1958). Half of the draws come from the sine, half from the cosine.

    Args:
        shape: The shape of the draws; sizes may be tensors.
        dtype: A float dtype; in less than single precision, draws are rounded ones of that.
        seed: Tensor of two int32, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    dtype = tf.as_dtype(dtype)
    precise = tf.as_dtype(at_least_single(dtype))
    count = _product(shape)
    if isinstance(count, int) and is_worth_compiling(count):
        draws = compiled_for(_draw, count, precise)(seed)
    elif tf.executing_eagerly():
        draws = _in_one_call(precise)(count, seed)
    else:
        draws = _draw(count, precise, seed)
    return tf.cast(tf.reshape(draws, shape), dtype)


def weight_noise(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw standard normals for a weight, of which the shape is the same in every call.

    Large weights are drawn from the generator that is the fastest in XLA. That of all other draws
    is fast outside of it as well, where the number of examples is not known.

    Args:
        shape: The shape of the weight.
        dtype: A float dtype; in less than single precision, draws are rounded ones of that.
        seed: Tensor of two int32, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    count = _product(shape)
    if not (isinstance(count, int) and is_worth_compiling(count)):
        return standard_normal(shape, dtype, seed)
    dtype = tf.as_dtype(dtype)
    draws = compiled_for(_draw_by_threefry, count, tf.as_dtype(at_least_single(dtype)))(seed)
    return tf.cast(tf.reshape(draws, shape), dtype)


def _draw_by_threefry(count: int, precise: tf.DType, seed: Any) -> Any:
    """Return a vector of standard normals: z = sqrt(-2 log u) (cos v, sin v).

    One draw is the first of a pair, the next its second. On a CPU in a loop of two turns, and as
    complex numbers: what a loop computes, XLA keeps, and two results it computes from the start
    each. On a GPU a loop takes longer than the numbers.
    """
    if has_gpu():
        numbers = tf.cast(tf.range(count), tf.uint32)
        one = tf.constant(1, tf.uint32)
        cosine, sine = _pair(precise, seed, tf.bitwise.right_shift(numbers, one))
        return tf.where(tf.equal(numbers & one, 0), cosine, sine)
    turn = -(-count // 4)
    numbers = tf.cast(tf.range(turn), tf.uint32)
    pairs = tf.map_fn(
        lambda first: tf.complex(*_pair(precise, seed, first + numbers)),
        tf.constant([0, turn], tf.uint32),
        fn_output_signature=_COMPLEX[precise],
    )
    coordinates = tf.stack([tf.math.real(pairs), tf.math.imag(pairs)], axis=-1)
    return tf.reshape(coordinates, [-1])[:count]


def _pair(precise: tf.DType, seed: Any, numbers: Any) -> tuple[Any, Any]:
    """Return two independent normals for each number."""
    key = tf.bitcast(tf.cast(seed, tf.int32), tf.uint32)
    integers, size = _BITS[precise]
    if precise == tf.float64:
        first, second = (_long_words(key, purpose, numbers) for purpose in (OF_NORMALS, OF_ANGLES))
    else:
        first, second = _words(key, OF_NORMALS, numbers)
    # Whole numbers with a sign become floats in fewer steps.
    unsigned = tf.bitcast(tf.bitwise.right_shift(first, tf.ones([], first.dtype)), integers)
    u = tf.cast(unsigned, precise) * 2.0**-size + 2.0 ** -(size + 1)
    half_turns = tf.cast(tf.bitcast(second, integers), precise) * 2.0**-size
    radius = tf.sqrt(-2.0 * tf.math.log(u))
    cosine, sine = cosine_and_sine(half_turns)
    return radius * cosine, radius * sine


def _words(key: Any, purpose: Any, numbers: Any) -> tuple[Any, Any]:
    """Return two random words for each number."""
    return threefry(key, tf.constant(purpose), numbers, _rotated)


def _long_words(key: Any, purpose: Any, numbers: Any) -> Any:
    """Return a random word of 64 bits for each number."""
    high, low = (tf.cast(word, tf.uint64) for word in _words(key, purpose, numbers))
    return tf.bitwise.left_shift(high, tf.constant(32, tf.uint64)) | low


def _rotated(words: Any, bits: int) -> Any:
    """Return words of which the first bits have become the last ones."""
    left, right = (tf.constant(by, tf.uint32) for by in (bits, 32 - bits))
    return tf.bitwise.left_shift(words, left) | tf.bitwise.right_shift(words, right)


@functools.cache
def _in_one_call(precise: tf.DType) -> Any:
    """Return `_draw` as one function, as twenty operations called from Python take longer."""

    def draw(count: Any, seed: Any) -> Any:
        return _draw(count, precise, seed)

    specifications = [tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)]
    return tf.function(draw, specifications, autograph=False)


def _draw(count: Any, precise: tf.DType, seed: Any) -> Any:
    """Return a vector of standard normals."""
    integers, size = _BITS[precise]
    bits = _random_bits([2, (count + 1) // 2], integers, seed)
    unsigned = tf.bitwise.bitwise_and(bits[0], integers.max)
    u = tf.cast(unsigned, precise) * 2.0**-size + 2.0 ** -(size + 1)
    half_turns = tf.cast(bits[1], precise) * 2.0**-size
    radius = tf.sqrt(-2.0 * tf.math.log(u))
    cosine, sine = cosine_and_sine(half_turns)
    return tf.concat([radius * sine, radius * cosine], axis=0)[:count]


def random_signs(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent signs, +1 or -1 with equal probability.

    Args:
        shape: The shape of the draws; sizes may be tensors.
        dtype: A float dtype.
        seed: Tensor of two int32, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    bits = _random_bits(shape, tf.int32, seed)
    one = tf.ones([], dtype)
    return tf.where(bits < 0, -one, one)


def _product(shape: Any) -> Any:
    """Return how many entries a shape has: a number where it is known, else a tensor."""
    if isinstance(shape, (tuple, tf.TensorShape)) and all(isinstance(size, int) for size in shape):
        return math.prod(shape)
    sizes = tf.convert_to_tensor(shape, tf.int32)
    known = tf.get_static_value(sizes)
    return tf.reduce_prod(sizes) if known is None else math.prod(known.tolist())


def _random_bits(shape: Any, integers: tf.DType, seed: Any) -> Any:
    """Return integers of which every bit is random."""
    key = tf.bitcast(tf.reshape(tf.cast(seed, tf.int32), [1, 2]), tf.uint64)
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, key=key, counter=tf.zeros([2], tf.uint64), alg=_PHILOX, dtype=integers
    )
