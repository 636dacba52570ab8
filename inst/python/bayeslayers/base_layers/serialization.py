"""Save and load the functions of a layer by their registered names, never as byte code.

Only what Keras has registered under a name can be saved and is looked up on loading. Keras itself
would save a lambda as byte code, and would import whatever module a file names.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np

from bayeslayers.contract.errors import ArgumentError

_HOW_TO_REGISTER = (
    "Decorate a named function or class with `keras.saving.register_keras_serializable()`, "
    "or save the weights alone with `save_weights()`."
)


_KERAS_MODULES: dict[str, Any] = {
    f"keras.{name}": getattr(keras, name)
    for name in ("activations", "constraints", "initializers", "layers", "regularizers")
}
# Keras saves dtype policies and `Sequential` models with the module 'keras'.
_KERAS_MODULES["keras"] = types.SimpleNamespace(
    **vars(keras.dtype_policies), Sequential=keras.Sequential
)


@runtime_checkable
class NeverRegistered(Protocol):
    """A function that cannot be registered, such as an R function, with a hint for its caller."""

    way_out: str
    """A hint for the caller who wants to save it."""


def serialize(argument: str, value: Any) -> Any:
    """Return the configuration of a registered function or object, of a name, or of nothing.

    Raises:
        ArgumentError: If `value` can't be found again by a registered name.
    """
    if value is None or isinstance(value, str):
        return value
    if _is_activation(value):
        return value.__name__
    if not _is_found_by_name(value):
        rule = "must be a registered function or object to be saved or cloned"
        hint = value.way_out if isinstance(value, NeverRegistered) else _HOW_TO_REGISTER
        raise ArgumentError(argument, rule, {argument: value}, hint)
    return keras.saving.serialize_keras_object(value)


def deserialize(argument: str, config: Any) -> Any:
    """Return what `serialize` was given. Values that are no configuration come back as they are.

    Raises:
        ArgumentError: If the configuration names anything that is not registered.
    """
    if not isinstance(config, dict):
        return config
    unregistered = _first_unregistered(config)
    if unregistered is not None:
        rule = "must name a registered function or object in a saved configuration"
        hint = "Import the module that registers it before loading."
        raise ArgumentError(argument, rule, {argument: unregistered}, hint)
    return keras.saving.deserialize_keras_object(config)


def without(store: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what a file holds for a layer but for the entry of a name, which may be missing."""
    return {key: store[key] for key in set(store.keys()) - {name}}


def saved_numbers(
    layer: keras.Layer, store: Mapping[str, Any], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Return what a file holds for a layer under a name besides its weights.

    Args:
        layer: The layer.
        store: What was saved of it.
        name: The name of the entry.
        shape: The shape that it must have.

    Raises:
        ArgumentError: If there is no such entry, or it does not hold finite numbers of this shape
            that are not below zero.
    """
    rule = f"must be saved with layer '{layer.name}', as numbers from 0 on of shape {shape}"
    if name not in set(store.keys()):
        raise ArgumentError(name, rule, {"entries": sorted(store.keys())})
    value = np.asarray(store[name])
    is_number = value.dtype.kind in "fiu"
    if not is_number or value.shape != shape or not np.all(np.isfinite(value) & (value >= 0)):
        raise ArgumentError(name, rule, {name: value.tolist()})
    return value


def _is_activation(value: Any) -> bool:
    """Whether a value is an activation of Keras, or Keras's operation of the same name."""
    name = getattr(value, "__name__", "")
    activation = getattr(keras.activations, name, None)
    operation = getattr(keras.ops, name, None)
    return activation is not None and (value is activation or value is operation)


def _first_unregistered(config: Any) -> str | None:
    """Return the first class or function in a configuration that no registry holds."""
    if isinstance(config, (list, tuple)):
        found = [_first_unregistered(item) for item in config]
    elif isinstance(config, dict):
        found = [_first_unregistered(item) for item in config.values()]
        if "class_name" in config and not _is_registered(config):
            found.insert(0, _spelled_name(config))
    else:
        return None
    return next((name for name in found if name is not None), None)


def _spelled_name(config: dict[str, Any]) -> str:
    """Return the name of the class or function that a configuration asks for."""
    if config["class_name"] == "function":
        return str(config["config"])
    return str(config.get("registered_name") or config["class_name"])


def _is_found_by_name(value: Any) -> bool:
    """Whether the name that a value is saved under leads back to it."""
    if isinstance(value, types.FunctionType):
        # A function is saved by its name alone, which must lead back to this very function.
        return _named_function(keras.saving.get_registered_name(value)) is value
    if not (hasattr(value, "get_config") and hasattr(value, "from_config")):
        return False
    return _first_unregistered(keras.saving.serialize_keras_object(value)) is None


def _is_registered(config: dict[str, Any]) -> bool:
    """Whether a registry holds what a configuration names."""
    if config["class_name"] == "function":
        is_keras_way = config.get("module") in (None, "builtins")
        return is_keras_way and _named_function(str(config["config"])) is not None
    name = config.get("registered_name")
    if name and keras.saving.get_registered_object(name) is not None:
        return True
    module = _KERAS_MODULES.get(str(config.get("module")))
    return module is not None and hasattr(module, config["class_name"])


def _named_function(name: str) -> Any:
    """Return the function registered under a name, or Keras's own of that name, or `None`."""
    registered = keras.saving.get_registered_object(name)
    return registered or getattr(keras.activations, name, None)
