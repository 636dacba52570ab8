"""Operations that PyTorch computes faster or more safely than Keras's own."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import keras
import torch
from keras import ops

from bayeslayers.backend.torch.compat import get_device

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def uncompiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return a function that PyTorch's compiler leaves as it is: it compiles what is around it.

    `torch.compiler.disable()` alone would take about as long at every other call as the draw of a
    small kernel.

    Args:
        function: One that makes layers or reads numbers, which the compiler cannot follow.
    """
    in_compilation = torch.compiler.disable(function)

    @functools.wraps(function)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        chosen = in_compilation if torch.compiler.is_compiling() else function
        return chosen(*args, **kwargs)

    return call


def unique_name(name: str) -> str:
    """Return a name that no other state of a layer has.

    Keras lists variables among a module's parameters by their paths, and one of two of a path is
    lost: `state_dict()` would not have it.
    """
    return f"{name}_{keras.backend.get_uid(name)}"


def cast(values: Any, dtype: Any) -> Any:
    """Return tensors in a dtype; those that are in it already as they are."""
    dtype = native_dtype(dtype)
    if not isinstance(values, torch.Tensor):
        return ops.cast(values, dtype)
    return values if values.dtype is dtype else values.to(dtype)


def on_device_of(other: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return a tensor on the device of another; where one has no values, there is nothing to move.

    Distributions of a user's own may be on another device than what Keras makes.
    """
    return value if value.is_meta or other.is_meta else value.to(other.device)


def matmul(first: Any, second: Any) -> Any:
    """Return the matrix product of two tensors; Keras's has single precision, also of doubles."""
    if isinstance(first, torch.Tensor) and first.dtype is second.dtype:
        return torch.matmul(first, second)
    return ops.matmul(first, second)


def softplus(values: Any) -> Any:
    """Return log(1 + exp(x)), to the precision of the dtype."""
    if isinstance(values, torch.Tensor):
        return torch.nn.functional.softplus(values)
    return ops.softplus(values)


def add_bias(values: Any, bias: Any) -> Any:
    """Add a number per channel, the last dimension."""
    return values + bias


def saturating_cast(values: Any, dtype: Any) -> Any:
    """Cast, and take the largest number of the dtype for larger ones: float16 ends at 65504."""
    dtype = native_dtype(dtype)
    # This includes infinite values of float16 itself.
    if values.dtype == dtype and dtype is not torch.float16:
        return values
    values = ops.convert_to_tensor(values)
    if values.is_floating_point():
        largest = torch.finfo(dtype).max
        if dtype is torch.float16 or largest < torch.finfo(values.dtype).max:
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
    """Return how a dtype comes to be computed in; `None` for one that PyTorch computes in already.

    Apple's GPUs have no double precision.
    """
    has_none = dtype == "float64" and str(get_device()).startswith("mps")
    return "Set `KERAS_TORCH_DEVICE=cpu` before `keras` is imported." if has_none else None


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor, or in the functional API stands for one."""
    if isinstance(value, torch.Tensor):
        return value.layout is not torch.strided
    return getattr(value, "sparse", False) is True


def has_values(value: Any) -> bool:
    """Whether the values of a tensor are known, as they are outside of compiled functions."""
    return value.device.type != "meta" and not torch.compiler.is_compiling()


def has_gpu() -> bool:
    """Whether there is a device with a faster float16, which it sums in single precision."""
    return not str(get_device()).startswith(("cpu", "meta"))


def finite_when_trained_on(value: Any, message: str) -> Any:
    """Return the value; refuse to take its gradient where it is infinite or not a number.

    Where only a forward pass is asked for, nothing is checked. PyTorch's compiler leaves the check
    out.

    Raises:
        FloatingPointError: With this message, when the gradient is computed.
    """
    if value.requires_grad and not torch.compiler.is_compiling():
        # A hook on a caller's leaf would stay there, and one on a result of several is called for
        # the gradient of the others, too.
        value = value.view(value.shape)
        # Detached, or the graph would hold a reference to itself.
        kept = value.detach()

        def check(upstream: Any) -> None:
            del upstream
            if not math.isfinite(kept.item()):
                raise FloatingPointError(message)

        value.register_hook(check)
    return value
