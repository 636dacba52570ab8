"""Normal distributions over tensors whose numbers are correlated, for all frameworks alike.

    w = loc + scale * u,   u ~ Normal(0, M),   M = I + V V'   or   M = (I + T) (I + T)'

As the scale stands before the correlation, no matrix is ever divided by a small scale. Each
framework's library has its class of it, which takes its arithmetic from here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from keras import ops

from bayeslayers.backend.common import at_least_single


class Correlation(ABC):
    """The matrix M, and a square root of it.

    Args:
        values: Tensor or variable that the matrix is made of.
        size: How many numbers are correlated.
    """

    def __init__(self, values: Any, size: int) -> None:
        self.values = values
        self.size = size

    def _values(self) -> Any:
        """Return the values at present, in no less than single precision."""
        return ops.cast(ops.convert_to_tensor(self.values), at_least_single(self.values.dtype))

    @property
    @abstractmethod
    def noise_size(self) -> int:
        """How many standard normal numbers a draw is made of."""

    @abstractmethod
    def correlated(self, noise: Any) -> Any:
        """Return draws of u, (count, size), of standard normal ones, (count, noise_size)."""

    @abstractmethod
    def log_det(self) -> Any:
        """Return the logarithm of the determinant."""

    @abstractmethod
    def squared_length(self, u: Any) -> Any:
        """Return u' M^-1 u of each row of a tensor (count, size)."""

    @abstractmethod
    def diagonal(self) -> Any:
        """Return the variances, (size,)."""

    @abstractmethod
    def matrix(self) -> Any:
        """Return M, (size, size)."""


class LowRank(Correlation):
    """M = I + V V', of a factor V of shape (size, rank)."""

    @property
    def noise_size(self) -> int:
        return self.size + self.values.shape[1]

    def correlated(self, noise: Any) -> Any:
        own, shared = noise[:, : self.size], noise[:, self.size :]
        return own + ops.matmul(shared, ops.transpose(self._values()))

    def log_det(self) -> Any:
        # By the determinant lemma, of a matrix (rank, rank).
        return 2.0 * ops.sum(ops.log(ops.diagonal(self._inner())))

    def squared_length(self, u: Any) -> Any:
        # By Woodbury's identity.
        inside = ops.solve_triangular(
            self._inner(), ops.transpose(ops.matmul(u, self._values())), lower=True
        )
        return ops.sum(u * u, axis=1) - ops.sum(inside * inside, axis=0)

    def _inner(self) -> Any:
        """Return the Cholesky factor of I + V' V."""
        factor = self._values()
        return ops.cholesky(
            ops.eye(factor.shape[1], dtype=factor.dtype) + ops.matmul(ops.transpose(factor), factor)
        )

    def diagonal(self) -> Any:
        factor = self._values()
        return 1.0 + ops.sum(factor * factor, axis=1)

    def matrix(self) -> Any:
        factor = self._values()
        return ops.eye(self.size, dtype=factor.dtype) + ops.matmul(factor, ops.transpose(factor))


class Triangular(Correlation):
    """M = (I + T) (I + T)', of the numbers below the diagonal of T, row by row."""

    @property
    def noise_size(self) -> int:
        return self.size

    def _root(self) -> Any:
        values = self._values()
        # The places of the numbers, and behind them a zero and a one.
        places = np.full((self.size, self.size), values.shape[0], "int32")
        places[np.tril_indices(self.size, -1)] = np.arange(values.shape[0])
        np.fill_diagonal(places, values.shape[0] + 1)
        rest = ops.convert_to_tensor([0.0, 1.0], dtype=values.dtype)
        return ops.take(ops.concatenate([values, rest]), places)

    def correlated(self, noise: Any) -> Any:
        return ops.matmul(noise, ops.transpose(self._root()))

    def log_det(self) -> Any:
        return ops.zeros((), at_least_single(self.values.dtype))

    def squared_length(self, u: Any) -> Any:
        white = ops.solve_triangular(self._root(), ops.transpose(u), lower=True)
        return ops.sum(white * white, axis=0)

    def diagonal(self) -> Any:
        return ops.sum(ops.square(self._root()), axis=1)

    def matrix(self) -> Any:
        root = self._root()
        return ops.matmul(root, ops.transpose(root))


class Parameters(Protocol):
    """What a library's class has: mean and scale of one shape, and the correlation."""

    loc: Any
    scale: Any
    correlation: Correlation


def _flat(values: Any, q: Parameters) -> Any:
    """Return numbers of the distribution's shape as rows, in its precision."""
    values = ops.cast(ops.convert_to_tensor(values), at_least_single(q.loc.dtype))
    return ops.reshape(values, (-1, q.correlation.size))


def draws(q: Parameters, noise: Any) -> Any:
    """Return draws (count, ...), of standard normal numbers (count, noise_size)."""
    drawn = _flat(q.loc, q) + _flat(q.scale, q) * q.correlation.correlated(noise)
    return ops.reshape(drawn, (-1, *q.loc.shape))


def mean(q: Parameters) -> Any:
    """Return the mean."""
    return ops.reshape(_flat(q.loc, q), q.loc.shape)


def log_density(q: Parameters, value: Any) -> Any:
    """Return the logarithm of the density of each value, of shape (..., *shape of a draw)."""
    value = ops.convert_to_tensor(value)
    outer = ops.shape(value)[: len(value.shape) - len(q.loc.shape)]
    scale = _flat(q.scale, q)
    squares = q.correlation.squared_length((_flat(value, q) - _flat(q.loc, q)) / scale)
    return ops.reshape(_log_normalizer(q) - 0.5 * squares, outer)


def entropy(q: Parameters) -> Any:
    """Return the entropy, in nats."""
    return 0.5 * q.correlation.size - _log_normalizer(q)


def _log_normalizer(q: Parameters) -> Any:
    constant = 0.5 * q.correlation.size * math.log(2.0 * math.pi)
    return -ops.sum(ops.log(_flat(q.scale, q))) - 0.5 * q.correlation.log_det() - constant


def variance(q: Parameters) -> Any:
    """Return the variance of each number."""
    flat = _flat(q.scale, q)[0]
    return ops.reshape(flat * flat * q.correlation.diagonal(), q.loc.shape)


def covariance(q: Parameters) -> Any:
    """Return the covariance of all numbers, row by row."""
    scale = _flat(q.scale, q)
    return ops.transpose(scale) * q.correlation.matrix() * scale


def divergence_from_normal(q: Parameters, loc: Any, scale: Any) -> Any:
    """Return KL(q || independent normals of this mean and scale), in closed form.

    KL = sum over i of ((v[i] / t[i]^2 + (loc[i] - m[i])^2 / t[i]^2 - 1) / 2 - log(s[i] / t[i]))
        - log det M / 2,   of means m and scales t, and of variances v and scales s of q
    """
    shape = q.loc.shape
    prior_loc, prior_scale = (
        _flat(ops.broadcast_to(ops.convert_to_tensor(value), shape), q) for value in (loc, scale)
    )
    ratio = _flat(q.scale, q) / prior_scale
    distance = (_flat(q.loc, q) - prior_loc) / prior_scale
    terms = 0.5 * (ratio * ratio * q.correlation.diagonal() + distance * distance - 1.0)
    return ops.sum(terms - ops.log(ratio)) - 0.5 * q.correlation.log_det()
