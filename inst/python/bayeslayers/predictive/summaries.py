"""Tables that summarise draws of values, and of the probabilities of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslayers.predictive.statistics import log_mean_exp, quantiles_of_draws
from bayeslayers.predictive.tables import rows_of_values

# The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_OF_NORMAL = 1.482602218505602


def summarise_values(found: dict[str, np.ndarray], probs: tuple[float, ...]) -> pd.DataFrame:
    """Summarise draws (draws, n, ...) of "mean", and of "variance" and "sample" where known."""
    means = found["mean"].astype("float64")
    samples = found.get("sample", found["mean"]).astype("float64")
    mean, epistemic = means.mean(axis=0), means.var(axis=0)
    unknown = np.full(mean.shape, np.nan)
    aleatoric = found["variance"].astype("float64").mean(axis=0) if "variance" in found else unknown
    total = np.where(np.isnan(aleatoric), epistemic, epistemic + aleatoric)
    median = np.median(samples, axis=0)
    quantiles = quantiles_of_draws(samples, probs)
    columns = {
        "mean": mean,
        "median": median,
        "sd": np.sqrt(total),
        "mad": _MAD_OF_NORMAL * np.median(np.abs(samples - median), axis=0),
        **dict(zip(map(_name_of_quantile, probs), quantiles, strict=True)),
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
