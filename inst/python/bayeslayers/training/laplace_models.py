"""A plain model with posteriors by Laplace's approximation."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from bayeslayers.architecture.cloning import copy_of
from bayeslayers.architecture.counterparts import trained_weights
from bayeslayers.architecture.staying import staying_layers
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.training.laplace import LaplaceData, LaplacePosterior, settings_of, with_noise
from bayeslayers.training.laplace_layers import chosen_layers, laplace_layer


def laplace_model(model: keras.Model, x: Any, y: Any, **arguments: Any) -> keras.Model:
    """Return a model with posteriors by Laplace's approximation; see `as_bayesian()`."""
    settings = settings_of(**arguments)
    chosen = chosen_layers(model, settings.subset, settings.structure)
    if x is None:
        rule = 'must be given where `estimator` is "laplace": the posterior comes from data'
        raise ArgumentError("x", rule, {"x": x})
    data = LaplaceData(model, x, y, settings, chosen[-1].activation)

    def replacement(layer: keras.Layer) -> keras.Layer | None:
        is_chosen = any(layer is each for each in chosen)
        return laplace_layer(layer, settings.structure) if is_chosen else None

    copy = copy_of(model, replacement)
    staying = staying_layers(copy.kept, lambda layer: any(layer is each for each in chosen))
    if not copy.replaced:
        rule = "must let another layer take the place of its last dense one"
        raise ArgumentError("model", rule, {"layers": Described("; ".join(staying))})
    if staying and settings.subset == "all":
        warnings.warn(f"These layers stay as they are: {'; '.join(staying)}.", stacklevel=4)
    for pair in copy.replaced:
        pair.copy.set_means(trained_weights(pair.layer))
    posterior = LaplacePosterior(copy.model, [p.copy for p in copy.replaced], data, settings)
    posterior.fit()
    return copy.model if posterior.noise is None else with_noise(copy.model, posterior.noise)
