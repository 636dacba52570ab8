"""Conformal intervals and sets: their coverage has an exact law, and NumPy finds the same ends."""

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions
from scipy import stats

from bayeslayers import ArgumentError, conformal_interval, predictive_summary
from bayeslayers.layers import DenseFlipout, DistributionLambda

tfd = distributions
REPETITIONS = 200
ERROR_RATE = 1e-6
COMMON = {"draws": 20, "seed": 4, "verbose": 0}


def fixed(scale, bias=0.0):
    """Return a model of one function, 2 x + bias, whose noise is what it says."""
    line = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(2.0))
    model = keras.Sequential([keras.Input((1,)), line])
    model.layers[0].bias.assign([bias])
    model.add(DistributionLambda(lambda t: tfd.Normal(t, scale * (1 + t**2))))
    return model


def random(units=2, *last):
    """Return a model whose weights leave something open."""
    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.Input((3,)), DenseFlipout(units), *last])
    model.layers[0].trainable_variables[1].assign(np.full((3, units), 0.5))
    return model


def data(n, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, x[:, :2] + rng.normal(size=(n, 2))


def rank_of_coverage(covered, n, level, examples):
    """Return the probability of at most so many, and of at least so many covered outcomes.

    The coverage given n calibration examples has the distribution Beta(k, n + 1 - k) with k =
    ceil((n + 1) level), whatever the model: the number of covered examples of one repetition is
    beta-binomial, and the sum over repetitions normal to a good approximation.
    """
    k = int(np.ceil((n + 1) * level - 1e-9))
    law = stats.betabinom(examples, k, n + 1 - k)
    total = stats.norm(REPETITIONS * law.mean(), np.sqrt(REPETITIONS * law.var()))
    return total.cdf(covered), total.sf(covered)


@pytest.mark.parametrize(
    ("method", "scale", "bias"),
    [
        pytest.param("quantiles", 0.01, 0.5, id="too narrow"),
        pytest.param("quantiles", 10.0, 0.0, id="too wide", marks=pytest.mark.soak),
        pytest.param("sd", 0.01, 0.5, id="in standard deviations", marks=pytest.mark.soak),
    ],
)
def test_intervals_cover_what_they_say_whatever_the_model(method, scale, bias):
    n, examples, level = 39, 20, 0.9
    model = fixed(scale, bias)
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(REPETITIONS):
        x = rng.normal(size=(n + examples, 1)).astype("float32")
        y = 2 * x + rng.standard_t(4, size=x.shape)
        found = conformal_interval(
            model, x[n:], x[:n], y[:n], level=level, method=method, draws=4, seed=1, verbose=0
        )
        covered += ((found["lower"] <= y[n:, 0]) & (y[n:, 0] <= found["upper"])).sum()
    # Fails once in 500,000 runs with new seeds. The expected coverage is 36 / 40.
    assert min(rank_of_coverage(covered, n, level, examples)) > ERROR_RATE


def test_sets_cover_what_they_say_whatever_the_model():
    n, examples, level = 39, 20, 0.8
    # Logits of the wrong sign for one of the classes.
    wrong = np.array([[2.0, -1.0, -1.0], [0.0, 1.0, -2.0]])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    model.layers[0].set_weights([wrong])
    rng = np.random.default_rng(3)
    covered = {"lac": 0, "aps": 0}
    for _ in range(REPETITIONS):
        x = rng.normal(size=(n + examples, 2)).astype("float32")
        noise = rng.gumbel(size=(len(x), 3))
        y = (x @ np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]) + noise).argmax(axis=1)
        for method in covered:
            found = conformal_interval(
                model, x[n:], x[:n], y[:n], level, method, 1, "logits", seed=1, verbose=0
            )
            inside = found[[f"in[{k}]" for k in range(3)]].to_numpy()
            covered[method] += inside[np.arange(examples), y[n:]].sum()
    for total in covered.values():
        below, _ = rank_of_coverage(total, n, level, examples)
        # The most probable class is in all sets, so that more may be covered.
        assert below > ERROR_RATE
    assert covered["lac"] < 0.9 * REPETITIONS * examples


@pytest.mark.parametrize("last", ["noise", "none"])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_ends_are_those_of_the_definition(last, level):
    noise = [DistributionLambda(lambda t: tfd.Normal(t, 0.3))] if last == "noise" else []
    model = random(2, *noise)
    x, y = data(60)
    new, _ = data(7, seed=2)
    probs = ((1 - level) / 2, (1 + level) / 2)
    low, high = (f"q{100 * p:g}" for p in probs)
    seen, unseen = (predictive_summary(model, each, probs=probs, **COMMON) for each in (x, new))
    scores = np.maximum(seen[low] - y.ravel(), y.ravel() - seen[high]).to_numpy().reshape(60, 2)
    q = np.sort(scores, axis=0)[int(np.ceil(61 * level)) - 1]
    found = conformal_interval(model, new, x, y, level=level, **COMMON)
    assert list(found) == ["example", "variable", "mean", "lower", "upper"]
    assert_array_equal(found["variable"], unseen["variable"])
    assert_array_equal(found["example"], unseen["example"])
    assert_array_equal(found["mean"], unseen["mean"])
    assert_allclose(found["lower"], unseen[low] - np.tile(q, 7), rtol=1e-6, atol=1e-6)
    assert_allclose(found["upper"], unseen[high] + np.tile(q, 7), rtol=1e-6, atol=1e-6)


def test_intervals_in_standard_deviations_are_symmetric():
    model = random(2, DistributionLambda(lambda t: tfd.Normal(t, 0.3)))
    x, y = data(60)
    found = conformal_interval(model, x, x, y, method="sd", **COMMON)
    summary = predictive_summary(model, x, **COMMON)
    half = (found["upper"] - found["lower"]) / 2 / summary["sd"]
    assert_allclose(found["mean"], (found["lower"] + found["upper"]) / 2, rtol=1e-5, atol=1e-6)
    strange = np.abs(y.ravel() - summary["mean"]) / summary["sd"]
    # ceil(61 * 0.9) = 55, of each output.
    for place in (0, 1):
        assert_allclose(half[place::2], np.sort(strange[place::2])[54], rtol=1e-5)


def test_an_interval_that_is_narrowed_away_is_a_point():
    # Far too wide an interval where the outcomes are those at its middle, and a narrow one at zero.
    far, near = np.full((20, 1), 3.0, "float32"), np.zeros((5, 1), "float32")
    found = conformal_interval(fixed(0.5), near, far, 2 * far, **COMMON)
    assert_array_equal(found["lower"], found["upper"])
    assert (np.abs(found["lower"]) < 1).all()


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_the_sets_are_those_of_the_definition(method):
    model, (x, _) = random(4), data(50)
    y = np.arange(50) % 4
    p = predictive_summary(model, x, outputs="logits", **COMMON)
    p = p[[f"p[{k}]" for k in range(4)]].to_numpy()

    def strange(i, k):
        return 1 - p[i, k] if method == "lac" else sum(q for q in p[i] if q >= p[i, k])

    # ceil(51 * 0.7) = 36.
    limit = sorted(strange(i, y[i]) for i in range(50))[35]
    found = conformal_interval(model, x, x, y, level=0.7, method=method, outputs="logits", **COMMON)
    for i, row in enumerate(p):
        members = [k for k in range(4) if strange(i, k) <= limit + 1e-10 or k == row.argmax()]
        assert [k for k in range(4) if found[f"in[{k}]"][i]] == members
        assert found["size"][i] == len(members)
    assert_array_equal(found["class"], p.argmax(axis=1))
    assert_allclose(found["probability"], p.max(axis=1))
    assert (found["size"] > 1).any()


def test_classes_may_be_categories_and_columns():
    model, (x, _) = random(3), data(40)
    y = np.arange(40) % 3
    expected = conformal_interval(model, x, x, y, outputs="logits", **COMMON)
    named = pd.Categorical.from_codes(y, ["a", "b", "c"])
    for targets in (named, np.eye(3)[y], y[:, None]):
        found = conformal_interval(model, x, x, targets, outputs="logits", **COMMON)
        pd.testing.assert_frame_equal(found, expected)


def test_a_distribution_over_two_classes_has_sets_of_them():
    model = random(1, DistributionLambda(lambda t: tfd.Bernoulli(logits=t)))
    x, _ = data(40)
    found = conformal_interval(model, x, x, (x[:, :1] > 0) * 1, **COMMON)
    assert list(found)[-2:] == ["in[0]", "in[1]"]


def test_calibration_examples_may_come_in_batches_with_their_targets():
    model = random()
    x, y = data(60)
    expected = conformal_interval(model, x[:5], x, y, **COMMON)
    batches = ((x[i : i + 25], y[i : i + 25]) for i in range(0, 60, 25))
    found = conformal_interval(model, x[:5], batches, **COMMON)
    assert_allclose(found[["lower", "upper"]], expected[["lower", "upper"]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("level", "least"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_too_few_examples_say_how_many_are_needed(level, least):
    x = np.linspace(-1, 1, 120, dtype="float32")[:, None]
    model, y = fixed(0.1), np.linspace(-3, 3, 120)[:, None]
    x, y = x[:least], y[:least]
    found = conformal_interval(model, x, x, y, level=level, **COMMON)
    # All calibration outcomes lie inside, as the highest score is the threshold.
    assert (found["lower"] <= y[:, 0] + 1e-6).all()
    assert (found["upper"] >= y[:, 0] - 1e-6).all()
    if least > 1:
        with pytest.raises(ArgumentError, match=f"`x_calibration` must hold at least {least} ex"):
            conformal_interval(model, x, x[1:], y[1:], level=level, **COMMON)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 1.0}, "`level` must be a number between 0 and 1"),
        ({"level": "0.9"}, "`level` must be a number between 0 and 1"),
        ({"method": "no"}, "`method` must be one of"),
        ({"method": "aps"}, '`method` must be one of "auto", "quantiles", "sd" for values'),
        ({"outputs": "logits", "method": "sd"}, '"auto", "lac", "aps" for classes'),
        ({"y_calibration": None}, "`y_calibration` must be given where `x_calibration` does not"),
        ({"y_calibration": np.ones((60, 3))}, "`y_calibration` must hold for each example a targ"),
        ({"y_calibration": np.ones((59, 2))}, "`y_calibration` must be an array"),
        ({"y_calibration": np.full((60, 2), np.nan)}, "`y_calibration` must hold no missing"),
        ({"x_calibration": "no"}, "`x_calibration` must be what `predict"),
        ({"x": "no"}, "`x` must be what `predict"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    x, y = data(60)
    given = {"x": x, "x_calibration": x, "y_calibration": y, **COMMON, **arguments}
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        conformal_interval(random(), **given)


def test_standard_deviations_of_zero_are_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    x, y = data(60)
    with pytest.raises(ArgumentError, match='"quantiles" where a standard deviation is zero'):
        conformal_interval(model, x, x, y, method="sd", **COMMON)
    assert len(conformal_interval(model, x, x, y, **COMMON)) == 120


def test_targets_in_an_array_have_their_places():
    model = random(6, keras.layers.Reshape((2, 3)))
    x, _ = data(60)
    y = np.arange(360.0).reshape(60, 2, 3)
    found = conformal_interval(model, x, x, y, **COMMON)
    assert_array_equal(found["variable"][:6], [f"y[{i},{j}]" for i in range(2) for j in range(3)])
    pd.testing.assert_frame_equal(
        conformal_interval(model, x, x, y.reshape(60, 6), **COMMON), found
    )
    with pytest.raises(ArgumentError, match=r"a target of shape \(2, 3\)"):
        conformal_interval(model, x, x, y.reshape(60, 3, 2), **COMMON)
