"""Convolutions, that is cross-correlations, over one or more spatial dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from bayeslayers.backend import conv
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import FactorableMap, LinearMap
from bayeslayers.geometries.window import OneDimension, ThreeDimensions, TwoDimensions, Window


class Convolution(Window, FactorableMap):
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
        outputs = conv(inputs, kernel, self._sliding)
        return self._for_any_batch(outputs, inputs, self.filters)

    def first_factor(self, rank: int) -> LinearMap:
        one_group = type(self)(**{**self.get_config(), "filters": rank, "groups": 1})
        return one_group if self.groups == 1 else _InEachGroup(one_group, self.groups)

    def channels_of_factor(self, channels: int) -> int:
        return channels // self.groups

    def inputs_of_factor(self, inputs: Any) -> Any:
        """Return inputs of shape (batch, positions..., groups, channels of a group)."""
        if self.groups == 1:
            return inputs
        *sizes, channels = ops.shape(inputs)
        return ops.reshape(inputs, (*sizes, self.groups, channels // self.groups))

    def times_second(self, values: Any, factor: Any) -> Any:
        if self.groups == 1:
            return super().times_second(values, factor)
        # Each group has the same first factor, and filters of its own.
        rank = factor.shape[0]
        factors = ops.reshape(factor, (rank, self.groups, self.filters // self.groups))
        outputs = ops.einsum("...gr,rgf->...gf", values, factors)
        return ops.reshape(outputs, (*ops.shape(values)[:-2], self.filters))

    def _check_channels(self, channels: int) -> None:
        if channels % self.groups:
            received = {"groups": self.groups, "channels": channels}
            raise ArgumentError("groups", "must divide the number of input channels", received)


class _InEachGroup(LinearMap):
    """A convolution of the channels of each group by itself, all with the same kernel.

    The groups are one more axis of positions, before that of the channels.

    Args:
        of_one: The convolution of one group.
        groups: How many there are.
    """

    def __init__(self, of_one: Convolution, groups: int) -> None:
        self._of_one = of_one
        self._groups = groups

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return self._of_one.kernel_shape(channels)

    def output_channels(self, channels: int) -> int:
        return self._of_one.output_channels(channels)

    def apply(self, inputs: Any, kernel: Any) -> Any:
        # The groups are brought to the batch, and back.
        *positions, groups, channels = ops.shape(inputs)[1:]
        inputs = ops.reshape(ops.moveaxis(inputs, -2, 1), (-1, *positions, channels))
        outputs = self._of_one.apply(inputs, kernel)
        outputs = ops.reshape(outputs, (-1, groups, *ops.shape(outputs)[1:]))
        return ops.moveaxis(outputs, 1, -2)


class Convolution1D(OneDimension, Convolution):
    """Convolution over one dimension, such as time."""

    title = "1-D convolution"


class Convolution2D(TwoDimensions, Convolution):
    """Convolution over two dimensions, such as an image's."""

    title = "2-D convolution"


class Convolution3D(ThreeDimensions, Convolution):
    """Convolution over three dimensions, such as a volume's or a film's."""

    title = "3-D convolution"
