"""The embedding layer of the family."""

from __future__ import annotations

from typing import Any

from bayeslayers.base_layers.linear_layer import LinearLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Reparameterization
from bayeslayers.geometries import Embedding


@estimator_layer
class EmbeddingReparameterization(LinearLayer):
    function_name = "layer_embedding_reparameterization"
    geometry_type = Embedding
    estimator_type = Reparameterization

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # Whole numbers that came as floats would be rounded in a lower precision.
        self.autocast = False


layer_embedding_reparameterization = layer_function(EmbeddingReparameterization)
