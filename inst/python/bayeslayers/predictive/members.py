"""The models that draws come from: one, or those of an ensemble, whose outputs are alike."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from bayeslayers.architecture.walk import all_layers, check_model
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.contract.errors import ArgumentError, Described, also_received
from bayeslayers.layers.recalibration import Recalibration
from bayeslayers.predictive.dropout import check_dropout
from bayeslayers.predictive.input_checks import check_shapes
from bayeslayers.predictive.inputs import first_row
from bayeslayers.predictive.mixtures import Cdfs
from bayeslayers.predictive.outputs import OutputKind, Outputs, describe

Models = keras.Model | Sequence[keras.Model] | Mapping[str, keras.Model]
"""A model, or those of an ensemble."""


@dataclass(frozen=True)
class Members:
    """The models that draws come from in turn.

    Args:
        models: The models.
        is_ensemble: Whether they came in a list, be it of one.
        dropout: Whether dropout acts in them.
    """

    models: tuple[keras.Layer, ...]
    is_ensemble: bool
    dropout: bool

    @property
    def count(self) -> int:
        """The number of models."""
        return len(self.models)

    def of_each(self, function: Callable[[keras.Layer], Any]) -> list[Any]:
        """Return what a function makes of each model; its errors say of which."""
        found = []
        for place, model in enumerate(self.models):
            with self.saying_which(place):
                found.append(function(model))
        return found

    def saying_which(self, place: int) -> contextlib.AbstractContextManager[None]:
        """Return a context in which errors say which of several models they are about."""
        if not self.is_ensemble:
            return contextlib.nullcontext()
        return also_received(member=Described(f"{place + 1} of {self.count}"))

    def build(self, first: Any) -> None:
        """Check that all take such inputs, and build those that have not been built."""

        def build(model: Any) -> None:
            check_shapes(model, first)
            if not model.built:
                # Keras makes variables in a graph of its own, outside of all others.
                model(first_row(first), training=False)

        self.of_each(build)

    def outputs(self, specification: Any) -> Outputs:
        """Return what the models return for inputs of these specifications: all the same."""
        found = self.of_each(lambda model: describe(model, specification))
        return found[0] if self.count == 1 else _common(found)

    def draws_of_each(self, draws: int, outputs: Outputs, *, of_outcome: bool) -> int:
        """Return how many draws come from each model.

        Args:
            draws: How many the caller wants of all.
            outputs: What the models return.
            of_outcome: Whether there are samples of the outcome among what is asked for.
        """
        if not self.is_ensemble:
            return draws
        noisy = sum(kind.is_distribution for kind in outputs.kinds)
        if not self.dropout and not (of_outcome and noisy):
            # A network is one function, of which all draws would be the same.
            are_functions = not any(_is_random(model, noisy) for model in self.models)
            draws = 1 if are_functions else draws
        return -(-draws // self.count)


def members_of(model: Any, *, dropout: bool) -> Members:
    """Return the models of an ensemble, or the only model; refuse what is neither.

    Args:
        model: A model, or a list or a dictionary of them.
        dropout: Whether dropout is to act, of which each model must then have some.
    """
    is_ensemble = isinstance(model, (list, tuple, Mapping))
    listed = list(model.values() if isinstance(model, Mapping) else model) if is_ensemble else []
    if is_ensemble and not listed:
        raise ArgumentError("model", "must hold at least one model", {"model": model})
    members = Members(tuple(listed) if is_ensemble else (model,), is_ensemble, dropout)
    members.of_each(lambda each: _check(each, dropout=dropout))
    return members


def _check(model: Any, *, dropout: bool) -> None:
    _check_stateless(check_model(model))
    if dropout:
        check_dropout(model)


def _check_stateless(model: keras.Layer) -> None:
    """Raise an error for a model in which a draw would go on from the state of another draw."""
    stateful = [layer.name for layer in all_layers(model) if getattr(layer, "stateful", False)]
    if stateful:
        rule = "must have no stateful layers, whose state each draw would take from the one before"
        hint = "A model of the same layers that are not stateful takes the same weights."
        raise ArgumentError("model", rule, {"layers": stateful}, hint)


def _is_random(model: keras.Layer, noisy_outputs: int) -> bool:
    """Whether a model's outputs, or the distributions that they are, differ between draws."""
    drawing = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, StochasticLayer) and not isinstance(layer, Recalibration)
    ]
    # Distributions that are no outputs are drawn from inside of the model.
    is_inside = len(drawing) > noisy_outputs
    return is_inside or any(isinstance(layer, BayesianLayer) for layer in drawing)


def _common(outputs: Sequence[Outputs]) -> Outputs:
    """Return the outputs that models have in common, and refuse what can't be mixed."""
    first = outputs[0]
    for place, other in enumerate(outputs):
        if other.structure != first.structure or any(map(_differ, first.kinds, other.kinds)):
            rule = (
                "must hold models whose outputs are alike: as many, of the same shapes, and all "
                "tensors or all distributions over the same outcomes"
            )
            names = [f"outputs of member {number}" for number in (1, place + 1)]
            received = dict(zip(names, map(_described, (first, other)), strict=True))
            raise ArgumentError("model", rule, received)
    kinds = [
        replace(kind, cdf=_common_cdfs([each.kinds[kind.place].cdf for each in outputs]))
        for kind in first.kinds
    ]
    return Outputs(tuple(kinds), first.structure, min(each.batch_size for each in outputs))


def _differ(first: OutputKind, second: OutputKind) -> bool:
    """Whether two outputs differ in more than what Keras calls them."""
    return replace(first, name=None, cdf=None) != replace(second, name=None, cdf=None)


def _common_cdfs(found: Sequence[Cdfs | None]) -> Cdfs | None:
    """Return the cdfs of all; `None` where one has none, or they depend on other tensors."""
    known = [cdfs for cdfs in found if cdfs is not None]
    if len(known) < len(found) or len({cdfs.form for cdfs in known}) != 1:
        return None
    return Cdfs([cdf for cdfs in known for cdf in cdfs.of_members])


def _described(outputs: Outputs) -> Described:
    return Described(", ".join(map(_words, outputs.kinds)))


def _words(kind: OutputKind) -> str:
    what = "a distribution" if kind.is_distribution else "a tensor"
    over = f" over {kind.width} classes from {kind.classes}" if kind.classes else ""
    return f"{what}{over} of shape {kind.shape} for each example"
