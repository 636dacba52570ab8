"""One draw of all random weights of a model, the same for all inputs."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import Stream, fold_in
from bayeslayers.compat import keep_config_seed
from bayeslayers.contract import checks
from bayeslayers.distributions.streams import FoldedStream


class ModelDraw:
    """A draw of the weights of a whole model, during one call of it.

    Args:
        seed: Tensor of int32, which stands for the draw: every call with this seed has the same
            weights, whatever its inputs. It has two numbers, the second of which counts the draws;
            or three, the third of which counts those of this model among the draws of several.
        batch: Number of the batch, so that noise of inputs and outputs differs between batches.
        layers: The layers of the model, in an order that is always the same: a layer's place tells
            its weights from those of others, whichever is called first, or at all.
        dropout: Whether dropout acts, as it does in training.
    """

    def __init__(
        self, seed: Any, batch: Any, layers: Sequence[Any], *, dropout: bool = False
    ) -> None:
        self.dropout = dropout
        self._number, seed = seed[-1], seed[:2]
        # The two never coincide: batches are counted from 1, and 0 stands for the weights.
        self._seed_of_weights = fold_in(seed, 0)
        self._stream_of_examples = FoldedStream(fold_in(seed, batch + 1))
        self.stream: Stream = self._stream_of_examples
        self._places = {id(layer): place for place, layer in enumerate(layers)}
        self._values: dict[tuple[int, str], Any] = {}

    def weight_of(self, layer: Any, role: str, draw: Callable[[], Any]) -> Any:
        """Return a weight of a layer, drawn where it is first asked for."""
        key = (id(layer), role)
        if key not in self._values:
            self.stream = self._stream_for(layer, role)
            try:
                self._values[key] = draw()
            finally:
                self.stream = self._stream_of_examples
        return self._values[key]

    def member(self, size: int) -> Any:
        """Return the member of an ensemble of this size whose turn it is, within one model."""
        return ops.mod(self._number, size)

    def seed_generator(self) -> keras.random.SeedGenerator:
        """Return a generator for Keras's functions, whose noise differs between examples."""
        return _GeneratorOfDraw(self._stream_of_examples)

    def _stream_for(self, layer: Any, role: str) -> Stream:
        # A layer that Keras does not track comes after those that it tracks.
        place = self._places.setdefault(id(layer), len(self._places))
        return FoldedStream(
            fold_in(fold_in(self._seed_of_weights, place), zlib.crc32(role.encode()) >> 1)
        )


class _GeneratorOfDraw(keras.random.SeedGenerator):
    """Keras's generator of seeds, which has no state of its own."""

    def __init__(self, stream: Stream) -> None:
        # Not Keras's own constructor, which makes a variable.
        self.name = "seed_generator"
        # On PyTorch, Keras's dropout asks no generator for a seed that was made without one.
        keep_config_seed(self, 0)
        self._stream = stream

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, a tensor of two whole numbers.

        Args:
            ordered: Keras's argument; seeds are always in order.
        """
        del ordered
        return self._stream.next()


_current: contextvars.ContextVar[ModelDraw | None] = contextvars.ContextVar(
    "current_model_draw", default=None
)


def current_model_draw() -> ModelDraw | None:
    """Return the draw of the whole model that is being made, or `None`."""
    return _current.get()


@contextlib.contextmanager
def drawing(draw: ModelDraw) -> Iterator[None]:
    """Let all layers that are called take their weights from a draw of the whole model."""
    token = _current.set(draw)
    try:
        yield
    finally:
        _current.reset(token)


class _Member:
    """A member of any ensemble, which is drawn where it is first asked for."""

    @functools.cached_property
    def number(self) -> int:
        return checks.seed_or_drawn("seed", None)


_member_of_sample: contextvars.ContextVar[_Member | None] = contextvars.ContextVar(
    "member_of_sample", default=None
)


def member_of_sample(size: int) -> int:
    """Return the member of an ensemble of this size whose weights are drawn outside of a call."""
    return (_member_of_sample.get() or _Member()).number % size


@contextlib.contextmanager
def sampling_one_member() -> Iterator[None]:
    """Let all layers whose weights are drawn outside of a call take those of one member."""
    token = _member_of_sample.set(_Member())
    try:
        yield
    finally:
        _member_of_sample.reset(token)
