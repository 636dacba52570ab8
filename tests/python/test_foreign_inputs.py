"""Inputs that are tensors or batches of another framework than the one below Keras."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix

from bayeslayers import ArgumentError, predict_draws, predictive_scores
from bayeslayers.layers import DenseFlipout

RNG = np.random.default_rng(5)
X = np.where(RNG.random((7, 3)) < 0.6, RNG.normal(size=(7, 3)), 0).astype("float32")
Y = RNG.integers(0, 2, size=7)
ARGUMENTS = {"draws": 3, "seed": 1, "verbose": 0}


def of_tensorflow(x):
    return pytest.importorskip("tensorflow").constant(x)


def dataset(*arrays):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(3)


def of_torch(x):
    return pytest.importorskip("torch").tensor(x)


def of_torch_with_gradient(x):
    return pytest.importorskip("torch").tensor(x, requires_grad=True)


def loader(*arrays):
    data = pytest.importorskip("torch.utils.data")
    return data.DataLoader(data.TensorDataset(*map(of_torch, arrays)), batch_size=3)


def of_jax(x):
    return pytest.importorskip("jax.numpy").asarray(x)


def batches_of_jax(*arrays):
    jnp = pytest.importorskip("jax.numpy")
    return (tuple(jnp.asarray(each[i : i + 3]) for each in arrays) for i in range(0, 7, 3))


def make_model():
    return keras.Sequential([keras.Input((3,)), DenseFlipout(2, seed=1)])


@pytest.mark.parametrize(
    "form",
    [
        of_tensorflow,
        dataset,
        of_torch,
        of_torch_with_gradient,
        loader,
        of_jax,
        batches_of_jax,
        csr_matrix,
    ],
)
def test_they_stand_for_the_array(form):
    model = make_model()
    expected = predict_draws(model, X, **ARGUMENTS)
    found = predict_draws(model, form(X), **ARGUMENTS)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", [dataset, loader, batches_of_jax])
def test_targets_come_with_them(form):
    model = make_model()
    arguments = {"outputs": "logits", **ARGUMENTS}
    found = predictive_scores(model, form(X, Y), **arguments)
    assert_allclose(found, predictive_scores(model, X, Y, **arguments), rtol=1e-5)


def test_a_dataset_without_an_end_is_refused():
    with pytest.raises(ArgumentError, match="`x` must have an end"):
        predict_draws(make_model(), dataset(X).repeat(), **ARGUMENTS)
