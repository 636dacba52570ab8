"""The convolution layers of the family: each pairs an estimator with a geometry.

Their documentation is put together from the two.
"""

from __future__ import annotations

from bayeslayers.base_layers.linear_layer import ActivatedLinearLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, LocalReparameterization, Rank1, Reparameterization
from bayeslayers.geometries import (
    Convolution1D,
    Convolution2D,
    Convolution3D,
    DepthwiseConvolution1D,
    DepthwiseConvolution2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
    TransposedConvolution1D,
    TransposedConvolution2D,
    TransposedConvolution3D,
)


@estimator_layer
class Conv1DFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_1d_flipout"
    geometry_type = Convolution1D
    estimator_type = Flipout


layer_conv_1d_flipout = layer_function(Conv1DFlipout)


@estimator_layer
class Conv2DFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_2d_flipout"
    geometry_type = Convolution2D
    estimator_type = Flipout


layer_conv_2d_flipout = layer_function(Conv2DFlipout)


@estimator_layer
class Conv3DFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_3d_flipout"
    geometry_type = Convolution3D
    estimator_type = Flipout


layer_conv_3d_flipout = layer_function(Conv3DFlipout)


@estimator_layer
class Conv1DReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_1d_reparameterization"
    geometry_type = Convolution1D
    estimator_type = Reparameterization


layer_conv_1d_reparameterization = layer_function(Conv1DReparameterization)


@estimator_layer
class Conv2DReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_2d_reparameterization"
    geometry_type = Convolution2D
    estimator_type = Reparameterization


layer_conv_2d_reparameterization = layer_function(Conv2DReparameterization)


@estimator_layer
class Conv3DReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_3d_reparameterization"
    geometry_type = Convolution3D
    estimator_type = Reparameterization


layer_conv_3d_reparameterization = layer_function(Conv3DReparameterization)


@estimator_layer
class Conv1DLocalReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_1d_local_reparameterization"
    geometry_type = Convolution1D
    estimator_type = LocalReparameterization


layer_conv_1d_local_reparameterization = layer_function(Conv1DLocalReparameterization)


@estimator_layer
class Conv2DLocalReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_2d_local_reparameterization"
    geometry_type = Convolution2D
    estimator_type = LocalReparameterization


layer_conv_2d_local_reparameterization = layer_function(Conv2DLocalReparameterization)


@estimator_layer
class Conv3DLocalReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_3d_local_reparameterization"
    geometry_type = Convolution3D
    estimator_type = LocalReparameterization


layer_conv_3d_local_reparameterization = layer_function(Conv3DLocalReparameterization)


@estimator_layer
class Conv1DTransposeFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_1d_transpose_flipout"
    geometry_type = TransposedConvolution1D
    estimator_type = Flipout


layer_conv_1d_transpose_flipout = layer_function(Conv1DTransposeFlipout)


@estimator_layer
class Conv2DTransposeFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_2d_transpose_flipout"
    geometry_type = TransposedConvolution2D
    estimator_type = Flipout


layer_conv_2d_transpose_flipout = layer_function(Conv2DTransposeFlipout)


@estimator_layer
class Conv3DTransposeFlipout(ActivatedLinearLayer):
    function_name = "layer_conv_3d_transpose_flipout"
    geometry_type = TransposedConvolution3D
    estimator_type = Flipout


layer_conv_3d_transpose_flipout = layer_function(Conv3DTransposeFlipout)


@estimator_layer
class Conv1DTransposeReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_1d_transpose_reparameterization"
    geometry_type = TransposedConvolution1D
    estimator_type = Reparameterization


layer_conv_1d_transpose_reparameterization = layer_function(Conv1DTransposeReparameterization)


@estimator_layer
class Conv2DTransposeReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_2d_transpose_reparameterization"
    geometry_type = TransposedConvolution2D
    estimator_type = Reparameterization


layer_conv_2d_transpose_reparameterization = layer_function(Conv2DTransposeReparameterization)


@estimator_layer
class Conv3DTransposeReparameterization(ActivatedLinearLayer):
    function_name = "layer_conv_3d_transpose_reparameterization"
    geometry_type = TransposedConvolution3D
    estimator_type = Reparameterization


layer_conv_3d_transpose_reparameterization = layer_function(Conv3DTransposeReparameterization)


@estimator_layer
class DepthwiseConv1DFlipout(ActivatedLinearLayer):
    function_name = "layer_depthwise_conv_1d_flipout"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Flipout


layer_depthwise_conv_1d_flipout = layer_function(DepthwiseConv1DFlipout)


@estimator_layer
class DepthwiseConv2DFlipout(ActivatedLinearLayer):
    function_name = "layer_depthwise_conv_2d_flipout"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Flipout


layer_depthwise_conv_2d_flipout = layer_function(DepthwiseConv2DFlipout)


@estimator_layer
class DepthwiseConv1DReparameterization(ActivatedLinearLayer):
    function_name = "layer_depthwise_conv_1d_reparameterization"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Reparameterization


layer_depthwise_conv_1d_reparameterization = layer_function(DepthwiseConv1DReparameterization)


@estimator_layer
class DepthwiseConv2DReparameterization(ActivatedLinearLayer):
    function_name = "layer_depthwise_conv_2d_reparameterization"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Reparameterization


layer_depthwise_conv_2d_reparameterization = layer_function(DepthwiseConv2DReparameterization)


@estimator_layer
class SeparableConv1DFlipout(ActivatedLinearLayer):
    function_name = "layer_separable_conv_1d_flipout"
    geometry_type = SeparableConvolution1D
    estimator_type = Flipout


layer_separable_conv_1d_flipout = layer_function(SeparableConv1DFlipout)


@estimator_layer
class SeparableConv2DFlipout(ActivatedLinearLayer):
    function_name = "layer_separable_conv_2d_flipout"
    geometry_type = SeparableConvolution2D
    estimator_type = Flipout


layer_separable_conv_2d_flipout = layer_function(SeparableConv2DFlipout)


@estimator_layer
class SeparableConv1DReparameterization(ActivatedLinearLayer):
    function_name = "layer_separable_conv_1d_reparameterization"
    geometry_type = SeparableConvolution1D
    estimator_type = Reparameterization


layer_separable_conv_1d_reparameterization = layer_function(SeparableConv1DReparameterization)


@estimator_layer
class SeparableConv2DReparameterization(ActivatedLinearLayer):
    function_name = "layer_separable_conv_2d_reparameterization"
    geometry_type = SeparableConvolution2D
    estimator_type = Reparameterization


layer_separable_conv_2d_reparameterization = layer_function(SeparableConv2DReparameterization)


@estimator_layer
class Conv1DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_1d_rank1"
    geometry_type = Convolution1D
    estimator_type = Rank1


layer_conv_1d_rank1 = layer_function(Conv1DRank1)


@estimator_layer
class Conv2DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_2d_rank1"
    geometry_type = Convolution2D
    estimator_type = Rank1


layer_conv_2d_rank1 = layer_function(Conv2DRank1)


@estimator_layer
class Conv3DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_3d_rank1"
    geometry_type = Convolution3D
    estimator_type = Rank1


layer_conv_3d_rank1 = layer_function(Conv3DRank1)


@estimator_layer
class Conv1DTransposeRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_1d_transpose_rank1"
    geometry_type = TransposedConvolution1D
    estimator_type = Rank1


layer_conv_1d_transpose_rank1 = layer_function(Conv1DTransposeRank1)


@estimator_layer
class Conv2DTransposeRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_2d_transpose_rank1"
    geometry_type = TransposedConvolution2D
    estimator_type = Rank1


layer_conv_2d_transpose_rank1 = layer_function(Conv2DTransposeRank1)


@estimator_layer
class Conv3DTransposeRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_conv_3d_transpose_rank1"
    geometry_type = TransposedConvolution3D
    estimator_type = Rank1


layer_conv_3d_transpose_rank1 = layer_function(Conv3DTransposeRank1)


@estimator_layer
class DepthwiseConv1DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_depthwise_conv_1d_rank1"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Rank1


layer_depthwise_conv_1d_rank1 = layer_function(DepthwiseConv1DRank1)


@estimator_layer
class DepthwiseConv2DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_depthwise_conv_2d_rank1"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Rank1


layer_depthwise_conv_2d_rank1 = layer_function(DepthwiseConv2DRank1)


@estimator_layer
class SeparableConv1DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_separable_conv_1d_rank1"
    geometry_type = SeparableConvolution1D
    estimator_type = Rank1


layer_separable_conv_1d_rank1 = layer_function(SeparableConv1DRank1)


@estimator_layer
class SeparableConv2DRank1(ActivatedLinearLayer, Rank1Layer):
    function_name = "layer_separable_conv_2d_rank1"
    geometry_type = SeparableConvolution2D
    estimator_type = Rank1


layer_separable_conv_2d_rank1 = layer_function(SeparableConv2DRank1)
