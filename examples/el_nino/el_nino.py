"""Forecast next month's sea-surface temperature with a Bayesian convolutional network.

Every weight of the network has a posterior distribution, so that its forecast does too. It learns
from 1950 to 1999, and forecasts each month of 2000 to 2010 from the 24 months before.

Data: monthly means, Pacific region Nino 1+2, 1950 to 2010. Source: NOAA, ERSST V3b, as shipped with
statsmodels. Licence: public domain. See README.md beside this file.

Run: python examples/el_nino/el_nino.py
"""

import sys
from pathlib import Path
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from bayeslayers import layer_conv_1d_flipout, tfd_kl_divergence

HERE = Path(__file__).parent
FIRST_HELD_OUT_YEAR = 2000
WINDOW = 24  # months that the network sees
PASSES, EPOCHS, BATCH = 60, 5, 64  # an epoch, so one progress bar, is 60 passes over the data
TITLE = "Sea-surface temperature off Peru, each month forecast from the 24 before it"
DRAWS = 200  # of the network's weights, from their posterior
BANDS = {"50": (0.25, 0.75), "90": (0.05, 0.95)}
PROGRESS = 1 if sys.stdout.isatty() else 2  # a bar, or in a log file one line for each


def make_windows(month: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair each month's value with the 24 months before it: their values and their season."""
    season = 2 * np.pi * month / 12
    channels = np.stack([value, np.sin(season), np.cos(season)], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(channels[:-1], WINDOW, axis=0)
    return windows.transpose(0, 2, 1), value[WINDOW:, None]


def build_model(n: int) -> keras.Sequential:
    """Stack Bayesian convolutions: months to quarters, quarters to a state, state to a normal."""

    def scaled_divergence(q: Any, p: Any, ignore: Any) -> Any:
        # Keras averages the loss over examples, so the divergence counts once per `n` of them.
        return tfd_kl_divergence(q, p) / n

    scaled = {"kernel_divergence_fn": scaled_divergence}
    model = keras.Sequential([keras.Input((WINDOW, 3))])
    layer_conv_1d_flipout(model, 16, 3, strides=3, activation="relu", **scaled)
    layer_conv_1d_flipout(model, 16, WINDOW // 3, activation="relu", **scaled)
    layer_conv_1d_flipout(model, 2, 1, **scaled)
    model.add(keras.layers.Flatten())
    return model


def mean_and_sd(output: Any) -> tuple[Any, Any]:
    """Read the network's two outputs as a normal distribution."""
    mean, raw_sd = ops.split(output, 2, axis=-1)
    return mean, ops.softplus(raw_sd) + 0.05


def negative_log_likelihood(observed: Any, output: Any) -> Any:
    # Written out, as backends differ in their libraries of distributions.
    mean, sd = mean_and_sd(output)
    return ((observed - mean) / sd) ** 2 / 2 + ops.log(sd) + np.log(2 * np.pi) / 2


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    steps = EPOCHS * PASSES * len(x) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(0.01, steps)
    model.compile(keras.optimizers.Adam(rate), loss=negative_log_likelihood)
    x, y = np.tile(x, (PASSES, 1, 1)), np.tile(y, (PASSES, 1))
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=PROGRESS)


def draw_forecasts(model: keras.Sequential, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and sd of each month (row) under each network drawn (column)."""
    # Weights are drawn once for a batch: with all months in every batch, a batch is a draw.
    output = model.predict(np.tile(x, (DRAWS, 1, 1)), batch_size=len(x), verbose=PROGRESS)
    mean, sd = (ops.convert_to_numpy(part).astype("float64") for part in mean_and_sd(output))
    return mean.reshape(DRAWS, -1).T, sd.reshape(DRAWS, -1).T


def mixture_quantiles(mean: np.ndarray, sd: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Take quantiles of the equal mixture of normals, each laid out as 50 equally likely points."""
    points = np.array([NormalDist().inv_cdf((j + 0.5) / 50) for j in range(50)])
    mixture = mean[:, :, None] + sd[:, :, None] * points
    return np.quantile(mixture.reshape(len(mean), -1), levels, axis=1)


def summarise(mean: np.ndarray, sd: np.ndarray, observed: np.ndarray) -> dict[str, Any]:
    """Describe the forecasts, and score them against what was observed."""
    center = mean.mean(axis=1)
    epistemic = mean.std(axis=1)  # how much the networks disagree
    density = np.exp(-(((observed[:, None] - mean) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))
    bands = {name: mixture_quantiles(mean, sd, levels) for name, levels in BANDS.items()}
    covered = {name: (low <= observed) & (observed <= up) for name, (low, up) in bands.items()}
    return {
        "mean": center,
        "bands": bands,
        "epistemic": epistemic,
        "total": np.sqrt(epistemic**2 + (sd**2).mean(axis=1)),
        "rmse": np.sqrt(((center - observed) ** 2).mean()),
        "log_score": np.log(density.mean(axis=1)).mean(),
        "coverage": {name: 100 * months.mean() for name, months in covered.items()},
    }


def draw_picture(
    time: np.ndarray, observed: np.ndarray, forecast: dict[str, Any], file: Path
) -> None:
    figure = Figure(figsize=(10, 6), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(2.2, 1))
    for name, colour in (("90", "#CCE3F0"), ("50", "#7FB8D8")):
        top.fill_between(time, *forecast["bands"][name], color=colour, lw=0, label=f"{name} % band")
    top.plot(time, forecast["mean"], color="#0072B2", lw=1, label="predictive mean")
    top.plot(time, observed, "o", color="black", markersize=3, label="observed")
    top.set(ylabel="temperature (°C)", ylim=(18, 30.5), title=TITLE)
    bottom.fill_between(time, forecast["total"], color="#B2D4E7", lw=0, label="total uncertainty")
    networks_differ = {"color": "#E69F00", "lw": 0, "label": "epistemic: networks differ"}
    bottom.fill_between(time, forecast["epistemic"], **networks_differ)
    bottom.set(ylabel="predictive sd (°C)", ylim=(0, 0.9), xlabel="year")
    for axes in (top, bottom):
        axes.legend(loc="upper left", ncols=4, frameon=False)
        axes.margins(x=0.01)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=100)


def main() -> None:
    keras.utils.set_random_seed(1)
    series = np.genfromtxt(HERE / "el_nino.csv", delimiter=",", names=True)
    year, month, temperature = series["year"], series["month"], series["temperature"]
    learnt = temperature[year < FIRST_HELD_OUT_YEAR]
    center, spread = round(learnt.mean(), 2), round(learnt.std(ddof=1), 2)

    x, y = make_windows(month, (temperature - center) / spread)
    held_out = year[WINDOW:] >= FIRST_HELD_OUT_YEAR
    model = build_model(n=int((~held_out).sum()))
    train(model, x[~held_out], y[~held_out])

    mean, sd = draw_forecasts(model, x[held_out])
    observed = temperature[WINDOW:][held_out]
    forecast = summarise(center + spread * mean, spread * sd, observed)
    time = (year + (month - 0.5) / 12)[WINDOW:][held_out]
    draw_picture(time, observed, forecast, HERE / "output" / "el_nino-python.png")
    print(
        f"test RMSE {forecast['rmse']:.3f} degrees C, log score {forecast['log_score']:.3f}, "
        f"coverage of the 50 % band {forecast['coverage']['50']:.1f} %, "
        f"of the 90 % band {forecast['coverage']['90']:.1f} %"
    )


if __name__ == "__main__":
    main()
