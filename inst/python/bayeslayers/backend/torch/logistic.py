"""The logistic distribution, which PyTorch does not have."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all
from torch.nn import functional


class Logistic(Distribution):
    """Logistic distribution: P(x <= t) = sigmoid((t - loc) / scale).

    Args:
        loc: The mean.
        scale: The scale, which the standard deviation is pi / sqrt(3) times of.
        validate_args: PyTorch's argument.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Logistic:
        """Return the distribution over a larger batch."""
        return Logistic(
            self.loc.expand(batch_shape), self.scale.expand(batch_shape), validate_args=False
        )

    @property
    def mean(self) -> Any:
        """The location."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Any:
        """The variance, pi^2 / 3 times the square of the scale."""
        return (self.scale * math.pi) ** 2 / 3

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Draw by the quantile function, of numbers that are never 0 or 1."""
        shape = self._extended_shape(torch.Size(sample_shape))
        uniform = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
        smallest = torch.finfo(uniform.dtype).tiny
        largest = 1 - torch.finfo(uniform.dtype).eps / 2
        return self.icdf(uniform.clamp(smallest, largest))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density."""
        z = (value - self.loc) / self.scale
        # Written with the absolute value, so that nothing overflows.
        return -z.abs() - 2 * functional.softplus(-z.abs()) - torch.log(self.scale)

    def cdf(self, value: Any) -> Any:
        """Return the probability of no more than a value."""
        return torch.sigmoid((value - self.loc) / self.scale)

    def icdf(self, value: Any) -> Any:
        """Return the value that has this probability of no more than it."""
        return self.loc + self.scale * torch.logit(value)

    def entropy(self) -> Any:
        """Return the entropy, in nats."""
        return 2 + torch.log(self.scale)
