"""The correlated normal distribution as a class of PyTorch's."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.distributions import Distribution, Independent, Normal, constraints, register_kl

from bayeslayers.backend import correlated
from bayeslayers.backend.common import at_least_single


class CorrelatedNormal(Distribution):
    """Normal distribution over tensors: loc + scale * u, of correlated numbers u.

    Args:
        loc: The mean.
        scale: The scale of each number.
        correlation: The correlation of u.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, correlation: correlated.Correlation) -> None:
        self.loc, self.scale, self.correlation = loc, scale, correlation
        super().__init__(torch.Size(), torch.Size(loc.shape), validate_args=False)

    @property
    def mean(self) -> Any:
        """The mean."""
        return correlated.mean(self)

    mode = mean

    @property
    def variance(self) -> Any:
        """The variance of each number."""
        return correlated.variance(self)

    @property
    def covariance_matrix(self) -> Any:
        """The covariance of all numbers, row by row."""
        return correlated.covariance(self)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Draw."""
        sizes = torch.Size(sample_shape)
        dtype = getattr(torch, at_least_single(self.loc.dtype))
        shape = (sizes.numel(), self.correlation.noise_size)
        noise = torch.randn(shape, dtype=dtype, device=self.loc.device)
        return correlated.draws(self, noise).reshape(sizes + self.event_shape)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density."""
        return correlated.log_density(self, value)

    def entropy(self) -> Any:
        """Return the entropy, in nats."""
        return correlated.entropy(self)


@register_kl(CorrelatedNormal, Independent)
def _divergence(q: CorrelatedNormal, p: Independent) -> Any:
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    return correlated.divergence_from_normal(q, p.base_dist.loc, p.base_dist.scale)


def correlated_normal(loc: Any, scale: Any, correlation: correlated.Correlation) -> Any:
    """Return a mean plus a scale times correlated numbers, over tensors of the mean's shape."""
    return CorrelatedNormal(loc, scale, correlation)
