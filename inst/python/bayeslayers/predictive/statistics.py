"""Statistics over draws, of which all verbs have one definition."""

from __future__ import annotations

import numpy as np

Probs = tuple[float, ...]
"""Probabilities of quantiles."""

# The median distance from the median of a normal distribution, times this, is its standard
# deviation.
MAD_OF_NORMAL = 1.482602218505602


def quantiles_of_draws(samples: np.ndarray, probs: Probs) -> np.ndarray:
    """Return quantiles of draws over their first dimension, (probs, ...), for all verbs.

    They are by R's and NumPy's default, which interpolates between the draws.
    """
    return np.quantile(samples, probs, axis=0)


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Return log mean exp over the first dimension, which does not leave the logarithms."""
    from scipy.special import logsumexp

    return logsumexp(values, axis=0) - np.log(len(values))


class Samples:
    """The predictive distribution, as far as draws of the outcome show it.

    Args:
        samples: The draws, (draws, n, ...).
        members: How many models they come from in turn.
    """

    def __init__(self, samples: np.ndarray, members: int = 1) -> None:
        self._samples, self._members = samples.astype("float64"), members

    def quantiles(self, probs: Probs) -> np.ndarray:
        """Return quantiles, (probs, n, ...)."""
        return quantiles_of_draws(self._samples, probs)

    def mad(self, median: np.ndarray) -> np.ndarray:
        """Return the median distance from the median, (n, ...), in units of a normal's sd."""
        return MAD_OF_NORMAL * np.median(np.abs(self._samples - median), axis=0)

    def pit(self, y: np.ndarray) -> np.ndarray:
        """Return the probability integral transform of the observations, (n, ...)."""
        below, same = (self._samples < y).mean(axis=0), (self._samples == y).mean(axis=0)
        return below + same / 2

    def covered(self, y: np.ndarray, lower: Probs, upper: Probs) -> np.ndarray:
        """Return whether observations lie between pairs of quantiles, (probs, n, ...)."""
        return (self.quantiles(lower) <= y) & (y <= self.quantiles(upper))

    def crps(self, y: np.ndarray) -> np.ndarray:
        """Return the continuous ranked probability scores, (n, ...)."""
        # Near the outcome, differences are not rounded.
        errors, count = self._samples - y, self._members
        if count == 1:
            return _crps_at_zero(errors)
        # Two outcomes are of the same model in one of `count` cases: in less among the pairs.
        apart = _mean_distance(errors)
        inside = np.mean([_mean_distance(errors[i::count]) for i in range(count)], axis=0)
        share = (len(errors) / count - 1) / (len(errors) - 1)
        between = (apart - share * inside) / (1 - share)
        apart = inside / count + between * (1 - 1 / count)
        return np.abs(errors).mean(axis=0) - apart / 2


def _crps_at_zero(samples: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability scores of draws of which the outcome is 0, (n, ...).

    They are without bias, as a draw is not paired with itself; and computed over the sorted draws,
    so that the memory of all pairs is not needed.
    """
    import scoringrules

    ensemble, origin = np.moveaxis(samples, 0, -1), np.zeros(samples.shape[1:])
    return np.asarray(scoringrules.crps_ensemble(origin, ensemble, estimator="pwm"))


def _mean_distance(samples: np.ndarray) -> np.ndarray:
    """Return the mean distance between two different draws, (n, ...)."""
    return 2 * (np.abs(samples).mean(axis=0) - _crps_at_zero(samples))
