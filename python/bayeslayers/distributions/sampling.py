"""Draw from a distribution with the layer's own stream of random numbers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def with_seeds(distribution: Any, seeds: keras.random.SeedGenerator) -> Any:
    """Return the distribution with a `sample` that takes its seed from `seeds`, unless given one.

    A caller's `function(d) d.sample()` is so repeatable from the layer's seed, never shares noise
    with another layer, and compiles under XLA, which refuses TensorFlow's stateful generators.
    """
    unseeded = distribution.sample

    def sample(sample_shape: Any = (), seed: Any = None, **kwargs: Any) -> Any:
        if seed is None:
            seed = tf.cast(seeds.next(), tf.int32)
        return unseeded(sample_shape, seed=seed, **kwargs)

    # A shallow copy: the caller's own distribution stays as it is. `copy.copy` would construct
    # anew.
    seeded = object.__new__(type(distribution))
    vars(seeded).update(vars(distribution))
    seeded.sample = sample
    return seeded
