"""Normal matrices whose numbers are independent once their rows and columns are rotated.

    W = M + U (S * E) V',   E[i, j] ~ Normal(0, 1)

M is the mean, S holds standard deviations, and U and V are orthogonal matrices, each of which may
be missing. With a single column this is any normal vector, with U and V it is what Kronecker
factors lead to, and with neither the numbers themselves are independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

from bayeslayers.backend import matmul


@dataclass(frozen=True)
class RotatedNormal:
    """The distribution of W - M.

    Args:
        scale: S, a tensor (rows, columns).
        rows: U, a tensor (rows, rows), or `None`.
        columns: V, a tensor (columns, columns), or `None`.
    """

    scale: Any
    rows: Any = None
    columns: Any = None

    def deviation(self, noise: Any) -> Any:
        """Return the draw of W - M that standard normal numbers (rows, columns) stand for."""
        return self._rotated(self.scale * noise, self.rows, self.columns)

    def variance(self) -> Any:
        """Return the variance of each number."""
        squares = [None if each is None else each * each for each in (self.rows, self.columns)]
        return self._rotated(self.scale * self.scale, *squares)

    def divergence(self, sum_of_squares: Any, precision: Any) -> Any:
        """Return KL(W || P), where the numbers of P are independent draws of Normal(0, sd).

        KL = 1/2 (sum of (r^2 - 1 - log r^2) + precision * sum of M^2),   r^2 = precision * S^2

        Args:
            sum_of_squares: The sum of the squares of M.
            precision: 1 / sd^2.
        """
        ratio = precision * self.scale * self.scale
        return 0.5 * (ops.sum(ratio - 1.0 - ops.log(ratio)) + precision * sum_of_squares)

    @staticmethod
    def _rotated(values: Any, rows: Any, columns: Any) -> Any:
        values = values if rows is None else matmul(rows, values)
        return values if columns is None else matmul(values, ops.transpose(columns))
