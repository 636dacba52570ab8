"""PyTorch's own distributions, in the place of TensorFlow Probability."""

from __future__ import annotations

from types import ModuleType
from typing import Any

_NOT_HERE = "TensorFlow Probability does not run on PyTorch, which Keras runs on here."
_OTHERS = 'Or set `KERAS_BACKEND` to "tensorflow" or "jax" before `keras` is imported.'
# The same distribution by the names of its arguments on PyTorch.
_EQUIVALENTS = {
    "distributions.Normal": "Normal(loc, scale)",
    "distributions.StudentT": "StudentT(df, loc, scale)",
    "distributions.Bernoulli": "Bernoulli(probs=probs)",
    "distributions.Categorical": "Categorical(logits=logits)",
    "distributions.Poisson": "Poisson(rate)",
    "distributions.NegativeBinomial": "NegativeBinomial(total_count, probs)",
    "distributions.MultivariateNormalDiag": "Independent(Normal(loc, scale_diag), 1)",
    "distributions.MultivariateNormalTriL": "MultivariateNormal(loc, scale_tril=scale_tril)",
    "distributions.Independent": "Independent(distribution, reinterpreted_batch_ndims)",
    "distributions.MixtureSameFamily": (
        "MixtureSameFamily(mixture_distribution, components_distribution)"
    ),
    "distributions.TransformedDistribution": "TransformedDistribution(distribution, transforms)",
    "distributions.Cauchy": "Cauchy(loc, scale)",
    "distributions.Laplace": "Laplace(loc, scale)",
    "distributions.Gumbel": "Gumbel(loc, scale)",
    "distributions.Exponential": "Exponential(rate)",
    "distributions.Gamma": "Gamma(concentration, rate)",
    "distributions.InverseGamma": "InverseGamma(concentration, scale)",
    "distributions.HalfNormal": "HalfNormal(scale)",
    "distributions.LogNormal": "LogNormal(loc, scale)",
    "distributions.Chi2": "Chi2(df)",
    "distributions.Weibull": "Weibull(scale, concentration)",
    "distributions.Pareto": "Pareto(scale, concentration)",
    "distributions.Uniform": "Uniform(low, high)",
    "distributions.Beta": "Beta(concentration1, concentration0)",
    "distributions.Kumaraswamy": "Kumaraswamy(concentration1, concentration0)",
    "distributions.ContinuousBernoulli": "ContinuousBernoulli(probs=probs)",
    "distributions.VonMises": "VonMises(loc, concentration)",
    "distributions.RelaxedBernoulli": "RelaxedBernoulli(temperature, probs=probs)",
    "distributions.Binomial": "Binomial(total_count, probs=probs)",
    "distributions.Geometric": "Geometric(probs=probs)",
    "distributions.OneHotCategorical": "OneHotCategorical(logits=logits)",
    "distributions.RelaxedOneHotCategorical": (
        "RelaxedOneHotCategorical(temperature, logits=logits)"
    ),
    "distributions.Multinomial": "Multinomial(total_count, logits=logits)",
    "distributions.Dirichlet": "Dirichlet(concentration)",
    "distributions.MultivariateNormalFullCovariance": (
        "MultivariateNormal(loc, covariance_matrix=covariance_matrix)"
    ),
    "distributions.CholeskyLKJ": "LKJCholesky(dimension, concentration)",
    "distributions.WishartTriL": "Wishart(df, scale_tril=scale_tril)",
    "bijectors.Exp": "ExpTransform()",
    "bijectors.Sigmoid": "SigmoidTransform()",
    "bijectors.Tanh": "TanhTransform()",
    "bijectors.Softplus": "SoftplusTransform()",
    "bijectors.AbsoluteValue": "AbsTransform()",
    "bijectors.Shift": "AffineTransform(shift, 1.0)",
    "bijectors.Scale": "AffineTransform(0.0, scale)",
    "bijectors.Chain": "ComposeTransform(transforms)",
    "bijectors.CorrelationCholesky": "CorrCholeskyTransform()",
}


def distribution_library() -> ModuleType:
    """Say what there is in place of TensorFlow Probability.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        f"{_NOT_HERE} PyTorch has its own distributions: `from torch import distributions as tfd`, "
        f"and `tfd.Normal(loc, scale)`. {_OTHERS}"
    )


def library_class(path: str) -> Any:
    """Say which class of PyTorch's there is instead of one of TensorFlow Probability's.

    Args:
        path: The place of the class in TensorFlow Probability.

    Raises:
        NotImplementedError: Always.
    """
    equivalent = _EQUIVALENTS.get(path)
    instead = "PyTorch has no such distribution or transformation."
    if equivalent is not None:
        instead = f"Take `torch.distributions.{equivalent}`."
    raise NotImplementedError(f"{_NOT_HERE} {instead} {_OTHERS}")
