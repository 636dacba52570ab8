"""Pictures of what the benchmark has measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from columns import OURS
from matplotlib.figure import Figure
from measurements import Measurement

COLOURS = {
    "keras": "#999999",
    "bayeslayers": "#0072B2",
    "tf_keras": "#CCCCCC",
    "tfp": "#E69F00",
    "bayeslayers, jax": "#CC79A7",
    "bayeslayers, torch": "#56B4E9",
    "bayesian-torch": "#009E73",
}
LABELS = {
    "keras": "Keras, deterministic",
    "bayeslayers": "bayeslayers on TensorFlow",
    "tf_keras": "tf_keras, deterministic",
    "tfp": "TensorFlow Probability",
    "bayeslayers, jax": "bayeslayers on JAX",
    "bayeslayers, torch": "bayeslayers on PyTorch",
    "bayesian-torch": "bayesian-torch",
}
ESTIMATORS = {
    "Flipout": "#0072B2",
    "Reparameterization": "#E69F00",
    "LocalReparameterization": "#009E73",
}


def draw_ratios(report: dict[str, Any], file: Path) -> None:
    """Draw how many times longer TensorFlow Probability takes, at both libraries' defaults."""
    results = [Measurement(**each) for each in report["results"]]
    chosen = [r for r in results if (r.dtype, r.jit) == ("float32", "default") and "tfp" in r.turns]
    backends = {
        backend: name
        for backend, name in OURS.items()
        if any(name in result.turns for result in chosen)
    }
    height = 0.32 * len(chosen) * len(backends) + 1.4
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    bars = {
        f"{r.title}, {r.estimator}, {backend}": (r.ratio("tfp", name), ESTIMATORS[r.estimator])
        for r in chosen
        for backend, name in backends.items()
        if name in r.turns
    }
    ratios, colours = zip(*bars.values(), strict=True) if bars else ([], [])
    axes.barh(range(len(bars)), ratios, color=colours)
    axes.set_yticks(range(len(bars)), bars)
    axes.invert_yaxis()
    axes.axvline(1, color="black", lw=1)
    axes.set_xlabel("TensorFlow Probability's time / ours")
    figure.suptitle("A training step in fit(), at each library's defaults, float32")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)


def draw_growth(report: dict[str, Any], file: Path) -> None:
    """Draw how a step of the Flipout convolution grows with each of its sizes."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panels = figure.subplots(1, len(report["growth"]), sharey=True)
    for axes, (name, found) in zip(panels, report["growth"].items(), strict=True):
        for library in [name for name in LABELS if name in found]:
            axes.loglog(
                found["sizes"],
                found[library],
                "o-",
                markersize=3,
                color=COLOURS[library],
                label=LABELS[library],
            )
        axes.set_xticks(found["sizes"], found["sizes"])
        axes.minorticks_off()
        axes.set_xlabel({"filters": "filters", "width": "kernel's width"}.get(name, name))
        axes.grid(alpha=0.25)
    low, high = panels[0].get_ylim()
    ticks = [tick for tick in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    panels[0].set_yticks(ticks, ticks)
    panels[0].set_ylabel("ms for a step")
    panels[0].legend(fontsize=7, frameon=False)
    figure.suptitle("Conv1D 32 x 64 x 32 -> 32, width 3, Flipout: one size at a time")
    figure.savefig(file, dpi=120)


def draw_variances(found: dict[str, Any], file: Path) -> None:
    """Draw the variance of the gradient against the size of the batch."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (layer, of_layer) in zip(figure.subplots(1, 2), found["layers"].items(), strict=True):
        for estimator, variances in of_layer.items():
            sizes = np.asarray(found["batch_sizes"])
            colour = ESTIMATORS[estimator]
            axes.loglog(sizes, variances, "o-", markersize=4, color=colour, label=estimator)
        axes.loglog(sizes, variances[0] / sizes * sizes[0], ":", color="black", label="1 / N")
        axes.set(xlabel="batch size N", title=layer)
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("variance of the gradient")
    figure.axes[0].legend(fontsize=8, frameon=False)
    figure.savefig(file, dpi=120)
