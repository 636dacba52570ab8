"""Constructors of distributions: tfprobability's signatures, and SciPy's numbers."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, numpy_of, on
from scipy import special, stats

import bayeslayers
from bayeslayers import ArgumentError, tfd_log_prob, tfd_sample, tfp
from bayeslayers.backend import native_dtype

# PyTorch has no such constructors: see test_constructors_on_torch.
pytestmark = on("tensorflow", "jax")

# SciPy's densities at a value, for positional arguments.
CASES = [
    ("tfd_normal", (1.0, 2.0), 0.3, stats.norm(1, 2).logpdf),
    ("tfd_student_t", (4.0, 1.0, 2.0), 0.3, stats.t(4, 1, 2).logpdf),
    ("tfd_cauchy", (1.0, 2.0), 0.3, stats.cauchy(1, 2).logpdf),
    ("tfd_laplace", (1.0, 2.0), 0.3, stats.laplace(1, 2).logpdf),
    ("tfd_logistic", (1.0, 2.0), 0.3, stats.logistic(1, 2).logpdf),
    ("tfd_gumbel", (1.0, 2.0), 0.3, stats.gumbel_r(1, 2).logpdf),
    ("tfd_generalized_normal", (1.0, 2.0, 1.5), 0.3, stats.gennorm(1.5, 1, 2).logpdf),
    ("tfd_johnson_s_u", (0.5, 2.0, 1.0, 2.0), 0.3, stats.johnsonsu(0.5, 2, 1, 2).logpdf),
    ("tfd_exp_gamma", (2.0, 1.5), 0.3, stats.loggamma(2, loc=-np.log(1.5)).logpdf),
    ("tfd_truncated_normal", (0.0, 1.0, -1.0, 2.0), 0.3, stats.truncnorm(-1, 2).logpdf),
    ("tfd_exponential", (1.5,), 0.6, stats.expon(scale=1 / 1.5).logpdf),
    ("tfd_gamma", (2.0, 1.5), 0.3, stats.gamma(2, scale=1 / 1.5).logpdf),
    ("tfd_inverse_gamma", (2.0, 1.5), 0.3, stats.invgamma(2, scale=1.5).logpdf),
    ("tfd_inverse_gaussian", (1.0, 2.0), 0.3, stats.invgauss(0.5, scale=2).logpdf),
    ("tfd_half_normal", (1.5,), 0.3, stats.halfnorm(scale=1.5).logpdf),
    ("tfd_half_cauchy", (0.1, 1.5), 0.3, stats.halfcauchy(0.1, 1.5).logpdf),
    ("tfd_log_normal", (0.5, 2.0), 0.3, stats.lognorm(2, scale=np.exp(0.5)).logpdf),
    ("tfd_log_logistic", (0.5, 2.0), 0.3, stats.fisk(0.5, scale=np.exp(0.5)).logpdf),
    ("tfd_chi", (3.0,), 0.3, stats.chi(3).logpdf),
    ("tfd_chi2", (3.0,), 0.3, stats.chi2(3).logpdf),
    ("tfd_weibull", (1.5, 2.0), 0.3, stats.weibull_min(1.5, scale=2).logpdf),
    ("tfd_pareto", (2.0, 0.5), 0.6, stats.pareto(2, scale=0.5).logpdf),
    ("tfd_generalized_pareto", (0.0, 2.0, 0.5), 0.3, stats.genpareto(0.5, 0, 2).logpdf),
    ("tfd_uniform", (-1.0, 2.0), 0.3, stats.uniform(-1, 3).logpdf),
    ("tfd_beta", (2.0, 3.0), 0.3, stats.beta(2, 3).logpdf),
    ("tfd_triangular", (0.0, 2.0, 0.5), 0.3, stats.triang(0.25, 0, 2).logpdf),
    ("tfd_von_mises", (0.5, 2.0), 0.3, stats.vonmises(2, 0.5).logpdf),
    ("tfd_poisson", (2.5,), 3.0, stats.poisson(2.5).logpmf),
    ("tfd_negative_binomial", (3.0, None, 0.4), 2.0, stats.nbinom(3, 0.6).logpmf),
    ("tfd_bernoulli", (None, 0.3), 1, stats.bernoulli(0.3).logpmf),
    ("tfd_binomial", (10.0, None, 0.3), 2.0, stats.binom(10, 0.3).logpmf),
    ("tfd_beta_binomial", (10.0, 2.0, 3.0), 2.0, stats.betabinom(10, 2, 3).logpmf),
    ("tfd_geometric", (None, 0.3), 2.0, stats.geom(0.3, loc=-1).logpmf),
    ("tfd_skellam", (2.0, 1.0), 2.0, stats.skellam(2, 1).logpmf),
    ("tfd_zipf", (2.0,), 3.0, stats.zipf(2).logpmf),
    ("tfd_probit_bernoulli", (0.3,), 1, lambda x: stats.norm.logcdf(0.3)),
    ("tfd_dirichlet", ([1.0, 2.0, 3.0],), [0.2, 0.3, 0.5], stats.dirichlet([1, 2, 3]).logpdf),
    (
        "tfd_multinomial",
        (4.0, None, [0.2, 0.3, 0.5]),
        [1.0, 1.0, 2.0],
        stats.multinomial(4, [0.2, 0.3, 0.5]).logpmf,
    ),
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
    (
        "tfd_multivariate_normal_full_covariance",
        ([0.0, 1.0], [[1.0, 0.5], [0.5, 4.25]]),
        [0.5, 0.5],
        stats.multivariate_normal([0, 1], [[1, 0.5], [0.5, 4.25]]).logpdf,
    ),
    (
        "tfd_wishart",
        (4.0, [[1.0, 0.5], [0.5, 2.0]]),
        [[2.0, 0.1], [0.1, 3.0]],
        stats.wishart(4, [[1, 0.5], [0.5, 2]]).logpdf,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "value", "reference"), CASES)
def test_densities(name, arguments, value, reference):
    distribution = getattr(bayeslayers, name)(*arguments)
    assert_allclose(tfd_log_prob(distribution, value), reference(value), rtol=1e-5)


def test_composed_distributions():
    components = bayeslayers.tfd_normal([0.0, 2.0], 1.0)
    mixture = bayeslayers.tfd_mixture_same_family(
        bayeslayers.tfd_categorical(probs=[0.4, 0.6]), components
    )
    density = 0.4 * stats.norm(0, 1).pdf(0.5) + 0.6 * stats.norm(2, 1).pdf(0.5)
    assert_allclose(tfd_log_prob(mixture, 0.5), np.log(density), rtol=1e-5)
    independent = bayeslayers.tfd_independent(components, reinterpreted_batch_ndims=1)
    joint = stats.norm([0, 2], 1).logpdf([0.5, 0.5]).sum()
    assert_allclose(tfd_log_prob(independent, [0.5, 0.5]), joint, rtol=1e-5)
    lognormal = bayeslayers.tfd_transformed_distribution(
        bayeslayers.tfd_normal(0.0, 1.0), tfp.bijectors.Exp()
    )
    assert_allclose(tfd_log_prob(lognormal, 1.7), stats.lognorm(1).logpdf(1.7), rtol=1e-5)


def test_a_dtype_may_be_given_by_name():
    own = native_dtype("int16")
    for given, expected in (
        ({"dtype": "int16"}, "int16"),
        ({"dtype": own}, "int16"),
        ({}, "int32"),
    ):
        made = bayeslayers.tfd_categorical(probs=[0.5, 0.5], **given)
        assert keras.backend.standardize_dtype(made.dtype) == expected


@pytest.mark.parametrize("value", ["whole", 3])
def test_what_is_no_dtype_is_refused_by_one_rule(value):
    with pytest.raises(ArgumentError, match="`dtype` must be a dtype, such as"):
        bayeslayers.tfd_categorical(probs=[0.5, 0.5], dtype=value)
    with pytest.raises(ArgumentError, match="`sample_dtype` must be a dtype, such as"):
        bayeslayers.layer_one_hot_categorical(event_size=2, sample_dtype=value)


def test_a_misspelt_argument_is_refused():
    with pytest.raises(ArgumentError, match=r"Did you mean `loc`\?"):
        bayeslayers.tfd_normal(lok=0.0, scale=1.0)


@pytest.mark.parametrize("event_shape", [3, [3], (3,), "a shape of the library"])
def test_an_event_of_independent_numbers_is_transformed(event_shape):
    """With a shape of one event, the density of its numbers is the product of theirs."""
    values = np.array([[0.5, 1.0, 2.0], [3.0, 0.1, 1.0]], "float32")
    if isinstance(event_shape, str):
        event_shape = bayeslayers.tfd_normal([0.0, 0.0, 0.0], 1.0).batch_shape
    lognormal = bayeslayers.tfd_transformed_distribution(
        bayeslayers.tfd_normal(0.5, 2.0), tfp.bijectors.Exp(), event_shape=event_shape
    )
    assert (tuple(lognormal.batch_shape), tuple(lognormal.event_shape)) == ((), (3,))
    expected = stats.lognorm(2.0, scale=np.exp(0.5)).logpdf(values).sum(axis=-1)
    assert_allclose(tfd_log_prob(lognormal, values), expected, rtol=1e-5)
    drawn = numpy_of(tfd_sample(lognormal, 4))
    assert drawn.shape == (4, 3)
    assert len(np.unique(drawn)) == 12


def test_a_batch_of_transformed_distributions():
    normal = bayeslayers.tfd_normal(0.5, 2.0)
    both = bayeslayers.tfd_transformed_distribution(normal, tfp.bijectors.Exp(), (2, 4), [3])
    assert (tuple(both.batch_shape), tuple(both.event_shape)) == ((2, 4), (3,))
    values = np.random.default_rng(1).uniform(0.5, 2.0, size=(2, 4, 3)).astype("float32")
    density = stats.lognorm(2.0, scale=np.exp(0.5)).logpdf(values)
    assert_allclose(tfd_log_prob(both, values), density.sum(axis=-1), rtol=1e-5)
    assert len(np.unique(numpy_of(tfd_sample(both, 5)))) == 5 * 24
    # The batch of the distribution stays in front of the event.
    locs = np.array([0.0, 1.0], "float32")
    batch = bayeslayers.tfd_transformed_distribution(
        bayeslayers.tfd_normal(locs, 1.0), tfp.bijectors.Exp(), event_shape=3
    )
    expected = stats.norm(locs[:, None], 1).logpdf(np.log(values[:, 0])) - np.log(values[:, 0])
    assert_allclose(tfd_log_prob(batch, values[:, 0]), expected.sum(axis=-1), rtol=1e-5)


def test_a_flow_of_a_single_normal():
    """The form of tfprobability's examples: the base is one normal number, the event two."""
    made = bayeslayers.layer_autoregressive(params=[2], event_shape=[2], kernel_initializer="zeros")
    flow = bayeslayers.tfd_transformed_distribution(
        bayeslayers.tfd_normal(0.0, 1.0),
        bayeslayers.tfb_masked_autoregressive_flow(made),
        event_shape=[2],
    )
    values = np.array([[0.5, -1.0], [2.0, 0.0]], "float32")
    expected = stats.norm.logpdf(values).sum(axis=-1)
    assert_allclose(tfd_log_prob(flow, values), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "given", [{}, {"event_shape": None}, {"event_shape": ()}, {"batch_shape": []}]
)
def test_no_shape_leaves_the_distribution_as_it_is(given):
    normal = bayeslayers.tfd_normal([0.0, 1.0], 1.0)
    made = bayeslayers.tfd_transformed_distribution(normal, tfp.bijectors.Exp(), **given)
    assert (tuple(made.batch_shape), tuple(made.event_shape)) == ((2,), ())


def test_shapes_that_meet_one_that_is_there_are_refused():
    vector = bayeslayers.tfd_multivariate_normal_diag([0.0, 1.0])
    batch = bayeslayers.tfd_normal([0.0], 1.0)
    for distribution, argument in ((vector, "event_shape"), (batch, "batch_shape")):
        with pytest.raises(ArgumentError, match=f"`{argument}` must be left empty"):
            bayeslayers.tfd_transformed_distribution(
                distribution, tfp.bijectors.Exp(), **{argument: 3}
            )
    with pytest.raises(ArgumentError, match="`event_shape` must be a positive whole number"):
        bayeslayers.tfd_transformed_distribution(
            bayeslayers.tfd_normal(0.0, 1.0), tfp.bijectors.Exp(), event_shape=-1
        )


@pytest.mark.parametrize(
    ("arguments", "scale"),
    [
        ({"scale_diag": [1.0, 2.0], "scale_identity_multiplier": 0.5}, [1.5, 2.5]),
        ({"scale_identity_multiplier": 0.5}, [0.5, 0.5]),
        (
            {
                "scale_diag": np.array([1.0, 2.0], "float32"),
                "scale_identity_multiplier": [0.5, 1.0],
            },
            [[1.5, 2.5], [2.0, 3.0]],
        ),
        ({"scale_diag": [1.0, 2.0], "scale_identity_multiplier": None}, [1.0, 2.0]),
    ],
)
def test_a_number_is_added_to_all_standard_deviations(arguments, scale):
    made = bayeslayers.tfd_multivariate_normal_diag([0.0, 1.0], **arguments)
    expected = stats.norm([0, 1], scale).logpdf([0.3, 0.7]).sum(axis=-1)
    assert_allclose(tfd_log_prob(made, [0.3, 0.7]), expected, rtol=1e-5)
    with pytest.raises(ArgumentError, match="`loc` must be given"):
        bayeslayers.tfd_multivariate_normal_diag(scale_identity_multiplier=1.0)


@pytest.mark.doubles
def test_a_number_that_is_added_has_all_digits():
    loc = keras.ops.zeros(2, "float64")
    made = bayeslayers.tfd_multivariate_normal_diag(loc, scale_identity_multiplier=0.1)
    assert_allclose(made.stddev(), [0.1, 0.1], rtol=1e-15)


def test_a_poisson_of_whole_numbers_alone():
    inside, outside = (
        bayeslayers.tfd_poisson(2.5, interpolate_nondiscrete=flag) for flag in (True, False)
    )
    for each in (inside, outside, bayeslayers.tfd_poisson(2.5)):
        assert_allclose(tfd_log_prob(each, 3.0), stats.poisson(2.5).logpmf(3), rtol=1e-5)
    assert numpy_of(tfd_log_prob(outside, 3.5)) == -np.inf
    between = 3.5 * np.log(2.5) - 2.5 - special.gammaln(4.5)
    assert_allclose(tfd_log_prob(inside, 3.5), between, rtol=1e-5)
