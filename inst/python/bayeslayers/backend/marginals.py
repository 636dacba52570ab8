"""The cdf of each number of an outcome, as a function of tensors alone: in the same words for all.

A library of distributions says by a `Dissection` what its distributions are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from keras import ops

_At = Callable[[list[Any], Any], Any]
"""The cdf at points (..., n, ...), of the tensors of a distribution of shape (n, ...)."""


@dataclass(frozen=True)
class MarginalCdf:
    """The cdf of each number of an outcome alone, whatever it shares with the others.

    Args:
        tensors: What it depends on. They are all that a later call of `at` needs.
        at: Takes such tensors, all floats of which may be in another precision, and points.
        is_whole: Whether outcomes are whole numbers; `at` is then called with such points alone.
    """

    tensors: list[Any]
    at: _At
    is_whole: bool


class Dissection(Protocol):
    """What the distributions of a library are made of."""

    def alone(self, distribution: Any) -> Any:
        """Return the distribution of each number of an outcome, where several are one event."""

    def mixed(self, distribution: Any) -> tuple[Any, list[Any], bool] | None:
        """Return what a mixture consists of; `None` for all others.

        They are the probabilities of the components, (..., components); the components; and
        whether one distribution holds all of them, in the last dimension of its batch.
        """

    def parts(self, distribution: Any, keep: Callable[[Any], int]) -> Callable[[list[Any]], Any]:
        """Return a function that makes the distribution of tensors.

        Args:
            distribution: The distribution.
            keep: Is called with each tensor in it, and returns its place among the tensors.
        """

    def cdf(self, distribution: Any, points: Any) -> Any:
        """Return the cdf at points.

        Raises:
            NotImplementedError: If the distribution has none.
        """

    def is_whole(self, distribution: Any) -> bool:
        """Whether outcomes of a distribution that is no mixture are whole numbers."""


def marginal_cdf(library: Dissection, distribution: Any) -> MarginalCdf | None:
    """Return the cdf of each number of an outcome; `None` where there is none."""
    tensors: list[Any] = []
    whole: list[bool] = []

    def keep(tensor: Any) -> int:
        tensors.append(tensor)
        return len(tensors) - 1

    try:
        at = _cdf_of(library, distribution, keep, whole)
    except NotImplementedError:
        return None
    return MarginalCdf(tensors, at, any(whole))


def _cdf_of(
    library: Dissection, distribution: Any, keep: Callable[[Any], int], whole: list[bool]
) -> _At:
    distribution = library.alone(distribution)
    rank = len(distribution.event_shape)
    mixed = library.mixed(distribution)
    if mixed is not None:
        probabilities, components, in_one = mixed
        place = keep(probabilities)
        found = [_cdf_of(library, component, keep, whole) for component in components]
        return _over_components(place, found[0], rank) if in_one else _sum_of(place, found, rank)
    if rank:
        raise NotImplementedError
    whole.append(library.is_whole(distribution))
    build = library.parts(distribution, keep)
    return lambda tensors, points: library.cdf(build(tensors), points)


def _over_components(place: int, component: _At, rank: int) -> _At:
    def at(tensors: list[Any], points: Any) -> Any:
        # (..., components, 1, ...), with a 1 for each dimension of the event.
        p = _with_ones(tensors[place], rank)
        axis = -1 - rank
        return ops.sum(p * component(tensors, ops.expand_dims(points, axis)), axis=axis)

    return at


def _sum_of(place: int, components: list[_At], rank: int) -> _At:
    def at(tensors: list[Any], points: Any) -> Any:
        p = tensors[place]
        shares = [
            _with_ones(p[..., k], rank) * component(tensors, points)
            for k, component in enumerate(components)
        ]
        return sum(shares[1:], start=shares[0])

    return at


def _with_ones(values: Any, rank: int) -> Any:
    for _ in range(rank):
        values = ops.expand_dims(values, -1)
    return values
