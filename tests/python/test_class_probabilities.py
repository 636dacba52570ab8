"""Probabilities of classes in every verb, however unlikely: against arithmetic of fifty digits."""

import decimal
from decimal import Decimal

import keras
import numpy as np
import pytest
from frameworks import (
    BACKEND,
    assert_allclose,
    assert_array_equal,
    distributions,
    rounding_as_written,
)

from bayeslayers import (
    ArgumentError,
    as_inference_data,
    log_likelihood,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

tfd = distributions
DIGITS = decimal.Context(prec=50, Emin=-(10**6), Emax=10**6)
# Margins from about one to many hundreds, which single precision has no probabilities for.
X = np.array([[0.3], [8.0], [17.0], [40.0], [110.0], [900.0]], "float32")
DRAWS = {"draws": 6, "seed": 1, "verbose": 0}


def network(classes, last=None, dtype=None):
    """Return a model of logits, and of what is made of them: with the same draws for one seed."""
    keras.utils.set_random_seed(11)
    inputs = keras.Input((1,))
    dense = DenseFlipout(classes, bias_posterior_fn=None, dtype=dtype)
    logits = keras.Model(inputs, dense(inputs))
    dense.trainable_variables[0].assign(np.linspace(0, 1, classes)[None] if classes > 1 else [[1]])
    dense.trainable_variables[1].assign(np.full((1, classes), -2.0))
    return logits, keras.Model(inputs, last(logits.output)) if last else logits


def distribution(make):
    return DistributionLambda(make)


ENDINGS = {
    "bernoulli": (1, "auto", lambda t: tfd.Bernoulli(logits=t)),
    "bernoulli of a vector": (1, "auto", lambda t: tfd.Bernoulli(logits=t[:, 0])),
    "independent bernoulli": (1, "auto", lambda t: tfd.Independent(tfd.Bernoulli(logits=t), 1)),
    "categorical of two": (2, "auto", lambda t: tfd.Categorical(logits=t)),
    "categorical of many": (40, "auto", lambda t: tfd.Categorical(logits=t)),
    "independent categorical": (
        3,
        "auto",
        lambda t: tfd.Independent(tfd.Categorical(logits=t[:, None]), 1),
    ),
    "one-hot": (3, "auto", lambda t: tfd.OneHotCategorical(logits=t)),
    "a column of logits": (1, "logits", None),
    "logits": (3, "logits", None),
}


def case(name, dtype=None):
    classes, outputs, make = ENDINGS[name]
    logits, model = network(classes, distribution(make) if make else None, dtype)
    draws = predict_draws(logits, X, **DRAWS)
    if classes == 1:
        draws = np.concatenate([0 * draws, draws], axis=-1)
    with decimal.localcontext(prec=50, Emin=-(10**6), Emax=10**6):
        odds = np.vectorize(lambda v: Decimal(float(v)).exp(), otypes=[object])(draws)
        exact = odds / odds.sum(axis=-1, keepdims=True)
    return model, outputs, exact


def in_digits(function, *arrays):
    """Apply a function to decimals with fifty digits, and return it as float64."""
    with decimal.localcontext(prec=50, Emin=-(10**6), Emax=10**6):
        return np.vectorize(function, otypes=["float64"])(*arrays)


def mean(exact):
    with decimal.localcontext(prec=50, Emin=-(10**6), Emax=10**6):
        return exact.sum(axis=0) / len(exact)


def close(found, expected):
    # Relative where logarithms are large, absolute where they are near zero.
    assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def assert_probabilities(found, expected, name):
    """Compare probabilities with those of the logits that a model of this name ends in.

    PyTorch's distributions over several classes keep the logarithm of each probability, rounded to
    single precision: the greater it is, the fewer digits of the probability are left.
    """
    is_rounded = BACKEND == "torch" and ("categorical" in name or name == "one-hot")
    logarithm = np.abs(in_digits(Decimal.ln, expected)) if is_rounded else 0.0
    rtol = 1e-6 + logarithm * 2.0**-24
    found, expected = np.asarray(found), expected.astype(float)
    assert (np.abs(found - expected) <= rtol * expected).all()


@pytest.mark.parametrize("name", ENDINGS)
def test_the_log_score_is_exact_however_unlikely_the_class(name):
    model, outputs, exact = case(name)
    for label in (0, exact.shape[-1] - 1):
        y = np.full(len(X), label)
        expected = in_digits(Decimal.ln, exact[..., label])
        found = log_likelihood(model, X, y, outputs=outputs, **DRAWS)
        close(found, expected)
        table = predictive_scores(model, X, y, outputs=outputs, by="example", **DRAWS)
        of_label = mean(exact)[:, label]
        close(table["log_score"], in_digits(Decimal.ln, of_label))
        assert_probabilities(table["probability"], of_label, name)
        brier = ((mean(exact).astype(float) - (np.arange(exact.shape[-1]) == label)) ** 2).sum(-1)
        close(table["brier"], brier)
        whole = predictive_scores(model, X, y, outputs=outputs, **DRAWS)
        close(whole["log_score"], in_digits(Decimal.ln, of_label).mean())


@pytest.mark.parametrize("outcome", ["columns", "numbers"])
def test_a_mixture_of_distributions_over_classes_is_one(outcome):
    weights = np.array([0.25, 0.75], "float32")
    of_each = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], "float32")
    kind = tfd.OneHotCategorical if outcome == "columns" else tfd.Categorical

    def make(t):
        ones = 1 + 0 * keras.ops.expand_dims(t, -1)
        given = keras.ops.convert_to_tensor(of_each) * ones
        mixture = tfd.Categorical(probs=keras.ops.convert_to_tensor(weights) * ones[..., 0])
        return tfd.MixtureSameFamily(mixture, kind(probs=given))

    model = keras.Sequential([keras.Input((1,)), DistributionLambda(make)])
    expected, labels = weights @ of_each, np.array([0, 1, 2, 0, 1, 2])
    table = predictive_scores(model, X, labels, by="example", **DRAWS)
    assert_allclose(table["probability"], expected[labels], rtol=1e-5)
    assert_allclose(table["log_score"], np.log(expected[labels]), rtol=1e-5)
    brier = ((expected - np.eye(3)[labels]) ** 2).sum(axis=-1)
    assert_allclose(table["brier"], brier, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "name", ["bernoulli", "categorical of two", "a column of logits", "logits"]
)
def test_logits_of_half_precision_are_rounded_once(name, dtype, monkeypatch):
    rounding_as_written(monkeypatch)
    model, outputs, exact = case(name, dtype)
    y = np.zeros(len(X))
    found = log_likelihood(model, X, y, outputs=outputs, **DRAWS)
    close(found, in_digits(Decimal.ln, exact[..., 0]))
    table = predictive_scores(model, X, y, outputs=outputs, by="example", **DRAWS)
    close(table["log_score"], in_digits(Decimal.ln, mean(exact)[:, 0]))


@pytest.mark.parametrize("name", ENDINGS)
def test_the_summary_is_exact_however_sure_the_model(name):
    model, outputs, exact = case(name)
    table = predictive_summary(model, X, outputs=outputs, **DRAWS)
    p = mean(exact)
    entropy = in_digits(lambda v: -v * v.ln(), p).sum(axis=-1)
    # A probability near 1 has an error of 1e-16.
    assert_allclose(table["entropy"], entropy, rtol=1e-6, atol=1e-14)
    with decimal.localcontext(prec=50, Emin=-(10**6), Emax=10**6):
        divergences = np.vectorize(lambda a, b: a * (a / b).ln(), otypes=[object])(exact, p)
        mutual = divergences.sum(axis=-1).sum(axis=0).astype(float) / len(exact)
    assert_allclose(table["mutual_information"], mutual, rtol=1e-6, atol=1e-14)
    assert (table["mutual_information"] >= 0).all()
    columns = table[[f"p[{k}]" for k in range(p.shape[-1])]]
    assert_probabilities(columns, p, name)


@pytest.mark.parametrize("name", ["bernoulli", "logits"])
def test_other_verbs_take_the_same_probabilities(name):
    model, outputs, exact = case(name)
    y = np.zeros(len(X), int)
    pytest.importorskip("arviz")
    data = as_inference_data(model, X, y, draws=6, seed=1, outputs=outputs)
    found = data["log_likelihood"]["y"].to_numpy()[0]
    close(found, in_digits(Decimal.ln, exact[..., 0]))
    curve = reliability_curve(model, X, y, outputs=outputs, bins=4, **DRAWS)
    top = mean(exact).astype(float).max(axis=-1)
    close((curve["confidence"] * curve["n"]).sum(), top.sum())


@pytest.mark.parametrize(
    "make",
    [
        lambda t: tfd.Bernoulli(probs=keras.ops.sigmoid(-t)),
        lambda t: tfd.Categorical(probs=keras.ops.softmax(keras.ops.concatenate([t, 0 * t], -1))),
        # Which TensorFlow Probability lets add up to anything.
        lambda t: tfd.OneHotCategorical(probs=keras.ops.exp(keras.ops.concatenate([t, 0 * t], -1))),
    ],
)
def test_a_distribution_may_be_made_from_probabilities(make):
    logits, model = network(1, distribution(make))
    x = X[:3]
    margins = predict_draws(logits, x, **DRAWS)[..., 0].astype("float64")
    for label, margin in ((0, -margins), (1, margins)):
        found = log_likelihood(model, x, np.full(3, label), **DRAWS)
        # What single precision leaves of a probability.
        assert_allclose(found, -np.log1p(np.exp(margin)), rtol=1e-6, atol=1e-7)


def test_a_probability_of_zero_is_minus_infinity():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Identity()])
    p = np.array([[0.0, 1.0], [1e-30, 1.0], [0.25, 0.75]], "float32")
    arguments = {"outputs": "probabilities", **DRAWS}
    found = predictive_scores(model, p, np.zeros(3), by="example", **arguments)
    assert_allclose(found["log_score"], [-np.inf, np.log(1e-30), np.log(0.25)])
    table = predictive_summary(model, p, **arguments)
    assert table["entropy"].tolist()[0] == 0
    assert table["mutual_information"].tolist() == [0, 0, 0]
    column = keras.Sequential([keras.Input((1,)), keras.layers.Flatten()])
    found = log_likelihood(column, p[:, 1:], np.zeros(3), **arguments)
    assert_allclose(found[0], [-np.inf, -np.inf, np.log(0.25)])


def test_outputs_may_be_without_columns():
    flat = keras.Sequential([keras.Input((1,)), keras.layers.Reshape(()), keras.layers.Identity()])
    found = log_likelihood(flat, X, np.zeros(6), outputs="logits", **DRAWS)
    assert_allclose(found[0], -np.logaddexp(0, X[:, 0].astype("float64")))


@pytest.mark.parametrize(
    ("size", "outputs"), [((3,), "probabilities"), ((4, 3), "logits"), ((4, 3), "probabilities")]
)
def test_outputs_that_are_no_probabilities_are_refused(size, outputs):
    model = keras.Sequential([keras.Input(size), keras.layers.Identity()])
    x, y = np.full((2, *size), 3.0), np.zeros(2)
    for ask in (
        lambda: log_likelihood(model, x, y, outputs=outputs, **DRAWS),
        lambda: predictive_scores(model, x, y, outputs=outputs, **DRAWS),
        lambda: predictive_summary(model, x, outputs=outputs, **DRAWS),
        lambda: reliability_curve(model, x, y, outputs=outputs, **DRAWS),
    ):
        with pytest.raises(ArgumentError, match="`model` must"):
            ask()


@pytest.mark.parametrize("joint", [False, True])
def test_several_outcomes_of_zero_and_one_are_values(joint):
    make = lambda t: tfd.Bernoulli(logits=t)  # noqa: E731
    last = (lambda t: tfd.Independent(make(t), 1)) if joint else make
    logits, model = network(3, distribution(last))
    x, y = X[:2], np.array([[0.0, 1, 0], [1, 1, 0]])
    draws = predict_draws(logits, x, **DRAWS).astype("float64")
    expected = -np.logaddexp(0, np.where(y == 1, -draws, draws)).sum(axis=-1)
    close(log_likelihood(model, x, y, **DRAWS), expected)
    table = predictive_scores(model, x, y, by="example", **DRAWS)
    close(table["log_score"][::3], np.log(np.exp(expected).mean(axis=0)))
    summary = predictive_summary(model, x, **DRAWS)
    assert summary["variable"].tolist() == ["y[0]", "y[1]", "y[2]"] * 2
    close(summary["mean"], (1 / (1 + np.exp(-draws))).mean(axis=0).ravel())
    with pytest.raises(ArgumentError, match=r"`y` must hold .* from 0 to 1"):
        predictive_scores(model, x, 2 * y, **DRAWS)


def test_several_classes_have_a_likelihood_alone():
    make = lambda t: tfd.Independent(tfd.Categorical(logits=keras.ops.reshape(t, (-1, 2, 3))), 1)  # noqa: E731
    logits, model = network(6, distribution(make))
    x, y = X[:2], np.array([[0, 2], [1, 1]])
    draws = predict_draws(logits, x, **DRAWS).reshape(6, 2, 2, 3).astype("float64")
    p = np.exp(draws) / np.exp(draws).sum(axis=-1, keepdims=True)
    expected = sum(np.log(p[:, np.arange(2), k, y[:, k]]) for k in range(2))
    assert_allclose(log_likelihood(model, x, y, **DRAWS), expected, rtol=1e-5)
    assert_allclose(predict_draws(model, x, **DRAWS), p, rtol=1e-5)
    for ask in (predictive_scores, reliability_curve):
        with pytest.raises(ArgumentError, match="one class for each example"):
            ask(model, x, y, **DRAWS)
    with pytest.raises(ArgumentError, match="one class for each example"):
        predictive_summary(model, x, **DRAWS)
    with pytest.raises(ArgumentError, match=r"`y` must hold .* from 0 to 2"):
        log_likelihood(model, x, y + 1, **DRAWS)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0.2, 0.8]] * 6, "a single 1"),
        ([[1, 1]] * 6, "a single 1"),
        ([float("nan")] * 6, "no missing values"),
    ],
)
def test_an_outcome_is_one_class(y, message):
    model, _, _ = case("categorical of two")
    for ask in (predictive_scores, log_likelihood, reliability_curve):
        with pytest.raises(ArgumentError, match=f"`y` must hold .*{message}"):
            ask(model, X, y, **DRAWS)


@pytest.mark.parametrize("name", ["bernoulli", "categorical of two", "one-hot"])
def test_an_outcome_may_come_in_columns_everywhere(name):
    model, _, exact = case(name)
    y = np.arange(6) % exact.shape[-1]
    columns = np.eye(exact.shape[-1])[y]
    for form in (columns, columns.astype(bool), y[:, None]):
        expected = log_likelihood(model, X, y, **DRAWS)
        assert_array_equal(log_likelihood(model, X, form, **DRAWS), expected)


@pytest.mark.parametrize("name", ["bernoulli", "logits"])
def test_of_no_examples_there_is_no_likelihood(name):
    model, outputs, _ = case(name)
    assert log_likelihood(model, X[:0], [], outputs=outputs, **DRAWS).shape == (6, 0)
