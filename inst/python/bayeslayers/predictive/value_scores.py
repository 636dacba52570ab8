"""Scores of predicted values."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pandas as pd

from bayeslayers.predictive.classes import check_labels
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.kinds import check_noise, check_order
from bayeslayers.predictive.mixtures import Mixture
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.statistics import Samples, log_mean_exp
from bayeslayers.predictive.tables import rows_of_values

_STATISTICS = ("mean", "log_prob", "sample")


def score_outcomes(
    evaluation: Evaluation,
    output: OutputKind,
    y: Any,
    levels: tuple[float, ...],
    *,
    with_crps: bool = True,
) -> dict[str, np.ndarray]:
    """Return what scores of examples and models are made from: numbers by example, (n, ...)."""
    check_noise(output, evaluation.model)
    check_order(evaluation.model, output)

    def of_outcomes(outcomes: Mixture | Samples, observed: np.ndarray) -> list[np.ndarray]:
        crps = [outcomes.crps(observed)[None]] if with_crps else []
        covered = _covered(outcomes, observed, levels)
        return [covered, outcomes.pit(observed)[None], *crps]

    def score_piece(piece: Block) -> dict[str, np.ndarray]:
        means, log_prob, samples, *found = piece.values
        observed = _observed(piece, samples)
        covered, pit, *crps = found or of_outcomes(
            Samples(samples, evaluation.members.count), observed
        )
        return {
            "y": observed,
            "mean": means.astype("float64").mean(axis=0),
            "pit": pit[0],
            **({"crps": crps[0][0]} if crps else {}),
            "log_score": log_mean_exp(log_prob.astype("float64")),
            "covered": np.moveaxis(covered, 0, -1),
        }

    def score_block(block: Block) -> list[dict[str, np.ndarray]]:
        means, log_prob, samples, *tensors = block.values
        mixture = None if output.cdf is None else output.cdf.mixture(samples, tensors)
        exact = [] if mixture is None else of_outcomes(mixture, _observed(block, samples))
        pieces = block.with_values([means, log_prob, samples, *exact]).pieces()
        return list(map(score_piece, pieces))

    wanted = [(output.place, name) for name in _STATISTICS]
    if output.cdf is not None:
        wanted.append((output.place, "cdf"))
    targets = evaluation.targets(y, output, functools.partial(check_labels, output))
    blocks = evaluation.reduce(wanted, score_block, targets, in_pieces=False)
    parts = list(itertools.chain.from_iterable(blocks))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _observed(block: Block, samples: np.ndarray) -> np.ndarray:
    return block.observed.astype("float64").reshape(samples.shape[1:])


def _covered(outcomes: Mixture | Samples, y: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return whether observations lie in the central intervals, (levels, n, ...)."""
    # Rounded, as (1 - 0.9) / 2 is not 0.05, which a caller of `predictive_summary()` writes.
    lower, upper = (tuple(round((1 + sign * p) / 2, 12) for p in levels) for sign in (-1, 1))
    return outcomes.covered(y, lower, upper)


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
