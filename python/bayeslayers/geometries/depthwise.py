"""Depthwise convolutions: each channel is convolved on its own."""

from __future__ import annotations

from typing import Any

from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.window import Window


class DepthwiseConvolution(Window):
    """Weigh each channel within the window on its own, `depth_multiplier` times over."""

    kind = "depthwise convolution"
    formula = (
        "A(x, k)[t, c * depth_multiplier + m] = "
        "sum over i of k[i, c, m] * x[t * strides + i * dilation_rate, c]"
    )
    example_arguments = "kernel_size=3"

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str = "channels_last",
        dilation_rate: int | tuple[int, ...] = 1,
    ) -> None:
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        if len(set(self.strides)) > 1:
            # TensorFlow has no others.
            rule = "must be equal in all dimensions of a depthwise convolution"
            raise ArgumentError("strides", rule, {"strides": self.strides})
        self.depth_multiplier = checks.positive_integer("depth_multiplier", depth_multiplier)

    def kernel_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int, ...]:
        return (*self.kernel_size, self.input_channels(input_shape), self.depth_multiplier)

    def output_channels(self, input_channels: int) -> int:
        return input_channels * self.depth_multiplier

    def apply(self, inputs: Any, kernel: Any) -> Any:
        return ops.depthwise_conv(inputs, kernel, **self._sliding)


class DepthwiseConvolution1D(DepthwiseConvolution):
    """Depthwise convolution over one dimension."""

    rank = 1


class DepthwiseConvolution2D(DepthwiseConvolution):
    """Depthwise convolution over two dimensions."""

    rank = 2
