"""The verbs of distributions, against SciPy's distributions."""

import pytest
from frameworks import assert_allclose, distributions
from scipy import stats

import bayeslayers

PAIRS = {
    "normal": (lambda tfd: tfd.Normal([1.0, -0.5], 2.0), stats.norm([1.0, -0.5], 2.0)),
    "gamma": (lambda tfd: tfd.Gamma([2.0, 5.0], 3.0), stats.gamma([2.0, 5.0], scale=1 / 3)),
}
AT_VALUE = {"log_prob": "logpdf", "prob": "pdf", "cdf": "cdf"}
OF_DISTRIBUTION = {"mean": "mean", "variance": "var", "stddev": "std", "entropy": "entropy"}


@pytest.fixture(params=PAIRS)
def pair(request):
    make, reference = PAIRS[request.param]
    return make(distributions), reference


def verb(name):
    return getattr(bayeslayers, f"tfd_{name}")


@pytest.mark.parametrize(("name", "method"), AT_VALUE.items())
def test_evaluated_at_a_value(pair, name, method):
    ours, reference = pair
    for value in (0.3, 1.7):
        expected = getattr(reference, method)(value)
        assert_allclose(verb(name)(ours, value), expected, rtol=1e-5)


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


def test_what_has_no_closed_form_is_refused():
    mixture = distributions.MixtureSameFamily(
        distributions.Categorical(probs=[0.5, 0.5]),
        distributions.Normal([0.0, 1.0], 1.0),
    )
    with pytest.raises(NotImplementedError):
        bayeslayers.tfd_entropy(mixture)
