"""The default posterior and prior in closed form, without TensorFlow Probability's own arithmetic.

The numbers are those of its distributions; what differs is what they cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from bayeslayers.backend.tensorflow.operations import at_least_single


def smallest_scale(dtype: Any) -> Any:
    """Return what every scale is larger than: the smallest step from 1 in its dtype."""
    # Not `np.finfo`, which does not know bfloat16.
    return np.spacing(np.ones((), tf.as_dtype(dtype).as_numpy_dtype))


def scale_of(untransformed: Any) -> Any:
    """Return the positive scale: the smallest step from 1, plus softplus.

    Args:
        untransformed: Tensor or variable, of any shape.
    """
    return smallest_scale(untransformed.dtype) + tf.math.softplus(untransformed)


def untransformed_of(scale: np.ndarray, dtype: Any) -> np.ndarray:
    """Return what `scale_of` makes this scale of, or the smallest one where it is too small.

    The smallest one is a thousandth above the limit, at which nothing would ever train.

    Args:
        scale: Standard deviations, from 0 on, of any shape.
        dtype: The dtype of the variable that they are meant for.
    """
    smallest = float(smallest_scale(dtype))
    scale = np.asarray(scale, "float64")
    softplus = np.maximum(scale - smallest, smallest / 1000)
    # log(exp(s) - 1), which neither loses the digits of a small s nor overflows at a large one.
    return softplus + np.log(-np.expm1(-softplus))


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
    return _divergence(tf.cast(loc, dtype), tf.cast(scale, dtype))


@tf.custom_gradient
def _divergence(loc: Any, scale: Any) -> Any:
    """Return the divergence, whose gradient takes fewer passes than the automatic one."""
    # One sum over all, which XLA makes one pass of.
    total = tf.reduce_sum(0.5 * (loc * loc + scale * scale - 1.0) - tf.math.log(scale))

    def gradient(upstream: Any) -> tuple[Any, Any]:
        return upstream * loc, upstream * (scale - 1.0 / scale)

    return total, gradient
