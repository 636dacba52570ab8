"""Normal distributions, as the estimators need them."""

from __future__ import annotations

from typing import Any

from keras import ops

from bayeslayers.backend import is_independent_normal
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.checks import class_names


def require_independent_normal(distribution: Any, argument: str, estimator: str) -> None:
    """Refuse any distribution but Independent(Normal).

    Raises:
        ArgumentError: If it is another one; `argument` names the function that made it.
    """
    if is_independent_normal(distribution):
        return
    rule = f"must return an Independent(Normal) distribution, which {estimator} perturbs"
    hint = "The reparameterization estimator takes any posterior that can be drawn from."
    received = {argument: Described(class_names(distribution))}
    raise ArgumentError(argument, rule, received, hint)


def square_root(variance: Any) -> Any:
    """Return the square root, whose gradient at zero is zero."""
    # It is infinite otherwise, and NaN once it meets a zero input.
    is_positive = variance > 0
    root = ops.sqrt(ops.where(is_positive, variance, ops.ones_like(variance)))
    return ops.where(is_positive, root, ops.zeros_like(root))
