"""Transposed convolutions: the gradient of a convolution, which spreads inputs over outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from bayeslayers.backend import conv_transpose
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import LinearMap
from bayeslayers.geometries.window import OneDimension, ThreeDimensions, TwoDimensions, Window


class TransposedConvolution(Window, LinearMap):
    """Spread each input over the window, weighed anew for each output channel."""

    formula = (
        "A(x, k)[t * strides + i * dilation_rate, o] = sum over c of k[i, o, c] * x[t, c], "
        "summed where windows overlap"
    )

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str = "channels_last",
        dilation_rate: int | Sequence[int] = 1,
    ) -> None:
        self.filters = checks.positive_integer("filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = checks.output_padding("output_padding", output_padding, self.strides)
        self._check_even_windows()

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def output_channels(self, channels: int) -> int:
        del channels
        return self.filters

    def scaled_kernel(self, kernel: Any, of_inputs: Any, of_outputs: Any) -> Any:
        return super().scaled_kernel(kernel, of_outputs, of_inputs)

    def apply(self, inputs: Any, kernel: Any) -> Any:
        # TensorFlow has no dilated transposed convolution on a CPU, but any kernel with holes.
        for axis, rate in enumerate(self.dilation_rate):
            kernel = _with_holes(kernel, axis, rate)
        sliding = self._sliding._replace(dilation_rate=(1,) * self.rank)
        return conv_transpose(inputs, kernel, sliding, self.output_padding)

    def _check_positions(self, input_shape: tuple[int | None, ...]) -> None:
        """Inputs of any length have outputs."""

    def _check_even_windows(self) -> None:
        """Refuse outputs that are too short for TensorFlow to have come from the inputs."""
        if self.output_padding is None or self.padding != "same":
            return
        pairs = zip(self._spans, self.output_padding, strict=True)
        if any(span % 2 == 0 and added == 0 for span, added in pairs):
            rule = (
                "must be above 0, or left empty, in dimensions where the window spans an even "
                'number of positions and `padding` is "same"'
            )
            received = {"output_padding": self.output_padding, "kernel_size": self.kernel_size}
            raise ArgumentError("output_padding", rule, received)

    @property
    def _paddings(self) -> tuple[str, ...]:
        return ("valid", "same")


def _with_holes(kernel: Any, axis: int, rate: int) -> Any:
    """Put `rate - 1` zeros between the positions of a kernel along one axis."""
    if rate == 1:
        return kernel
    shape = list(kernel.shape)
    behind = [(0, rate - 1) if i == axis + 1 else (0, 0) for i in range(len(shape) + 1)]
    spread = ops.pad(ops.expand_dims(kernel, axis + 1), behind)
    spread = ops.reshape(spread, [*shape[:axis], shape[axis] * rate, *shape[axis + 1 :]])
    span = (shape[axis] - 1) * rate + 1
    return spread[(slice(None),) * axis + (slice(span),)]


class TransposedConvolution1D(OneDimension, TransposedConvolution):
    """Transposed convolution over one dimension."""

    title = "1-D transposed convolution"


class TransposedConvolution2D(TwoDimensions, TransposedConvolution):
    """Transposed convolution over two dimensions."""

    title = "2-D transposed convolution"


class TransposedConvolution3D(ThreeDimensions, TransposedConvolution):
    """Transposed convolution over three dimensions."""

    title = "3-D transposed convolution"
