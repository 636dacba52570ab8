"""What `fit_bayesian()` learns from: looked at once, and checked before the training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.input_checks import check_finite, check_numbers
from bayeslayers.predictive.inputs import (
    ArrayInputs,
    Batch,
    as_array,
    as_inputs,
    comes_once,
    described,
    first_batch,
    is_array,
    is_endless,
    last_rows,
    numbers_written_out,
)

_PAIR = (
    "must be a pair of inputs and targets, or three with the weights of examples, or batches of "
    "them, as `fit()` takes them"
)


class Examples:
    """Inputs and targets in a form that `fit()` takes.

    Args:
        x: Inputs, or batches of inputs and targets.
        y: The targets, or `None` where they come with the inputs.
        weights: The weights of the examples, or `None`.

    Attributes:
        x: What `fit()` takes as inputs, with all batches still to come.
        y: The targets as an array, or `None`.
        first: The first batch, or the first example with no targets.
        count: How many examples there are; `None` where they come in batches.
    """

    def __init__(self, x: Any, y: Any, weights: Any = None) -> None:
        self.comes_once = comes_once(x)
        self._source, self.count = x, None
        self.x, self.y = numbers_written_out(x), numbers_written_out(y)
        for leaf in keras.tree.flatten(self.x):
            check_numbers("x", leaf)
        if self.comes_once:
            self.first, self.x = _peeked(x)
        elif is_endless(x):
            self.first = first_batch(x)
        else:
            self._inputs = as_inputs(self.x)
            self.first = self._inputs.first
            self.count = self._inputs.count if isinstance(self._inputs, ArrayInputs) else None
        self._check(weights)

    def _check(self, weights: Any) -> None:
        if self.count is None:
            for name, value in {"y": self.y, "sample_weight": weights}.items():
                if value is not None:
                    rule = "must be left empty where `x` comes in batches, which hold it"
                    raise ArgumentError(name, rule, {name: described(value)})
            _checked(self.first, 0)
            return
        if self.count == 0:
            raise ArgumentError("x", "must hold at least one example", {"examples": 0})
        check_finite("x", self.x)
        if weights is not None:
            _check_weights(weights, self.count)

    @property
    def targets(self) -> Any:
        """The targets, of the first batch where they come in batches; `None` if there are none."""
        return self.first.y if self.count is None else self.y

    @property
    def size(self) -> int:
        """How many examples the targets are for."""
        return self.first.size if self.count is None else self.count

    def size_of_epoch(
        self, batch_size: int, split: float, num_examples: float | None, steps: int | None
    ) -> tuple[float, int]:
        """Return how many examples are learnt from, and how many steps an epoch has.

        Batches are counted by going through them once, unless the caller says how many there are.

        Args:
            batch_size: How many examples of an array a step takes.
            split: The part of an array that is kept for validation.
            num_examples: How many examples there are, if the caller says.
            steps: How many steps an epoch has, if the caller says.
        """
        if num_examples is not None and steps is not None:
            return num_examples, steps
        if self.comes_once or is_endless(self.x):
            rule = (
                "must be given, and `steps_per_epoch` as well, where `x` can be gone through once, "
                "or has no end"
            )
            received = {"num_examples": num_examples, "x": described(self._source)}
            raise ArgumentError("num_examples", rule, received)
        if self.count is not None:
            examples = math.floor(self.count * (1 - split))
            counted = math.ceil(examples / batch_size)
        else:
            sizes = [_checked(batch, at).size for at, batch in enumerate(self._batches())]
            examples, counted = sum(sizes), len(sizes)
        return num_examples or examples, max(steps or counted, 1)

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches, which are gone through once."""
        assert not isinstance(self._inputs, ArrayInputs)
        return self._inputs.batches(None)

    def last_part(self, weights: Any, split: float) -> tuple[Any, Any, Any]:
        """Return the data that Keras keeps for validation, as it tells nobody which.

        Args:
            weights: The weights of the examples, or `None`.
            split: The part that is kept.
        """
        if self.count is None or self.y is None:
            rule = "must be 0 where `x` comes in batches"
            raise ArgumentError("validation_split", rule, {"validation_split": split})
        at = math.floor(self.count * (1 - split))
        if not 0 < at < self.count:
            rule = "must leave examples on both sides"
            received = {"validation_split": split, "examples": Described(str(self.count))}
            raise ArgumentError("validation_split", rule, received)

        def last(leaf: Any) -> Any:
            return None if leaf is None else last_rows(leaf, at)

        return keras.tree.map_structure(last, (self.x, self.y, weights))


def _peeked(x: Any) -> tuple[Batch, Iterator[Any]]:
    """Return the first batch of those that come once, and all of them, with that one to come."""
    first = next(x, None)
    if first is None:
        raise ArgumentError("x", "must hold at least one batch", {"x": described(x)})

    def batches() -> Iterator[Any]:
        yield first
        yield from x

    return first_batch(iter([first])), batches()


def _checked(batch: Batch, at: int) -> Batch:
    """Return a batch, which holds finite numbers."""
    try:
        check_finite("x", batch.x)
        check_finite("y", batch.y)
    except ArgumentError as error:
        received = {name: Described(text) for name, text in error.received.items()}
        place = {"batch": Described(f"the {checks.ordinal(at + 1)}")}
        raise ArgumentError(error.argument, error.rule, {**received, **place}) from error
    return batch


def _check_weights(weights: Any, count: int) -> None:
    """Raise an error unless weights are numbers from 0, one for each example."""
    rule = "must hold a number from 0 for each example"
    for leaf in keras.tree.flatten(weights):
        if not is_array(leaf):
            raise ArgumentError("sample_weight", rule, {"sample_weight": leaf})
        check_numbers("sample_weight", leaf)
        check_finite("sample_weight", leaf)
        values = np.asarray(keras.ops.convert_to_numpy(as_array(leaf)))
        if len(values) != count:
            received = Described(f"shape {values.shape} for {count} examples")
            raise ArgumentError("sample_weight", rule, {"sample_weight": received})
        if (values < 0).any():
            received = Described(f"{(values < 0).sum()} of {values.size} below 0")
            raise ArgumentError("sample_weight", rule, {"sample_weight": received})


def check_class_weights(weights: Any, classes: int | None) -> None:
    """Raise an error unless weights of classes are numbers from 0 by the classes' numbers.

    Args:
        weights: What the caller gave.
        classes: How many classes there are; `None` where that is not known.
    """
    if weights is None:
        return
    rule = "must hold a finite number from 0 for each class, by the number of the class"
    is_right = isinstance(weights, Mapping) and all(
        isinstance(weight, (int, float, np.number)) and 0 <= weight < math.inf
        for weight in weights.values()
    )
    if not is_right:
        raise ArgumentError("class_weight", rule, {"class_weight": weights})
    if classes is None:
        return
    # Keras would leave out what is no class.
    unknown = [number for number in weights if number not in range(classes)]
    if unknown:
        rule = f"must have no names but the numbers of the classes, from 0 to {classes - 1}"
        raise ArgumentError("class_weight", rule, {"names": unknown})


def validation_of(
    given: Any, check: Callable[[Examples], Any], *, needs_targets: bool
) -> tuple[Any, Any]:
    """Return what `fit()` takes as `validation_data`, and the targets, of batches of the first.

    Args:
        given: What the caller gave.
        check: Checks targets, and returns them in the form that `fit()` takes.
        needs_targets: Whether the model's loss is one of outputs and targets.
    """
    is_pair = isinstance(given, (tuple, list))
    if is_pair:
        is_refused = len(given) not in (1, 2, 3) or given[0] is None
        is_refused |= needs_targets and (len(given) == 1 or given[1] is None)
    else:
        is_refused = is_array(given) or isinstance(given, (str, bytes, dict))
    if is_refused or not (is_pair or hasattr(given, "__iter__") or hasattr(given, "__getitem__")):
        received = Described(f"{len(given)} parts") if is_pair else described(given)
        raise ArgumentError("validation_data", _PAIR, {"validation_data": received})
    if not is_pair and (comes_once(given) or is_endless(given)):
        rule = (
            "must be data that have an end and can be gone through more than once, as they are "
            "scored after each epoch"
        )
        raise ArgumentError("validation_data", rule, {"validation_data": described(given)})
    with _in_validation_data():
        if not is_pair:
            examples = Examples(given, None)
            check(examples)
            return given, examples.targets
        x, y, *weights = given if len(given) > 1 else (given[0], None)
        examples = Examples(x, y, *weights)
        if examples.count is None:
            raise ArgumentError("validation_data", _PAIR, {"x": described(x)})
        examples.y = check(examples)
        return (examples.x, examples.y, *weights), examples.y


@contextmanager
def _in_validation_data() -> Iterator[None]:
    """Let errors about inputs, targets and weights name the argument that they are a part of."""
    parts = {"x": "inputs", "y": "targets", "sample_weight": "weights of examples"}
    try:
        yield
    except ArgumentError as error:
        name = error.argument
        if name not in parts:
            raise
        rule = f"must hold {parts[name]} as `{name}` does, which {error.rule}"
        received = {key: Described(text) for key, text in error.received.items()}
        raise ArgumentError("validation_data", rule, received, error.hint) from error
