"""The seeds of draws, a few draws at a time: results of all are not held twice."""

from __future__ import annotations

from typing import Any

from keras import ops

_DRAWS_AT_ONCE = 16


def seeds_in_parts(seed: int, draws: int, first: int = 0, step: int = 1) -> list[tuple[slice, Any]]:
    """Return the places of a few draws among all, with a tensor of their seeds, (draws, 3).

    A seed is what a `ModelDraw` is made of: the seed that all follow from, the number of the draw,
    and its number among those that are asked for.

    Args:
        seed: Whole number that the draws follow from.
        draws: The number of all draws.
        first: The place of the first of those that are asked for.
        step: How far their places are apart.
    """
    wanted = range(first, draws, step)
    parts = [wanted[i : i + _DRAWS_AT_ONCE] for i in range(0, len(wanted), _DRAWS_AT_ONCE)]
    return [
        (
            slice(part.start, part.stop, step),
            ops.array([(seed, draw, (draw - first) // step) for draw in part], "int32"),
        )
        for part in parts
    ]
