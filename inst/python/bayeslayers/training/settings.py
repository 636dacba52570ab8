"""The arguments of `fit_bayesian()`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.training.optimizers import Schedule

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
