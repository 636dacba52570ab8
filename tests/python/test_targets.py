"""Targets that are categories, and targets that no verb can score."""

import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions
from models import linear
from scipy.special import log_softmax

import bayeslayers as bl

X = np.sin(np.arange(15.0)).reshape(5, 3)
CLASSES = [1, 0, 1, 1, 0]
NAMES = pd.Categorical(["a", "b", "a", "a", "b"], categories=["b", "a", "c"])


def classifier():
    return linear(3, lambda t: distributions.Categorical(logits=t))


def values():
    return linear(1, lambda t: distributions.Normal(t, 0.5))


def frame_of(names):
    return pd.Series(names, index=list("vwxyz"))


@pytest.mark.parametrize("make", [lambda names: names, frame_of, pd.CategoricalIndex])
def test_the_places_of_categories_are_the_classes(make):
    model = linear(3)
    found = bl.log_likelihood(model, X, make(NAMES), draws=3, outputs="logits", seed=1)
    logits = bl.predict_draws(model, X, draws=3, seed=1).astype("float64")
    expected = log_softmax(logits, axis=-1)[:, np.arange(5), CLASSES]
    assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("verb", [bl.predictive_scores, bl.reliability_curve, bl.log_likelihood])
@pytest.mark.parametrize("kind", [pd.Categorical, pd.Series, lambda y: pd.DataFrame({"y": y})])
def test_categories_count_like_numbers_in_every_verb(verb, kind):
    model = classifier()
    found = np.asarray(verb(model, X, kind(NAMES), draws=3, seed=1))
    assert_array_equal(found, np.asarray(verb(model, X, CLASSES, draws=3, seed=1)))


@pytest.mark.parametrize("verb", [bl.predictive_scores, bl.reliability_curve, bl.log_likelihood])
@pytest.mark.parametrize(
    ("model", "y", "rule"),
    [
        (classifier, NAMES.remove_unused_categories(), "as many categories .* classes, 3"),
        (values, NAMES, "numbers for a model of values"),
        (classifier, pd.DataFrame({"a": NAMES, "b": NAMES}), "categories in one column"),
        (classifier, NAMES.set_categories(["a", "c", "d"]), "no missing values"),
        (classifier, np.array([0.0, np.nan, 1.0, 2.0, 1.0]), "no missing values"),
        (values, np.array([0.0, np.nan, 1.0, 2.0, 1.0]), "no missing values"),
        (classifier, np.array([0.5, 1.0, 2.0, 2.0, 1.0]), "a whole number from 0 to 2"),
        (classifier, np.array([0, 1, 2, 3, 9]), "a whole number from 0 to 2"),
    ],
)
def test_what_cannot_be_scored_is_refused(verb, model, y, rule):
    with pytest.raises(bl.ArgumentError, match=rule) as caught:
        verb(model(), X, y, draws=3)
    assert caught.value.argument == "y"


def test_categories_are_no_inputs():
    with pytest.raises(bl.ArgumentError, match="`x` must hold numbers"):
        bl.predict_draws(linear(3), NAMES, draws=3)
    with pytest.raises(bl.ArgumentError, match="`x` must hold numbers"):
        bl.predict_draws(linear(3), pd.DataFrame({"a": X[:, 0], "b": NAMES, "c": 1.0}), draws=3)


def test_a_column_for_each_class_serves_a_distribution_over_numbers_of_classes():
    model = classifier()
    found = bl.log_likelihood(model, X, np.eye(3)[CLASSES], draws=3, seed=1)
    assert_array_equal(found, bl.log_likelihood(model, X, CLASSES, draws=3, seed=1))
