"""The verbs of distributions, against SciPy's distributions."""

import numpy as np
import pytest
from frameworks import BACKEND, assert_allclose, distributions, on
from keras import ops
from scipy import stats

import bayeslayers
from bayeslayers import ArgumentError, backend, layer_independent_logistic

PAIRS = {
    "normal": (lambda tfd: tfd.Normal([1.0, -0.5], 2.0), stats.norm([1.0, -0.5], 2.0)),
    "gamma": (lambda tfd: tfd.Gamma([2.0, 5.0], 3.0), stats.gamma([2.0, 5.0], scale=1 / 3)),
}
AT_VALUE = {
    "log_prob": "logpdf",
    "prob": "pdf",
    "cdf": "cdf",
    "log_cdf": "logcdf",
    "survival_function": "sf",
    "log_survival_function": "logsf",
}
OF_DISTRIBUTION = {"mean": "mean", "variance": "var", "stddev": "std", "entropy": "entropy"}


@pytest.fixture(params=PAIRS)
def pair(request):
    make, reference = PAIRS[request.param]
    return make(distributions), reference


def distribution_of_each(rv):
    """Return the distribution of the numbers that an output of independent ones consists of."""
    inner = backend.inner_distribution(rv)
    return inner.base_dist if BACKEND == "torch" else inner.distribution


def verb(name):
    return getattr(bayeslayers, f"tfd_{name}")


@pytest.mark.parametrize(("name", "method"), AT_VALUE.items())
def test_evaluated_at_a_value(pair, name, method):
    ours, reference = pair
    for value in (0.3, 1.7):
        expected = getattr(reference, method)(value)
        assert_allclose(verb(name)(ours, value), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["cdf", "log_cdf", "survival_function", "log_survival_function"])
def test_the_tails_have_the_precision_of_the_dtype(name):
    logistic = layer_independent_logistic(event_shape=())(np.array([[0.5, -1.0]], "float32"))
    of_inputs = distribution_of_each(logistic)
    pairs = (
        (distributions.Normal(1.0, 2.0), stats.norm(1.0, 2.0)),
        (of_inputs, stats.logistic(0.5, np.log1p(np.exp(-1.0)))),
    )
    for ours, reference in pairs:
        # Out to where the probability is 1e-23, which is a number in single precision.
        values = np.array([-19.0, -3.0, 1.0, 5.0, 20.0], "float32")
        expected = getattr(reference, AT_VALUE[name])(values.astype("float64"))
        assert_allclose(verb(name)(ours, values), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize(("name", "method"), OF_DISTRIBUTION.items())
def test_properties(pair, name, method):
    ours, reference = pair
    assert_allclose(verb(name)(ours), getattr(reference, method)(), rtol=1e-5)


def test_quantile_and_mode():
    normal = distributions.Normal([1.0, -0.5], 2.0)
    expected = stats.norm([1.0, -0.5], 2.0).ppf(0.9)
    assert_allclose(bayeslayers.tfd_quantile(normal, 0.9), expected, rtol=1e-5)
    # The mode of a gamma distribution is (shape - 1) / rate.
    gamma = distributions.Gamma([2.0, 5.0], 3.0)
    assert_allclose(bayeslayers.tfd_mode(gamma), [1 / 3, 4 / 3], rtol=1e-6)


def normal_of(factor):
    """Return the normal of a factor of its covariance."""
    if BACKEND == "torch":
        loc, factor = ops.zeros(len(factor)), ops.convert_to_tensor(factor)
        return distributions.MultivariateNormal(loc, scale_tril=factor)
    return bayeslayers.tfd_multivariate_normal_tri_l(scale_tril=factor)


def test_covariance_and_cross_entropy():
    factor = np.array([[1.0, 0.0], [0.5, 2.0]], "float32")
    assert_allclose(bayeslayers.tfd_covariance(normal_of(factor)), factor @ factor.T, rtol=1e-5)
    q, p = distributions.Normal(1.0, 2.0), distributions.Normal(0.0, 3.0)
    # -E[log p(x)] of normals: the variance and the squared bias of q enter.
    expected = np.log(3 * np.sqrt(2 * np.pi)) + (2**2 + 1**2) / (2 * 3**2)
    assert_allclose(bayeslayers.tfd_cross_entropy(q, p), expected, rtol=1e-5)


@on("tensorflow", "jax")
def test_the_verbs_of_bijectors():
    values = np.array([0.5, 2.0], "float32")
    exponential = bayeslayers.tfb_exp()
    assert_allclose(bayeslayers.tfb_forward(exponential, values), np.exp(values), rtol=1e-6)
    assert_allclose(bayeslayers.tfb_inverse(exponential, values), np.log(values), rtol=1e-6)
    for ndims, forward, inverse in (
        (0, values, -np.log(values)),
        (1.0, values.sum(), -np.log(values).sum()),
    ):
        found = bayeslayers.tfb_forward_log_det_jacobian(exponential, values, ndims)
        assert_allclose(found, forward, rtol=1e-6)
        found = bayeslayers.tfb_inverse_log_det_jacobian(exponential, values, ndims)
        assert_allclose(found, inverse, rtol=1e-6, atol=1e-7)
    with pytest.raises(ArgumentError, match="`bijector` must be a bijector"):
        bayeslayers.tfb_forward(distributions.Normal(0.0, 1.0), 1.0)
    with pytest.raises(ArgumentError, match="`event_ndims` must be a whole number"):
        bayeslayers.tfb_forward_log_det_jacobian(exponential, values, 0.5)


@on("torch")
def test_the_verbs_of_bijectors_say_what_there_is_on_torch():
    with pytest.raises(NotImplementedError, match="does not run on PyTorch"):
        bayeslayers.tfb_forward(None, 1.0)


def test_what_has_no_closed_form_is_refused():
    mixture = distributions.MixtureSameFamily(
        distributions.Categorical(probs=[0.5, 0.5]),
        distributions.Normal([0.0, 1.0], 1.0),
    )
    with pytest.raises(NotImplementedError):
        bayeslayers.tfd_entropy(mixture)
