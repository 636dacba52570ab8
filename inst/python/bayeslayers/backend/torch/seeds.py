"""Streams of random seeds, of which no two threads, calls or processes are handed the same."""

from __future__ import annotations

import threading
from typing import Any

import keras
import numpy as np
import torch
from keras import ops

from bayeslayers.backend.torch.compat import is_in_backward
from bayeslayers.backend.torch.operations import uncompiled, unique_name
from bayeslayers.backend.torch.random import fold_in, is_without_values
from bayeslayers.compat import in_stateless_scope, keep_config_seed
from bayeslayers.contract.errors import ArgumentError, Described

# Files count in blocks of so many numbers; a seed takes one block.
_BLOCK = 256
_ONE_ON = torch.tensor([_BLOCK, 0, 0])
# One for all streams, as layers that hold a lock could not be copied. It is held for microseconds.
_lock = threading.Lock()


class SeedStream(keras.random.SeedGenerator):
    """Keras's generator of seeds, with a state that is read and moved on in one step.

    Keras reads the state and then writes it: two threads that predict at once are handed the same
    seed. And it adds seed and count, so that neighbouring seeds share their numbers.

    The state has three whole numbers: a counter, zero, and the seed.

    Args:
        seed: Whole number that all seeds follow from.
    """

    def __init__(self, seed: int) -> None:
        # Not Keras's own constructor: the state that it makes is another.
        self.name = "seed_generator"
        keep_config_seed(self, seed)
        # On the CPU, where Python reads it without waiting for a device.
        with keras.device("cpu"):
            self.state = keras.Variable(
                lambda shape, dtype: ops.convert_to_tensor([0, 0, seed], dtype),
                shape=(3,),
                dtype="int64",
                trainable=False,
                aggregation="none",
                name=unique_name("seed_generator_state"),
            )

    @uncompiled
    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, a tensor of two whole numbers on the CPU.

        Args:
            ordered: Keras's argument; seeds are always in order.
        """
        del ordered
        if is_without_values():
            return torch.zeros(2, dtype=torch.int64)
        if is_in_backward():
            rule = (
                "must leave out what has layers that draw: called again for the gradient, they "
                "would draw other noise"
            )
            received = {"called again": Described("a layer that draws")}
            raise ArgumentError("torch.utils.checkpoint.checkpoint()", rule, received)
        with _lock:
            count, _, seed = self.state.value.tolist()
            self._move_on(count, seed)
        return _of_process(torch.tensor([seed, count // _BLOCK]))

    def start_at(self, seed: int, place: int) -> None:
        """Go on as the stream of another seed, from the seed that is at that place of it."""
        self.state.assign([place * _BLOCK, 0, seed])

    def saved_state(self) -> np.ndarray:
        """Return the state as files have it under every framework: three whole numbers."""
        return ops.convert_to_numpy(self.state)

    def restore(self, saved: Any) -> None:
        """Go on from the state of a file."""
        self.state.assign(np.asarray(saved, "int64"))

    def _move_on(self, count: int, seed: int) -> None:
        if in_stateless_scope():
            # Nothing may change in place: the scope keeps the new state, and hands it to the
            # caller.
            self.state.assign([count + _BLOCK, 0, seed])
        else:
            state = self.state.value
            state.add_(_ONE_ON.to(state.device))


def _of_process(seed: Any) -> Any:
    """Return a seed of this process's own, where several train one model."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return seed
    return fold_in(seed, distributed.get_rank())
