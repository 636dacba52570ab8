"""Statistics over draws, of which all verbs have one definition."""

from __future__ import annotations

import numpy as np


def quantiles_of_draws(samples: np.ndarray, probs: tuple[float, ...]) -> np.ndarray:
    """Return quantiles over the first dimension, (probs, ...): one definition for all verbs.

    It is R's and NumPy's default, which interpolates between the draws.
    """
    return np.quantile(samples, probs, axis=0)


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Return log mean exp over the first dimension, which does not leave the logarithms."""
    from scipy.special import logsumexp

    return logsumexp(values, axis=0) - np.log(len(values))
