"""Outcomes of the distribution that a model ends in: draws, log-probabilities, classes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bayeslayers.backend import tfp_distributions
from bayeslayers.backend.classes import ClassDistribution
from bayeslayers.backend.tensorflow.distributions import inner_distribution


def sample_with(distribution: Any, seed: Any) -> Any:
    """Draw once from a distribution.

    Args:
        distribution: The distribution.
        seed: Tensor of two int32.
    """
    return distribution.sample(seed=seed)


def log_prob_by_example(distribution: Any, targets: Any) -> Any:
    """Return the log-probability of each example's target over all of its dimensions, (n,).

    Args:
        distribution: The distribution, of batch and event shape (n, ...).
        targets: As many numbers in any shape (n, ...).
    """
    # In the shape of the outcomes: a column (n, 1) and a vector (n) would broadcast to (n, n).
    parts = distribution.batch_shape_tensor(), distribution.event_shape_tensor()
    targets = tf.reshape(tf.cast(targets, distribution.dtype), tf.concat(parts, axis=0))
    # In double precision, as the sum over many outputs would lose digits.
    found = tf.cast(distribution.log_prob(targets), tf.float64)
    return tf.reduce_sum(found, axis=list(range(1, found.shape.rank)))


def class_distribution(distribution: Any) -> ClassDistribution | None:
    """Return the distribution over classes that a distribution is, or consists of; else `None`."""
    # TensorFlow Probability is loaded where an output is a distribution, and not by this module.
    from tensorflow_probability import distributions as tfd

    return tfp_distributions.class_distribution(tfd, inner_distribution(distribution))


def widened(distribution: Any, factor: Any) -> Any:
    """Return a distribution with its scale times a factor, or its logits divided by it.

    Args:
        distribution: The distribution.
        factor: A tensor of one positive number.

    Returns:
        A distribution; `None` if this is no location-scale family, and not over classes.
    """
    from tensorflow_probability import distributions as tfd

    return tfp_distributions.widened(tfd, inner_distribution(distribution), factor)
