"""Rows of tables: the names of the numbers in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def rows_of_values(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the columns that name each number in an array (n, ...): `example` and `variable`."""
    examples, *indices = np.indices(shape).reshape(len(shape), -1)
    names = [f"y{indexed(index)}" for index in zip(*indices, strict=True)]
    return {"example": examples, "variable": names or ["y"] * len(examples)}


def indexed(index: tuple[int, ...]) -> str:
    """Write the place of a number in an array as in "y[0,2]"; one without a place has no index."""
    return f"[{','.join(map(str, index))}]" if index else ""
