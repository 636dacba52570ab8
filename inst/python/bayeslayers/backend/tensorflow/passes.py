"""What is computed of each weight, in as few passes over a large kernel as TensorFlow can take.

TensorFlow reads and writes all numbers once for each operation, XLA once for many. For few numbers
its call takes longer, and its compiler takes memory.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from bayeslayers.backend import in_keras_ops, series

# On a CPU, TensorFlow has XLA only under Linux.
_WORTH_COMPILING = 2**15 if sys.platform == "linux" else math.inf


def is_worth_compiling(count: int | None) -> bool:
    """Whether a function of so many numbers is faster in XLA, if it is known how many there are."""
    return count is not None and count >= _WORTH_COMPILING


@functools.cache
def compiled_for(function: Callable[..., Any], *known: Any) -> Any:
    """Return a function that XLA compiles, with the first arguments known.

    There is one for all that is known, as TensorFlow warns of functions that it traces often.
    """
    return tf.function(functools.partial(function, *known), jit_compile=True, autograph=False)


def _in_one_pass(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that XLA compiles where the last one is large."""

    # One for each shape and dtype, for the reason above.
    @functools.cache
    def compiled(*specifications: Any) -> Any:
        del specifications
        return tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: Any) -> Any:
        if not is_worth_compiling(tensors[-1].shape.num_elements()):
            return function(*tensors)
        return compiled(*map(_specification, tensors))(*tensors)

    return call


def _specification(tensor: Any) -> tuple[tuple[int, ...], tf.DType]:
    return tuple(tensor.shape), tensor.dtype


def softplus(values: Any) -> Any:
    """Return log(1 + exp(x)), to the precision of the dtype."""
    # Not by Keras alone, which leaves a variable of TensorFlow's as it is.
    values = tf.convert_to_tensor(ops.convert_to_tensor(values))
    is_precise = values.dtype in (tf.float32, tf.float64)
    if is_precise and is_worth_compiling(values.shape.num_elements()):
        return _softplus(values)
    return ops.softplus(values)


@tf.custom_gradient
def _softplus(values: Any) -> Any:
    return _softplus_value(values), lambda upstream: _softplus_gradient(upstream, values)


_softplus_value = _in_one_pass(series.softplus)


@_in_one_pass
def _softplus_gradient(upstream: Any, values: Any) -> Any:
    return upstream * tf.sigmoid(values)


@tf.custom_gradient
def kl_from_standard_normal(loc: Any, scale: Any) -> Any:
    """Return KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    Args:
        loc: Tensor of any shape.
        scale: Tensor of that shape and dtype.
    """
    return _kl_value(loc, scale), lambda upstream: _kl_gradient(upstream, loc, scale)


_kl_value = _in_one_pass(in_keras_ops.kl_value)
_kl_gradient = _in_one_pass(in_keras_ops.kl_gradient)


def scale_and_kl(loc: Any, untransformed: Any, smallest: float) -> tuple[Any, Any]:
    """Return a scale, and KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    For a large kernel the gradients of both take one pass, and none to add them.

    Args:
        loc: Tensor of any shape, in no less than single precision.
        untransformed: Tensor of that shape and dtype: the scale is softplus of it, plus `smallest`.
        smallest: What every scale is larger than.
    """
    # Not by Keras, which leaves a variable of TensorFlow's as it is.
    loc, untransformed = map(tf.convert_to_tensor, (loc, untransformed))
    if is_worth_compiling(untransformed.shape.num_elements()):
        return _scale_and_kl(smallest)(loc, untransformed)
    scale = smallest + ops.softplus(untransformed)
    return scale, kl_from_standard_normal(loc, scale)


@functools.cache
def _scale_and_kl(smallest: float) -> Callable[..., Any]:
    in_one_pass = _in_one_pass(lambda values: smallest + series.softplus(values))

    @tf.custom_gradient
    def call(loc: Any, untransformed: Any) -> Any:
        scale = in_one_pass(untransformed)

        def gradient(of_scale: Any, of_kl: Any) -> Any:
            return _gradient_of_both(of_scale, of_kl, loc, scale, untransformed)

        return (scale, _kl_value(loc, scale)), gradient

    return call


@_in_one_pass
def _gradient_of_both(
    of_scale: Any, of_kl: Any, loc: Any, scale: Any, untransformed: Any
) -> tuple[Any, Any]:
    of_loc, further = in_keras_ops.kl_gradient(of_kl, loc, scale)
    return of_loc, (of_scale + further) * tf.sigmoid(untransformed)
