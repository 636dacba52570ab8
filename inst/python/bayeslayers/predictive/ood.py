"""How unusual examples look to a model, and how well that tells two sets of them apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslayers.predictive.classes import CLASSES, class_log_probabilities
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.statistics import log_mean_exp

RECALL = 0.95


def scores_of_examples(evaluation: Evaluation, output: OutputKind, kind: str) -> pd.DataFrame:
    """Return a row of scores for each example."""
    is_values = kind == "values"
    wanted: tuple[str, ...] = CLASSES
    if is_values:
        wanted = ("mean", "variance") if output.is_distribution else ("mean",)

    def score(block: Block) -> pd.DataFrame:
        if is_values:
            return _of_values(*block.values)
        return _of_classes(class_log_probabilities(kind, *block.values))

    tables = evaluation.reduce([(output.place, name) for name in wanted], score)
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "example", np.arange(len(table)))
    return table


def _of_values(means: np.ndarray, variances: np.ndarray | None = None) -> pd.DataFrame:
    """Score draws (draws, n, ...) of means and variances; several outputs as their mean square."""
    epistemic = _by_example(means.astype("float64").var(axis=0))
    aleatoric = np.full(len(epistemic), np.nan)
    if variances is not None:
        aleatoric = _by_example(variances.astype("float64").mean(axis=0))
    total = epistemic if variances is None else epistemic + aleatoric
    columns = {"sd": total, "sd_epistemic": epistemic, "sd_aleatoric": aleatoric}
    return pd.DataFrame({name: np.sqrt(variance) for name, variance in columns.items()})


def _by_example(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(axis=1)


def _of_classes(log_p: np.ndarray) -> pd.DataFrame:
    """Score draws (draws, n, classes) of the logarithms of the classes' probabilities."""
    from scipy.special import entr, kl_div

    p, mean = np.exp(log_p), np.exp(log_mean_exp(log_p))
    columns = {
        "probability": mean.max(axis=-1),
        "entropy": entr(mean).sum(axis=-1),
        # The mean divergence of a draw from the mean: no difference of entropies that are nearly
        # equal. Not below zero, but for rounding.
        "mutual_information": np.maximum(kl_div(p, mean).sum(axis=-1).mean(axis=0), 0.0),
        "expected_entropy": entr(p).sum(axis=-1).mean(axis=0),
    }
    return pd.DataFrame(columns)


def detection(inside: pd.DataFrame, outside: pd.DataFrame) -> pd.DataFrame:
    """Return how well each score tells the examples of two tables apart.

    Args:
        inside: The scores of examples like those that the model was trained on.
        outside: Those of others.
    """
    rows = []
    for name in inside.columns.drop("example"):
        # The only score that is lower where an example is unusual.
        sign = -1 if name == "probability" else 1
        low, high = (sign * table[name].to_numpy() for table in (inside, outside))
        # The noise of a model that ends in a tensor is not known.
        if not np.isnan(low).any():
            rows.append((name, auroc(low, high), aupr(low, high), fpr(low, high)))
    return pd.DataFrame(rows, columns=["score", "auroc", "aupr", "fpr95"])


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the chance that a score outside is above one inside, where ties count half."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([inside, outside]))[len(inside) :]
    above = ranks.sum() - len(outside) * (len(outside) + 1) / 2
    return float(above / (len(inside) * len(outside)))


def aupr(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the average precision: the mean, over the scores outside, of the precision there."""
    found, wrong = _found_and_wrong(inside, outside, outside)
    return float((found / (found + wrong)).mean())


def fpr(inside: np.ndarray, outside: np.ndarray, recall: float = RECALL) -> float:
    """Return the share of the scores inside that are no lower than this share of those outside."""
    # As many as it takes, so that the share is reached.
    count = int(np.ceil(round(recall * len(outside), 9)))
    return float((inside >= np.sort(outside)[-count]).mean())


def _found_and_wrong(
    inside: np.ndarray, outside: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many scores outside, and inside, are at thresholds or above them."""
    found, wrong = (
        len(scores) - np.searchsorted(np.sort(scores), thresholds) for scores in (outside, inside)
    )
    return found, wrong
