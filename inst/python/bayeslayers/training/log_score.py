"""The callback that scores the predictive distribution after each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from bayeslayers.predictive.inputs import Inputs, at_hand, repeatable, specification
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
    """

    def __init__(self, x: Any, y: Any, draws: int, outputs: str | Sequence[str]) -> None:
        super().__init__()
        self.x, self.y, self.draws, self.outputs = x, y, draws, outputs

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
        """Return the mean over examples of the log of the mean likelihood over draws."""
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
        return float(log_mean_exp(joint).mean())

    def _kinds(self, x: Inputs) -> Iterator[tuple[OutputKind, str]]:
        """Return the outputs, and what each is taken for."""
        kinds = describe(self.model, specification(x.first.x)).kinds
        outputs = self.outputs
        each = [outputs] * len(kinds) if isinstance(outputs, str) else outputs
        return zip(kinds, each, strict=True)
