"""Pictures of predictive distributions, posteriors and training, drawn with matplotlib."""

from __future__ import annotations

import re
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.models.history import training_history
from bayeslayers.training.kl_history import DIVERGENCE, LIKELIHOOD

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError:
    # Here only for the types of arguments: a picture raises the error that names matplotlib.
    Axes = Figure = Any  # type: ignore[misc, assignment]

# Okabe and Ito's colours, which colour-blind readers can distinguish.
BLUE, SKY, ORANGE, GREEN, PURPLE, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#222222",
)
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
_QUANTILE = re.compile(r"q(\d+(?:\.\d+)?)")
_LEVEL = re.compile(r"coverage_(\d+(?:\.\d+)?)")
_COST = ("parameters", "seconds")
# From which ratio on costs have a logarithmic axis.
_DECADE = 10
_PANEL, _NARROW_PANEL = (4.2, 3.2), 2.0
_TITLES = {
    "loss": "Loss",
    LIKELIHOOD: "Negative log-likelihood",
    DIVERGENCE: "KL divergence in the loss",
}


@public_function()
def plot_bands(
    summary: pd.DataFrame,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Bands of a predictive distribution.

        outer band: [q_low, q_high];   inner band: mean +- z sd_epistemic

    The outer band reaches from the lowest to the highest quantile of the outcome. The inner band
    shows the uncertainty of the mean that is due to the weights: z is the quantile of the standard
    normal distribution for the same level.

    Args:
        summary: The result of `predictive_summary()` for a model of one value for each example, or
            that of `conformal_interval()`, which is drawn as one band.
        x: Horizontal axis: one number for each example. With `None` it is the example's number.
        y: Observations, one number for each example, or `None`.
        ax: The axes to draw in. With `None` new ones are made.

    Returns:
        The axes.

    Raises:
        ArgumentError: If `summary` is not such a table, or `x` or `y` does not have a number for
            each of its rows.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, plot_bands, predictive_summary
        >>> model = keras.Sequential([keras.Input((1,))])
        >>> model = layer_dense_flipout(model, units=1)
        >>> x = keras.ops.reshape(keras.ops.linspace(-1, 1, 20), (20, 1))
        >>> axes = plot_bands(predictive_summary(model, x, draws=50, verbose=0), x)

    Reference:
        Kendall, A., and Gal, Y. (2017). What Uncertainties Do We Need in Bayesian Deep Learning for
            Computer Vision? Advances in Neural Information Processing Systems 30.
            https://arxiv.org/abs/1703.04977
    """
    bands = _bands(summary)
    values = _numbers("x", summary["example"] if x is None else x, len(summary))
    observed = None if y is None else _numbers("y", y, len(summary))
    ax = _axes(ax)
    order = np.argsort(values, kind="stable")
    table, at = summary.iloc[order], values[order]
    for low, high, colour, label in bands:
        edges = low.iloc[order], high.iloc[order]
        ax.fill_between(at, *edges, color=colour, alpha=0.35, lw=0, label=label)
    ax.plot(at, table["mean"], color=BLUE, lw=1.5, label="mean")
    if observed is not None:
        ax.plot(values, observed, ".", color=BLACK, ms=4, alpha=0.7, label="observed")
    ax.set(xlabel="example" if x is None else "x", ylabel="y")
    return _finished(ax)


@public_function()
def plot_reliability(curve: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Reliability diagram: the predicted probabilities against the observed frequencies.

        values: coverage(level);   classes: accuracy(confidence)

    The line of a calibrated model is the diagonal, which is drawn as well.

    Args:
        curve: The result of `reliability_curve()`.
        ax: The axes to draw in. With `None` new ones are made.

    Returns:
        The axes.

    Raises:
        ArgumentError: If `curve` is not such a table.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import pandas as pd
        >>> from bayeslayers import plot_reliability
        >>> curve = pd.DataFrame({"level": [0.5, 0.9], "coverage": [0.4, 0.8], "n": 100})
        >>> axes = plot_reliability(curve)

    Reference:
        Guo et al. (2017).
    """
    is_values = "level" in curve
    said, true = ("level", "coverage") if is_values else ("confidence", "accuracy")
    _check_columns("curve", curve, (said, true, "n"), "reliability_curve()")
    ax = _axes(ax)
    ax.plot([0, 1], [0, 1], color=BLACK, lw=0.8, ls="--", label="calibrated")
    ax.plot(curve[said], curve[true], color=BLUE, lw=1.2)
    # The area of a point is its bin's share of the examples.
    area = 30.0 if is_values else 10 + 300 * curve["n"] / curve["n"].sum()
    ax.scatter(curve[said], curve[true], s=area, color=BLUE, alpha=0.8, lw=0, label="model")
    axis = {"level": "nominal level of the interval", "confidence": "confidence"}
    ax.set(xlabel=axis[said], ylabel=f"observed {true}", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return _finished(ax)


@public_function()
def plot_posterior(summary: pd.DataFrame, weight: str | None = None) -> Figure:
    """Mean, standard deviation and signal-to-noise ratio of a posterior, as three histograms.

        snr = |mean| / sd

    snr is the signal-to-noise ratio, the ratio of mean to standard deviation sd.

    Args:
        summary: The result of `posterior_summary()`. Weights without a spread are left out.
        weight: The weight to draw, such as "dense.kernel". With `None` all weights are drawn, each
            in its own colour.

    Returns:
        The figure.

    Raises:
        ArgumentError: If `summary` is not such a table, or holds no such weight with a spread.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, plot_posterior, posterior_summary
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=20)
        >>> figure = plot_posterior(posterior_summary(model))

    Reference:
        Blundell et al. (2015).
    """
    columns = ("layer", "weight", "mean", "sd", "snr")
    _check_columns("summary", summary, columns, "posterior_summary()")
    table = summary[(summary["sd"] > 0) & (summary["snr"] > 0)]
    names = table["layer"] + "." + table["weight"]
    shown = list(names.unique()) if weight is None else [weight]
    if not set(shown) <= set(names) or not shown:
        rule = f"must be one of the weights with a spread, {sorted(set(names))}"
        raise ArgumentError("weight", rule, {"weight": weight})
    panels = {"mean": "posterior mean", "sd": "posterior sd", "snr": "signal-to-noise ratio"}
    figure, axes = _pyplot().subplots(
        1, 3, figsize=(3 * _PANEL[0], _PANEL[1]), layout="constrained"
    )
    for ax, (column, label) in zip(axes, panels.items(), strict=True):
        groups = [table.loc[names == name, column] for name in shown]
        is_ratio = column == "snr"
        edges = _edges(np.concatenate(groups), is_ratio=is_ratio)
        for i, (name, group) in enumerate(zip(shown, groups, strict=True)):
            colour, shares = _COLOURS[i % len(_COLOURS)], np.full(len(group), 1 / len(group))
            ax.hist(group, edges, weights=shares, alpha=0.3, color=colour, label=name)
            ax.hist(group, edges, weights=shares, histtype="step", color=colour)
        ax.set(xlabel=label, ylabel="share", xscale="log" if is_ratio else "linear")
        _finished(ax, legend=False)
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside right")
    return figure


@public_function()
def plot_training(history: Any) -> Figure:
    """Loss, likelihood and KL divergence over the epochs of a training.

        loss = negative_log_likelihood + kl_divergence

    `callback_kl_history()` puts the two parts of the loss into the history.

    Args:
        history: The result of `fit()` or of `training_history()`.

    Returns:
        The figure, with a panel for each metric of the history.

    Raises:
        ArgumentError: If `history` is neither.
        ImportError: If matplotlib is not installed.

    Example:
        >>> from bayeslayers import plot_training
        >>> figure = plot_training({"loss": [2.0, 1.5], "val_loss": [2.5, 2.0]})

    Reference:
        Blundell et al. (2015).
    """
    table = history if hasattr(history, "columns") else training_history(history)
    _check_columns("history", table, ("epoch", "data", "figure", "value"), "training_history()")
    # The parts of the loss come after it, and then other figures.
    figures = sorted(table["figure"].unique(), key=_place)
    size = (_PANEL[0] * len(figures), _PANEL[1])
    figure, axes = _pyplot().subplots(
        1, len(figures), figsize=size, layout="constrained", squeeze=False
    )
    for ax, name in zip(axes[0], figures, strict=True):
        for colour, (data, rows) in zip(
            _COLOURS, table[table["figure"] == name].groupby("data"), strict=False
        ):
            marker = "o" if len(rows) == 1 else None
            ax.plot(rows["epoch"], rows["value"], color=colour, label=data, marker=marker)
        ax.set(xlabel="epoch", title=_TITLES.get(name, name))
        ax.xaxis.get_major_locator().set_params(integer=True)
        _finished(ax, legend=table["data"].nunique() > 1)
    return figure


@public_function()
def plot_comparison(comparison: pd.DataFrame) -> Figure:
    """Scores of several models beside what their predictions cost.

    Args:
        comparison: The result of `compare_predictive()`.

    Returns:
        The figure, with a panel for each score, one for the parameters and one for the seconds; the
        axis of a cost is logarithmic where the largest is ten times the smallest. A dashed line
        shows what a coverage shall be.

    Raises:
        ArgumentError: If `comparison` is not such a table.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import pandas as pd
        >>> from bayeslayers import plot_comparison
        >>> table = pd.DataFrame(
        ...     {
        ...         "model": ["flipout", "ensemble"],
        ...         "log_score": [-0.2, -0.1],
        ...         "parameters": [200, 500],
        ...         "draws": [200, 5],
        ...         "seconds": [0.5, 0.1],
        ...     }
        ... )
        >>> figure = plot_comparison(table)

    Reference:
        Lakshminarayanan et al. (2017).
    """
    _check_columns("comparison", comparison, ("model", *_COST), "compare_predictive()")
    panels = [name for name in map(str, comparison) if name not in ("model", "n", "draws")]
    places = range(len(comparison))
    size = (_NARROW_PANEL * len(panels) + 1, 1.4 + 0.35 * len(comparison))
    figure, axes = _pyplot().subplots(
        1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes[0], panels, strict=True):
        level = _LEVEL.fullmatch(name)
        if level:
            ax.axvline(float(level[1]) / 100, color=BLACK, lw=0.8, ls="--")
        ax.plot(comparison[name], places, "o", color=ORANGE if name in _COST else BLUE)
        is_wide = name in _COST and comparison[name].max() >= _DECADE * comparison[name].min()
        ax.set(xlabel=name.replace("_", " "), xscale="log" if is_wide else "linear")
        ax.grid(axis="y", lw=0.4)
        _finished(ax, legend=False)
    axes[0, 0].set_yticks(places, comparison["model"])
    # As in the table, from the top.
    axes[0, 0].invert_yaxis()
    return figure


def _place(figure: str) -> int:
    return list(_TITLES).index(figure) if figure in _TITLES else len(_TITLES)


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot
    except ImportError as error:
        message = "Pictures need matplotlib: pip install 'bayeslayers[plots]'"
        raise ImportError(message) from error
    return matplotlib.pyplot


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    _, made = _pyplot().subplots(figsize=(6.4, 4.0), layout="constrained")
    return made


def _finished(ax: Axes, *, legend: bool = True) -> Axes:
    """Remove lines that carry no information."""
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False)
    return ax


def _edges(values: np.ndarray, *, is_ratio: bool) -> np.ndarray:
    """Return the edges of bins; of ratios in equal steps of their logarithm."""
    if not is_ratio:
        return np.histogram_bin_edges(values, bins=_bins(values))
    edges = np.geomspace(values.min(), values.max(), _bins(values) + 1)
    # Rounding must not leave out the smallest and the largest.
    edges[0], edges[-1] = values.min(), values.max()
    return edges


def _bins(values: np.ndarray) -> int:
    return int(np.clip(np.sqrt(len(values)), 5, 60))


def _check_columns(argument: str, table: Any, columns: tuple[str, ...], source: str) -> None:
    missing = [name for name in columns if name not in getattr(table, "columns", ())]
    if missing:
        rule = f"must be what `{source}` returned"
        received = Described(f"a {type(table).__name__} without {missing}")
        raise ArgumentError(argument, rule, {argument: received})


def _bands(summary: pd.DataFrame) -> list[tuple[pd.Series, pd.Series, str, str]]:
    """Return the bands of a table, the outer one first: lower and upper edge, colour and label."""
    if "lower" in summary:
        columns = ("example", "variable", "mean", "lower", "upper")
        _check_columns("summary", summary, columns, "conformal_interval()")
        _check_one_output(summary)
        return [(summary["lower"], summary["upper"], SKY, "conformal interval")]
    low, high = _outer_quantiles(summary)
    percent = high - low
    spread = NormalDist().inv_cdf(0.5 + percent / 200) * summary["sd_epistemic"]
    mean = summary["mean"]
    bands = [(mean - spread, mean + spread, BLUE, f"mean, {percent:g} %")]
    if not summary["sd_aleatoric"].isna().any():
        edges = summary[f"q{low:g}"], summary[f"q{high:g}"]
        bands.insert(0, (*edges, SKY, f"outcome, {percent:g} %"))
    return bands


def _outer_quantiles(summary: pd.DataFrame) -> tuple[float, float]:
    """Return the lowest and the highest quantile of a summary, in percent."""
    columns = ("example", "variable", "mean", "sd_epistemic", "sd_aleatoric")
    _check_columns("summary", summary, columns, "predictive_summary()")
    _check_one_output(summary)
    percents = [float(m[1]) for m in map(_QUANTILE.fullmatch, summary.columns) if m]
    if len(percents) < 2:  # noqa: PLR2004
        rule = "must hold two quantiles: give `predictive_summary()` two `probs`"
        raise ArgumentError("summary", rule, {"quantiles": percents})
    return min(percents), max(percents)


def _check_one_output(summary: pd.DataFrame) -> None:
    if summary["variable"].nunique() > 1:
        rule = "must be of one output: take the rows of one `variable`"
        variables = Described(f"{list(summary['variable'].unique())}")
        raise ArgumentError("summary", rule, {"variables": variables})


def _numbers(argument: str, values: Any, count: int) -> np.ndarray:
    numbers = np.asarray(values, dtype="float64").reshape(-1)
    if len(numbers) != count:
        rule = f"must hold a number for each of the {count} rows of `summary`"
        raise ArgumentError(argument, rule, {argument: Described(f"{len(numbers)} numbers")})
    return numbers
