"""The einsum layers of the family: each pairs an estimator with the einsum geometry."""

from __future__ import annotations

from bayeslayers.base_layers.linear_layer import EinsumLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, Rank1, Reparameterization
from bayeslayers.geometries import EinsumDense


@estimator_layer
class EinsumDenseFlipout(EinsumLayer):
    function_name = "layer_einsum_dense_flipout"
    geometry_type = EinsumDense
    estimator_type = Flipout


layer_einsum_dense_flipout = layer_function(EinsumDenseFlipout)


@estimator_layer
class EinsumDenseReparameterization(EinsumLayer):
    function_name = "layer_einsum_dense_reparameterization"
    geometry_type = EinsumDense
    estimator_type = Reparameterization


layer_einsum_dense_reparameterization = layer_function(EinsumDenseReparameterization)


@estimator_layer
class EinsumDenseRank1(EinsumLayer, Rank1Layer):
    function_name = "layer_einsum_dense_rank1"
    geometry_type = EinsumDense
    estimator_type = Rank1


layer_einsum_dense_rank1 = layer_function(EinsumDenseRank1)
