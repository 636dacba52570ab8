"""Conformal intervals and sets, from the predictive summaries of calibration and new examples.

Scores say how strange an outcome is. Of n calibration scores and that of a new example, each rank
is as likely as any other where the examples are exchangeable: the new score is no larger than the
k-th smallest with a probability of k / (n + 1) or more.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.classes import as_labels
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.outputs import OutputKind

_OF_VALUES, _OF_CLASSES = ("quantiles", "sd"), ("lac", "aps")
METHODS = ("auto", *_OF_VALUES, *_OF_CLASSES)
# How many examples are gone through at once for their targets.
_BATCH = 1024


def method_for(kind: str, method: str) -> str:
    """Return the method for values or for classes, where "auto" stands for the first."""
    methods = _OF_VALUES if kind == "values" else _OF_CLASSES
    if method == "auto":
        return methods[0]
    if method not in methods:
        named = ", ".join(f'"{name}"' for name in ("auto", *methods))
        of = "values" if kind == "values" else "classes"
        raise ArgumentError("method", f"must be one of {named} for {of}", {"method": method})
    return method


def threshold_rank(level: float, count: int) -> int:
    """Return the rank among calibration scores that a new one exceeds no more often than that.

    Raises:
        ArgumentError: If there are too few.
    """
    # Rounded, as 100 * 0.55 is more than 55.
    rank = math.ceil(round((count + 1) * level, 9))
    if rank > count:
        least = math.ceil(round(level / (1 - level), 9))
        rule = f"must hold at least {least} examples for a level of {level:g}"
        raise ArgumentError("x_calibration", rule, {"examples": Described(str(count))})
    return rank


def observed(evaluation: Evaluation, output: OutputKind, y: Any, kind: str) -> np.ndarray:
    """Return the targets of the examples, (n, ...); of classes their numbers, (n,).

    Args:
        evaluation: That of the examples, which can be gone through more than once.
        output: The output that they are targets of.
        y: What the caller gave.
        kind: "values", or "probabilities" or "logits" of classes.
    """
    targets = evaluation.targets(y, output, classes=None if kind == "values" else output.width)
    parts: list[np.ndarray] = []
    start = 0
    for batch in evaluation.inputs.batches(_BATCH):
        parts.append(targets.of_batch(batch, start))
        start += batch.size
    found = np.concatenate(parts)
    return found.astype("float64") if kind == "values" else as_labels(found, output.width)


def intervals(
    seen: pd.DataFrame, new: pd.DataFrame, y: np.ndarray, rank: int, method: str
) -> pd.DataFrame:
    """Return the table of intervals.

    Args:
        seen: The predictive summary of the calibration examples.
        new: That of the examples to predict for.
        y: The targets of the calibration examples, (n, ...).
        rank: The rank of the score that is the threshold.
        method: "quantiles" or "sd".
    """
    _check_shape(y, seen)
    low, high, scale = _bands(seen, method)
    values = y.reshape(-1)
    scores = np.maximum(low - values, values - high) / scale
    outputs = len(seen) // len(y)
    # (n, outputs), as the rows of an example stand one after the other.
    threshold = np.partition(scores.reshape(-1, outputs), rank - 1, axis=0)[rank - 1]
    low, high, scale = _bands(new, method)
    margin = np.tile(threshold, len(new) // outputs) * scale
    # An interval that is narrowed past its middle holds nothing, and shrinks to that.
    middle = (low + high) / 2
    ends = {"lower": np.minimum(low - margin, middle), "upper": np.maximum(high + margin, middle)}
    return new[["example", "variable", "mean"]].assign(**ends)


def _bands(table: pd.DataFrame, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the model's own interval ends, and what a score is measured in."""
    if method == "quantiles":
        quantiles = [name for name in map(str, table) if name.startswith("q")]
        low, high = (table[quantiles[place]].to_numpy() for place in (0, -1))
        return low, high, np.ones(len(table))
    mean, sd = table["mean"].to_numpy(), table["sd"].to_numpy()
    if (sd == 0).any():
        rule = 'must be "quantiles" where a standard deviation is zero'
        received = Described(f"{method!r}, {(sd == 0).sum()} zeros of {len(sd)}")
        raise ArgumentError("method", rule, {"method": received})
    return mean, mean, sd


def _check_shape(y: np.ndarray, seen: pd.DataFrame) -> None:
    """Raise an error unless each number of an example has a target, in a row or in its place."""
    # The last one is named as in "y[1,2]".
    shape = tuple(int(place) + 1 for place in re.findall(r"\d+", seen["variable"].iloc[-1]))
    sizes, expected = ([size for size in each if size != 1] for each in (y.shape[1:], shape))
    if sizes not in (expected, [math.prod(shape)]) or y.size != len(seen):
        rule = f"must hold for each example a target of shape {shape}, as the outputs do"
        raise ArgumentError("y_calibration", rule, {"shape of each target": y.shape[1:]})


def sets(
    seen: pd.DataFrame, new: pd.DataFrame, y: np.ndarray, rank: int, method: str
) -> pd.DataFrame:
    """Return the table of sets of classes; see `intervals`, with y of shape (n,)."""
    scores = _strangeness(seen, method)[np.arange(len(y)), y]
    inside = _strangeness(new, method) <= np.partition(scores, rank - 1)[rank - 1]
    inside[np.arange(len(new)), new["class"]] = True
    members = {f"in[{k}]": column for k, column in enumerate(inside.T)}
    table = new[["example", "class", "probability"]]
    return table.assign(size=inside.sum(axis=1), **members)


def _strangeness(table: pd.DataFrame, method: str) -> np.ndarray:
    """Return how strange each class would be for each example, (n, classes)."""
    p = table[[name for name in map(str, table) if name.startswith("p[")]].to_numpy()
    if method == "lac":
        return 1 - p
    # The probability of all classes that are no less probable, those of the same included.
    ordered = np.sort(p, axis=1)
    sums = ordered[:, ::-1].cumsum(axis=1)[:, ::-1]
    places = [np.searchsorted(row, values) for row, values in zip(ordered, p, strict=True)]
    # Rounded, as all probabilities of an example add up to 1, and to the same in every example.
    return np.round(np.take_along_axis(sums, np.array(places), axis=1), 12)
