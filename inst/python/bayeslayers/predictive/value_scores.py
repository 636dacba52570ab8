"""Scores of predicted values."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayeslayers.predictive.classes import check_labels
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.kinds import check_noise, check_order
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.statistics import log_mean_exp, quantiles_of_draws
from bayeslayers.predictive.tables import rows_of_values


@dataclass(frozen=True)
class Outcomes:
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


def score_outcomes(
    evaluation: Evaluation, output: OutputKind, y: Any, levels: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Return what scores of examples and models are made from: numbers by example, (n, ...)."""
    check_noise(output, evaluation.model)
    check_order(evaluation.model, output)

    def score_block(block: Block) -> dict[str, np.ndarray]:
        means, samples, log_prob = (values.astype("float64") for values in block.values)
        observed = block.observed.astype("float64").reshape(samples.shape[1:])
        outcomes = Outcomes(observed, samples, means, log_prob)
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
    targets = evaluation.targets(y, output, functools.partial(check_labels, output))
    parts = evaluation.reduce(wanted, score_block, targets)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def scores_of_values(
    found: dict[str, np.ndarray], levels: tuple[float, ...], by: str
) -> pd.DataFrame:
    """Return the table of scores by model or by example, from what `score_outcomes` returned."""
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
