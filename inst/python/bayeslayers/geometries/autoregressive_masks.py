"""The masks of a masked autoregressive network, by the degrees of its units (Germain et al. 2015).

Every unit has a degree. That of an input is its place in the order of the variables, from 1; that
of a hidden unit is the last place that it may see. So a unit sees units of lower or equal degree,
and an output, which has the degree of its variable, only those of lower degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from bayeslayers.contract.errors import ArgumentError

LEFT_TO_RIGHT = "left-to-right"
RIGHT_TO_LEFT = "right-to-left"
RANDOM = "random"
EQUAL = "equal"


def input_degrees(
    order: str | Sequence[int], event_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the place of each variable in the order."""
    places = np.arange(1, event_size + 1)
    named = {
        LEFT_TO_RIGHT: lambda: places,
        RIGHT_TO_LEFT: lambda: places[::-1],
        RANDOM: lambda: rng.permutation(places),
    }
    return named[order]() if isinstance(order, str) else np.asarray(order)


def hidden_degrees(
    rule: str | Sequence[Sequence[int]],
    hidden_units: Sequence[int],
    event_size: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Return the degrees of the units of each hidden layer."""
    if not isinstance(rule, str):
        return [np.asarray(degrees) for degrees in rule]
    # No unit needs to see the last variable. Below the lowest degree of the layer beneath, a unit
    # would see nothing at all.
    highest = event_size - 1
    lowest = min(1, highest)
    result = []
    for units in hidden_units:
        if rule == RANDOM:
            degrees = rng.integers(lowest, highest, size=units, endpoint=True)
        else:
            degrees = np.maximum(lowest, _evenly_spaced(units, highest))
        result.append(degrees)
        lowest = degrees.min()
    return result


def _evenly_spaced(units: int, highest: int) -> np.ndarray:
    """Cut the range up to `highest` at as many points as there are units, and round them up."""
    return -(-np.arange(1, units + 1) * highest // (units + 1))


def mask(below: Any, above: Any, *, strict: bool, dtype: str) -> Any:
    """Return the matrix of ones where a unit above may see a unit below, and zeros elsewhere."""
    sees = ops.less if strict else ops.less_equal
    return ops.cast(sees(ops.expand_dims(below, 1), ops.expand_dims(above, 0)), dtype)


def check_units(degrees: str | Sequence[Sequence[int]], hidden_units: Sequence[int]) -> None:
    """Refuse degrees that are not one for each hidden unit.

    Raises:
        ArgumentError: If they are listed, and do not fit the units.
    """
    if not isinstance(degrees, str) and tuple(map(len, degrees)) != tuple(hidden_units):
        rule = "must list one degree for each of the `hidden_units`, layer by layer"
        received = {"hidden_degrees": degrees, "hidden_units": hidden_units}
        raise ArgumentError("hidden_degrees", rule, received)


def check_places(
    order: str | Sequence[int],
    degrees: str | Sequence[Sequence[int]],
    event_shape: tuple[int, ...],
) -> None:
    """Refuse an order or degrees that do not fit the number of variables.

    Raises:
        ArgumentError: If they are listed, and do not fit.
    """
    (size,) = event_shape
    if not isinstance(order, str) and len(order) != size:
        rule = "must have one place for each variable"
        raise ArgumentError("input_order", rule, {"input_order": order, "event_shape": event_shape})
    listed = () if isinstance(degrees, str) else degrees
    if any(degree >= size for of_layer in listed for degree in of_layer):
        rule = "must be below the number of variables"
        received = {"hidden_degrees": degrees, "event_shape": event_shape}
        raise ArgumentError("hidden_degrees", rule, received)
