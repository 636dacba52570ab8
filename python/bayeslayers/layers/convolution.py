"""The convolution layers of the family: each pairs an estimator with a geometry."""

from __future__ import annotations

import keras

from bayeslayers.estimators import Flipout
from bayeslayers.geometries import Convolution1D
from bayeslayers.layers.variational import VariationalLayer


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DFlipout(VariationalLayer):
    """1-D convolution with the Flipout estimator; the whole text is put together from its parts."""

    function_name = "layer_conv_1d_flipout"
    geometry_type = Convolution1D
    estimator_type = Flipout
