"""Calls that may change nothing: `stateless_call()`, a `keras.StatelessScope`, a symbolic call."""

from __future__ import annotations

import keras

# Keras has no public name for the two.
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope

__all__ = ["in_stateless_scope", "is_replaced"]


def is_replaced(variable: keras.Variable) -> bool:
    """Whether the caller has given another value to compute with than the variable's own."""
    return in_stateless_scope() and get_stateless_scope().get_current_value(variable) is not None
