"""The dense layers of the family: each pairs an estimator with the dense geometry.

Their documentation is put together from the two.
"""

from __future__ import annotations

from bayeslayers.base_layers.linear_layer import ActivatedLinearLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, LocalReparameterization, Rank1, Reparameterization
from bayeslayers.geometries import Dense


@estimator_layer
class DenseFlipout(ActivatedLinearLayer):
    function_name = "layer_dense_flipout"
    geometry_type = Dense
    estimator_type = Flipout
    positional_arguments = ("seed",)


layer_dense_flipout = layer_function(DenseFlipout)


@estimator_layer
class DenseReparameterization(ActivatedLinearLayer):
    function_name = "layer_dense_reparameterization"
    geometry_type = Dense
    estimator_type = Reparameterization


layer_dense_reparameterization = layer_function(DenseReparameterization)


@estimator_layer
class DenseLocalReparameterization(ActivatedLinearLayer):
    function_name = "layer_dense_local_reparameterization"
    geometry_type = Dense
    estimator_type = LocalReparameterization


layer_dense_local_reparameterization = layer_function(DenseLocalReparameterization)


@estimator_layer
class DenseRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_dense_rank1"
    geometry_type = Dense
    estimator_type = Rank1


layer_dense_rank1 = layer_function(DenseRank1)
