"""The embedding layer of the family."""

from __future__ import annotations

from bayeslayers.base_layers.linear_layer import EmbeddingLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Reparameterization
from bayeslayers.geometries import Embedding


@estimator_layer
class EmbeddingReparameterization(EmbeddingLayer):
    function_name = "layer_embedding_reparameterization"
    geometry_type = Embedding
    estimator_type = Reparameterization


layer_embedding_reparameterization = layer_function(EmbeddingReparameterization)
