"""Convolution of inputs whose channels come last, without moving them first."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from bayeslayers.backend import in_keras_ops
from bayeslayers.backend.common import Sliding, zeros_around

_CONVOLUTIONS = {2: functional.conv2d, 3: functional.conv3d}


def conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the convolution; see `in_keras_ops.conv`.

    Keras moves the channels of the inputs to the front, in a copy; PyTorch's kernels take them as
    they lie. That of one dimension does not: it is one of two, the first of which has a size of 1.
    The kernel is contiguous, or its gradient is an error where there is one channel.
    """
    if not isinstance(inputs, torch.Tensor):
        return in_keras_ops.conv(inputs, kernel, sliding)
    groups = inputs.shape[-1] // kernel.shape[-2]
    strides, padding, dilation_rate = sliding
    # (batch, channels, positions...) and (filters, channels of a group, window...)
    inputs, kernel = inputs.movedim(-1, 1), kernel.movedim((-1, -2), (0, 1)).contiguous()
    is_of_one_dimension = len(strides) == 1
    if is_of_one_dimension:
        inputs, kernel = inputs.unsqueeze(2), kernel.unsqueeze(2)
        strides, dilation_rate = (1, *strides), (1, *dilation_rate)
    before = 0
    if padding == "same":
        inputs, before = _padded(inputs, kernel, strides, dilation_rate)
    outputs = _CONVOLUTIONS[len(strides)](
        inputs, kernel, None, strides, before, dilation_rate, groups
    )
    if is_of_one_dimension:
        outputs = outputs.squeeze(2)
    return outputs.movedim(1, -1)


def conv_transpose(
    inputs: Any, kernel: Any, sliding: Sliding, output_padding: tuple[int, ...] | None
) -> Any:
    """Return the transposed convolution; see `in_keras_ops.conv_transpose`."""
    if isinstance(kernel, torch.Tensor):
        # As in `conv`: it is contiguous once Keras has brought it into PyTorch's order.
        kernel = kernel.movedim((-1, -2), (0, 1)).contiguous().movedim((0, 1), (-1, -2))
    return in_keras_ops.conv_transpose(inputs, kernel, sliding, output_padding)


def _padded(
    inputs: Any, kernel: Any, strides: tuple[int, ...], dilation_rate: tuple[int, ...]
) -> tuple[Any, Any]:
    """Return inputs, and with how many zeros on both sides PyTorch is to pad them in addition."""
    sizes = zip(inputs.shape[2:], strides, kernel.shape[2:], dilation_rate, strict=True)
    around = [zeros_around(*of_dimension) for of_dimension in sizes]
    if all(before == behind for before, behind in around):
        return inputs, [before for before, _ in around]
    # PyTorch begins with the last dimension.
    sides = [side for zeros in reversed(around) for side in zeros]
    return functional.pad(inputs, sides), 0
