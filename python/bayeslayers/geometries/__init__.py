"""Geometries: each supplies one linear map A(x, k) of inputs and kernel, and nothing random."""

from bayeslayers.geometries.convolution import Convolution1D, Convolution2D, Convolution3D
from bayeslayers.geometries.dense import Dense
from bayeslayers.geometries.depthwise import DepthwiseConvolution1D, DepthwiseConvolution2D
from bayeslayers.geometries.geometry import Geometry
from bayeslayers.geometries.transposed import (
    TransposedConvolution1D,
    TransposedConvolution2D,
    TransposedConvolution3D,
)

__all__ = [
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Dense",
    "DepthwiseConvolution1D",
    "DepthwiseConvolution2D",
    "Geometry",
    "TransposedConvolution1D",
    "TransposedConvolution2D",
    "TransposedConvolution3D",
]
