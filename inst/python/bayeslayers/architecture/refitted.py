"""Layers with other layers in the places of those that they make by themselves.

The configuration of such a layer makes the layers that it is written to make. A file needs those
that were put in as well, so the layer gets a class that saves them beside its configuration.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import keras

from bayeslayers.architecture.places import Place, exchange, layer_at

_PLACES, _WRITTEN = "_refitted_places", "_refitted_as_written"
# What a layer has of its own while a model is copied.
_CONFIG = "get_config"


@contextlib.contextmanager
def without_warning_of_unbuilt_state() -> Iterator[None]:
    """Build a layer that has no `build()`: the layers inside it are built later or one by one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*unbuilt state")
        yield


@keras.saving.register_keras_serializable("bayeslayers")
class Refitted(keras.Layer):
    """What the class of a layer gets in front of it when layers are exchanged inside it."""

    def get_config(self) -> dict[str, Any]:
        """Return the layer as it is written, and the layers that were put in, with their places."""
        exchanged = [
            {"place": list(place), "layer": keras.saving.serialize_keras_object(held)}
            for place, held in ((each, layer_at(self, each)) for each in vars(self)[_PLACES])
        ]
        built = [
            {"place": list(place), "build_config": keras.saving.serialize_keras_object(config)}
            for place, config in self._built_around()
        ]
        written = keras.saving.serialize_keras_object(self._as_written())
        return {"layer": written, "built": built, "exchanged": exchanged}

    def _built_around(self) -> list[tuple[Place, dict[str, Any]]]:
        """Return how the layers around those that were put in were built.

        They may make them when they are built, and nothing else says in a file how that is done.
        """
        parts = {place[:end] for place in vars(self)[_PLACES] for end in range(1, len(place))}
        found = [(place, layer_at(self, place)) for place in sorted(parts, key=len)]
        return [
            (place, config)
            for place, held in found
            if isinstance(held, keras.Layer) and has_build(held)
            if (config := held.get_build_config())
        ]

    def _as_written(self) -> keras.Layer:
        """Return the layer with its own class, for its configuration only.

        It is the same object each time: while Keras saves a model, it knows objects by identity.
        """
        if _WRITTEN not in vars(self):
            # In an object that Keras does not look into when it saves what a layer holds.
            self.__dict__[_WRITTEN] = SimpleNamespace(layer=object.__new__(class_of(self)))
        double = vars(self)[_WRITTEN].layer
        vars(double).clear()
        vars(double).update({n: v for n, v in vars(self).items() if n not in (_WRITTEN, _CONFIG)})
        return double

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> keras.Layer:
        """Make the layer that `get_config` described."""
        with without_warning_of_unbuilt_state():
            layer = keras.saving.deserialize_keras_object(config["layer"])
            for entry in config["built"]:
                held = layer_at(layer, tuple(entry["place"]))
                if not held.built:
                    held.build_from_config(entry["build_config"])
        places = []
        for entry in config["exchanged"]:
            place = tuple(entry["place"])
            new = keras.saving.deserialize_keras_object(entry["layer"])
            exchange(layer, layer_at(layer, place), new)
            places.append(place)
        return refit(layer, places)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer, unless it was: it would make its layers anew."""
        if not self.built:
            with without_warning_of_unbuilt_state():
                super().build_from_config(config)


def refit(layer: keras.Layer, places: list[Place]) -> keras.Layer:
    """Let a layer save the layers that were put into it, in some places."""
    layer.__class__ = _refitted_class(class_of(layer))
    layer.__dict__[_PLACES] = places
    return layer


def has_build(layer: keras.Layer) -> bool:
    """Whether the class of a layer says how it is built."""
    return class_of(layer).build is not keras.Layer.build


def class_of(layer: keras.Layer) -> type[keras.Layer]:
    """Return the class that a layer is written as."""
    kind = type(layer)
    return kind.__mro__[2] if issubclass(kind, Refitted) else kind


_classes: dict[type[keras.Layer], type[keras.Layer]] = {}


def _refitted_class(kind: type[keras.Layer]) -> type[keras.Layer]:
    """Return a class with the name of another one, whose layers save what was put into them."""
    if kind not in _classes:
        _classes[kind] = _new_class(kind)
    return _classes[kind]


def _new_class(kind: type[keras.Layer]) -> type[keras.Layer]:
    names = {"__module__": kind.__module__, "__doc__": kind.__doc__}
    refitted = type(kind.__name__, (Refitted, kind), names)
    # All such classes have one name in files: whichever reads it, the layer in it tells the class.
    return keras.saving.register_keras_serializable("bayeslayers", "Refitted")(refitted)
