"""The convolution layers of the family: each pairs an estimator with a geometry.

Their documentation is put together from the two.
"""

from __future__ import annotations

import keras

from bayeslayers.estimators import Flipout, LocalReparameterization, Reparameterization
from bayeslayers.geometries import (
    Convolution1D,
    Convolution2D,
    Convolution3D,
    DepthwiseConvolution1D,
    DepthwiseConvolution2D,
    TransposedConvolution1D,
    TransposedConvolution2D,
    TransposedConvolution3D,
)
from bayeslayers.layers.variational import VariationalLayer


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DFlipout(VariationalLayer):
    function_name = "layer_conv_1d_flipout"
    geometry_type = Convolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DFlipout(VariationalLayer):
    function_name = "layer_conv_2d_flipout"
    geometry_type = Convolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DFlipout(VariationalLayer):
    function_name = "layer_conv_3d_flipout"
    geometry_type = Convolution3D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DReparameterization(VariationalLayer):
    function_name = "layer_conv_1d_reparameterization"
    geometry_type = Convolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DReparameterization(VariationalLayer):
    function_name = "layer_conv_2d_reparameterization"
    geometry_type = Convolution2D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DReparameterization(VariationalLayer):
    function_name = "layer_conv_3d_reparameterization"
    geometry_type = Convolution3D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DLocalReparameterization(VariationalLayer):
    function_name = "layer_conv_1d_local_reparameterization"
    geometry_type = Convolution1D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DLocalReparameterization(VariationalLayer):
    function_name = "layer_conv_2d_local_reparameterization"
    geometry_type = Convolution2D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DLocalReparameterization(VariationalLayer):
    function_name = "layer_conv_3d_local_reparameterization"
    geometry_type = Convolution3D
    estimator_type = LocalReparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DTransposeFlipout(VariationalLayer):
    function_name = "layer_conv_1d_transpose_flipout"
    geometry_type = TransposedConvolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DTransposeFlipout(VariationalLayer):
    function_name = "layer_conv_2d_transpose_flipout"
    geometry_type = TransposedConvolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DTransposeFlipout(VariationalLayer):
    function_name = "layer_conv_3d_transpose_flipout"
    geometry_type = TransposedConvolution3D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DTransposeReparameterization(VariationalLayer):
    function_name = "layer_conv_1d_transpose_reparameterization"
    geometry_type = TransposedConvolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DTransposeReparameterization(VariationalLayer):
    function_name = "layer_conv_2d_transpose_reparameterization"
    geometry_type = TransposedConvolution2D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DTransposeReparameterization(VariationalLayer):
    function_name = "layer_conv_3d_transpose_reparameterization"
    geometry_type = TransposedConvolution3D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv1DFlipout(VariationalLayer):
    function_name = "layer_depthwise_conv_1d_flipout"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv2DFlipout(VariationalLayer):
    function_name = "layer_depthwise_conv_2d_flipout"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv1DReparameterization(VariationalLayer):
    function_name = "layer_depthwise_conv_1d_reparameterization"
    geometry_type = DepthwiseConvolution1D
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class DepthwiseConv2DReparameterization(VariationalLayer):
    function_name = "layer_depthwise_conv_2d_reparameterization"
    geometry_type = DepthwiseConvolution2D
    estimator_type = Reparameterization
