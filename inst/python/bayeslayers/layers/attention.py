"""The attention layers of the family: each pairs an estimator with a kind of attention."""

from __future__ import annotations

from bayeslayers.base_layers.attention_layer import AttentionLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, Rank1, Reparameterization
from bayeslayers.geometries import GroupQueryAttention, MultiHeadAttention


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


@estimator_layer
class GroupQueryAttentionFlipout(AttentionLayer):
    function_name = "layer_group_query_attention_flipout"
    geometry_type = GroupQueryAttention
    estimator_type = Flipout


layer_group_query_attention_flipout = layer_function(GroupQueryAttentionFlipout)


@estimator_layer
class GroupQueryAttentionReparameterization(AttentionLayer):
    function_name = "layer_group_query_attention_reparameterization"
    geometry_type = GroupQueryAttention
    estimator_type = Reparameterization


layer_group_query_attention_reparameterization = layer_function(
    GroupQueryAttentionReparameterization
)


@estimator_layer
class GroupQueryAttentionRank1(AttentionLayer, Rank1Layer):
    function_name = "layer_group_query_attention_rank1"
    geometry_type = GroupQueryAttention
    estimator_type = Rank1


layer_group_query_attention_rank1 = layer_function(GroupQueryAttentionRank1)
