"""The convolution layers of the family: each pairs an estimator with a geometry.

Their documentation is put together from the two.
"""

from __future__ import annotations

import keras

from bayeslayers.base_layers.linear_layer import LinearLayer
from bayeslayers.estimators import Flipout, LocalReparameterization, Reparameterization
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


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DFlipout(LinearLayer):
    function_name = "layer_conv_1d_flipout"
    geometry_type = Convolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DFlipout(LinearLayer):
    function_name = "layer_conv_2d_flipout"
    geometry_type = Convolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DFlipout(LinearLayer):
    function_name = "layer_conv_3d_flipout"
    geometry_type = Convolution3D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DReparameterization(LinearLayer):
    function_name = "layer_conv_1d_reparameterization"
    geometry_type = Convolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DReparameterization(LinearLayer):
    function_name = "layer_conv_2d_reparameterization"
    geometry_type = Convolution2D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DReparameterization(LinearLayer):
    function_name = "layer_conv_3d_reparameterization"
    geometry_type = Convolution3D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DLocalReparameterization(LinearLayer):
    function_name = "layer_conv_1d_local_reparameterization"
    geometry_type = Convolution1D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DLocalReparameterization(LinearLayer):
    function_name = "layer_conv_2d_local_reparameterization"
    geometry_type = Convolution2D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DLocalReparameterization(LinearLayer):
    function_name = "layer_conv_3d_local_reparameterization"
    geometry_type = Convolution3D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DTransposeFlipout(LinearLayer):
    function_name = "layer_conv_1d_transpose_flipout"
    geometry_type = TransposedConvolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DTransposeFlipout(LinearLayer):
    function_name = "layer_conv_2d_transpose_flipout"
    geometry_type = TransposedConvolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DTransposeFlipout(LinearLayer):
    function_name = "layer_conv_3d_transpose_flipout"
    geometry_type = TransposedConvolution3D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DTransposeReparameterization(LinearLayer):
    function_name = "layer_conv_1d_transpose_reparameterization"
    geometry_type = TransposedConvolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DTransposeReparameterization(LinearLayer):
    function_name = "layer_conv_2d_transpose_reparameterization"
    geometry_type = TransposedConvolution2D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DTransposeReparameterization(LinearLayer):
    function_name = "layer_conv_3d_transpose_reparameterization"
    geometry_type = TransposedConvolution3D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv1DFlipout(LinearLayer):
    function_name = "layer_depthwise_conv_1d_flipout"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv2DFlipout(LinearLayer):
    function_name = "layer_depthwise_conv_2d_flipout"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv1DReparameterization(LinearLayer):
    function_name = "layer_depthwise_conv_1d_reparameterization"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv2DReparameterization(LinearLayer):
    function_name = "layer_depthwise_conv_2d_reparameterization"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class SeparableConv1DFlipout(LinearLayer):
    function_name = "layer_separable_conv_1d_flipout"
    geometry_type = SeparableConvolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class SeparableConv2DFlipout(LinearLayer):
    function_name = "layer_separable_conv_2d_flipout"
    geometry_type = SeparableConvolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class SeparableConv1DReparameterization(LinearLayer):
    function_name = "layer_separable_conv_1d_reparameterization"
    geometry_type = SeparableConvolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class SeparableConv2DReparameterization(LinearLayer):
    function_name = "layer_separable_conv_2d_reparameterization"
    geometry_type = SeparableConvolution2D
    estimator_type = Reparameterization
