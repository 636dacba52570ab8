"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayeslayers.backend.common import Stream
from bayeslayers.backend.torch.distributions import with_seeds


def to_coercible(
    distribution: Any, seeds: Stream, to_tensor: str | Callable[[Any], Any] | None = None
) -> Any:
    """Return the distribution as a tensor that is made of it when it is first needed."""
    del to_tensor
    return with_seeds(distribution, seeds)


def tensor_of(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for."""
    return distribution.sample()
