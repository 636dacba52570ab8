"""The training loops on the page about them: each does, on its backend, what `fit()` does."""

import pytest
from frameworks import BACKEND, assert_allclose
from oracles import normal_kl, parameters
from pages import block_with

IMPORTS = {
    "tensorflow": "import tensorflow as tf",
    "jax": "import jax",
    "torch": "import torch",
}


def exact(model):
    """Return what the divergence adds to the loss, in closed form."""
    return sum(normal_kl(*parameters(layer.kernel_posterior)) for layer in model.layers) / 200


@pytest.fixture(scope="module")
def found():
    """What the page's code leaves behind, on this backend."""
    namespace = {}
    for line in ("import bayeslayers as bl", IMPORTS[BACKEND], "fitted = network()"):
        exec(block_with("loops", line), namespace)
    return namespace


def test_every_step_has_the_loss_of_fit(found):
    losses = found["losses"]
    assert len(losses) == 50
    means = [sum(losses[begin : begin + 10]) / 10 for begin in range(0, 50, 10)]
    assert_allclose(means, found["history"].history["loss"], rtol=1e-5)
    assert means[-1] < means[0]


def test_the_divergence_is_in_the_loss_once(found):
    """The error of a step is what its loss is without the divergence: about that of the data."""
    model = found["network"]()
    variance = found["y"].var()
    first = found["losses"][0]
    assert 0.2 * first < exact(model) < first
    assert abs(first - exact(model) - variance) < variance


def test_the_weights_and_the_noise_end_where_those_of_fit_do(found):
    model, fitted, untrained = found["model"], found["fitted"], found["network"]()
    for weight, expected, before in zip(
        *(m.get_weights() for m in (model, fitted, untrained)), strict=True
    ):
        assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)
        assert abs(weight - before).max() > 1e-4
    for layer, expected in zip(model.layers, fitted.layers, strict=True):
        stream = list(layer.seed_generator.saved_state())
        assert stream == list(expected.seed_generator.saved_state())
        # Files count 256 for each seed.
        assert stream[0] >= 50 * 256
