"""Tensors that a model takes: dense and sparse ones, and their specifications."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental import sparse

OPERATION_ERRORS: tuple[type[Exception], ...] = ()
"""JAX raises Python's own errors where values can't become tensors."""


@dataclass(frozen=True)
class Specification:
    """What tensors are like that a function takes.

    Args:
        shape: Their shape; a size of `None` is any size.
        dtype: The name of their dtype.
        is_sparse: Whether they are sparse.
    """

    shape: tuple[int | None, ...]
    dtype: str
    is_sparse: bool = False


def is_ragged(value: Any) -> bool:
    """Whether a value is a ragged tensor: JAX has none."""
    del value
    return False


def sparse_entries(tensor: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return the entries of a sparse tensor: their indices (n, rank), their values, the shape."""
    if isinstance(tensor, sparse.BCSR):
        tensor = tensor.to_bcoo()
    tensor = tensor.update_layout(n_batch=0, n_dense=0)
    indices, values = np.asarray(tensor.indices), np.asarray(tensor.data)
    # Entries that only fill up an array have indices beyond the shape.
    is_entry = (indices < np.array(tensor.shape)).all(axis=1)
    return indices[is_entry], values[is_entry], tuple(tensor.shape)


def sparse_tensor(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return the sparse tensor of these entries, which come in the order of their indices."""
    # A function is compiled anew for each number of entries: there are few powers of two.
    missing = (1 << max(len(values) - 1, 0).bit_length()) - len(values)
    beyond = np.broadcast_to(np.array(shape), (missing, len(shape)))
    indices = np.concatenate([indices, beyond]).astype("int32")
    values = np.concatenate([values, np.zeros(missing, values.dtype)])
    entries = jnp.asarray(values), jnp.asarray(indices)
    return sparse.BCOO(entries, shape=tuple(map(int, shape)), indices_sorted=True)


def tensor_specification(shape: tuple[int | None, ...], dtype: str) -> Specification:
    """Return the specification of a dense tensor; a size of `None` is any size."""
    return Specification(shape, dtype)


def specification(tensor: Any) -> Specification:
    """Return the specification of a tensor like this one, of any number of examples."""
    is_sparse = isinstance(tensor, (sparse.BCOO, sparse.BCSR))
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return Specification((None, *tensor.shape[1:]), dtype, is_sparse)


def common_specification(first: Specification, second: Specification) -> Specification:
    """Return the specification that tensors of either one meet.

    Raises:
        ValueError: If there is none that tells how many dimensions they have.
    """
    if replace(first, shape=()) != replace(second, shape=()) or len(first.shape) != len(
        second.shape
    ):
        raise ValueError(f"{first} and {second}")
    pairs = zip(first.shape, second.shape, strict=True)
    return replace(first, shape=tuple(one if one == other else None for one, other in pairs))
