"""What is the same under every framework."""

from __future__ import annotations

from typing import Any, Protocol

import keras
from keras import ops

_LARGEST_FLOAT16 = 65504.0


class Stream(Protocol):
    """Random seeds, one after the other."""

    def next(self) -> Any:
        """Return the next seed, a tensor of two whole numbers."""


def at_least_single(dtype: Any) -> str:
    """Return the name of a dtype of no less than single precision, in which sums are taken."""
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"


def in_single(values: Any) -> Any:
    """Return floats in single precision, and whole numbers as they are."""
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(values.dtype))
    return ops.cast(values, "float32") if is_float else values


def within_range(values: Any) -> Any:
    """Return float16 values with the largest number for infinite ones, others as they are."""
    # The other dtypes reach as far as single precision.
    if keras.backend.standardize_dtype(values.dtype) != "float16":
        return values
    return ops.clip(values, -_LARGEST_FLOAT16, _LARGEST_FLOAT16)
