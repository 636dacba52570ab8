"""Regress food expenditure on income, and tell what is unknown from what is noisy.

Every weight of the network has a posterior distribution, and the network returns a normal
distribution: draws of the weights differ where households are few, the normals are wide where
households differ. It learns from three households out of four, and is scored on the others.

Data: 235 Belgian households, Engel (1857), as shipped with statsmodels. Licence: public domain.
See README.md beside this file.

Run: python examples/engel/engel.py
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from bayeslayers import (
    layer_dense_variational,
    layer_distribution_lambda,
    layer_variable,
    tfd_categorical,
    tfd_cdf,
    tfd_log_prob,
    tfd_mean,
    tfd_mixture_same_family,
    tfd_multivariate_normal_diag,
    tfd_multivariate_normal_tri_l,
    tfd_normal,
    tfd_stddev,
    tfp,
)

HERE = Path(__file__).parent
PASSES, EPOCHS = 500, 5  # an epoch, so one progress bar, is 500 passes over the data
DRAWS = 200  # of the network's weights, from their posterior
BANDS = {"50": (0.25, 0.75), "90": (0.05, 0.95)}
GRID = np.geomspace(300, 6000, 200)  # incomes of the picture: the richest household has 4958
TITLE = "Food expenditure of 235 Belgian households, 1857"
PROGRESS = 1 if sys.stdout.isatty() else 2  # a bar, or in a log file one line for each


def make_posterior(kernel_size: int, bias_size: int, dtype: Any) -> keras.Sequential:
    """Make a trainable normal with a full covariance over all weights of a layer."""
    n = kernel_size + bias_size
    to_triangle = tfp.bijectors.FillScaleTriL()

    def make_normal(t: Any) -> Any:
        loc, raw_scale = ops.split(t, [n])
        # Narrow at the start: as wide as the prior, the draws would drown the data.
        return tfd_multivariate_normal_tri_l(loc, 0.1 * to_triangle(raw_scale))

    model = layer_variable(keras.Sequential(), n + n * (n + 1) // 2)
    return layer_distribution_lambda(model, make_normal)


def make_prior(kernel_size: int, bias_size: int, dtype: Any) -> Callable[[Any], Any]:
    n = kernel_size + bias_size
    standard = tfd_multivariate_normal_diag(ops.zeros(n), ops.ones(n))
    return lambda inputs: standard


def make_noise(t: Any) -> Any:
    """Read the network's two outputs as a normal distribution."""
    loc, raw_scale = ops.split(t, 2, axis=-1)
    return tfd_normal(loc, ops.softplus(raw_scale) + 0.001)


def build_model(n: int) -> keras.Sequential:
    """Stack two Bayesian layers, and a distribution on top."""
    weights = {
        "make_posterior_fn": make_posterior,
        "make_prior_fn": make_prior,
        # Keras averages the loss over examples, so the divergence counts once per `n` of them.
        "kl_weight": 1 / n,
        "kl_use_exact": True,
    }
    model = keras.Sequential([keras.Input((1,))])
    layer_dense_variational(model, 8, activation="softplus", **weights)
    layer_dense_variational(model, 2, **weights)
    return layer_distribution_lambda(model, make_noise)


def negative_log_likelihood(y: Any, rv: Any) -> Any:
    return -tfd_log_prob(rv, y)


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    rate = keras.optimizers.schedules.CosineDecay(0.02, EPOCHS * PASSES)
    model.compile(keras.optimizers.Adam(rate), loss=negative_log_likelihood)
    n = len(x)
    x, y = np.tile(x, (PASSES, 1)), np.tile(y, (PASSES, 1))
    # Unshuffled, each batch is the whole of the data.
    model.fit(x, y, batch_size=n, epochs=EPOCHS, shuffle=False, verbose=PROGRESS)


def draw_predictions(model: keras.Sequential, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and sd of each household (row) under each network drawn (column)."""
    # With the distribution on top, `predict()` would return draws of expenditure.
    network = keras.Sequential(model.layers[:-1])
    # Weights are drawn once for a batch: with all households in every batch, a batch is a draw.
    output = network.predict(np.tile(x, (DRAWS, 1)), batch_size=len(x), verbose=PROGRESS)
    noise = make_noise(output)
    parts = (ops.convert_to_numpy(part(noise)) for part in (tfd_mean, tfd_stddev))
    mean, sd = (part.astype("float64").reshape(DRAWS, -1).T for part in parts)
    return mean, sd


def regress_linearly(
    x: np.ndarray, y: np.ndarray, new_x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the yardstick: a straight line, and noise that is the same for all."""
    line = np.polyfit(x, y, 1)
    sd = np.sqrt(((y - np.polyval(line, x)) ** 2).sum() / (len(x) - 2))
    return np.polyval(line, new_x)[:, None], np.full((len(new_x), 1), sd)


def mixture(mean: np.ndarray, sd: np.ndarray) -> Any:
    """Mix the normals of each row in equal parts."""
    equal = np.full(mean.shape, 1 / mean.shape[1])
    return tfd_mixture_same_family(tfd_categorical(probs=equal), tfd_normal(mean, sd))


def mixture_quantiles(mean: np.ndarray, sd: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Take quantiles of the equal mixture of normals, each laid out as 50 equally likely points."""
    points = np.array([NormalDist().inv_cdf((j + 0.5) / 50) for j in range(50)])
    outlay = mean[:, :, None] + sd[:, :, None] * points
    return np.quantile(outlay.reshape(len(mean), -1), levels, axis=1)


def summarise(mean: np.ndarray, sd: np.ndarray) -> dict[str, Any]:
    """Describe the predictions: var(total) = var(means) + mean(variances)."""
    return {
        "mean": mean.mean(axis=1),
        "bands": {name: mixture_quantiles(mean, sd, levels) for name, levels in BANDS.items()},
        "epistemic": mean.std(axis=1),  # how much the networks disagree
        "aleatoric": np.sqrt((sd**2).mean(axis=1)),  # the noise that they expect
    }


def score(mean: np.ndarray, sd: np.ndarray, observed: np.ndarray) -> str:
    """Hold the predictions against what was observed."""
    rmse = np.sqrt(((mean.mean(axis=1) - observed) ** 2).mean())
    predicted = mixture(mean, sd)
    log_score = ops.mean(tfd_log_prob(predicted, observed))
    level = ops.convert_to_numpy(tfd_cdf(predicted, observed))
    coverage = {
        name: 100 * ((low <= level) & (level <= up)).mean() for name, (low, up) in BANDS.items()
    }
    return (
        f"RMSE {rmse:.1f} francs, log score {log_score:.3f}, "
        f"coverage of the 50 % band {coverage['50']:.1f} %, of the 90 % band {coverage['90']:.1f} %"
    )


def draw_bands(
    axes: Axes, data: np.ndarray, held_out: np.ndarray, prediction: dict[str, Any]
) -> None:
    for name, colour in (("90", "#CCE3F0"), ("50", "#7FB8D8")):
        low, up = prediction["bands"][name]
        axes.fill_between(GRID, low, up, color=colour, lw=0, label=f"{name} % band")
    axes.plot(GRID, prediction["mean"], color="#0072B2", lw=1.2, label="predictive mean")
    points = {"color": "black", "markersize": 4, "lw": 0}
    axes.plot(*data[~held_out].T, "o", **points, markerfacecolor="none", label="learnt from")
    axes.plot(*data[held_out].T, "o", **points, label="held out")
    axes.set(ylabel="expenditure on food (francs)", title=TITLE)


def draw_parts(axes: Axes, income: np.ndarray, prediction: dict[str, Any]) -> None:
    axes.plot(GRID, prediction["aleatoric"], color="#0072B2", label="aleatoric: households differ")
    axes.plot(GRID, prediction["epistemic"], color="#E69F00", label="epistemic: networks differ")
    axes.plot(income, np.full(len(income), 8), "|", color="black", markersize=8, alpha=0.5)
    axes.set(ylabel="predictive sd (francs)", xlabel="household income (francs)")


def use_log_scale(axis: Axis, ticks: list[int]) -> None:
    """Scale an axis in logarithms, and label it with plain numbers."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_ticks(ticks, labels=ticks)
    axis.set_ticks([], minor=True)


def draw_picture(
    data: np.ndarray, held_out: np.ndarray, prediction: dict[str, Any], file: Path
) -> None:
    figure = Figure(figsize=(10, 7), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(1.7, 1))
    draw_bands(top, data, held_out, prediction)
    draw_parts(bottom, data[~held_out, 0], prediction)
    use_log_scale(bottom.xaxis, [300, 500, 1000, 2000, 3000, 5000])
    use_log_scale(top.yaxis, [200, 500, 1000, 2000, 5000])
    use_log_scale(bottom.yaxis, [10, 30, 100, 300, 1000])
    for axes in (top, bottom):
        axes.legend(loc="upper left", frameon=False)
        axes.margins(x=0.01)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=100)


def main() -> None:
    keras.utils.set_random_seed(1)
    data = np.loadtxt(HERE / "engel.csv", delimiter=",", skiprows=1)  # from poor to rich
    held_out = np.arange(len(data)) % 4 == 3
    center = data[~held_out].mean(axis=0).round(1)
    spread = data[~held_out].std(axis=0, ddof=1).round(1)
    learnt = (data[~held_out] - center) / spread
    income, observed = data[held_out].T

    model = build_model(n=len(learnt))
    train(model, learnt[:, :1], learnt[:, 1:])
    x = (np.append(income, GRID) - center[0]) / spread[0]
    mean, sd = draw_predictions(model, x[:, None])
    mean, sd = center[1] + spread[1] * mean, spread[1] * sd

    n = len(income)
    prediction = summarise(mean[n:], sd[n:])
    draw_picture(data, held_out, prediction, HERE / "output" / "engel-python.png")
    yardstick = regress_linearly(*data[~held_out].T, income)
    print(
        f"test {score(mean[:n], sd[:n], observed)}; "
        f"linear regression: {score(*yardstick, observed)}"
    )


if __name__ == "__main__":
    main()
