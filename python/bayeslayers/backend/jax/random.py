"""Random numbers from a seed: exact, and faster than JAX's own on a CPU.

JAX draws normals by the inverse of the error function, one for each random number. These take
pairs of them through the transform of Box and Muller.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from bayeslayers.backend.common import at_least_single

# Whatever generator JAX is configured to use: its keys may have another size than seeds.
_GENERATOR = "threefry2x32"
# The series of sin(x) / x and cos(x) in powers of x squared. What they leave out is below 1e-9 for
# an eighth of a turn, which is less than the rounding of single precision.
_SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in (4, 3, 2, 1, 0))
_COSINE = tuple((-1) ** n / math.factorial(2 * n) for n in (5, 4, 3, 2, 1, 0))
# The dtype to draw in, its random bits as whole numbers without and with a sign, and their size
# without it.
_BITS = {
    "float32": (jnp.uint32, jnp.int32, 31),
    "float64": (jnp.uint64, jnp.int64, 63),
}


def as_key(seed: Any) -> Any:
    """Return a seed, two whole numbers of any dtype, as the two words that JAX's keys consist of.

    Functions of JAX, and distributions of its library, take them for a key.
    """
    return jnp.asarray(seed).astype(jnp.uint32)


def as_typed_key(seed: Any) -> Any:
    """Return a seed as one of JAX's keys of the generator that all noise here comes from."""
    return jax.random.wrap_key_data(as_key(seed), impl=_GENERATOR)


def standard_normal(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent standard normals: z = sqrt(-2 log u) (sin v, cos v).

    With u uniform on (0, 1] and v uniform on [-pi, pi], both coordinates are normal and independent
    (Box and Muller, 1958). Half of the draws come from the sine, half from the cosine.

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
    unsigned, signed, size = _BITS[precise]
    count = math.prod(shape)
    bits = _random_bits((2, (count + 1) // 2), unsigned, key)
    # Whole numbers with a sign become floats in fewer steps.
    u = (bits[0] >> 1).astype(signed).astype(precise) * 2.0**-size + 2.0 ** -(size + 1)
    half_turns = bits[1].astype(signed).astype(precise) * 2.0**-size
    radius = jnp.sqrt(-2.0 * jnp.log(u))
    pairs = jnp.concatenate([radius * side for side in _sine_and_cosine(half_turns)])
    return pairs[:count].reshape(shape).astype(dtype)


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def _signs(shape: tuple[int, ...], dtype: str, key: Any) -> Any:
    bits = _random_bits(shape, jnp.uint32, key)
    one = jnp.ones((), dtype)
    return jnp.where(bits >> 31 == 1, -one, one)


def _random_bits(shape: tuple[int, ...], dtype: Any, key: Any) -> Any:
    """Return whole numbers of which every bit is random."""
    return jax.random.bits(as_typed_key(key), shape, dtype)


def _sine_and_cosine(half_turns: Any) -> tuple[Any, Any]:
    """Return sin(pi x) and cos(pi x) for x from -1 to 1, to the precision of the dtype.

    XLA computes single-precision sines one by one on a CPU; the series it takes as vectors.
    """
    if half_turns.dtype == jnp.float64:
        angle = math.pi * half_turns
        return jnp.sin(angle), jnp.cos(angle)
    # The angle is a number of quarter turns, and a rest of at most an eighth: an exact difference.
    quarters = jnp.round(2.0 * half_turns)
    rest = math.pi * (half_turns - 0.5 * quarters)
    square = rest * rest
    sine, cosine = rest * _series(_SINE, square), _series(_COSINE, square)
    quarters = quarters.astype(jnp.int32) & 3
    is_odd = quarters & 1 == 1
    sine, cosine = jnp.where(is_odd, cosine, sine), jnp.where(is_odd, sine, cosine)
    in_third_or_fourth = quarters >= 2  # noqa: PLR2004
    in_second_or_third = (quarters == 1) | (quarters == 2)  # noqa: PLR2004
    sine = jnp.where(in_third_or_fourth, -sine, sine)
    return sine, jnp.where(in_second_or_third, -cosine, cosine)


def _series(coefficients: tuple[float, ...], x: Any) -> Any:
    """Return the polynomial with these coefficients, the highest power's first."""
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
