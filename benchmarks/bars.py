"""What the benchmark must reach: each bar is judged by the figures of the run itself."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from columns import COLUMNS, OURS, PLAIN
from measurements import Measurement, Run
from rows import ADAPTED_DENSE, ADAPTED_TRANSFORMER, BLOCK

Measured = TypeVar("Measured")
Figures = dict[str, float]
"""What a bar looks at, by the name of the row."""


@dataclass(frozen=True)
class Bar(Generic[Measured]):
    """A limit to figures, all of which must keep to it.

    Args:
        title: What the figures are.
        limit: The limit.
        figures: Returns the figures of a run; none where nothing was measured.
        at_least: Whether the limit is the smallest or the largest figure that is allowed.
    """

    title: str
    limit: float
    figures: Callable[[Measured], Figures]
    at_least: bool = True

    def judge(self, run: Measured) -> dict[str, Any]:
        """Return the bar with its figures, and whether it is met; `None` without figures."""
        figures = self.figures(run)
        keeps = operator.ge if self.at_least else operator.le
        below = [name for name, figure in figures.items() if not keeps(figure, self.limit)]
        sign = "at least" if self.at_least else "at most"
        return {
            "bar": f"{self.title}: {sign} {self.limit:g}",
            "figures": figures,
            "missed by": below,
            "met": not below if figures else None,
        }


def ratios(over: str, under: str, *rows: int) -> Callable[[Run], Figures]:
    """Return figures: how many times longer one column takes than another for a Flipout step.

    Args:
        over: The name of a column.
        under: The name of another.
        rows: The numbers of the rows. None: all.
    """

    def figures(run: Run) -> Figures:
        found = {
            f"row {result.row}": result.ratio(over, under)
            for result in _at_the_defaults(run)
            if not rows or result.row in rows
        }
        return {row: ratio for row, ratio in found.items() if ratio is not None}

    return figures


def _at_the_defaults(run: Run) -> list[Measurement]:
    """Return the Flipout steps in single precision, as each library compiles them by itself."""
    defaults = ("Flipout", "float32", "default")
    return [r for r in run.results if (r.estimator, r.dtype, r.jit) == defaults]


def over_floor(run: Run) -> Figures:
    """Return how many times the floor a Flipout step takes, on each backend."""
    found = {
        f"row {result.row}, {backend}": result.over_floor(backend)
        for result in _at_the_defaults(run)
        for backend in OURS
    }
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def peak_ratios(over: str, under: str) -> Callable[[Run], Figures]:
    """Return figures: how many times more memory one column's steps take than another's."""

    def figures(run: Run) -> Figures:
        return {
            f"row {result.row}": result.peak[over] / result.peak[under]
            for result in run.results
            if {over, under} <= set(result.peak)
        }

    return figures


def normals_ratios(count: int) -> Callable[[Run], Figures]:
    """Return figures: how many times longer our draw of normals takes than PyTorch's."""

    def figures(run: Run) -> Figures:
        found = run.normals.get(count, {})
        return _ratios_of_turns(
            found,
            {
                backend: (f"{PLAIN[backend]}: bayeslayers", f"{PLAIN['torch']}: torch.randn")
                for backend in ("tensorflow", "jax")
            },
        )

    return figures


def call_ratios(run: Run) -> Figures:
    """Return how many times longer a call of our layer takes than one of Keras's."""
    return _ratios_of_turns(run.calls, {name: (OURS[name], PLAIN[name]) for name in OURS})


def network_ratios(*names: str) -> Callable[[Run], Figures]:
    """Return figures: how many times longer a step of ours takes than Keras's, by network."""

    def figures(run: Run) -> Figures:
        pairs = {
            f"{name}, {backend}": (f"{OURS[backend]}: {name}", f"{PLAIN[backend]}: {name}")
            for name in names
            for backend in OURS
        }
        return _ratios_of_turns(run.networks, pairs)

    return figures


def draws_ratio(run: Run) -> Figures:
    """Return how many times longer the draws of a prediction take on TensorFlow than on JAX."""
    title = COLUMNS[OURS["jax"]].title
    return _ratios_of_turns(run.draws, {title: (OURS["tensorflow"], OURS["jax"])})


def _ratios_of_turns(times: dict[str, list[float]], pairs: dict[str, tuple[str, str]]) -> Figures:
    """Return the median over turns of how many times longer the first of a pair takes."""
    return {
        name: statistics.median(a / b for a, b in zip(times[over], times[under], strict=True))
        for name, (over, under) in pairs.items()
        if {over, under} <= set(times)
    }


def geometric_mean(figures: Callable[[Run], Figures]) -> Callable[[Run], Figures]:
    """Return the geometric mean of figures, as a figure."""

    def mean(run: Run) -> Figures:
        found = figures(run)
        name = f"of {len(found)} rows"
        return {name: statistics.geometric_mean(found.values())} if found else {}

    return mean


_ON_JAX = ("tfp", "bayeslayers, jax")
_ON_TENSORFLOW = ("tfp", "bayeslayers")

BARS: list[Bar[Run]] = [
    Bar("TFP / ours on JAX, geometric mean", 2.5, geometric_mean(ratios(*_ON_JAX))),
    Bar("TFP / ours on JAX, every row", 1.5, ratios(*_ON_JAX)),
    Bar("TFP / ours on JAX, rows 2, 5 and 7", 3.5, ratios(*_ON_JAX, 2, 5, 7)),
    Bar("TFP / ours on TensorFlow, row 4", 2.5, ratios(*_ON_TENSORFLOW, 4)),
    Bar("TFP / ours on TensorFlow, rows 1, 2 and 6", 1.0, ratios(*_ON_TENSORFLOW, 1, 2, 6)),
    Bar("bayesian-torch / ours in the same loop", 1.0, ratios("bayesian-torch", "loop")),
    Bar(
        "bayesian-torch in a loop / ours in fit()",
        1.0,
        ratios("bayesian-torch", "bayeslayers, torch"),
    ),
    Bar("Flipout / the floor, every row and backend", 1.2, over_floor, at_least=False),
    Bar("a million normals: ours / torch.randn", 1.0, normals_ratios(1_000_000), at_least=False),
    Bar("41,000 normals: ours / torch.randn", 1.5, normals_ratios(41_000), at_least=False),
    Bar("memory: ours on TensorFlow / TFP", 1.0, peak_ratios("bayeslayers", "tfp"), at_least=False),
    Bar(
        "memory: ours in the same loop / bayesian-torch",
        1.0,
        peak_ratios("loop", "bayesian-torch"),
        at_least=False,
    ),
    Bar("a layer's call outside of steps: ours / Keras's", 5.0, call_ratios, at_least=False),
    Bar("a Flipout attention block / a plain one", 2.2, network_ratios(BLOCK), at_least=False),
    Bar(
        "Bayesian low-rank adaptation / enable_lora()",
        1.3,
        network_ratios(ADAPTED_DENSE, ADAPTED_TRANSFORMER),
        at_least=False,
    ),
    Bar("100 draws of 1,000 inputs: TensorFlow / JAX", 2.0, draws_ratio),
]


def verdicts(judged: list[dict[str, Any]]) -> str:
    """Write a line for each bar."""
    words = {True: "MET   ", False: "MISSED", None: "-     "}
    lines = []
    for bar in judged:
        listed = ", ".join(f"{name} {figure:.2f}" for name, figure in bar["figures"].items())
        lines.append(f"{words[bar['met']]}  {bar['bar']}: {listed or 'not measured'}")
    return "\n".join(lines)
