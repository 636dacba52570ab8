"""New streams of random numbers for models that come from one file."""

import keras
import numpy as np
import pytest
from frameworks import assert_array_equal, distributions, numpy_of
from posteriors import fixed_normal
from statistical import assert_normal_moments, assert_uncorrelated

from bayeslayers import ArgumentError, layer_dense_reparameterization, layers, reseed

X = np.ones((1, 1), "float32")


@keras.saving.register_keras_serializable("test_reseed")
def standard(dtype, shape, name, trainable, add_variable_fn):
    return fixed_normal(0.0, 1.0)(dtype, shape, name, trainable, add_variable_fn)


def network(units=400):
    """Return a model of two layers of standard normal numbers, the second beside the first."""
    arguments = {
        "kernel_posterior_fn": standard,
        "kernel_prior_fn": None,
        "bias_posterior_fn": None,
    }
    inputs = keras.Input((1,))
    outputs = [layer_dense_reparameterization(inputs, units=units, **arguments) for _ in range(2)]
    return keras.Model(inputs, keras.layers.Concatenate()(outputs))


def noise(model, calls=5):
    return np.concatenate([np.asarray(numpy_of(model(X))) for _ in range(calls)])


@pytest.fixture
def path(tmp_path):
    model = network()
    model(X)
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_two_loads_of_a_file_share_their_noise_until_they_are_reseeded(path):
    first, second = (keras.models.load_model(path) for _ in range(2))
    assert_array_equal(noise(first), noise(second))
    weights = first.get_weights()
    assert reseed(first, seed=1) is first
    reseed(second, seed=2)
    assert not np.any(noise(first) == noise(second))
    for before, after in zip(weights, first.get_weights(), strict=True):
        assert_array_equal(before, after)


def test_layers_and_neighbouring_seeds_are_independent(path):
    """All pairs of 2 layers under 8 seeds, over 5 calls: moments at a stated error rate."""
    model = keras.models.load_model(path)
    streams = [noise(reseed(model, seed)) for seed in range(8)]
    halves = np.stack([part for stream in streams for part in np.split(stream, 2, axis=1)])
    # (streams, calls, units): all are standard normal, and no two of them go together.
    assert_normal_moments(halves.reshape(len(halves), -1).T, 0.0, 1.0)
    for i in range(len(halves)):
        for j in range(i):
            first, second = halves[i].ravel()[:, None], halves[j].ravel()[:, None]
            assert_uncorrelated(first, second)
            assert_uncorrelated(first[400:], second[:-400])
            assert not np.any(first == second)


def test_the_same_seed_is_the_same_noise_whatever_the_names(path):
    model = keras.models.load_model(path)
    clone = keras.models.clone_model(model)
    names = [[layer.name for layer in m.layers] for m in (model, network())]
    assert names[0] != names[1]
    other = network()
    expected = noise(reseed(model, 5))
    assert_array_equal(noise(reseed(model, 5)), expected)
    assert_array_equal(noise(reseed(clone, 5)), expected)
    assert_array_equal(noise(reseed(other, 5)), expected)


def test_the_streams_are_saved_on(path, tmp_path):
    model = reseed(keras.models.load_model(path), 5)
    noise(model)
    model.save(tmp_path / "later.keras")
    again = keras.models.load_model(tmp_path / "later.keras")
    assert_array_equal(noise(again), noise(model))


def test_without_a_seed_it_comes_from_keras(path):
    first, second = (keras.models.load_model(path) for _ in range(2))
    found = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        found.append(noise(reseed(first)))
    assert_array_equal(found[0], found[1])
    assert not np.any(found[0] == found[2])
    assert not np.any(noise(reseed(first)) == noise(reseed(second)))


def joint(kernel_size, bias_size, dtype):
    parameters = layers.VariableLayer(kernel_size + bias_size)
    make = distributions.Normal
    return keras.Sequential([parameters, layers.DistributionLambda(lambda t: make(t, 1.0))])


def flat_prior(kernel_size, bias_size, dtype):
    make = distributions.Normal
    return lambda inputs: make(np.zeros(kernel_size + bias_size, "float32"), 1.0)


INSIDE = {
    "nested": lambda: keras.Sequential([keras.Input((4, 1)), network_of_series()]),
    "time distributed": lambda: keras.layers.TimeDistributed(layers.DenseFlipout(2)),
    "bidirectional": lambda: keras.layers.Bidirectional(layers.LSTMFlipout(2)),
    "joint posterior": lambda: layers.DenseVariational(2, joint, flat_prior),
    "distribution": lambda: layers.DistributionLambda(lambda t: distributions.Normal(t, 1.0)),
}


def network_of_series():
    return keras.Sequential([keras.Input((4, 1)), layers.Conv1DFlipout(2, 2)])


@pytest.mark.parametrize("kind", INSIDE)
def test_layers_inside_others_are_reached(kind):
    model = keras.Sequential([keras.Input((4, 1)), INSIDE[kind]()])
    inputs = np.ones((2, 4, 1), "float32")

    def outputs():
        return np.array(numpy_of(model(inputs)))

    first, again, other = (reseed(model, seed) and outputs() for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert np.all(first != other)


def test_keras_layers_that_draw_are_reached():
    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dropout(0.5, seed=1)])
    inputs = np.ones((1, 1000), "float32")
    first, again, other = (
        numpy_of(reseed(model, seed)(inputs, training=True)) for seed in (1, 1, 2)
    )
    assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_compiled_model_follows():
    model = network()
    first = reseed(model, 1).predict(X, verbose=0)
    assert_array_equal(reseed(model, 1).predict(X, verbose=0), first)
    assert np.all(reseed(model, 2).predict(X, verbose=0) != first)


@pytest.mark.parametrize("bad", [-1, 1.5, "a", 2**31, True])
def test_the_seed_is_checked(bad):
    with pytest.raises(ArgumentError, match="`seed` must be a whole number"):
        reseed(network(), bad)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (3, "must be a Keras 3 model"),
        (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "must contain a layer that"),
    ],
)
def test_the_model_is_checked(model, rule):
    with pytest.raises(ArgumentError, match=f"`model` {rule}"):
        reseed(model, 1)
