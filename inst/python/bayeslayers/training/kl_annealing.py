"""The callback that increases the weight of the divergence step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bayeslayers.architecture.walk import all_layers, bayesian_layers
from bayeslayers.backend import StateHolder, step_with_numbers
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, annealing_of_new_layers
from bayeslayers.training.steps import StepCallback, StepFunction


class KLAnnealing(StepCallback):
    """Increase the weight of the divergence; see `callback_kl_annealing()`."""

    def __init__(self, epochs: int, schedule: str = "linear", cycles: int = 4) -> None:
        super().__init__()
        self.epochs, self.schedule, self.cycles = epochs, schedule, cycles

    def factor(self, epoch: int) -> float:
        """Return the factor of the divergence in an epoch, counted from 0."""
        return SCHEDULES[self.schedule](epoch / self.epochs, self.cycles)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._factor = self.factor(epoch)
        # A model that is not built may still make layers.
        self._layers = bayesian_layers(self.model, built=False) if self.model.built else None

    @contextmanager
    def acting(self, kind: str, function: StepFunction) -> Iterator[StepFunction]:
        """See `StepCallback.acting`."""
        del kind
        if self._factor == 1.0:
            yield function
            return
        with annealing_of_new_layers(self._factor):
            yield step_with_numbers(
                function, self.stepping_model, self._annealings, self._factor, 1.0
            )

    def _annealings(self) -> list[StateHolder]:
        return [layer.divergence_annealing for layer in self._found()]

    def _found(self) -> list[BayesianLayer]:
        if self._layers is not None:
            return self._layers
        layers = all_layers(self.stepping_model)
        return [layer for layer in layers if isinstance(layer, BayesianLayer)]


def _linear(progress: float, cycles: int) -> float:
    del cycles
    return min(1.0, progress)


def _sigmoid(progress: float, cycles: int) -> float:
    del cycles
    # From below 0.01 at the start to above 0.99 at the end of the warm-up.
    return 1.0 / (1.0 + math.exp(-10.0 * (progress - 0.5))) if progress < 1.0 else 1.0


def _cyclical(progress: float, cycles: int) -> float:
    # In the first half of each cycle the factor rises, in the second half it stays.
    return min(1.0, 2.0 * ((progress * cycles) % 1.0)) if progress < 1.0 else 1.0


SCHEDULES = {"linear": _linear, "cyclical": _cyclical, "sigmoid": _sigmoid}
