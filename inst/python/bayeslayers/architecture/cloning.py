"""Copies of models in which some layers are replaced, and all others keep what they are and hold.

Keras clones a layer from its configuration. That loses functions without a registered name, what a
layer computes from its state, and any layer inside another one. Here functions and layers stand
for themselves in configurations, and state goes the way that it takes into a file.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, overload

import keras

from bayeslayers.architecture.configurations import Configurations
from bayeslayers.architecture.walk import all_layers, held_layers
from bayeslayers.compat import copy_of_operation, in_order_of_outputs
from bayeslayers.contract.errors import ArgumentError, Described

Replacement = Callable[[keras.Layer], keras.Layer | None]
"""Returns what takes a layer's place, or `None`."""


def _no_replacement(layer: keras.Layer) -> None:
    """Leave all layers as they are."""


@dataclass(frozen=True)
class Pair:
    """A layer of a model, and what is in its place in the copy.

    Args:
        layer: The layer of the model that was copied.
        copy: The layer of the copy.
        holders: The layers around it, from the model inwards.
        was_asked_for: Whether another layer could have taken its place.
        failure: Why none did, where Keras could not build the layer around it.
    """

    layer: keras.Layer
    copy: keras.Layer
    holders: tuple[keras.Layer, ...] = ()
    was_asked_for: bool = True
    failure: Exception | None = None

    @property
    def place(self) -> str:
        """The names of the layer and of those around it, without the model's own."""
        return "/".join(layer.name for layer in (*self.holders[1:], self.layer))


@dataclass
class Copy:
    """A copy of a model.

    Args:
        model: The copy.
        replaced: The layers that others were put in the place of; their weights are not set.
        kept: The layers that are as they were, each once, the holders before what they hold.
    """

    model: keras.Model
    replaced: list[Pair] = field(default_factory=list)
    kept: list[Pair] = field(default_factory=list)


def copy_of(model: keras.Model, replacement: Replacement = _no_replacement) -> Copy:
    """Return a copy of a model that is not compiled.

    Args:
        model: A sequential or functional model.
        replacement: Returns what takes a layer's place, or `None`. It is asked for all layers that
            models list and that layers have as arguments. Layers that another one makes by itself
            stay as they are.

    Raises:
        ArgumentError: If the model's architecture can't be cloned.
    """
    rule = "must be a `Sequential` or functional model, whose architecture Keras can clone"
    if not isinstance(model, (keras.Sequential, keras.Function)):
        raise ArgumentError("model", rule, {"model": Described(f"a {type(model).__name__}")})
    cloning = _Cloning(replacement)
    try:
        copy = Copy(cloning.run(model))
        for pair in cloning.pairs(model, copy.model):
            if cloning.is_replaced(pair):
                copy.replaced.append(pair)
            else:
                _copy_state(pair.layer, pair.copy)
                copy.kept.append(pair)
    except ArgumentError:
        raise
    except Exception as error:  # What Keras and a user's own layers raise, there are many of.
        received = Described(f"a {type(model).__name__}: {in_one_line(error)}")
        raise ArgumentError("model", rule, {"model": received}) from error
    return copy


def in_one_line(error: Exception) -> str:
    """Return the text of an error of Keras, which spreads it over lines and sets it in bold."""
    return " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())


class _Cloning:
    """One copy of a model in the making.

    Args:
        replacement: Returns what takes a layer's place, or `None`.
        untried: A layer that is cloned without a trial whether it takes what it is to hold.
    """

    def __init__(self, replacement: Replacement, untried: keras.Layer | None = None) -> None:
        self._replacement = replacement
        self._untried = untried
        self._configurations = Configurations()
        # It keeps the objects alive, so that no other object gets their ids.
        self._clones: dict[int, tuple[Any, Any]] = {}
        self._replacements: dict[int, keras.Layer] = {}
        self._failures: dict[int, Exception] = {}

    def run(self, layer: keras.Layer) -> keras.Layer:
        """Return the clone of a layer or model."""
        with self._configurations.reading(self.clone):
            return self.clone(layer)

    @overload
    def clone(self, operation: keras.Layer) -> keras.Layer: ...
    @overload
    def clone(self, operation: keras.Operation) -> keras.Operation: ...
    def clone(self, operation: keras.Operation) -> keras.Operation:
        """Return the clone of a layer or operation, the same at each call."""
        key = id(operation)
        if key not in self._clones:
            self._clones[key] = (operation, self._clone(operation))
        return self._clones[key][1]

    def _clone(self, operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, keras.Layer):
            return copy_of_operation(operation)
        replacement = self._replacement(operation)
        if replacement is not None:
            self._replacements[id(operation)] = replacement
            return replacement
        if isinstance(operation, keras.Sequential):
            return self._clone_sequential(operation)
        if isinstance(operation, keras.Function):
            return self._clone_functional(operation)
        return self._clone_layer(operation)

    def _clone_sequential(self, model: keras.Sequential) -> keras.Sequential:
        kind = _class_of(model, keras.Sequential)
        # Unlike `model.layers`, this includes the layer of the inputs.
        layers = [self.clone(layer) for layer in super(keras.Sequential, model).layers]
        return kind(layers, name=model.name, trainable=model.trainable)

    # Keras has no public name for the class of functional models.
    def _clone_functional(self, model: Any) -> keras.Model:
        # Keras compiles the clone of a compiled model, and writes the loss down for that.
        bare = keras.Model(model.input, model.output, name=model.name)
        clones = {
            id(layer.output): self.clone(layer).output
            for layer in bare.layers
            if isinstance(layer, keras.layers.InputLayer)
        }
        inputs = keras.tree.map_structure(lambda tensor: clones[id(tensor)], bare.input)
        clone = keras.models.clone_model(bare, inputs, clone_function=self.clone)
        kind = _class_of(model, type(bare))
        outputs = in_order_of_outputs(model, clone.output)
        return kind(clone.input, outputs, name=model.name, trainable=model.trainable)

    def _clone_layer(self, layer: keras.Layer) -> keras.Layer:
        clone = self._configurations.layer_like(layer)
        is_around = any(id(held) in self._replacements for held in all_layers(layer))
        if not is_around or not layer.built or layer is self._untried:
            return clone
        # On separate clones, as a call changes a layer.
        failure = _failure(layer, _Cloning(self._replacement, layer))
        if failure is None or _failure(layer, _Cloning(_no_replacement)) is not None:
            return clone
        self._failures[id(layer)] = failure
        return _Cloning(_no_replacement).run(layer)

    def pairs(self, layer: keras.Layer, copy: keras.Layer) -> Iterator[Pair]:
        """Go through a model and its copy together: each layer once, and none in what is replaced.

        A layer that was built is built in the copy, too, before it comes.
        """
        seen: set[int] = set()
        waiting = [Pair(layer, copy)]
        while waiting:
            pair = waiting.pop()
            if id(pair.layer) in seen:
                continue
            seen.add(id(pair.layer))
            if pair.layer.built and not pair.copy.built:
                pair.copy.build_from_config(pair.layer.get_build_config())
            yield pair
            if not self.is_replaced(pair):
                waiting.extend(reversed(self._held_pairs(pair)))

    def _held_pairs(self, pair: Pair) -> list[Pair]:
        held, copies = held_layers(pair.layer), held_layers(pair.copy)
        if len(held) != len(copies):
            rule = "must hold layers that make the layers inside them anew from their configuration"
            received = Described(f"{pair.place!r}, of {len(held)} layers, of {len(copies)} anew")
            raise ArgumentError("model", rule, {"layer": received})
        failure = self._failures.get(id(pair.layer), pair.failure)
        holders = (*pair.holders, pair.layer)
        return [
            Pair(layer, copy, holders, id(layer) in self._clones, failure)
            for layer, copy in zip(held, copies, strict=True)
        ]

    def is_replaced(self, pair: Pair) -> bool:
        """Whether another layer is in a layer's place."""
        replacement = self._replacements.get(id(pair.layer))
        return replacement is not None and type(replacement) is type(pair.copy)


def _failure(layer: keras.Layer, cloning: _Cloning) -> Exception | None:
    """Return what goes wrong when the clone of a layer is called as the layer was."""
    shapes = layer.get_build_config() or {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clone = cloning.run(layer)
            if "input_shape" in shapes:
                clone(keras.KerasTensor(shapes["input_shape"], layer.input_dtype))
            else:
                clone.build_from_config(shapes)
    except Exception as error:  # Whatever it misses of the layers that were replaced.
        return error
    return None


def _class_of(model: keras.Model, kind: type[keras.Model]) -> type[keras.Model]:
    """Return the class of a model where its constructor is that of Keras's class."""
    return type(model) if type(model).__init__ is kind.__init__ else kind


def _numbers(value: Any) -> Any:
    """Return the value of a variable as an array, and all else as it is."""
    return keras.ops.convert_to_numpy(value) if isinstance(value, keras.Variable) else value


def _copy_state(layer: keras.Layer, copy: keras.Layer) -> None:
    """Copy a layer's own state by what saves and loads it."""
    if layer.built:
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        # As NumPy arrays: on JAX, the copy would share arrays that a step of training deletes.
        copy.load_own_variables({name: _numbers(value) for name, value in store.items()})
    if hasattr(layer, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            copy.load_assets(folder)
