"""Statistical assertions with a stated error rate.

Each fails for correct code once in `1 / ERROR_RATE` runs with new seeds, however many entries are
compared: the rate is divided by their number (Bonferroni). The seeds are fixed, so a test that
passes once goes on passing on that machine.
"""

import keras
import numpy as np
from frameworks import compiled, numpy_of
from scipy import stats

ERROR_RATE = 1e-6


def draws(layer, inputs, count):
    """Return the outputs of `count` independent calls, stacked."""
    if isinstance(layer, keras.Layer) and not layer.built:
        layer.build(inputs.shape)
    call = compiled(lambda: layer(inputs))
    return np.stack([numpy_of(call()) for _ in range(count)])


def assert_normal_moments(samples, mean, variance):
    """Check mean and variance of samples that are exactly normal, independent along axis 0.

    sqrt(n) (sample mean - mean) / sd is standard normal and the sum of the squared standardised
    samples is chi-squared with n degrees of freedom: both thresholds are exact.
    """
    count = len(samples)
    standard = (np.asarray(samples, "float64") - mean) / np.sqrt(variance)
    rate = ERROR_RATE / (2 * standard[0].size)
    z = np.abs(standard.mean(axis=0)) * np.sqrt(count)
    assert z.max() < stats.norm.isf(rate / 2), f"mean: {z.max():.1f} standard errors away"
    squares = np.sum(standard**2, axis=0)
    low, high = stats.chi2.ppf(rate / 2, count), stats.chi2.isf(rate / 2, count)
    assert low < squares.min(), f"variance: only {squares.min() / count:.3f} of the expected one"
    assert squares.max() < high, f"variance: {squares.max() / count:.3f} of the expected one"


def assert_fair_signs(products):
    """Check that each entry is positive in half of the cases, independent along axis 0 (exact)."""
    count = len(products)
    positive = np.sum(np.asarray(products) > 0, axis=0)
    rate = ERROR_RATE / positive.size
    low, high = stats.binom.ppf([rate / 2, 1 - rate / 2], count, 0.5)
    assert np.all((low <= positive) & (positive <= high)), f"{positive.ravel()} of {count} positive"


def assert_uncorrelated(first, second):
    """Compare the covariance of each pair of entries with zero, independent along axis 0.

    The mean of the products of deviations is normal in the limit of many samples: the rate holds
    to that approximation.
    """
    first, second = (values - values.mean(axis=0) for values in (first, second))
    products = np.asarray(first * second, "float64")
    z = np.abs(products.mean(axis=0)) / products.std(axis=0) * np.sqrt(len(products))
    assert z.max() < stats.norm.isf(ERROR_RATE / (2 * z.size)), f"{z.max():.1f} standard errors"


def assert_same_distribution(first, second):
    """Compare two samples, independent along axis 0, entry by entry (Kolmogorov-Smirnov)."""
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    p_values = [stats.ks_2samp(a, b).pvalue for a, b in zip(first.T, second.T, strict=True)]
    assert min(p_values) > ERROR_RATE / len(p_values)
