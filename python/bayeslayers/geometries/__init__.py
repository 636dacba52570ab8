"""Geometries: each supplies one linear map A(x, k) of inputs and kernel, and nothing random."""

from bayeslayers.geometries.convolution import Convolution1D
from bayeslayers.geometries.geometry import Geometry

__all__ = ["Convolution1D", "Geometry"]
