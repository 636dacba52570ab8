"""A plain model with posteriors by Laplace's approximation."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from bayeslayers.architecture.cloning import copy_of
from bayeslayers.architecture.counterparts import trained_weights
from bayeslayers.architecture.records import record
from bayeslayers.architecture.selection import Selection
from bayeslayers.architecture.staying import staying_layers
from bayeslayers.architecture.walk import is_graph
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.training.laplace import LaplaceData, LaplacePosterior, settings_of, with_noise
from bayeslayers.training.laplace_layers import chosen_layers, is_replaceable, laplace_layer


def laplace_model(
    model: keras.Model, x: Any, y: Any, include: Any, exclude: Any, **arguments: Any
) -> keras.Model:
    """Return a model with posteriors by Laplace's approximation; see `as_bayesian()`."""
    settings = settings_of(**arguments)
    _check_model(model)
    if settings.subset == "last_layer":
        _refuse_selection({"include": include, "exclude": exclude})
    selection = Selection(model, include, exclude, is_replaceable)
    chosen = chosen_layers(model, settings.subset, settings.structure, selection)
    if x is None:
        rule = 'must be given where `estimator` is "laplace": the posterior comes from data'
        raise ArgumentError("x", rule, {"x": x})
    data = LaplaceData(model, x, y, settings, chosen[-1].activation)

    def is_chosen(layer: keras.Layer) -> bool:
        return any(layer is each for each in chosen)

    def replacement(layer: keras.Layer) -> keras.Layer | None:
        return laplace_layer(layer, settings.structure) if is_chosen(layer) else None

    def reason_against(layer: keras.Layer) -> str | None:
        if is_chosen(layer) or not is_replaceable(layer):
            return None
        return selection.reason_against(layer) or "is not in the subset of weights"

    copy = copy_of(model, replacement)
    staying = staying_layers(copy, is_chosen, selection)
    if not copy.replaced:
        rule = "must let another layer take the place of its last dense one"
        raise ArgumentError("model", rule, {"layers": Described("; ".join(staying))})
    if staying and settings.subset == "all":
        warnings.warn(f"These layers stay as they are: {'; '.join(staying)}.", stacklevel=4)
    record(copy, reason_against)
    for pair in copy.replaced:
        pair.copy.set_means(trained_weights(pair.layer))
    posterior = LaplacePosterior(copy.model, [p.copy for p in copy.replaced], data, settings)
    posterior.fit()
    return copy.model if posterior.noise is None else with_noise(copy.model, posterior.noise)


def _check_model(model: keras.Model) -> None:
    """Refuse a model without a graph, at whose end the noise could not be put."""
    if not is_graph(model):
        rule = 'must be `Sequential` or functional where `estimator` is "laplace"'
        raise ArgumentError("model", rule, {"model": Described(f"a {type(model).__name__}")})


def _refuse_selection(arguments: dict[str, Any]) -> None:
    """Refuse to choose among layers where one is chosen already."""
    for name, value in arguments.items():
        if value is not None:
            rule = 'must be left out where `subset_of_weights` is "last_layer"'
            hint = 'With "all" it says which dense and convolution layers get a posterior.'
            raise ArgumentError(name, rule, {name: value}, hint)
