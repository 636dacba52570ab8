"""The generalized Gauss-Newton matrix of layers, summed over examples in double precision.

    H = sum over examples n of J_n' F_n J_n

J_n is the Jacobian of the likelihood's parameters with respect to the weights of a layer, and F_n
the Fisher information of these parameters. With F = R R', G = R' (Jacobian of the parameters with
respect to the layer's outputs, before its activation) and the inputs a of the layer, the weights
from input c to output k have the entries of sum over positions t of a[t, c] G[m, t, k].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

# How many numbers of an array in double precision are held at once.
_NUMBERS = 2**24


@dataclass(frozen=True)
class Spectrum:
    """A matrix H by its eigenvalues and eigenvectors.

    Args:
        values: The eigenvalues, or the diagonal, from 0 on, in the shape of the layer's `scale`.
        rotations: The eigenvectors: of the rows, and of the columns, as far as there are any.
    """

    values: np.ndarray
    rotations: list[np.ndarray]


class Curvature(ABC):
    """The sum over examples, as they come in batches."""

    @abstractmethod
    def add(self, inputs: np.ndarray, gradients: np.ndarray) -> None:
        """Add examples.

        Args:
            inputs: a, (n, positions, rows).
            gradients: G, (n, parameters, positions, columns).
        """

    @abstractmethod
    def spectrum(self) -> Spectrum:
        """Return the eigenvalues and eigenvectors of the sum."""


class FullCurvature(Curvature):
    """All of H, between any two weights of the layer.

    Args:
        rows: How many rows the matrix of weights has.
        columns: How many columns.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = (rows, columns)
        self._sum = np.zeros((rows * columns,) * 2)

    def add(self, inputs: np.ndarray, gradients: np.ndarray) -> None:
        rows, columns = self._shape
        step = max(1, _NUMBERS // max(rows * rows, gradients.shape[1] * rows * columns))
        for low in range(0, len(inputs), step):
            a, g = inputs[low : low + step], gradients[low : low + step]
            if a.shape[1] == 1:
                self._add_products(a[:, 0], g[:, :, 0])
                continue
            jacobians = np.einsum("ntc,nmtk->nmck", a, g, optimize=True)
            jacobians = jacobians.reshape(-1, rows * columns)
            self._sum += jacobians.T @ jacobians

    def _add_products(self, a: np.ndarray, g: np.ndarray) -> None:
        """Add layers of one position, where each example has a Kronecker product."""
        rows, columns = self._shape
        of_rows = np.einsum("nc,nd->ncd", a, a).reshape(len(a), -1)
        of_columns = np.einsum("nmk,nml->nkl", g, g, optimize=True).reshape(len(a), -1)
        products = (of_rows.T @ of_columns).reshape(rows, rows, columns, columns)
        self._sum += products.transpose(0, 2, 1, 3).reshape(self._sum.shape)

    def spectrum(self) -> Spectrum:
        values, vectors = np.linalg.eigh(self._sum)
        return Spectrum(np.clip(values, 0, None)[:, None], [vectors])


class KroneckerCurvature(Curvature):
    """The Kronecker factors: H is taken for A x B.

    A = sum over n, t of a a',   B = sum over n, m, t of G G' / (number of examples and positions)
    """

    def __init__(self) -> None:
        self._of_rows: np.ndarray | float = 0.0
        self._of_columns: np.ndarray | float = 0.0
        self._count = 0

    def add(self, inputs: np.ndarray, gradients: np.ndarray) -> None:
        a = inputs.reshape(-1, inputs.shape[-1])
        g = gradients.reshape(-1, gradients.shape[-1])
        self._of_rows = self._of_rows + a.T @ a
        self._of_columns = self._of_columns + g.T @ g
        self._count += len(a)

    def spectrum(self) -> Spectrum:
        of_rows, rows = np.linalg.eigh(self._of_rows)
        of_columns, columns = np.linalg.eigh(self._of_columns / self._count)
        values = np.outer(np.clip(of_rows, 0, None), np.clip(of_columns, 0, None))
        return Spectrum(values, [rows, columns])


class DiagonalCurvature(Curvature):
    """The diagonal of H."""

    def __init__(self) -> None:
        self._sum: np.ndarray | float = 0.0

    def add(self, inputs: np.ndarray, gradients: np.ndarray) -> None:
        if inputs.shape[1] == 1:
            squares = np.square(gradients[:, :, 0]).sum(axis=1)
            self._sum = self._sum + np.square(inputs[:, 0]).T @ squares
            return
        transposed = np.swapaxes(inputs, 1, 2)
        for m in range(gradients.shape[1]):
            for a, g in zip(transposed, gradients[:, m], strict=True):
                self._sum = self._sum + np.square(a @ g)

    def spectrum(self) -> Spectrum:
        return Spectrum(np.asarray(self._sum), [])


def curvature_of(structure: str, rows: int, columns: int) -> Curvature:
    """Return what sums up the examples: "full", "kron" or "diagonal"."""
    if structure == "full":
        return FullCurvature(rows, columns)
    return KroneckerCurvature() if structure == "kron" else DiagonalCurvature()


def best_prior_precision(values: list[np.ndarray], sum_of_squares: float) -> float:
    """Return the precision of the prior at which the marginal likelihood is largest.

    log p(D; tau) = constant + (P log tau - tau sum of m^2 - sum of log(h + tau)) / 2

    At the largest, tau times the sum of the squares of the means m is the number of weights that
    the data determine, the sum of h / (h + tau) (MacKay 1992). The first rises in tau, and the
    second falls, so there is one such point.

    Args:
        values: The eigenvalues h of each layer.
        sum_of_squares: The sum of m^2.
    """
    from scipy.optimize import brentq

    h = np.concatenate([each.ravel() for each in values])

    def excess(log_precision: float) -> float:
        precision = np.exp(log_precision)
        return precision * sum_of_squares - float(np.sum(h / (h + precision)))

    low, high = np.log(_PRECISIONS)
    if excess(low) >= 0:
        return _PRECISIONS[0]
    if excess(high) <= 0:
        return _PRECISIONS[1]
    return float(np.exp(brentq(excess, low, high, xtol=1e-10)))


_PRECISIONS = (1e-8, 1e8)
"""The smallest and the largest precision, where the data say nothing or the means are zero."""
