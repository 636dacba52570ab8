"""The predictive distribution in figures."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions, moment
from models import X, linear
from scipy import stats

from bayeslayers import ArgumentError, predict_draws, predictive_summary


def values(units=2, last=None):
    """Return a model whose weights are wide: the summary shows it."""
    model = linear(units, last)
    model.layers[0].trainable_variables[1].assign_add(np.full((3, units), 2.5))
    return model


def summary(model, draws=500, **arguments):
    return predictive_summary(model, X, draws=draws, seed=1, verbose=0, **arguments)


def test_columns_are_statistics_of_the_draws():
    model = values()
    found = summary(model, probs=(0.025, 0.5))
    draws = predict_draws(model, X, draws=500, seed=1, verbose=0).reshape(500, -1)
    assert list(found["variable"]) == ["y[0]", "y[1]"] * 4
    assert list(found["example"]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert_allclose(found["mean"], draws.mean(axis=0), rtol=1e-5)
    assert_allclose(found["sd"], draws.std(axis=0), rtol=1e-5)
    assert_allclose(found["sd_epistemic"], found["sd"])
    assert_allclose(found["median"], found["q50"])
    assert_allclose(found["mad"], stats.median_abs_deviation(draws, scale="normal"), rtol=1e-5)
    assert_allclose(found["q2.5"], np.percentile(draws, 2.5, axis=0), rtol=1e-5)
    assert found["sd_aleatoric"].isna().all()


def test_spread_is_split_in_two():
    tfd = distributions
    model = values(1, lambda t: tfd.Normal(t, 0.7))
    found = summary(model, draws=20000)
    scale = moment(model.layers[0].kernel_posterior, "stddev")
    epistemic = np.sqrt(X**2 @ scale**2)[:, 0]
    assert_allclose(found["sd_aleatoric"], 0.7, rtol=1e-5)
    # A standard deviation from n normal draws is within 5 / sqrt(2 n) of the true one (one in a
    # million), a quantile of the total within 5 standard errors of its own, about 2.1 / sqrt(n).
    assert_allclose(found["sd_epistemic"], epistemic, rtol=5 / np.sqrt(40000))
    total = np.hypot(0.7, epistemic)
    assert_allclose(found["sd"], total, rtol=5 / np.sqrt(40000))
    error = (found["q95"] - found["mean"]) / total - stats.norm.ppf(0.95)
    assert np.abs(error).max() < 5 * 2.4 / np.sqrt(20000)


def test_probabilities_of_classes_have_entropies():
    found = summary(values(3, keras.layers.Softmax()), outputs="probabilities")
    logits = predict_draws(values_of(3), X, draws=500, seed=1, verbose=0)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    mean = p.mean(axis=0)
    assert_allclose(found[["p[0]", "p[1]", "p[2]"]], mean, rtol=1e-4)
    assert_array_equal(found["class"], mean.argmax(axis=1))
    assert_allclose(found["probability"], mean.max(axis=1), rtol=1e-4)
    assert_allclose(found["entropy"], stats.entropy(mean, axis=1), rtol=1e-4)
    mutual = stats.entropy(mean, axis=1) - stats.entropy(p, axis=2).mean(axis=0)
    assert_allclose(found["mutual_information"], mutual, rtol=1e-3)
    assert (found["mutual_information"] > 0).all()


@pytest.fixture(autouse=True)
def same_models():
    """Let every model of a test start from the same weights."""
    keras.utils.set_random_seed(11)


def values_of(units):
    keras.utils.set_random_seed(11)
    return values(units)


def test_weights_that_are_known_leave_nothing_open():
    tfd = distributions
    model = values(3, lambda t: tfd.Categorical(logits=t))
    model.layers[0].trainable_variables[1].assign(np.full((3, 3), -30.0))
    found = summary(model, draws=20)
    assert_allclose(found["mutual_information"], 0, atol=1e-6)
    assert (found["entropy"] > 0.1).all()


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"probs": [2]}, "probs"), ({"probs": "all"}, "probs"), ({"outputs": "odds"}, "outputs")],
)
def test_arguments_are_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must be"):
        summary(values(), **arguments)


@pytest.mark.parametrize("outputs", ["values", "probabilities", "logits"])
def test_what_a_distribution_says_is_not_overruled(outputs):
    tfd = distributions
    with pytest.raises(ArgumentError, match="`outputs` must be"):
        summary(values(3, lambda t: tfd.Categorical(logits=t)), outputs=outputs)
    if outputs != "values":
        with pytest.raises(ArgumentError, match="`outputs` must be"):
            summary(values(1, lambda t: tfd.Normal(t, 1.0)), outputs=outputs)
    # Zeros and ones are numbers, too.
    found = summary(values(1, lambda t: tfd.Bernoulli(logits=t)), outputs="values")
    assert_allclose(found["sd"] ** 2, found["mean"] * (1 - found["mean"]), rtol=1e-3)
