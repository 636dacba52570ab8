"""Losses, regularizers, constraints and initializers as every supported Keras takes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def as_loss(value: Any) -> Any:
    """Return a number in the dtype of Keras's losses, or Keras could not add it to them."""
    return keras.ops.convert_to_tensor(value, keras.config.floatx())


class _Regularizer(keras.regularizers.Regularizer):
    """A function as a regularizer, of which Keras can sum the numbers."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, x: Any) -> Any:
        return as_loss(self._function(x))


class _Constraint(keras.constraints.Constraint):
    """A function as a constraint."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, w: Any) -> Any:
        return self._function(w)


def as_regularizer(value: Any, dtype: Any) -> Any:
    """Return a variable's regularizer as every Keras takes it: some versions refuse functions.

    Args:
        value: A regularizer, its name, or a function; or `None`.
        dtype: The variable's dtype. Keras adds what a regularizer returns to losses of `floatx`.
    """
    is_keras_own = value is None or isinstance(value, (str, keras.regularizers.Regularizer))
    if is_keras_own and (
        value is None or keras.backend.standardize_dtype(dtype) == keras.config.floatx()
    ):
        return value
    return _Regularizer(keras.regularizers.get(value))


def as_constraint(value: Any) -> Any:
    """Return a variable's constraint as every Keras takes it: some versions refuse functions."""
    is_keras_own = value is None or isinstance(value, (str, keras.constraints.Constraint))
    return value if is_keras_own else _Constraint(value)


def freshly_seeded(initializer: Any, seed: int, name: str) -> Any:
    """Give an initializer without a seed one of its own, so that no two variables start equal."""
    initializer = keras.initializers.get(initializer or "glorot_uniform")
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    if "seed" not in config or config["seed"] is not None:
        return initializer
    entropy = [seed, zlib.crc32(name.encode())]
    config["seed"] = int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
    return type(initializer).from_config(config)
