"""Draws of a model's weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers import backend
from bayeslayers.architecture.walk import all_layers, bayesian_layers
from bayeslayers.base_layers.model_draw import ModelDraw, drawing
from bayeslayers.predictive.compiled import compiled_once
from bayeslayers.predictive.seeds import seeds_in_parts


def draws_of_weights(model: keras.Model, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Return draws of all random weights of a model, (draws, ...) each.

    Args:
        model: A Keras model, in which layers with a posterior have different names.
        draws: The number of draws.
        seed: Whole number that the draws follow from.

    Returns:
        The draws by the names of layer and weight, as "dense.kernel".
    """
    specification = backend.tensor_specification((None, 3), "int32")
    function = compiled_once(model, "weights", _UnderDraws, [specification])
    weights: dict[str, np.ndarray] = {}
    for places, part_seeds in seeds_in_parts(seed, draws):
        for name, weight in function(part_seeds).items():
            part = ops.convert_to_numpy(weight)
            whole = weights.setdefault(name, np.empty((draws, *part.shape[1:]), part.dtype))
            whole[places] = part
    return weights


@dataclass(frozen=True)
class _UnderDraws:
    """All random weights of a model under draws: (draws, ...) each."""

    model: Callable[[], keras.Model]

    def __call__(self, seeds: Any) -> dict[str, Any]:
        model = self.model()
        return backend.map_draws(lambda seed: _weights(model, seed), seeds)


def _weights(model: keras.Model, seed: Any) -> dict[str, Any]:
    """Return all random weights under one draw."""
    draw = ModelDraw(seed, 0, all_layers(model))
    with drawing(draw):
        # JAX hands on the items of any other dictionary in the order of the alphabet.
        return OrderedDict(
            (f"{layer.name}.{name}", weight)
            for layer in bayesian_layers(model)
            for name, weight in layer.weights_in_draw(draw).items()
        )
