"""The default posterior and prior in closed form, without a library of distributions.

The numbers are those of its distributions; what differs is what they cost.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import (
    at_least_single,
    cast,
    kl_from_standard_normal,
    scale_and_kl,
    softplus,
)

# How many binary digits the numbers of a dtype have behind the point. `np.finfo` does not know all.
_BINARY_DIGITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


@functools.cache
def smallest_scale(dtype: Any) -> float:
    """Return what every scale is larger than: the smallest step from 1 in its dtype."""
    return 2.0 ** -_BINARY_DIGITS[keras.backend.standardize_dtype(dtype)]


def scale_of(untransformed: Any) -> Any:
    """Return the positive scale: the smallest step from 1, plus softplus.

    Args:
        untransformed: Tensor or variable, of any shape.
    """
    return smallest_scale(untransformed.dtype) + softplus(untransformed)


def scale_and_divergence(loc: Any, untransformed: Any) -> tuple[Any, Any]:
    """Return the scale, and the divergence from Normal(0, 1), with their gradients in fewer passes.

    Args:
        loc: Tensor or variable, of any shape.
        untransformed: Tensor or variable of that shape.

    Returns:
        What `scale_of` and `divergence_from_standard_normal` return.
    """
    dtype = keras.backend.standardize_dtype(untransformed.dtype)
    if at_least_single(dtype) != dtype:
        scale = scale_of(untransformed)
        return scale, divergence_from_standard_normal(loc, scale)
    return scale_and_kl(cast(loc, dtype), untransformed, smallest_scale(dtype))


def untransformed_of(scale: np.ndarray, dtype: Any) -> np.ndarray:
    """Return what `scale_of` makes this scale of, or the smallest one where it is too small.

    The smallest one is a thousandth above the limit, at which nothing would ever train.

    Args:
        scale: Standard deviations, from 0 on, of any shape.
        dtype: The dtype of the variable that they are meant for.
    """
    smallest = smallest_scale(dtype)
    scale = np.asarray(scale, "float64")
    above = np.maximum(scale - smallest, smallest / 1000)
    # log(exp(s) - 1), which neither loses the digits of a small s nor overflows at a large one.
    return above + np.log(-np.expm1(-above))


def divergence_from_standard_normal(loc: Any, scale: Any) -> Any:
    """Return KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    KL = sum of (loc^2 + scale^2 - 1) / 2 - log(scale)

    Args:
        loc: Tensor or variable, of any shape.
        scale: Tensor of that shape.

    Returns:
        A scalar in no less than single precision: the sum over a kernel soon leaves float16.
    """
    dtype = at_least_single(scale.dtype)
    return kl_from_standard_normal(cast(loc, dtype), cast(scale, dtype))
