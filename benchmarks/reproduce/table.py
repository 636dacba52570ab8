"""Means and standard errors of what has been run, beside published ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reproduce.data import SETS
from reproduce.methods import METHODS
from reproduce.published import ROWS, Row
from reproduce.tasks import DIGITS, Record

VALUES = {
    "log_score": ("Test log-likelihood per example, in the unit of the target", 2),
    "rmse": ("Root mean squared error, in the unit of the target", 3),
    "coverage_90": ("Coverage of the 90 % interval", 3),
    "coverage_50": ("Coverage of the 50 % interval", 3),
}
CLASSES = {
    "accuracy": 3,
    "log_score": 3,
    "brier": 3,
    "calibration_error": 3,
    "auroc": 3,
}


@dataclass(frozen=True)
class Mean:
    """A mean, and its standard error: not known where there was one run, or no word of it."""

    mean: float
    error: float
    count: int

    def text(self, digits: int) -> str:
        """Write the mean with its standard error, as ± has it.

        One training that diverged leaves no mean.
        """
        if math.isnan(self.mean):
            return "diverged"
        if math.isnan(self.error):
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} ± {self.error:.{digits}f}"


def mean_of(values: Iterable[float]) -> Mean:
    """Return the mean of values that are independent of each other, with its standard error."""
    found = np.asarray(list(values), "float64")
    error = found.std(ddof=1) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Mean(float(found.mean()), float(error), len(found))


def by_split(records: list[Record], method: str, name: str, score: str) -> dict[int, float]:
    """Return a method's scores on a set by split; of digits, by seed.

    Where the first split has been run with several seeds, the one of the same number counts.
    """
    return {
        record["seed"]: record["scores"][score]
        for record in records
        if (record["method"], record["set"]) == (method, name)
        and (name == DIGITS or record["seed"] == record["split"])
        and score in record["scores"]
    }


def by_seed(records: list[Record], method: str, name: str, score: str) -> dict[int, float]:
    """Return a method's scores on the first split of a set by seed."""
    return {
        record["seed"]: record["scores"][score]
        for record in records
        if (record["method"], record["set"], record["split"]) == (method, name, 0)
    }


def summary(records: list[Record]) -> dict[str, dict[str, dict[str, Mean]]]:
    """Return the mean of each score, by set and method."""
    found: dict[str, dict[str, dict[str, Mean]]] = {}
    for name in [*SETS, DIGITS]:
        scores = CLASSES if name == DIGITS else VALUES
        for method in METHODS:
            for score in scores:
                values = by_split(records, method, name, score)
                if values:
                    of_method = found.setdefault(name, {}).setdefault(method, {})
                    of_method[score] = mean_of(values.values())
    return found


def write(records: list[Record], facts: dict[str, Any], judged: str) -> str:
    """Write the tables in Markdown.

    Args:
        records: The results.
        facts: What the run was, by name.
        judged: The lines of the bars.
    """
    found = summary(records)
    parts = ["# The UCI protocol and digits", "Written by `make reproduce`."]
    parts.append("\n".join(f"- {name}: {fact}" for name, fact in facts.items()))
    for score, (title, digits) in VALUES.items():
        sets = [name for name in SETS if name in found]
        lines = [["", *(SETS[name].title for name in sets)]]
        for method in METHODS:
            cells = [found[name].get(method, {}).get(score) for name in sets]
            if any(cells):
                lines.append([METHODS[method].title, *_cells(cells, digits)])
        for row in ROWS.values():
            cells = [published(row, name, score) for name in sets]
            if any(cells):
                lines.append([row.title, *_cells(cells, digits)])
        if sets:
            parts += [f"## {title}", _markdown(lines)]
    if DIGITS in found:
        lines = [["", *(score.replace("_", " ") for score in CLASSES)]]
        for method, scores in found[DIGITS].items():
            cells = [scores.get(score) for score in CLASSES]
            lines.append([METHODS[method].title, *_cells(cells, 3)])
        parts += ["## Digits", _markdown(lines)]
    sources = [f"- {row.title}: {row.source}" for row in ROWS.values()]
    parts += ["## Bars", f"```\n{judged}\n```", "## Sources of the published rows"]
    return "\n\n".join([*parts, "\n".join(sources)]) + "\n"


def published(row: Row, name: str, score: str) -> Mean | None:
    """Return what a published row has for a set."""
    found = row.scores.get(score, {}).get(name)
    return None if found is None else Mean(*found, count=SETS[name].splits)


def _cells(cells: list[Mean | None], digits: int) -> list[str]:
    return ["-" if cell is None else cell.text(digits) for cell in cells]


def _markdown(lines: list[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rest])
