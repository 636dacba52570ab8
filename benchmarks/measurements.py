"""What a run of the benchmark has measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from columns import OURS


@dataclass
class Measurement:
    """Times of one model in each column, in milliseconds.

    Args:
        row: The row's number.
        title: The row's title.
        estimator: The way to draw.
        dtype: The dtype policy.
        jit: Whether XLA compiles: "on", "off", or "default", each library's own choice.
        turns: The median time of each turn, by column.
        median: The median time by column.
        quartiles: The quartiles by column.
        errors: What a column raised instead.
        floor: What the arithmetic costs, by backend: deterministic steps, and a draw of normals.
        peak: The megabytes by which training raises the peak of a process, by column.
    """

    row: int
    title: str
    estimator: str
    dtype: str
    jit: str
    turns: dict[str, list[float]] = field(default_factory=dict)
    median: dict[str, float] = field(default_factory=dict)
    quartiles: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)

    def ratio(self, over: str, under: str) -> float | None:
        """Return how many times longer one column takes than another, in the median of pairs."""
        pairs = self.pairs(over, under)
        return statistics.median(pairs) if pairs else None

    def pairs(self, over: str, under: str) -> list[float]:
        """Return how many times longer one column takes than another, turn by turn."""
        if over not in self.turns or under not in self.turns:
            return []
        return [a / b for a, b in zip(self.turns[over], self.turns[under], strict=True)]

    def over_floor(self, backend: str) -> float | None:
        """Return how many times the floor our layer takes on a backend."""
        ours, floor = self.median.get(OURS[backend]), self.floor.get(backend)
        return ours / floor if ours and floor else None


@dataclass
class Run:
    """All that a run has measured.

    Args:
        results: The training steps.
        normals: The milliseconds of a draw of normals: by how many, by column and way, by turn.
        calls: The milliseconds of a layer's call outside of compiled steps, by column, by turn.
        draws: The milliseconds of 100 draws for 1,000 inputs, by column, by turn.
        networks: The milliseconds of a step of whole networks, by column and network, by turn.
    """

    results: list[Measurement]
    normals: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    calls: dict[str, list[float]] = field(default_factory=dict)
    draws: dict[str, list[float]] = field(default_factory=dict)
    networks: dict[str, list[float]] = field(default_factory=dict)
