"""Scores out of distribution, against the summary and against counting of pairs."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, distributions

from bayeslayers import (
    ArgumentError,
    ood_detection,
    ood_scores,
    predict_draws,
    predictive_summary,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda
from bayeslayers.predictive.ood import aupr, auroc, fpr

tfd = distributions
X = np.random.default_rng(5).normal(size=(60, 3)).astype("float32")
COMMON = {"draws": 30, "seed": 4, "verbose": 0}


def network(units, *last):
    """Return a model whose weights leave something open."""
    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.Input((3,)), DenseFlipout(units), *last])
    model.layers[0].trainable_variables[1].assign(np.full((3, units), 0.5))
    return model


def test_scores_of_classes_are_the_parts_of_the_entropy():
    model = network(4)
    found = ood_scores(model, X, outputs="logits", **COMMON)
    summary = predictive_summary(model, X, outputs="logits", **COMMON)
    for name in ("example", "probability", "entropy", "mutual_information"):
        assert_allclose(found[name], summary[name], rtol=1e-6, atol=1e-9)
    logits = predict_draws(model, X, **COMMON).astype("float64")
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert_allclose(found["expected_entropy"], -(p * np.log(p)).sum(-1).mean(0), rtol=1e-5)
    parts = found["mutual_information"] + found["expected_entropy"]
    assert_allclose(parts, found["entropy"], rtol=1e-6)


def test_a_probability_of_zero_has_no_part_in_the_entropy():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda t: 1e4 * t)])
    found = ood_scores(model, np.eye(3), outputs="logits", **COMMON)
    assert_allclose(found[["probability", "entropy", "expected_entropy"]], [[1, 0, 0]] * 3)


def test_scores_of_values_are_the_parts_of_the_spread():
    def noise(t):
        return tfd.Normal(t, 0.1 + keras.ops.abs(t))

    model = network(1, DistributionLambda(noise))
    found = ood_scores(model, X, **COMMON)
    summary = predictive_summary(model, X, **COMMON)
    for name in ("sd", "sd_epistemic", "sd_aleatoric"):
        assert_allclose(found[name], summary[name], rtol=1e-5)
    several = network(2, DistributionLambda(noise))
    found = ood_scores(several, X, **COMMON)
    squares = predictive_summary(several, X, **COMMON)["sd"].to_numpy().reshape(60, 2) ** 2
    assert_allclose(found["sd"], np.sqrt(squares.mean(axis=1)), rtol=1e-5)
    assert len(found) == 60


def test_the_noise_of_a_tensor_is_not_known_and_no_score():
    model = network(2)
    found = ood_scores(model, X, **COMMON)
    assert found["sd_aleatoric"].isna().all()
    assert_allclose(found["sd"], found["sd_epistemic"])
    assert list(ood_detection(model, X, X, **COMMON)["score"]) == ["sd", "sd_epistemic"]


def counted(inside, outside):
    """Return the three figures by counting pairs and thresholds."""
    above = np.mean([(b > a) + (a == b) / 2 for a in inside for b in outside])
    everything = np.concatenate([inside, outside])
    precision = [np.sum(outside >= t) / np.sum(everything >= t) for t in outside]
    reaching = [t for t in np.unique(outside) if np.mean(outside >= t) >= 0.95]
    return above, np.mean(precision), np.mean(inside >= max(reaching))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", [(30, 40), (100, 20), (7, 1)])
def test_the_figures_are_those_of_counting(sizes, seed):
    rng = np.random.default_rng(seed)
    # Of a few values, so that there are ties.
    inside, outside = rng.integers(0, 12, sizes[0]) / 1.0, rng.integers(3, 15, sizes[1]) / 1.0
    for low, high in ((inside, outside), (inside + rng.normal(size=sizes[0]), outside)):
        found = auroc(low, high), aupr(low, high), fpr(low, high)
        assert_allclose(found, counted(low, high), rtol=1e-12)


def test_the_average_precision_is_the_area_of_steps():
    # By hand: outside 3 and 1, inside 2. At 3 the precision is 1, at 1 it is 2 / 3.
    assert aupr(np.array([2.0]), np.array([3.0, 1.0])) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(np.array([2.0]), np.array([3.0, 1.0])) == 0.5
    assert fpr(np.array([2.0, 0.5]), np.array([3.0, 1.0])) == 0.5


@pytest.mark.parametrize("outputs", ["values", "logits"])
def test_what_is_far_away_is_found(outputs):
    model = network(3)
    table = ood_detection(model, X, 20 * X, outputs=outputs, **COMMON).set_index("score")
    score = "sd_epistemic" if outputs == "values" else "mutual_information"
    assert table.loc[score, "auroc"] > 0.9
    scores = [ood_scores(model, x, outputs=outputs, **COMMON) for x in (X, 20 * X)]
    for name, row in table.iterrows():
        sign = -1 if name == "probability" else 1
        assert_allclose(row, counted(*(sign * each[name].to_numpy() for each in scores)))


def test_the_same_examples_are_not_told_apart():
    table = ood_detection(network(3), X, X, draws=5, verbose=0)
    assert_allclose(table["auroc"], 0.5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match="`x_ood` must be what"):
        ood_detection(network(3), X, "no", **COMMON)
    with pytest.raises(ArgumentError, match="`x` must be what"):
        ood_detection(network(3), "no", X, **COMMON)
    numbers = DistributionLambda(lambda t: tfd.Categorical(logits=keras.ops.reshape(t, (-1, 2, 2))))
    with pytest.raises(ArgumentError, match="numbers of classes"):
        ood_scores(network(4, numbers), X, **COMMON)
