"""Separable convolutions: over positions first, each channel on its own, then over channels."""

from __future__ import annotations

from collections.abc import Sequence

from bayeslayers.contract import checks
from bayeslayers.geometries.convolution import Convolution, Convolution1D, Convolution2D
from bayeslayers.geometries.depthwise import (
    DepthwiseConvolution,
    DepthwiseConvolution1D,
    DepthwiseConvolution2D,
    require_equal_strides,
)
from bayeslayers.geometries.geometry import LinearMap
from bayeslayers.geometries.window import OneDimension, TwoDimensions, Window


class SeparableConvolution(Window):
    """A depthwise convolution, and a convolution of one position that mixes its channels."""

    formula = (
        "A(x, k) = P(D(x, depthwise), pointwise),\n"
        "D(x, k)[t, c * depth_multiplier + m] = "
        "sum over i of k[i, c, m] * x[t * strides + i * dilation_rate, c],   "
        "m = 0, ..., depth_multiplier - 1,\n"
        "P(x, k)[t, o] = sum over c of k[c, o] * x[t, c],   D and P drawn separately"
    )
    kernels = ("depthwise", "pointwise")
    depthwise: type[DepthwiseConvolution]
    pointwise: type[Convolution]

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
    ) -> None:
        self.filters = checks.positive_integer("filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        require_equal_strides(self.strides)
        self.depth_multiplier = checks.positive_integer("depth_multiplier", depth_multiplier)

    def stages(self) -> dict[str, LinearMap]:
        depthwise = self.depthwise(
            self.kernel_size,
            self.strides,
            self.padding,
            depth_multiplier=self.depth_multiplier,
            dilation_rate=self.dilation_rate,
        )
        return {"depthwise": depthwise, "pointwise": self.pointwise(self.filters, kernel_size=1)}


class SeparableConvolution1D(OneDimension, SeparableConvolution):
    """Separable convolution over one dimension."""

    title = "1-D separable convolution"
    depthwise, pointwise = DepthwiseConvolution1D, Convolution1D


class SeparableConvolution2D(TwoDimensions, SeparableConvolution):
    """Separable convolution over two dimensions."""

    title = "2-D separable convolution"
    depthwise, pointwise = DepthwiseConvolution2D, Convolution2D
