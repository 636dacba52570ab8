"""Geometries: what layers compute, in linear maps A(x, k) of inputs and kernels; nothing random."""

from bayeslayers.geometries.attention import GroupQueryAttention, MultiHeadAttention
from bayeslayers.geometries.convolution import Convolution1D, Convolution2D, Convolution3D
from bayeslayers.geometries.dense import Dense
from bayeslayers.geometries.depthwise import DepthwiseConvolution1D, DepthwiseConvolution2D
from bayeslayers.geometries.einsum import EinsumDense
from bayeslayers.geometries.embedding import Embedding
from bayeslayers.geometries.geometry import Chain, FactorableMap, Geometry, LinearMap
from bayeslayers.geometries.recurrent import GRU, LSTM, Cell
from bayeslayers.geometries.separable import SeparableConvolution1D, SeparableConvolution2D
from bayeslayers.geometries.transposed import (
    TransposedConvolution1D,
    TransposedConvolution2D,
    TransposedConvolution3D,
)

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "Chain",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Dense",
    "DepthwiseConvolution1D",
    "DepthwiseConvolution2D",
    "EinsumDense",
    "Embedding",
    "FactorableMap",
    "Geometry",
    "GroupQueryAttention",
    "LinearMap",
    "MultiHeadAttention",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "TransposedConvolution1D",
    "TransposedConvolution2D",
    "TransposedConvolution3D",
]
