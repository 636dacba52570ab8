"""Functions as series: XLA computes its own ones number by number on a CPU, and these as vectors.

What a series leaves out is less than the rounding of single precision. Doubles have the functions
of Keras.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

# The series of sin(x) / x in powers of x squared. What it leaves out is below 1e-9 for a quarter of
# a turn.
_SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in (6, 5, 4, 3, 2, 1, 0))
# The series of artanh(x) / x in powers of x squared, for x up to a third: also below 1e-9.
_ARTANH = tuple(1.0 / (2 * n + 1) for n in range(8, -1, -1))


def softplus(values: Any) -> Any:
    """Return log(1 + exp(x)) of floats of at least single precision."""
    if _is_double(values):
        return ops.softplus(values)
    # log(1 + y) = 2 artanh(y / (2 + y))
    exponential = ops.exp(-ops.abs(values))
    ratio = exponential / (2.0 + exponential)
    return ops.maximum(values, 0.0) + 2.0 * ratio * polynomial(_ARTANH, ratio * ratio)


def cosine_and_sine(half_turns: Any) -> tuple[Any, Any]:
    """Return cos(pi x) and sin(pi x) for x from -1 to 1, of floats of at least single precision."""
    if _is_double(half_turns):
        angle = math.pi * half_turns
        return ops.cos(angle), ops.sin(angle)
    # cos(pi x) = sin(pi (1/2 - |x|)), of which the argument is an exact difference, as is that of
    # sin(pi |x|) = sin(pi (1 - |x|)).
    size = ops.abs(half_turns)
    cosine, sine = _sine(0.5 - size), _sine(ops.minimum(size, 1.0 - size))
    return cosine, ops.where(half_turns < 0, -sine, sine)


def _sine(half_turns: Any) -> Any:
    """Return sin(pi x) for x from -1/2 to 1/2."""
    angle = math.pi * half_turns
    return angle * polynomial(_SINE, angle * angle)


def polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Return the polynomial with these coefficients, the highest power's first."""
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _is_double(values: Any) -> bool:
    return keras.backend.standardize_dtype(values.dtype) == "float64"
