"""Makers of posteriors and priors, where TensorFlow Probability has them."""

from bayeslayers.distributions.correlated_posteriors import (
    full_covariance_normal_fn,
    low_rank_normal_fn,
)
from bayeslayers.distributions.fixed_priors import default_multivariate_normal_fn
from bayeslayers.distributions.makers import default_mean_field_normal_fn, trainable_normal_fn
from bayeslayers.distributions.positive import half_cauchy_prior_fn, log_normal_fn
from bayeslayers.distributions.priors import (
    horseshoe_prior_fn,
    normal_prior_fn,
    scale_mixture_prior_fn,
)

__all__ = [
    "default_mean_field_normal_fn",
    "default_multivariate_normal_fn",
    "full_covariance_normal_fn",
    "half_cauchy_prior_fn",
    "horseshoe_prior_fn",
    "log_normal_fn",
    "low_rank_normal_fn",
    "normal_prior_fn",
    "scale_mixture_prior_fn",
    "trainable_normal_fn",
]
