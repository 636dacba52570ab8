"""Outcomes of the distribution that a model ends in: draws, log-probabilities, classes."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from bayeslayers.backend import tfp_distributions
from bayeslayers.backend.classes import ClassDistribution
from bayeslayers.backend.jax.coercible import inner_distribution
from bayeslayers.backend.jax.compat import double_precision, tensorflow_probability
from bayeslayers.backend.jax.random import as_key


def sample_with(distribution: Any, seed: Any) -> Any:
    """Draw once from a distribution.

    Args:
        distribution: The distribution.
        seed: Tensor of two whole numbers.
    """
    return distribution.sample(seed=as_key(seed))


def log_prob_by_example(distribution: Any, targets: Any) -> Any:
    """Return the log-probability of each example's target over all of its dimensions, (n,).

    Args:
        distribution: The distribution, of batch and event shape (n, ...).
        targets: As many numbers in any shape (n, ...).
    """
    # In the shape of the outcomes: a column (n, 1) and a vector (n) would broadcast to (n, n).
    shape = (*distribution.batch_shape, *distribution.event_shape)
    targets = jnp.reshape(jnp.asarray(targets).astype(distribution.dtype), shape)
    found = distribution.log_prob(targets)
    # So the sum over many outputs loses nothing to rounding, whether JAX is told to compute in
    # double precision or not.
    with double_precision():
        return jnp.sum(lax.convert_element_type(found, jnp.float64), tuple(range(1, found.ndim)))


def class_distribution(distribution: Any) -> ClassDistribution | None:
    """Return the distribution over classes that a distribution is, or consists of; else `None`."""
    tfd = tensorflow_probability().distributions
    return tfp_distributions.class_distribution(tfd, inner_distribution(distribution))


def widened(distribution: Any, factor: Any) -> Any:
    """Return a distribution with its scale times a factor, or its logits divided by it.

    Args:
        distribution: The distribution.
        factor: A tensor of one positive number.

    Returns:
        A distribution; `None` if this is no location-scale family, and not over classes.
    """
    tfd = tensorflow_probability().distributions
    return tfp_distributions.widened(tfd, inner_distribution(distribution), factor)
