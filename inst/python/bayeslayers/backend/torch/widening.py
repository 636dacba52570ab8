"""Distributions of PyTorch with another spread."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributions

from bayeslayers.backend.torch.distributions import inner_distribution
from bayeslayers.backend.torch.families import new_distribution
from bayeslayers.backend.torch.logistic import Logistic
from bayeslayers.backend.torch.outcomes import class_distribution

# Families that a factor widens about their location: their other parameters, besides the scale.
_OTHERS: dict[type, tuple[str, ...]] = {
    distributions.Normal: ("loc",),
    Logistic: ("loc",),
    distributions.Laplace: ("loc",),
    distributions.StudentT: ("df", "loc"),
    distributions.Cauchy: ("loc",),
    distributions.Gumbel: ("loc",),
}


def widened(distribution: Any, factor: Any) -> Any:
    """Return a distribution with its scale times a factor, or its logits divided by it.

    Args:
        distribution: The distribution.
        factor: A tensor of one positive number.

    Returns:
        A distribution; `None` if this is no location-scale family, and not over classes.
    """
    distribution = inner_distribution(distribution)
    kind = type(distribution)
    if kind is distributions.Independent:
        inner = widened(distribution.base_dist, factor)
        rank = distribution.reinterpreted_batch_ndims
        return None if inner is None else distributions.Independent(inner, rank, False)
    if kind in _OTHERS:
        others = {name: getattr(distribution, name) for name in _OTHERS[kind]}
        scale = _times(distribution.scale, factor)
        return kind(**others, scale=scale, validate_args=False)
    if kind is distributions.MultivariateNormal:
        scale_tril = _times(distribution.scale_tril, factor)
        return kind(distribution.loc, scale_tril=scale_tril, validate_args=False)
    over_classes = class_distribution(distribution)
    if over_classes is None:
        return None
    logits = _times(over_classes.logits(), 1.0 / factor)
    if over_classes.outcome == "numbers":
        return new_distribution("Categorical", logits=logits)
    family = "Bernoulli" if over_classes.outcome == "binary" else "OneHotCategorical"
    return new_distribution(family, logits=logits, dtype=getattr(distribution, "dtype", None))


def _times(values: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Return the product in the dtype of the values."""
    return values * factor.to(values.dtype)
