"""Probabilities of classes, as logarithms in double precision, and observed classes."""

from __future__ import annotations

import math

import numpy as np

from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.outputs import OutputKind

# What the probabilities of classes are computed from: a tensor itself, a distribution's parameter.
CLASSES = ("classes",)
# By how much the sum of half precision probabilities may miss 1.
_ROUNDING = 0.01


def class_log_probabilities(kind: str, values: np.ndarray) -> np.ndarray:
    """Return the logarithms of the classes' probabilities, in double precision.

    Args:
        kind: "logits" or "probabilities".
        values: The logits or probabilities, (draws, n, classes); a single column, or none, is that
            of the second of two classes.

    Returns:
        An array (draws, n, classes). What is unlikely keeps its logarithm, which would be lost in a
        probability that is rounded to 0 or 1.
    """
    from scipy.special import log_softmax

    values = _columns_of_classes(values).astype("float64")
    if kind == "probabilities":
        values = _checked_probabilities(values)
    # The logarithm of a probability of exactly 0 is minus infinity, and no reason for a warning.
    with np.errstate(divide="ignore"):
        if values.shape[-1] > 1:
            return log_softmax(values if kind == "logits" else np.log(values), axis=-1)
        if kind == "logits":
            both = -np.logaddexp(0.0, values), -np.logaddexp(0.0, -values)
        else:
            both = np.log1p(-values), np.log(values)
    return np.concatenate(both, axis=-1)


def _columns_of_classes(values: np.ndarray) -> np.ndarray:
    """Return draws of a model's output in the shape (draws, n, classes)."""
    shape = values.shape[2:]
    classes = shape[-1] if shape else 1
    if math.prod(shape) != classes:
        rule = "must have an output for each class, of one class for each example"
        received = Described(f"an output of shape {shape} for each example")
        raise ArgumentError("model", rule, {"model": received})
    return values.reshape(*values.shape[:2], classes)


def _checked_probabilities(p: np.ndarray) -> np.ndarray:
    """Return probabilities, which rounding may have made a little larger than 1."""
    sums = p.sum(axis=-1) if p.shape[-1] > 1 else np.ones(1)
    is_wrong = (np.abs(p - 0.5) > 0.5 + _ROUNDING).any() or (np.abs(sums - 1) > _ROUNDING).any()
    if is_wrong:
        rule = "must return probabilities of classes, from 0 to 1, which add up to 1"
        received = Described(
            f"numbers from {p.min():g} to {p.max():g}, sums from {sums.min():g} to {sums.max():g}"
        )
        hint = '`outputs = "logits"` takes their logarithms up to a constant.'
        raise ArgumentError("model", rule, {"model": received}, hint)
    return np.clip(p, 0.0, 1.0)


def likelihood_of_classes(log_p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of observed classes under each draw, (draws, n).

    Args:
        log_p: Logarithms of the probabilities of the classes, (draws, n, classes).
        y: The classes, (n,), or a column for each.
    """
    return at_labels(np.moveaxis(log_p, 0, 1), as_labels(y, log_p.shape[-1])).T


def at_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the entries (n, ...) of an array (n, ..., classes) at the class of each example."""
    index = labels.reshape(-1, *[1] * (values.ndim - 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]


def as_labels(values: np.ndarray, classes: int) -> np.ndarray:
    """Return targets as whole numbers from 0; they may come in a column for each class."""
    columns = values.reshape(len(values), math.prod(values.shape[1:]))
    if columns.shape[1] == classes:
        is_one = columns == 1
        if not ((is_one | (columns == 0)).all() and (is_one.sum(axis=1) == 1).all()):
            rule = "must hold for each example a single 1, in the column of its class, and zeros"
            raise ArgumentError("y", rule, {"y": _range(values)})
        return columns.argmax(axis=1)
    _check_class_numbers(values, classes, one=True)
    return columns[:, 0].astype("int64")


def check_labels(output: OutputKind, y: np.ndarray) -> None:
    """Raise an error where targets can't come from an output whose outcomes are classes."""
    if output.count_of_classes is not None:
        _check_class_numbers(y, output.count_of_classes)


def _check_class_numbers(values: np.ndarray, classes: int, *, one: bool = False) -> None:
    """Raise an error unless all values are numbers of classes, and one for each example."""
    if (one and values.size != len(values)) or not np.isin(values, range(classes)).all():
        rule = f"must hold for each example a whole number from 0 to {classes - 1}, its class"
        raise ArgumentError("y", rule, {"y": _range(values)})


def _range(values: np.ndarray) -> Described:
    return Described(f"shape {values.shape}, from {values.min():g} to {values.max():g}")
