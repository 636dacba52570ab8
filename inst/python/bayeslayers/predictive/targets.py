"""Targets: numbers, or categories, whose places in their order are the numbers of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.inputs import (
    FAILURES,
    Batch,
    Inputs,
    as_array,
    described,
    is_array,
    refused,
)

_RULE = "must be an array or a tensor that holds a target for each example"


class Targets:
    """What was observed, which is given beside the inputs or comes with them.

    Args:
        inputs: The inputs.
        y: What the caller gave as targets, or `None`.
        pick: Takes the targets of one output out of those of all.
        check: Raises an error where a batch's targets can't come from the output.
        classes: How many classes the output tells apart; `None` for an output of values.
    """

    def __init__(
        self,
        inputs: Inputs,
        y: Any,
        pick: Callable[[Any], Any],
        check: Callable[[np.ndarray], None],
        classes: int | None,
    ) -> None:
        self._pick, self._check, self._classes = pick, check, classes
        self._given = None
        with_inputs = inputs.first.y is not None
        if y is None and not with_inputs:
            raise ArgumentError("y", "must be given where `x` does not hold the targets", {"y": y})
        if y is not None and with_inputs:
            rule = "must be left empty where `x` holds the targets"
            raise ArgumentError("y", rule, {"y": described(y)})
        if y is not None:
            self._given = self._numbers(pick(y))
            if inputs.count is not None:
                check_length(self._given, inputs.count)
        elif with_inputs:
            self.of_batch(inputs.first, 0)

    @property
    def given(self) -> np.ndarray:
        """The targets of all examples, where they came beside the inputs."""
        assert self._given is not None
        return self._given

    def of_batch(self, batch: Batch, start: int) -> np.ndarray:
        """Return the targets of a batch whose first example has this place among all."""
        if self._given is None:
            found = self._numbers(self._pick(batch.y))
        else:
            found = self._given[start : start + batch.size]
        check_length(found, batch.size)
        self._check(found)
        return found

    def _numbers(self, y: Any) -> np.ndarray:
        if not checks.is_categorical(y):
            return as_numbers(y)
        if self._classes is None:
            rule = "must hold numbers for a model of values, and no categories"
            raise ArgumentError("y", rule, {"y": Described("categories")})
        return class_numbers(y, self._classes)

    def check_end(self, count: int) -> None:
        """Check that there are no more targets than examples."""
        if self._given is not None:
            check_length(self._given, count)


def as_numbers(y: Any) -> np.ndarray:
    """Return targets as an array of finite numbers."""
    try:
        values = keras.ops.convert_to_numpy(as_array(y) if is_array(y) else y)
    except FAILURES as error:
        raise refused("y", _RULE, y) from error
    if values.dtype.kind not in "biuf" and values.dtype.name not in ("bfloat16",):
        received = Described(values.dtype.name)
        raise ArgumentError("y", f"{_RULE}, in numbers", {"y": received})
    if values.ndim == 0:
        raise ArgumentError("y", _RULE, {"y": Described("a single number")})
    checks.finite("y", values)
    return values


def check_length(y: np.ndarray, count: int) -> None:
    """Raise an error unless there are as many targets as examples."""
    if len(y) != count:
        received = Described(f"shape {y.shape} for {count} examples")
        raise ArgumentError("y", _RULE, {"y": received})


def class_numbers(y: Any, classes: int) -> np.ndarray:
    """Return the places of categories in their order; there must be a category for each class."""
    if isinstance(y, pd.DataFrame):
        if y.shape[1] != 1:
            received = {"columns": Described(str(y.shape[1]))}
            raise ArgumentError("y", "must hold categories in one column", received)
        y = y.iloc[:, 0]
    values: Any = pd.Series(y).array
    levels = [str(level) for level in values.categories]
    if len(levels) != classes:
        rule = f"must have as many categories (levels) as the model has classes, {classes}"
        named = ", ".join(f'"{level}"' for level in levels[:5])
        more = ", ..." if len(levels) > 5 else ""  # noqa: PLR2004
        raise ArgumentError("y", rule, {"categories": Described(f"{len(levels)}: {named}{more}")})
    numbers = np.asarray(values.codes, "int64")
    checks.complete("y", numbers < 0)
    return numbers
