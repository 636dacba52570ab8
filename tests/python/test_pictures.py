"""Pictures show the numbers of the tables that they are drawn from."""

import subprocess
import sys

import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from frameworks import assert_allclose, assert_array_equal, distributions
from models import linear
from scipy import stats

from bayeslayers import (
    ArgumentError,
    conformal_interval,
    plot_bands,
    plot_posterior,
    plot_reliability,
    plot_training,
    posterior_summary,
    predictive_summary,
    training_history,
)
from bayeslayers.layers import DenseFlipout

mpl.use("agg")
from matplotlib import pyplot as plt

X = np.linspace(-1, 1, 9, dtype="float32").reshape(9, 1)


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def summary(units=1, noise=True, **arguments):
    normal = (lambda t: distributions.Normal(t, 0.5)) if noise else None
    model = linear(units, normal, channels=1)
    return predictive_summary(model, X, draws=50, seed=1, verbose=0, **arguments)


def band(collection):
    """Return the lower and upper edges of what `fill_between` drew."""
    vertices = pd.DataFrame(collection.get_paths()[0].vertices, columns=["x", "y"])
    edges = vertices.groupby("x")["y"]
    return edges.min().to_numpy(), edges.max().to_numpy()


def test_bands_are_those_of_the_table():
    table = summary(probs=(0.1, 0.5, 0.9))
    y = np.arange(9.0)
    # In any order: lines run from left to right.
    shuffled = table.sample(frac=1, random_state=1)
    x = X[shuffled.index, 0]
    axes = plot_bands(shuffled, x, y[shuffled.index])
    outer, inner = axes.collections
    assert_allclose(band(outer), [table["q10"], table["q90"]], rtol=1e-6)
    spread = stats.norm.ppf(0.9) * table["sd_epistemic"]
    expected = [table["mean"] - spread, table["mean"] + spread]
    assert_allclose(band(inner), expected, rtol=1e-6)
    line, points = axes.lines
    assert_allclose(line.get_xydata(), np.c_[X[:, 0], table["mean"]], rtol=1e-6)
    order = np.argsort(points.get_xdata())
    assert_allclose(points.get_ydata()[order], y)


def test_without_noise_there_is_one_band():
    axes = plot_bands(summary(noise=False))
    assert len(axes.collections) == 1
    assert axes.get_xlabel() == "example"


def test_conformal_intervals_are_one_band():
    model = linear(1, channels=1)
    table = conformal_interval(model, X, X, X, level=0.8, draws=50, seed=1, verbose=0)
    axes = plot_bands(table.sample(frac=1, random_state=1))
    (outer,) = axes.collections
    assert_allclose(band(outer), [table["lower"], table["upper"]], rtol=1e-6)
    assert_allclose(axes.lines[0].get_ydata(), table["mean"])


def test_axes_may_be_given():
    _, ax = plt.subplots()
    assert plot_bands(summary(), ax=ax) is ax
    curve = pd.DataFrame({"level": [0.5], "coverage": [0.4], "n": 100})
    assert plot_reliability(curve, ax=ax) is ax


@pytest.mark.parametrize(
    "curve",
    [
        pd.DataFrame({"level": [0.5, 0.9], "coverage": [0.4, 0.8], "n": 100}),
        pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.4, 0.8], "n": [10, 30]}),
    ],
)
def test_reliability_is_drawn_against_the_diagonal(curve):
    axes = plot_reliability(curve)
    diagonal, line = axes.lines
    assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    assert_allclose(line.get_xydata(), curve.iloc[:, :2])
    assert_allclose(axes.collections[0].get_offsets(), curve.iloc[:, :2])


def test_a_posterior_is_shown_whole():
    model = keras.Sequential([keras.Input((5,)), DenseFlipout(8, name="a"), DenseFlipout(3)])
    table = posterior_summary(model)
    figure = plot_posterior(table)
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "posterior mean",
        "posterior sd",
        "signal-to-noise ratio",
    ]
    one = plot_posterior(table, "a.kernel")
    for ax in one.axes:
        assert sum(patch.get_height() for patch in ax.containers[0]) == pytest.approx(1.0)
    assert [text.get_text() for text in one.legends[0].get_texts()] == ["a.kernel"]
    edges = np.concatenate(
        [[p.get_x(), p.get_x() + p.get_width()] for p in one.axes[0].patches[:1]]
    )
    assert edges[0] == pytest.approx(table.loc[table["layer"] == "a", "mean"][:40].min())


def test_training_has_a_panel_for_each_figure():
    history = {
        "kl_divergence": [3.0, 2.0],
        "loss": [5.0, 3.0],
        "negative_log_likelihood": [2.0, 1.0],
        "val_loss": [6.0, 4.0],
    }
    figure = plot_training(history)
    loss, likelihood, divergence = figure.axes
    assert_array_equal(loss.lines[0].get_xydata(), [[1, 5], [2, 3]])
    assert_array_equal(loss.lines[1].get_ydata(), [6, 4])
    assert_array_equal(likelihood.lines[0].get_ydata(), [2, 1])
    assert_array_equal(divergence.lines[0].get_ydata(), [3, 2])
    assert len(plot_training(training_history(history)).axes) == 3


def test_the_history_of_a_training_is_a_table(rng):
    model = linear(1, channels=1)
    model.compile("sgd", "mse")
    y = rng.normal(size=(9, 1))
    history = model.fit(X, y, epochs=3, validation_data=(X, y), verbose=0)
    table = training_history(history)
    assert table["epoch"].tolist() == [1, 2, 3] * 2
    assert table["data"].tolist() == ["training"] * 3 + ["validation"] * 3
    assert set(table["figure"]) == {"loss"}
    expected = history.history["loss"] + history.history["val_loss"]
    assert_allclose(table["value"], expected)
    with pytest.raises(ArgumentError, match="what `fit\\(\\)` returned"):
        training_history([1, 2])


def test_a_history_of_the_r_package_keras3_is_one():
    figures = {"loss": [2.0, 1.5], "val_loss": [2.5, 2.0]}
    of_keras3 = {"params": {"verbose": 0, "epochs": 2, "steps": 1}, "metrics": figures}
    assert training_history(of_keras3).equals(training_history(figures))
    # R has no scalars: one epoch's figures arrive as plain numbers.
    one_epoch = training_history({"params": {"epochs": 1}, "metrics": {"loss": 2.0}})
    assert one_epoch["value"].tolist() == [2.0]
    assert training_history({"loss": np.float32(2.0)})["value"].tolist() == [2.0]


@pytest.mark.parametrize("figures", ["a", ["a"], [[1.0, 2.0]] * 2, [[1.0], [1.0, 2.0]], None, {}])
def test_figures_that_are_not_one_number_an_epoch_are_refused(figures):
    with pytest.raises(ArgumentError, match="`history` must hold a number for each epoch"):
        training_history({"loss": figures})


@pytest.mark.parametrize(
    ("draw", "argument"),
    [
        (lambda: plot_bands(pd.DataFrame({"a": [1]})), "summary"),
        (lambda: plot_bands(summary(2)), "summary"),
        (lambda: plot_bands(summary(probs=0.5)), "summary"),
        (lambda: plot_bands(summary(), x=[1, 2]), "x"),
        (lambda: plot_bands(summary(), y=[1, 2]), "y"),
        (lambda: plot_reliability(pd.DataFrame({"a": [1]})), "curve"),
        (lambda: plot_posterior(pd.DataFrame({"a": [1]})), "summary"),
        (lambda: plot_training(3), "history"),
        (lambda: plot_training(pd.DataFrame({"a": [1]})), "history"),
    ],
)
def test_arguments_are_checked(draw, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        draw()


def test_a_weight_must_be_there():
    model = keras.Sequential([keras.Input((5,)), DenseFlipout(8, name="a")])
    with pytest.raises(ArgumentError, match=r"\['a.kernel'\]"):
        plot_posterior(posterior_summary(model), "a.bias")


def test_what_is_missing_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['arviz'] = None\n"
        "import bayeslayers, keras\n"
        "model = keras.Sequential([keras.Input((1,)), bayeslayers.layers.DenseFlipout(1)])\n"
        "draws = lambda: bayeslayers.as_inference_data(model, draws=2)\n"
        "for call in (lambda: bayeslayers.plot_training({'loss': [1.0]}), draws):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'bayeslayers[plots]'" in run.stdout
    assert "pip install 'bayeslayers[arviz]'" in run.stdout
