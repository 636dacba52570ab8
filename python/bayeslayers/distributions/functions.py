"""The verbs of distributions, under the names of the R package tfprobability."""

from __future__ import annotations

from typing import Any

from bayeslayers.contract.functions import distribution_function

_PYTHON_SETTING = (
    ">>> from bayeslayers import tfp, {name}\n"
    ">>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)\n"
)
_R_SETTING = "normal <- tfp$distributions$Normal(loc = 1, scale = 2)\n"
_RAISES = "If an argument is not one of the distribution's method."


@distribution_function(
    title="Draw from a distribution",
    formula="x ~ p",
    details=("Without a seed the draw is new at every call.",),
    returns="A tensor of shape `sample_shape`, followed by the distribution's own shape.",
    error="TypeError",
    raises=_RAISES,
    python_example=_PYTHON_SETTING.format(name="tfd_sample")
    + ">>> tfd_sample(normal, (2, 3)).shape\nTensorShape([2, 3])",
    r_example=_R_SETTING + "normal %>% tfd_sample(c(2, 3))",
)
def tfd_sample(distribution: Any, sample_shape: Any = (), **kwargs: Any) -> Any:
    return distribution.sample(sample_shape, **kwargs)


@distribution_function(
    title="Logarithm of a density or probability",
    formula="log p(value)",
    details=("The density for continuous distributions, the probability for discrete ones.",),
    returns="A tensor of the shape that `value` and the distribution's batch broadcast to.",
    error="TypeError",
    raises=_RAISES,
    python_example=_PYTHON_SETTING.format(name="tfd_log_prob")
    + ">>> round(float(tfd_log_prob(normal, 1.0)), 4)\n-1.6121",
    r_example=_R_SETTING + "normal %>% tfd_log_prob(1)",
)
def tfd_log_prob(distribution: Any, value: Any, **kwargs: Any) -> Any:
    return distribution.log_prob(value, **kwargs)


@distribution_function(
    title="Kullback-Leibler divergence of one distribution from another",
    formula="KL(q || p) = E[log q(x) - log p(x)],   x ~ q",
    details=("The closed form, where TensorFlow Probability has one for the pair.",),
    returns="A tensor of the shape of the distributions' batch, in nats.",
    error="NotImplementedError",
    raises="If there is no closed form for the pair.",
    python_example=_PYTHON_SETTING.format(name="tfd_kl_divergence")
    + ">>> float(tfd_kl_divergence(normal, normal))\n0.0",
    r_example=_R_SETTING
    + "tfd_kl_divergence(normal, tfp$distributions$Normal(loc = 0, scale = 1))",
)
def tfd_kl_divergence(distribution: Any, other: Any, name: str = "kl_divergence") -> Any:
    return distribution.kl_divergence(other, name=name)
