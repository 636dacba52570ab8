"""The arguments of `fit_bayesian()`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.training.optimizers import Schedule

_METRICS_BY_THE_LOSS = ("accuracy", "acc", "crossentropy", "ce")
"""Those that Keras chooses by the shape of outputs and targets."""

TEMPERATURES = (1.0, 0.5, 0.2, 0.1)
"""Those that `temperature = "auto"` chooses among."""


@dataclass(frozen=True)
class Settings:
    """How a Bayesian network is trained; see `fit_bayesian()`.

    Raises:
        ArgumentError: If an argument breaks its rule.
    """

    epochs: int
    batch_size: int | None
    validation_split: float
    samples: int
    annealing: float
    learning_rate: Any
    decay: bool
    clipnorm: float | None
    patience: int | None
    num_examples: float | None

    def __post_init__(self) -> None:
        for name in ("epochs", "samples"):
            checks.positive_integer(name, getattr(self, name))
        for name in ("batch_size", "patience"):
            if getattr(self, name) is not None:
                checks.positive_integer(name, getattr(self, name))
        for name in ("clipnorm", "num_examples"):
            if getattr(self, name) is not None:
                checks.positive_number(name, getattr(self, name))
        if not isinstance(self.learning_rate, Schedule):
            checks.positive_number("learning_rate", self.learning_rate)
        checks.boolean("decay", self.decay)
        for name in ("annealing", "validation_split"):
            checks.share(name, getattr(self, name))


def temperatures_of(temperature: Any) -> tuple[float, ...]:
    """Return the temperatures to try, of which there may be one."""
    if isinstance(temperature, str):
        if temperature != "auto":
            rule = 'must be a positive number, several of them, or "auto"'
            raise ArgumentError("temperature", rule, {"temperature": temperature})
        return TEMPERATURES
    is_several = isinstance(temperature, Sequence) and len(temperature) > 0
    values = temperature if is_several else [temperature]
    return tuple(checks.positive_number("temperature", value) for value in values)


def check_reports(metrics: Any, callbacks: Any, verbose: Any) -> None:
    """Check what says how a training goes: metrics, callbacks, and whether Keras shows progress."""
    for metric in keras.tree.flatten(metrics):
        if isinstance(metric, str) and metric not in _METRICS_BY_THE_LOSS:
            _check_metric(metric)
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        if callback is not None and not hasattr(callback, "set_model"):
            rule = "must be a Keras callback, or a list of them"
            raise ArgumentError("callbacks", rule, {"callbacks": callback})
    if isinstance(verbose, str) and verbose != "auto":
        raise ArgumentError("verbose", 'must be "auto", 0, 1 or 2', {"verbose": verbose})


def _check_metric(metric: str) -> None:
    try:
        keras.metrics.get(metric)
    except ValueError as error:
        rule = "must be the names of Keras metrics, metrics, or functions of targets and outputs"
        raise ArgumentError("metrics", rule, {"metrics": metric}) from error
