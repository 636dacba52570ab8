"""Scores of the predictive distribution, against closed forms and TensorFlow Probability's."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions, moment, on
from models import X, linear
from oracles import parameters
from scipy import stats

from bayeslayers import (
    ArgumentError,
    log_likelihood,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
    tfp,
)
from bayeslayers.layers import DistributionLambda

Y = np.array([[0.3], [-0.2], [1.4], [0.1]])
NOISE = 0.7


def values(units=1, scale=None, last=lambda t: distributions.Normal(t, NOISE)):
    model = linear(units, last, seed=11)
    if scale is not None:
        raw = np.log(np.expm1(scale)) if scale > 0 else -80.0
        model.layers[0].trainable_variables[1].assign(np.full((3, units), raw))
    return model


def moments(model):
    """Return the predictive mean and standard deviation of a linear model with normal noise."""
    layer = model.layers[0]
    loc, scale = parameters(layer.kernel_posterior)
    mean = X @ loc + moment(layer.bias_posterior, "mean")
    return mean, np.sqrt(X**2 @ scale**2 + NOISE**2)


def classifier(classes=3, n=200):
    model = linear(classes, keras.layers.Softmax(), seed=11)
    rng = np.random.default_rng(4)
    return model, rng.normal(size=(n, 3)) * 2, rng.integers(0, classes, n)


def scores(model, x=X, y=Y, draws=4000, **arguments):
    return predictive_scores(model, x, y, draws=draws, seed=1, verbose=0, **arguments)


def test_scores_of_values_have_their_closed_forms():
    model = values(scale=0.4)
    mean, sd = moments(model)
    z = (Y - mean) / sd
    by_example = scores(model, by="example")
    # A share of 4000 draws is off by 5 sd = 5 * 0.5 / sqrt(4000) = 0.04 once in a million.
    assert_allclose(by_example["pit"], stats.norm.cdf(z)[:, 0], atol=0.04)
    crps = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    # A mean of 4000 distances, of standard deviation below sd each.
    assert_allclose(by_example["crps"], crps[:, 0], atol=5 * sd.max() / np.sqrt(4000))
    # The log of a mean of likelihoods, whose relative standard deviation is below one here.
    density = stats.norm.logpdf(Y, mean, sd)[:, 0]
    assert_allclose(by_example["log_score"], density, atol=5 / np.sqrt(4000))
    assert_array_equal(by_example["y"], Y[:, 0])
    whole = scores(model)
    assert list(whole) == ["n", "rmse", "crps", "log_score", "coverage_50", "coverage_90"]
    assert_allclose(whole["rmse"], np.sqrt(np.mean((Y - mean) ** 2)), rtol=0.05)
    for name in ("crps", "log_score"):
        assert_allclose(whole[name], by_example[name].mean())


def test_intervals_cover_what_they_say():
    # Outcomes at known quantiles of the predictive distribution.
    model = values(scale=0.0)
    mean, sd = moments(model)
    y = mean + sd * stats.norm.ppf([[0.03], [0.22], [0.35], [0.85]])
    found = scores(model, y=y, levels=(0.5, 0.9), by="example")
    assert found["covered_50"].tolist() == [False, False, True, False]
    assert found["covered_90"].tolist() == [False, True, True, True]
    whole = scores(model, y=y, levels=0.5)
    assert whole["coverage_50"].item() == 0.25
    curve = reliability_curve(model, X, y, draws=4000, bins=5, seed=1, verbose=0)
    assert_allclose(curve["level"], [0.2, 0.4, 0.6, 0.8])
    assert_allclose(curve["coverage"], [0.0, 0.25, 0.5, 0.75])
    assert (curve["n"] == 4).all()


def test_several_outputs_are_rows_of_their_own():
    tfd = distributions
    y = np.concatenate([Y, Y + 5], axis=1)
    separate = values(2)
    joint = values(2, last=lambda t: tfd.Independent(tfd.Normal(t, NOISE), 1))
    for model in (separate, joint):
        found = scores(model, y=y, by="example")
        assert found["variable"].tolist() == ["y[0]", "y[1]"] * 4
        assert_array_equal(found["y"], y.ravel())
        # Of an example, not of an output.
        assert (found["log_score"][::2].to_numpy() == found["log_score"][1::2].to_numpy()).all()
        assert (found["crps"][1::2].to_numpy() > found["crps"][::2].to_numpy()).all()
    assert_allclose(scores(separate, y=y), scores(joint, y=y), rtol=1e-4)


def test_the_likelihood_is_that_of_each_draw():
    model = values()
    found = log_likelihood(model, X, Y, draws=20, seed=3, verbose=0)
    means = predict_draws(model, X, draws=20, seed=3, verbose=0)
    expected = stats.norm.logpdf(Y, means, NOISE)[..., 0]
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # A vector is a column: neither broadcasts against the other.
    flat = log_likelihood(model, X, Y[:, 0], draws=20, seed=3, batch_size=3, verbose=0)
    assert_allclose(flat, found, rtol=1e-5)


def calibration_error(p, y, bins=10):
    """Return how far confidence and accuracy are apart in bins, on average over the examples."""
    confidence, hit = p.max(axis=1), p.argmax(axis=1) == y
    gap = np.histogram(confidence, bins, (0, 1), weights=confidence - hit)[0]
    return np.abs(gap).sum() / len(y)


# PyTorch has none.
@on("tensorflow", "jax")
def test_the_calibration_error_is_that_of_tensorflow_probability():
    _, _, y = classifier()
    p = np.random.default_rng(8).dirichlet([1, 1, 2], len(y))
    theirs = tfp.stats.expected_calibration_error(10, np.log(p).astype("float32"), labels_true=y)
    assert_allclose(calibration_error(p, y), float(theirs), rtol=1e-4)


@pytest.mark.parametrize("ending", ["categorical", "logits", "probabilities", "one-hot"])
def test_scores_of_classes_have_their_closed_forms(ending):
    model, x, y = classifier()
    p = predict_draws(model, x, draws=300, seed=1, verbose=0).astype("float64")
    outputs, targets = "probabilities", y
    if ending == "one-hot":
        targets = np.eye(3)[y]
    elif ending != "probabilities":
        model.pop()
        outputs = "logits"
    if ending == "categorical":
        model.add(DistributionLambda(lambda t: distributions.Categorical(logits=t)))
        outputs = "auto"
    arguments = {"x": x, "y": targets, "draws": 300, "outputs": outputs}
    mean = p.mean(axis=0)
    of_class = mean[np.arange(200), y]
    by_example = scores(model, by="example", **arguments)
    assert_allclose(by_example["probability"], of_class, rtol=1e-4)
    assert_allclose(by_example["log_score"], np.log(of_class), rtol=1e-3, atol=1e-5)
    assert_array_equal(by_example["correct"], mean.argmax(axis=1) == y)
    found = scores(model, **arguments)
    assert_allclose(found["accuracy"], (mean.argmax(axis=1) == y).mean())
    brier = np.sum((mean - np.eye(3)[y]) ** 2, axis=1).mean()
    assert_allclose(found["brier"], brier, rtol=1e-4)
    assert_allclose(found["calibration_error"], calibration_error(mean, y), rtol=1e-4)
    likelihood = (
        log_likelihood(model, x, targets, draws=300, outputs=outputs, seed=1, verbose=0)
        if ending != "one-hot"
        else np.log(p[:, np.arange(200), y])
    )
    expected = np.log(p[:, np.arange(200), y])
    assert_allclose(likelihood, expected, rtol=1e-3, atol=1e-4)


def test_the_reliability_of_classes_is_counted_in_bins():
    model, x, y = classifier()
    curve = reliability_curve(
        model, x, y, draws=50, outputs="probabilities", bins=4, seed=1, verbose=0
    )
    mean = predict_draws(model, x, draws=50, seed=1, verbose=0).mean(axis=0)
    top, right = mean.max(axis=1), mean.argmax(axis=1) == y
    assert curve["n"].sum() == 200
    for _, row in curve.iterrows():
        inside = (top > row["lower"]) & (top <= row["upper"])
        assert inside.sum() == row["n"] > 0
        assert_allclose(row["confidence"], top[inside].mean(), rtol=1e-4)
        assert_allclose(row["accuracy"], right[inside].mean())
    # Of three classes the most probable has at least a third: no row for the first bin.
    assert curve["lower"].min() == 0.25


def test_a_model_without_noise_is_not_scored():
    model = linear(1)
    for function in (predictive_scores, reliability_curve, log_likelihood):
        with pytest.raises(ArgumentError, match="must end in a distribution"):
            function(model, X, Y, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"y": Y[:2]}, "y"),
        ({"y": np.ones((4, 2))}, "y"),
        ({"y": np.array(["a"] * 4)}, "y"),
        ({"y": 1.0}, "y"),
        ({"levels": 2}, "levels"),
        ({"bins": 0}, "bins"),
        ({"by": "row"}, "by"),
        ({"outputs": "odds"}, "outputs"),
    ],
)
def test_arguments_are_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        scores(values(), **{"draws": 10, **arguments})


@pytest.mark.parametrize("y", [[0, 1, 3, 0], [0, 1, -1, 0], [0.5, 1, 1, 0], np.ones((4, 2))])
def test_classes_are_checked(y):
    model, *_ = classifier()
    with pytest.raises(ArgumentError, match="whole number from 0 to 2"):
        scores(model, y=y, draws=10, outputs="probabilities")


def counts(x):
    """Return a model of counts, whose means are its inputs."""
    poisson = DistributionLambda(distributions.Poisson)
    return keras.Sequential([keras.Input(x.shape[1:]), poisson])


@pytest.mark.parametrize("draws", [2, 11, 101, 500])
@pytest.mark.parametrize("ending", ["normal", "poisson", "bernoulli"])
def test_an_outcome_is_covered_where_it_is_between_the_quantiles_of_the_summary(ending, draws):
    rng = np.random.default_rng(5)
    x = rng.gamma(2, 2, (200, 1)).astype("float32")
    outputs = "auto"
    if ending == "poisson":
        model, y = counts(x), rng.poisson(x)
    elif ending == "normal":
        last = lambda t: distributions.Normal(t, NOISE)  # noqa: E731
        model, y = linear(1, last, channels=1), rng.normal(x)
    else:
        last = DistributionLambda(lambda t: distributions.Bernoulli(logits=t - 2))
        model, y = keras.Sequential([keras.Input((1,)), last]), rng.integers(0, 2, (200, 1))
        outputs = "values"
    levels, probs = (0.3, 0.5, 0.8, 0.9, 0.95), (0.35, 0.25, 0.1, 0.05, 0.025)
    arguments = {"draws": draws, "seed": 3, "verbose": 0, "outputs": outputs}
    table = predictive_scores(model, x, y, levels=levels, by="example", **arguments)
    ends = (*probs, *(round(1 - prob, 3) for prob in probs))
    summary = predictive_summary(model, x, probs=ends, **arguments)
    for level, prob in zip(levels, probs, strict=True):
        lower, upper = (summary[f"q{100 * end:g}"] for end in (prob, round(1 - prob, 3)))
        inside = (lower <= y[:, 0]) & (y[:, 0] <= upper)
        assert_array_equal(table[f"covered_{100 * level:g}"], inside)
    # One seed stands for one set of draws.
    whole = predictive_scores(model, x, y, levels=levels, **arguments)
    curve = reliability_curve(model, x, y, bins=10, **arguments).set_index("level")["coverage"]
    for level in (0.3, 0.5, 0.8, 0.9):
        assert curve[level] == whole[f"coverage_{100 * level:g}"].item()


def test_the_interval_of_counts_is_that_of_their_distribution():
    y, rates = np.arange(12.0), np.arange(0.3, 9, 0.1)
    # Rates at which no probability of at most k is near an end: a share of 4000 draws is off by
    # 0.017 at 0.05 and at 0.95, and by 0.035 at 0.25 and at 0.75, once in a million.
    cdf = stats.poisson.cdf(np.arange(30), rates[:, None])
    distance = {end: np.abs(cdf - end).min(axis=1) for end in (0.05, 0.25, 0.75, 0.95)}
    for level, ends, off in ((90, (0.05, 0.95), 0.017), (50, (0.25, 0.75), 0.035)):
        rate = rates[np.all([distance[end] > off for end in ends], axis=0)][:, None]
        assert len(rate) > 8
        x = np.repeat(rate, len(y), axis=0).astype("float32")
        observed = np.tile(y, len(rate))
        table = scores(counts(x), x, observed, by="example")
        lower, upper = stats.poisson.ppf(np.array(ends)[:, None], x[:, 0].astype("float64"))
        expected = (lower <= observed) & (observed <= upper)
        assert_array_equal(table[f"covered_{level}"], expected)


class WithoutCdf(type(distributions.Normal(0.0, 1.0))):
    """A distribution whose cdf is not known."""

    def cdf(self, value, name="cdf"):
        raise NotImplementedError


@pytest.mark.parametrize("draws", [2, 3, 10])
def test_the_crps_of_few_samples_is_without_bias(draws):
    n = 4000
    y = np.random.default_rng(7).normal(size=(n, 1))
    normal = DistributionLambda(lambda t: WithoutCdf(t, keras.ops.ones_like(t)))
    model = keras.Sequential([keras.Input((1,)), normal])
    table = scores(model, np.zeros((n, 1)), y, draws=draws, by="example")
    z = y[:, 0]
    exact = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    error = table["crps"] - exact
    # Five standard errors: once in a million.
    assert abs(error.mean()) < 5 * error.std() / np.sqrt(n)
    assert error.std() > 0.01


def test_a_single_draw_has_no_crps():
    with pytest.raises(ArgumentError, match="`draws` must be 2 or more"):
        scores(values(), draws=1)
    assert len(reliability_curve(values(), X, Y, draws=1, verbose=0)) == 9
    model, x, y = classifier()
    assert len(scores(model, x, y, draws=1, outputs="probabilities")) == 1


def test_outcomes_of_several_dimensions_keep_their_places():
    tfd = distributions
    x = np.arange(24.0, dtype="float32").reshape(4, 2, 3)
    normal = DistributionLambda(lambda t: tfd.Independent(tfd.Normal(t, NOISE), 2))
    model = keras.Sequential([keras.Input((2, 3)), normal])
    y = x + 0.25
    expected = 6 * stats.norm.logpdf(0.25, scale=NOISE)
    for form in (y, y.reshape(4, 6), y[..., None]):
        found = log_likelihood(model, x, form, draws=2, verbose=0)
        assert_allclose(found, expected, rtol=1e-5)
        table = scores(model, x, form, draws=2, by="example")
        assert_array_equal(table["y"], y.ravel())
    for ask in (log_likelihood, predictive_scores, reliability_curve):
        with pytest.raises(ArgumentError, match=r"`y` must hold .* shape \(2, 3\)"):
            ask(model, x, np.swapaxes(y, 1, 2), draws=2, verbose=0)


def test_counts_may_come_in_any_type():
    x = np.full((4, 1), 2.5, "float32")
    expected = stats.poisson.logpmf([0, 1, 2, 7], 2.5)
    for dtype in ("int64", "float32", "float64", "uint8"):
        y = np.array([0, 1, 2, 7], dtype)
        found = log_likelihood(counts(x), x, y, draws=3, verbose=0)
        assert_allclose(found, np.tile(expected, (3, 1)), rtol=1e-5)


def test_the_sum_over_many_outputs_is_not_rounded():
    n = 100_000
    x = np.linspace(0, 1, n, dtype="float32")[None]
    normal = DistributionLambda(lambda t: distributions.Normal(t, NOISE))
    model = keras.Sequential([keras.Input((n,)), normal])
    found = log_likelihood(model, x, np.zeros((1, n)), draws=1, verbose=0)
    expected = stats.norm.logpdf(x.astype("float64"), scale=NOISE).sum()
    assert_allclose(found, expected, rtol=1e-6)
