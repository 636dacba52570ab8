"""The picture: each set's mean log score by method, with its standard error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reproduce.data import SETS
from reproduce.methods import METHODS
from reproduce.published import ROWS, Row
from reproduce.table import Mean, published, summary
from reproduce.tasks import DIGITS, Record

OURS, OTHERS, PUBLISHED = "#0072B2", "#E69F00", "#999999"
COLUMNS = 3
DIGITS_SHOWN = {
    "log_score": "log score",
    "calibration_error": "calibration error (to the left is better)",
}


def draw(records: list[Record], file: Path) -> None:
    """Draw a panel for each set that has been run, and two for digits."""
    found = summary(records)
    panels = [(name, "log_score", SETS[name].title) for name in SETS if name in found]
    if DIGITS in found:
        panels += [(DIGITS, score, f"digits: {word}") for score, word in DIGITS_SHOWN.items()]
    points = [_points(found[name], name, score) for name, score, _ in panels]
    # The same line for a method in each panel, so that its name stands at the left alone.
    names = [name for name in _names() if any(name in each for each in points)]
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(12, 2.9 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).ravel()
    for panel, (_, _, title), of_panel in zip(axes, panels, points, strict=False):
        _draw_panel(panel, names, of_panel, title)
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    axes[0].invert_yaxis()
    figure.suptitle(
        "Mean and standard error over splits; log scores per example, to the right is better.\n"
        "Blue: ours. Orange: others, run here. Grey: published"
    )
    figure.savefig(file, dpi=110)


def _names() -> list[str]:
    """Return what the picture calls all methods and published rows, in order."""
    return [*(method.title for method in METHODS.values()), *map(_name_of, ROWS.values())]


def _name_of(row: Row) -> str:
    return row.title.removeprefix("published: ")


def _points(found: dict[str, Any], name: str, score: str) -> dict[str, tuple[Mean, str]]:
    """Return the means of a panel by title, each with its colour."""
    points = {
        METHODS[method].title: (
            scores[score],
            OURS if METHODS[method].is_ours else OTHERS,
        )
        for method, scores in found.items()
        if score in scores
    }
    for row in ROWS.values() if name != DIGITS else ():
        mean = published(row, name, score)
        if mean is not None:
            points[_name_of(row)] = (mean, PUBLISHED)
    return points


def _draw_panel(
    panel: Any, names: list[str], points: dict[str, tuple[Mean, str]], title: str
) -> None:
    for name, (mean, colour) in points.items():
        error = np.nan_to_num(mean.error)
        panel.errorbar(mean.mean, names.index(name), xerr=error, fmt="o", ms=4, color=colour)
    panel.set_yticks(range(len(names)), names, fontsize=7)
    panel.tick_params(axis="x", labelsize=8)
    panel.locator_params(axis="x", nbins=6)
    panel.set_title(title, fontsize=10)
    panel.grid(axis="x", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
