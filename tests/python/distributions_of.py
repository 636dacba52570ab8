"""Distributions that the libraries of the frameworks make in different ways, for the tests."""

import numpy as np
from frameworks import BACKEND, distributions
from keras import ops

import bayeslayers

# How `compile()` may run a model's steps.
MODES = {"eager": {"run_eagerly": True}}
if BACKEND == "tensorflow":
    MODES.update(graph={"jit_compile": False}, xla={"jit_compile": True})
if BACKEND == "jax":
    MODES.update(jit={"jit_compile": True})


def independent_normal(loc, scale):
    """Return the distribution of vectors of independent normal numbers."""
    return distributions.Independent(distributions.Normal(loc, scale), 1)


def normal_of_columns(t):
    return distributions.Normal(t[..., 0], 1e-3 + ops.softplus(t[..., 1]))


def normal_of_halves(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return independent_normal(loc, 1e-5 + ops.softplus(rho))


def unit_normal(t):
    return distributions.Normal(t, 1.0)


def rounded(value):
    """Return an array in single precision, as the framework takes it."""
    return ops.convert_to_tensor(np.asarray(value, "float32"))


if BACKEND == "torch":

    def triangular(loc, factor):
        """Return the normal distribution of a mean, and a triangular factor of its covariance."""
        return distributions.MultivariateNormal(loc, scale_tril=factor)

    def diagonal(loc, scale):
        """Return the normal distribution of a mean, and standard deviations."""
        return independent_normal(loc, scale)

    def log_normal(loc, scale):
        return distributions.LogNormal(loc, scale)

else:

    def triangular(loc, factor):
        """Return the normal distribution of a mean, and a triangular factor of its covariance."""
        return distributions.MultivariateNormalTriL(loc, factor)

    def diagonal(loc, scale):
        """Return the normal distribution of a mean, and standard deviations."""
        return distributions.MultivariateNormalDiag(loc, scale)

    def log_normal(loc, scale):
        exp = bayeslayers.tfp.bijectors.Exp()
        return distributions.TransformedDistribution(distributions.Normal(loc, scale), exp)
