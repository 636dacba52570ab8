"""The embedding layer of the family."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.base_layers.linear_layer import LinearLayer
from bayeslayers.estimators import Reparameterization
from bayeslayers.geometries import Embedding


@keras.saving.register_keras_serializable("bayeslayers")
class EmbeddingReparameterization(LinearLayer):
    function_name = "layer_embedding_reparameterization"
    geometry_type = Embedding
    estimator_type = Reparameterization

    def _construct(self, **arguments: Any) -> None:
        super()._construct(**arguments)
        # Whole numbers that came as floats would be rounded in a lower precision.
        self.autocast = False
