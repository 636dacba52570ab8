"""Draws by `tfd_sample()`, and what makes distributions, on each backend."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_array_equal, numpy_of, on
from keras import ops

import bayeslayers
from bayeslayers import tfd_sample


def normal(size):
    if BACKEND == "torch":
        import torch

        return torch.distributions.Normal(torch.zeros(size), torch.ones(size))
    return bayeslayers.tfp.distributions.Normal(np.zeros(size, "float32"), 1.0)


def key(first, second):
    return ops.convert_to_tensor(np.array([first, second], "int32"))


def of_jax(first, second):
    import jax

    return jax.random.PRNGKey(second)


def typed_of_jax(seed):
    import jax

    return jax.random.key(seed)


SEEDS = {
    "number": lambda i: i,
    "numbers": lambda i: [i, 7],
    "tensor": lambda i: key(i, 7),
    "JAX's, typed": pytest.param(typed_of_jax, marks=on("jax")),
    "JAX's": pytest.param(lambda i: of_jax(0, i), marks=on("jax")),
}


# TensorFlow Probability takes a number together with a count of its own.
@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_a_draw_follows_from_its_seed(seed):
    keras.utils.set_random_seed(1)
    draws = numpy_of(tfd_sample(normal(5), 1000, seed=seed(1)))
    assert draws.shape == (1000, 5)
    # The mean of 5000 standard normals is beyond 4 standard errors in 1 of 16,000 runs.
    assert abs(draws.mean()) < 4 / np.sqrt(5000)
    assert np.unique(draws).size > 4990
    others = numpy_of(tfd_sample(normal(5), 1000, seed=seed(2)))
    assert not np.isin(draws, others).all()
    keras.utils.set_random_seed(1)
    assert_array_equal(tfd_sample(normal(5), 1000, seed=seed(1)), draws)


def test_a_draw_without_a_seed():
    first, second = (numpy_of(tfd_sample(normal(1000))) for _ in range(2))
    assert first.shape == (1000,)
    assert not np.isin(first, second).all()
    # The mean of 2000 standard normals is beyond 4 standard errors in 1 of 16,000 runs.
    assert abs(np.mean([first, second])) < 4 / np.sqrt(2000)


def test_everything_can_be_imported():
    for name in bayeslayers.__all__:
        assert getattr(bayeslayers, name) is not None
