"""Distributions by the names that TensorFlow Probability gives their families and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import distributions

from bayeslayers.backend.torch.distributions import inner_distribution, without_seeds
from bayeslayers.backend.torch.horseshoe import Horseshoe
from bayeslayers.backend.torch.logistic import Logistic


def new_distribution(family: str, **parameters: Any) -> Any:
    """Return the distribution of a family, such as "Normal", with these parameters."""
    if family not in _FAMILIES:
        raise NotImplementedError(
            f"PyTorch has no distribution {family!r}, which a file or a layer asks for. Set "
            '`KERAS_BACKEND` to "tensorflow" or "jax" before `keras` is imported.'
        )
    return _FAMILIES[family](**parameters)


def family_and_parameters(distribution: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the family of a distribution and its parameters, as `new_distribution` takes them."""
    found = _PARAMETERS.get(type(distribution))
    if found is None:
        return None
    family, attributes = found
    return family, {name: getattr(distribution, of) for name, of in attributes.items()}


class _InDtype:
    """Draws of a distribution of whole numbers in a dtype that its parameters do not have."""

    dtype: torch.dtype

    @classmethod
    def of(cls, dtype: torch.dtype, **parameters: Any) -> Any:
        """Return the distribution of these parameters, whose draws are of a dtype."""
        made = cls(**parameters)
        made.dtype = dtype
        return made

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """Return the distribution over a larger batch."""
        new = super().expand(batch_shape, object.__new__(type(self)))  # type: ignore[misc]
        new.dtype = self.dtype
        return new

    def sample(self, sample_shape: Any = ()) -> Any:
        """Draw."""
        return super().sample(sample_shape).to(self.dtype)  # type: ignore[misc]


class _Bernoulli(_InDtype, distributions.Bernoulli):
    pass


class _OneHotCategorical(_InDtype, distributions.OneHotCategorical):
    pass


class _Poisson(distributions.Poisson):
    """Poisson distribution of a log-rate, of which the rate may be too small for a number."""

    def __init__(self, log_rate: Any, validate_args: bool | None = None) -> None:
        self.log_rate = log_rate
        super().__init__(torch.exp(log_rate), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> _Poisson:
        """Return the distribution over a larger batch."""
        return _Poisson(self.log_rate.expand(batch_shape), validate_args=False)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability."""
        if self._validate_args:
            self._validate_sample(value)
        # A count of 0 times the logarithm of 0 would not be a number.
        counted = torch.where(value == 0, 0.0, value * self.log_rate)
        return counted - self.rate - torch.lgamma(value + 1)


def _independent(
    distribution: Any, reinterpreted_batch_ndims: int, validate_args: bool = False
) -> Any:
    return distributions.Independent(
        inner_distribution(distribution), reinterpreted_batch_ndims, validate_args=validate_args
    )


def _with_dtype(plain: type, in_dtype: type[_InDtype]) -> Callable[..., Any]:
    """Return a maker of distributions whose draws are in the dtype of the logits, or in another."""

    def make(logits: Any, dtype: Any = None, **parameters: Any) -> Any:
        if dtype in (None, logits.dtype):
            return plain(logits=logits, **parameters)
        return in_dtype.of(dtype, logits=logits, **parameters)

    return make


def _mixture(mixture_distribution: Any, components_distribution: Any, **parameters: Any) -> Any:
    # The layer that made the components may have seeds of its own.
    components = without_seeds(inner_distribution(components_distribution))
    return distributions.MixtureSameFamily(mixture_distribution, components, **parameters)


def _half_cauchy(loc: Any, scale: Any, **parameters: Any) -> Any:
    if loc != 0.0:
        raise NotImplementedError("PyTorch's half-Cauchy distribution begins at zero.")
    return distributions.HalfCauchy(scale, **parameters)


_FAMILIES: dict[str, Callable[..., Any]] = {
    "Bernoulli": _with_dtype(distributions.Bernoulli, _Bernoulli),
    "Categorical": distributions.Categorical,
    "HalfCauchy": _half_cauchy,
    "Horseshoe": Horseshoe,
    "Independent": _independent,
    "LogNormal": distributions.LogNormal,
    "Logistic": Logistic,
    "MixtureSameFamily": _mixture,
    "MultivariateNormalTriL": distributions.MultivariateNormal,
    "Normal": distributions.Normal,
    "OneHotCategorical": _with_dtype(distributions.OneHotCategorical, _OneHotCategorical),
    "Poisson": _Poisson,
}

# Of each class the name of the family, and of each parameter the attribute that holds it.
_PARAMETERS: dict[type, tuple[str, dict[str, str]]] = {
    distributions.Categorical: ("Categorical", {"logits": "logits"}),
    Horseshoe: ("Horseshoe", {"scale": "scale"}),
    distributions.Independent: (
        "Independent",
        {
            "distribution": "base_dist",
            "reinterpreted_batch_ndims": "reinterpreted_batch_ndims",
        },
    ),
    distributions.MixtureSameFamily: (
        "MixtureSameFamily",
        {
            "mixture_distribution": "mixture_distribution",
            "components_distribution": "component_distribution",
        },
    ),
    distributions.MultivariateNormal: (
        "MultivariateNormalTriL",
        {"loc": "loc", "scale_tril": "scale_tril"},
    ),
    distributions.LogNormal: ("LogNormal", {"loc": "loc", "scale": "scale"}),
    distributions.Normal: ("Normal", {"loc": "loc", "scale": "scale"}),
}
