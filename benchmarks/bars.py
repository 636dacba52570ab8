"""What the benchmark must reach: each bar is judged by the figures of the run itself."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Figures = dict[str, float]
"""What a bar looks at, by the name of the row."""


@dataclass(frozen=True)
class Bar:
    """A limit to figures, all of which must keep to it.

    Args:
        title: What the figures are.
        limit: The limit.
        figures: Returns the figures of a list of measurements; none where nothing was measured.
        at_least: Whether the limit is the smallest or the largest figure that is allowed.
    """

    title: str
    limit: float
    figures: Callable[[list[Any]], Figures]
    at_least: bool = True

    def judge(self, results: list[Any]) -> dict[str, Any]:
        """Return the bar with its figures, and whether it is met; `None` without figures."""
        figures = self.figures(results)
        keeps = operator.ge if self.at_least else operator.le
        below = [name for name, figure in figures.items() if not keeps(figure, self.limit)]
        sign = "at least" if self.at_least else "at most"
        return {
            "bar": f"{self.title}: {sign} {self.limit:g}",
            "figures": figures,
            "missed by": below,
            "met": not below if figures else None,
        }


def ratios(over: str, under: str, *rows: int) -> Callable[[list[Any]], Figures]:
    """Return figures: how many times longer one column takes than another for a Flipout step.

    Args:
        over: The name of a column.
        under: The name of another.
        rows: The numbers of the rows. None: all.
    """

    def figures(results: list[Any]) -> Figures:
        found = {
            f"row {result.row}": result.ratio(over, under)
            for result in results
            if (result.estimator, result.dtype, result.jit) == ("Flipout", "float32", "default")
            and (not rows or result.row in rows)
        }
        return {row: ratio for row, ratio in found.items() if ratio is not None}

    return figures


def geometric_mean(figures: Callable[[list[Any]], Figures]) -> Callable[[list[Any]], Figures]:
    """Return the geometric mean of figures, as a figure."""

    def mean(results: list[Any]) -> Figures:
        found = figures(results)
        name = f"of {len(found)} rows"
        return {name: statistics.geometric_mean(found.values())} if found else {}

    return mean


_ON_JAX = ("tfp", "bayeslayers, jax")

BARS = [
    Bar("TFP / ours on JAX, geometric mean", 2.5, geometric_mean(ratios(*_ON_JAX))),
    Bar("TFP / ours on JAX, every row", 1.5, ratios(*_ON_JAX)),
    Bar("TFP / ours on JAX, rows 2, 5 and 7", 3.5, ratios(*_ON_JAX, 2, 5, 7)),
    Bar("bayesian-torch / ours in the same loop", 1.0, ratios("bayesian-torch", "loop")),
    Bar(
        "bayesian-torch in a loop / ours in fit()",
        1.0,
        ratios("bayesian-torch", "bayeslayers, torch"),
    ),
]


def verdicts(judged: list[dict[str, Any]]) -> str:
    """Write a line for each bar."""
    words = {True: "MET   ", False: "MISSED", None: "-     "}
    lines = []
    for bar in judged:
        listed = ", ".join(f"{name} {figure:.2f}" for name, figure in bar["figures"].items())
        lines.append(f"{words[bar['met']]}  {bar['bar']}: {listed or 'not measured'}")
    return "\n".join(lines)
