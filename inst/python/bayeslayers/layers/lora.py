"""The layers that `as_bayesian()` puts in the places of plain ones for low-rank adaptation.

Nobody makes them by hand: they update the weights of a trained layer.
"""

from __future__ import annotations

from typing import Any

from bayeslayers.base_layers.attention_layer import AttentionLayer
from bayeslayers.base_layers.linear_layer import ActivatedLinearLayer, EinsumLayer, EmbeddingLayer
from bayeslayers.base_layers.low_rank_layer import LowRankLayer
from bayeslayers.base_layers.publishing import converted_layer
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.estimators import Flipout, Reparameterization
from bayeslayers.geometries import (
    Convolution1D,
    Convolution2D,
    Convolution3D,
    Dense,
    EinsumDense,
    Embedding,
    MultiHeadAttention,
)


@converted_layer
class DenseLora(LowRankLayer, ActivatedLinearLayer):
    """Dense layer with a random update of low rank."""

    geometry_type = Dense
    estimator_type = Flipout


@converted_layer
class EinsumDenseLora(LowRankLayer, EinsumLayer):
    """Einsum layer with a random update of low rank."""

    geometry_type = EinsumDense
    estimator_type = Flipout

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        if not self.geometry.ends_in_outputs:
            rule = "must have the last axis of the kernel in the outputs, and not in the inputs"
            raise ArgumentError("equation", rule, {"equation": self.geometry.equation})


@converted_layer
class EmbeddingLora(LowRankLayer, EmbeddingLayer):
    """Embedding with a random update of low rank, of which a batch has one draw."""

    geometry_type = Embedding
    estimator_type = Reparameterization


@converted_layer
class Conv1DLora(LowRankLayer, ActivatedLinearLayer):
    """1-D convolution with a random update of low rank."""

    geometry_type = Convolution1D
    estimator_type = Flipout


@converted_layer
class Conv2DLora(LowRankLayer, ActivatedLinearLayer):
    """2-D convolution with a random update of low rank."""

    geometry_type = Convolution2D
    estimator_type = Flipout


@converted_layer
class Conv3DLora(LowRankLayer, ActivatedLinearLayer):
    """3-D convolution with a random update of low rank."""

    geometry_type = Convolution3D
    estimator_type = Flipout


@converted_layer
class MultiHeadAttentionLora(LowRankLayer, AttentionLayer):
    """Attention with random updates of low rank to its four projections."""

    geometry_type = MultiHeadAttention
    estimator_type = Flipout


LORA = {
    kind.__name__.removesuffix("Lora"): kind
    for kind in (
        DenseLora,
        EinsumDenseLora,
        EmbeddingLora,
        Conv1DLora,
        Conv2DLora,
        Conv3DLora,
        MultiHeadAttentionLora,
    )
}
"""The layers by the names of Keras's layers that they take the place of."""
