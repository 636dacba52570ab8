"""Posteriors and priors that arguments may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bayeslayers.contract.errors import ArgumentError
from bayeslayers.distributions.correlated_posteriors import FullCovarianceNormal
from bayeslayers.distributions.makers import MeanFieldNormal, TrainableNormal
from bayeslayers.distributions.positive import HalfCauchyPrior, LogNormal
from bayeslayers.distributions.priors import HorseshoePrior, NormalPrior, ScaleMixturePrior
from bayeslayers.distributions.signs import RandomSign

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


FACTOR_POSTERIORS: dict[str, Callable[[], Any]] = {
    "mean_field_normal": lambda: MeanFieldNormal(loc_initializer=RandomSign()),
    "log_normal": LogNormal,
    "deterministic": lambda: MeanFieldNormal(is_singular=True, loc_initializer=RandomSign()),
}
"""The posteriors of factors, which are centred on 1 where a weight's own are centred on 0."""

FACTOR_PRIORS: dict[str, Callable[[], Any]] = {
    "normal": lambda: NormalPrior(loc=1.0),
    "half_cauchy": HalfCauchyPrior,
    "scale_mixture": ScaleMixturePrior,
    "horseshoe": HorseshoePrior,
    "trainable_normal": lambda: TrainableNormal(loc_initializer="ones"),
}
"""The priors of factors. Those that draw numbers to zero switch channels off."""


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
