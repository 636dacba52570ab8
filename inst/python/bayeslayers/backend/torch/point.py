"""The distribution with all mass on one value, which PyTorch does not have."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.distributions import Distribution, constraints, register_kl


class Point(Distribution):
    """All mass on one value: P(x = loc) = 1.

    Args:
        loc: The value.
        validate_args: PyTorch's argument.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, validate_args: bool | None = None) -> None:
        self.loc = loc
        super().__init__(loc.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Point:
        """Return the distribution over a larger batch."""
        return Point(self.loc.expand(batch_shape), validate_args=False)

    @property
    def mean(self) -> Any:
        """The value."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Any:
        """Zero."""
        return torch.zeros_like(self.loc)

    stddev = variance

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Return the value, that many times."""
        return self.loc.expand(torch.Size(sample_shape) + self.loc.shape)

    def log_prob(self, value: Any) -> Any:
        """Return 0 at the value, and minus infinity elsewhere."""
        is_here = torch.as_tensor(value, device=self.loc.device) == self.loc
        return torch.where(is_here, 0.0, -torch.inf).to(self.loc.dtype)


@register_kl(Point, Distribution)
def _divergence_of_point(q: Point, p: Distribution) -> Any:
    return -p.log_prob(q.loc)
