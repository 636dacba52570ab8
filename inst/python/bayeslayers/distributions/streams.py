"""Streams of seeds that follow from a seed, and new beginnings for those of a model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import SeedStream, fold_in


class FoldedStream:
    """Seeds that follow from one: the same ones whenever the same model is called with it.

    Args:
        seed: Tensor of two int32.
    """

    def __init__(self, seed: Any) -> None:
        self._seed = seed
        self._count = 0

    def next(self) -> Any:
        """Return the next seed, a tensor of two int32."""
        self._count += 1
        return fold_in(self._seed, self._count)


@contextmanager
def keeping_default_seeds() -> Iterator[None]:
    """Return a context that takes nothing from the generator of Keras's default seeds.

    Functions of posteriors make initializers whenever they are called, and each takes a seed: what
    looks at them once more must not change the seeds of what is made afterwards.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def start_anew(generator: keras.random.SeedGenerator, seed: int, place: int) -> None:
    """Let a generator, ours or Keras's, go on as that of another seed.

    Streams that begin at random places of random seeds hardly ever meet: two of ours would need
    equal seeds of 31 bits, and begin at places of 31 bits closer to each other than they are long.

    Args:
        generator: The generator.
        seed: Whole number from 0 that stands for the whole model.
        place: Number from 0 that tells this generator from the model's others.
    """
    key, start = (int(n) for n in np.random.SeedSequence([seed, place]).generate_state(2) >> 1)
    if isinstance(generator, SeedStream):
        generator.start_at(key, start)
    else:
        generator.state.assign([key, start])
