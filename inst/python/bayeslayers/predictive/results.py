"""Draws of statistics for all examples, put together batch by batch."""

from __future__ import annotations

import keras
import numpy as np

from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.evaluation import Block, Evaluation, Wanted
from bayeslayers.predictive.inputs import Inputs
from bayeslayers.predictive.outputs import Outputs


def all_draws(evaluation: Evaluation, wanted: Wanted) -> list[np.ndarray]:
    """Return the draws of statistics, (draws, n, ...) each.

    Beside these arrays, no more than one batch of draws is held at a time.
    """
    results = Results(evaluation.inputs.count)
    evaluation.reduce(wanted, results.add, in_pieces=False)
    return results.values()


class Results:
    """Arrays of draws, (draws, n, ...), which are filled block by block.

    Args:
        count: The number of examples; `None` where it is not known before the last one has come.
    """

    def __init__(self, count: int | None) -> None:
        self._count = count
        self._blocks: list[Block] = []
        self._values: list[np.ndarray] = []

    def add(self, block: Block) -> None:
        """Take the draws of the examples that come next."""
        if self._count is None:
            self._blocks.append(block)
        elif block.size == self._count:
            self._values = block.values
        else:
            self._fill(block)

    def values(self) -> list[np.ndarray]:
        """Return the draws of all examples."""
        if self._count is None:
            self._count = sum(block.size for block in self._blocks)
            self._blocks.reverse()
            # A block is let go as soon as it has been copied.
            while self._blocks:
                self._fill(self._blocks.pop())
        return self._values

    def _fill(self, block: Block) -> None:
        if not self._values:
            self._values = [
                np.empty((len(value), self._count, *value.shape[2:]), value.dtype)
                for value in block.values
            ]
        for whole, value in zip(self._values, block.values, strict=True):
            if whole.shape[2:] != value.shape[2:]:
                rule = "must hold batches for which the outputs have one shape"
                shapes = Described(f"{whole.shape[2:]}, then {value.shape[2:]}")
                raise ArgumentError("x", rule, {"x": shapes})
            whole[:, block.start : block.start + block.size] = value


def outputs_of(model: keras.Model, inputs: Inputs) -> Outputs:
    """Return what a model returns for inputs, which can still be gone through afterwards."""
    return Evaluation(model, inputs, draws=1, seed=0).outputs
