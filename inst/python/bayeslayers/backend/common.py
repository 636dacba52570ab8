"""Code that all frameworks share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from bayeslayers.compat import current_scope

_LARGEST_FLOAT16 = 65504.0


class Stream(Protocol):
    """Random seeds, one after the other."""

    def next(self) -> Any:
        """Return the next seed, a tensor of two whole numbers."""


class Sliding(NamedTuple):
    """How a window slides over the positions of inputs whose channels come last.

    Args:
        strides: The stride in each dimension.
        padding: "valid" or "same".
        dilation_rate: The dilation rate in each dimension.
    """

    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]

    def for_keras(self) -> dict[str, Any]:
        """Return the arguments of Keras's own functions."""
        return {**self._asdict(), "data_format": "channels_last"}


class RecordingScope(keras.StatelessScope):
    """A scope that records which variables are read, and in which nothing changes for good.

    Variables have the values that the scope is given, or those that they have around it. What is
    assigned to them ends with the scope.

    Args:
        values: Pairs of a variable and the value that it has in the scope.
    """

    def __init__(self, values: Iterable[tuple[keras.Variable, Any]] = ()) -> None:
        super().__init__(list(values))
        self.read: list[keras.Variable] = []
        self._around = current_scope()
        self._ids: set[int] = set()

    def get_current_value(self, variable: keras.Variable) -> Any:
        """Return the value of a variable in the scope; `None` where that is its own."""
        if id(variable) not in self._ids:
            self._ids.add(id(variable))
            self.read.append(variable)
        value = super().get_current_value(variable)
        if value is None and self._around is not None:
            return self._around.get_current_value(variable)
        return value


@functools.cache
def _dtype_named(dtype: Any) -> str:
    """Return Keras's name of a tensor's dtype, found once: a layer asks a dozen times a call."""
    return keras.backend.standardize_dtype(dtype)


def at_least_single(dtype: Any) -> str:
    """Return the name of a dtype of no less than single precision, in which sums are taken."""
    return "float64" if _dtype_named(dtype) == "float64" else "float32"


def in_single(values: Any) -> Any:
    """Return floats in single precision, and whole numbers as they are."""
    is_float = keras.backend.is_float_dtype(_dtype_named(values.dtype))
    return ops.cast(values, "float32") if is_float else values


def within_range(values: Any) -> Any:
    """Return float16 values with the largest number for infinite ones, others as they are."""
    # The other dtypes have the range of single precision.
    if _dtype_named(values.dtype) != "float16":
        return values
    return ops.clip(values, -_LARGEST_FLOAT16, _LARGEST_FLOAT16)


def zeros_around(
    size: Any, stride: int, width: int, rate: int, largest: Callable[[Any, Any], Any] = max
) -> tuple[Any, Any]:
    """Return how many zeros the padding "same" puts before and behind the positions of inputs.

    So that there are as many outputs as strides in the inputs; of an odd number of zeros, the last
    one comes behind.

    Args:
        size: The number of positions.
        stride: The stride.
        width: The size of the window.
        rate: The dilation rate.
        largest: Returns the larger of two numbers; a framework's, where the size is a tensor.
    """
    zeros = largest(0, (-(-size // stride) - 1) * stride + (width - 1) * rate + 1 - size)
    return zeros // 2, zeros - zeros // 2
