"""Names that are not public, of PyTorch and of Keras on PyTorch, with reasons and tests.

They are there in PyTorch 2.13 and Keras 3.7 to 3.15; `tests/python/test_backend_torch.py` pins
what we rely on. Those of Keras on every framework stand in `bayeslayers/compat.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from keras.src.backend.torch.core import get_device
from torch.distributions import Distribution

__all__ = ["CPUState", "get_device", "given_parameter", "is_in_backward", "of_any_value"]

# `get_device`: Keras sets a device by `keras.device()`, and has no public way to ask which one it
# is. While it infers shapes it is "meta", where tensors have no values.


# Where the state of PyTorch's generator on a CPU (Mersenne twister) has its 624 words of 32 bits,
# with as many bits of nothing behind each.
_WORDS = slice(6, 1254, 2)
_32_BITS = 2**32 - 1


class CPUState:
    """The state of a generator on a CPU that follows from 63 bits of a number.

    Of a seed, PyTorch looks at the lower 32 bits: of a hundred thousand draws two would be equal,
    more likely than not. So the words of the state are those of a fixed one, times one half of
    the number, plus the other.
    """

    def __init__(self) -> None:
        self._state = torch.Generator().manual_seed(0).get_state()
        # The array and the tensor share their memory.
        self._words = self._state.numpy().view(np.uint32)[_WORDS]
        self._fixed = self._words.copy()

    def following_from(self, number: int) -> torch.Tensor:
        """Return the state of a whole number of 64 bits, which lasts until the next call."""
        # Multiplication by an odd number is one to one.
        np.multiply(self._fixed, np.uint32((number >> 32) | 1), out=self._words)
        self._words += np.uint32(number & _32_BITS)
        return self._state


def is_in_backward() -> bool:
    """Whether a gradient is being computed, in which `checkpoint()` calls a function again."""
    return torch._C._current_graph_task_id() != -1


def given_parameter(distribution: Any) -> str:
    """Return which of "logits" and "probs" a distribution over classes was made from."""
    # A distribution over columns has one over numbers, and takes both from it.
    made = vars(getattr(distribution, "_categorical", distribution))
    # Both are there once the other has been asked for; the one that was given came first.
    return next(name for name in made if name in ("logits", "probs"))


def of_any_value(distribution: Any) -> Any:
    """Return a distribution that takes every value, whether it may have it or not.

    Whether a distribution checks values is said when it is made, and can't be changed in public. It
    is said of each distribution inside it, too.
    """
    copy = object.__new__(type(distribution))
    parts = vars(distribution).items()
    vars(copy).update(
        {name: of_any_value(v) if isinstance(v, Distribution) else v for name, v in parts}
    )
    copy._validate_args = False
    return copy
