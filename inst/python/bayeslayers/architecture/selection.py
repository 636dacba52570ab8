"""Which layers of a model a caller means: by name, by place, by class, or the last one."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

import keras

from bayeslayers.architecture.refitted import class_of
from bayeslayers.architecture.walk import Located, located_layers
from bayeslayers.contract.errors import ArgumentError

Entry = str | type[keras.Layer]
"""A name, a place or a class, each as a text that may be a pattern, or the class itself."""

LAST_LAYER = "last_layer"

_RULE = (
    'must hold names, places such as "block/attention" or classes of layers, as texts or patterns '
    "(`*`, `?`, `[...]`), or classes of Keras"
)


class Selection:
    """The layers of a model that are to be replaced.

    Args:
        model: The model.
        include: What a layer, or one around it, must be; `None` stands for all layers.
        exclude: What it must not be.
        is_candidate: Whether a layer can be replaced.

    Raises:
        ArgumentError: If an entry is no such thing, or none of the layers is meant by it.
    """

    def __init__(
        self,
        model: keras.Layer,
        include: Entry | Sequence[Entry] | None,
        exclude: Entry | Sequence[Entry] | None,
        is_candidate: Callable[[keras.Layer], bool],
    ) -> None:
        self._layers = located_layers(model)
        self._is_candidate = is_candidate
        self._included = None if include is None else self._meant("include", include)
        self._excluded = set() if exclude is None else self._meant("exclude", exclude)
        self._around = {
            id(holder)
            for located in self._layers
            if id(located.layer) in self._excluded
            for holder in located.holders
        }

    def __contains__(self, layer: object) -> bool:
        """Whether a layer is to be replaced, if it can be."""
        return self.reason_against(layer) is None

    def reason_against(self, layer: object) -> str | None:
        """Say why a layer is not meant, or return `None`."""
        if id(layer) in self._excluded:
            return "excluded"
        if id(layer) in self._around:
            return "a layer in it is excluded"
        if self._included is not None and id(layer) not in self._included:
            return "not included"
        return None

    def _meant(self, argument: str, entries: Entry | Sequence[Entry]) -> set[int]:
        """Return the identities of the layers that some entries mean, and of all that these hold.

        A layer that was put in a place of another one is not among them.
        """
        meant: set[int] = set()
        for entry in _checked(argument, entries):
            found = self._found(entry)
            # An included layer that can't be replaced, or holds none that can, would be of no use.
            if argument == "include" and not any(map(self._is_candidate, found)):
                rule = "must mean layers of the model that can be Bayesian"
                raise ArgumentError(argument, rule, {argument: entry})
            if not found:
                raise ArgumentError(argument, "must mean layers of the model", {argument: entry})
            meant |= {id(layer) for layer in found}
        return meant

    def _found(self, entry: Entry) -> list[keras.Layer]:
        if entry == LAST_LAYER:
            return [each.layer for each in self._layers if self._is_candidate(each.layer)][-1:]
        direct = {id(each.layer) for each in self._layers if _is_meant(each, entry)}
        return [
            each.layer
            for each in self._layers
            if any(id(layer) in direct for layer in (*each.holders, each.layer))
        ]


def _is_meant(located: Located, entry: Entry) -> bool:
    """Whether an entry means a layer itself."""
    layer = located.layer
    if isinstance(entry, type):
        return isinstance(layer, entry)
    texts = (layer.name, located.place, class_of(layer).__name__)
    return any(fnmatch.fnmatchcase(text, entry) for text in texts)


def _checked(argument: str, entries: Any) -> list[Entry]:
    """Return the entries of an argument as a list."""
    listed = list(entries) if isinstance(entries, (list, tuple)) else [entries]
    for entry in listed:
        is_class = isinstance(entry, type) and issubclass(entry, keras.Layer)
        if not (isinstance(entry, str) or is_class):
            raise ArgumentError(argument, _RULE, {argument: entry})
    if not listed:
        raise ArgumentError(argument, "must not be empty", {argument: entries})
    return listed
