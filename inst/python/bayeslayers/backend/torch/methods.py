"""The methods of distributions, by the names that TensorFlow Probability gives them."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from keras import ops
from torch import distributions
from torch.distributions import Distribution
from torch.nn import functional

from bayeslayers.backend.torch.distributions import draw, inner_distribution, kl_divergence
from bayeslayers.backend.torch.logistic import Logistic
from bayeslayers.backend.torch.operations import on_device_of

_Method = Callable[..., Any]


def method_of(distribution: Any, name: str) -> _Method:
    """Return a distribution's method of that name, whatever PyTorch calls it.

    Raises:
        NotImplementedError: From the method, where the distribution has no such thing.
    """
    distribution = inner_distribution(distribution)
    method = _METHODS.get(name)
    if method is None:
        return getattr(distribution, name)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(distribution, *args, **kwargs)
        except NotImplementedError as error:
            message = f"PyTorch has no `{name}` of the distribution {type(distribution).__name__}"
            parameter = _parameter(distribution)
            if parameter is not None and parameter.dtype in (torch.float16, torch.bfloat16):
                precision = str(parameter.dtype).removeprefix("torch.")
                message += f" in {precision}: take parameters in single precision"
            raise NotImplementedError(f"{message}.") from error

    return call


def distribution_method(name: str) -> Any:
    """Return the method of that name that all distributions have, or `None`."""
    own = getattr(Distribution, name, None)
    return own if inspect.isfunction(own) else _METHODS.get(name)


def as_values(distribution: Any, value: Any) -> Any:
    """Return values that the distribution may have as a tensor of its own precision and device."""
    value = ops.convert_to_tensor(value)
    parameter = _parameter(inner_distribution(distribution))
    return value if parameter is None else on_device_of(parameter, value).to(parameter.dtype)


def _parameter(distribution: Any) -> torch.Tensor | None:
    """Return a parameter that tells which float dtype, and where, a distribution computes in."""
    for value in vars(distribution).values():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value
        if isinstance(value, Distribution):
            return _parameter(value)
    return None


def _property(name: str) -> _Method:
    def method(self: Any, name: str = name) -> Any:
        del name
        return getattr(self, own)

    own = name
    method.__name__ = name
    return method


def _sample(self: Any, sample_shape: Any = (), seed: Any = None, name: str = "sample") -> Any:
    del name
    sizes = np.ravel(ops.convert_to_numpy(sample_shape))
    if seed is not None and not isinstance(seed, torch.Tensor):
        seed = torch.tensor([seed, 0] if isinstance(seed, numbers.Integral) else list(seed))
    return draw(self, tuple(map(int, sizes)), seed)


def _log_prob(self: Any, value: Any, name: str = "log_prob") -> Any:
    del name
    return self.log_prob(as_values(self, value))


def _prob(self: Any, value: Any, name: str = "prob") -> Any:
    return torch.exp(_log_prob(self, value, name))


# P(x <= t) and its logarithm, of the standard members of families that are symmetric.
_OF_STANDARD: dict[Any, tuple[_Method, _Method]] = {
    # `ndtr` uses the error function, which rounds to -1 in the lower tail.
    distributions.Normal: (lambda z: torch.erfc(-z * 0.5**0.5) / 2, torch.special.log_ndtr),
    Logistic: (torch.sigmoid, functional.logsigmoid),
}


def _beside(self: Any, value: Any, *, above: bool = False, log: bool = False) -> Any:
    """Return P(x <= value), or with `above` P(x > value), or with `log` its logarithm."""
    value = as_values(self, value)
    for family, (cdf, log_cdf) in _OF_STANDARD.items():
        if isinstance(self, family):
            # Computed in the tail itself: 1 minus the other tail is 0 where the tail is small.
            z = (value - self.loc) / self.scale
            return (log_cdf if log else cdf)(-z if above else z)
    below = self.cdf(value)
    if above:
        return torch.log1p(-below) if log else 1.0 - below
    return torch.log(below) if log else below


def _cdf(self: Any, value: Any, name: str = "cdf") -> Any:
    del name
    return _beside(self, value)


def _log_cdf(self: Any, value: Any, name: str = "log_cdf") -> Any:
    del name
    return _beside(self, value, log=True)


def _survival(self: Any, value: Any, name: str = "survival_function") -> Any:
    del name
    return _beside(self, value, above=True)


def _log_survival(self: Any, value: Any, name: str = "log_survival_function") -> Any:
    del name
    return _beside(self, value, above=True, log=True)


def _quantile(self: Any, value: Any, name: str = "quantile") -> Any:
    del name
    return self.icdf(as_values(self, value))


def _entropy(self: Any, name: str = "entropy") -> Any:
    del name
    return self.entropy()


def _covariance(self: Any, name: str = "covariance") -> Any:
    del name
    if hasattr(self, "covariance_matrix"):
        return self.covariance_matrix
    raise NotImplementedError


def _kl_divergence(self: Any, other: Any, name: str = "kl_divergence") -> Any:
    del name
    return kl_divergence(self, other)


def _cross_entropy(self: Any, other: Any, name: str = "cross_entropy") -> Any:
    """Return H(q, p) = H(q) + KL(q || p)."""
    del name
    return self.entropy() + kl_divergence(self, other)


_METHODS: dict[str, _Method] = {
    **{name: _property(name) for name in ("mean", "mode", "stddev", "variance")},
    "sample": _sample,
    "log_prob": _log_prob,
    "prob": _prob,
    "cdf": _cdf,
    "log_cdf": _log_cdf,
    "survival_function": _survival,
    "log_survival_function": _log_survival,
    "quantile": _quantile,
    "entropy": _entropy,
    "covariance": _covariance,
    "kl_divergence": _kl_divergence,
    "cross_entropy": _cross_entropy,
}
