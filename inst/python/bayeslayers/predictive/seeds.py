"""The seeds of draws, a few draws at a time: results of all are not held twice."""

from __future__ import annotations

from typing import Any

from keras import ops

_DRAWS_AT_ONCE = 16


def seeds_in_parts(seed: int, draws: int) -> list[tuple[slice, Any]]:
    """Return the places of a few draws among all, with a tensor of their seeds, (draws, 2).

    Args:
        seed: Whole number that the draws follow from.
        draws: The number of all draws.
    """
    starts = range(0, draws, _DRAWS_AT_ONCE)
    places = [range(start, min(start + _DRAWS_AT_ONCE, draws)) for start in starts]
    return [
        (slice(part.start, part.stop), ops.array([(seed, draw) for draw in part], "int32"))
        for part in places
    ]
