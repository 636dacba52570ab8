"""Trials whether a layer works with other layers in the places of those inside it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from bayeslayers.architecture.refitting import RefusalError, described
from bayeslayers.compat import symbolic_calls


@dataclass(frozen=True)
class Attempt:
    """A clone of a layer for a trial.

    Args:
        clone: The clone.
        displaced: The layers that it has made, and that others are in the places of.
    """

    clone: keras.Layer
    displaced: list[keras.Layer]


@dataclass(frozen=True)
class Verdict:
    """What the trials of a layer have found.

    Args:
        obstacle: Why the layer can't be tried.
        refusals: Why layers inside it stay, by their identities.
    """

    obstacle: str | None = None
    refusals: dict[int, str] = field(default_factory=dict)


def in_one_line(error: Exception) -> str:
    """Return the text of an error of Keras, which spreads it over lines and sets it in bold."""
    return " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())


def verdict_on(
    layer: keras.Layer,
    wanted: list[keras.Layer],
    attempt: Callable[[list[keras.Layer]], Attempt],
) -> Verdict:
    """Try which layers inside another one can have others in their places.

    Args:
        layer: The layer around them.
        wanted: The layers whose places others would take.
        attempt: Makes a clone of `layer` in which others have taken the places of some of them.
    """

    def trial(chosen: list[keras.Layer]) -> str | None:
        return _failure(layer, lambda: attempt(chosen))

    failure = trial(wanted)
    if failure is None:
        return Verdict()
    obstacle = trial([])
    if obstacle is not None:
        return Verdict(f"{described(layer)} can't be tried with another layer: {obstacle}")
    if len(wanted) == 1:
        return Verdict(refusals={id(wanted[0]): _refusal(failure)})
    alone = {id(each): trial([each]) for each in wanted}
    refusals = {key: _refusal(text) for key, text in alone.items() if text is not None}
    taken = [each for each in wanted if id(each) not in refusals]
    together = trial(taken) if refusals else failure
    if together is not None:
        refusals = {id(each): _refusal(together) for each in wanted} | refusals
    return Verdict(refusals=refusals)


def _refusal(failure: str) -> str:
    return f"the layer around it takes no other: {failure}"


def _failure(layer: keras.Layer, make: Callable[[], Attempt]) -> str | None:
    """Return what goes wrong when a clone of a layer is called as the layer was."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt = make()
            for displaced in attempt.displaced:
                displaced.__dict__["call"] = _refuse_call
            _call_like(layer, attempt.clone)
    except Exception as error:  # Whatever it misses of the layers that were replaced.
        return in_one_line(error)
    return None


def _refuse_call(*args: Any, **kwargs: Any) -> None:
    """Stand for the call of a layer that another one is in the place of."""
    raise RefusalError("a function or another object calls the layer that it was made with")


def _call_like(layer: keras.Layer, clone: keras.Layer) -> None:
    """Call a clone as the layer was called, on symbolic tensors."""
    calls = symbolic_calls(layer) or _calls_by_shapes(layer)
    if not calls:
        clone.build_from_config(layer.get_build_config() or {})
    for args, kwargs in calls[:1]:
        # Some layers tell the shapes of their outputs without being called.
        called = _Called(clone)
        try:
            called.compute_output_spec(*args, **kwargs)
        except Exception as error:
            raise called.error or error from None


def _calls_by_shapes(layer: keras.Layer) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return the arguments of the call that a layer was built for, as far as they are known."""
    config = layer.get_build_config() or {}
    shapes = config.get("shapes_dict", {"": config.get("input_shape")})
    if any(shape is None for shape in shapes.values()):
        return []
    tensors = {
        name.removesuffix("_shape"): _tensors(shape, layer.input_dtype)
        for name, shape in shapes.items()
    }
    return [((tensors[""],), {}) if "" in tensors else ((), tensors)]


def _tensors(shape: Any, dtype: str) -> Any:
    """Return symbolic tensors for a shape, or for a nest of shapes."""
    if isinstance(shape, dict):
        return {name: _tensors(each, dtype) for name, each in shape.items()}
    if any(isinstance(each, (list, tuple, dict)) for each in shape):
        return [_tensors(each, dtype) for each in shape]
    return keras.KerasTensor(tuple(shape), dtype)


class _Called(keras.Operation):
    """The call of a layer, with all that it leaves behind.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: keras.Layer) -> None:
        super().__init__()
        self._layer = layer
        self.error: Exception | None = None
        """What the layer has raised, without what Keras says of it."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        try:
            outputs = keras.tree.flatten(self._layer(*args, **kwargs))
        except Exception as error:
            self.error = error
            raise
        # Divergences that are added inside a loop are no tensors outside of it.
        return [each for each in [*outputs, *self._layer.losses] if keras.ops.is_tensor(each)]
