"""Outcomes of the distribution that a model ends in: draws, log-probabilities, classes."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    OneHotCategorical,
)

from bayeslayers.backend.classes import ClassDistribution, mixture_over_classes
from bayeslayers.backend.torch.compat import given_parameter
from bayeslayers.backend.torch.distributions import draw, draw_shape, inner_distribution
from bayeslayers.backend.torch.methods import as_values

_OUTCOMES = {Categorical: "numbers", OneHotCategorical: "columns", Bernoulli: "binary"}


def sample_with(distribution: Any, seed: Any) -> Any:
    """Draw once from a distribution.

    Args:
        distribution: The distribution.
        seed: Tensor of two whole numbers.
    """
    return draw(inner_distribution(distribution), (), seed)


def log_prob_by_example(distribution: Any, targets: Any) -> Any:
    """Return the log-probability of each example's target over all of its dimensions, (n,).

    Args:
        distribution: The distribution, of batch and event shape (n, ...).
        targets: As many numbers in any shape (n, ...).
    """
    # In the shape of the outcomes: a column (n, 1) and a vector (n) would broadcast to (n, n).
    shape = draw_shape(distribution)
    targets = as_values(distribution, targets).reshape(shape)
    # In double precision, as the sum over many outputs would lose digits.
    found = inner_distribution(distribution).log_prob(targets).to(torch.float64)
    return found.reshape(shape[0], -1).sum(dim=1)


def class_distribution(distribution: Any) -> ClassDistribution | None:
    """Return the distribution over classes that a distribution is, or consists of; else `None`."""
    distribution = inner_distribution(distribution)
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    outcome = next((o for kind, o in _OUTCOMES.items() if isinstance(distribution, kind)), None)
    if isinstance(distribution, MixtureSameFamily):
        components = distribution.component_distribution
        # A mixture of joint distributions of several outcomes is not the mixture of each outcome.
        if isinstance(components, (Categorical, OneHotCategorical)):
            over_classes = class_distribution(components)
            assert over_classes is not None
            logits = distribution.mixture_distribution.logits
            return mixture_over_classes(logits, over_classes, distribution.batch_shape)
    if outcome is None:
        return None
    given = given_parameter(distribution)
    return ClassDistribution(
        outcome=outcome,
        given=getattr(distribution, given),
        is_logits=given == "logits",
        probabilities=lambda: distribution.probs,
        batch_shape=distribution.batch_shape,
    )
