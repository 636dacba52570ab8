"""Random numbers from a seed: the same seed gives the same numbers, on a device of one kind.

PyTorch's compiler passes over what reads a seed: its value would be a constant of what it compiles.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch

from bayeslayers.backend.torch.compat import CPUState, get_device
from bayeslayers.backend.torch.operations import native_dtype, uncompiled

_PRECISE = (torch.float32, torch.float64)
_64_BITS = 2**64 - 1
_32_BITS = 2**32 - 1
_BYTES_OF_AN_INTEGER = 8
# Devices whose generators `fork_rng` keeps anyway, or cannot keep.
_NOT_FORKED = ("cpu", "mps")
# Two threads that seed PyTorch's own generators would draw each other's numbers.
_global_generators = threading.RLock()


@uncompiled
def fold_in(seed: Any, number: Any) -> Any:
    """Return the seed that follows from a seed and a whole number.

    Args:
        seed: Tensor of two whole numbers.
        number: Whole number, or a tensor of one.
    """
    if is_without_values():
        return seed
    hashed = _mixed(_hash(seed) + int(number) & _64_BITS)
    return torch.tensor([hashed & _32_BITS, hashed >> 32])


@uncompiled
def standard_normal(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent standard normals.

    Args:
        shape: The shape of the draws.
        dtype: A float dtype; in less than single precision, draws are rounded ones of that.
        seed: Tensor of two whole numbers, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    dtype = native_dtype(dtype)
    if is_without_values():
        return torch.empty(tuple(shape), dtype=dtype, device="meta")
    device = get_device()
    precise = dtype if dtype in _PRECISE else torch.float32
    draws = torch.randn(
        tuple(shape), generator=_generator_from(seed, device), dtype=precise, device=device
    )
    return draws.to(dtype)


def weight_noise(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw standard normals for a weight, as `standard_normal` does."""
    return standard_normal(shape, dtype, seed)


@uncompiled
def random_signs(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw independent signs, +1 or -1 with equal probability.

    Args:
        shape: The shape of the draws.
        dtype: A float dtype.
        seed: Tensor of two whole numbers, of which each draw needs its own.

    Returns:
        A tensor of this shape and dtype.
    """
    shape, dtype = torch.Size(shape), native_dtype(dtype)
    if is_without_values():
        return torch.empty(shape, dtype=dtype, device="meta")
    device = get_device()
    # One byte for each sign, as eight bytes are drawn at the cost of one number.
    count = shape.numel()
    integers = torch.empty(-(-count // _BYTES_OF_AN_INTEGER), dtype=torch.int64, device=device)
    integers.random_(generator=_generator_from(seed, device))
    # One bit of each byte as 0 or 2, minus 1.
    signs = integers.view(torch.int8)[:count].bitwise_and_(2) - 1.0
    return signs.to(dtype).view(shape)


def is_without_values() -> bool:
    """Whether Keras infers shapes, by tensors of which no value may be read."""
    return get_device() == "meta"


class _OfThread(threading.local):
    """The generator of a thread, which is set anew for each draw, and the state for that."""

    def __init__(self) -> None:
        self.generator = torch.Generator()
        self.state = CPUState()


_of_thread = _OfThread()


def _generator_from(seed: Any, device: str) -> torch.Generator:
    """Return a generator of random numbers that follow from a seed; one is used at a time.

    Args:
        seed: Tensor of two whole numbers.
        device: Where the numbers will be.
    """
    hashed = _hash(seed)
    if not device.startswith("cpu"):
        return torch.Generator(device).manual_seed(hashed)
    generator = _of_thread.generator
    generator.set_state(_of_thread.state.following_from(hashed))
    return generator


def _hash(seed: Any) -> int:
    """Return a whole number of 64 bits for a seed: those of neighbouring seeds have no pattern.

    Of each of its two numbers, 32 bits count.
    """
    first, second = seed.tolist()
    return _mixed(((first & _32_BITS) << 32) | (second & _32_BITS))


def _mixed(number: int) -> int:
    """Return the number that SplitMix64 makes of its state (Steele, Lea and Flood, 2014)."""
    number = (number + 0x9E3779B97F4A7C15) & _64_BITS
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return number ^ (number >> 31)


@contextlib.contextmanager
def global_seed(seed: Any) -> Iterator[None]:
    """Let PyTorch's own generators go on from a seed while the context lasts.

    Its distributions draw from no others.
    """
    device = torch.device(get_device())
    devices = [] if device.type in _NOT_FORKED else [device.index or 0]
    kind = "cuda" if device.type in _NOT_FORKED else device.type
    with _global_generators, torch.random.fork_rng(devices, device_type=kind):
        hashed = _hash(seed)
        torch.manual_seed(hashed)
        torch.default_generator.set_state(_of_thread.state.following_from(hashed))
        yield
