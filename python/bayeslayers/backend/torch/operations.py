"""What PyTorch does faster or more safely than Keras's own operations."""

from __future__ import annotations

import functools
from typing import Any

import keras
import torch
from keras import ops

from bayeslayers.backend.torch.compat import get_device


def add_bias(values: Any, bias: Any) -> Any:
    """Add a number per channel, the last dimension."""
    return values + bias


def saturating_cast(values: Any, dtype: Any) -> Any:
    """Cast, and take the largest number of the dtype for larger ones: float16 ends at 65504."""
    dtype = native_dtype(dtype)
    if values.dtype == dtype:
        return values
    values = ops.convert_to_tensor(values)
    if values.is_floating_point():
        largest = torch.finfo(dtype).max
        if largest < torch.finfo(values.dtype).max:
            values = values.clamp(-largest, largest)
    return values.to(dtype)


@functools.cache
def native_dtype(dtype: Any) -> torch.dtype:
    """Return PyTorch's dtype of a name.

    Raises:
        TypeError: If PyTorch does not know it.
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    try:
        name = None if dtype is None else keras.backend.standardize_dtype(dtype)
    except ValueError:
        name = None
    found = getattr(torch, name or "", None)
    if not isinstance(found, torch.dtype):
        raise TypeError(f"PyTorch has no dtype {dtype!r}.")
    return found


def dtype_name(value: Any) -> str | None:
    """Return the name of a dtype of PyTorch's, and `None` for everything else."""
    return str(value).removeprefix("torch.") if isinstance(value, torch.dtype) else None


def dtype_hint(dtype: str) -> str | None:
    """Return how a dtype comes to be computed in: PyTorch does in all of Keras's floats."""
    del dtype
    return None


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor, or in the functional API stands for one."""
    if isinstance(value, torch.Tensor):
        return value.layout is not torch.strided
    return getattr(value, "sparse", False) is True


def has_gpu() -> bool:
    """Whether there is a device with a faster float16, which it sums in single precision."""
    return not str(get_device()).startswith(("cpu", "meta"))


class _FiniteWhenTrainedOn(torch.autograd.Function):
    """The identity, whose gradient is refused where the value is infinite or not a number."""

    @staticmethod
    def forward(value: torch.Tensor, message: str) -> torch.Tensor:
        del message
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        value, ctx.message = inputs
        ctx.save_for_backward(value)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        (value,) = ctx.saved_tensors
        if not torch.isfinite(value).all():
            raise FloatingPointError(ctx.message)
        return upstream, None


def finite_when_trained_on(value: Any, message: str) -> Any:
    """Return the value; refuse to take its gradient where it is infinite or not a number.

    Where only a forward pass is asked for, nothing is checked.

    Raises:
        FloatingPointError: With this message, when the gradient is computed.
    """
    return _FiniteWhenTrainedOn.apply(value, message)
