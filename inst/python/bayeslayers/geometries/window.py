"""What all maps that slide a window over positions have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.backend import Sliding
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import Chain


def _shapes(*positions: str) -> str:
    """Say which shapes inputs and outputs with these spatial dimensions have."""
    before = ", ".join(positions)
    after = ", ".join(f"new_{name}" for name in positions)
    return (
        f"Inputs are of shape (batch, {before}, channels), outputs of shape "
        f'(batch, {after}, new_channels). With `data_format` "channels_first" the shapes are '
        f"(batch, channels, {before}) and (batch, new_channels, {after}). In the formula, t is a "
        "position, i a place in the window, c an input channel and o an output channel"
    )


class OneDimension:
    """What windows over one spatial dimension have in common, such as a window of time."""

    rank: ClassVar[int] = 1
    shapes = _shapes("length")
    example_shape: ClassVar[tuple[int, ...]] = (24, 3)


class TwoDimensions:
    """What windows over two spatial dimensions have in common, such as those of an image."""

    rank: ClassVar[int] = 2
    shapes = _shapes("height", "width")
    example_shape: ClassVar[tuple[int, ...]] = (12, 10, 3)


class ThreeDimensions:
    """What windows over three spatial dimensions have in common, such as those of a volume."""

    rank: ClassVar[int] = 3
    shapes = _shapes("depth", "height", "width")
    example_shape: ClassVar[tuple[int, ...]] = (6, 6, 6, 3)


class Window(Chain):
    """A window of `kernel_size` positions over inputs of `rank` spatial dimensions.

    A subclass says what is done within the window, and which arguments this takes. Its own
    subclasses join it with `OneDimension`, `TwoDimensions` or `ThreeDimensions`.
    """

    rank: ClassVar[int]
    """The number of spatial dimensions."""

    example_arguments: ClassVar[str] = "filters=8, kernel_size=3"

    def _set_window(
        self, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any
    ) -> None:
        """Check the arguments that every window has, and keep them."""
        self.kernel_size = checks.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = checks.positive_integers("strides", strides, self.rank)
        self.padding = checks.choice("padding", padding, self._paddings, any_case=True)
        formats = ("channels_last", "channels_first")
        self.data_format = checks.choice("data_format", data_format, formats)
        self.dilation_rate = checks.positive_integers("dilation_rate", dilation_rate, self.rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            rule = "must be 1 where `dilation_rate` is above 1"
            received = {"strides": self.strides, "dilation_rate": self.dilation_rate}
            raise ArgumentError("strides", rule, received)

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        if len(input_shape) != self.rank + 2:
            rule = f"must have {self.rank + 2} dimensions, the batch included"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        channels = self.known_channels(input_shape)
        self._check_channels(channels)
        self._check_positions(input_shape)
        return keras.layers.InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        return input_shape[self._channel_axis]

    def prepare(self, inputs: Any, dtype: str) -> Any:
        inputs = super().prepare(inputs, dtype)
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

    def _check_channels(self, channels: int) -> None:
        """Refuse a number of input channels that does not fit the arguments."""

    def _check_positions(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse inputs that are shorter than the window, which leave no output."""
        if self.padding != "valid":
            return
        sizes = input_shape[1:-1] if self._channel_axis == -1 else input_shape[2:]
        for size, span in zip(sizes, self._spans, strict=True):
            if size is not None and size < span:
                rule = "must span no more positions than the inputs have, where `padding` is "
                received = {"kernel_size": self.kernel_size, "span": span, "positions": size}
                raise ArgumentError("kernel_size", f'{rule}"valid"', received)

    def _for_any_batch(self, outputs: Any, inputs: Any, channels: int) -> Any:
        """Return outputs of this number of channels, also for a batch of no examples.

        TensorFlow gives inputs without examples back as they are, in the inputs' shape.
        """
        if inputs.shape[0] or keras.utils.is_keras_tensor(inputs):
            return outputs
        sizes = zip(ops.shape(inputs)[1:-1], self._spans, self.strides, strict=True)
        if self.padding == "same":
            positions = [-(-size // stride) for size, _, stride in sizes]
        else:
            positions = [(size - span) // stride + 1 for size, span, stride in sizes]
        return ops.reshape(outputs, (-1, *positions, channels))

    @property
    def _paddings(self) -> tuple[str, ...]:
        # Only time has a direction, so only one dimension can be causal.
        return ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")

    @property
    def _sliding(self) -> Sliding:
        """How the window slides, once `prepare` has done its part."""
        padding = "valid" if self.padding == "causal" else self.padding
        return Sliding(self.strides, padding, self.dilation_rate)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _spans(self) -> tuple[int, ...]:
        """How many positions the window covers in each dimension, its holes included."""
        pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
        return tuple((size - 1) * rate + 1 for size, rate in pairs)
