"""The dense layers of the family: each pairs an estimator with the dense geometry.

Their documentation is put together from the two.
"""

from __future__ import annotations

import keras

from bayeslayers.base_layers.linear_layer import LinearLayer
from bayeslayers.estimators import Flipout, LocalReparameterization, Reparameterization
from bayeslayers.geometries import Dense


@keras.saving.register_keras_serializable("bayeslayers")
class DenseFlipout(LinearLayer):
    function_name = "layer_dense_flipout"
    geometry_type = Dense
    estimator_type = Flipout
    named_arguments = ("seed",)


@keras.saving.register_keras_serializable("bayeslayers")
class DenseReparameterization(LinearLayer):
    function_name = "layer_dense_reparameterization"
    geometry_type = Dense
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class DenseLocalReparameterization(LinearLayer):
    function_name = "layer_dense_local_reparameterization"
    geometry_type = Dense
    estimator_type = LocalReparameterization
