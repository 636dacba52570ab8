"""Statistics of a model's outputs under draws of its weights, computed batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers import backend
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.compiled import compiled_once
from bayeslayers.predictive.inputs import Batch, as_inputs, common_specification, specification
from bayeslayers.predictive.members import Models, members_of
from bayeslayers.predictive.outputs import (
    OutputKind,
    call_under,
    is_distribution,
    leaves,
    shape_of,
)
from bayeslayers.predictive.seeds import seeds_in_parts
from bayeslayers.predictive.targets import Targets

# How many numbers of a statistic are summarised at once, in double precision.
_NUMBERS_AT_ONCE = 2**20

Wanted = Sequence[tuple[int, str]]
"""Which statistics of which outputs are asked for: pairs of a place and a name.

A name is "mean", "sample", "log_prob" of the targets, "classes" (the logits or the probabilities
that the distribution was made from), "cdf" (the tensors that it depends on, of which there may be
any number), or that of another method of distributions without arguments. An output that is a
tensor is its own mean and classes.
"""


@dataclass(frozen=True)
class Block:
    """Statistics of some of the examples under all draws.

    Args:
        start: The place of the first of these examples among all.
        size: How many examples there are.
        values: The statistics, (draws, size, ...) each, in the order in which they were asked for.
        y: The targets, (size, ...), or `None`.
    """

    start: int
    size: int
    values: list[np.ndarray]
    y: np.ndarray | None

    @property
    def observed(self) -> np.ndarray:
        """The targets, where there are any."""
        assert self.y is not None
        return self.y

    def with_values(self, values: list[np.ndarray]) -> Block:
        """Return these examples with other values, (..., size, ...) each."""
        return Block(self.start, self.size, values, self.y)

    def pieces(self) -> Iterator[Block]:
        """Yield the block piece by piece, so that little is summarised at once."""
        widest = max(value[:, :1].size for value in self.values)
        step = max(1, _NUMBERS_AT_ONCE // max(widest, 1))
        for low in range(0, max(self.size, 1), step):
            rows = slice(low, low + step)
            values = [value[:, rows] for value in self.values]
            y = None if self.y is None else self.y[rows]
            yield Block(self.start + low, values[0].shape[1], values, y)


class Evaluation:
    """A model that is evaluated under draws of its weights, batch by batch.

    Args:
        model: A Keras model, or those of an ensemble, which give draws in turn.
        x: Inputs in any form that `predict()` takes.
        draws: The number of draws.
        batch_size: How many examples are computed at once, or `None`.
        seed: Whole number that the draws follow from, or `None`.
        verbose: Whether there is a progress bar.
        dropout: Whether dropout acts.
    """

    def __init__(
        self,
        model: Models,
        x: Any,
        draws: int,
        batch_size: int | None = None,
        seed: int | None = None,
        verbose: str | int = "auto",
        *,
        dropout: bool = False,
    ) -> None:
        self.members = members_of(model, dropout=checks.boolean("dropout", dropout))
        self._draws = checks.positive_integer("draws", draws)
        if batch_size is not None:
            batch_size = checks.positive_integer("batch_size", batch_size)
        self.seed = checks.seed_or_drawn("seed", seed)
        self._verbose = _check_verbose(verbose)
        self.inputs = as_inputs(x)
        if batch_size is not None and self.inputs.decides_batch_size:
            rule = "must be left empty where `x` comes in batches, whose size it then is"
            raise ArgumentError("batch_size", rule, {"batch_size": batch_size})
        first = self.inputs.first.x
        self.members.build(first)
        self._specification = specification(first)
        self.outputs = self.members.outputs(self._specification)
        self._batch_size = batch_size or self.outputs.batch_size

    @property
    def model(self) -> keras.Model:
        """The model, or the first of an ensemble, which stands for all of them in errors."""
        return self.members.models[0]

    def draws_of_each(self, wanted: Wanted) -> int:
        """Return how many draws of statistics come from each model."""
        of_outcome = any(name == "sample" for _, name in wanted)
        return self.members.draws_of_each(self._draws, self.outputs, of_outcome=of_outcome)

    def targets(
        self,
        y: Any,
        output: OutputKind,
        check: Callable[[np.ndarray], None] = lambda _: None,
        classes: int | None = None,
    ) -> Targets:
        """Return the targets of an output: `y`, or with `None` those that came with the inputs.

        Args:
            y: What the caller gave.
            output: The output that they are targets of.
            check: Raises an error where a batch's targets can't come from it.
            classes: How many classes it tells apart; `None` for an output of values.
        """

        def pick(targets: Any) -> Any:
            return self.outputs.target_of(output, targets)

        return Targets(self.inputs, y, pick, check, classes)

    def reduce(
        self,
        wanted: Wanted,
        function: Callable[[Block], Any],
        targets: Targets | None = None,
        *,
        in_pieces: bool = True,
    ) -> list[Any]:
        """Return what a function makes of the statistics of one block of examples after the other.

        The draws of no more than one batch are held at a time.

        Args:
            wanted: The statistics that are asked for.
            function: Is called with each block of statistics, in the order of the examples.
            targets: The targets, without which there is no "log_prob".
            in_pieces: Whether the function is called with small pieces of a batch.
        """
        steps = self.inputs.steps(self._batch_size)
        count = self.members.count
        draws = count * self.draws_of_each(wanted)
        seeds = [seeds_in_parts(self.seed, draws, place, count) for place in range(count)]
        parts = sum(map(len, seeds))
        bar = _progress_bar(self._verbose, None if steps is None else steps * parts)
        results: list[Any] = []
        start = 0
        for number, batch in enumerate(self.inputs.batches(self._batch_size)):
            y = None if targets is None else targets.of_batch(batch, start)
            values = self._statistics(wanted, number, batch, y, seeds, bar)
            block = Block(start, batch.size, values, y)
            results.extend(map(function, block.pieces() if in_pieces else [block]))
            start += batch.size
            # This batch is not kept while the next one is computed.
            del batch, values, block
        if targets is not None:
            targets.check_end(start)
        return results

    def _statistics(
        self,
        wanted: Wanted,
        number: int,
        batch: Batch,
        y: np.ndarray | None,
        seeds: list[list[tuple[slice, Any]]],
        bar: Callable[[], None],
    ) -> list[np.ndarray]:
        """Return the statistics of a batch under all draws, (draws, size, ...) each.

        Args:
            wanted: The statistics that are asked for.
            number: The number of the batch.
            batch: The batch.
            y: The targets, or `None`.
            seeds: Places and seeds of a few draws at a time, for each of the models.
            bar: Is called after a few draws.
        """
        self._specification = common_specification(self._specification, specification(batch.x))
        needs_targets = y is not None and any(name == "log_prob" for _, name in wanted)
        y_tensors = [ops.convert_to_tensor(y)] if needs_targets else []
        draws = self.members.count * self.draws_of_each(wanted)
        asked = _Asked(tuple(wanted), self.members.dropout)
        inputs = (batch.x, *y_tensors)
        values: list[np.ndarray] = []
        for place, model in enumerate(self.members.models):
            function = _compiled(model, asked, self._specification, y_tensors)
            for places, part_seeds in seeds[place]:
                with self.members.saying_which(place):
                    found = function(part_seeds, ops.array(number, "int32"), inputs)
                found = [ops.convert_to_numpy(value) for value in found]
                if not values:
                    values = [np.empty((draws, *v.shape[1:]), v.dtype) for v in found]
                for value, part in zip(values, found, strict=True):
                    value[places] = part
                bar()
        return values


@dataclass(frozen=True)
class _Asked:
    """What is asked for of a model's outputs.

    Args:
        wanted: The statistics.
        dropout: Whether dropout acts.
    """

    wanted: tuple[tuple[int, str], ...]
    dropout: bool


def _call(model: Any, seed: Any, batch: Any, inputs: Any, asked: _Asked) -> tuple[Any, ...]:
    """Return what is asked of a model's outputs under one draw of its weights."""
    x, *targets = inputs
    outputs, draw = call_under(model, seed, batch, x, dropout=asked.dropout)
    outputs = leaves(outputs)
    # A seed for each output, so that its noise is the same whichever others are asked for.
    seeds = [ops.cast(draw.stream.next(), "int32") for _ in outputs]
    found: list[Any] = []
    for i, name in asked.wanted:
        if name == "cdf":
            cdf = backend.marginal_cdf(outputs[i])
            found.extend([] if cdf is None else cdf.tensors)
        else:
            found.append(_statistic(outputs[i], name, seeds[i], *targets))
    return tuple(found)


def _statistic(output: Any, name: str, seed: Any, targets: Any = None) -> Any:
    if not is_distribution(output):
        return output
    if name == "log_prob":
        check_target_shapes(shape_of(output), targets)
        return backend.log_prob_by_example(output, targets)
    if name == "sample":
        return backend.sample_with(output, seed)
    over_classes = backend.class_distribution(output)
    if over_classes is not None and name == "classes":
        return over_classes.parameter()
    if name == "mean" and over_classes is not None and over_classes.outcome == "numbers":
        # Numbers of classes have no mean.
        return over_classes.probabilities()
    try:
        return backend.method_of(output, name)()
    except NotImplementedError as error:
        rule = f"must end in a distribution whose `{name}()` is known"
        received = Described(f"the distribution {output.name!r}")
        hint = "`predict_draws()` has its samples, and `log_likelihood()` its log-probabilities."
        raise ArgumentError("model", rule, {"model": received}, hint) from error


def check_target_shapes(outputs: Any, targets: Any) -> None:
    """Raise an error unless each number of an example's outcome has a target."""
    shape, given = tuple(outputs[1:]), tuple(targets.shape[1:])
    # All numbers of an example may stand in a row; in an array, each must have its place.
    is_row = len(given) <= 1 and math.prod(given) == math.prod(shape)
    if not is_row and _above_one(given) != _above_one(shape):
        rule = f"must hold for each example a target of shape {shape}, as the outputs do"
        raise ArgumentError("y", rule, {"shape of each target": given})


def _above_one(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape if size != 1]


@dataclass(frozen=True)
class _UnderDraws:
    """Statistics of a model's outputs under draws of its weights: (draws, batch, ...) each."""

    model: Callable[[], Any]
    asked: _Asked

    def __call__(self, seeds: Any, batch: Any, inputs: Any) -> tuple[Any, ...]:
        model = self.model()
        return backend.map_draws(lambda seed: _call(model, seed, batch, inputs, self.asked), seeds)


def _compiled(model: Any, asked: _Asked, x: Any, targets: list[Any]) -> Callable[..., Any]:
    """Return the compiled statistics of batches of all sizes.

    Args:
        model: The model.
        asked: What is asked for.
        x: The specifications of the inputs.
        targets: The targets, if they are needed.
    """
    seeds = backend.tensor_specification((None, 3), "int32")
    batch = backend.tensor_specification((), "int32")
    specifications = [seeds, batch, (x, *map(specification, targets))]
    key = ("statistics", asked)
    return compiled_once(model, key, lambda found: _UnderDraws(found, asked), specifications)


def _check_verbose(verbose: str | int) -> str | int:
    if isinstance(verbose, str) and verbose != "auto":
        raise ArgumentError("verbose", 'must be "auto", 0 or 1', {"verbose": verbose})
    return verbose


def _progress_bar(verbose: str | int, steps: int | None) -> Callable[[], None]:
    """Return a function that moves a progress bar on by a step.

    Args:
        verbose: Whether there is a bar; with "auto" there is, unless there is only one step.
        steps: How many steps there are, or `None` where that is not known.
    """
    # A single step is over before a bar is drawn.
    if not verbose or (verbose == "auto" and steps == 1):
        return lambda: None
    bar = keras.utils.Progbar(steps, unit_name="step")
    return lambda: bar.add(1)
