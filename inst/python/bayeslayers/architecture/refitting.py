"""Put layers in the places of those that another layer makes by itself, in a copy of that layer."""

from __future__ import annotations

import contextlib
from typing import Protocol

import keras

from bayeslayers.architecture.places import Place, exchange, place_of
from bayeslayers.architecture.refitted import (
    Refitted,
    class_of,
    has_build,
    refit,
    without_warning_of_unbuilt_state,
)
from bayeslayers.architecture.walk import Replacement, all_layers, held_layers, is_graph, is_ours


class RefusalError(Exception):
    """A layer can't have another one in the place of one that it makes by itself."""


class Cloning(Protocol):
    """What is known while a model is copied."""

    def clone(self, operation: keras.Layer) -> keras.Layer:
        """Return the clone of a layer, the same at each call."""

    def keep(self, operation: keras.Layer, clone: keras.Layer) -> None:
        """Take a layer of the copy for the clone of one of the model."""

    def known(self, layer: keras.Layer) -> keras.Layer | None:
        """Return the clone of a layer, if there is one."""

    def replacement(self, layer: keras.Layer) -> keras.Layer | None:
        """Return what takes a layer's place, or `None`."""


def described(layer: keras.Layer) -> str:
    """Return the class and the name of a layer."""
    return f"{class_of(layer).__name__} {layer.name!r}"


def wanted_inside(layer: keras.Layer, replacement: Replacement) -> list[keras.Layer]:
    """Return the layers inside another one whose places others would take."""
    wanted: list[keras.Layer] = []
    seen: set[int] = {id(layer)}
    waiting = [layer]
    while waiting:
        for held in held_layers(waiting.pop()):
            if id(held) not in seen:
                seen.add(id(held))
                (waiting if replacement(held) is None else wanted).append(held)
    return wanted


def build_like(layer: keras.Layer, copy: keras.Layer) -> None:
    """Build a copy as the layer was built, with variables of the same names."""
    if not layer.built or copy.built:
        return
    with contextlib.ExitStack() as scopes:
        for name in (layer.path or "").split("/")[:-1]:
            scopes.enter_context(keras.name_scope(name))
        scopes.enter_context(without_warning_of_unbuilt_state())
        config = layer.get_build_config()
        if config and "input_shape" in config and not has_build(layer):
            # The layers inside it are built by themselves; Keras would trace its call for that.
            copy.build(config["input_shape"])
        else:
            copy.build_from_config(config)
        copy.built = True


def _kinds(model: keras.Layer) -> list[type[keras.Layer]]:
    """Return the classes of a model's layers, but for inputs, which come when it is built."""
    kinds = map(class_of, all_layers(model))
    return [kind for kind in kinds if kind is not keras.layers.InputLayer]


def _build_all_like(layer: keras.Layer, copy: keras.Layer) -> None:
    """Build a copy and the layers in it as those of the layer were built.

    Keras would trace the call of a layer without `build()` to build what is in it.
    """
    if class_of(layer) is class_of(copy):
        for held, own in zip(held_layers(layer), held_layers(copy), strict=True):
            _build_all_like(held, own)
    build_like(layer, copy)


def refit_like(layer: keras.Layer, copy: keras.Layer, cloning: Cloning) -> list[keras.Layer]:
    """Put into the copy of a layer what takes the places of the layers that it makes by itself.

    Args:
        layer: The layer.
        copy: A new layer of the same configuration.
        cloning: What is known of the model's copy.

    Returns:
        The layers that others are in the places of.

    Raises:
        RefusalError: If the layer can't have another one in such a place.
    """
    refitting = _Refitting(copy, cloning)
    if isinstance(layer, Refitted) or refitting.has_to_be_done(layer):
        refitting.run(layer)
    return refitting.displaced


class _Refitting:
    """Layers put into one copy of a layer.

    Args:
        copy: The copy.
        cloning: What is known of the model's copy.
    """

    def __init__(self, copy: keras.Layer, cloning: Cloning) -> None:
        self._copy = copy
        self._cloning = cloning
        self._seen: set[int] = set()
        self._models: list[tuple[keras.Layer, keras.Layer]] = []
        self._places: list[Place] = []
        self.displaced: list[keras.Layer] = []

    def has_to_be_done(self, layer: keras.Layer) -> bool:
        """Whether anything that a layer makes by itself has to be another layer."""
        kinds = {class_of(held) for held in all_layers(self._copy)}
        clones = map(self._cloning.known, wanted_inside(layer, self._cloning.replacement))
        return any(clone is None or class_of(clone) not in kinds for clone in clones)

    def run(self, layer: keras.Layer) -> None:
        if has_build(layer):
            # The layer may make others when it is built.
            build_like(layer, self._copy)
        self._exchange_in(layer, self._copy)
        # Models after the layers that may be in them, too, so that those are known.
        for model, own in self._models:
            self._exchange_model(model, own)
        self._check_weights()
        if self._places:
            refit(self._copy, self._places)
        _build_all_like(layer, self._copy)

    def _exchange_in(self, layer: keras.Layer, copy: keras.Layer) -> None:
        held = held_layers(layer)
        if len(held) != len(held_layers(copy)):
            # The layer makes others when it is built.
            build_like(layer, copy)
        copies = held_layers(copy)
        if len(held) != len(copies):
            raise RefusalError(f"{described(layer)} holds other layers when it is made anew")
        for child, own in zip(held, copies, strict=True):
            if id(child) in self._seen or self._cloning.known(child) is own:
                continue
            self._seen.add(id(child))
            if is_graph(child):
                self._models.append((child, own))
            elif (new := self._instead_of(own, child)) is not None:
                self._put(new, own, child)
            elif not is_ours(child):
                self._exchange_in(child, own)

    def _instead_of(self, own: keras.Layer, child: keras.Layer) -> keras.Layer | None:
        """Return what the copy has to hold for a layer that the other one makes by itself.

        Args:
            own: What the copy has made.
            child: The layer.

        Returns:
            `None`, if it is what the copy has made.
        """
        cloning = self._cloning
        new = cloning.known(child)
        if new is None:
            new = cloning.replacement(child)
        if new is None and class_of(child) is not class_of(own):
            new = cloning.clone(child)  # It was put in by an earlier conversion.
        if new is None or class_of(new) is class_of(own):
            if cloning.known(child) is None:
                cloning.keep(child, own)
            return None
        cloning.keep(child, new)
        return new

    def _exchange_model(self, model: keras.Layer, own: keras.Layer) -> None:
        clone = self._cloning.clone(model)
        if _kinds(clone) != _kinds(own):
            self._put(clone, own, model)

    def _put(self, new: keras.Layer, own: keras.Layer, child: keras.Layer) -> None:
        """Put a layer in the places of one that the copy has made."""
        exchange(self._copy, own, new)
        place = place_of(self._copy, new)
        if place is None:
            text = "is in no attribute, list, tuple or dictionary with names as keys"
            raise RefusalError(f"{described(child)} {text}")
        build_like(child, new)
        self._places.append(place)
        self.displaced.append(own)

    def _check_weights(self) -> None:
        """Refuse a layer that also has weights of another one by themselves."""
        alive = {id(layer) for layer in all_layers(self._copy)}
        weights = {id(weight) for weight in self._copy.weights}
        gone = [each for layer in self.displaced for each in all_layers(layer)]
        for layer in gone:
            is_alone = id(layer) not in alive and not held_layers(layer)
            if is_alone and any(id(weight) in weights for weight in layer.weights):
                raise RefusalError(f"{described(layer)} is not the only one with its weights")
