"""Tensors that a model takes: dense, sparse and ragged ones, and their specifications."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

OPERATION_ERRORS: tuple[type[Exception], ...] = (tf.errors.OpError,)
"""What TensorFlow raises where values can't become tensors, beside Python's own errors."""


def is_ragged(value: Any) -> bool:
    """Whether a value is a ragged tensor, whose examples differ in their shapes."""
    return isinstance(value, tf.RaggedTensor)


def sparse_entries(tensor: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return the entries of a sparse tensor: their indices (n, rank), their values, the shape."""
    return tensor.indices.numpy(), tensor.values.numpy(), tuple(tensor.dense_shape.numpy())


def sparse_tensor(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return the sparse tensor of these entries, which come in the order of their indices."""
    return tf.SparseTensor(indices, values, shape)


def tensor_specification(shape: tuple[int | None, ...], dtype: str) -> Any:
    """Return the specification of a dense tensor; a size of `None` is any size."""
    return tf.TensorSpec(shape, dtype)


def specification(tensor: Any) -> Any:
    """Return the specification of a tensor like this one, of any number of examples."""
    shape = [None, *tensor.shape[1:]]
    if isinstance(tensor, tf.SparseTensor):
        return tf.SparseTensorSpec(shape, tensor.dtype)
    if isinstance(tensor, tf.RaggedTensor):
        ranks = tensor.ragged_rank, tensor.row_splits.dtype
        return tf.RaggedTensorSpec(shape, tensor.dtype, *ranks)
    return tf.TensorSpec(shape, tensor.dtype)


def common_specification(first: Any, second: Any) -> Any:
    """Return the specification that tensors of either one meet.

    Raises:
        ValueError: If there is none that tells how many dimensions they have.
    """
    found = first.most_specific_common_supertype([second])
    if found is None or found.shape.rank is None:
        raise ValueError(f"{first} and {second}")
    return found
