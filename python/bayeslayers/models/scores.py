"""How good a predictive distribution is: scores, and whether it holds what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import model_function
from bayeslayers.models.draws import Results
from bayeslayers.models.outputs import OutputKind
from bayeslayers.models.statistics import Block, DrawsOfModel
from bayeslayers.models.summary import (
    OUTPUTS,
    class_probabilities,
    class_statistics,
    kind_of_output,
    rows_of_values,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

LEVELS = (0.5, 0.9)
_BY = ("model", "example")
_GNEITING = (
    "Gneiting, T., and Raftery, A. E. (2007). Strictly Proper Scoring Rules, Prediction, and "
    "Estimation. Journal of the American Statistical Association 102(477), 359-378. "
    "https://doi.org/10.1198/016214506000001437"
)
_GUO = (
    "Guo, C., Pleiss, G., Sun, Y., and Weinberger, K. Q. (2017). On Calibration of Modern Neural "
    "Networks. International Conference on Machine Learning. https://arxiv.org/abs/1706.04599"
)
_PYTHON_MODEL = """\
>>> import keras
>>> from bayeslayers import layer_dense_flipout, layer_distribution_lambda, {name}, tfp
>>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
>>> model = layer_distribution_lambda(model, lambda t: tfp.distributions.Normal(t, 0.5))
>>> x, y = keras.ops.ones((8, 3)), keras.ops.ones((8, 1))
"""
_R_MODEL = """\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 1, input_shape = 3) |>
  layer_distribution_lambda(function(t) tfd_normal(t, 0.5))
x <- array(1, c(8, 3))
y <- array(1, c(8, 1))
"""


@model_function(
    title="Log-likelihood of observations under each draw of the weights",
    formula="log p(y_i | x_i, w_d),   w_d ~ q,   d = 1, ..., draws",
    details=(
        "What cross-validation and information criteria are computed from (WAIC, PSIS-LOO), and "
        "the log score. The model ends in a distribution, or in the probabilities or logits of "
        "classes, which `outputs` then has to name; `y` holds classes counted from 0, as `fit()` "
        "takes them, or 0 and 1 in a column for each class.",
        "The same `seed` stands for the same draws of the weights as in `predict_draws()`.",
    ),
    returns="A NumPy array of shape (draws, n), an R array of these dimensions.",
    raises="If the model ends in a tensor of values, which leave no likelihood, or an argument "
    "breaks a rule that is stated here.",
    python_example=_PYTHON_MODEL.format(name="log_likelihood")
    + """\
>>> log_likelihood(model, x, y, draws=10, verbose=0).shape
(10, 8)""",
    r_example=_R_MODEL + "dim(log_likelihood(model, x, y, draws = 10, verbose = 0))",
    reference="Vehtari, A., Gelman, A., and Gabry, J. (2017). Practical Bayesian Model Evaluation "
    "Using Leave-one-out Cross-validation and WAIC. Statistics and Computing 27, 1413-1432. "
    "https://doi.org/10.1007/s11222-016-9696-4",
)
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
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    of_model = DrawsOfModel(model, x, draws, batch_size, seed, verbose)
    only = of_model.outputs.only(output)
    kind = kind_of_output(only, outputs)
    results = Results(of_model.draws, of_model.inputs.count)
    if kind == "values" or only.is_distribution:
        check_outcomes(only, model)
        of_model.reduce(
            [(only.place, "log_prob")], results.add, of_model.targets(y, only), in_pieces=False
        )
    else:

        def add(block: Block, p: np.ndarray) -> None:
            values = [likelihood_of_classes(p, block.y)]
            results.add(Block(block.start, block.size, values, None))

        _of_classes(of_model, only, kind, y, add)
    return results.values()[0]


def likelihood_of_classes(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of observed classes under each draw, (draws, n).

    Args:
        p: Probabilities of the classes, (draws, n, classes).
        y: The classes, (n,), or a column for each.
    """
    return np.log(_of_labels(np.moveaxis(p, 0, 1), _labels(y, p.shape[-1])).T)


@model_function(
    title="Scores of a model's predictive distribution",
    formula="log_score = log E_w[p(y | x, w)]\n"
    "crps = E|Y - y| - E|Y - Y'| / 2\n"
    "pit = P(Y < y) + P(Y = y) / 2\n"
    "brier = sum over classes k of (P(k) - [y = k])^2",
    details=(
        "Y and Y' are independent draws of the outcome: of the weights, and of the noise under "
        "them.",
        "For values, by example: a row for each example and each output, with the outcome `y`, the "
        "probability integral transform `pit`, which is uniform where the model is calibrated, "
        "the continuous ranked probability score `crps`, in the units of `y`, the `log_score` of "
        "the example (all its outputs together), and for each of `levels` whether the central "
        "interval of that probability `covered` the outcome. By model: one row with `n`, the root "
        "mean squared error `rmse` of the predictive mean, and the means of the others, of which "
        "`coverage_90` is the share of outcomes in the interval of 90 %.",
        "For classes, by example: `y`, counted from 0 as `fit()` takes it, the `probability` of "
        "that class, whether the most probable class was `correct`, `brier` and `log_score`. By "
        "model: `n`, `accuracy`, `brier`, `log_score`, and the expected `calibration_error` over "
        "`bins` of equal width.",
        "Higher is better for `log_score`, lower for `crps`, `rmse`, `brier` and "
        "`calibration_error`.",
    ),
    returns="A data frame.",
    raises="If the model ends in a tensor of values, which say nothing of their noise; or an "
    "argument breaks a rule that is stated here.",
    python_example=_PYTHON_MODEL.format(name="predictive_scores")
    + """\
>>> scores = predictive_scores(model, x, y, draws=100, verbose=0)
>>> list(scores)
['n', 'rmse', 'crps', 'log_score', 'coverage_50', 'coverage_90']""",
    r_example=_R_MODEL
    + """\
predictive_scores(model, x, y, draws = 100, verbose = 0)
predictive_scores(model, x, y, draws = 100, by = "example", verbose = 0)""",
    reference=_GNEITING + " " + _GUO,
    r_result="as_scores",
)
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
    levels = checks.probabilities("levels", levels)
    bins = checks.positive_integer("bins", bins)
    by = checks.choice("by", by, _BY)
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    of_model = DrawsOfModel(model, x, draws, batch_size, seed, verbose)
    only = of_model.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind == "values":
        check_outcomes(only, model)
        return _table_of_values(_of_values(of_model, only, y, levels), levels, by)
    return _scores_of_classes(*_mean_of_classes(of_model, only, kind, y), bins, by)


@model_function(
    title="Reliability curve: what a model says against what comes true",
    formula="values:   coverage(level) = share of outcomes in the central interval of this level\n"
    "classes:  accuracy(bin) against confidence(bin) = mean probability of the class chosen",
    details=(
        "For values, a row for each of the levels 1 / `bins`, 2 / `bins`, ... below 1, with the "
        "columns `level`, `coverage` and `n`, how many outcomes there were.",
        "For classes, the examples are put into `bins` of equal width by the probability of the "
        "most probable class: `lower`, `upper`, `n`, `confidence`, `accuracy`. Bins without "
        "examples are left out.",
        "A calibrated model stays near the diagonal. Above it, it is less sure than it could be, "
        "below it surer than it should be.",
    ),
    returns="A data frame.",
    raises="As `predictive_scores()` does.",
    python_example=_PYTHON_MODEL.format(name="reliability_curve")
    + """\
>>> list(reliability_curve(model, x, y, draws=100, verbose=0))
['level', 'coverage', 'n']""",
    r_example=_R_MODEL + "reliability_curve(model, x, y, draws = 100, verbose = 0)",
    reference=_GUO,
    r_result="as_reliability",
)
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
    import pandas as pd

    bins = checks.positive_integer("bins", bins)
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    of_model = DrawsOfModel(model, x, draws, batch_size, seed, verbose)
    only = of_model.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind == "values":
        check_outcomes(only, model)
        levels = tuple(np.arange(1, bins) / bins)
        found = _of_values(of_model, only, y, levels)
        coverage = found["covered"].reshape(-1, len(levels)).mean(axis=0)
        return pd.DataFrame({"level": levels, "coverage": coverage, "n": found["y"].size})
    return _reliability_of_classes(*_mean_of_classes(of_model, only, kind, y), bins)


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

        # Over the sorted draws: the memory of all pairs of draws is not needed.
        ensemble = np.moveaxis(self.samples, 0, -1)
        return np.asarray(scoringrules.crps_ensemble(self.y, ensemble, estimator="qd"))

    def log_score(self) -> np.ndarray:
        """Return the log of the mean likelihood of each example, (n,)."""
        from scipy.special import logsumexp

        return logsumexp(self.log_prob, axis=0) - np.log(len(self.log_prob))


def _of_values(
    of_model: DrawsOfModel, output: OutputKind, y: Any, levels: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Return what scores are made from: for each example, (n, ...), but no draws."""

    def of_block(block: Block) -> dict[str, np.ndarray]:
        means, samples, log_prob = (values.astype("float64") for values in block.values)
        observed = block.y.astype("float64").reshape(samples.shape[1:])
        outcomes = _Outcomes(observed, samples, means, log_prob)
        pit = outcomes.pit()
        return {
            "y": observed,
            "mean": means.mean(axis=0),
            "pit": pit,
            "crps": outcomes.crps(),
            "log_score": outcomes.log_score(),
            "covered": np.stack([_is_covered(pit, level) for level in levels], axis=-1),
        }

    wanted = [(output.place, name) for name in ("mean", "sample", "log_prob")]
    parts = of_model.reduce(wanted, of_block, of_model.targets(y, output))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_classes(
    of_model: DrawsOfModel,
    output: OutputKind,
    kind: str,
    y: Any,
    function: Callable[[Block, np.ndarray], Any],
) -> list[Any]:
    """Return what a function makes of one block after the other, and of its probabilities."""
    statistics = class_statistics(kind)

    def of_block(block: Block) -> Any:
        found = dict(zip(statistics, block.values, strict=True))
        return function(block, class_probabilities(kind, found))

    wanted = [(output.place, name) for name in statistics]
    return of_model.reduce(wanted, of_block, of_model.targets(y, output))


def _mean_of_classes(
    of_model: DrawsOfModel, output: OutputKind, kind: str, y: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean probabilities of the classes, (n, classes), and each example's class."""

    def of_block(block: Block, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return p.astype("float64").mean(axis=0), _labels(block.y, p.shape[-1])

    parts = _of_classes(of_model, output, kind, y, of_block)
    p, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return p, labels


def check_outcomes(output: OutputKind, model: keras.Model) -> None:
    """Raise an error unless a model's output is a distribution."""
    if output.is_distribution:
        return
    rule = (
        "must end in a distribution, such as `layer_distribution_lambda()` gives, or in classes "
        "that `outputs` names"
    )
    received = Described(f"{model.name!r}, which ends in a tensor of values")
    raise ArgumentError("model", rule, {"model": received})


def _is_covered(pit: np.ndarray, level: float) -> np.ndarray:
    """Return whether outcomes lie in the central interval of a probability."""
    return np.abs(2 * pit - 1) <= level


def _table_of_values(
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


def _labels(y: Any, classes: int) -> np.ndarray:
    """Return targets as whole numbers from 0, whether they come so or in a column for each."""
    values = keras.ops.convert_to_numpy(y)
    if values.ndim == 2 and values.shape[1] == classes > 1:  # noqa: PLR2004
        values = values.argmax(axis=1)
    labels = values.reshape(len(values), -1)
    whole = labels.astype("int64")
    if labels.shape[1] != 1 or (whole != labels).any() or ((whole < 0) | (whole >= classes)).any():
        rule = f"must hold for each example a whole number from 0 to {classes - 1}, its class"
        found = Described(f"shape {values.shape}, from {values.min():g} to {values.max():g}")
        raise ArgumentError("y", rule, {"y": found})
    return whole[:, 0]


def _of_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return what an array (n, ..., classes) holds for each example's class, (n, ...)."""
    index = labels.reshape(-1, *[1] * (values.ndim - 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]


def _scores_of_classes(p: np.ndarray, labels: np.ndarray, bins: int, by: str) -> pd.DataFrame:
    import pandas as pd

    probability = _of_labels(p, labels)
    columns = {
        "correct": p.argmax(axis=1) == labels,
        "brier": ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1),
        "log_score": np.log(probability),
    }
    if by == "example":
        first = {"example": np.arange(len(p)), "y": labels, "probability": probability}
        return pd.DataFrame({**first, **columns})
    row = {
        "n": len(p),
        "accuracy": columns["correct"].mean(),
        "brier": columns["brier"].mean(),
        "log_score": columns["log_score"].mean(),
        "calibration_error": _calibration_error(_reliability_of_classes(p, labels, bins)),
    }
    return pd.DataFrame([row])


def _reliability_of_classes(p: np.ndarray, labels: np.ndarray, bins: int) -> pd.DataFrame:
    import pandas as pd

    confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels
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
