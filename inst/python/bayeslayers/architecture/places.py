"""Where a layer has the layers that it makes by itself: in attributes, and in what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from bayeslayers.architecture.walk import held_layers, is_graph
from bayeslayers.compat import attributes_of, exchange_held_layer

Place = tuple[str | int, ...]
"""From a layer inwards: names of attributes, indices of lists and tuples, keys of dictionaries."""


def place_of(layer: keras.Layer, held: keras.Layer) -> Place | None:
    """Return the place of a layer inside another one, or `None` where it can't be told."""
    return next((place for place, found in _places(layer, set()) if found is held), None)


def layer_at(layer: keras.Layer, place: Place) -> Any:
    """Return the layer in a place, or what is there instead."""
    found: Any = layer
    for part in place:
        found = getattr(found, str(part)) if isinstance(found, keras.Layer) else found[part]
    return found


def exchange(layer: keras.Layer, old: keras.Layer, new: keras.Layer) -> None:
    """Put another layer in all places that a layer has inside another one.

    The graph of a model that is inside keeps the layer.
    """
    for holder in _holders(layer):
        if any(held is old for held in holder._layers):
            exchange_held_layer(holder, old, new)
            for name, value in attributes_of(holder).items():
                exchanged = _exchanged(value, old, new)
                if exchanged is not value:
                    setattr(holder, name, exchanged)


def _holders(layer: keras.Layer) -> list[keras.Layer]:
    """Return a layer and those in it that hold others in attributes, each once."""
    found = [layer]
    for holder in found:
        held = [each for each in held_layers(holder) if not is_graph(each)]
        found += [each for each in held if not any(each is known for known in found)]
    return found


def _places(layer: keras.Layer, seen: set[int]) -> Iterator[tuple[Place, keras.Layer]]:
    seen.add(id(layer))
    for name, value in attributes_of(layer).items():
        for place, held in _within(value, (name,)):
            yield place, held
            if id(held) not in seen:
                yield from (((*place, *inner), each) for inner, each in _places(held, seen))


def _within(value: Any, place: Place) -> Iterator[tuple[Place, keras.Layer]]:
    """Go through the layers in the value of an attribute."""
    if isinstance(value, keras.Layer):
        yield place, value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _within(item, (*place, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):  # A file has no other keys.
                yield from _within(item, (*place, key))


def _exchanged(value: Any, old: keras.Layer, new: keras.Layer) -> Any:
    """Return the value of an attribute with another layer in a layer's place.

    Lists and dictionaries stay the objects that they are, as others may have them too. Keras's own
    kinds of them would take the new layer for a further one.
    """
    if value is old:
        return new
    # First, as on TensorFlow a tuple passes for a list, too.
    if isinstance(value, tuple):
        items = [_exchanged(item, old, new) for item in value]
        if any(item is not before for item, before in zip(items, value, strict=True)):
            kind = value.__class__
            return kind(*items) if hasattr(value, "_fields") else kind(items)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            list.__setitem__(value, index, _exchanged(item, old, new))
    elif isinstance(value, dict):
        for key, item in value.items():
            dict.__setitem__(value, key, _exchanged(item, old, new))
    return value
