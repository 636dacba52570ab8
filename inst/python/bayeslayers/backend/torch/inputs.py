"""Tensors that a model takes, and their specifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch
from keras import ops

OPERATION_ERRORS: tuple[type[Exception], ...] = ()
"""What PyTorch raises where values can't become tensors are Python's own errors."""


@dataclass(frozen=True)
class Specification:
    """Shape and dtype of a dense tensor.

    Args:
        shape: The shape; a size of `None` is any size.
        dtype: The name of the dtype.
    """

    shape: tuple[int | None, ...]
    dtype: str


def is_ragged(value: Any) -> bool:
    """Whether a value is a nested tensor, whose examples differ in their shapes."""
    return isinstance(value, torch.Tensor) and value.is_nested


def sparse_entries(tensor: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return the entries of a sparse tensor: their indices (n, rank), their values, the shape."""
    tensor = tensor.detach().to_sparse_coo().coalesce().cpu()
    return tensor.indices().T.numpy(), tensor.values().numpy(), tuple(tensor.shape)


def sparse_tensor(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return a dense tensor of these entries: Keras has no sparse ones on PyTorch.

    It makes sparse matrices dense batch by batch, too, in `fit()` and `predict()`.
    """
    dense = np.zeros(shape, values.dtype)
    dense[tuple(indices.T)] = values
    return ops.convert_to_tensor(dense)


def tensor_specification(shape: tuple[int | None, ...], dtype: str) -> Specification:
    """Return the specification of a dense tensor; a size of `None` is any size."""
    return Specification(tuple(shape), dtype)


def specification(tensor: Any) -> Specification:
    """Return the specification of a tensor like this one, of any number of examples."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return Specification((None, *tensor.shape[1:]), dtype)


def common_specification(first: Specification, second: Specification) -> Specification:
    """Return the specification that tensors of either one meet.

    Raises:
        ValueError: If there is none.
    """
    if first.dtype != second.dtype or len(first.shape) != len(second.shape):
        raise ValueError(f"{first} and {second}")
    pairs = zip(first.shape, second.shape, strict=True)
    sizes = tuple(size if size == other else None for size, other in pairs)
    return Specification(sizes, first.dtype)
