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
VALUES = {"loc": 1.0, "scale": 2.0, "df": 4.0, "probs": 0.4, "rate": 2.5, "total_count": 3.0}
DENSITIES = {
    "tfd_normal": stats.norm(1, 2).logpdf,
    "tfd_student_t": stats.t(4, 1, 2).logpdf,
    "tfd_bernoulli": stats.bernoulli(0.4).logpmf,
    "tfd_poisson": stats.poisson(2.5).logpmf,
    "tfd_negative_binomial": stats.nbinom(3, 0.6).logpmf,
    "tfd_categorical": stats.randint(0, 2).logpmf,
}
WITHOUT = ("tfd_deterministic", "tfb_masked_autoregressive_flow")


def message_of(name):
    with pytest.raises(NotImplementedError, match="does not run on PyTorch") as caught:
        getattr(bayeslayers, name)(1.0)
    return str(caught.value)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_every_constructor_says_what_to_use_instead(name):
    message = message_of(name)
    assert "KERAS_BACKEND" in message
    has_equivalent = "Take `torch.distributions." in message
    assert has_equivalent == (name not in WITHOUT)
    if has_equivalent:
        import torch

        line = re.search(r"`torch.distributions.(\w+)", message)
        assert inspect.isclass(getattr(torch.distributions, line[1]))


@pytest.mark.parametrize("name", DENSITIES)
def test_the_line_that_it_says_makes_that_distribution(name):
    line = re.search(r"Take `(torch.distributions.+?)`\.", message_of(name))[1]
    import torch

    values = {name: ops.convert_to_tensor(value) for name, value in VALUES.items()}
    made = eval(line, {"torch": torch, "logits": ops.zeros((2,)), **values})
    found = tfd_log_prob(made, 1.0)
    np.testing.assert_allclose(float(found), DENSITIES[name](1), rtol=1e-5)


def test_a_transform_is_refused_where_it_is_made():
    made = bayeslayers.layer_autoregressive(params=2)
    with pytest.raises(NotImplementedError, match="does not run on PyTorch"):
        bayeslayers.layer_autoregressive_transform(made=made)
