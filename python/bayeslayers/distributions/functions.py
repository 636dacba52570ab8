"""The verbs of distributions, under the names of the R package tfprobability."""

from __future__ import annotations

from typing import Any


def tfd_sample(distribution: Any, sample_shape: Any = (), **kwargs: Any) -> Any:
    return distribution.sample(sample_shape, **kwargs)


def tfd_log_prob(distribution: Any, value: Any, **kwargs: Any) -> Any:
    return distribution.log_prob(value, **kwargs)


def tfd_kl_divergence(distribution: Any, other: Any, name: str = "kl_divergence") -> Any:
    return distribution.kl_divergence(other, name=name)
