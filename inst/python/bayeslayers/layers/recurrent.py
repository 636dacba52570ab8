"""The recurrent layers of the family: each pairs an estimator with a cell."""

from __future__ import annotations

from bayeslayers.base_layers.lstm_layer import LSTMLayer
from bayeslayers.base_layers.publishing import estimator_layer
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.base_layers.recurrent_layer import RecurrentLayer
from bayeslayers.contract.functions import layer_function
from bayeslayers.estimators import Flipout, Rank1, Reparameterization
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


@estimator_layer
class LSTMRank1(LSTMLayer, Rank1Layer):
    function_name = "layer_lstm_rank1"
    geometry_type = LSTM
    estimator_type = Rank1


layer_lstm_rank1 = layer_function(LSTMRank1)


@estimator_layer
class GRURank1(RecurrentLayer, Rank1Layer):
    function_name = "layer_gru_rank1"
    geometry_type = GRU
    estimator_type = Rank1


layer_gru_rank1 = layer_function(GRURank1)
