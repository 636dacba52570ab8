"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def to_coercible(distribution: Any, seeds: Any, to_tensor: Any = None) -> Any:
    """Return the distribution."""
    from bayeslayers.backend.jax.distributions import with_seeds

    return with_seeds(distribution, seeds)


def inner_distribution(distribution: Any) -> Any:
    """Return the distribution alone."""
    return distribution


def tensor_of(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for."""
    return jnp.asarray(distribution.sample())
