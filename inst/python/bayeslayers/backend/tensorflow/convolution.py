"""Convolutions, where TensorFlow's own are slow or wrong.

The gradient of the kernel is a convolution itself, which is faster than TensorFlow's operation.

In three dimensions, with the padding "same", the kernel for a CPU takes a negative number of zeros
where the last window ends before the last position, and starts all windows behind the first one:
it does where the stride is above the window's size by 2 or more. Its gradients are right.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from bayeslayers.backend import in_keras_ops
from bayeslayers.backend.common import Sliding, at_least_single, zeros_around
from bayeslayers.backend.tensorflow.operations import has_gpu

_MOST_DIMENSIONS = 2
_SPACE = 3  # dimensions


def conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the convolution; see `in_keras_ops.conv`."""
    if max(*sliding.strides, *sliding.dilation_rate) == 1 and _has_faster_gradient(inputs, kernel):
        return _with_faster_gradient(inputs, kernel, sliding.padding.upper())
    if tf.is_tensor(inputs) and _starts_late(kernel, sliding):
        inputs, sliding = _padded(inputs, kernel, sliding), sliding._replace(padding="valid")
    return in_keras_ops.conv(inputs, kernel, sliding)


def conv_transpose(
    inputs: Any, kernel: Any, sliding: Sliding, output_padding: tuple[int, ...] | None
) -> Any:
    """Return the transposed convolution, whose gradient is a convolution.

    See `in_keras_ops.conv_transpose`.
    """
    if not (tf.is_tensor(inputs) and _starts_late(kernel, sliding)):
        return in_keras_ops.conv_transpose(inputs, kernel, sliding, output_padding)
    whole = sliding._replace(padding="valid")
    outputs = in_keras_ops.conv_transpose(inputs, kernel, whole, None)
    added = output_padding or (None,) * _SPACE
    kept = map(_kept, sliding.strides, kernel.shape[:-2], added)
    return outputs[(slice(None), *kept)]


def _starts_late(kernel: Any, sliding: Sliding) -> bool:
    """Whether TensorFlow's convolution may begin behind the first position."""
    pairs = zip(sliding.strides, kernel.shape[:-2], strict=True)
    is_late = any(stride > width + 1 for stride, width in pairs)
    return len(sliding.strides) == _SPACE and sliding.padding == "same" and is_late


def _padded(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return inputs with the zeros of the padding "same"."""
    sizes = keras.ops.shape(inputs)[1:-1]
    of_dimensions = (sizes, sliding.strides, kernel.shape[:-2], sliding.dilation_rate)
    around = [zeros_around(*each, tf.maximum) for each in zip(*of_dimensions, strict=True)]
    return tf.pad(inputs, [(0, 0), *around, (0, 0)])


def _kept(stride: int, width: int, added: int | None) -> slice:
    """Return which of the outputs under "valid" there are under "same", in one dimension.

    Each further position adds `stride` outputs under both: the sizes are those for one position.
    """
    size = stride if added is None else width % 2 + added
    before = max(0, width - size) // 2
    behind = max(width, stride) - size - before
    return slice(before, -behind or None)


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
