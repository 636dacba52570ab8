"""The cdf of a model's outcomes, averaged over draws of its weights in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from torch import distributions
from torch.distributions import Distribution
from torch.distributions.transforms import Transform

from bayeslayers.backend import marginals
from bayeslayers.backend.torch.compat import of_any_value
from bayeslayers.backend.torch.distributions import inner_distribution
from bayeslayers.backend.torch.methods import method_of
from bayeslayers.backend.torch.point import Point

_Build = Callable[[list[Any]], Any]


def _cdf_of_poisson(self: Any, points: Any) -> Any:
    found = torch.special.gammaincc(points.clamp(min=0.0) + 1.0, self.rate)
    return torch.where(points < 0, 0.0, found)


def _cdf_of_bernoulli(self: Any, points: Any) -> Any:
    return torch.where(points < 0, 0.0, torch.where(points < 1, 1.0 - self.probs, 1.0))


def _cdf_of_geometric(self: Any, points: Any) -> Any:
    found = -torch.expm1((points + 1.0) * torch.log1p(-self.probs))
    return torch.where(points < 0, 0.0, found)


def _cdf_of_point(self: Any, points: Any) -> Any:
    return (points >= self.loc).to(points.dtype)


# Those that PyTorch does not have.
_CDFS: dict[Any, Callable[[Any, Any], Any]] = {
    distributions.Poisson: _cdf_of_poisson,
    distributions.Bernoulli: _cdf_of_bernoulli,
    distributions.Geometric: _cdf_of_geometric,
    Point: _cdf_of_point,
}


class _Dissection:
    """What PyTorch's distributions are made of."""

    def alone(self, distribution: Any) -> Any:
        """Return the distribution of each number of an outcome, where several are one event."""
        while isinstance(distribution, distributions.Independent):
            distribution = distribution.base_dist
        if isinstance(
            distribution,
            (distributions.MultivariateNormal, distributions.LowRankMultivariateNormal),
        ):
            return distributions.Normal(distribution.mean, distribution.stddev)
        return distribution

    def mixed(self, distribution: Any) -> tuple[Any, list[Any], bool] | None:
        """Return what a mixture consists of; `None` for all others."""
        if isinstance(distribution, distributions.MixtureSameFamily):
            p = distribution.mixture_distribution.probs
            return p, [distribution.component_distribution], True
        return None

    def parts(self, distribution: Any, keep: Callable[[Any], int]) -> _Build:
        """Return a function that makes the distribution of tensors."""
        if isinstance(distribution, torch.Tensor):
            place = keep(distribution)
            return lambda tensors: tensors[place]
        if isinstance(distribution, (list, tuple)):
            kind, of_items = type(distribution), [self.parts(v, keep) for v in distribution]
            return lambda tensors: kind([build(tensors) for build in of_items])
        if not isinstance(distribution, (Distribution, Transform)):
            return lambda tensors: distribution
        kind = type(distribution)
        state = _without_computed(vars(distribution))
        of_names = {name: self.parts(value, keep) for name, value in state.items()}

        def build(tensors: list[Any]) -> Any:
            made = object.__new__(kind)
            vars(made).update((name, part(tensors)) for name, part in of_names.items())
            return made

        return build

    def cdf(self, distribution: Any, points: Any) -> Any:
        """Return the cdf at points."""
        own = next((f for kind, f in _CDFS.items() if isinstance(distribution, kind)), None)
        if own is not None:
            return own(distribution, points)
        kind = type(distribution)
        if isinstance(distribution, distributions.Normal) and kind.cdf != distributions.Normal.cdf:
            # That of a class of a user's own.
            return distribution.cdf(points)
        return method_of(distribution, "cdf")(points)

    def is_whole(self, distribution: Any) -> bool:
        """Whether outcomes of a distribution that is no mixture are whole numbers."""
        return bool(distribution.support.is_discrete)


def _without_computed(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a distribution was made from, without the other one of logits and probabilities.

    PyTorch keeps that as well from when it is first asked for, behind the one that was given.
    """
    both = [name for name in state if name in ("logits", "probs")]
    return {name: value for name, value in state.items() if name not in both[1:]}


def marginal_cdf(distribution: Any) -> marginals.MarginalCdf | None:
    """Return the cdf of each number of an outcome; `None` where there is none."""
    return marginals.marginal_cdf(_Dissection(), of_any_value(inner_distribution(distribution)))


def sum_over_draws(function: Callable[[list[Any], Any], Any]) -> Callable[..., np.ndarray]:
    """Return a function's sum over draws.

    Args:
        function: Takes tensors, and points. It returns as many numbers as there are points.

    Returns:
        A function of arrays (draws, ...), and of points. It computes in double precision, on the
        CPU, as some devices have none.
    """

    @torch.no_grad()
    def call(arrays: list[np.ndarray], points: np.ndarray) -> np.ndarray:
        tensors, at = [torch.from_numpy(a) for a in arrays], torch.from_numpy(points)
        total = torch.zeros_like(at)
        # What Keras makes a tensor of is one of this device, too.
        with keras.device("cpu"):
            for draw in range(len(arrays[0])):
                total += function([tensor[draw] for tensor in tensors], at)
        return total.numpy()

    return call
