"""A weight's posterior as the estimators use it, during one call of the layer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import (
    Stream,
    at_least_single,
    cast,
    is_independent_normal,
    method_of,
    normal,
    normal_parameters,
    standard_normal,
    weight_noise,
)
from bayeslayers.distributions.mean_field import (
    divergence_from_standard_normal,
    scale_and_divergence,
    scale_of,
)

STANDARD_NORMAL = (0.0, 1.0)
"""Mean and scale of the default prior."""


class Posterior(ABC):
    """A posterior, as a layer draws from it."""

    @property
    @abstractmethod
    def is_normal(self) -> bool:
        """Whether the numbers of the weight are independent normals, with a spread."""

    @abstractmethod
    def sample(self) -> Any:
        """Draw the weight."""

    @abstractmethod
    def perturbation(self) -> tuple[Any, Any]:
        """Return the mean of a normal posterior, and a draw's distance from it."""

    @abstractmethod
    def moments(self) -> tuple[Any, Any]:
        """Return mean and standard deviation of a normal posterior."""

    @abstractmethod
    def sample_outputs(self, mean: Any, stddev: Any) -> Any:
        """Draw from the normal distribution of these, of which the second may be zero."""

    @abstractmethod
    def sample_later(self) -> Callable[[], Any]:
        """Return what draws the weight, if it is asked to, from the seed that is next now."""

    @abstractmethod
    def log_density(self, value: Any) -> Any:
        """Return log q(value), summed over all entries."""


class GeneralPosterior(Posterior):
    """Any distribution, drawn from as the caller chose.

    Args:
        distribution: The posterior distribution.
        sample: Draws a tensor from a distribution; `of_weight` says whether from a weight's.
    """

    def __init__(self, distribution: Any, sample: Callable[..., Any]) -> None:
        self.distribution = distribution
        self._sample = sample

    @property
    def is_normal(self) -> bool:
        return is_independent_normal(self.distribution)

    def sample(self) -> Any:
        return self._sample(self.distribution, of_weight=True)

    def perturbation(self) -> tuple[Any, Any]:
        loc, scale = self.moments()
        return loc, self._sample(normal(ops.zeros_like(loc), scale), of_weight=True)

    def moments(self) -> tuple[Any, Any]:
        return normal_parameters(self.distribution)

    def sample_outputs(self, mean: Any, stddev: Any) -> Any:
        dtype = self.moments()[0].dtype
        outputs = normal(cast(mean, dtype), cast(stddev, dtype))
        return self._sample(outputs, of_weight=False)

    def sample_later(self) -> Callable[[], Any]:
        drawn = self.sample()
        return lambda: drawn

    def log_density(self, value: Any) -> Any:
        # PyTorch's distributions have no dtype of their own.
        dtype = getattr(self.distribution, "dtype", None)
        value = value if dtype is None else ops.cast(value, keras.backend.standardize_dtype(dtype))
        return ops.sum(method_of(self.distribution, "log_prob")(value))


class MeanFieldPosterior(Posterior):
    """Independent normals of which the parameters are known, drawn from in the default way.

    Draws are in no less than single precision, whatever the variables are.

    Args:
        loc: The mean.
        untransformed_scale: The scale before softplus; `None` puts all mass on the mean.
        seeds: The layer's stream of random numbers.
        diverges: Whether the divergence from the standard normal will be asked for: together with
            the scale it costs less.
    """

    def __init__(
        self, loc: Any, untransformed_scale: Any, seeds: Stream, *, diverges: bool = False
    ) -> None:
        dtype = at_least_single(loc.dtype)
        self._loc = cast(loc, dtype)
        self._scale = self._from_standard_normal = None
        if untransformed_scale is not None and diverges:
            scale, self._from_standard_normal = scale_and_divergence(self._loc, untransformed_scale)
            self._scale = cast(scale, dtype)
        elif untransformed_scale is not None:
            self._scale = cast(scale_of(untransformed_scale), dtype)
        self._seeds = seeds

    @property
    def is_normal(self) -> bool:
        return self._scale is not None

    def sample(self) -> Any:
        return self.sample_later()()

    def perturbation(self) -> tuple[Any, Any]:
        noise = weight_noise(self._loc.shape, self._loc.dtype, self._seeds.next())
        return self._loc, self._scale * noise

    def moments(self) -> tuple[Any, Any]:
        return self._loc, self._scale

    def sample_outputs(self, mean: Any, stddev: Any) -> Any:
        mean, stddev = (cast(value, self._loc.dtype) for value in (mean, stddev))
        noise = standard_normal(ops.shape(mean), self._loc.dtype, self._seeds.next())
        return mean + stddev * noise

    def sample_later(self) -> Callable[[], Any]:
        seed = self._seeds.next()
        if self._scale is None:
            return lambda: self._loc
        shape, dtype = self._loc.shape, self._loc.dtype
        return lambda: self._loc + self._scale * weight_noise(shape, dtype, seed)

    def log_density(self, value: Any) -> Any:
        if self._scale is None:
            # What stands for the density of a point: it does not depend on where the point is.
            return ops.zeros((), self._loc.dtype)
        standard = (cast(value, self._loc.dtype) - self._loc) / self._scale
        constant = 0.5 * math.log(2.0 * math.pi)
        return -ops.sum(0.5 * standard * standard + ops.log(self._scale) + constant)

    def divergence_from_normal(self, loc: float, scale: float) -> Any:
        """Return the divergence from Normal(loc, scale) in closed form."""
        assert self._scale is not None
        if (loc, scale) == STANDARD_NORMAL:
            if self._from_standard_normal is not None:
                return self._from_standard_normal
            return divergence_from_standard_normal(self._loc, self._scale)
        return divergence_from_standard_normal((self._loc - loc) / scale, self._scale / scale)
