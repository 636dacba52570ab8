"""Depthwise convolutions: each channel is convolved on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import LinearMap
from bayeslayers.geometries.window import OneDimension, TwoDimensions, Window


class DepthwiseConvolution(Window, LinearMap):
    """Weigh each channel within the window on its own, `depth_multiplier` times over."""

    formula = (
        "A(x, k)[t, c * depth_multiplier + m] = "
        "sum over i of k[i, c, m] * x[t * strides + i * dilation_rate, c],\n"
        "m = 0, ..., depth_multiplier - 1"
    )
    example_arguments = "kernel_size=3"
    kernel_in_keras = "depthwise"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str = "channels_last",
        dilation_rate: int | Sequence[int] = 1,
    ) -> None:
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        require_equal_strides(self.strides)
        self.depth_multiplier = checks.positive_integer("depth_multiplier", depth_multiplier)

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.depth_multiplier)

    def output_channels(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def scaled_kernel(self, kernel: Any, of_inputs: Any, of_outputs: Any) -> Any:
        by_channel = ops.reshape(of_outputs, (-1, self.depth_multiplier))
        return kernel * ops.expand_dims(of_inputs, 1) * by_channel

    def apply(self, inputs: Any, kernel: Any) -> Any:
        outputs = ops.depthwise_conv(inputs, kernel, **self._sliding.for_keras())
        channels = self.output_channels(inputs.shape[-1])
        return self._for_any_batch(outputs, inputs, channels)


def require_equal_strides(strides: tuple[int, ...]) -> None:
    """Refuse strides that TensorFlow has no depthwise convolution for."""
    if len(set(strides)) > 1:
        rule = "must be equal in all dimensions of a depthwise convolution"
        raise ArgumentError("strides", rule, {"strides": strides})


class DepthwiseConvolution1D(OneDimension, DepthwiseConvolution):
    """Depthwise convolution over one dimension."""

    title = "1-D depthwise convolution"


class DepthwiseConvolution2D(TwoDimensions, DepthwiseConvolution):
    """Depthwise convolution over two dimensions."""

    title = "2-D depthwise convolution"
