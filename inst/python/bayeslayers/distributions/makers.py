"""Makers of normal posteriors and priors whose parameters are trained.

Each is a function of `(dtype, shape, name, trainable, add_variable_fn)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import (
    computed_from,
    independent_normal,
    independent_point,
    native_dtype,
)
from bayeslayers.contract import checks
from bayeslayers.distributions.maker import Maker
from bayeslayers.distributions.mean_field import scale_of

# Softplus of it is 1.
_UNTRANSFORMED_ONE = math.log(math.expm1(1.0))


class _NormalMaker(Maker):
    """What makers with initializers, regularizers and constraints of a loc and a scale share."""

    loc_initializer: Callable[..., Any] | None
    loc_regularizer: Callable[..., Any] | None
    loc_constraint: Callable[..., Any] | None
    untransformed_scale_initializer: Callable[..., Any] | None
    untransformed_scale_regularizer: Callable[..., Any] | None
    untransformed_scale_constraint: Callable[..., Any] | None

    def _keep(self, **arguments: Any) -> None:
        """Check the arguments that begin with the name of a variable, and keep them."""
        for name, value in arguments.items():
            check = getattr(checks, name.rsplit("_", 1)[1])
            setattr(self, name, check(name, value))


@keras.saving.register_keras_serializable("bayeslayers")
class MeanFieldNormal(_NormalMaker):
    """Maker of independent normal distributions with trainable location and scale.

    q(w) = product over i of Normal(w[i]; loc[i], scale[i]),
    scale[i] = eps + softplus(untransformed_scale[i]),
    where eps is the smallest step from 1 in the parameters' dtype.

    Args:
        is_singular: Bool. If true, the scale is exactly zero: a Deterministic at `loc`.
        loc_initializer: Keras initializer of `loc`. `None` is Normal(0, 0.1).
        untransformed_scale_initializer: Keras initializer of the scale before softplus. `None` is
            Normal(-3, 0.1), a scale near 0.05.
        loc_regularizer: Keras regularizer of `loc`, or `None`.
        untransformed_scale_regularizer: Keras regularizer of the scale before softplus, or `None`.
        loc_constraint: Keras constraint of `loc`, or `None`.
        untransformed_scale_constraint: Keras constraint of the scale before softplus, or `None`.

    An initializer without a seed of its own is seeded anew for each variable, from the seed of the
    layer that asks: no two layers start from the same draw.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` that returns an
        `Independent(Normal)` or `Independent(Deterministic)` distribution of that shape.

    Raises:
        ArgumentError: If `is_singular` is not a bool, or Keras does not know an initializer,
            regularizer or constraint.

    Example:
        >>> posterior_fn = default_mean_field_normal_fn(loc_initializer="zeros")
        >>> layer = layer_conv_1d_flipout(
        ...     filters=8, kernel_size=5, kernel_posterior_fn=posterior_fn
        ... )

    Reference:
        Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight Uncertainty in
        Neural Networks. International Conference on Machine Learning.
        https://arxiv.org/abs/1505.05424
    """

    function_name = "default_mean_field_normal_fn"

    def __init__(
        self,
        is_singular: bool = False,
        loc_initializer: Any = None,
        untransformed_scale_initializer: Any = None,
        loc_regularizer: Any = None,
        untransformed_scale_regularizer: Any = None,
        loc_constraint: Any = None,
        untransformed_scale_constraint: Any = None,
    ) -> None:
        self.is_singular = checks.boolean("is_singular", is_singular)
        self._keep(
            loc_initializer=loc_initializer,
            untransformed_scale_initializer=untransformed_scale_initializer,
            loc_regularizer=loc_regularizer,
            untransformed_scale_regularizer=untransformed_scale_regularizer,
            loc_constraint=loc_constraint,
            untransformed_scale_constraint=untransformed_scale_constraint,
        )

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        loc, untransformed = self.parameters(dtype, shape, name, trainable, add_variable_fn)
        if untransformed is None:
            return independent_point(loc, len(shape))
        return independent_normal(loc, computed_from(untransformed, scale_of), len(shape))

    def parameters(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> tuple[Any, Any]:
        """Return the variables: the mean, and the scale before softplus or `None`."""
        dtype = native_dtype(dtype)
        loc = add_variable_fn(
            name=f"{name}_loc",
            shape=shape,
            dtype=dtype,
            initializer=self.loc_initializer or keras.initializers.RandomNormal(stddev=0.1),
            regularizer=self.loc_regularizer,
            constraint=self.loc_constraint,
            trainable=trainable,
        )
        if self.is_singular:
            return loc, None
        untransformed_scale = add_variable_fn(
            name=f"{name}_untransformed_scale",
            shape=shape,
            dtype=dtype,
            initializer=self.untransformed_scale_initializer
            or keras.initializers.RandomNormal(mean=-3.0, stddev=0.1),
            regularizer=self.untransformed_scale_regularizer,
            constraint=self.untransformed_scale_constraint,
            trainable=trainable,
        )
        return loc, untransformed_scale


default_mean_field_normal_fn = MeanFieldNormal


@keras.saving.register_keras_serializable("bayeslayers")
class TrainableNormal(_NormalMaker):
    """Maker of a normal prior whose mean and scale, one each for the whole weight, are trained.

    p(w) = product over i of Normal(w[i]; loc, scale),
    scale = eps + softplus(untransformed_scale),
    where eps is the smallest step from 1 in the parameters' dtype.

    Training then fits the prior along with the posterior (empirical Bayes): the divergence is least
    where `loc` is the mean of the posterior's means m[i], and `scale`^2 the mean of
    (m[i] - loc)^2 + s[i]^2, s[i] being the posterior's scales. Each weight of each layer has a
    prior of its own. With one for each number in a weight, the best prior would be the
    posterior itself, and the divergence would be zero.

    Args:
        is_centred: Whether the mean stays at zero, and only the scale is trained.
        loc_initializer: Initializer of the mean. `None`: zero.
        untransformed_scale_initializer: Initializer of the scale before softplus. `None`: the
            constant log(e - 1), at which the scale is 1.
        loc_regularizer: Regularizer of the mean.
        untransformed_scale_regularizer: Regularizer of the scale before softplus.
        loc_constraint: Constraint on the mean.
        untransformed_scale_constraint: Constraint on the scale before softplus.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` that returns an
        `Independent(Normal)` distribution of that shape.

    Raises:
        ArgumentError: If `is_centred` is not a bool, or Keras does not know an initializer,
            regularizer or constraint.

    Example:
        >>> layer = layer_conv_1d_flipout(
        ...     filters=8, kernel_size=5, kernel_prior_fn=trainable_normal_fn(is_centred=True)
        ... )

    Reference:
        MacKay, D. J. C. (1992). A Practical Bayesian Framework for Backpropagation Networks.
        Neural Computation, 4(3), 448-472. https://doi.org/10.1162/neco.1992.4.3.448
    """

    function_name = "trainable_normal_fn"

    def __init__(
        self,
        is_centred: bool = False,
        loc_initializer: Any = None,
        untransformed_scale_initializer: Any = None,
        loc_regularizer: Any = None,
        untransformed_scale_regularizer: Any = None,
        loc_constraint: Any = None,
        untransformed_scale_constraint: Any = None,
    ) -> None:
        self.is_centred = checks.boolean("is_centred", is_centred)
        self._keep(
            loc_initializer=loc_initializer,
            untransformed_scale_initializer=untransformed_scale_initializer,
            loc_regularizer=loc_regularizer,
            untransformed_scale_regularizer=untransformed_scale_regularizer,
            loc_constraint=loc_constraint,
            untransformed_scale_constraint=untransformed_scale_constraint,
        )

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        untransformed_scale = add_variable_fn(
            name=f"{name}_untransformed_scale",
            shape=(),
            dtype=dtype,
            initializer=self.untransformed_scale_initializer
            or keras.initializers.Constant(_UNTRANSFORMED_ONE),
            regularizer=self.untransformed_scale_regularizer,
            constraint=self.untransformed_scale_constraint,
            trainable=trainable,
        )
        loc = ops.zeros(shape, dtype)
        if not self.is_centred:
            mean = add_variable_fn(
                name=f"{name}_loc",
                shape=(),
                dtype=dtype,
                initializer=self.loc_initializer or "zeros",
                regularizer=self.loc_regularizer,
                constraint=self.loc_constraint,
                trainable=trainable,
            )
            loc = computed_from(mean, lambda m: ops.broadcast_to(m, shape), shape)
        return independent_normal(loc, computed_from(untransformed_scale, scale_of), len(shape))


trainable_normal_fn = TrainableNormal
