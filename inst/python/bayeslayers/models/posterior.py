"""The posterior of a model's weights: draws of it, and its moments."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd

from bayeslayers.architecture.walk import bayesian_layers
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function
from bayeslayers.predictive.tables import indexed
from bayeslayers.predictive.weights import draws_of_weights


@public_function()
def posterior_draws(
    model: keras.Model, draws: int = 100, seed: int | None = None
) -> dict[str, np.ndarray]:
    """Draws of a model's weights.

        w_d ~ q,   d = 1, ..., draws

    Take it to compute functions of the weights. w_d is draw d of all weights, q their posterior.

    Weights are named after their layer: `out.kernel`. With the same `seed`, `predict_draws()` uses
    the same weights, draw by draw, so predictions can be compared with the weights behind them.

    Returns:
        A dictionary of arrays (draws, ...), one for each weight.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, posterior_draws
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> {name: draws.shape for name, draws in posterior_draws(model, draws=10).items()}
        {'out.kernel': (10, 3, 2), 'out.bias': (10, 2)}

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2, name = "out")
        lapply(posterior_draws(model, draws = 10), dim)

    Reference:
        Blundell et al. (2015).
    """
    _check_names(bayesian_layers(model))
    draws = checks.positive_integer("draws", draws)
    seed = checks.seed_or_drawn("seed", seed)
    return draws_of_weights(model, draws, seed)


def _check_names(layers: list[keras.Layer]) -> None:
    names = [layer.name for layer in layers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        rule = "must have layers of different names, by which their weights are told apart"
        raise ArgumentError("model", rule, {"names that come twice": twice})


@public_function(r_result="as_posterior_summary")
def posterior_summary(model: keras.Model) -> pd.DataFrame:
    """Summary of the posterior of a model's weights.

        snr = |mean| / sd

    Take it to see which weights the data determine. The signal-to-noise ratio snr is the ratio of a
    weight's mean to its standard deviation sd; `prune()` removes weights by it.

    The table has a row for each number in a weight, with the columns `layer`, `weight`, `variable`
    (`kernel[0,1]`, counted from 0 in Python and from 1 in R), `mean`, `sd` and `snr`. Where a
    posterior has no method for its standard deviation, `sd` and `snr` are missing values. By
    default a bias is a number without a spread: its `sd` is 0, and its `snr` infinite.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If `model` is no Keras 3 model, or has no layer with a posterior that is
            built.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, posterior_summary
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> table = posterior_summary(model)
        >>> list(table)
        ['layer', 'weight', 'variable', 'mean', 'sd', 'snr']
        >>> list(table["variable"][:3])
        ['kernel[0,0]', 'kernel[0,1]', 'kernel[1,0]']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2, name = "out")
        summary <- posterior_summary(model)
        summary
        if (rlang::is_installed("ggplot2")) plot(summary)

    Reference:
        Blundell et al. (2015).
    """
    parts = [
        _summary_of_weight(layer.name, weight, *moments)
        for layer in bayesian_layers(model)
        for weight, moments in layer.posterior_moments().items()
    ]
    return pd.concat(parts, ignore_index=True)


def _summary_of_weight(layer: str, weight: str, mean: Any, sd: Any | None) -> pd.DataFrame:
    mean = keras.ops.convert_to_numpy(mean).astype("float64")
    if sd is None:
        sd = np.full(mean.shape, np.nan)
    else:
        sd = np.broadcast_to(keras.ops.convert_to_numpy(sd).astype("float64"), mean.shape)
    with np.errstate(divide="ignore"):
        known = (mean != 0) | (sd != 0)
        snr = np.divide(np.abs(mean), sd, where=known, out=np.zeros_like(mean))
    table = {
        "layer": layer,
        "weight": weight,
        "variable": [f"{weight}{indexed(index)}" for index in np.ndindex(mean.shape)],
        "mean": mean.ravel(),
        "sd": sd.ravel(),
        "snr": snr.ravel(),
    }
    return pd.DataFrame(table)
