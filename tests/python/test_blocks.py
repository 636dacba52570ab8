"""Examples in blocks: what they give does not depend on them, and they bound the memory."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, call_outside, distributions
from scipy.stats import norm

from bayeslayers import (
    as_inference_data,
    log_likelihood,
    posterior_draws,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

RNG = np.random.default_rng(3)
X = RNG.normal(size=(23, 3)).astype("float32")
Y = RNG.normal(size=(23, 2)).astype("float32")
CLASSES = RNG.integers(0, 2, 23)


def network(last=None):
    keras.utils.set_random_seed(2)
    layers = [keras.Input((3,)), DenseFlipout(5, activation="tanh"), DenseFlipout(2)]
    return keras.Sequential(layers if last is None else [*layers, DistributionLambda(last)])


def normal(t):
    return distributions.Normal(t, 0.5)


# What follows from the draws of the weights alone.
OF_WEIGHTS = {
    "draws": lambda **a: predict_draws(network(), X, **a),
    "means": lambda **a: predict_draws(network(normal), X, **a),
    "summary": lambda **a: predictive_summary(network(), X, **a),
    "classes": lambda **a: predictive_summary(network(), X, outputs="logits", **a),
    "likelihood": lambda **a: log_likelihood(network(normal), X, Y, **a),
    "of classes": lambda **a: log_likelihood(network(), X, CLASSES, outputs="logits", **a),
    "scores": lambda **a: predictive_scores(network(), X, CLASSES, outputs="logits", **a),
    "by example": lambda **a: predictive_scores(
        network(), X, CLASSES, outputs="logits", by="example", **a
    ),
    "figures of noise": lambda **a: predictive_scores(network(normal), X, Y, by="example", **a),
    "reliability": lambda **a: reliability_curve(network(), X, CLASSES, outputs="logits", **a),
}


@pytest.mark.parametrize("what", OF_WEIGHTS)
def test_the_batch_size_changes_nothing(what):
    found = [
        OF_WEIGHTS[what](draws=20, seed=4, verbose=0, batch_size=size) for size in (None, 23, 7, 1)
    ]
    for other in found[1:]:
        if isinstance(other, pd.DataFrame):
            pd.testing.assert_frame_equal(other, found[0], rtol=1e-4, atol=1e-6)
        else:
            assert_allclose(other, found[0], rtol=1e-4, atol=1e-6)


def test_figures_of_noise_are_those_of_the_mixture_over_draws_in_the_same_batches():
    model = network(normal)
    arguments = {"draws": 200, "seed": 4, "verbose": 0, "batch_size": 7}
    loc = predict_draws(model, X, kind="mean", **arguments).reshape(200, -1)
    table = predictive_summary(model, X, **arguments)
    at_median = norm.cdf(table["median"].to_numpy(), loc, 0.5).mean(axis=0)
    assert_allclose(at_median, np.full(46, 0.5), rtol=1e-5)
    scores = predictive_scores(model, X, Y, by="example", **arguments)
    assert_allclose(scores["pit"], norm.cdf(Y.ravel(), loc, 0.5).mean(axis=0), rtol=1e-5)
    assert scores["example"].tolist() == np.repeat(np.arange(23), 2).tolist()


def test_blocks_are_summarised_in_pieces(monkeypatch):
    model = network(normal)
    arguments = {"draws": 50, "seed": 4, "verbose": 0}
    table = predictive_summary(model, X, **arguments)
    scores = predictive_scores(model, X, Y, **arguments)
    # Of three examples each, as there are 100 numbers for an example.
    monkeypatch.setattr("bayeslayers.predictive.evaluation._NUMBERS_AT_ONCE", 300)
    pd.testing.assert_frame_equal(predictive_summary(model, X, **arguments), table)
    pd.testing.assert_frame_equal(predictive_scores(model, X, Y, **arguments), scores)


def test_classes_for_arviz_do_not_depend_on_batches():
    found = [
        as_inference_data(
            network(), X, CLASSES, draws=30, seed=4, outputs="logits", batch_size=size
        )
        for size in (None, 5)
    ]
    for group in ("posterior_predictive", "log_likelihood"):
        first, second = (data[group]["y"].to_numpy() for data in found)
        assert_allclose(first, second, rtol=1e-4, atol=1e-6)


def test_posterior_draws_in_parts_are_the_same():
    model = network()
    many = posterior_draws(model, draws=40, seed=4)
    few = posterior_draws(model, draws=3, seed=4)
    for name, weight in few.items():
        assert_array_equal(many[name][:3], weight)


def seen_batches(layers, x):
    """Return how many examples the model is called with at a time."""
    sizes = []

    @keras.saving.register_keras_serializable("tests", name=f"Watch{id(sizes)}")
    class Watch(keras.layers.Layer):
        def call(self, inputs):
            call_outside(lambda x: sizes.append(len(x)), inputs)
            return inputs

    model = keras.Sequential([keras.Input(x.shape[1:]), Watch(), *layers])
    # Where a framework runs a model to infer shapes, Keras does so with examples of its own.
    sizes.clear()
    predict_draws(model, x, draws=1, verbose=0)
    return sizes


def test_the_default_batch_follows_from_the_sizes_of_layers():
    thin = seen_batches([keras.layers.Dense(1)], np.ones((20000, 2), "float32"))
    assert max(thin) == 16384
    wide = seen_batches(
        [keras.layers.Dense(4096), keras.layers.Dense(1)], np.ones((3000, 2), "float32")
    )
    assert max(wide) == 1024
    # What is widest counts, within a model in a model as well.
    inner = keras.Sequential([keras.layers.Dense(2**20), keras.layers.Dense(1)])
    assert max(seen_batches([inner], np.ones((100, 1), "float32"))) == 32
    outputs = seen_batches([keras.layers.Dense(256)], np.ones((3000, 2), "float32"))
    assert max(outputs) == 256


_PROGRAM = """
import resource, sys
import keras, numpy as np
import bayeslayers
from bayeslayers.layers import DenseFlipout, DistributionLambda
from frameworks import distributions
n, draws = 40000, 200
model = keras.Sequential([
    keras.Input((2,)), DenseFlipout(2),
    DistributionLambda(lambda t: distributions.Normal(t, 0.5)),
])
x = np.ones((n, 2), "float32")
calls = {
    "predict_draws": lambda x: bayeslayers.predict_draws(model, x, draws, verbose=0),
    "predictive_summary": lambda x: bayeslayers.predictive_summary(
        model, x, draws, batch_size=1000, verbose=0),
    "predictive_scores": lambda x: bayeslayers.predictive_scores(
        model, x, x, draws, batch_size=1000, verbose=0),
    "reliability_curve": lambda x: bayeslayers.reliability_curve(
        model, x, x, draws, batch_size=1000, verbose=0),
}
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
call = calls[sys.argv[1]]
call(x[:1000])
before = peak()
call(x)
# All draws of one statistic, in single precision.
print((peak() - before) / (4 * n * 2 * draws))
"""


@pytest.mark.parametrize(
    ("verb", "bound"),
    [
        # The array itself, and a batch of 16384 of the 40000 examples.
        ("predict_draws", 1.6),
        # Three statistics of a batch are 7.5 % of one statistic of all.
        pytest.param("predictive_summary", 0.5, marks=pytest.mark.soak),
        pytest.param("predictive_scores", 0.5, marks=pytest.mark.soak),
        pytest.param("reliability_curve", 0.5, marks=pytest.mark.soak),
    ],
)
def test_memory_is_that_of_a_batch(verb, bound):
    command = [sys.executable, "-c", _PROGRAM, verb]
    # Where this process finds the package, and what the tests share.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert float(run.stdout.split()[-1]) < bound
