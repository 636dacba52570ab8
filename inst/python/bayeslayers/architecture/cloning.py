"""Copies of models in which some layers are replaced, and all others keep what they are and hold.

Keras clones a layer from its configuration. That loses functions without a registered name, what a
layer computes from its state, and any layer inside another one. Here functions and layers stand
for themselves in configurations, and state goes the way that it takes into a file.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, overload

import keras

from bayeslayers.architecture.configurations import Configurations
from bayeslayers.architecture.refitting import build_like, described, refit_like, wanted_inside
from bayeslayers.architecture.trials import Attempt, Verdict, in_one_line, verdict_on
from bayeslayers.architecture.walk import Located, Replacement, held_layers
from bayeslayers.compat import copy_of_operation, in_order_of_outputs
from bayeslayers.contract.errors import ArgumentError, Described


def _no_replacement(layer: keras.Layer) -> None:
    """Leave all layers as they are."""


@dataclass(frozen=True)
class Pair(Located):
    """A layer of a model, and what is in its place in the copy.

    Args:
        layer: The layer of the model that was copied.
        holders: The layers around it, from the model inwards.
        copy: The layer of the copy.
        is_replaced: Whether it is another one, put in its place.
        refusal: Why no other layer took its place, where one was to.
    """

    copy: keras.Layer = field(kw_only=True)
    is_replaced: bool = field(kw_only=True, default=False)
    refusal: str | None = field(kw_only=True, default=None)


@dataclass
class Copy:
    """A copy of a model.

    Args:
        model: The copy.
        pairs: Its layers, each once, the holders before what they hold. None is inside a layer that
            was put in another one's place.
    """

    model: keras.Model
    pairs: list[Pair] = field(default_factory=list)

    @property
    def replaced(self) -> list[Pair]:
        """The layers that others were put in the place of; their weights are not set."""
        return [pair for pair in self.pairs if pair.is_replaced]

    @property
    def kept(self) -> list[Pair]:
        """The layers that are as they were."""
        return [pair for pair in self.pairs if not pair.is_replaced]


def copy_of(model: keras.Model, replacement: Replacement = _no_replacement) -> Copy:
    """Return a copy of a model that is not compiled.

    Args:
        model: A model.
        replacement: Returns what takes a layer's place, or `None`. It is asked for all layers that
            models list, that layers have as arguments, and that layers make by themselves, but for
            those of this package.

    Raises:
        ArgumentError: If the model's architecture can't be cloned.
    """
    rule = "must be a Keras model whose architecture can be cloned, from its configuration"
    if not isinstance(model, keras.Model):
        raise ArgumentError("model", rule, {"model": Described(f"a {type(model).__name__}")})
    cloning = _Cloning(replacement)
    try:
        copy = Copy(cloning.run(model))
        for pair in cloning.pairs(model, copy.model):
            # A layer that another one makes has these from no configuration.
            pair.copy.name = pair.layer.name
            if pair.copy.trainable != pair.layer.trainable:
                pair.copy.trainable = pair.layer.trainable
            if not pair.is_replaced:
                _copy_state(pair.layer, pair.copy)
            copy.pairs.append(pair)
    except ArgumentError:
        raise
    except Exception as error:  # What Keras and a user's own layers raise, there are many of.
        received = Described(f"a {type(model).__name__}: {in_one_line(error)}")
        raise ArgumentError("model", rule, {"model": received}) from error
    return copy


class _Cloning:
    """One copy of a model in the making.

    Args:
        replacement: Returns what takes a layer's place, or `None`.
    """

    def __init__(self, replacement: Replacement) -> None:
        self._asked = replacement
        self._configurations = Configurations()
        # It keeps the objects alive, so that no other object gets their ids.
        self._clones: dict[int, tuple[Any, Any]] = {}
        self._replacements: dict[int, keras.Layer] = {}
        self._refusals: dict[int, str] = {}
        self._displaced: list[keras.Layer] = []

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
        if id(operation) not in self._clones:
            self.keep(operation, self._clone(operation))
        return self._clones[id(operation)][1]

    def keep(self, operation: keras.Operation, clone: keras.Operation) -> None:
        """Take an operation of the copy for the clone of one of the model."""
        self._clones[id(operation)] = (operation, clone)

    def known(self, layer: keras.Layer) -> keras.Layer | None:
        """Return the clone of a layer, if there is one."""
        return self._clones.get(id(layer), (None, None))[1]

    def replacement(self, layer: keras.Layer) -> keras.Layer | None:
        """Return what takes a layer's place, the same at each call, or `None`."""
        if id(layer) not in self._replacements:
            replacement = self._asked(layer)
            if replacement is None:
                return None
            self._replacements[id(layer)] = replacement
        return self._replacements[id(layer)]

    def _clone(self, operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, keras.Layer):
            return copy_of_operation(operation)
        replacement = self.replacement(operation)
        if replacement is not None:
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
        wanted = wanted_inside(layer, self._asked)
        verdict = Verdict(f"{described(layer)} has not been built") if wanted else Verdict()
        if wanted and layer.built:
            verdict = verdict_on(layer, wanted, functools.partial(self._attempt, layer))
        if not verdict.refusals:
            return self._new(layer, verdict.obstacle)
        # With clones of its own, as elsewhere other layers may take the places of these.
        apart = _Cloning(_without(self._asked, verdict.refusals))
        clone = apart.run_new(layer)
        self._replacements = {**apart._replacements, **self._replacements}
        self._refusals |= {**apart._refusals, **verdict.refusals}
        return clone

    def _attempt(self, layer: keras.Layer, allowed: list[keras.Layer]) -> Attempt:
        """Return a clone of a layer in which others are only in the places of some layers."""
        apart = _Cloning(_only(self._asked, allowed))
        return Attempt(apart.run_new(layer), apart._displaced)

    def run_new(self, layer: keras.Layer) -> keras.Layer:
        """Return a clone of a layer, without a trial whether it takes what it is to hold."""
        with self._configurations.reading(self.clone):
            self.keep(layer, self._new(layer))
        return self._clones[id(layer)][1]

    def _new(self, layer: keras.Layer, obstacle: str | None = None) -> keras.Layer:
        """Return a clone of a layer.

        Args:
            layer: The layer.
            obstacle: Why nothing can take the places of layers that it makes by itself.
        """
        clone = self._configurations.layer_like(layer)
        if obstacle is None:
            self._displaced += refit_like(layer, clone, self)
        else:
            own = [w for w in wanted_inside(layer, self._asked) if self.known(w) is None]
            self._refusals |= {id(each): obstacle for each in own}
        return clone

    def pairs(self, layer: keras.Layer, copy: keras.Layer) -> Iterator[Pair]:
        """Go through a model and its copy together: each layer once, and none in what is replaced.

        A layer that was built is built in the copy, too, before it comes.
        """
        seen: set[int] = set()
        waiting = [self._pair(layer, copy, ())]
        while waiting:
            pair = waiting.pop()
            if id(pair.layer) in seen:
                continue
            seen.add(id(pair.layer))
            build_like(pair.layer, pair.copy)
            yield pair
            if not pair.is_replaced:
                waiting.extend(reversed(self._held_pairs(pair)))

    def _held_pairs(self, pair: Pair) -> list[Pair]:
        held, copies = held_layers(pair.layer), held_layers(pair.copy)
        if len(held) != len(copies):
            rule = "must hold layers that make the layers inside them anew from their configuration"
            received = Described(f"{pair.place!r}, of {len(held)} layers, of {len(copies)} anew")
            raise ArgumentError("model", rule, {"layer": received})
        holders = (*pair.holders, pair.layer)
        return [self._pair(layer, copy, holders) for layer, copy in zip(held, copies, strict=True)]

    def _pair(
        self, layer: keras.Layer, copy: keras.Layer, holders: tuple[keras.Layer, ...]
    ) -> Pair:
        replacement = self._replacements.get(id(layer))
        is_replaced = replacement is not None and type(replacement) is type(copy)
        refusal = self._refusals.get(id(layer))
        return Pair(layer, holders, copy=copy, is_replaced=is_replaced, refusal=refusal)


def _without(replacement: Replacement, refused: Container[int]) -> Replacement:
    return lambda layer: None if id(layer) in refused else replacement(layer)


def _only(replacement: Replacement, allowed: list[keras.Layer]) -> Replacement:
    return lambda layer: replacement(layer) if any(layer is each for each in allowed) else None


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
