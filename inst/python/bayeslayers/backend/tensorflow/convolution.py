"""Convolution whose gradient of the kernel is a convolution itself, faster than TensorFlow's op."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from bayeslayers.backend import in_keras_ops
from bayeslayers.backend.common import Sliding, at_least_single, zeros_around
from bayeslayers.backend.tensorflow.operations import has_gpu

_MOST_DIMENSIONS = 2


def conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the convolution; see `in_keras_ops.conv`."""
    if max(*sliding.strides, *sliding.dilation_rate) == 1 and _has_faster_gradient(inputs, kernel):
        return _with_faster_gradient(inputs, kernel, sliding.padding.upper())
    return in_keras_ops.conv(inputs, kernel, sliding)


def _has_faster_gradient(inputs: Any, kernel: Any) -> bool:
    """Whether a convolution of one group, with the window at each position, is such a one."""
    if not (tf.is_tensor(inputs) and tf.is_tensor(kernel)):
        return False
    *window, channels, _ = kernel.shape
    # A window of one position is a matrix product.
    has_kind = len(window) <= _MOST_DIMENSIONS and math.prod(window) > 1
    is_precise = inputs.dtype == kernel.dtype == at_least_single(inputs.dtype)
    return has_kind and is_precise and channels == inputs.shape[-1] and not has_gpu()


def _with_faster_gradient(inputs: Any, kernel: Any, padding: str) -> Any:
    @tf.custom_gradient
    def convolved(inputs: Any, kernel: Any) -> Any:
        def gradient(upstream: Any) -> tuple[Any, Any]:
            # In a graph, the one that is not asked for is not computed.
            of_inputs = tf.nn.conv_transpose(
                upstream, kernel, tf.shape(inputs), strides=1, padding=padding
            )
            return of_inputs, _gradient_of_kernel(inputs, kernel, upstream, padding)

        return tf.nn.convolution(inputs, kernel, padding=padding), gradient

    return convolved(inputs, kernel)


def _gradient_of_kernel(inputs: Any, kernel: Any, upstream: Any, padding: str) -> Any:
    """Return the sum over examples and positions of inputs times gradient, for each place."""
    window = kernel.shape[:-2]
    if padding == "SAME":
        # At a stride of 1 their number does not depend on that of the positions.
        around = [zeros_around(1, 1, width, 1) for width in window]
        inputs = tf.pad(inputs, [(0, 0), *around, (0, 0)])
    if inputs.shape[0]:
        return _correlation(inputs, upstream)
    # A replica that is left without examples has a gradient, too.
    if inputs.shape[0] == 0:
        return tf.zeros_like(kernel)
    return tf.cond(
        tf.shape(inputs)[0] > 0,
        lambda: _correlation(inputs, upstream),
        lambda: tf.zeros_like(kernel),
    )


def _correlation(inputs: Any, upstream: Any) -> Any:
    """Return that sum by a convolution.

    Its channels are the examples, its window is all of the outputs' positions, and its positions
    are the places in the kernel's window.
    """
    batch, *positions, channels = range(inputs.shape.rank)
    # (channels, positions..., batch), (outputs' positions..., batch, filters)
    inputs = tf.transpose(inputs, (channels, *positions, batch))
    upstream = tf.transpose(upstream, (*positions, batch, channels))
    # (channels, window..., filters)
    found = tf.nn.convolution(inputs, upstream, padding="VALID")
    return tf.transpose(found, (*positions, batch, channels))
