"""Makers of normal priors that training does not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import independent_normal, native_dtype
from bayeslayers.contract import checks


@keras.saving.register_keras_serializable("bayeslayers")
class NormalAround:
    """Maker of independent normal priors around fixed values, which training does not move.

    p(w) = product over i of Normal(w[i]; loc[i], scale)

    Args:
        scale: The standard deviation.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = checks.positive_number("scale", scale)

    def __call__(
        self, dtype: Any, shape: Any, name: str, trainable: bool, add_variable_fn: Any
    ) -> Any:
        """Make the prior."""
        del trainable
        loc = add_variable_fn(
            name=f"{name}_loc", shape=shape, dtype=dtype, initializer="zeros", trainable=False
        )
        return independent_normal(loc, self.scale, len(shape))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        return {"scale": self.scale}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NormalAround:
        """Make the maker that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable("bayeslayers")
def default_multivariate_normal_fn(
    dtype: Any,
    shape: tuple[int, ...],
    name: str,
    trainable: bool,
    add_variable_fn: Callable[..., Any],
) -> Any:
    """Make the standard normal distribution: p(w) = product over i of Normal(w[i]; 0, 1).

    Args:
        dtype: Dtype of the distribution, one of the backend's own or its name.
        shape: Shape of one draw.
        name: Unused: the distribution has no variables.
        trainable: Unused.
        add_variable_fn: Unused.

    Returns:
        An `Independent(Normal)` distribution of that shape.

    Raises:
        TypeError: If `dtype` is no dtype.

    Example:
        >>> layer = layer_conv_1d_flipout(
        ...     filters=8, kernel_size=5, kernel_prior_fn=default_multivariate_normal_fn
        ... )

    Reference:
        Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight Uncertainty in
        Neural Networks. International Conference on Machine Learning.
        https://arxiv.org/abs/1505.05424
    """
    del name, trainable, add_variable_fn
    dtype = native_dtype(dtype)
    return independent_normal(ops.zeros(shape, dtype), ops.ones((), dtype), len(shape))
