"""Convolutions, that is cross-correlations, over one or more spatial dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from bayeslayers.backend import conv
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import LinearMap
from bayeslayers.geometries.window import OneDimension, ThreeDimensions, TwoDimensions, Window


class Convolution(Window, LinearMap):
    """Weigh all channels within the window anew for each output channel."""

    formula = "A(x, k)[t, o] = sum over i, c of k[i, c, o] * x[t * strides + i * dilation_rate, c]"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: int | Sequence[int] = 1,
        *,
        groups: int = 1,
    ) -> None:
        self.filters = checks.positive_integer("filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.groups = checks.positive_integer("groups", groups)
        if self.filters % self.groups:
            received = {"groups": self.groups, "filters": self.filters}
            raise ArgumentError("groups", "must divide `filters`", received)

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels // self.groups, self.filters)

    def scaled_kernel(self, kernel: Any, of_inputs: Any, of_outputs: Any) -> Any:
        # (groups, channels of a group): each filter has the channels of its group.
        by_group = ops.reshape(of_inputs, (self.groups, -1))
        by_filter = ops.repeat(by_group, self.filters // self.groups, axis=0)
        return kernel * ops.transpose(by_filter) * of_outputs

    def symbolic_kernel_shape(self, channels: int) -> tuple[int, ...]:
        # Keras's inference does not know of groups; they do not change the outputs' shape.
        return (*self.kernel_size, channels, self.filters)

    def output_channels(self, channels: int) -> int:
        del channels
        return self.filters

    def apply(self, inputs: Any, kernel: Any) -> Any:
        outputs = conv(inputs, kernel, **self._sliding)
        return self._for_any_batch(outputs, inputs, self.filters)

    def _check_channels(self, channels: int) -> None:
        if channels % self.groups:
            received = {"groups": self.groups, "channels": channels}
            raise ArgumentError("groups", "must divide the number of input channels", received)


class Convolution1D(OneDimension, Convolution):
    """Convolution over one dimension, such as time."""

    title = "1-D convolution"


class Convolution2D(TwoDimensions, Convolution):
    """Convolution over two dimensions, such as an image's."""

    title = "2-D convolution"


class Convolution3D(ThreeDimensions, Convolution):
    """Convolution over three dimensions, such as a volume's or a film's."""

    title = "3-D convolution"
