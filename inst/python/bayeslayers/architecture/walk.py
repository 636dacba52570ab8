"""Find the layers of the family in a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import keras

from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.keras_objects import as_loss
from bayeslayers.compat import flat_layers, own_losses
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.layers.kl_divergence import KLDivergenceRegularizer

Replacement = Callable[[keras.Layer], keras.Layer | None]
"""Returns what takes a layer's place, or `None`."""


def check_model(model: Any) -> keras.Layer:
    """Return the model, or refuse what is none."""
    if not isinstance(model, keras.Layer):
        rule = "must be a Keras 3 model or layer"
        received = Described(f"a {type(model).__module__}.{type(model).__qualname__}")
        raise ArgumentError("model", rule, {"model": received})
    return model


def is_ours(layer: keras.Layer) -> bool:
    """Whether a layer is of a class of this package."""
    return type(layer).__module__.startswith("bayeslayers.")


def all_layers(model: keras.Layer) -> list[keras.Layer]:
    """Return the model and every layer in it, however deep, each once."""
    return flat_layers(model)


def is_graph(layer: keras.Layer) -> bool:
    """Whether a layer is a model that calls its layers as a graph of them says."""
    return isinstance(layer, (keras.Sequential, keras.Function))


def held_layers(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a model or layer, in an order that its copies share."""
    if is_graph(layer):
        return layer.layers
    return flat_layers(layer, direct=True)


@dataclass(frozen=True)
class Located:
    """A layer and where it is in a model.

    Args:
        layer: The layer.
        holders: The layers around it, from the model inwards.
    """

    layer: keras.Layer
    holders: tuple[keras.Layer, ...] = ()

    @property
    def place(self) -> str:
        """The names of the layer and of those around it, without the model's own."""
        return "/".join(layer.name for layer in (*self.holders[1:], self.layer))


def located_layers(model: keras.Layer) -> list[Located]:
    """Return every layer in a model, however deep, each once, the holders before what they hold.

    Layers inside those of this package are left out.
    """
    found: list[Located] = []
    seen = {id(model)}
    waiting = [Located(model)]
    while waiting:
        holder = waiting.pop()
        if holder.layer is not model:
            found.append(holder)
        if is_ours(holder.layer):
            continue
        held = [layer for layer in held_layers(holder.layer) if id(layer) not in seen]
        seen.update(map(id, held))
        holders = (*holder.holders, holder.layer)
        waiting.extend(Located(layer, holders) for layer in reversed(held))
    return found


def bayesian_layers(model: Any, *, built: bool = True) -> list[BayesianLayer]:
    """Return the layers of a model that add divergences.

    Args:
        model: A Keras model.
        built: Whether they must have been built.

    Raises:
        ArgumentError: If `model` is no model, has no such layer, or one is not built.
    """
    found = [layer for layer in all_layers(check_model(model)) if isinstance(layer, BayesianLayer)]
    if not found:
        rule = "must contain a layer with a posterior, such as `layer_dense_flipout()`"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r} without one")})
    unbuilt = [layer.name for layer in found if not layer.built]
    if built and unbuilt:
        rule = "must have been built: call it once, or give its first layer an `input_shape`"
        received = Described(f"{model.name!r}, whose layers {unbuilt} are not")
        raise ArgumentError("model", rule, {"model": received})
    return found


def added_divergences(model: keras.Layer) -> list[Any] | None:
    """Return the divergences that the layers added to the losses in the current forward pass.

    Of a layer that is not ours, they are what it added by `add_loss()`. Keras adds penalties on
    activities in the same way, and they can't be told apart: a layer that has an activity
    regularizer is passed over, but where that is a divergence itself.

    Returns:
        Numbers; `None` if no layer of the model has added any, or could.
    """
    layers = all_layers(model)
    ours = [layer for layer in layers if isinstance(layer, BayesianLayer)]
    others = [
        layer
        for layer in layers
        if not isinstance(layer, BayesianLayer)
        and isinstance(layer.activity_regularizer, (KLDivergenceRegularizer, NoneType))
    ]
    # A layer that is not called in this pass may still hold the losses of an earlier one.
    current = {id(loss) for loss in model.losses}
    added = [d for layer in ours for d in layer.added_divergences if id(d) in current]
    for layer in others:
        # Keras does the same with a loss that is not a single number of its dtype.
        added += [as_loss(keras.ops.sum(loss)) for loss in own_losses(layer, model)]
    return added if added or ours else None
