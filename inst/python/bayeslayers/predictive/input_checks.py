"""Whether inputs are what a model takes, and finite numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bayeslayers import backend
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.inputs import (
    ArrayInputs,
    BatchStream,
    Inputs,
    SparseRows,
    as_array,
    is_array,
)

# Keras's half precision is of a kind that NumPy does not know.
_OF_NUMBERS = "biuf"


def check_finite(argument: str, x: Any) -> None:
    """Raise an error unless a nest of arrays holds finite numbers, or text in tensors."""
    for leaf in keras.tree.flatten(x):
        is_sparse = isinstance(leaf, SparseRows)
        if not is_sparse and (backend.is_ragged(leaf) or not is_array(leaf)):
            continue
        array = leaf if is_sparse else as_array(leaf)
        if isinstance(array, SparseRows):
            checks.finite(argument, array.values, array.indices[:, 0])
            continue
        values = _numbers_of(array)
        if values is not None:
            checks.finite(argument, values)


def check_inputs(inputs: Inputs) -> None:
    """Raise an error unless inputs that are there as a whole are examples in finite numbers."""
    if isinstance(inputs, BatchStream):
        return
    if inputs.count == 0:
        raise ArgumentError("x", "must hold at least one example", {"examples": 0})
    if isinstance(inputs, ArrayInputs):
        check_finite("x", inputs.arrays)
        return
    for batch in inputs.batches(None):
        check_finite("x", batch.x)


def check_shapes(model: Any, first: Any) -> None:
    """Raise an error where a model that states its inputs gets a batch of others."""
    try:
        expected = keras.tree.flatten(model.inputs)
    except (AttributeError, ValueError):
        # A model of a class of its own, or one that learns from its first inputs what they are.
        return
    are_known = all(isinstance(tensor, keras.KerasTensor) for tensor in expected)
    if not expected or not are_known or isinstance(first, dict):
        return
    given = keras.tree.flatten(first)
    if len(given) != len(expected):
        rule = f"must hold an array for each input of the model, of which there are {len(expected)}"
        raise ArgumentError("x", rule, {"arrays": len(given)})
    for tensor, leaf in zip(expected, given, strict=True):
        sizes, found = tuple(tensor.shape[1:]), tuple(leaf.shape[1:])
        if _differ(sizes, found):
            rule = f"must hold inputs of shape {sizes} for each example, as the model takes them"
            raise ArgumentError("x", rule, {"shape of each input": found})


def _differ(expected: tuple[int | None, ...], found: tuple[int | None, ...]) -> bool:
    """Whether no more than a dimension of 1 can't make one shape of the other, as Keras does."""
    if len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)
    both = [[size for size in sizes if size != 1] for sizes in (expected, found)]
    return None not in (*expected, *found) and both[0] != both[1]


def check_numbers(argument: str, values: Any) -> None:
    """Raise an error where an array of NumPy, or a data frame, holds no numbers."""
    checks.not_categorical(argument, values)
    if isinstance(values, np.ndarray) and not _is_of_numbers(values):
        received = Described(f"an array of dtype {values.dtype}")
        raise ArgumentError(argument, "must hold numbers", {argument: received})
    if hasattr(values, "dtypes") and hasattr(values, "columns"):
        kinds = zip(values.columns, values.dtypes, strict=True)
        others = [
            str(name) for name, kind in kinds if getattr(kind, "kind", "O") not in _OF_NUMBERS
        ]
        if others:
            rule = "must hold numbers in each column"
            raise ArgumentError(argument, rule, {"columns without numbers": others})


def _is_of_numbers(values: np.ndarray) -> bool:
    return values.dtype.kind in _OF_NUMBERS or values.dtype.name == "bfloat16"


def _numbers_of(array: Any) -> np.ndarray | None:
    """Return the numbers of an array or a tensor; `None` where there is nothing to look at."""
    if not isinstance(array, np.ndarray):
        dtype = keras.backend.standardize_dtype(array.dtype)
        # Whole numbers are finite, and text is none.
        array = keras.ops.convert_to_numpy(array) if keras.backend.is_float_dtype(dtype) else None
    return array if array is not None and _is_of_numbers(array) else None
