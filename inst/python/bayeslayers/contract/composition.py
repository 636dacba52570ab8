"""How a layer is composed with `object`, the first argument of every `layer_*` function."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

import keras
import numpy as np

from bayeslayers.contract.errors import ArgumentError, Described

_RULE = (
    "must be a Keras 3 `Sequential` model, a tensor, an array, or a list of tensors; "
    "leave it out to get the layer itself"
)


class Tensor(Protocol):
    """A tensor of Keras or of its backend, or an array of NumPy."""

    @property
    def shape(self) -> Any:
        """The sizes of its dimensions."""

    @property
    def dtype(self) -> Any:
        """The type of its numbers."""


def check_object(target: Any) -> None:
    """Refuse what a layer can't be composed with, before the layer is made.

    Raises:
        ArgumentError: If `target` is neither empty, a `Sequential` model, nor tensors.
    """
    if target is None or isinstance(target, keras.Sequential) or _holds_tensors(target):
        return
    kind = f"{type(target).__module__}.{type(target).__qualname__}"
    simple = isinstance(target, (str, int, float, bool))
    described = "a function" if inspect.isroutine(target) else f"a {kind}"
    received = Described(f"{target!r} ({kind})" if simple else described)
    raise ArgumentError("object", _RULE, {"object": received}, _hint(target, kind))


def compose(target: Any, layer: keras.Layer) -> Any:
    """Return the layer, the model with the layer added, or the layer's output."""
    if target is None:
        return layer
    if isinstance(target, keras.Sequential):
        target.add(layer)
        return target
    most = getattr(layer, "most_inputs", 1)
    if most == 1 or not isinstance(target, (list, tuple)):
        return layer(target)
    if len(target) > most:
        rule = f"must be a list of at most {most} tensors for this layer"
        raise ArgumentError("object", rule, {"object": Described(f"{len(target)} tensors")})
    return layer(*target)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (keras.KerasTensor, keras.Variable, np.ndarray)) or (
        keras.ops.is_tensor(value)
    )


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and all(_is_tensor(item) for item in value)
    return _is_tensor(value)


def _hint(target: Any, kind: str) -> str | None:
    if isinstance(target, keras.Model):
        return (
            "A model that is not `Sequential` is extended at one of its tensors: pass its `output`."
        )
    if kind.startswith("tf_keras."):
        return "This model belongs to Keras 2 (`tf_keras`): build it with Keras 3."
    is_value = isinstance(target, (int, float, str)) or hasattr(target, "log_prob")
    if is_value or inspect.isroutine(target):
        return "`object` comes first: pass the layer's own arguments by name."
    return None
