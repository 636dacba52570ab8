"""Distributions of another library than the one that goes with the backend are refused."""

import keras
import numpy as np
import pytest

from bayeslayers import ArgumentError
from bayeslayers.layers import DenseFlipout, DistributionLambda

BACKEND = keras.backend.backend()
NAMES = {
    "tensorflow": "TensorFlow Probability",
    "jax": "TensorFlow Probability for JAX, which is `tfp` of bayeslayers",
    "torch": "`torch.distributions`",
}


def of_tensorflow():
    pytest.importorskip("tensorflow")
    distributions = pytest.importorskip("tensorflow_probability").distributions
    return distributions.Independent(distributions.Normal(np.zeros((3, 2), "float32"), 1.0), 2)


def of_jax():
    # Our own line makes it import on JAX 0.7 and later.
    pytest.importorskip("jax")
    from bayeslayers.backend.jax.compat import tensorflow_probability

    distributions = tensorflow_probability().distributions
    return distributions.Independent(distributions.Normal(np.zeros((3, 2), "float32"), 1.0), 2)


def of_torch():
    torch = pytest.importorskip("torch")
    return torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3, 2), 1.0), 2)


MAKERS = {"tensorflow": of_tensorflow, "jax": of_jax, "torch": of_torch}
OTHERS = [name for name in MAKERS if name != BACKEND]


def layers(distribution):
    """Each kind of layer that a function gives distributions to, with the argument it is."""
    yield "make_distribution_fn", DistributionLambda(lambda t: distribution)
    yield "kernel_prior_fn", DenseFlipout(2, kernel_prior_fn=lambda *args: distribution)


@pytest.mark.parametrize("other", OTHERS)
def test_they_are_refused_by_name(other):
    distribution = MAKERS[other]()
    for argument, layer in layers(distribution):
        with pytest.raises(ArgumentError) as caught:
            layer(np.ones((4, 3), "float32"))
        assert caught.value.argument == argument
        assert f"must return a distribution of {NAMES[BACKEND]}" in str(caught.value)
        assert f"{type(distribution).__module__}.Independent" in str(caught.value)


def test_that_of_the_backend_is_taken():
    distribution = MAKERS[BACKEND]()
    for _, layer in layers(distribution):
        layer(np.ones((4, 3), "float32"))


@pytest.mark.parametrize("other", OTHERS)
def test_a_subclass_of_a_users_own_is_refused_too(other):
    theirs = MAKERS[other]()
    inner = theirs.base_dist if other == "torch" else theirs.distribution
    own = type("Own", (type(theirs),), {})(inner, 1)
    with pytest.raises(ArgumentError, match=r"must return a distribution of .*Own"):
        DistributionLambda(lambda t: own)(np.ones((4, 3), "float32"))
