"""The verbs of distributions, under the names of the R package tfprobability."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from bayeslayers.contract import checks
from bayeslayers.contract.functions import distribution_function
from bayeslayers.distributions.symbolic import ask

_PYTHON_SETTING = (
    ">>> from bayeslayers import tfp, {name}\n"
    ">>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)\n"
)
_R_SETTING = "normal <- tfp$distributions$Normal(loc = 1, scale = 2)\n"
_IN_A_MODEL = (
    "For the output of a layer that returns a distribution, while a model is put together in the "
    "functional API, it adds to the model a layer that gives the result at each call."
)
_TYPE_ERROR = {"error": "TypeError", "raises": "If an argument is not one of the method's."}
_NO_CLOSED_FORM = {
    "error": "NotImplementedError",
    "raises": "If TensorFlow Probability has no closed form for it.",
}


def tfd_kl_divergence(distribution: Any, other: Any, name: str = "kl_divergence") -> Any:
    return _call("kl_divergence", distribution, other, name=name)


def tfd_sample(distribution: Any, sample_shape: Any = (), **kwargs: Any) -> Any:
    sample_shape = checks.sample_shape("sample_shape", sample_shape)
    return _call("sample", distribution, sample_shape, **kwargs)


def _call(method: str, distribution: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a distribution, or have it called whenever the model is."""
    if any(map(keras.utils.is_keras_tensor, (distribution, *args))):
        return ask(distribution, method, *args, **kwargs)
    return getattr(distribution, method)(*args, **kwargs)


def _of_distribution(distribution: Any, **kwargs: Any) -> Any:
    """Stand for the signature of a verb that needs only a distribution."""


def _at_value(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Stand for the signature of a verb that evaluates a distribution."""


def _verb(name: str, like: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls the method of a distribution which its name ends in."""
    method = name.removeprefix("tfd_")

    def verb(distribution: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(method, distribution, *args, **kwargs)

    verb.__name__ = verb.__qualname__ = name
    verb.__signature__ = inspect.signature(like, eval_str=True)
    return verb


def _documented(
    function: Callable[..., Any],
    example: tuple[str, str, str],
    errors: dict[str, str],
    **parts: Any,
) -> Callable[..., Any]:
    """Document a verb; the example is its Python call, what that prints, and its R call."""
    python_call, printed, r_call = example
    parts["details"] = (*parts["details"], _IN_A_MODEL)
    name = function.__name__
    python_example = f"{_PYTHON_SETTING.format(name=name)}>>> {python_call}\n{printed}"
    decorate = distribution_function(
        python_example=python_example, r_example=_R_SETTING + r_call, **errors, **parts
    )
    return decorate(function)


_BATCH = "A tensor of the shape of the distribution's batch and event."
_BROADCAST = "A tensor of the shape that `value` and the distribution's batch broadcast to."

FUNCTIONS = {
    function.__name__: function
    for function in (
        _documented(
            tfd_sample,
            ("tfd_sample(normal, (2, 3)).shape", "TensorShape([2, 3])", "tfd_sample(normal, 3)"),
            _TYPE_ERROR,
            title="Draw from a distribution",
            formula="x ~ p",
            details=("Without a seed the draw is new at every call.",),
            returns="A tensor of shape `sample_shape`, followed by the distribution's own shape.",
        ),
        _documented(
            tfd_kl_divergence,
            (
                "float(tfd_kl_divergence(normal, normal))",
                "0.0",
                "tfd_kl_divergence(normal, tfp$distributions$Normal(loc = 0, scale = 1))",
            ),
            {**_NO_CLOSED_FORM, "raises": "If there is no closed form for the pair."},
            title="Kullback-Leibler divergence of one distribution from another",
            formula="KL(q || p) = E[log q(x) - log p(x)],   x ~ q",
            details=("The closed form, where TensorFlow Probability has one for the pair.",),
            returns="A tensor of the shape of the distributions' batch, in nats.",
        ),
        _documented(
            _verb("tfd_log_prob", _at_value),
            (
                "round(float(tfd_log_prob(normal, 1.0)), 4)",
                "-1.6121",
                "normal %>% tfd_log_prob(1)",
            ),
            _TYPE_ERROR,
            title="Logarithm of a density or probability",
            formula="log p(value)",
            details=(
                "The density for continuous distributions, the probability for discrete ones.",
            ),
            returns=_BROADCAST,
        ),
        _documented(
            _verb("tfd_prob", _at_value),
            ("round(float(tfd_prob(normal, 1.0)), 4)", "0.1995", "normal %>% tfd_prob(1)"),
            _TYPE_ERROR,
            title="Density or probability",
            formula="p(value)",
            details=(
                "The density for continuous distributions, the probability for discrete ones.",
            ),
            returns=_BROADCAST,
        ),
        _documented(
            _verb("tfd_cdf", _at_value),
            ("float(tfd_cdf(normal, 1.0))", "0.5", "normal %>% tfd_cdf(1)"),
            _NO_CLOSED_FORM,
            title="Cumulative distribution function",
            formula="F(value) = P(x <= value),   x ~ p",
            details=("The probability of a draw that is at most `value`.",),
            returns=_BROADCAST,
        ),
        _documented(
            _verb("tfd_quantile", _at_value),
            ("float(tfd_quantile(normal, 0.5))", "1.0", "normal %>% tfd_quantile(0.5)"),
            _NO_CLOSED_FORM,
            title="Quantile function",
            formula="the smallest x with F(x) >= value",
            details=("The inverse of `tfd_cdf()`; `value` is a probability.",),
            returns=_BROADCAST,
        ),
        _documented(
            _verb("tfd_mean", _of_distribution),
            ("float(tfd_mean(normal))", "1.0", "normal %>% tfd_mean()"),
            _NO_CLOSED_FORM,
            title="Mean of a distribution",
            formula="E[x],   x ~ p",
            details=("The expectation, entry by entry.",),
            returns=_BATCH,
        ),
        _documented(
            _verb("tfd_variance", _of_distribution),
            ("float(tfd_variance(normal))", "4.0", "normal %>% tfd_variance()"),
            _NO_CLOSED_FORM,
            title="Variance of a distribution",
            formula="Var[x] = E[(x - E[x])^2],   x ~ p",
            details=("Entry by entry: the diagonal of the covariance.",),
            returns=_BATCH,
        ),
        _documented(
            _verb("tfd_stddev", _of_distribution),
            ("float(tfd_stddev(normal))", "2.0", "normal %>% tfd_stddev()"),
            _NO_CLOSED_FORM,
            title="Standard deviation of a distribution",
            formula="sqrt(Var[x]),   x ~ p",
            details=("Entry by entry.",),
            returns=_BATCH,
        ),
        _documented(
            _verb("tfd_mode", _of_distribution),
            ("float(tfd_mode(normal))", "1.0", "normal %>% tfd_mode()"),
            _NO_CLOSED_FORM,
            title="Mode of a distribution",
            formula="the x that maximises p(x)",
            details=("The most likely value.",),
            returns=_BATCH,
        ),
        _documented(
            _verb("tfd_entropy", _of_distribution),
            (
                "round(float(tfd_entropy(normal)), 4)",
                "2.1121",
                "normal %>% tfd_entropy()",
            ),
            _NO_CLOSED_FORM,
            title="Entropy of a distribution",
            formula="H(p) = -E[log p(x)],   x ~ p",
            details=("Shannon's entropy; the differential one for continuous distributions.",),
            returns="A tensor of the shape of the distribution's batch, in nats.",
        ),
    )
}
"""Every verb by its name."""
