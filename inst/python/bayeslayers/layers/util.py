"""Makers of posteriors and priors, where TensorFlow Probability has them."""

from bayeslayers.distributions.fixed_priors import default_multivariate_normal_fn
from bayeslayers.distributions.makers import default_mean_field_normal_fn, trainable_normal_fn

__all__ = [
    "default_mean_field_normal_fn",
    "default_multivariate_normal_fn",
    "trainable_normal_fn",
]
