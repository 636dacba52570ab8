"""Posteriors and priors that arguments may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bayeslayers.contract.errors import ArgumentError
from bayeslayers.distributions.correlated_posteriors import FullCovarianceNormal
from bayeslayers.distributions.makers import MeanFieldNormal, TrainableNormal
from bayeslayers.distributions.priors import HorseshoePrior, NormalPrior, ScaleMixturePrior

POSTERIORS: dict[str, Callable[[], Any]] = {
    "mean_field_normal": MeanFieldNormal,
    "full_covariance_normal": FullCovarianceNormal,
}
"""What makes the maker of a posterior, with the defaults of its arguments."""

PRIORS: dict[str, Callable[[], Any]] = {
    "normal": NormalPrior,
    "scale_mixture": ScaleMixturePrior,
    "horseshoe": HorseshoePrior,
    "trainable_normal": TrainableNormal,
}
"""What makes the maker of a prior, with the defaults of its arguments."""


def by_name(argument: str, value: Any, table: Mapping[str, Callable[[], Any]]) -> Any:
    """Return the maker that a name stands for; all else comes back as it is.

    Raises:
        ArgumentError: If there is none of that name.
    """
    if not isinstance(value, str):
        return value
    if value not in table:
        names = ", ".join(f'"{name}"' for name in table)
        raise ArgumentError(argument, f"must be a function, or one of {names}", {argument: value})
    return table[value]()
