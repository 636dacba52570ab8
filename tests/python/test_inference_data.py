"""What ArviZ reads: the groups, their shapes, and that they belong together."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions, moment
from models import X, linear
from scipy import stats

from bayeslayers import ArgumentError, as_inference_data, log_likelihood, predict_draws

Y = np.array([0.3, -0.2, 1.4, 0.1])


def noisy():
    normal = lambda t: distributions.Normal(t, 0.7)  # noqa: E731
    return linear(1, normal, bias_posterior_fn=None, name="out")


def test_all_groups_are_of_the_same_draws():
    model = noisy()
    data = as_inference_data(model, X, Y, draws=30, seed=5)
    kernel = data["posterior"]["out.kernel"].to_numpy()
    assert kernel.shape == (1, 30, 3, 1)
    outcomes = data["posterior_predictive"]["y"].to_numpy()[0]
    assert_allclose(outcomes, predict_draws(model, X, 30, "sample", seed=5, verbose=0))
    likelihood = data["log_likelihood"]["y"].to_numpy()[0]
    means = (X @ kernel[0])[..., 0]
    assert_allclose(likelihood, stats.norm.logpdf(Y, means, 0.7), rtol=1e-3, atol=1e-4)
    assert_array_equal(data["observed_data"]["y"].to_numpy(), Y[:, None])
    assert_array_equal(data["constant_data"]["x"].to_numpy(), X)


def test_arviz_summarises_it():
    import arviz

    model = noisy()
    data = as_inference_data(model, draws=400, seed=5)
    table = arviz.summary(data, round_to="none")
    loc = moment(model.layers[0].kernel_posterior, "mean").ravel()
    scale = moment(model.layers[0].kernel_posterior, "stddev").ravel()
    # Five standard errors: once in a million.
    assert (np.abs(table["mean"].to_numpy(float) - loc) < 5 * scale / np.sqrt(400)).all()


def test_classes_are_drawn_with_their_probabilities():
    softmax = linear(3, keras.layers.Softmax(), seed=4)
    data = as_inference_data(softmax, X, [0, 1, 2, 0], draws=5000, seed=5, outputs="probabilities")
    outcomes = data["posterior_predictive"]["y"].to_numpy()[0]
    p = predict_draws(softmax, X, 5000, seed=5, verbose=0).mean(axis=0)
    for k in range(3):
        # A share of 5000 is off by 5 sd = 5 * 0.5 / sqrt(5000) once in a million.
        assert_allclose((outcomes == k).mean(axis=0), p[:, k], atol=0.036)
    expected = log_likelihood(
        softmax, X, [0, 1, 2, 0], 5000, outputs="probabilities", seed=5, verbose=0
    )
    assert_allclose(data["log_likelihood"]["y"].to_numpy()[0], expected, rtol=1e-5)


def test_categories_are_the_numbers_of_their_places():
    of_classes = linear(3, lambda t: distributions.Categorical(logits=t))
    softmax = linear(3, keras.layers.Softmax())
    for model, outputs in ((of_classes, "auto"), (softmax, "probabilities")):
        ask = functools.partial(as_inference_data, model, X, draws=5, outputs=outputs, seed=5)
        found, expected = ask(pd.Categorical(["a", "b", "c", "a"])), ask([0, 1, 2, 0])
        assert_array_equal(found["observed_data"]["y"].to_numpy(), [0, 1, 2, 0])
        likelihoods = (data["log_likelihood"]["y"].to_numpy() for data in (found, expected))
        assert_array_equal(*likelihoods)
    with pytest.raises(ArgumentError, match="no categories"):
        as_inference_data(noisy(), X, pd.Categorical(["a", "b", "c", "a"]), draws=5)


def test_rules():
    with pytest.raises(ArgumentError, match="`x` must be given"):
        as_inference_data(noisy(), y=Y)
    with pytest.raises(ArgumentError, match="distribution"):
        as_inference_data(linear(1), X)
