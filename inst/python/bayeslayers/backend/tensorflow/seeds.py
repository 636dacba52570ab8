"""Streams of random seeds, of which no two threads, calls or replicas are ever handed the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bayeslayers.compat import in_stateless_scope, keep_config_seed

_PHILOX = 1
# TensorFlow counts in blocks of so many numbers; a seed takes one block.
_BLOCK = 256


def fold_in(seed: Any, number: Any) -> Any:
    """Return the seed that follows from a seed and a whole number."""
    return tf.random.experimental.stateless_fold_in(seed, number)


class SeedStream(keras.random.SeedGenerator):
    """Keras's generator of seeds, with a state that is read and moved on in one step.

    Keras reads the state and then writes it: two threads that predict at once are handed the same
    seed. Nor does Keras tell replicas apart, which all start from one state.

    The state has three whole numbers: a counter in two halves, and the seed.

    Args:
        seed: Whole number that all seeds follow from.
    """

    def __init__(self, seed: int) -> None:
        # Not Keras's own constructor: the state that it makes is another, and its first versions
        # make none on replicas.
        self.name = "seed_generator"
        keep_config_seed(self, seed)
        self.state = keras.Variable(
            lambda shape, dtype: tf.constant([0, 0, seed], dtype),
            shape=(3,),
            dtype="int64",
            trainable=False,
            aggregation="none",
            name="seed_generator_state",
        )

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, a tensor of two int32.

        Args:
            ordered: Keras's argument; seeds are always in order.
        """
        del ordered
        before = self._read_and_move_on()
        if not tf.is_symbolic_tensor(before):
            # NumPy takes a tenth of the time of operations that are called one by one.
            before = before.numpy()
            return _of_replica(tf.constant(np.stack([before[2], before[0] // _BLOCK]), tf.int32))
        return _of_replica(tf.cast(tf.stack([before[2], before[0] // _BLOCK]), tf.int32))

    def saved_state(self) -> np.ndarray:
        """Return the state as files have it under every framework."""
        return keras.ops.convert_to_numpy(self.state)

    def restore(self, saved: np.ndarray) -> None:
        """Go on from a state that `saved_state` returned, under any framework."""
        self.state.assign(saved)

    def start_at(self, seed: int, place: int) -> None:
        """Go on as the stream of another seed, from the seed that is at that place of it."""
        self.state.assign([place * _BLOCK, 0, seed])

    def _read_and_move_on(self) -> Any:
        if in_stateless_scope():
            # Nothing may change in place, not even a variable that holds the state: the scope
            # keeps the new state, and hands it to the caller.
            before = tf.convert_to_tensor(self.state.value)
            self.state.assign(before + tf.constant([_BLOCK, 0, 0], before.dtype))
            return before
        one = tf.constant(1, tf.uint64)
        before = [
            tf.raw_ops.RngReadAndSkip(resource=variable.handle, alg=_PHILOX, delta=one)
            for variable in _local(self.state.value)
        ]
        return before[0]


def _local(variable: tf.Variable) -> list[tf.Variable]:
    """Return what there is of a variable here: outside of replicas, the variable of each."""
    is_mirrored = isinstance(variable, tf.distribute.DistributedValues)
    if is_mirrored and tf.distribute.in_cross_replica_context():
        return list(tf.distribute.get_strategy().experimental_local_results(variable))
    return [variable]


def _of_replica(seed: Any) -> Any:
    """Return a seed of this replica's own, where there are several."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return seed
    replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
    return fold_in(seed, replica)
