"""How good a predictive distribution is: scores, and whether it holds what it says."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import verb
from bayeslayers.models.summary import (
    CLASSES,
    check_order,
    class_log_probabilities,
    kind_of_output,
    log_mean_exp,
    quantiles_of_draws,
    rows_of_values,
)
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.results import Results

LEVELS = (0.5, 0.9)
_BY = ("model", "example")


_INTERVAL = (
    "A central interval lies between two quantiles of the draws of the outcome, ends included: "
    "those that `predictive_summary()` shows for the same `seed` and the same `draws`. The "
    "ends of an interval of counts are outcomes themselves, so that it holds its level or more. "
    "That of continuous outcomes holds about (m - 1) / (m + 1) of its level, with m draws: 2 % "
    "too little at 100, 0.2 % at 1000."
)
_MEMORY = (
    "The examples are scored batch by batch. The draws of one batch are held in memory: `draws` "
    "times `batch_size` numbers for each number that the model returns, in single precision, twice "
    "for values, and one more for the log-likelihood of the example."
)
_LOGITS = (
    "Probabilities of classes are computed in double precision, and as logarithms, from the logits "
    "that the model returns or that its distribution was made from: however unlikely an outcome, "
    "its log-likelihood is right to six digits. Of probabilities that the model returns, it is the "
    "logarithm: minus infinity at exactly 0, to which rounding takes what is too small for "
    "their precision. So let a model return logits."
)


@verb(notes=(_LOGITS,))
def log_likelihood(
    model: keras.Model,
    x: ArrayLike,
    y: ArrayLike | None = None,
    draws: int = 100,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
) -> np.ndarray:
    """Log-likelihood of observations under each draw of the weights.

        log p(y_i | x_i, w_d),   w_d ~ q,   d = 1, ..., draws

    What cross-validation and information criteria are computed from (WAIC, PSIS-LOO), and the log
    score. The model ends in a distribution, or in the probabilities or logits of classes, which
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
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
        x <- array(1, c(8, 3))
        y <- array(1, c(8, 1))
        dim(log_likelihood(model, x, y, draws = 10, verbose = 0))

    Reference:
        Vehtari, A., Gelman, A., and Gabry, J. (2017). Practical Bayesian Model Evaluation Using
            Leave-one-out Cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
            https://doi.org/10.1007/s11222-016-9696-4
    """
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose)
    only = evaluation.outputs.only(output)
    kind = kind_of_output(only, outputs)
    results = Results(evaluation.draws, evaluation.inputs.count)

    def of_classes(block: Block, log_p: np.ndarray) -> None:
        likelihood = likelihood_of_classes(log_p, block.y)
        results.add(Block(block.start, block.size, [likelihood], None))

    if kind == "values":
        check_noise(only, model)
        wanted = [(only.place, "log_prob")]
        targets = evaluation.targets(y, only, functools.partial(check_labels_of, only))
        evaluation.reduce(wanted, results.add, targets, in_pieces=False)
    else:
        _reduce_classes(evaluation, only, kind, y, of_classes)
    return results.values()[0]


def likelihood_of_classes(log_p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of observed classes under each draw, (draws, n).

    Args:
        log_p: Logarithms of the probabilities of the classes, (draws, n, classes).
        y: The classes, (n,), or a column for each.
    """
    return _of_labels(np.moveaxis(log_p, 0, 1), _labels(y, log_p.shape[-1])).T


@verb(notes=(_INTERVAL, _LOGITS, _MEMORY), r_result="as_scores")
def predictive_scores(
    model: keras.Model,
    x: ArrayLike,
    y: ArrayLike | None = None,
    draws: int = 1000,
    levels: tuple[float, ...] = LEVELS,
    outputs: str = "auto",
    bins: int = 10,
    by: str = "model",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
) -> pd.DataFrame:
    """Scores of a model's predictive distribution.

        log_score = log E_w[p(y | x, w)]
        crps = E|Y - y| - E|Y - Y'| / 2
        pit = P(Y < y) + P(Y = y) / 2
        covered = quantile((1 - level) / 2) <= y <= quantile((1 + level) / 2)
        brier = sum over classes k of (P(k) - [y = k])^2

    Y and Y' are independent draws of the outcome: of the weights, and of the noise under them. E
    and P are means over the draws, and those over Y and Y' are over pairs of two different draws,
    so that `crps` is without bias for any number of draws from 2 on; of few draws, that of a single
    example may be below zero.

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
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3) |>
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
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose)
    only = evaluation.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind == "values":
        _check_pairs(draws)
        return _scores_of_values(_outcomes(evaluation, only, y, levels), levels, by)
    return _scores_of_classes(*_mean_of_classes(evaluation, only, kind, y), bins, by)


@verb(notes=(_INTERVAL, _MEMORY), r_result="as_reliability")
def reliability_curve(
    model: keras.Model,
    x: ArrayLike,
    y: ArrayLike | None = None,
    draws: int = 1000,
    outputs: str = "auto",
    bins: int = 10,
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
) -> pd.DataFrame:
    """Reliability curve: what a model says against what comes true.

        values:   coverage(level) = share of outcomes in the central interval of this level
        classes:  accuracy(bin) against confidence(bin) = mean probability of the class chosen

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
        ArgumentError: As `predictive_scores()` does.

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
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
        x <- array(1, c(8, 3))
        y <- array(1, c(8, 1))
        reliability_curve(model, x, y, draws = 100, verbose = 0)

    Reference:
        Guo et al. (2017).
    """
    bins = checks.positive_integer("bins", bins)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose)
    only = evaluation.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind == "values":
        levels = tuple(np.arange(1, bins) / bins)
        found = _outcomes(evaluation, only, y, levels)
        coverage = [inside.mean() for inside in np.moveaxis(found["covered"], -1, 0)]
        return pd.DataFrame({"level": levels, "coverage": coverage, "n": found["y"].size})
    return _reliability_of_classes(*_mean_of_classes(evaluation, only, kind, y), bins)


@dataclass(frozen=True)
class _Outcomes:
    """What was observed, and what a model made of it.

    Args:
        y: What was observed, (n, ...).
        samples: Draws of the predictive distribution, (draws, n, ...).
        means: Means of the output under each draw of the weights, (draws, n, ...).
        log_prob: Log-likelihood of each example under each draw, (draws, n).
    """

    y: np.ndarray
    samples: np.ndarray
    means: np.ndarray
    log_prob: np.ndarray

    def pit(self) -> np.ndarray:
        """Return the probability integral transform of the observations, (n, ...)."""
        below, same = (self.samples < self.y).mean(axis=0), (self.samples == self.y).mean(axis=0)
        return below + same / 2

    def crps(self) -> np.ndarray:
        """Return the continuous ranked probability scores, (n, ...)."""
        import scoringrules

        # Without bias, as a draw is not paired with itself; and over the sorted draws, so that the
        # memory of all pairs is not needed. Near the outcome, differences are not rounded.
        ensemble = np.moveaxis(self.samples - self.y, 0, -1)
        zero = np.zeros_like(self.y)
        return np.asarray(scoringrules.crps_ensemble(zero, ensemble, estimator="pwm"))

    def log_score(self) -> np.ndarray:
        """Return the log of the mean likelihood of each example, (n,)."""
        return log_mean_exp(self.log_prob)

    def covered(self, levels: tuple[float, ...]) -> np.ndarray:
        """Return whether outcomes lie in the central intervals, (levels, n, ...)."""
        # Rounded, as (1 - 0.9) / 2 is not 0.05, which a caller of `predictive_summary()` writes.
        lower, upper = (
            quantiles_of_draws(self.samples, tuple(round((1 + sign * p) / 2, 12) for p in levels))
            for sign in (-1, 1)
        )
        return (lower <= self.y) & (self.y <= upper)


def _outcomes(
    evaluation: Evaluation, output: OutputKind, y: Any, levels: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Return what scores are made from: numbers of each example, (n, ...), and no draws."""
    check_noise(output, evaluation.model)
    check_order(evaluation.model, output)

    def of_block(block: Block) -> dict[str, np.ndarray]:
        means, samples, log_prob = (values.astype("float64") for values in block.values)
        observed = block.y.astype("float64").reshape(samples.shape[1:])
        outcomes = _Outcomes(observed, samples, means, log_prob)
        return {
            "y": observed,
            "mean": means.mean(axis=0),
            "pit": outcomes.pit(),
            # One draw has no CRPS, and needs none for the reliability.
            "crps": outcomes.crps() if len(samples) > 1 else observed,
            "log_score": outcomes.log_score(),
            "covered": np.moveaxis(outcomes.covered(levels), 0, -1),
        }

    wanted = [(output.place, name) for name in ("mean", "sample", "log_prob")]
    targets = evaluation.targets(y, output, functools.partial(check_labels_of, output))
    parts = evaluation.reduce(wanted, of_block, targets)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _reduce_classes(
    evaluation: Evaluation,
    output: OutputKind,
    kind: str,
    y: Any,
    function: Callable[[Block, np.ndarray], Any],
) -> list[Any]:
    """Return what a function makes of one block after the other, and of its log-probabilities."""
    wanted = [(output.place, name) for name in CLASSES]
    return evaluation.reduce(
        wanted,
        lambda block: function(block, class_log_probabilities(kind, *block.values)),
        evaluation.targets(y, output, classes=output.width),
    )


def _mean_of_classes(
    evaluation: Evaluation, output: OutputKind, kind: str, y: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log of the classes' mean probabilities, (n, classes), and each example's class."""

    def of_block(block: Block, log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return log_mean_exp(log_p), _labels(block.y, log_p.shape[-1])

    parts = _reduce_classes(evaluation, output, kind, y, of_block)
    log_p, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return log_p, labels


def check_noise(output: OutputKind, model: keras.Model) -> None:
    """Raise an error unless a model's output is a distribution."""
    if not output.is_distribution:
        rule = (
            "must end in a distribution, such as `layer_distribution_lambda()` gives, or in "
            "classes that `outputs` names"
        )
        received = Described(f"{model.name!r}, which ends in a tensor of values")
        raise ArgumentError("model", rule, {"model": received})


def check_labels_of(output: OutputKind, y: np.ndarray) -> None:
    """Raise an error where targets can't come from an output whose outcomes are classes."""
    if output.count_of_classes is not None:
        _check_labels(y, output.count_of_classes)


def _check_pairs(draws: Any) -> None:
    if checks.positive_integer("draws", draws) == 1:
        rule = "must be 2 or more for values, as the CRPS compares draws with each other"
        raise ArgumentError("draws", rule, {"draws": draws})


def _scores_of_values(
    found: dict[str, np.ndarray], levels: tuple[float, ...], by: str
) -> pd.DataFrame:
    import pandas as pd

    covered = {f"{100 * level:g}": found["covered"][..., i] for i, level in enumerate(levels)}
    if by == "model":
        row = {
            "n": len(found["y"]),
            "rmse": np.sqrt(((found["mean"] - found["y"]) ** 2).mean()),
            "crps": found["crps"].mean(),
            "log_score": found["log_score"].mean(),
            **{f"coverage_{percent}": inside.mean() for percent, inside in covered.items()},
        }
        return pd.DataFrame([row])
    shape = found["pit"].shape
    columns = {
        "y": found["y"],
        "pit": found["pit"],
        "crps": found["crps"],
        # (n, ...): every output of an example has the example's.
        "log_score": np.broadcast_to(found["log_score"], shape[::-1]).T,
        **{f"covered_{percent}": inside for percent, inside in covered.items()},
    }
    values = {name: column.ravel() for name, column in columns.items()}
    return pd.DataFrame({**rows_of_values(shape), **values})


def _labels(values: np.ndarray, classes: int) -> np.ndarray:
    """Return targets as whole numbers from 0, whether they come so or in a column for each."""
    columns = values.reshape(len(values), math.prod(values.shape[1:]))
    if columns.shape[1] == classes:
        is_one = columns == 1
        if not ((is_one | (columns == 0)).all() and (is_one.sum(axis=1) == 1).all()):
            rule = "must hold for each example a single 1, in the column of its class, and zeros"
            raise ArgumentError("y", rule, {"y": _range(values)})
        return columns.argmax(axis=1)
    _check_labels(values, classes, one=True)
    return columns[:, 0].astype("int64")


def _check_labels(values: np.ndarray, classes: int, *, one: bool = False) -> None:
    """Raise an error unless all values are numbers of classes, and one for each example."""
    if (one and values.size != len(values)) or not np.isin(values, range(classes)).all():
        rule = f"must hold for each example a whole number from 0 to {classes - 1}, its class"
        raise ArgumentError("y", rule, {"y": _range(values)})


def _range(values: np.ndarray) -> Described:
    return Described(f"shape {values.shape}, from {values.min():g} to {values.max():g}")


def _of_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return what an array (n, ..., classes) holds for each example's class, (n, ...)."""
    index = labels.reshape(-1, *[1] * (values.ndim - 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]


def _scores_of_classes(log_p: np.ndarray, labels: np.ndarray, bins: int, by: str) -> pd.DataFrame:
    import pandas as pd

    p, log_score = np.exp(log_p), _of_labels(log_p, labels)
    columns = {
        "correct": log_p.argmax(axis=1) == labels,
        "brier": ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1),
        "log_score": log_score,
    }
    if by == "example":
        first = {"example": np.arange(len(p)), "y": labels, "probability": np.exp(log_score)}
        return pd.DataFrame({**first, **columns})
    row = {
        "n": len(p),
        "accuracy": columns["correct"].mean(),
        "brier": columns["brier"].mean(),
        "log_score": columns["log_score"].mean(),
        "calibration_error": _calibration_error(_reliability_of_classes(log_p, labels, bins)),
    }
    return pd.DataFrame([row])


def _reliability_of_classes(log_p: np.ndarray, labels: np.ndarray, bins: int) -> pd.DataFrame:
    import pandas as pd

    confidence, correct = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    table = pd.DataFrame({"bin": place, "confidence": confidence, "accuracy": correct})
    found = table.groupby("bin").agg(
        n=("accuracy", "size"), confidence=("confidence", "mean"), accuracy=("accuracy", "mean")
    )
    edges = pd.DataFrame({"lower": found.index / bins, "upper": (found.index + 1) / bins})
    return pd.concat([edges, found.reset_index(drop=True)], axis=1)


def _calibration_error(curve: pd.DataFrame) -> float:
    gaps = (curve["confidence"] - curve["accuracy"]).abs()
    return float((gaps * curve["n"]).sum() / curve["n"].sum())
