"""What is worked out once for a model, and kept for as long as the model lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from bayeslayers.architecture.walk import all_layers

_kept: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def kept(model: Any, key: Any, make: Callable[[], Any]) -> Any:
    """Return what `make` returns, which is called once for a model of these layers.

    Args:
        model: A Keras model.
        key: What tells this from other things that are kept with the model.
        make: Makes it. What it returns must not keep the model alive.
    """
    key = (key, tuple(map(id, all_layers(model))))
    of_model = _kept.setdefault(model, {})
    if key not in of_model:
        of_model[key] = make()
    return of_model[key]


def compiled_once(model: Any, key: Any, make: Callable[[Any], Any], signature: list[Any]) -> Any:
    """Return a compiled function of a model, traced once for as long as the model lives.

    Args:
        model: A Keras model.
        key: What tells this function from others of the model.
        make: Is called with a weak reference to the model, which must not be kept alive by what is
            kept with it, and returns what to compile. That is an object of its own each time: of
            functions that share their code TensorFlow counts the traces together, and warns.
        signature: The specifications of the function's arguments.

    Returns:
        A `tf.function`.
    """

    def compile_it() -> Any:
        function = make(weakref.ref(model))
        return tf.function(function, input_signature=signature, autograph=False)

    return kept(model, (key, str(signature)), compile_it)
