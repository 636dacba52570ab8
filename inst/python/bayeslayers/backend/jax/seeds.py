"""Streams of random seeds, of which no two threads or calls are ever handed the same."""

from __future__ import annotations

import threading
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from bayeslayers.backend.jax.random import as_typed_key
from bayeslayers.compat import in_stateless_scope, keep_config_seed

# The saved state counts in blocks of so many numbers; a seed takes one block.
_BLOCK = 256
_WORD = 2**32
_moving_on = threading.Lock()


def fold_in(seed: Any, number: Any) -> Any:
    """Return the seed that follows from a seed and a whole number."""
    return jax.random.key_data(jax.random.fold_in(as_typed_key(seed), number))


class SeedStream(keras.random.SeedGenerator):
    """Keras's generator of seeds, with a state that one thread at a time moves on.

    Keras reads the state and then writes it: two threads that predict at once are handed the same
    seed.

    The state has two whole numbers: the seed, and the place of the next of those that follow from
    it.

    Args:
        seed: Whole number that all seeds follow from.
    """

    def __init__(self, seed: int) -> None:
        # Not Keras's own constructor, which names the generator after how many there are.
        self.name = "seed_generator"
        keep_config_seed(self, seed)
        self.state = keras.Variable(
            lambda shape, dtype: jnp.asarray([seed, 0], dtype),
            shape=(2,),
            dtype="uint32",
            trainable=False,
            aggregation="none",
            name="seed_generator_state",
        )

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, a tensor of two uint32.

        Args:
            ordered: Keras's argument; seeds are always in order.

        Raises:
            RuntimeError: In a function that JAX compiles, and that is not handed the state: each
                of its calls would draw the same.
        """
        del ordered
        if in_stateless_scope():
            # The scope keeps the new state, and hands it to the caller.
            return self._read_and_move_on()
        with _moving_on:
            return self._read_and_move_on()

    def start_at(self, seed: int, place: int) -> None:
        """Go on as the stream of another seed, from the seed that is at that place of it."""
        self.state.assign(np.array([seed % _WORD, place % _WORD], "uint32"))

    def saved_state(self) -> np.ndarray:
        """Return the state in the form that files have on every backend: [256 * place, 0, seed]."""
        seed, place = (int(number) for number in np.asarray(self.state.value))
        return np.array([_BLOCK * place, 0, seed], "int64")

    def restore(self, saved: Any) -> None:
        """Go on from a state in the form that files have."""
        count, _, seed = (int(number) for number in np.asarray(saved))
        self.start_at(seed, count // _BLOCK)

    def _read_and_move_on(self) -> Any:
        before = self.state.value
        after = _moved_on(before)
        if isinstance(after, jax.core.Tracer) and not in_stateless_scope():
            raise RuntimeError(
                "A layer can't draw in a function that JAX compiles without its state: every call "
                "would draw the same. Call the model by `stateless_call()`, and hand the "
                "function its variables."
            )
        self.state.assign(after)
        return before


@jax.jit
def _moved_on(state: Any) -> Any:
    """Return the state from which the next seed is drawn."""
    return state + jnp.asarray([0, 1], state.dtype)
