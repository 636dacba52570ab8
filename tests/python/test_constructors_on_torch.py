"""What the constructors of distributions say on PyTorch, where their library does not run."""

import inspect
import re

import numpy as np
import pytest
from frameworks import on
from keras import ops
from scipy import stats

import bayeslayers
from bayeslayers import tfd_log_prob
from bayeslayers.distributions.constructors import CONSTRUCTORS

pytestmark = on("torch")

# What the message says to write, with values for its arguments; and the density that it then has.
VALUES = {
    "loc": 1.0,
    "scale": 2.0,
    "df": 4.0,
    "probs": 0.4,
    "rate": 2.5,
    "total_count": 3.0,
    "concentration": 1.5,
    "concentration1": 2.0,
    "concentration0": 3.0,
    "low": 0.0,
    "high": 2.0,
}
DENSITIES = {
    "tfd_normal": stats.norm(1, 2).logpdf,
    "tfd_student_t": stats.t(4, 1, 2).logpdf,
    "tfd_cauchy": stats.cauchy(1, 2).logpdf,
    "tfd_laplace": stats.laplace(1, 2).logpdf,
    "tfd_gumbel": stats.gumbel_r(1, 2).logpdf,
    "tfd_exponential": stats.expon(scale=1 / 2.5).logpdf,
    "tfd_gamma": stats.gamma(1.5, scale=1 / 2.5).logpdf,
    "tfd_inverse_gamma": stats.invgamma(1.5, scale=2).logpdf,
    "tfd_half_normal": stats.halfnorm(scale=2).logpdf,
    "tfd_log_normal": stats.lognorm(2, scale=np.e).logpdf,
    "tfd_chi2": stats.chi2(4).logpdf,
    "tfd_weibull": stats.weibull_min(1.5, scale=2).logpdf,
    "tfd_uniform": stats.uniform(0, 2).logpdf,
    "tfd_von_mises": stats.vonmises(1.5, 1).logpdf,
    "tfd_bernoulli": stats.bernoulli(0.4).logpmf,
    "tfd_poisson": stats.poisson(2.5).logpmf,
    "tfd_binomial": stats.binom(3, 0.4).logpmf,
    "tfd_geometric": stats.geom(0.4, loc=-1).logpmf,
    "tfd_negative_binomial": stats.nbinom(3, 0.6).logpmf,
    "tfd_categorical": stats.randint(0, 2).logpmf,
}
# Between 0 and 1, or above the scale.
OTHER_DENSITIES = {
    "tfd_beta": (0.3, stats.beta(2, 3).logpdf),
    "tfd_kumaraswamy": (0.3, lambda x: np.log(6 * x * (1 - x**2) ** 2)),
    "tfd_pareto": (3.0, stats.pareto(1.5, scale=2).logpdf),
}


def message_of(name):
    with pytest.raises(NotImplementedError, match="does not run on PyTorch") as caught:
        # What was dropped takes any arguments; the others are asked for those that they need.
        getattr(bayeslayers, name)(**required_of(name))
    return str(caught.value)


def required_of(name):
    parameters = inspect.signature(getattr(bayeslayers, name)).parameters.values()
    named = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    return {p.name: 1.0 for p in named if p.default is inspect.Parameter.empty}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_every_constructor_says_what_to_use_instead(name):
    message = message_of(name)
    assert "KERAS_BACKEND" in message
    line = re.search(r"Take `torch.distributions.(\w+)", message)
    if line:
        import torch

        home = torch.distributions
        found = getattr(home, line[1], None) or getattr(home.transforms, line[1], None)
        assert inspect.isclass(found)
    else:
        assert re.search(r"PyTorch has no such|PyTorch has its own distributions", message)


def test_most_of_the_usual_ones_have_an_equivalent():
    assert sum("Take `torch" in message_of(name) for name in CONSTRUCTORS) >= 45


@pytest.mark.parametrize("name", [*DENSITIES, *OTHER_DENSITIES])
def test_the_line_that_it_says_makes_that_distribution(name):
    line = re.search(r"Take `(torch.distributions.+?)`\.", message_of(name))[1]
    import torch

    values = {name: ops.convert_to_tensor(value) for name, value in VALUES.items()}
    made = eval(line, {"torch": torch, "logits": ops.zeros((2,)), **values})
    value, density = OTHER_DENSITIES.get(name) or (1.0, DENSITIES[name])
    found = tfd_log_prob(made, value)
    np.testing.assert_allclose(float(found), density(value), rtol=1e-5)


def test_a_transform_is_refused_where_it_is_made():
    made = bayeslayers.layer_autoregressive(params=2)
    with pytest.raises(NotImplementedError, match="does not run on PyTorch"):
        bayeslayers.layer_autoregressive_transform(made=made)
