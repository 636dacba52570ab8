"""Low-rank adaptation of a copy of a model: what stays as it was, and what is trained."""

from __future__ import annotations

import keras

from bayeslayers.architecture.cloning import Copy
from bayeslayers.architecture.counterparts import trained_weights
from bayeslayers.architecture.walk import all_layers, held_layers
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.low_rank_layer import LowRankLayer


def adapt(copy: Copy) -> None:
    """Give the layers that take others' places their weights, and freeze all other plain ones.

    Args:
        copy: A copy of a model, in which layers with low-rank updates take the places of others.
    """
    for pair in copy.replaced:
        assert isinstance(pair.copy, LowRankLayer)
        pair.copy.keep_trained(trained_weights(pair.layer))
    _freeze_plain_layers(copy.model, [pair.copy for pair in copy.replaced])


def _freeze_plain_layers(model: keras.Model, trained: list[keras.Layer]) -> None:
    """Let training change no weight but those of layers with a posterior.

    Args:
        model: A model that nobody else has.
        trained: Layers with a posterior that are trained, whatever was frozen before.
    """
    ours = [layer for layer in all_layers(model) if isinstance(layer, BayesianLayer)]
    flags = {id(layer): layer.trainable for layer in ours}
    flags |= {id(layer): True for layer in trained}
    _freeze_around(model)
    for layer in ours:
        _set_trainable(layer, flags[id(layer)])


def _freeze_around(layer: keras.Layer) -> None:
    """Freeze all in a layer that is around layers with a posterior, but for these."""
    # Nothing inside a frozen layer trains.
    _set_trainable(layer, True)
    held = held_layers(layer)
    inner = {id(variable) for each in held for variable in each.variables}
    for variable in layer.trainable_variables:
        if id(variable) not in inner:
            variable.trainable = False
    for each in held:
        inside = all_layers(each)
        if isinstance(each, BayesianLayer):
            continue
        if any(isinstance(one, BayesianLayer) for one in inside):
            _freeze_around(each)
        else:
            for one in inside:
                _set_trainable(one, False)


def _set_trainable(layer: keras.Layer, value: bool) -> None:
    # Keras passes over the value that is there already, and all inside that has another one.
    layer.trainable = not value
    layer.trainable = value
