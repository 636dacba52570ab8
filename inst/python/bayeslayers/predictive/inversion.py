"""Points at which functions that never fall reach a number: many functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Each doubles the distance, or halves the bracket.
_STEPS = 100
# Of the numbers and of the first bracket: beyond single precision.
_PRECISION = 1e-8

Function = Callable[[np.ndarray], np.ndarray]
"""Takes points of any shape, and returns for each what its own function is there."""


def smallest_reaching(
    function: Function, target: np.ndarray, low: np.ndarray, high: np.ndarray, *, whole: bool
) -> np.ndarray:
    """Return the smallest points at which functions that never fall are `target` or more.

    Args:
        function: The functions.
        target: A number for each, between its values far to the left and far to the right.
        low: A guess that is too small, of the same shape; if it is not, a smaller one is found.
        high: A guess that is large enough.
        whole: Whether the functions change at whole numbers alone.

    Returns:
        The points; not a number where the function is not, in double precision.
    """
    if whole:
        low, high = np.floor(low) - 1, np.ceil(high)
    with np.errstate(invalid="ignore", over="ignore"):
        # From a bracket without a width, a step that numbers of this size notice.
        width = np.maximum(high - low, np.maximum(1e-6 * np.abs(low), 1e-12))
        low, at_low = _moved(function, target, low, -width)
        high, at_high = _moved(function, target, high, width)
        if whole:
            found = _halved(function, target, low, high)
        else:
            found = _found(function, target, (low, at_low), (high, at_high))
        return np.where(np.isnan(at_low + at_high), np.nan, found)


def _moved(
    function: Function, target: np.ndarray, point: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points moved on by doubled steps until they are on that side, and the values there."""
    value = function(point) - target
    for _ in range(_STEPS):
        is_short = np.where(step < 0, value >= 0, value < 0)
        if not is_short.any():
            break
        point = np.where(is_short, point + step, point)
        value = function(point) - target
        step = step * 2
    return point, value


def _halved(
    function: Function, target: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the smallest whole number that reaches the target, between two whole numbers."""
    # A step of less than one may have been taken.
    low, high = np.floor(low), np.ceil(high)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        reaches = function(middle) >= target
        low, high = np.where(reaches, low, middle), np.where(reaches, middle, high)
    return high


def _found(
    function: Function,
    target: np.ndarray,
    left: tuple[np.ndarray, np.ndarray],
    right: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return the points at which continuous functions cross the target, by Chandrupatla's method.

    It takes the parabola through three points where the function looks like one, and halves the
    bracket where it does not: at a jump, which it finds as well.
    """
    # `a` is the newest end of the bracket, `b` the other one, `c` the end that was given up last.
    (a, at_a), (b, at_b) = right, left
    c, at_c = b, at_b
    tolerance = _PRECISION * np.abs(a - b)
    fraction = np.full(np.shape(a), 0.5)
    for _ in range(_STEPS):
        tolerable = tolerance + _PRECISION * np.minimum(np.abs(a), np.abs(b))
        is_open = np.abs(a - b) > tolerable
        if not is_open.any():
            break
        # What is found stays as it is, so that it is the same whatever else is looked for.
        point = np.where(is_open, a + fraction * (b - a), a)
        value = function(point) - target
        same = (value >= 0) == (at_a >= 0)
        c, at_c = np.where(same, a, b), np.where(same, at_a, at_b)
        b, at_b = np.where(same, b, a), np.where(same, at_b, at_a)
        a, at_a = point, value
        fraction = _next_fraction((a, at_a), (b, at_b), (c, at_c), tolerable)
    # A jump's upper end is the smallest point at which the target is reached.
    return np.where(at_a >= 0, a, b)


def _next_fraction(
    newest: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    former: tuple[np.ndarray, np.ndarray],
    tolerable: np.ndarray,
) -> np.ndarray:
    """Return how far from the newest end towards the other one the next point is."""
    (a, at_a), (b, at_b), (c, at_c) = newest, other, former
    with np.errstate(divide="ignore"):
        x, y = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        is_parabola = (y * y < x) & ((1 - y) ** 2 < 1 - x)
        fraction = at_a / (at_b - at_a) * at_c / (at_b - at_c)
        fraction += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        # Beyond the root by no more than is tolerable, so that the bracket closes.
        least = np.minimum(0.5, 0.5 * tolerable / np.abs(b - a))
    fraction = np.where(is_parabola & np.isfinite(fraction), fraction, 0.5)
    return np.clip(fraction, least, 1 - least)
