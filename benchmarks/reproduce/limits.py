"""What the recipe must reach: each bar is judged by the results of the run itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bars import Bar, Figures

from reproduce.data import SETS, SMALL
from reproduce.methods import COLD_CLASSES
from reproduce.published import ROWS
from reproduce.table import by_seed, by_split
from reproduce.tasks import DIGITS

ENOUGH = 5  # splits, for a mean to be judged
MANY_RUNS = 20  # for the worst of them to be judged
Lead = Callable[[list[Any], str], float | None]


def over_published(row: str) -> Lead:
    """Return the lead in the mean log score over a published row, of a set."""

    def lead(records: list[Any], name: str) -> float | None:
        ours = by_split(records, "ours", name, "log_score")
        theirs = ROWS[row].scores["log_score"].get(name)
        if len(ours) < min(ENOUGH, SETS[name].splits) or theirs is None:
            return None
        return float(np.mean(list(ours.values()))) - theirs[0]

    return lead


def over(method: str, score: str = "log_score", by: str = "ours") -> Lead:
    """Return the lead in the mean of a score over another method, where both have been run."""

    def lead(records: list[Any], name: str) -> float | None:
        ours = by_split(records, by, name, score)
        theirs = by_split(records, method, name, score)
        both = sorted(set(ours) & set(theirs))
        if len(both) < ENOUGH:
            return None
        return float(np.mean([ours[split] - theirs[split] for split in both]))

    return lead


def on_sets(lead: Lead, sets: tuple[str, ...] = tuple(SETS)) -> Callable[[list[Any]], Figures]:
    """Return the lead on each set that was run."""

    def figures(records: list[Any]) -> Figures:
        found = {name: lead(records, name) for name in sets}
        return {name: value for name, value in found.items() if value is not None}

    return figures


def won(lead: Lead, sets: tuple[str, ...] = SMALL) -> Callable[[list[Any]], Figures]:
    """Return on how many of the sets there is a lead: of the small ones, where none are named."""

    def figures(records: list[Any]) -> Figures:
        found = on_sets(lead, sets)(records)
        won_sets = sum(value > 0 for value in found.values())
        return {f"of {len(found)} sets run": float(won_sets)} if found else {}

    return figures


def mean_score(score: str, of: str = "ours") -> Lead:
    """Return the recipe's mean of a score on a set."""

    def mean(records: list[Any], name: str) -> float | None:
        ours = by_split(records, of, name, score)
        return float(np.mean(list(ours.values()))) if len(ours) >= ENOUGH else None

    return mean


def worst(of: Callable[..., dict[int, float]]) -> Lead:
    """Return how far the worst log score is below the median, as a share of its size."""

    def share(records: list[Any], name: str) -> float | None:
        values = list(of(records, "ours", name, "log_score").values())
        if len(values) < MANY_RUNS:
            return None
        middle = float(np.median(values))
        return (middle - min(values)) / abs(middle)

    return share


def on_digits(lead: Lead) -> Callable[[list[Any]], Figures]:
    """Return a figure of the digits."""

    def figures(records: list[Any]) -> Figures:
        value = lead(records, DIGITS)
        return {DIGITS: value} if value is not None else {}

    return figures


_COLD = f"Temperature {COLD_CLASSES:g}"
_COVERAGE = on_sets(mean_score("coverage_90"))

BARS = [
    Bar("Lead over published mean-field VI", 0.0, on_sets(over_published("mean_field"))),
    Bar("Small sets won from MC dropout's own results", 4, won(over_published("dropout"))),
    Bar("Small sets won from five plain networks", 3, won(over("plain_5"))),
    Bar(
        "Rank-1 factors: small sets and digits won from five plain networks",
        4,
        won(over("plain_5", by="rank1"), (*SMALL, DIGITS)),
    ),
    Bar(
        "Laplace: small sets and digits won from five plain networks",
        4,
        won(over("plain_5", by="laplace"), (*SMALL, DIGITS)),
    ),
    Bar("Coverage of the 90 % interval", 0.86, _COVERAGE),
    Bar("Coverage of the 90 % interval", 0.95, _COVERAGE, at_least=False),
    # The page of images teaches this temperature for classes, or "auto".
    Bar(
        f"{_COLD}: calibration error",
        0.02,
        on_digits(mean_score("calibration_error", "ours_cold")),
        at_least=False,
    ),
    Bar(
        f"{_COLD}: lead in accuracy over five plain networks",
        0.0,
        on_digits(over("plain_5", "accuracy", "ours_cold")),
    ),
    Bar(
        f"{_COLD}: lead in log score over five plain networks",
        0.0,
        on_digits(over("plain_5", by="ours_cold")),
    ),
    Bar(
        f"{_COLD}: AUROC of the entropy, 8 and 9", 0.95, on_digits(mean_score("auroc", "ours_cold"))
    ),
    Bar("Worst split below the median, share", 0.1, on_sets(worst(by_split)), at_least=False),
    Bar("Worst seed below the median, share", 0.1, on_sets(worst(by_seed)), at_least=False),
]
