"""Random numbers from a seed: exact, and faster than JAX's own on a CPU.

JAX draws normals by the inverse of the error function; these take the transform of Box and Muller.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from bayeslayers.backend.common import at_least_single
from bayeslayers.backend.jax.threefry import threefry

# Whatever generator JAX is configured to use: its keys may have another size than seeds.
_GENERATOR = "threefry2x32"
# The first words of counters. JAX's `fold_in` has 0 there: no seed that follows from a seed is made
# of bits of a draw from it.
_OF_NORMALS, _OF_ANGLES, _OF_SIGNS = np.uint32(1), np.uint32(2), np.uint32(3)
# The series of sin(x) / x in powers of x squared. What it leaves out is below 1e-9 for a quarter of
# a turn, which is less than the rounding of single precision.
_SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in (6, 5, 4, 3, 2, 1, 0))
_BITS_OF_A_WORD = 32


def as_key(seed: Any) -> Any:
    """Return a seed, two whole numbers of any dtype, as the two words that JAX's keys consist of.

    Functions of JAX, and distributions of its library, take them for a key.
    """
    return jnp.asarray(seed).astype(jnp.uint32)


def as_typed_key(seed: Any) -> Any:
    """Return a seed as one of JAX's keys of the generator that all noise here comes from."""
    return jax.random.wrap_key_data(as_key(seed), impl=_GENERATOR)


def standard_normal(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent standard normals: z = sqrt(-2 log u) cos v.

    With u uniform on (0, 1] and v uniform on [-pi, pi], z is normal (Box and Muller, 1958). So is
    the same with the sine; but to compute both, for half as many u and v, takes XLA as long.

    Args:
        shape: The shape of the draws.
        dtype: A float dtype; in less than single precision, draws are rounded ones of that.
        seed: Tensor of two whole numbers, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    dtype = jnp.dtype(dtype).name
    if not _is_known(shape):
        return jnp.zeros(shape, dtype)
    return _normal(tuple(map(int, shape)), dtype, as_key(seed))


def random_signs(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent signs, +1 or -1 with equal probability.

    Args:
        shape: The shape of the draws.
        dtype: A float dtype.
        seed: Tensor of two whole numbers, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    dtype = jnp.dtype(dtype).name
    if not _is_known(shape):
        return jnp.ones(shape, dtype)
    return _signs(tuple(map(int, shape)), dtype, as_key(seed))


def _is_known(shape: Any) -> bool:
    """Whether a shape has numbers alone: Keras asks what outputs are like for any batch size."""
    return not any(export.is_symbolic_dim(size) for size in shape)


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def _normal(shape: tuple[int, ...], dtype: str, key: Any) -> Any:
    precise = at_least_single(dtype)

    def draw(numbers: Any) -> Any:
        uniform, half_turns = _uniforms(numbers, precise, key)
        return jnp.sqrt(-2.0 * jnp.log(uniform)) * _cosine(half_turns)

    return _for_numbers(math.prod(shape), draw).reshape(shape).astype(dtype)


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def _signs(shape: tuple[int, ...], dtype: str, key: Any) -> Any:
    count = math.prod(shape)
    words = _for_numbers(
        -(-count // _BITS_OF_A_WORD), lambda numbers: threefry(key, _OF_SIGNS, numbers)[0]
    )
    # (32, words): what one bit of all words gives follows each other.
    bits = (words >> np.arange(_BITS_OF_A_WORD, dtype="uint32")[:, None]) & 1
    return (1 - 2 * bits.astype(jnp.int32)).reshape(-1)[:count].reshape(shape).astype(dtype)


def _for_numbers(count: int, function: Callable[[Any], Any]) -> Any:
    """Return what a function makes of the whole numbers below `count`, one by one.

    In two turns: what a loop computes, XLA keeps. All else it computes anew for everything that
    depends on it, on a CPU even behind a barrier: a sign for each position of a convolution.
    """
    half = -(-count // 2)
    numbers = lax.iota(jnp.uint32, half)
    halves = lax.map(lambda first: function(first + numbers), np.array([0, half], "uint32"))
    return halves.reshape(-1)[:count]


def _uniforms(numbers: Any, dtype: str, key: Any) -> tuple[Any, Any]:
    """Return numbers uniform on (0, 1], and on [-1, 1): from 31 and 32 bits each, or 63 and 64."""
    if dtype == "float64":
        words = (threefry(key, purpose, numbers) for purpose in (_OF_NORMALS, _OF_ANGLES))
        first, second = (
            high.astype(jnp.uint64) << _BITS_OF_A_WORD | low.astype(jnp.uint64)
            for high, low in words
        )
        signed, size = jnp.int64, 63
    else:
        first, second = threefry(key, _OF_NORMALS, numbers)
        signed, size = jnp.int32, 31
    # Whole numbers with a sign become floats in fewer steps.
    uniform = (first >> 1).astype(signed).astype(dtype) * 2.0**-size + 2.0 ** -(size + 1)
    return uniform, second.astype(signed).astype(dtype) * 2.0**-size


def _cosine(half_turns: Any) -> Any:
    """Return cos(pi x) for x from -1 to 1, to the precision of the dtype.

    XLA computes single-precision cosines one by one on a CPU; the series it takes as vectors.
    """
    if half_turns.dtype == jnp.float64:
        return jnp.cos(math.pi * half_turns)
    # cos(pi x) = sin(pi (1/2 - |x|)), of which the argument is an exact difference.
    angle = math.pi * (0.5 - jnp.abs(half_turns))
    square = angle * angle
    series = _SINE[0]
    for coefficient in _SINE[1:]:
        series = series * square + coefficient
    return angle * series
