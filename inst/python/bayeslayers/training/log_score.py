"""The callback that scores the predictive distribution after each epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bayeslayers.predictive.inputs import repeatable, specification
from bayeslayers.predictive.likelihood import log_likelihoods
from bayeslayers.predictive.outputs import describe
from bayeslayers.predictive.statistics import log_mean_exp

FIGURE = "val_log_score"


class LogScore(keras.callbacks.Callback):
    """Add the log score on validation data to the figures; see `callback_log_score()`."""

    def __init__(self, x: Any, y: Any, draws: int, outputs: str) -> None:
        super().__init__()
        self.x, self.y, self.draws, self.outputs = x, y, draws, outputs

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the model; the draws are the same after each epoch, so that scores compare."""
        if logs is not None:
            logs[FIGURE] = self.score(self.draws)

    def score(self, draws: int) -> float:
        """Return the mean over examples of the log of the mean likelihood over draws."""
        # All outputs are scored on the same examples, also where a dataset is shuffled.
        x = repeatable(self.x)
        kinds = describe(self.model, specification(x.first.x)).kinds
        # Given the weights, outputs are independent of each other.
        joint = np.sum(
            [
                log_likelihoods(
                    self.model, x, self.y, draws, self.outputs, seed=0, verbose=0, output=kind.place
                )
                for kind in kinds
            ],
            axis=0,
            dtype="float64",
        )
        return float(log_mean_exp(joint).mean())
