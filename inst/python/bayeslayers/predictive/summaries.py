"""Tables that summarise draws of values, and of the probabilities of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslayers.predictive.evaluation import Block
from bayeslayers.predictive.mixtures import Cdfs, Mixture
from bayeslayers.predictive.statistics import Samples, log_mean_exp
from bayeslayers.predictive.tables import rows_of_values


def summarise_values(
    block: Block, statistics: tuple[str, ...], cdf: Cdfs | None, probs: tuple[float, ...]
) -> pd.DataFrame:
    """Summarise a block of values.

    Args:
        block: The statistics under draws of the weights, and behind them what `cdf` depends on.
        statistics: Their names: "mean", and "variance" and "sample" where there is noise.
        cdf: The cdf of the outcome, where it may have one.
        probs: The probabilities of the quantiles.
    """

    def quantiles(outcomes: Mixture | Samples) -> list[np.ndarray]:
        found = outcomes.quantiles((0.5, *probs))
        return [found, outcomes.mad(found[0])[None]]

    count = len(statistics)
    given, tensors = block.values[:count], block.values[count:]
    mixture = None if cdf is None else cdf.mixture(given[-1], tensors)
    exact = [] if mixture is None else quantiles(mixture)
    tables = []
    for piece in block.with_values([*given, *exact]).pieces():
        found = dict(zip(statistics, piece.values[:count], strict=True))
        ends, mad = piece.values[count:] or quantiles(Samples(piece.values[count - 1]))
        table = _table_of_values(found, ends, mad, probs)
        table["example"] += piece.start
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _table_of_values(
    found: dict[str, np.ndarray], quantiles: np.ndarray, mad: np.ndarray, probs: tuple[float, ...]
) -> pd.DataFrame:
    """Return the rows of some examples.

    Args:
        found: Draws (draws, n, ...) of "mean", and of "variance" where it is known.
        quantiles: The median and the quantiles, (1 + probs, n, ...).
        mad: The median distance from the median, (1, n, ...).
        probs: The probabilities of the quantiles.
    """
    means = found["mean"].astype("float64")
    mean, epistemic = means.mean(axis=0), means.var(axis=0)
    unknown = np.full(mean.shape, np.nan)
    aleatoric = found["variance"].astype("float64").mean(axis=0) if "variance" in found else unknown
    total = np.where(np.isnan(aleatoric), epistemic, epistemic + aleatoric)
    columns = {
        "mean": mean,
        "median": quantiles[0],
        "sd": np.sqrt(total),
        "mad": mad[0],
        **dict(zip(map(_name_of_quantile, probs), quantiles[1:], strict=True)),
        "sd_epistemic": np.sqrt(epistemic),
        "sd_aleatoric": np.sqrt(aleatoric),
    }
    rows = rows_of_values(mean.shape)
    return pd.DataFrame({**rows, **{name: values.ravel() for name, values in columns.items()}})


def _name_of_quantile(prob: float) -> str:
    return f"q{100 * prob:g}"


def summarise_classes(log_p: np.ndarray) -> pd.DataFrame:
    """Summarise draws (draws, n, classes) of the logarithms of the classes' probabilities."""
    from scipy.special import kl_div

    log_mean = log_mean_exp(log_p)
    mean = np.exp(log_mean)
    # The mean divergence of a draw from the mean: no difference of entropies that are nearly equal.
    information = kl_div(np.exp(log_p), mean).sum(axis=-1).mean(axis=0)
    table = {
        "example": np.arange(len(mean)),
        "class": log_mean.argmax(axis=-1),
        "probability": mean.max(axis=-1),
        "entropy": _entropy(log_mean),
        # Not below zero, but for rounding.
        "mutual_information": np.maximum(information, 0.0),
        **{f"p[{k}]": mean[:, k] for k in range(mean.shape[-1])},
    }
    return pd.DataFrame(table)


def _entropy(log_p: np.ndarray) -> np.ndarray:
    """Return the entropy over the last dimension, to which a probability of 0 adds nothing."""
    p = np.exp(log_p)
    return (p * np.where(p > 0, -log_p, 0.0)).sum(axis=-1)
