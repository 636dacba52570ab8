"""Configurations in which functions and layers stand for themselves, while a model is copied.

Keras makes a layer from its configuration, which is meant for a file: there, functions need a
registered name, and layers are made anew.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras

from bayeslayers.architecture.refitted import class_of
from bayeslayers.contract.errors import ArgumentError

_KEY = "bayeslayers_kept"


def configuration(layer: keras.Layer) -> dict[str, Any]:
    """Return a layer's configuration, in which functions and layers stand for themselves.

    It is read by Keras while a model is copied, and by nobody afterwards.
    """
    return _current.get().configuration(layer)


@keras.saving.register_keras_serializable("bayeslayers")
class Kept:
    """What stands for a function or a layer in a configuration, while a model is copied.

    Args:
        value: The function, which is itself in the copy, or the layer, of which there is a clone.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    # Layers call and ask their functions while they make their configuration.
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__["value"]
        if isinstance(value, keras.Layer):
            raise AttributeError(name)
        return getattr(value, name)

    def get_config(self) -> dict[str, Any]:
        """Return the key of the value."""
        return {_KEY: _current.get().keep(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return what the copy has for the value.

        Raises:
            ArgumentError: If no model is being copied: a file can't name a value.
        """
        configurations = _current.get(None)
        if configurations is None:
            rule = "must not hold what only exists while a model is copied"
            raise ArgumentError("config", rule, {"config": config})
        return configurations.found(config[_KEY])


class Configurations:
    """The configurations of the layers of one model, while it is copied."""

    _clone: Callable[[keras.Layer], keras.Layer]

    def __init__(self) -> None:
        # They keep the objects alive, so that no other object gets their ids.
        self._kept: dict[int, Any] = {}
        self._lent: list[keras.Layer] = []

    @contextlib.contextmanager
    def reading(self, clone: Callable[[keras.Layer], keras.Layer]) -> Iterator[None]:
        """Let Keras read these configurations, and no others, while the context lasts.

        Args:
            clone: Returns the clone of a layer, the same at each call.
        """
        self._clone = clone
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            for layer in self._lent:
                layer.__dict__.pop("get_config", None)
            # A weak reference: the owner holds this object, and is freed when nobody needs it.
            del self._clone

    def layer_like(self, layer: keras.Layer) -> keras.Layer:
        """Return a new layer of the same configuration, as it is written."""
        config = self._double(layer).get_config()
        kind = class_of(layer)
        try:
            return kind.from_config(self._resolved(config))
        except (TypeError, ValueError):
            # Some layers take functions only in the form that they have in a file.
            return kind.from_config(self._serialized(config))

    def configuration(self, layer: keras.Layer) -> dict[str, Any]:
        """See `configuration`."""
        return self._serialized(self._double(layer).get_config())

    def keep(self, value: Any) -> int:
        """Return the key of a value."""
        self._kept[id(value)] = value
        return id(value)

    def found(self, key: int) -> Any:
        """Return what the copy has for the value of a key."""
        value = self._kept[key]
        if not isinstance(value, keras.Layer):
            return value
        clone = self._clone(value)
        if not isinstance(clone, keras.Model):
            # `Bidirectional` makes its layers anew, by the configuration of those that it is given.
            clone.__dict__["get_config"] = functools.partial(self.configuration, clone)
            self._lent.append(clone)
        return clone

    def _double(self, layer: keras.Layer) -> keras.Layer:
        """Return a layer for its configuration only, in which values stand for themselves."""
        return self._double_with(layer, {})

    def _double_with(self, layer: keras.Layer, doubles: dict[int, keras.Layer]) -> keras.Layer:
        double = doubles[id(layer)] = object.__new__(class_of(layer))
        attributes = {name: value for name, value in vars(layer).items() if name != "get_config"}
        if not isinstance(layer, (keras.Sequential, keras.Function)):
            attributes = {n: self._standing(value, doubles) for n, value in attributes.items()}
        double.__dict__.update(attributes)
        return double

    def _standing(self, value: Any, doubles: dict[int, keras.Layer]) -> Any:
        """Return what stands for the value of an attribute in a double."""
        if isinstance(value, keras.Layer):
            return doubles.get(id(value)) or self._double_within(value, doubles)
        if isinstance(value, dict):
            return {key: self._standing(item, doubles) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return _like(value, [self._standing(item, doubles) for item in value])
        return Kept(value) if _is_kept(value) else value

    def _double_within(self, layer: keras.Layer, doubles: dict[int, keras.Layer]) -> keras.Layer:
        """Return the double of a layer that another one holds, whose configuration is a key."""
        double = self._double_with(layer, doubles)
        double.__dict__["get_config"] = Kept(layer).get_config
        for name in ("get_build_config", "get_compile_config"):
            double.__dict__[name] = lambda: None
        return double

    def _serialized(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return a configuration as it would be in a file."""
        return self._resolved(keras.saving.serialize_keras_object(config))

    def _resolved(self, config: Any) -> Any:
        """Return a configuration in which all that stood for values leads to those of the copy."""
        if isinstance(config, Kept):
            return config.value
        if isinstance(config, keras.Layer):
            return self.found(config.get_config()[_KEY])
        if isinstance(config, dict):
            inner = config.get("config")
            if isinstance(inner, dict) and _KEY in inner:
                return keras.saving.serialize_keras_object(Kept(self._kept[inner[_KEY]]))
            return {key: self._resolved(value) for key, value in config.items()}
        if isinstance(config, (list, tuple)):
            return _like(config, [self._resolved(value) for value in config])
        return config


_current: contextvars.ContextVar[Configurations] = contextvars.ContextVar("configurations")


def _like(value: list | tuple, items: list[Any]) -> list | tuple:
    return tuple(items) if isinstance(value, tuple) else items


def _is_kept(value: Any) -> bool:
    """Whether a value stands for itself: a function, what is called like one, a distribution.

    Keras's objects, and others that it can make anew from their configuration, are left to it.
    """
    if hasattr(value, "log_prob") and not isinstance(value, type):
        return True
    if not callable(value) or isinstance(value, type):
        return False
    kind = type(value)
    if kind.__module__.startswith("bayeslayers."):
        return True
    is_registered = (
        keras.saving.get_registered_object(keras.saving.get_registered_name(kind)) is kind
    )
    return not (kind.__module__.startswith("keras.") or is_registered)
