"""How good an answer is: of values, a mixture of normals; of classes, probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import entr, logsumexp, softmax
from scipy.stats import norm, rankdata

BINS = 15  # of the expected calibration error, as in examples/digits
LEVELS = (0.5, 0.9)


@dataclass(frozen=True)
class Mixture:
    """The equal mixture of a normal distribution for each draw, of standardised values.

    Args:
        loc: Means of shape (draws, m).
        scale: Standard deviations of shape (draws, m).
    """

    loc: np.ndarray
    scale: np.ndarray


def score_values(
    answer: Mixture, y: np.ndarray, loc: float = 0.0, scale: float = 1.0
) -> dict[str, float]:
    """Score the answer in the values' own unit.

    A value is covered by the central interval of a level where the mixture's distribution function
    at it lies between the two quantiles' levels, so that no quantile has to be estimated. An answer
    that is no number, of a training that diverged, has scores that are none.

    Args:
        answer: The mixture, of standardised values.
        y: The values, of shape (m,), in their own unit.
        loc: What was subtracted to standardise them.
        scale: What they were then divided by.
    """
    means = loc + scale * answer.loc.astype("float64")
    spreads = scale * answer.scale.astype("float64")
    log_density = logsumexp(norm.logpdf(y, means, spreads), axis=0) - np.log(len(means))
    below = norm.cdf(y, means, spreads).mean(axis=0)
    scores = {
        "log_score": log_density.mean(),
        "rmse": np.sqrt(np.mean((means.mean(axis=0) - y) ** 2)),
    }
    for level in LEVELS:
        covered = np.where(np.isnan(below), np.nan, np.abs(below - 0.5) <= level / 2)
        scores[f"coverage_{100 * level:.0f}"] = covered.mean()
    return {name: float(score) for name, score in scores.items()}


def score_classes(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Score the answer to images of known digits, and how well its entropy tells the others.

    Args:
        logits: Of shape (draws, m, classes): first those of images with a label, then of others.
        labels: The classes, of shape (n,), n at most m.
    """
    probability = softmax(logits.astype("float64"), axis=-1).mean(axis=0)
    entropy = entr(probability).sum(axis=-1)
    n = len(labels)
    known = probability[:n]
    correct = known.argmax(axis=1) == labels
    truth = np.eye(known.shape[1])[labels]
    scores = {
        "accuracy": correct.mean(),
        "log_score": np.log(known[np.arange(n), labels]).mean(),
        "brier": ((known - truth) ** 2).sum(axis=1).mean(),
        "calibration_error": calibration_error(known.max(axis=1), correct),
    }
    if n < len(entropy):
        scores["auroc"] = auroc(entropy[:n], entropy[n:])
    return {name: float(score) for name, score in scores.items()}


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Average the distance between confidence and accuracy over bins of equal width."""
    which = np.minimum((bins * confidence).astype(int), bins - 1)
    return float(np.abs(np.bincount(which, confidence - correct)).sum() / len(correct))


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Return how often an unknown image has the higher score, ties counted as a half."""
    ranks = rankdata(np.concatenate([known, unknown]))[len(known) :]
    wins = ranks.sum() - len(unknown) * (len(unknown) + 1) / 2
    return float(wins / (len(known) * len(unknown)))
