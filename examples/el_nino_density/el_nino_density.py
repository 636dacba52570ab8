"""Estimate the joint density of the sea-surface temperature now and two months later by a flow.

The pairs lie on a ring, which the year runs through once. A masked autoregressive flow, four
networks in a row, bends a standard normal distribution to them. It learns from 1950 to 1999, and is
scored on 2000 to 2010, beside a normal distribution and a kernel density estimate.

Data: monthly means, Pacific region Nino 1+2, 1950 to 2010. Source: NOAA, ERSST V3b, as shipped with
statsmodels. Licence: public domain. See ../el_nino/README.md.

Run: python examples/el_nino_density/el_nino_density.py
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from bayeslayers import (
    layer_autoregressive,
    layer_autoregressive_transform,
    layer_distribution_lambda,
    tfd_categorical,
    tfd_log_prob,
    tfd_mixture_same_family,
    tfd_multivariate_normal_diag,
    tfd_multivariate_normal_tri_l,
    tfd_sample,
)

HERE = Path(__file__).parent
FIRST_HELD_OUT_YEAR = 2000
LAG = 2  # months
ORDERS = ("left-to-right", "right-to-left") * 2  # one network for each
PASSES, EPOCHS, BATCH = 20, 5, 64  # an epoch, so one progress bar, is 20 passes over the data
DRAWS = 20000  # from a distribution, to find its regions of highest density
STEP = 0.05  # of the grid, in degrees C
GRID = np.arange(14, 35, STEP)
SEEN = (17.5, 30.5)  # the part of it in the picture
TITLE = "Sea-surface temperature off Peru, a month and the second after it"
PROGRESS = 1 if sys.stdout.isatty() else 2  # a bar, or in a log file one line for each


def make_pairs(value: np.ndarray) -> np.ndarray:
    """Pair each month's value with that two months later."""
    return np.stack([value[:-LAG], value[LAG:]], axis=1)


def tensor(values: Any) -> Any:
    return ops.convert_to_tensor(values, "float32")


def standard_normal(inputs: Any) -> Any:
    return tfd_multivariate_normal_diag(ops.zeros_like(inputs), tensor([1, 1]))


def build_flow() -> keras.Sequential:
    """Stack networks on a standard normal; each takes the two variables in the other order."""
    model = keras.Sequential([keras.Input((2,))])
    layer_distribution_lambda(model, standard_normal)
    for order in ORDERS:
        made = layer_autoregressive(
            params=2, hidden_units=[32, 32], activation="tanh", input_order=order
        )
        layer_autoregressive_transform(model, made)
    return model


def negative_log_likelihood(observed: Any, distribution: Any) -> Any:
    return -tfd_log_prob(distribution, observed)


def fit_flow(pairs: np.ndarray) -> Any:
    """Return the distribution that the flow makes of a standard normal, fitted to pairs."""
    model = build_flow()
    steps = EPOCHS * PASSES * len(pairs) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(0.005, steps)
    model.compile(keras.optimizers.Adam(rate), loss=negative_log_likelihood)
    targets = np.tile(pairs, (PASSES, 1))
    # The distribution depends on no input: that only says how many rows there are.
    inputs = np.zeros_like(targets)
    model.fit(inputs, targets, batch_size=BATCH, epochs=EPOCHS, verbose=PROGRESS)
    return model(tensor(np.zeros((1, 2))))


def fit_normal(pairs: np.ndarray) -> Any:
    scale = np.linalg.cholesky(np.cov(pairs.T))
    return tfd_multivariate_normal_tri_l(tensor(pairs.mean(axis=0)), tensor(scale))


def fit_kernels(pairs: np.ndarray) -> Any:
    """Put a normal kernel on each pair, as wide as Scott's rule says."""
    width = pairs.std(axis=0, ddof=1) * len(pairs) ** (-1 / 6)
    kernels = tfd_multivariate_normal_diag(tensor(pairs), tensor(width))
    return tfd_mixture_same_family(tfd_categorical(tensor(np.zeros(len(pairs)))), kernels)


def log_density(distribution: Any, points: Any) -> np.ndarray:
    density = tfd_log_prob(distribution, tensor(points))
    return ops.convert_to_numpy(density).astype("float64").ravel()


def denser_share(distribution: Any, points: np.ndarray) -> np.ndarray:
    """Return how much of the distribution is denser than at each point.

    Up to 0.9 lies the 90 % region of highest density, the smallest that holds 90 %.
    """
    draws = tfd_sample(distribution, DRAWS, seed=[0, 1])
    ranked = np.sort(log_density(distribution, draws))
    return 1 - np.searchsorted(ranked, log_density(distribution, points), side="right") / DRAWS


def draw_picture(
    shares: dict[str, np.ndarray], learnt: np.ndarray, held_out: np.ndarray, file: Path
) -> None:
    figure = Figure(figsize=(10, 5.9), layout="constrained")
    figure.suptitle(TITLE)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, (name, share) in zip(panels, shares.items(), strict=True):
        level = share.reshape(len(GRID), len(GRID)).T
        axes.contourf(GRID, GRID, level, [-1, 0.5, 0.9], colors=["#7FB8D8", "#CCE3F0"])
        for region, colour in (("90", "#CCE3F0"), ("50", "#7FB8D8")):
            axes.fill([], [], color=colour, label=f"{region} % region")
        axes.plot(*learnt.T, "o", color="#888888", markersize=2, alpha=0.6, label="1950 to 1999")
        axes.plot(*held_out.T, "o", color="black", markersize=3.2, label="2000 to 2010, held out")
        axes.set(title=name, xlim=SEEN, ylim=SEEN, xlabel="temperature (°C)")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("temperature two months later (°C)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=100)


def main() -> None:
    keras.utils.set_random_seed(1)
    file = HERE.parent / "el_nino" / "el_nino.csv"
    series = np.genfromtxt(file, delimiter=",", names=True)
    is_held_out = series["year"] >= FIRST_HELD_OUT_YEAR
    temperature = series["temperature"]
    center = round(temperature[~is_held_out].mean(), 2)
    spread = round(temperature[~is_held_out].std(ddof=1), 2)

    # No pair spans the two periods.
    learnt = make_pairs((temperature[~is_held_out] - center) / spread)
    held_out = make_pairs((temperature[is_held_out] - center) / spread)
    flow, normal, kernels = fit_flow(learnt), fit_normal(learnt), fit_kernels(learnt)

    # Per degree squared, not per spread squared.
    scores = [
        log_density(distribution, held_out).mean() - 2 * np.log(spread)
        for distribution in (flow, normal, kernels)
    ]
    share = denser_share(flow, held_out)
    grid = (np.array(np.meshgrid(GRID, GRID, indexing="ij")).reshape(2, -1).T - center) / spread
    total = np.exp(log_density(flow, grid)).sum() * (STEP / spread) ** 2
    shares = {"flow": denser_share(flow, grid), "normal": denser_share(normal, grid)}
    learnt, held_out = center + spread * learnt, center + spread * held_out
    draw_picture(shares, learnt, held_out, HERE / "output" / "el_nino_density-python.png")
    print(
        f"test log score: flow {scores[0]:.3f}, normal {scores[1]:.3f}, kernels {scores[2]:.3f}; "
        f"coverage of the flow's 50 % region {100 * (share <= 0.5).mean():.1f} %, "
        f"of its 90 % region {100 * (share <= 0.9).mean():.1f} %; "
        f"its density sums to {total:.3f}"
    )


if __name__ == "__main__":
    main()
