"""What a conversion made of each layer of a model, and why, kept with the layers that it put in."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher
from typing import NamedTuple

import keras

from bayeslayers.architecture.cloning import Copy, Pair
from bayeslayers.architecture.refitted import class_of
from bayeslayers.architecture.staying import reason_to_stay
from bayeslayers.architecture.walk import all_layers, held_layers, located_layers
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.contract.errors import ArgumentError, Described


class Row(NamedTuple):
    """What became of a layer; the fields are the columns of the report."""

    layer: str
    before: str
    after: str
    status: str
    reason: str

    @property
    def key(self) -> tuple[int, str]:
        """What a layer has in common with itself in a file: how deep it is, and its class.

        A layer that another one makes without a name has another name there.
        """
        return self.layer.count("/"), self.after


_ADDED = "was not in the plain model"

_NORMALIZATIONS = tuple(
    getattr(keras.layers, name)
    for name in (
        "BatchNormalization",
        "GroupNormalization",
        "LayerNormalization",
        "Normalization",
        "RMSNormalization",
        "UnitNormalization",
    )
    if hasattr(keras.layers, name)  # The oldest versions lack some.
)


def record(copy: Copy, reason_against: Callable[[keras.Layer], str | None]) -> None:
    """Keep with a copy what became of each layer.

    Args:
        copy: The copy of a model in which other layers have taken the places of some.
        reason_against: Says why a layer that could have been replaced was not meant.
    """
    for layer in all_layers(copy.model):
        if isinstance(layer, BayesianLayer):
            layer.conversion = None
    rows = [_row(pair, reason_against) for pair in copy.pairs if pair.holders]
    # One layer has it for the model: it is saved with it, as a model saves no more than its layers.
    copy.replaced[0].copy.conversion = tuple(map(tuple, rows))


def rows_of(model: keras.Layer) -> list[Row]:
    """Return what a conversion made of each layer that a model still has.

    Raises:
        ArgumentError: If the model is no result of a conversion.
    """
    layers = [layer for layer in all_layers(model) if isinstance(layer, BayesianLayer)]
    recorded = [Row(*row) for row in next((x.conversion for x in layers if x.conversion), ())]
    found = [
        Row(each.place, "", class_of(each.layer).__name__, _status(each.layer), _ADDED)
        for each in located_layers(model)
    ]
    before, now = ([row.key for row in rows] for rows in (recorded, found))
    blocks = SequenceMatcher(a=before, b=now, autojunk=False).get_matching_blocks()
    for row, known in ((b.b + i, recorded[b.a + i]) for b in blocks for i in range(b.size)):
        found[row] = found[row]._replace(before=known.before, reason=known.reason)
    if all(row.reason == _ADDED for row in found):
        rule = "must come from `as_bayesian()`, and still hold the layers that it put in"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r}")})
    return found


def _row(pair: Pair, reason_against: Callable[[keras.Layer], str | None]) -> Row:
    before, after = class_of(pair.layer).__name__, class_of(pair.copy).__name__
    return Row(pair.place, before, after, _status(pair.copy), _reason(pair, reason_against))


def _status(layer: keras.Layer) -> str:
    if isinstance(layer, BayesianLayer):
        return "bayesian"
    return "container" if held_layers(layer) else "plain"


def _reason(pair: Pair, reason_against: Callable[[keras.Layer], str | None]) -> str:
    if pair.is_replaced:
        return "was replaced"
    if isinstance(pair.layer, BayesianLayer):
        return "had a posterior before"
    return reason_against(pair.layer) or pair.refusal or _reason_by_kind(pair)


def _reason_by_kind(pair: Pair) -> str:
    layer = pair.layer
    if held_layers(layer):
        return "its layers have rows of their own"
    if isinstance(layer, _NORMALIZATIONS):
        return "a normalization layer stays deterministic"
    if layer.weights:
        return reason_to_stay(pair)
    return "has no weights" if layer.built else "has not been built"
