"""Constructors of distributions: tfprobability's signatures, and SciPy's numbers."""

import inspect

import numpy as np
import pytest
from scipy import stats

import bayeslayers
from bayeslayers import ArgumentError, tfd_log_prob, tfp

# The arguments of tfprobability 0.15.2, less those that TensorFlow Probability has dropped since:
# scale_identity_multiplier, interpolate_nondiscrete, batch_shape, event_shape.
COMMON = "validate_args allow_nan_stats name"
ARGUMENTS = {
    "tfd_normal": f"loc scale {COMMON}",
    "tfd_independent": "distribution reinterpreted_batch_ndims validate_args name",
    "tfd_deterministic": f"loc atol rtol {COMMON}",
    "tfd_multivariate_normal_diag": f"loc scale_diag {COMMON}",
    "tfd_multivariate_normal_tri_l": f"loc scale_tril {COMMON}",
    "tfd_mixture_same_family": (
        f"mixture_distribution components_distribution reparameterize {COMMON}"
    ),
    "tfd_categorical": f"logits probs dtype {COMMON}",
    "tfd_bernoulli": f"logits probs dtype {COMMON}",
    "tfd_poisson": f"rate log_rate {COMMON}",
    "tfd_negative_binomial": f"total_count logits probs {COMMON}",
    "tfd_student_t": f"df loc scale {COMMON}",
    "tfd_transformed_distribution": (
        "distribution bijector kwargs_split_fn validate_args parameters name"
    ),
    "tfb_masked_autoregressive_flow": (
        "shift_and_log_scale_fn is_constant_jacobian unroll_loop event_ndims validate_args name"
    ),
}

CASES = [
    ("tfd_normal", (1.0, 2.0), 0.3, stats.norm(1, 2).logpdf),
    ("tfd_student_t", (4.0, 1.0, 2.0), 0.3, stats.t(4, 1, 2).logpdf),
    ("tfd_poisson", (2.5,), 3.0, stats.poisson(2.5).logpmf),
    ("tfd_negative_binomial", (3.0, None, 0.4), 2.0, stats.nbinom(3, 0.6).logpmf),
    ("tfd_bernoulli", (None, 0.3), 1, stats.bernoulli(0.3).logpmf),
    (
        "tfd_multivariate_normal_diag",
        ([0.0, 1.0], [1.0, 2.0]),
        [0.5, 0.5],
        stats.multivariate_normal([0, 1], [1, 4]).logpdf,
    ),
    (
        "tfd_multivariate_normal_tri_l",
        ([0.0, 1.0], [[1.0, 0.0], [0.5, 2.0]]),
        [0.5, 0.5],
        stats.multivariate_normal([0, 1], [[1, 0.5], [0.5, 4.25]]).logpdf,
    ),
]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_those_of_tfprobability(name):
    signature = inspect.signature(getattr(bayeslayers, name))
    assert list(signature.parameters) == ARGUMENTS[name].split()


@pytest.mark.parametrize(("name", "arguments", "value", "reference"), CASES)
def test_densities(name, arguments, value, reference):
    distribution = getattr(bayeslayers, name)(*arguments)
    np.testing.assert_allclose(tfd_log_prob(distribution, value), reference(value), rtol=1e-5)


def test_composed_distributions():
    components = bayeslayers.tfd_normal([0.0, 2.0], 1.0)
    mixture = bayeslayers.tfd_mixture_same_family(
        bayeslayers.tfd_categorical(probs=[0.4, 0.6]), components
    )
    density = 0.4 * stats.norm(0, 1).pdf(0.5) + 0.6 * stats.norm(2, 1).pdf(0.5)
    np.testing.assert_allclose(tfd_log_prob(mixture, 0.5), np.log(density), rtol=1e-5)
    independent = bayeslayers.tfd_independent(components, reinterpreted_batch_ndims=1)
    joint = stats.norm([0, 2], 1).logpdf([0.5, 0.5]).sum()
    np.testing.assert_allclose(tfd_log_prob(independent, [0.5, 0.5]), joint, rtol=1e-5)
    lognormal = bayeslayers.tfd_transformed_distribution(
        bayeslayers.tfd_normal(0.0, 1.0), tfp.bijectors.Exp()
    )
    np.testing.assert_allclose(
        tfd_log_prob(lognormal, 1.7), stats.lognorm(1).logpdf(1.7), rtol=1e-5
    )


def test_a_dtype_may_be_given_by_name():
    assert bayeslayers.tfd_categorical(probs=[0.5, 0.5], dtype="int64").dtype.name == "int64"
    assert bayeslayers.tfd_categorical(probs=[0.5, 0.5]).dtype.name == "int32"


def test_a_misspelt_argument_is_refused():
    with pytest.raises(ArgumentError, match=r"Did you mean `loc`\?"):
        bayeslayers.tfd_normal(lok=0.0, scale=1.0)
