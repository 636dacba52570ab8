"""How good a predictive distribution is: scores, and whether it holds what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.predictive.class_scores import (
    mean_probabilities,
    reliability,
    scores_of_classes,
)
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.predictive.kinds import kind_of_output
from bayeslayers.predictive.likelihood import log_likelihoods
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.value_scores import score_outcomes, scores_of_values

LEVELS = (0.5, 0.9)
_BY = ("model", "example")


_INTERVAL = (
    "A central interval lies between two quantiles of the outcome, ends included: "
    "those that `predictive_summary()` shows for the same `seed` and the same `draws`. The "
    "ends of an interval of counts are outcomes themselves, so that it holds its level or more. "
    "Where the output is a distribution whose cdf is known, quantiles, intervals and `pit` are "
    "those of the mixture over draws of the weights. Else they are those of one sample a draw, and "
    "an interval of continuous outcomes holds about (m - 1) / (m + 1) of its level, with m draws: "
    "2 % too little at 100, 0.2 % at 1000."
)
_MEMORY = (
    "The examples are scored batch by batch. The draws of one batch are held in memory: `draws` "
    "times `batch_size` numbers for each number that the model returns, in single precision, twice "
    "for values, and one more for the log-likelihood of the example."
)
_LOGITS = (
    "Probabilities of classes are computed in double precision, and as logarithms, from the logits "
    "that the model returns or that its distribution was made from: however unlikely an outcome, "
    "its log-likelihood is right to six digits. Where the model returns probabilities, it is their "
    "logarithm: minus infinity at exactly 0, to which rounding takes what is too small for "
    "their precision. So let a model return logits."
)


@public_function(DRAW_ARGUMENTS, notes=(_LOGITS,))
def log_likelihood(
    model: Models,
    x: ModelInputs,
    y: ArrayLike | None = None,
    draws: int = 100,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> np.ndarray:
    """Log-likelihood of observations under each draw of the weights.

        log p(y_i | x_i, w_d),   w_d ~ q,   d = 1, ..., draws

    Cross-validation and information criteria (WAIC, PSIS-LOO) are computed from it, and so is the
    log score. The model ends in a distribution, or in the probabilities or logits of classes, which
    `outputs` then has to name; `y` holds classes counted from 0, as `fit()` takes them, or 0 and 1
    in a column for each class.

    The same `seed` stands for the same draws of the weights as in `predict_draws()`.

    Returns:
        A NumPy array of shape (draws, n).

    Raises:
        ArgumentError: If the model ends in a tensor of values, which leave no likelihood, or an
            argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, layer_distribution_lambda
        >>> from bayeslayers import log_likelihood, tfp
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> model = layer_distribution_lambda(model, lambda t: tfp.distributions.Normal(t, 0.5))
        >>> x, y = keras.ops.ones((8, 3)), keras.ops.ones((8, 1))
        >>> log_likelihood(model, x, y, draws=10, verbose=0).shape
        (10, 8)

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
        x <- array(1, c(8, 3))
        y <- array(1, c(8, 1))
        dim(log_likelihood(model, x, y, draws = 10, verbose = 0))

    Reference:
        Vehtari, A., Gelman, A., and Gabry, J. (2017). Practical Bayesian Model Evaluation Using
            Leave-one-out Cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
            https://doi.org/10.1007/s11222-016-9696-4
    """
    return log_likelihoods(
        model, x, y, draws, outputs, batch_size, seed, verbose, output, dropout=dropout
    )


@public_function(DRAW_ARGUMENTS, notes=(_INTERVAL, _LOGITS, _MEMORY), r_result="as_scores")
def predictive_scores(
    model: Models,
    x: ModelInputs,
    y: ArrayLike | None = None,
    draws: int = 200,
    levels: Sequence[float] = LEVELS,
    outputs: str = "auto",
    bins: int = 10,
    by: str = "model",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """Scores of a model's predictive distribution.

        log_score = log E_w[p(y | x, w)]
        crps = E|Y - y| - E|Y - Y'| / 2
        pit = P(Y < y) + P(Y = y) / 2
        covered = quantile((1 - level) / 2) <= y <= quantile((1 + level) / 2)
        brier = sum over classes k of (P(k) - [y = k])^2

    Take it to see on data that the model has not seen whether its doubt is right, and to compare
    models.

    Y and Y' are independent draws of the outcome: of the weights, and of the noise under them. E
    and P are means over the draws of the weights, and those over Y and Y' are over pairs of two
    different draws, so that `crps` is without bias for any number of draws from 2 on; of few draws,
    that of a single example may be below zero. Under each draw of the weights, the noise is
    integrated out where the output is a distribution whose cdf is known: 100 draws then are as good
    as 1000 where the noise is most of the spread. `crps` is an integral over the cdf, by
    quadrature: it is off by less than a hundredth of the standard deviation of the outcome, and by
    less than 1e-4 of it where the noise is most of the spread. Of counts it is a sum, but where
    they range over more than 256, which may be off by a fiftieth of the standard deviation. Where
    the cdf is not known, there is one sample of the noise under each draw.

    For values, by example: a row for each example and each output, with the outcome `y`, the
    probability integral transform `pit`, which is uniform where the model is calibrated, the
    continuous ranked probability score `crps`, in the units of `y`, the `log_score` of the example
    (all its outputs together), and for each of `levels` whether the central interval of that
    probability `covered` the outcome. By model: one row with `n`, the root mean squared error
    `rmse` of the predictive mean, and the means of the others, of which `coverage_90` is the share
    of outcomes in the interval of 90 %.

    For classes, by example: `y`, counted from 0 as `fit()` takes it, the `probability` of that
    class, whether the most probable class was `correct`, `brier` and `log_score`. By model: `n`,
    `accuracy`, `brier`, `log_score`, and the expected `calibration_error` over `bins` of equal
    width.

    Higher is better for `log_score`, lower for `crps`, `rmse`, `brier` and `calibration_error`.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If the model ends in a tensor of values, which say nothing of their noise; if
            `draws` is 1 and the outputs are values, as the CRPS needs two; if `y` holds what can't
            come from the model; or if an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, layer_distribution_lambda
        >>> from bayeslayers import predictive_scores, tfp
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> model = layer_distribution_lambda(model, lambda t: tfp.distributions.Normal(t, 0.5))
        >>> x, y = keras.ops.ones((8, 3)), keras.ops.ones((8, 1))
        >>> scores = predictive_scores(model, x, y, draws=100, verbose=0)
        >>> list(scores)
        ['n', 'rmse', 'crps', 'log_score', 'coverage_50', 'coverage_90']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
        x <- array(1, c(8, 3))
        y <- array(1, c(8, 1))
        predictive_scores(model, x, y, draws = 100, verbose = 0)
        predictive_scores(model, x, y, draws = 100, by = "example", verbose = 0)

    Reference:
        Gneiting and Raftery (2007). Guo et al. (2017).
    """
    levels = checks.probabilities("levels", levels)
    bins = checks.positive_integer("bins", bins)
    by = checks.choice("by", by, _BY)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        _check_pairs(evaluation, draws)
        return scores_of_values(score_outcomes(evaluation, selected, y, levels), levels, by)
    return scores_of_classes(*mean_probabilities(evaluation, selected, kind, y), bins, by)


@public_function(DRAW_ARGUMENTS, notes=(_INTERVAL, _MEMORY), r_result="as_reliability")
def reliability_curve(
    model: Models,
    x: ModelInputs,
    y: ArrayLike | None = None,
    draws: int = 200,
    outputs: str = "auto",
    bins: int = 10,
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """Reliability curve: what a model says against what comes true.

        values:   coverage(level) = share of outcomes in the central interval of this level
        classes:  accuracy(bin) against confidence(bin) = mean probability of the class chosen

    Take it to see whether a model's intervals, or its probabilities of classes, come true as often
    as they say.

    For values, a row for each of the levels 1 / `bins`, 2 / `bins`, ... below 1, with the columns
    `level`, `coverage` and `n`, how many outcomes there were.

    For classes, the examples are put into `bins` of equal width by the probability of the most
    probable class: `lower`, `upper`, `n`, `confidence`, `accuracy`. Bins without examples are left
    out.

    A calibrated model stays near the diagonal. Above it, it is less sure than it could be, below it
    surer than it should be.

    Returns:
        A data frame.

    Raises:
        ArgumentError: In the same cases as `predictive_scores()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, layer_distribution_lambda
        >>> from bayeslayers import reliability_curve, tfp
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> model = layer_distribution_lambda(model, lambda t: tfp.distributions.Normal(t, 0.5))
        >>> x, y = keras.ops.ones((8, 3)), keras.ops.ones((8, 1))
        >>> list(reliability_curve(model, x, y, draws=100, verbose=0))
        ['level', 'coverage', 'n']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
        x <- array(1, c(8, 3))
        y <- array(1, c(8, 1))
        reliability_curve(model, x, y, draws = 100, verbose = 0)

    Reference:
        Guo et al. (2017).
    """
    bins = checks.positive_integer("bins", bins)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        levels = tuple(np.arange(1, bins) / bins)
        found = score_outcomes(evaluation, selected, y, levels, with_crps=False)
        coverage = [inside.mean() for inside in np.moveaxis(found["covered"], -1, 0)]
        return pd.DataFrame({"level": levels, "coverage": coverage, "n": found["y"].size})
    return reliability(*mean_probabilities(evaluation, selected, kind, y), bins)


def _check_pairs(evaluation: Evaluation, draws: Any) -> None:
    if evaluation.draws_of_each([(0, "sample")]) == 1:
        each = " and 2 for each model of a list" if evaluation.members.is_ensemble else ""
        rule = f"must be 2 or more{each} for values, as the CRPS compares draws with each other"
        raise ArgumentError("draws", rule, {"draws": draws})
