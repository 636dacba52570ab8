"""Which losses are likelihoods, by whatever name Keras knows them, and what their score is."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_softmax, logsumexp
from scipy.stats import poisson

from bayeslayers import (
    callback_log_score,
    fit_bayesian,
    layer_dense_flipout,
    layer_homoscedastic_normal,
    layer_independent_poisson,
    predict_draws,
    tfd_log_prob,
)
from bayeslayers.contract.errors import ArgumentError

N, DRAWS = 40, 20
LOSSES = keras.losses


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, 3)).astype("float32")


@pytest.fixture
def labels(x):
    return (x.sum(axis=1) > 0).astype("int32") + (x[:, 0] > 0)


def network(units, activation=None, **arguments):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,))])
    return layer_dense_flipout(model, units=units, activation=activation, seed=3, **arguments)


def score_of(model, x, y, loss, **arguments):
    """The last score of a short training on examples by which the model is validated, too."""
    history = fit_bayesian(
        model, x, y, epochs=1, validation_data=(x, y), loss=loss, verbose=0, **arguments
    )
    return history.history.get("val_log_score", [None])[-1]


def log_mean(log_p):
    return np.mean(logsumexp(log_p, axis=0) - np.log(DRAWS))


def draws_of(model, x):
    return predict_draws(model, x, draws=DRAWS, seed=0, verbose=0).astype("float64")


def bernoulli_score(model, x, y, *, is_logits=False):
    found = draws_of(model, x)[..., 0]
    p = expit(found) if is_logits else found
    return log_mean(np.log(np.where(y == 1, p, 1 - p)))


def categorical_score(model, x, labels, *, is_logits=False):
    found = draws_of(model, x)
    log_p = log_softmax(found, axis=-1) if is_logits else np.log(found)
    return log_mean(log_p[:, np.arange(N), labels])


@pytest.mark.parametrize(
    "loss",
    [
        "bce",
        "BinaryCrossentropy",
        LOSSES.BinaryCrossentropy,
        LOSSES.binary_crossentropy,
        LOSSES.get("BCE"),
        LOSSES.BinaryCrossentropy(label_smoothing=0.2),
        ["binary_crossentropy"],
    ],
)
def test_every_name_of_a_binary_crossentropy_is_a_likelihood(x, labels, loss):
    """A loss that smooths labels is scored on the labels themselves."""
    model, y = network(1, "sigmoid"), (labels > 0).astype("int32")
    np.testing.assert_allclose(score_of(model, x, y, loss), bernoulli_score(model, x, y), rtol=1e-5)


def test_logits_of_two_classes_are_scored_as_logits(x, labels):
    model, y = network(1), (labels > 0).astype("int32")[:, None]
    found = score_of(model, x, y, LOSSES.BinaryCrossentropy(from_logits=True))
    np.testing.assert_allclose(found, bernoulli_score(model, x, y[:, 0], is_logits=True), rtol=1e-5)


@pytest.mark.parametrize("form", ["columns", "categories"])
@pytest.mark.parametrize("loss", ["CategoricalCrossentropy", LOSSES.categorical_crossentropy])
def test_columns_and_categories_serve_a_categorical_crossentropy(x, labels, loss, form):
    model = network(3, "softmax")
    y = np.eye(3)[labels] if form == "columns" else pd.Categorical(labels)
    found = score_of(model, x, y, loss)
    np.testing.assert_allclose(found, categorical_score(model, x, labels), rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "is_logits"),
    [
        (LOSSES.SparseCategoricalCrossentropy, False),
        ("SparseCategoricalCrossentropy", False),
        (LOSSES.SparseCategoricalCrossentropy(from_logits=True), True),
    ],
)
def test_every_name_of_a_sparse_crossentropy_is_a_likelihood(x, labels, loss, is_logits):
    model = network(3, None if is_logits else "softmax")
    found = score_of(model, x, labels, loss, temperature=[1.0, 0.5])
    # To choose among temperatures changes the weights, not how they are scored.
    assert np.isfinite(found)
    found = score_of(model, x, labels, loss)
    expected = categorical_score(model, x, labels, is_logits=is_logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "MSE", "MeanSquaredError", "poisson", "Poisson", "huber"])
def test_what_leaves_no_likelihood_is_not_scored(x, loss):
    y = np.abs(x.sum(axis=1, keepdims=True))
    assert score_of(network(1, "softplus"), x, y, loss) is None
    with pytest.raises(ArgumentError, match="one number where the loss is no likelihood"):
        score_of(network(1, "softplus"), x, y, loss, temperature="auto")


@pytest.mark.parametrize(
    ("units", "loss"),
    [
        (1, LOSSES.BinaryCrossentropy(from_logits=True)),
        (3, LOSSES.CategoricalCrossentropy(from_logits=True)),
    ],
    ids=["binary", "categorical"],
)
def test_mixtures_of_classes_are_learnt_and_not_scored(x, labels, units, loss):
    y = np.eye(3)[labels] * 0.7 + 0.1
    y = y if units == 3 else y[:, :1]
    assert score_of(network(units), x, y, loss) is None


def test_counts_are_scored_with_their_constant(x, rng):
    """Poisson's log y!, which Keras's loss leaves out."""
    y = rng.poisson(3.0, size=(N, 1)).astype("float32")
    model = layer_independent_poisson(network(1), event_shape=1)
    found = score_of(model, x, y, None)
    expected = log_mean(poisson.logpmf(y[:, 0], draws_of(model, x)[..., 0]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_distribution_is_scored_whatever_the_loss_is(x):
    y = x.sum(axis=1, keepdims=True)
    model = layer_homoscedastic_normal(network(1), event_shape=1)
    score = callback_log_score(x, y)
    history = fit_bayesian(
        model, x, y, epochs=1, validation_data=(x, y), loss=lambda y, d: -tfd_log_prob(d, y),
        callbacks=[score], verbose=0,
    )  # fmt: skip
    np.testing.assert_allclose(history.history["val_log_score"][-1], score.score(DRAWS), rtol=1e-5)


def two_outputs():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((3,))
    outputs = {
        "kind": layer_dense_flipout(inputs, units=3, seed=3),
        "event": layer_dense_flipout(inputs, units=1, seed=4, activation="sigmoid"),
    }
    return keras.Model(inputs, outputs)


def test_losses_by_name_are_likelihoods_of_their_outputs(x, labels):
    model, event = two_outputs(), (labels > 1).astype("int32")
    y = {"kind": pd.Categorical(labels), "event": event}
    losses = {"event": "bce", "kind": LOSSES.SparseCategoricalCrossentropy(from_logits=True)}
    found = score_of(model, x, y, losses)
    draws = predict_draws(model, x, draws=DRAWS, seed=0, verbose=0)
    log_p = log_softmax(draws["kind"].astype("float64"), axis=-1)[:, np.arange(N), labels]
    p = draws["event"][..., 0].astype("float64")
    log_p += np.log(np.where(event == 1, p, 1 - p))
    np.testing.assert_allclose(found, log_mean(log_p), rtol=1e-5)
    losses["event"] = "mse"
    assert score_of(two_outputs(), x, y, losses) is None


@pytest.mark.parametrize("reduction", ["sum", "none", None])
def test_a_loss_is_a_mean(x, reduction):
    loss = {"kind": LOSSES.MeanSquaredError(reduction=reduction), "event": "mse"}
    y = {"kind": x, "event": x[:, :1]}
    with pytest.raises(ArgumentError, match="`loss` must be a mean over examples"):
        fit_bayesian(two_outputs(), x, y, loss=loss, verbose=0)


@pytest.mark.parametrize(
    ("loss", "rule"),
    [
        ("nolikelihood", "`loss` must be the name of a Keras loss"),
        (3, "`loss` must be the name of a Keras loss"),
        (
            ["bce", "bce", "bce"],
            "`loss` must be one loss, or one for each of the model's 2 outputs",
        ),
        ({"kind": "bce", "evnt": "bce"}, 'by a name it has: "kind", "event"'),
    ],
)
def test_what_is_no_loss_is_refused(x, labels, loss, rule):
    y = {"kind": labels, "event": labels > 1}
    with pytest.raises(ArgumentError, match=rule):
        fit_bayesian(two_outputs(), x, y, loss=loss, verbose=0)
