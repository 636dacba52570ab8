"""Names of Keras that are not public: each in one function, with its reason and its test.

Keras may move them at any time. All are there in Keras 3.7 to 3.15. `tests/python/test_compat.py`
pins what we rely on, and fails when a public way makes one of them needless. Those of TensorFlow
and TensorFlow Probability stand in `backend/tensorflow/compat.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute
from keras.src.backend.common.masking import get_keras_mask
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope
from keras.src.backend.common.symbolic_scope import in_symbolic_scope
from keras.src.backend.common.variables import AutocastScope

__all__ = [
    "HeldLayers",
    "attributes_of",
    "copy_of_operation",
    "counted_as_state",
    "current_scope",
    "divides_penalties",
    "exchange_held_layer",
    "flat_layers",
    "forget_overriding_losses",
    "in_layer_call",
    "in_order_of_outputs",
    "in_stateless_scope",
    "in_symbolic_scope",
    "inputs_behind",
    "is_empty",
    "is_replaced",
    "keep_config_seed",
    "loss_ids",
    "operation_behind",
    "own_losses",
    "raised_unchanged",
    "share_value",
    "symbolic_calls",
    "without_autocast",
]


# Stateless scopes: Keras has the class, and no public way to ask whether one is open. Symbolic
# scopes are those in which it infers shapes.


def current_scope() -> keras.StatelessScope | None:
    """Return the stateless scope that is open, or `None`."""
    return get_stateless_scope()


def is_replaced(variable: keras.Variable) -> bool:
    """Whether the caller has given another value to compute with than the variable's own."""
    return in_stateless_scope() and get_stateless_scope().get_current_value(variable) is not None


# Autocasts: Keras casts the variables of layers that are read in a call, and has no public way out.


def without_autocast() -> AutocastScope:
    """Return a context in which variables have their own precision, those of other layers too."""
    return AutocastScope(None)


# Penalties on activities: the first versions of Keras 3 add what a regularizer returns, later ones
# divide it by the number of rows. No name tells them apart, so a layer is called.


class _Penalised(keras.Layer):
    """A layer that keeps what Keras adds for its regularizer."""

    added: Any = None

    def call(self, inputs: Any) -> Any:
        return inputs

    def add_loss(self, loss: Any) -> None:
        self.added = loss


@cache
def divides_penalties() -> bool:
    """Whether Keras divides what an activity regularizer returns by the number of rows."""
    penalty = np.float32(1.0)
    # With a name of its own, it takes none of Keras's automatic ones.
    layer = _Penalised(name="penalised", activity_regularizer=lambda outputs: penalty)
    layer(np.ones((2, 1), "float32"))
    # The object, not its value, which a compiled function does not know.
    return layer.added is not penalty


# Layers in layers: Keras has `layers` of models, and no public way to those of other layers.


def flat_layers(layer: keras.Layer, *, direct: bool = False) -> list[keras.Layer]:
    """Return a layer and every layer in it, however deep, each once.

    Args:
        layer: A model or layer.
        direct: Whether to return only the layers directly inside it.
    """
    if direct:
        return list(layer._flatten_layers(include_self=False, recursive=False))
    return list(layer._flatten_layers())


class HeldLayers(keras.Layer):
    """A layer that says itself which layers are in it, in `held_layers`, and in which order."""

    held_layers: list[keras.Layer]

    def _flatten_layers(self, *args: Any, **kwargs: Any) -> Iterator[keras.Layer]:
        del args, kwargs
        return iter(self.held_layers)


def attributes_of(layer: keras.Layer) -> dict[str, Any]:
    """Return the attributes of a layer that may hold others, without Keras's own list of them.

    On PyTorch, a layer is a module, and those in its attributes are kept apart from the rest. On
    TensorFlow, a layer has lists of all that is in its attributes.
    """
    attributes = {**vars(layer), **vars(layer).get("_modules", {})}
    return {
        name: value
        for name, value in attributes.items()
        if name not in _BOOKS and not name.startswith("_self_")
    }


_BOOKS = ("_layers", "_modules", "_torch_params", "_inbound_nodes", "_outbound_nodes")


def exchange_held_layer(holder: keras.Layer, old: keras.Layer, new: keras.Layer) -> None:
    """Put another layer in a layer's place in Keras's own list of those that a layer holds.

    Keras locks the list when the holder is built, and has no public way to exchange what is in it.
    """
    holder._layers[:] = [new if layer is old else layer for layer in holder._layers]
    known = holder._tracker.stored_ids["layers"]
    known.discard(id(old))
    known.add(id(new))
    # On PyTorch, Keras collects the parameters anew where it has none.
    vars(holder).get("_modules", {}).pop("_torch_params", None)


# The graph of a functional model: Keras draws it and saves it, and gives no way to walk it.


def operation_behind(tensor: Any) -> tuple[Any, int] | None:
    """Return the operation that a symbolic tensor is an output of, and its place among them.

    `None`: the tensor is no output of an operation.
    """
    history = getattr(tensor, "_keras_history", None)
    return None if history is None else (history.operation, history.tensor_index)


def inputs_behind(tensor: Any) -> list[keras.KerasTensor]:
    """Return the symbolic tensors that the operation behind another was called on."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors


def symbolic_calls(layer: keras.Layer) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return the arguments of a layer's calls in models, with symbolic tensors of their own."""
    return [
        keras.tree.map_structure(_like_it, (node.arguments.args, node.arguments.kwargs))
        for node in layer._inbound_nodes
    ]


def _like_it(value: Any) -> Any:
    """Return a symbolic tensor that no model has, and all else as it is."""
    if not isinstance(value, keras.KerasTensor):
        return value
    return keras.KerasTensor(value.shape, value.dtype, sparse=value.sparse)


def copy_of_operation(operation: keras.Operation) -> keras.Operation:
    """Return the same operation without its place in a graph: it has no state.

    Its configuration may leave arguments out.
    """
    copy = object.__new__(type(operation))
    vars(copy).update({**vars(operation), "_inbound_nodes": [], "_outbound_nodes": []})
    return copy


def mask_of(tensor: Any) -> Any:
    """Return the mask that Keras has attached to a tensor, or `None`.

    Keras passes masks to layers and losses, and has no public way to ask for that of an output.
    """
    return get_keras_mask(tensor)


def in_order_of_outputs(model: keras.Layer, outputs: Any) -> Any:
    """Return a model's outputs with those of a dictionary in the order that the model has them in.

    On PyTorch, what a functional model returns is sorted by name. A model of another kind returns
    them as its own code orders them.
    """
    while isinstance(model, keras.Sequential) and model.layers:
        model = model.layers[-1]
    return _ordered_like(getattr(model, "_outputs_struct", None), outputs)


def _ordered_like(model: Any, nest: Any) -> Any:
    """Return a nest with its dictionaries in the order of those of another."""
    if isinstance(model, dict) and isinstance(nest, dict) and set(model) == set(nest):
        return {name: _ordered_like(value, nest[name]) for name, value in model.items()}
    is_list = isinstance(model, (list, tuple)) and type(nest) in (list, tuple)
    if is_list and len(model) == len(nest):
        return type(nest)(map(_ordered_like, model, nest))
    return nest


# Calls: Keras keeps which layer was called first, and has no public way to ask whether one is.


def in_layer_call() -> bool:
    """Whether a layer or model is being called."""
    return get_global_attribute("current_call_ctx") is not None


# Losses: the public `losses` has those of all layers within, and the penalties on weights.


def own_losses(layer: keras.Layer, model: keras.Layer) -> list[Any]:
    """Return those of a model's losses that a layer itself has added by `add_loss()`.

    In a step on JAX the model alone has them, and each layer knows which of them are its own.
    """
    if model._losses_override:
        return [loss for loss in model.losses if id(loss) in loss_ids(layer)]
    return layer._get_own_losses()


def loss_ids(layer: keras.Layer) -> set[int]:
    """Return the identities by which a layer knows its losses in a call without side effects.

    Keras keeps them until the next call, and the losses not as long: what another layer then adds
    may come to have one of these identities, and be cleared in that layer's place.
    """
    return layer._loss_ids


def forget_overriding_losses(model: keras.Model) -> None:
    """Let a model have its own losses again, where a step that failed has left others in force.

    On JAX, Keras hands the losses of a forward pass on to the loss function, and takes them back
    only if that raises no error. The model would have them in all later steps.
    """
    model._losses_override = []


# State: Keras hands a step on JAX the variables of layers and generators of seeds, and no others.


@contextmanager
def counted_as_state(layer: keras.Layer, variables: list[keras.Variable]) -> Iterator[None]:
    """Let a layer count further variables among its state while the context lasts."""
    own = layer._seed_generators[:]
    layer._seed_generators.extend(SimpleNamespace(state=variable) for variable in variables)
    try:
        yield
    finally:
        layer._seed_generators[:] = own


def is_empty(variable: keras.Variable) -> bool:
    """Whether a variable has no value: in `fit()` on JAX, Keras keeps the values elsewhere."""
    return variable._value is None


# Variables: before Keras 3.10, a variable that is made from one of the framework's copies it.


def share_value(variable: keras.Variable, value: Any) -> None:
    """Let a Keras variable have one of the framework's variables as its value, and no copy."""
    variable._value = value


# Seeds: the constructor of Keras's generator makes a state of its own.


def keep_config_seed(generator: keras.random.SeedGenerator, seed: int | None) -> None:
    """Let a generator made without Keras's constructor have the seed that its `get_config` asks."""
    generator._initial_seed = seed


# Errors: from inside `call`, Keras raises a new error of the same class, with a message alone.


def raised_unchanged(error_class: type[Exception]) -> None:
    """Let errors of a class come out of a layer's `call` as they were raised, with all parts."""
    error_class._keras_call_info_injected = True  # type: ignore[attr-defined]
