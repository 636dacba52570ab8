"""Dropout that acts in prediction: of Keras's layers alone, while all others predict as ever.

A whole model that is called as in training would normalize by the statistics of its batches, and
change its moving averages.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from bayeslayers.architecture.walk import all_layers
from bayeslayers.base_layers.model_draw import ModelDraw, current_model_draw
from bayeslayers.base_layers.recurrent_layer import RecurrentLayer
from bayeslayers.contract.errors import ArgumentError, Described

# Those that multiply what they get by noise, which is a draw of the weights behind them; dropout
# of positions is among the first. Noise that is added to inputs is none.
_DROPPING = (keras.layers.Dropout, keras.layers.GaussianDropout, keras.layers.AlphaDropout)
# Two threads would take each other's `call` away.
_one_at_a_time = threading.RLock()


def check_dropout(model: keras.Layer) -> None:
    """Raise an error unless there is a layer in a model that drops something."""
    layers = all_layers(model)
    ours = (layer.geometry for layer in layers if isinstance(layer, RecurrentLayer))
    if not any(map(_drops, layers)) and not any(map(_has_rate, ours)):
        rule = (
            "must have a layer with a rate of dropout above 0 where `dropout` is true, such as "
            "Keras's `Dropout`"
        )
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r} without one")})


@contextmanager
def dropping(layers: Sequence[keras.Layer], draw: ModelDraw) -> Iterator[None]:
    """Let Keras's layers drop while a draw of the whole model is made that says so.

    Args:
        layers: The layers of the model.
        draw: The draw.
    """
    if not draw.dropout:
        yield
        return
    with _one_at_a_time:
        found = [layer for layer in layers if _drops(layer)]
        for layer in found:
            # Hidden from Keras, which tracks attributes.
            layer.__dict__["call"] = _Call(layer)
        try:
            yield
        finally:
            for layer in found:
                del layer.__dict__["call"]


class _Call:
    """What a layer computes: as in training under a draw that says so, else as ever.

    Other threads may call the layer at the same time, and have no such draw.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: keras.Layer) -> None:
        self._layer = layer
        self._call = type(layer).call
        self.__signature__ = inspect.signature(layer.call)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        draw = current_model_draw()
        if draw is None or not draw.dropout:
            return self._call(self._layer, *args, **kwargs)
        given = self.__signature__.bind(*args, **kwargs)
        # A subclass may drop in any case.
        if "training" in self.__signature__.parameters:
            given.arguments["training"] = True
        return self._call(_with_seeds_of(draw, self._layer), *given.args, **given.kwargs)


def _with_seeds_of(draw: ModelDraw, layer: Any) -> Any:
    """Return a layer that shares all of another's state, and draws from the seeds of a draw.

    Masks that a cell of a recurrent layer keeps from step to step are those of the twin alone.
    """
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__.pop("call", None)
    twin.__dict__["seed_generator"] = draw.seed_generator()
    if isinstance(layer, keras.layers.RNN):
        twin.__dict__["cell"] = _with_seeds_of(draw, layer.cell)
    if isinstance(layer, keras.layers.StackedRNNCells):
        twin.__dict__["cells"] = [_with_seeds_of(draw, cell) for cell in layer.cells]
    return twin


def _drops(layer: Any) -> bool:
    """Whether a layer of Keras's, called as in training, does nothing else but drop."""
    if isinstance(layer, _DROPPING):
        return layer.rate > 0
    if isinstance(layer, keras.layers.Attention):
        return _has_rate(layer)
    if not isinstance(layer, keras.layers.RNN):
        return False
    cells = getattr(layer.cell, "cells", [layer.cell])
    # Those of a class of one's own may do more in training.
    are_known = all(hasattr(cell, "get_dropout_mask") for cell in cells)
    return are_known and any(map(_has_rate, cells))


def _has_rate(layer: Any) -> bool:
    return layer.dropout > 0 or getattr(layer, "recurrent_dropout", 0) > 0
