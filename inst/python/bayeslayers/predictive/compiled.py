"""What is worked out once for a model, and kept for as long as the model lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from bayeslayers.architecture.walk import all_layers
from bayeslayers.backend import compiled

_kept: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def kept(model: Any, key: Any, make: Callable[[], Any]) -> Any:
    """Return what `make` returns, which is called once for a model of these layers.

    Args:
        model: A Keras model.
        key: What tells this from other things that are kept with the model.
        make: Makes it. What it returns must not keep the model alive.
    """
    key = (key, tuple(map(id, all_layers(model))))
    kept_for_model = _kept.setdefault(model, {})
    if key not in kept_for_model:
        kept_for_model[key] = make()
    return kept_for_model[key]


def compiled_once(
    model: Any, key: Any, make: Callable[[Any], Callable[..., Any]], specifications: list[Any]
) -> Callable[..., Any]:
    """Return a function of a model, compiled once for as long as the model lives.

    Args:
        model: A Keras model.
        key: What tells this function from others of the model.
        make: Is called with a weak reference to the model, which must not be kept alive by what is
            kept with it, and returns what to compile, an object of its own each time.
        specifications: The specifications of the function's arguments.
    """

    def compile_it() -> Callable[..., Any]:
        reference = weakref.ref(model)
        return compiled(make(reference), specifications, reference)

    return kept(model, (key, str(specifications)), compile_it)
