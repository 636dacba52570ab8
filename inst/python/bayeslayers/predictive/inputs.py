"""Inputs, in every form that `predict()` takes, and batches of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from bayeslayers import backend
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described

ModelInputs = ArrayLike | Mapping[str, Any] | Iterable[Any] | keras.utils.PyDataset
"""What `predict()` takes: arrays, alone or in a list or dictionary, or batches of them."""

_RULE = (
    "must be what `predict()` takes: an array, a tensor or a data frame, a list or dictionary of "
    "them with as many examples each, or a dataset, a `PyDataset` or a generator of batches of them"
)
FAILURES: tuple[type[Exception], ...] = (
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,
    OverflowError,
    *backend.OPERATION_ERRORS,
)
# What `cardinality()` of TensorFlow's datasets returns in place of a count.
_ENDLESS, _UNKNOWN = -1, -2


@dataclass(frozen=True)
class Batch:
    """Some of the examples.

    Args:
        x: The inputs as tensors, in the nest that the model takes.
        y: The targets as they came with the inputs or beside them, or `None`.
        size: How many examples there are.
        weights: The weights of examples, if they came with the inputs, or `None`.
    """

    x: Any
    y: Any
    size: int
    weights: Any = None


class ArrayInputs:
    """Inputs that are there as a whole and are cut into batches.

    Args:
        x: An array, or a nest of arrays.
    """

    decides_batch_size = False

    def __init__(self, x: Any) -> None:
        for leaf in keras.tree.flatten(x):
            checks.not_categorical("x", leaf)
        try:
            self._x = _nest_of_arrays(x)
            sizes = {_length(leaf) for leaf in keras.tree.flatten(self._x)}
            # So inputs that can't become tensors are refused before anything is computed.
            self.first = self._batch(0, 1)
        except FAILURES as error:
            raise refused("x", _RULE, x) from error
        if len(sizes) != 1:
            raise ArgumentError("x", _RULE, {"x": Described(f"{sorted(sizes)} examples")})
        self.count: int = sizes.pop()
        self.y: Any = None

    @property
    def arrays(self) -> Any:
        """The inputs, a nest of what can be cut into rows."""
        return self._x

    def steps(self, size: int) -> int:
        """Return how many batches of this size there are; without examples, one empty batch."""
        return len(range(0, max(self.count, 1), size))

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of this size; the last one has the examples that are left."""
        for start in range(0, max(self.count, 1), size):
            yield self._batch(start, min(start + size, self.count))

    def _batch(self, start: int, stop: int) -> Batch:
        x = keras.tree.map_structure(lambda leaf: _as_tensor(_rows(leaf, start, stop)), self._x)
        return Batch(x, None, _length(keras.tree.flatten(x)[0]))


class BatchStream:
    """Inputs that come in batches of a size of their own, and may come only once.

    Args:
        batches: Yields inputs, or inputs with targets (and weights).
        steps: How many batches there are, or `None`.
        source: What the caller gave.
    """

    decides_batch_size = True
    count = None

    def __init__(self, batches: Iterable[Any], steps: int | None, source: Any) -> None:
        self._steps = steps
        remaining = map(self._batch, iter(batches))
        first = next(remaining, None)
        if first is None:
            raise ArgumentError("x", "must hold at least one batch", {"x": described(source)})
        # A `Batch`, until the batches are taken.
        self.first: Any = first
        self._all: Iterator[Batch] = itertools.chain([first], remaining)

    def steps(self, size: int | None) -> int | None:
        """Return how many batches there are, if that is known."""
        del size
        return self._steps

    def batches(self, size: int | None) -> Iterator[Batch]:
        """Yield the batches as they come."""
        del size
        # The first batch is not kept while later ones are worked on.
        self.first, remaining, self._all = None, self._all, iter(())
        return remaining

    def _batch(self, batch: Any) -> Batch:
        rule = "must hold batches of inputs, or of inputs and targets, as `predict()` takes them"
        try:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
            x = keras.tree.map_structure(_as_tensor, _nest_of_arrays(x))
            sizes = {_length(leaf) for leaf in keras.tree.flatten(x)}
        except FAILURES as error:
            raise refused("x", rule, batch) from error
        if len(sizes) != 1:
            raise ArgumentError("x", rule, {"x": Described(f"a batch of {sorted(sizes)} examples")})
        return Batch(x, y, sizes.pop(), weights)


class KeptBatches:
    """Batches of inputs that are there as a whole.

    Args:
        batches: At least one.
    """

    decides_batch_size = True

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self.first = batches[0]
        self.count = sum(batch.size for batch in batches)

    def steps(self, size: int | None) -> int:
        """Return how many batches there are."""
        del size
        return len(self._batches)

    def batches(self, size: int | None) -> Iterator[Batch]:
        """Yield the batches, each time the same."""
        del size
        return iter(self._batches)


Inputs = ArrayInputs | BatchStream | KeptBatches


def repeatable(x: Any) -> ArrayInputs | KeptBatches:
    """Return inputs that are the same each time that they are gone through.

    Those of a generator come only once, and those of a dataset may be shuffled each time.
    """
    inputs = as_inputs(x)
    return KeptBatches(list(inputs.batches(None))) if isinstance(inputs, BatchStream) else inputs


def at_hand(x: Any) -> ArrayInputs | KeptBatches:
    """Return all inputs where they are arrays, and of those in batches the first alone."""
    inputs = as_inputs(x)
    return KeptBatches([inputs.first]) if isinstance(inputs, BatchStream) else inputs


def first_batch(x: Any) -> Batch:
    """Return the first batch of inputs, or the first example; the batches need have no end."""
    if isinstance(x, keras.utils.PyDataset):
        return BatchStream([x[0]], 1, x).first
    if _is_tensorflow_dataset(x) or _is_iterable_of_batches(x):
        return BatchStream(x, None, x).first
    return as_inputs(x).first


def comes_once(x: Any) -> bool:
    """Whether batches can be gone through only once, as those of a generator."""
    return isinstance(x, Iterable) and iter(x) is x


def is_endless(x: Any) -> bool:
    """Whether batches have no end, as those of a repeated dataset."""
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is None
    return _is_tensorflow_dataset(x) and int(x.cardinality()) == _ENDLESS


def as_inputs(x: Any) -> Inputs:
    """Return the inputs in one of the three forms; refuse what can't be inputs."""
    if isinstance(x, (ArrayInputs, BatchStream, KeptBatches)):
        return x
    if isinstance(x, keras.utils.PyDataset):
        steps = _ends(x, x.num_batches)
        return BatchStream((x[i] for i in range(steps)), steps, x)
    if _is_tensorflow_dataset(x):
        steps = int(x.cardinality())
        is_known, is_endless = steps != _UNKNOWN, steps == _ENDLESS
        return BatchStream(x, _ends(x, None if is_endless else steps) if is_known else None, x)
    if _is_iterable_of_batches(x):
        return BatchStream(x, len(x) if hasattr(x, "__len__") else None, x)
    return ArrayInputs(x)


def _ends(x: Any, steps: int | None) -> int:
    if steps is None:
        rule = "must have an end: take as many batches of it as there shall be, as by `take()`"
        raise ArgumentError("x", rule, {"x": described(x)})
    return int(steps)


def _is_tensorflow_dataset(x: Any) -> bool:
    # Keras takes them under every framework, and TensorFlow is there where one is.
    return any(
        kind.__name__ == "DatasetV2" and kind.__module__.startswith("tensorflow.")
        for kind in type(x).__mro__
    )


def _is_iterable_of_batches(x: Any) -> bool:
    # A generator, a data loader of PyTorch, a Grain dataset; arrays and tensors have examples.
    is_nest = isinstance(x, (list, tuple, dict, str, bytes, set, frozenset))
    return hasattr(x, "__iter__") and not is_nest and not is_array(x)


class SparseRows:
    """The rows of a sparse matrix or tensor, in order, so that some of them are soon found."""

    def __init__(self, sparse: Any) -> None:
        if backend.is_sparse(sparse):
            indices, values, self.shape = backend.sparse_entries(sparse)
        else:
            entries = sparse.tocoo()
            indices = np.stack(_coordinates(entries), axis=1).astype("int64")
            values, self.shape = _with_floatx(entries.data), entries.shape
        # By rows, and within a row by columns.
        order = np.lexsort(indices.T[::-1])
        self.indices, self.values = indices[order], values[order]

    def rows(self, start: int, stop: int) -> Any:
        """Return the rows from `start` to below `stop`, a sparse tensor."""
        stop = min(stop, int(self.shape[0]))
        low, high = np.searchsorted(self.indices[:, 0], [start, stop])
        offset = np.array([start, *[0] * (len(self.shape) - 1)])
        shape = (max(stop - start, 0), *self.shape[1:])
        return backend.sparse_tensor(self.indices[low:high] - offset, self.values[low:high], shape)


def _coordinates(entries: Any) -> Any:
    return entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)


def _nest_of_arrays(x: Any) -> Any:
    """Return a nest of arrays, each of which can be cut into rows."""
    if isinstance(x, dict):
        return {name: _nest_of_arrays(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)) and not _is_of_numbers(x):
        return type(x)(map(_nest_of_arrays, x)) if type(x) in (list, tuple) else x
    return as_array(x)


def numbers_written_out(x: Any) -> Any:
    """Return a nest with arrays in the place of what Keras does not take.

    That are lists of numbers, and data frames of a library's own numbers, which may be missing.
    """
    if hasattr(x, "iloc") and not checks.is_categorical(x):
        dtypes = [x.dtype] if x.ndim == 1 else list(x.dtypes)
        are_of_numpy = all(isinstance(dtype, np.dtype) for dtype in dtypes)
        are_numbers = all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes)
        return _data_frame_values(x) if are_numbers and not are_of_numpy else x
    if isinstance(x, dict):
        return {name: numbers_written_out(value) for name, value in x.items()}
    if type(x) not in (list, tuple):
        return x
    if not _is_of_numbers(x):
        return type(x)(map(numbers_written_out, x))
    try:
        return _with_floatx(np.asarray(x))
    except ValueError:
        # Rows of different lengths are refused with what can't be inputs.
        return x


def _is_of_numbers(x: list | tuple) -> bool:
    """Whether a list is an array that is written out in numbers."""
    return len(x) > 0 and all(
        _is_of_numbers(item)
        if isinstance(item, (list, tuple))
        else isinstance(item, (bool, int, float, str, bytes, np.generic))
        for item in x
    )


def is_array(x: Any) -> bool:
    """Whether a value is a single array, and no nest of them."""
    return ops.is_tensor(x) or hasattr(x, "__array__") or hasattr(x, "tocoo")


def as_array(x: Any) -> Any:
    """Return an array that can be cut into rows: a tensor, a NumPy array, or sparse rows."""
    if backend.is_sparse(x) or hasattr(x, "tocoo"):
        return SparseRows(x)
    if ops.is_tensor(x):
        return x
    if hasattr(x, "iloc"):
        return _data_frame_values(x)
    if hasattr(x, "detach"):
        x = x.detach().cpu()
    if not is_array(x) and not (isinstance(x, (list, tuple)) and _is_of_numbers(x)):
        raise TypeError(f"neither an array nor a tensor: {type(x).__name__}")
    return np.asarray(x)


def _data_frame_values(x: Any) -> np.ndarray:
    """Return the values of a data frame, or of a series, which is one column."""
    values = x.to_numpy()
    dtypes = [x.dtype] if values.ndim == 1 else list(x.dtypes)
    if values.dtype == object and all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes):
        values = x.to_numpy(keras.config.floatx(), na_value=np.nan)
    return values[:, None] if values.ndim == 1 else values


def _length(leaf: Any) -> int:
    return int(leaf.shape[0])


def _rows(leaf: Any, start: int, stop: int) -> Any:
    return leaf.rows(start, stop) if isinstance(leaf, SparseRows) else leaf[start:stop]


def _as_tensor(leaf: Any) -> Any:
    """Return a tensor of numbers in Keras's own precision, which casts to that of a layer."""
    if isinstance(leaf, SparseRows):
        leaf = leaf.rows(0, int(leaf.shape[0]))
    if isinstance(leaf, np.ndarray):
        leaf = ops.convert_to_tensor(_with_floatx(leaf))
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    if keras.backend.is_float_dtype(dtype) and dtype != keras.config.floatx():
        leaf = ops.cast(leaf, keras.config.floatx())
    return leaf


def last_rows(leaf: Any, start: int) -> Any:
    """Return the rows of an array, which may be sparse, from `start` on."""
    array = as_array(leaf)
    return (
        array.rows(start, array.shape[0])
        if isinstance(array, SparseRows)
        else np.asarray(array)[start:]
    )


def first_row(x: Any) -> Any:
    """Return a batch of the first example alone."""
    return keras.tree.map_structure(lambda leaf: _as_tensor(_rows(as_array(leaf), 0, 1)), x)


def _with_floatx(values: np.ndarray) -> np.ndarray:
    return values.astype(keras.config.floatx()) if values.dtype.kind == "f" else values


def specification(x: Any) -> Any:
    """Return the nest of specifications of a batch's tensors, of any number of examples."""
    return keras.tree.map_structure(backend.specification, x)


def common_specification(first: Any, second: Any) -> Any:
    """Return the specifications that batches of both specifications meet.

    Raises:
        ArgumentError: If batches do not have as many inputs, of as many dimensions and one dtype.
    """
    try:
        # On PyTorch, the first nest's leaves are mapped together with nests of the second.
        keras.tree.assert_same_structure(first, second)
        return keras.tree.map_structure(backend.common_specification, first, second)
    except FAILURES as error:
        rule = "must hold batches of one form, which differ in their sizes alone"
        raise ArgumentError("x", rule, {"x": Described(f"{first}, then {second}")}) from error


def described(value: Any) -> Described:
    """Say what class a value is of, and what an array of no numbers holds."""
    dtype = getattr(value, "dtype", None)
    of = f" of dtype {dtype}" if getattr(dtype, "kind", None) in ("O", "U", "S", "M", "m") else ""
    return Described(f"a {type(value).__name__}{of}")


def refused(argument: str, rule: str, value: Any) -> ArgumentError:
    """Return the error of an argument whose value can't be taken."""
    return ArgumentError(argument, rule, {argument: described(value)})
