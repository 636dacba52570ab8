"""The divergence of a whole model: what it is, and what part of it counts in the loss."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from keras import ops

from bayeslayers.architecture.walk import all_layers, bayesian_layers
from bayeslayers.base_layers.bayesian_layer import Divergence
from bayeslayers.base_layers.model_draw import ModelDraw, drawing
from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function

_COLUMNS = [
    "layer",
    "weight",
    "parameters",
    "divergence",
    "mcse",
    "temperature",
    "scale",
    "loss",
]


@dataclass(frozen=True)
class KLDivergence:
    """The divergence of a model's posteriors from their priors.

    Args:
        total: The sum over all weights, in nats, not scaled.
        loss: What it adds to the loss: each divergence times its scale.
        table: A data frame of one row for each weight: `layer`, `weight`, `parameters` (how many
            numbers it has), `divergence`, `mcse` (the Monte Carlo standard error of the
            divergence), `temperature`, `scale`, and `loss`, the product of divergence and scale.
    """

    total: float
    loss: float
    table: pd.DataFrame

    def __str__(self) -> str:
        head = f"KL divergence {self.total:.6g} nats, of which {self.loss:.6g} in the loss"
        return f"{head}\n{self.table.to_string(index=False)}"

    __repr__ = __str__


@public_function(r_result="as_kl_divergence")
def kl_divergence(model: keras.Model, draws: int = 100, seed: int | None = None) -> KLDivergence:
    """Kullback-Leibler divergence of a model.

        KL = sum over weights of KL(q(w) || p(w))

    Take it to see how far each posterior has moved from its prior, in nats.

    The divergence at the variables' current values, of each weight that has a posterior, a prior
    and a divergence function. A divergence without a closed form is estimated: it is the mean over
    `draws` draws of the weight, and `mcse` is the Monte Carlo standard error of that mean (the
    standard deviation over draws, divided by the square root of their number; not defined for a
    single draw). `mcse` is 0 where no draw matters: for closed forms, which are computed once, and
    for functions of the caller's that give the same number for two draws.

    `scale` is the factor under which the loss holds it: `temperature` divided by the number of
    examples, as `scale_kl()` set them, times the layer's own `kl_weight`, times the factor of
    `callback_kl_annealing()` inside a step of that training. A divergence function of the caller's
    is taken as it is.

    The draws are not those of training, which goes on as if nothing had been drawn.

    Returns:
        An object with `total` and `loss`, in nats, and `table`, a data frame with a row for each
        weight.

    Raises:
        ArgumentError: If `model` is no Keras 3 model, or has no layer with a posterior that is
            built, or if `draws` or `seed` breaks its rule.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, kl_divergence
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=4)
        >>> kl = kl_divergence(model)
        >>> list(kl.table.columns)
        ['layer', 'weight', 'parameters', 'divergence', 'mcse', 'temperature', 'scale', 'loss']
        >>> kl.total == float(kl.table["divergence"].sum())
        True

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 4)
        kl_divergence(model)
        kl_divergence(model)$table

    Reference:
        Blundell et al. (2015).
    """
    draws = checks.positive_integer("draws", draws)
    seed = checks.seed("seed", seed)
    found = {layer: layer.divergences() for layer in bayesian_layers(model)}
    is_exact = [each.is_exact for divergences in found.values() for each in divergences.values()]
    if not all(is_exact):
        seed = checks.seed_or_drawn("seed", seed)
    fresh = _fresh_draws(model, seed or 0)
    rows = []
    for layer, divergences in found.items():
        scale = layer.scale_in_losses()
        for weight, divergence in divergences.items():
            value, mcse = _mean_over_draws(divergence, fresh, draws)
            names = (layer.name, weight, layer.size_of(weight))
            rows.append((*names, value, mcse, layer.divergence_temperature, scale, scale * value))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return KLDivergence(float(table["divergence"].sum()), float(table["loss"].sum()), table)


def _fresh_draws(model: keras.Model, seed: int) -> Iterator[ModelDraw]:
    """Yield draws of the whole model, each independent of those before."""
    layers = all_layers(model)
    for number in itertools.count():
        yield ModelDraw(ops.array([seed, number], "int32"), 0, layers)


def _mean_over_draws(
    divergence: Divergence, fresh: Iterator[ModelDraw], draws: int
) -> tuple[float, float]:
    """Return a divergence and its Monte Carlo standard error."""

    def estimate() -> float:
        with drawing(next(fresh)):
            return float(ops.convert_to_numpy(divergence.estimate()))

    first = estimate()
    if divergence.is_exact:
        return first, 0.0
    if draws == 1:
        return first, math.nan
    second = estimate()
    if first == second:
        # A function of the caller's with a closed form, or a posterior that is a single point.
        return first, 0.0
    values = [first, second, *(estimate() for _ in range(draws - 2))]
    # The divergence may be infinite, and deviations from its mean not defined.
    with np.errstate(invalid="ignore"):
        return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(draws))


@public_function()
def scale_kl(model: keras.Model, num_examples: float, temperature: float = 1.0) -> keras.Model:
    """Scale the divergence of a model for a loss that is a mean over examples.

        loss = mean over examples of -log p(y | x, w) + temperature KL / num_examples

    Take it before every training: without it, the divergence drowns the likelihood.

    Every divergence that the model's layers add to its losses is multiplied by `temperature` and
    divided by `num_examples`. Keras's losses are means over examples, and the divergence is one
    number for the whole training set.

    At a `temperature` of 1 the loss is the negative evidence lower bound per example, and the
    posterior is that of Bayes' theorem under the stated prior, as well as q can tell. Below 1 the
    posterior is narrower ("cold"): predictions of networks often score better, and the loss bounds
    the evidence no longer, so that losses at different temperatures can't be compared. Choose it by
    the log score on validation data, as `fit_bayesian(temperature = "auto")` does, and report it.

    Both belong to the layers: they are saved with the model and cloned with it, hold under a loss
    that has been compiled already, and are set anew by another call. 1 is where each starts. A loss
    that is a sum over a batch of b examples needs `num_examples` / b.

    Returns:
        The model, with its layers scaled.

    Raises:
        ArgumentError: If `num_examples` is missing, `num_examples` or `temperature` is not a
            positive number, or `model` has no layer with a posterior.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, kl_divergence, scale_kl
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=4)
        >>> model = scale_kl(model, num_examples=1000, temperature=0.5)
        >>> kl = kl_divergence(model)
        >>> abs(kl.loss - 0.5 * kl.total / 1000) < 1e-6
        True

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 4)
        model |> scale_kl(num_examples = 1000, temperature = 0.5)
        kl_divergence(model)

    Reference:
        Blundell et al. (2015). Wenzel et al. (2020).
    """
    num_examples = checks.positive_number("num_examples", num_examples)
    temperature = checks.positive_number("temperature", temperature)
    warn_of_own_scales(model, "scale_kl()")
    scale_layers(model, num_examples, temperature)
    return model


def scale_layers(model: keras.Model, num_examples: float, temperature: float) -> None:
    """Scale the divergences of a model's layers; see `scale_kl()`."""
    for layer in bayesian_layers(model):
        layer.scale_divergences(num_examples, temperature)


def warn_of_own_scales(model: keras.Model, function: str) -> None:
    """Warn of layers that may scale their divergences themselves, besides a function of ours."""
    own = [layer.name for layer in bayesian_layers(model) if layer.may_be_scaled_already()]
    if own:
        warnings.warn(
            f"The layers {own} have a divergence function or a `kl_weight` of their own, which "
            f"`{function}` scales once more: leave the scale out of one of the two.",
            # The line that called the function, which the check of its arguments calls.
            stacklevel=4,
        )
