"""The callback that scores the predictive distribution after each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.predictive.inputs import (
    ArrayInputs,
    Inputs,
    KeptBatches,
    at_hand,
    repeatable,
    specification,
)
from bayeslayers.predictive.likelihood import check_scored, log_likelihoods
from bayeslayers.predictive.outputs import OutputKind, describe
from bayeslayers.predictive.statistics import log_mean_exp

FIGURE = "val_log_score"
DRAWS = 20
"""How many there are after each epoch, unless the caller says."""


class LogScore(keras.callbacks.Callback):
    """Add the log score on validation data to the figures; see `callback_log_score()`.

    Args:
        x: Inputs.
        y: The targets, or `None` where they come with the inputs.
        draws: How many draws of the weights there are.
        outputs: What outputs that are tensors are taken for, or a list of that for each output.
        weights: A weight for each example; `None` where there are none, or they come with `x`.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        draws: int,
        outputs: str | Sequence[str],
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.x, self.y, self.draws, self.outputs = x, y, draws, outputs
        self.weights = weights

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Refuse what can't be scored before the first epoch is over."""
        x = at_hand(self.x)
        for kind, outputs in self._kinds(x):
            check_scored(self.model, x, self.y, outputs, kind.place)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the model; the draws are the same after each epoch, so that scores compare."""
        if logs is not None:
            logs[FIGURE] = self.score(self.draws)

    def score(self, draws: int) -> float:
        """Return the mean over examples of the log of the mean likelihood over draws.

        Where examples have weights, the mean is one with these weights.
        """
        # All outputs are scored on the same examples, also where a dataset is shuffled.
        x = repeatable(self.x)
        # Given the weights, outputs are independent of each other.
        joint = np.sum(
            [
                log_likelihoods(
                    self.model, x, self.y, draws, outputs, seed=0, verbose=0, output=kind.place
                )
                for kind, outputs in self._kinds(x)
            ],
            axis=0,
            dtype="float64",
        )
        scores = log_mean_exp(joint)
        weights = _weights_in(x) if self.weights is None else self.weights
        return float(scores.mean() if weights is None else _weighted_mean(scores, weights))

    def _kinds(self, x: Inputs) -> Iterator[tuple[OutputKind, str]]:
        """Return the outputs, and what each is taken for."""
        kinds = describe(self.model, specification(x.first.x)).kinds
        outputs = self.outputs
        each = [outputs] * len(kinds) if isinstance(outputs, str) else outputs
        return zip(kinds, each, strict=True)


def weights_of_examples(weights: Any) -> np.ndarray | None:
    """Return a weight for each example; `None` for those of parts of examples, and of outputs."""
    leaves = [leaf for leaf in keras.tree.flatten(weights) if leaf is not None]
    if len(leaves) != 1 or math.prod(leaves[0].shape[1:]) != 1:
        return None
    return np.reshape(ops.convert_to_numpy(leaves[0]), -1).astype("float64")


def _weights_in(x: ArrayInputs | KeptBatches) -> np.ndarray | None:
    """Return the weights that came with the inputs, if each example has one."""
    if isinstance(x, ArrayInputs):
        return None
    found = [weights_of_examples(batch.weights) for batch in x.batches(None)]
    weights = [each for each in found if each is not None]
    return np.concatenate(weights) if len(weights) == len(found) else None


def _weighted_mean(scores: np.ndarray, weights: np.ndarray) -> float:
    # What counts for nothing may be impossible.
    kept = weights > 0
    return float(np.average(scores[kept], weights=weights[kept]))
