"""Convolutions, that is cross-correlations, over one or more spatial dimensions."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import Geometry


class Convolution(Geometry):
    """Slide a kernel over the inputs; the leaves name only the number of dimensions."""

    rank: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: int | tuple[int, ...] = 1,
        *,
        groups: int = 1,
    ) -> None:
        self.filters = checks.positive_integer("filters", filters)
        self.kernel_size = checks.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = checks.positive_integers("strides", strides, self.rank)
        # Only time has a direction, so only one dimension can be causal.
        paddings = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        self.padding = checks.choice("padding", padding, paddings, any_case=True)
        formats = ("channels_last", "channels_first")
        self.data_format = checks.choice("data_format", data_format, formats)
        self.dilation_rate = checks.positive_integers("dilation_rate", dilation_rate, self.rank)
        self.groups = checks.positive_integer("groups", groups)
        self._check_together()

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        if len(input_shape) != self.rank + 2:
            rule = f"must have {self.rank + 2} dimensions, the batch included"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        channels = input_shape[self._channel_axis]
        if channels is None:
            rule = "must have a known number of channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        if channels % self.groups:
            rule = "must divide the number of input channels"
            received = {"groups": self.groups, "channels": channels}
            raise ArgumentError("groups", rule, received)
        return keras.layers.InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def kernel_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int, ...]:
        channels = input_shape[self._channel_axis]
        return (*self.kernel_size, channels // self.groups, self.filters)

    def output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self.input_spec(input_shape)
        lengths = list(input_shape)
        channels_axis = self._channel_axis % len(lengths)
        del lengths[channels_axis]
        spatial = [self._output_length(n, i) for i, n in enumerate(lengths[1:])]
        shape = [input_shape[0], *spatial]
        shape.insert(channels_axis, self.filters)
        return tuple(shape)

    @property
    def output_channels(self) -> int:
        return self.filters

    def apply(self, inputs: Any, kernel: Any) -> Any:
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            # `prepare` has already put the zeros of causal padding in front.
            padding="valid" if self.padding == "causal" else self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )

    def prepare(self, inputs: Any) -> Any:
        # TensorFlow has no convolution with channels first on a CPU.
        if self.data_format == "channels_first":
            inputs = ops.moveaxis(inputs, 1, -1)
        if self.padding == "causal":
            inputs = ops.pad(inputs, [(0, 0), (self._spans[0] - 1, 0), (0, 0)])
        return inputs

    def restore(self, outputs: Any) -> Any:
        if self.data_format == "channels_first":
            outputs = ops.moveaxis(outputs, -1, 1)
        return outputs

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _spans(self) -> tuple[int, ...]:
        """How many positions the window covers in each dimension, its holes included."""
        pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
        return tuple((size - 1) * rate + 1 for size, rate in pairs)

    def _check_together(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            rule = "must be 1 where `dilation_rate` is above 1"
            received = {"strides": self.strides, "dilation_rate": self.dilation_rate}
            raise ArgumentError("strides", rule, received)
        if self.filters % self.groups:
            rule = "must divide `filters`"
            raise ArgumentError("groups", rule, {"groups": self.groups, "filters": self.filters})

    def _output_length(self, length: int | None, dimension: int) -> int | None:
        if length is None:
            return None
        stride, span = self.strides[dimension], self._spans[dimension]
        if self.padding != "valid":
            return -(-length // stride)
        if length < span:
            rule = 'must span no more positions than the inputs have, where `padding` is "valid"'
            received = {"kernel_size": self.kernel_size, "span": span, "positions": length}
            raise ArgumentError("kernel_size", rule, received)
        return (length - span) // stride + 1


class Convolution1D(Convolution):
    """Convolution over one dimension, such as time."""

    rank = 1
    title = "1-D convolution"
    formula = "A(x, k)[t, o] = sum over i, c of k[i, c, o] * x[t * strides + i * dilation_rate, c]"
    shapes = (
        "Inputs are of shape (batch, length, channels), outputs of shape "
        '(batch, new_length, filters); with `data_format` "channels_first" '
        "(batch, channels, length) and (batch, filters, new_length)"
    )
    python_example = (
        ">>> import keras\n"
        ">>> from bayeslayers import {name}\n"
        ">>> model = keras.Sequential([keras.Input((24, 3))])\n"
        '>>> model = {name}(model, filters=8, kernel_size=5, activation="relu")\n'
        ">>> model.output_shape\n"
        "(None, 20, 8)\n"
        ">>> outputs = model(keras.ops.ones((32, 24, 3)))\n"
        ">>> [loss.ndim for loss in model.losses]\n"
        "[0]"
    )
    r_example = (
        'keras <- reticulate::import("keras")\n'
        "model <- keras$Sequential() |>\n"
        '  {name}(filters = 8, kernel_size = 5, activation = "relu", input_shape = c(24, 3))\n'
        "outputs <- model(array(1, c(32, 24, 3)))\n"
        "dim(outputs$numpy())\n"
        "model$losses"
    )
