"""The comparison of models: its rows are the scores, and its costs are counted by hand."""

import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions

from bayeslayers import (
    ArgumentError,
    compare_predictive,
    plot_comparison,
    predictive_scores,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

mpl.use("agg")
from matplotlib import pyplot as plt

tfd = distributions
layers = keras.layers
X = np.random.default_rng(7).normal(size=(30, 3)).astype("float32")
Y = np.random.default_rng(8).normal(size=(30, 1)).astype("float32")
LABELS = np.random.default_rng(9).integers(0, 4, 30)
COMMON = {"seed": 4, "verbose": 0}


def network(*stack):
    return keras.Sequential([keras.Input((3,)), *stack])


def noise():
    return DistributionLambda(lambda t: tfd.Normal(t, 0.5))


@pytest.fixture
def models():
    keras.utils.set_random_seed(1)
    return {
        "flipout": network(DenseFlipout(1), noise()),
        "ensemble": [network(layers.Dense(1), noise()) for _ in range(5)],
        "dropout": network(layers.Dropout(0.3), layers.Dense(1), noise()),
    }


def test_rows_are_the_scores_of_each_model(models):
    found = compare_predictive(models, X, Y, dropout={"dropout": True}, **COMMON)
    assert list(found["model"]) == list(models)
    for place, (name, model) in enumerate(models.items()):
        alone = predictive_scores(model, X, Y, dropout=name == "dropout", **COMMON)
        assert_allclose(found[list(alone)].iloc[place], alone.iloc[0], rtol=1e-6)
    # Mean and scale of 3 weights, and a bias; five times 3 weights and a bias; one time.
    assert_array_equal(found["parameters"], [3 * 2 + 1, 5 * 4, 4])
    assert_array_equal(found["draws"], [200, 5, 200])
    assert (found["seconds"] > 0).all()


def test_a_plain_network_answers_once_alone_and_in_an_ensemble():
    plain = network(layers.Dense(1), noise())
    found = compare_predictive({"alone": plain, "listed": [plain]}, X, Y, **COMMON)
    assert_array_equal(found["draws"], [1, 1])


def test_dropout_may_act_in_all(models):
    only = dict.fromkeys(("one", "other"), models["dropout"])
    found = compare_predictive(only, X, Y, dropout=True, **COMMON)
    alone = predictive_scores(models["dropout"], X, Y, dropout=True, **COMMON)
    assert_allclose(found["crps"], [alone["crps"][0]] * 2)
    with pytest.raises(ArgumentError, match="rate of dropout above 0") as raised:
        compare_predictive(models, X, Y, dropout=True, **COMMON)
    assert raised.value.argument == "models"
    assert raised.value.received["name"] == "'flipout'"


def test_classes_from_logits_and_from_distributions_stand_side_by_side():
    keras.utils.set_random_seed(2)
    models = {
        "logits": [network(layers.Dense(4)) for _ in range(2)],
        "noise": network(DenseFlipout(4), DistributionLambda(lambda t: tfd.Categorical(logits=t))),
    }
    found = compare_predictive(models, X, LABELS, outputs={"logits": "logits"}, **COMMON)
    scores = ["accuracy", "brier", "log_score", "calibration_error"]
    assert list(found) == ["model", "n", *scores, "parameters", "draws", "seconds"]
    ensemble = predictive_scores(models["logits"], X, LABELS, outputs="logits", **COMMON)
    assert_allclose(found[scores].iloc[0], ensemble[scores].iloc[0])
    assert_array_equal(found["draws"], [2, 200])


def test_a_weight_that_members_share_counts_once():
    shared = layers.Dense(4)
    members = [network(shared, layers.Dense(1), noise()) for _ in range(2)]
    found = compare_predictive({"both": members}, X, Y, **COMMON)
    assert found["parameters"][0] == 3 * 4 + 4 + 2 * (4 + 1)


def test_inputs_may_come_in_batches_that_come_once(models):
    batches = ((X[i : i + 10], Y[i : i + 10]) for i in range(0, 30, 10))
    found = compare_predictive({"ensemble": models["ensemble"]}, batches, **COMMON)
    whole = compare_predictive({"ensemble": models["ensemble"]}, X, Y, **COMMON)
    assert_allclose(found["log_score"], whole["log_score"], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        (lambda models: {"models": list(models.values())}, "models"),
        (lambda _: {"models": {}}, "models"),
        (
            lambda models: {"dropout": {"flipuot": True, "dropout": True}, "models": models},
            "dropout",
        ),
        (lambda models: {"outputs": {"a": "logits"}, "models": models}, "outputs"),
        (lambda models: {"dropout": {"dropout": 1}, "models": models}, "dropout"),
        (lambda models: {"models": {**models, "a": 3}}, "models"),
        (lambda models: {"models": {**models, "tensor": network(layers.Dense(1))}}, "models"),
        (lambda models: {"models": {**models, "wide": network(layers.Dense(2), noise())}}, "y"),
    ],
)
def test_what_is_no_comparison_is_refused(models, change, argument):
    with pytest.raises(ArgumentError) as raised:
        compare_predictive(**change(models), x=X, y=Y, **COMMON)
    assert raised.value.argument == argument


def test_values_and_classes_are_not_compared(models):
    models = {"a": models["flipout"], "b": network(layers.Dense(4))}
    y = LABELS[:, None].astype("float32")
    with pytest.raises(ArgumentError, match="values, or in classes") as raised:
        compare_predictive(models, X, y, outputs={"b": "logits"}, **COMMON)
    assert raised.value.received == {"a": "values", "b": "classes"}


def test_the_picture_has_the_scores_beside_the_cost(models):
    table = compare_predictive(models, X, Y, dropout={"dropout": True}, **COMMON)
    figure = plot_comparison(table)
    shown = {ax.get_xlabel(): ax for ax in figure.axes}
    names = ["rmse", "crps", "log score", "coverage 50", "coverage 90", "parameters", "seconds"]
    assert list(shown) == names
    for name, ax in shown.items():
        assert_allclose(ax.lines[-1].get_xdata(), table[name.replace(" ", "_")])
        assert_array_equal(ax.lines[-1].get_ydata(), [0, 1, 2])
    assert shown["coverage 90"].lines[0].get_xdata()[0] == 0.9
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(models)
    assert figure.axes[0].yaxis_inverted()
    plt.close("all")
    with pytest.raises(ArgumentError) as raised:
        plot_comparison(pd.DataFrame({"model": ["a"]}))
    assert raised.value.argument == "comparison"
