"""The attention layers of the family: each pairs an estimator with multi-head attention."""

from __future__ import annotations

from bayeslayers.base_layers.attention_layer import AttentionLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, Rank1, Reparameterization
from bayeslayers.geometries import MultiHeadAttention


@estimator_layer
class MultiHeadAttentionFlipout(AttentionLayer):
    function_name = "layer_multi_head_attention_flipout"
    geometry_type = MultiHeadAttention
    estimator_type = Flipout


layer_multi_head_attention_flipout = layer_function(MultiHeadAttentionFlipout)


@estimator_layer
class MultiHeadAttentionReparameterization(AttentionLayer):
    function_name = "layer_multi_head_attention_reparameterization"
    geometry_type = MultiHeadAttention
    estimator_type = Reparameterization


layer_multi_head_attention_reparameterization = layer_function(MultiHeadAttentionReparameterization)


@estimator_layer
class MultiHeadAttentionRank1(AttentionLayer, Rank1Layer):
    function_name = "layer_multi_head_attention_rank1"
    geometry_type = MultiHeadAttention
    estimator_type = Rank1


layer_multi_head_attention_rank1 = layer_function(MultiHeadAttentionRank1)
