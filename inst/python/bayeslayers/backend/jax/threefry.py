"""The generator of JAX's keys, in operations that XLA makes one pass of.

On a CPU JAX compiles it as a loop over its rounds, each of which reads and writes all numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_GROUPS_OF_ROUNDS = 5


def threefry(key: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Return the two random words that a counter of two words is encrypted to.

    Threefry-2x32 with 20 rounds, JAX's own number; from 13 on it passes BigCrush (Salmon, J. K.,
    Moraes, M. A., Dror, R. O., and Shaw, D. E. (2011). Parallel Random Numbers: As Easy as 1, 2, 3.
    International Conference for High Performance Computing, Networking, Storage and Analysis).

    Args:
        key: Tensor of two uint32.
        first: The counter's first word: uint32, of any shape.
        second: Its second word, of a shape that broadcasts with the first.
    """
    keys = key[0], key[1], key[0] ^ key[1] ^ _PARITY
    first, second = first + keys[0], second + keys[1]
    for group in range(_GROUPS_OF_ROUNDS):
        for bits in _ROTATIONS[group % 2]:
            first = first + second
            second = _rotated(second, bits) ^ first
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


def _rotated(words: Any, bits: int) -> Any:
    """Return words of which the first bits have become the last ones."""
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))
