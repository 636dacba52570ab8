"""What the estimators need to know of normal distributions."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bayeslayers.contract.errors import ArgumentError, Described


def require_independent_normal(distribution: Any, argument: str, estimator: str) -> None:
    """Refuse any distribution but Independent(Normal).

    Raises:
        ArgumentError: If it is another one; `argument` names the function that made it.
    """
    from tensorflow_probability import distributions as tfd

    inner = getattr(distribution, "distribution", None)
    if isinstance(distribution, tfd.Independent) and isinstance(inner, tfd.Normal):
        return
    received = type(distribution).__name__
    if inner is not None:
        received = f"{received}({type(inner).__name__})"
    rule = f"must return an Independent(Normal) distribution, which {estimator} perturbs"
    raise ArgumentError(argument, rule, {argument: Described(received)})


def centred_normal(normal: Any) -> Any:
    """Return the normal distribution of the same scale around zero."""
    from tensorflow_probability import distributions as tfd

    return tfd.Normal(loc=tf.zeros_like(normal.loc), scale=normal.scale)


def normal(mean: Any, stddev: Any, dtype: tf.DType) -> Any:
    """Return the normal distribution of a mean and a standard deviation, which may be zero."""
    from tensorflow_probability import distributions as tfd

    return tfd.Normal(tf.cast(mean, dtype), tf.cast(stddev, dtype))


def square_root(variance: Any) -> Any:
    """Return the square root, whose gradient at zero is zero."""
    # It is infinite otherwise, and NaN once it meets a zero input.
    is_positive = variance > 0
    root = tf.sqrt(tf.where(is_positive, variance, tf.ones_like(variance)))
    return tf.where(is_positive, root, tf.zeros_like(root))
