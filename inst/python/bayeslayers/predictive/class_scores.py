"""Scores of predicted classes, and how reliable their probabilities are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from bayeslayers.predictive.classes import CLASSES, as_labels, at_labels, class_log_probabilities
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.statistics import log_mean_exp


def reduce_classes(
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


def mean_probabilities(
    evaluation: Evaluation, output: OutputKind, kind: str, y: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log of the classes' mean probabilities, (n, classes), and each example's class."""

    def average(block: Block, log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return log_mean_exp(log_p), as_labels(block.observed, log_p.shape[-1])

    parts = reduce_classes(evaluation, output, kind, y, average)
    log_p, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return log_p, labels


def scores_of_classes(log_p: np.ndarray, labels: np.ndarray, bins: int, by: str) -> pd.DataFrame:
    """Return the table of scores by model or by example.

    Args:
        log_p: Logarithms of the classes' mean probabilities, (n, classes).
        labels: The class of each example, (n,).
        bins: How many bins of equal width the calibration error is computed over.
        by: "model" or "example".
    """
    p, log_score = np.exp(log_p), at_labels(log_p, labels)
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
        "calibration_error": _calibration_error(reliability(log_p, labels, bins)),
    }
    return pd.DataFrame([row])


def reliability(log_p: np.ndarray, labels: np.ndarray, bins: int) -> pd.DataFrame:
    """Return accuracy against confidence, in bins of equal width that hold an example."""
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
