"""Names that are not public, of PyTorch and of Keras on PyTorch, with reasons and tests.

They are there in PyTorch 2.13 and Keras 3.7 to 3.15; `tests/python/test_compat.py` pins what we
rely on. Those of Keras on every framework stand in `bayeslayers/compat.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from keras.src.backend.torch.core import get_device

__all__ = ["get_device", "given_parameter", "spread_seed"]

# `get_device`: Keras sets a device by `keras.device()`, and has no public way to ask which one it
# is. While it infers shapes it is "meta", where tensors have no values.


# Where the state of PyTorch's generator on a CPU (Mersenne twister) has its 624 words of 32 bits,
# one in each 64 bits.
_WORDS = slice(3, 627)
_32_BITS = 2**32 - 1


def spread_seed(generator: torch.Generator, number: int) -> None:
    """Let the state of a generator on a CPU depend on another whole number of 31 bits, too.

    Of a seed, that generator looks at the lower 32 bits alone: of a hundred thousand draws two
    would be equal, more likely than not.

    Args:
        generator: A generator whose seed has just been set.
        number: Whole number from 0 to 2^31 - 1.
    """
    state = generator.get_state()
    # Times an odd number, which maps the words one to one.
    words = state.view(torch.int64)[_WORDS]
    words.mul_(2 * number + 1).bitwise_and_(_32_BITS)
    generator.set_state(state)


def given_parameter(distribution: Any) -> str:
    """Return which of "logits" and "probs" a distribution over classes was made from."""
    # A distribution over columns has one over numbers, and takes both from it.
    made = vars(getattr(distribution, "_categorical", distribution))
    # Both are there once the other has been asked for; the one that was given came first.
    return next(name for name in made if name in ("logits", "probs"))
