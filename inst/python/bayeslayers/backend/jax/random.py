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
from bayeslayers.backend.series import cosine_and_sine
from bayeslayers.backend.threefry import OF_ANGLES, OF_NORMALS, OF_SIGNS, threefry

# Whatever generator JAX is configured to use: its keys may have another size than seeds.
_GENERATOR = "threefry2x32"
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
    """Draw independent standard normals: z = sqrt(-2 log u) (cos v, sin v).

    With u uniform on (0, 1] and v uniform on [-pi, pi], both coordinates are normal and independent
    (Box and Muller, 1958). One draw is the first of a pair, the next its second.

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


def weight_noise(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw standard normals for a weight, as `standard_normal` does."""
    return standard_normal(shape, dtype, seed)


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
    count, precise = math.prod(shape), at_least_single(dtype)

    def pair(numbers: Any) -> tuple[Any, Any]:
        uniform, half_turns = _uniforms(numbers, precise, key)
        radius = jnp.sqrt(-2.0 * jnp.log(uniform))
        cosine, sine = cosine_and_sine(half_turns)
        return radius * cosine, radius * sine

    def in_pairs() -> Any:
        # As one complex number: of two results XLA computes each from the start.
        pairs = _in_two_turns(-(-count // 2), lambda numbers: lax.complex(*pair(numbers)))
        return jnp.stack([pairs.real, pairs.imag], axis=-1).reshape(-1)[:count]

    def one_by_one() -> Any:
        numbers = lax.iota(jnp.uint32, count)
        cosine, sine = pair(numbers >> 1)
        return jnp.where(numbers & 1 == 0, cosine, sine)

    draws = lax.platform_dependent(cpu=in_pairs, default=one_by_one)
    return draws.reshape(shape).astype(dtype)


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def _signs(shape: tuple[int, ...], dtype: str, key: Any) -> Any:
    count = math.prod(shape)
    words = _for_numbers(
        -(-count // _BITS_OF_A_WORD), lambda numbers: _words(key, OF_SIGNS, numbers)[0]
    )
    # (32, words): what one bit of all words gives follows each other.
    bits = (words >> np.arange(_BITS_OF_A_WORD, dtype="uint32")[:, None]) & 1
    return (1 - 2 * bits.astype(jnp.int32)).reshape(-1)[:count].reshape(shape).astype(dtype)


def _for_numbers(count: int, function: Callable[[Any], Any]) -> Any:
    """Return what a function makes of the whole numbers below `count`, one by one."""
    return lax.platform_dependent(
        cpu=lambda: _in_two_turns(count, function),
        default=lambda: function(lax.iota(jnp.uint32, count)),
    )


def _in_two_turns(count: int, function: Callable[[Any], Any]) -> Any:
    """Return what a function makes of the whole numbers below `count`, on a CPU.

    What a loop computes, XLA keeps. All else it computes anew on a CPU for everything that depends
    on it, even behind a barrier: a sign for each position of a convolution. On a GPU a loop takes
    longer than the numbers.
    """
    half = -(-count // 2)
    numbers = lax.iota(jnp.uint32, half)
    halves = lax.map(lambda first: function(first + numbers), np.array([0, half], "uint32"))
    return halves.reshape(-1)[:count]


def _uniforms(numbers: Any, dtype: str, key: Any) -> tuple[Any, Any]:
    """Return numbers uniform on (0, 1], and on [-1, 1): from 31 and 32 bits each, or 63 and 64."""
    if dtype == "float64":
        words = (_words(key, purpose, numbers) for purpose in (OF_NORMALS, OF_ANGLES))
        first, second = (
            high.astype(jnp.uint64) << _BITS_OF_A_WORD | low.astype(jnp.uint64)
            for high, low in words
        )
        signed, size = jnp.int64, 63
    else:
        first, second = _words(key, OF_NORMALS, numbers)
        signed, size = jnp.int32, 31
    # Whole numbers with a sign become floats in fewer steps.
    uniform = (first >> 1).astype(signed).astype(dtype) * 2.0**-size + 2.0 ** -(size + 1)
    return uniform, second.astype(signed).astype(dtype) * 2.0**-size


def _words(key: Any, purpose: np.uint32, numbers: Any) -> tuple[Any, Any]:
    """Return two random words for each number."""
    return threefry(key, purpose, numbers, _rotated)


def _rotated(words: Any, bits: int) -> Any:
    """Return words of which the first bits have become the last ones."""
    return (words << np.uint32(bits)) | (words >> np.uint32(_BITS_OF_A_WORD - bits))
