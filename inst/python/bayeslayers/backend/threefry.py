"""A generator of random words, in operations that XLA makes one pass of.

It is the generator of JAX's keys, which JAX on a CPU compiles as a loop over its rounds, each of
which reads and writes all numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_GROUPS_OF_ROUNDS = 5

# The first words of counters. JAX's `fold_in` has 0 there: no seed that follows from a seed is made
# of bits of a draw from it.
OF_NORMALS, OF_ANGLES, OF_SIGNS = np.uint32(1), np.uint32(2), np.uint32(3)


def threefry(
    key: Any, first: Any, second: Any, rotated: Callable[[Any, int], Any]
) -> tuple[Any, Any]:
    """Return the two random words that a counter of two words is encrypted to.

    Threefry-2x32 with 20 rounds, JAX's own number; from 13 on it passes BigCrush (Salmon, J. K.,
    Moraes, M. A., Dror, R. O., and Shaw, D. E. (2011). Parallel Random Numbers: As Easy as 1, 2, 3.
    International Conference for High Performance Computing, Networking, Storage and Analysis).

    Args:
        key: Tensor of two uint32.
        first: The counter's first word: uint32, of any shape.
        second: Its second word, of a shape that broadcasts with the first.
        rotated: Returns words of which so many first bits have become the last ones.
    """
    keys = key[0], key[1], key[0] ^ key[1] ^ _PARITY
    first, second = first + keys[0], second + keys[1]
    for group in range(_GROUPS_OF_ROUNDS):
        for bits in _ROTATIONS[group % 2]:
            first = first + second
            second = rotated(second, bits) ^ first
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second
