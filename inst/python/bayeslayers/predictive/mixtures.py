"""The mixture over draws of the weights: its cdf is the mean of theirs, and so exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from bayeslayers import backend
from bayeslayers.backend import MarginalCdf
from bayeslayers.predictive.inversion import smallest_reaching
from bayeslayers.predictive.statistics import MAD_OF_NORMAL, Probs, quantiles_of_draws

# What a library raises where a distribution has no cdf, or can't be made in double precision.
_NO_CDF: tuple[Any, ...] = (
    NotImplementedError,
    TypeError,
    ValueError,
    AttributeError,
    *backend.OPERATION_ERRORS,
)
# How many numbers are computed at once, in double precision.
_NUMBERS_AT_ONCE = 2**22
# A cdf that is a probability but for rounding reaches it.
_ROUNDING = 1e-12
# The CRPS: where tails are left out, how often a tail's width is doubled, how many whole numbers
# are added up one by one, and the panels and nodes of the quadrature between the samples.
_TAIL, _DOUBLINGS, _WHOLE_NUMBERS = 1e-6, 30, 256
_PANELS = 4
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


class Cdf:
    """The cdf of an output's numbers, compiled once for all that asks for it.

    Args:
        found: What the backend knows of it.
    """

    def __init__(self, found: MarginalCdf) -> None:
        self.is_whole, at = found.is_whole, found.at
        shapes = [str(getattr(tensor, "shape", ())) for tensor in found.tensors]
        self.form = (found.is_whole, *shapes)

        def plain(draw: list[Any], points: Any) -> Any:
            return at(draw[1:], points)

        def beyond_ends(draw: list[Any], points: Any) -> Any:
            sample, *tensors = draw
            value = at(tensors, points)
            outside = ops.where(points < sample, ops.zeros_like(value), ops.ones_like(value))
            return ops.where(ops.isnan(value) & ~ops.isnan(sample), outside, value)

        self._of = {
            (of_square, of_all): backend.sum_over_draws(_with_square(f) if of_square else f)
            for of_all, f in enumerate((plain, beyond_ends))
            for of_square in (0, 1)
        }

    def sum_over_draws(
        self, arrays: list[np.ndarray], points: np.ndarray, *, with_square: bool
    ) -> np.ndarray:
        """Return the sum of the cdfs under some draws.

        Args:
            arrays: A sample, and what the cdf depends on, (draws, ...) each.
            points: The points, (1, ..., n, ...); (2, ..., n, ...), twice the same, for squares.
            with_square: Whether the second half of the sums is that of the squares.
        """
        found = self._of[with_square, False](arrays, points)
        if np.isnan(found).any():
            # Some have no number beyond their ends, between which the sample is.
            found = self._of[with_square, True](arrays, points)
        return found


class Cdfs:
    """The cdfs of an output's numbers under draws, which come from several models in turn.

    Args:
        of_members: The cdf under draws of each model, of tensors of one form.
    """

    def __init__(self, of_members: Sequence[Cdf]) -> None:
        self.of_members = of_members
        self._is_known = True

    @property
    def form(self) -> tuple[Any, ...]:
        """What tells whether the cdfs of two models go together."""
        return self.of_members[0].form

    def mixture(self, samples: np.ndarray, tensors: list[np.ndarray]) -> Mixture | None:
        """Return the mixture over draws of the weights; `None` where it has no cdf.

        Args:
            samples: A draw of the outcome under each draw of the weights, (draws, n, ...).
            tensors: What the cdf depends on, (draws, ...) each.
        """
        if not self._is_known:
            return None
        found = Mixture(self.of_members, samples, tensors)
        try:
            found.cdf(samples[:1].astype("float64"))
        except _NO_CDF:
            self._is_known = False
            return None
        return found


def _with_square(function: Callable[..., Any]) -> Callable[..., Any]:
    def both(draw: list[Any], points: Any) -> Any:
        value = function(draw, points[0])
        return ops.stack([value, value * value])

    return both


def reached(p: Any) -> Any:
    """Return the number that a cdf reaches at a quantile: it may be rounded, and is never 0."""
    return np.maximum(np.asarray(p) - _ROUNDING, _ROUNDING)


def as_column(values: np.ndarray, rank: int) -> np.ndarray:
    """Return a vector as an array of a rank that broadcasts along the others."""
    return values.reshape(-1, *[1] * (rank - 1))


class Mixture:
    """The predictive distribution of each number of some examples' outcomes.

    Its quantiles, like all of its numbers, are exact to single precision for these draws of the
    weights: those of the outcome given the weights are integrated out.

    Args:
        cdfs: The cdf under one draw of the weights, for each of the models that they come from.
        samples: A draw of the outcome under each draw of the weights, (draws, n, ...).
        tensors: What the cdf depends on, (draws, ...) each.
    """

    def __init__(self, cdfs: Sequence[Cdf], samples: np.ndarray, tensors: list[np.ndarray]) -> None:
        self._samples, self._is_whole = samples, cdfs[0].is_whole
        # The draws of each model: they come from the models in turn.
        count = len(cdfs)
        self._members = [
            (cdf, [array[place::count] for array in (samples, *tensors)])
            for place, cdf in enumerate(cdfs)
        ]

    def cdf(self, points: np.ndarray) -> np.ndarray:
        """Return the probability of no more than points (..., n, ...), in double precision."""
        found = [self._mean(member, points[None], with_square=False) for member in self._members]
        return sum(found[1:], start=found[0])[0] / len(found)

    def _below(self, points: np.ndarray) -> np.ndarray:
        """Return the probability of less than points."""
        is_whole = self._is_whole
        return self.cdf(np.ceil(points) - 1 if is_whole else np.nextafter(points, -np.inf))

    def _mean(
        self, member: tuple[Cdf, list[np.ndarray]], points: np.ndarray, *, with_square: bool
    ) -> np.ndarray:
        """Return the mean over the draws of one model at points, (1 or 2, :, n, ...)."""
        cdf, all_arrays = member
        points = np.floor(points) if self._is_whole else points
        draws, found = len(all_arrays[0]), np.zeros(points.shape)
        step = max(1, _NUMBERS_AT_ONCE // max(self._samples[0].size, 1))
        for draw in range(0, draws, step):
            arrays = [_in_double(array[draw : draw + step]) for array in all_arrays]
            for first in range(0, points.shape[1], step):
                part = points[:, first : first + step]
                total = cdf.sum_over_draws(arrays, part, with_square=with_square)
                found[:, first : first + step] += total
        return np.clip(found / draws, 0.0, 1.0)

    def quantiles(self, probs: Probs) -> np.ndarray:
        """Return the smallest outcomes that are not exceeded with these probabilities."""
        p = np.asarray(probs, "float64")
        low, high = self._guesses(self._samples, p)
        target = np.broadcast_to(as_column(reached(p), low.ndim), low.shape)
        is_whole = self._is_whole
        return self._rounded(smallest_reaching(self.cdf, target, low, high, whole=is_whole))

    def mad(self, median: np.ndarray) -> np.ndarray:
        """Return the median distance from the median, (n, ...), in units of a normal's sd."""

        def within(distance: np.ndarray) -> np.ndarray:
            return self.cdf(median + distance) - self._below(median - distance)

        low, high = self._guesses(np.abs(self._samples - median), np.array([0.5]))
        half = np.full(low.shape, reached(0.5))
        found = smallest_reaching(within, half, low, high, whole=self._is_whole)
        at_once = within(np.zeros_like(half)) >= half
        return MAD_OF_NORMAL * np.where(at_once, 0.0, self._rounded(found))[0]

    def _guesses(self, samples: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
        """Return quantiles of samples that are most likely around those of the mixture."""
        count = len(samples)
        error = 3 * np.sqrt(p * (1 - p) / count) + 1 / count
        ends = np.clip(np.concatenate([p - error, p + error]), 0.0, 1.0)
        return np.split(quantiles_of_draws(samples, tuple(ends)).astype("float64"), 2)

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        """Return values in the precision of outcomes, in which a jump is at one of them."""
        is_double = self._samples.dtype == "float64"
        return values if is_double else values.astype("float32").astype("float64")

    def pit(self, y: np.ndarray) -> np.ndarray:
        """Return the probability integral transform of the observations, (n, ...)."""
        below, at = self._around(y)
        return (below + at) / 2

    def covered(self, y: np.ndarray, lower: Probs, upper: Probs) -> np.ndarray:
        """Return whether observations lie between pairs of quantiles, (probs, n, ...).

        An outcome is no less than a quantile where its cdf reaches the probability, and no more
        where the cdf has not reached it before.
        """
        below, at = self._around(y)
        low, high = (as_column(reached(probs), y.ndim + 1) for probs in (lower, upper))
        return (at >= low) & (below < high)

    def _around(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of less than the observations, and of no more than them."""
        # A point mass of single precision is met by an outcome that was rounded as well.
        at = y.astype("float32").astype("float64") if self._samples.dtype == "float32" else y
        return self._below(at[None])[0], self.cdf(at[None])[0]

    def crps(self, y: np.ndarray) -> np.ndarray:
        """Return the continuous ranked probability scores, (n, ...)."""
        lefts, rights = self._ends()
        low, high = lefts[-1], rights[-1]
        near = np.clip(y, low, high)
        with np.errstate(invalid="ignore"):
            is_countable = (high - low).max(initial=0) <= _WHOLE_NUMBERS
        if self._is_whole and is_countable:
            count = int((high - low).max(initial=0))
            left = low + np.arange(count).reshape(-1, *[1] * y.ndim)
            widths = np.minimum(left + 1, high) - np.minimum(left, high)
            # An outcome that is no whole number divides its interval.
            before = np.clip(near - left, 0, widths)
        else:
            # Panels of equal width, each of which is divided where there are many samples.
            shares = tuple(np.linspace(0, 1, _PANELS + 1)[1:-1])
            panels = np.linspace(lefts[0], rights[0], _PANELS + 1)
            divisions = quantiles_of_draws(self._samples, shares)
            edges = np.stack([*lefts[1:], *panels, *divisions, *rights[1:], near])
            edges = np.sort(edges, axis=0)
            middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
            left = np.concatenate([middle + half * node for node in _NODES])
            widths = np.concatenate([half * weight for weight in _WEIGHTS])
            before = np.where(left < near, widths, 0.0)
        below, error = self._mean_and_error(left)
        inside = before * below**2 + (widths - before) * (1 - below) ** 2
        # By the variance of a mean its square is too large.
        inside -= widths * error
        return inside.sum(axis=0) + np.abs(y - near)

    def _mean_and_error(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the cdf at points, and by what variance it is off for want of draws.

        A mean of m draws of one model is off by a variance of theirs over m. The models themselves
        are all that there are.
        """
        twice = np.stack([points, points])
        below, error = np.zeros(points.shape), np.zeros(points.shape)
        for member in self._members:
            mean, squared = self._mean(member, twice, with_square=True)
            below += mean
            # One draw does not tell.
            error += (squared - mean**2) / max(len(member[1][0]) - 1, 1)
        return below / len(self._members), error / len(self._members) ** 2

    def _ends(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return points further and further out on both sides, until hardly anything is beyond."""
        low = self._samples.min(axis=0).astype("float64")
        high = self._samples.max(axis=0).astype("float64")
        if self._is_whole:
            low, high = np.floor(low) - 1, np.ceil(high) + 1
        width = np.maximum((high - low) / 2, np.maximum(1e-6 * np.abs(low), 1e-12))
        width = np.ceil(width) if self._is_whole else width
        lefts, rights = [low], [high]
        for _ in range(_DOUBLINGS):
            below, not_above = self.cdf(np.stack([lefts[-1], rights[-1]]))
            is_left, is_right = below > _TAIL, 1 - not_above > _TAIL
            if not (is_left.any() or is_right.any()):
                break
            lefts.append(np.where(is_left, lefts[-1] - width, lefts[-1]))
            rights.append(np.where(is_right, rights[-1] + width, rights[-1]))
            width = width * 2
        return lefts, rights


def _in_double(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind in "biu" else array.astype("float64")
