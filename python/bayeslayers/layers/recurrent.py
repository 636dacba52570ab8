"""The recurrent layers of the family: each pairs an estimator with a cell."""

from __future__ import annotations

import keras

from bayeslayers.base_layers.recurrent_layer import LSTMLayer, RecurrentLayer
from bayeslayers.estimators import Flipout, Reparameterization
from bayeslayers.geometries import GRU, LSTM


@keras.saving.register_keras_serializable("bayeslayers")
class LSTMFlipout(LSTMLayer):
    function_name = "layer_lstm_flipout"
    geometry_type = LSTM
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class LSTMReparameterization(LSTMLayer):
    function_name = "layer_lstm_reparameterization"
    geometry_type = LSTM
    estimator_type = Reparameterization


@keras.saving.register_keras_serializable("bayeslayers")
class GRUFlipout(RecurrentLayer):
    function_name = "layer_gru_flipout"
    geometry_type = GRU
    estimator_type = Flipout


@keras.saving.register_keras_serializable("bayeslayers")
class GRUReparameterization(RecurrentLayer):
    function_name = "layer_gru_reparameterization"
    geometry_type = GRU
    estimator_type = Reparameterization
