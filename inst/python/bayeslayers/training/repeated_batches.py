"""Several draws in one step of training, by the repetition of its examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from bayeslayers.training.steps import overridden


@contextmanager
def repeated_batches(model: keras.Model, samples: int) -> Iterator[None]:
    """Let each step of training see each of its examples several times.

    Layers whose noise differs by example give each copy noise of its own, so that the loss is the
    mean over so many draws. The function of the step is made anew on both ends.
    """
    if samples == 1:
        yield
        return
    step: Callable[..., Any] = model.train_step

    def train_step(*args: Any) -> Any:
        # On JAX the state comes before the data.
        *state, data = args
        return step(*state, keras.tree.map_structure(repeated, data))

    def repeated(leaf: Any) -> Any:
        # There may be no weights of examples.
        return None if leaf is None else ops.repeat(leaf, samples, axis=0)

    model.train_function = None
    try:
        with overridden(model, "train_step", train_step):
            yield
    finally:
        model.train_function = None
