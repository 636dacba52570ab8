"""The recurrent layers of the family: each pairs an estimator with a cell."""

from __future__ import annotations

from bayeslayers.base_layers.lstm_layer import LSTMLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.recurrent_layer import RecurrentLayer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, Reparameterization
from bayeslayers.geometries import GRU, LSTM


@estimator_layer
class LSTMFlipout(LSTMLayer):
    function_name = "layer_lstm_flipout"
    geometry_type = LSTM
    estimator_type = Flipout


layer_lstm_flipout = layer_function(LSTMFlipout)


@estimator_layer
class LSTMReparameterization(LSTMLayer):
    function_name = "layer_lstm_reparameterization"
    geometry_type = LSTM
    estimator_type = Reparameterization


layer_lstm_reparameterization = layer_function(LSTMReparameterization)


@estimator_layer
class GRUFlipout(RecurrentLayer):
    function_name = "layer_gru_flipout"
    geometry_type = GRU
    estimator_type = Flipout


layer_gru_flipout = layer_function(GRUFlipout)


@estimator_layer
class GRUReparameterization(RecurrentLayer):
    function_name = "layer_gru_reparameterization"
    geometry_type = GRU
    estimator_type = Reparameterization


layer_gru_reparameterization = layer_function(GRUReparameterization)
