"""Makers of posteriors whose numbers are correlated, for the reparameterization estimator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import (
    LowRank,
    Triangular,
    computed_from,
    correlated_normal,
    native_dtype,
)
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.maker_arguments import MAKER_ARGUMENTS
from bayeslayers.distributions.maker import Maker
from bayeslayers.distributions.mean_field import scale_of

_WHERE = (
    "It is for the reparameterization estimator alone, `layer_dense_reparameterization()` and its "
    "like: Flipout and local reparameterization need independent normals, and refuse it by name. "
    "The divergence from a normal prior of any mean and scale is exact. Under MOPED, the mean is "
    "the trained weight, and each number has the standard deviation `delta |w0|`. "
    "`tfd_covariance()` of the posterior is a matrix of all numbers, row by row."
)


class CorrelatedMaker(Maker):
    """A maker of loc + scale * u, of correlated numbers u."""

    loc_initializer: Any
    untransformed_scale_initializer: Any

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        """Make the posterior."""
        size = math.prod(shape)
        self._check_size(shape, name)
        dtype = native_dtype(dtype)

        def variable(part: str, shape: tuple[int, ...], initializer: Any) -> Any:
            return add_variable_fn(
                name=f"{name}_{part}",
                shape=shape,
                dtype=dtype,
                initializer=initializer,
                trainable=trainable,
            )

        normal = keras.initializers.RandomNormal
        loc = variable("loc", shape, self.loc_initializer or normal(stddev=0.1))
        untransformed = variable(
            "untransformed_scale",
            shape,
            self.untransformed_scale_initializer or normal(mean=-3.0, stddev=0.1),
        )
        correlation = self._correlation(variable, size, dtype)
        return correlated_normal(loc, computed_from(untransformed, scale_of), correlation)

    def _check_size(self, shape: tuple[int, ...], name: str) -> None:
        """Refuse a weight of this shape."""
        raise NotImplementedError

    def _correlation(self, variable: Callable[..., Any], size: int, dtype: Any) -> Any:
        """Return the correlation of so many numbers, on variables that are made."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("bayeslayers")
class LowRankNormal(CorrelatedMaker):
    """See `low_rank_normal_fn`."""

    function_name = "low_rank_normal_fn"

    def __init__(
        self,
        rank: int,
        loc_initializer: Any = None,
        untransformed_scale_initializer: Any = None,
        factor_initializer: Any = None,
    ) -> None:
        self.rank = checks.positive_integer("rank", rank)
        self.loc_initializer = checks.initializer("loc_initializer", loc_initializer)
        self.untransformed_scale_initializer = checks.initializer(
            "untransformed_scale_initializer", untransformed_scale_initializer
        )
        self.factor_initializer = checks.initializer("factor_initializer", factor_initializer)

    def _check_size(self, shape: tuple[int, ...], name: str) -> None:
        if self.rank > math.prod(shape):
            rule = "must be no more than the weight has numbers"
            received = {"rank": self.rank, name: Described(f"of shape {tuple(shape)}")}
            raise ArgumentError("rank", rule, received)

    def _correlation(self, variable: Callable[..., Any], size: int, dtype: Any) -> Any:
        initializer = self.factor_initializer or keras.initializers.RandomNormal(stddev=0.1)
        return LowRank(variable("factor", (size, self.rank), initializer), size)


@keras.saving.register_keras_serializable("bayeslayers")
class FullCovarianceNormal(CorrelatedMaker):
    """See `full_covariance_normal_fn`."""

    function_name = "full_covariance_normal_fn"

    def __init__(
        self,
        loc_initializer: Any = None,
        untransformed_scale_initializer: Any = None,
        max_size: int = 2000,
    ) -> None:
        self.loc_initializer = checks.initializer("loc_initializer", loc_initializer)
        self.untransformed_scale_initializer = checks.initializer(
            "untransformed_scale_initializer", untransformed_scale_initializer
        )
        self.max_size = checks.positive_integer("max_size", max_size)

    def _check_size(self, shape: tuple[int, ...], name: str) -> None:
        size = math.prod(shape)
        if size > self.max_size:
            rule = "must be no less than the weight has numbers"
            numbers = size * (size + 1) // 2
            text = f"of shape {tuple(shape)}, whose covariance has {numbers:,} numbers"
            hint = "`low_rank_normal_fn(rank)` has `rank` + 2 for each number of the weight."
            received = {"max_size": self.max_size, name: Described(text)}
            raise ArgumentError("max_size", rule, received, hint)

    def _correlation(self, variable: Callable[..., Any], size: int, dtype: Any) -> Any:
        below = size * (size - 1) // 2
        # No variable where a single number has no others to vary with.
        lower = variable("lower", (below,), "zeros") if below else ops.zeros((0,), dtype)
        return Triangular(lower, size)


@public_function(MAKER_ARGUMENTS, notes=(_WHERE,))
def low_rank_normal_fn(
    rank: int,
    loc_initializer: Any = None,
    untransformed_scale_initializer: Any = None,
    factor_initializer: Any = None,
) -> LowRankNormal:
    """Normal posterior whose covariance is diagonal plus low-rank.

        w = loc + s * (e + V z),   e ~ Normal(0, I),   z ~ Normal(0, I),
        Cov(w) = D + U U',   D = diag(s^2),   U = diag(s) V

    Take it where weights trade off against each other, and independent normals are too narrow: a
    few directions catch most of that, at `rank` + 2 numbers for each of the weight.

    w is the weight with its n numbers in a row, loc is its mean, s are positive scales, V is the
    factor of n rows and `rank` columns, and e and z are noise. The variables that are trained are
    `<name>_loc`, `<name>_untransformed_scale`, of which softplus makes s, and `<name>_factor`. V
    stands behind the scale, so its entries are near 1 where two numbers are strongly correlated.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `kernel_posterior_fn`
        and its like, which is saved with the model.

    Raises:
        ArgumentError: If `rank` is not a positive whole number, or Keras does not know an
            initializer; when the layer is built, if the weight has fewer numbers than `rank`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_reparameterization, low_rank_normal_fn
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_reparameterization(
        ...     model, units=2, kernel_posterior_fn=low_rank_normal_fn(rank=2)
        ... )
        >>> [tuple(w.shape) for w in model.trainable_weights]
        [(3, 2), (3, 2), (6, 2), (2,)]

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_reparameterization(
            units = 2, kernel_posterior_fn = low_rank_normal_fn(rank = 2)
          )
        kl_divergence(model)

    Reference:
        Ong, V. M.-H., Nott, D. J., and Smith, M. S. (2018). Gaussian Variational Approximation With
            a Factor Covariance Structure. Journal of Computational and Graphical Statistics 27(3),
            465-478. https://doi.org/10.1080/10618600.2017.1390472
    """
    return LowRankNormal(rank, loc_initializer, untransformed_scale_initializer, factor_initializer)


@public_function(MAKER_ARGUMENTS, notes=(_WHERE,))
def full_covariance_normal_fn(
    loc_initializer: Any = None,
    untransformed_scale_initializer: Any = None,
    max_size: int = 2000,
) -> FullCovarianceNormal:
    """Normal posterior of any covariance.

        w = loc + s * (I + T) e,   e ~ Normal(0, I),
        Cov(w) = L L',   L = diag(s) (I + T)

    Take it for a small kernel, such as that of a regression or of the last layer: there it can be
    the exact posterior, which independent normals are too narrow for.

    w is the weight with its n numbers in a row, loc is its mean, s are positive scales, T has
    numbers below its diagonal alone, and e is noise. The variables that are trained are
    `<name>_loc`, `<name>_untransformed_scale`, of which softplus makes s, and `<name>_lower`, the
    n (n - 1) / 2 numbers of T, which begin at zero. The covariance has n (n + 1) / 2 numbers, and a
    step takes time in proportion: a weight of more than `max_size` numbers is refused. By name,
    `kernel_posterior_fn = "full_covariance_normal"` is the posterior with the defaults.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `kernel_posterior_fn`
        and its like, which is saved with the model.

    Raises:
        ArgumentError: If `max_size` is not a positive whole number, or Keras does not know an
            initializer; when the layer is built, if the weight has more than `max_size` numbers.

    Example:
        >>> import keras
        >>> from bayeslayers import full_covariance_normal_fn, layer_dense_reparameterization
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_reparameterization(
        ...     model, units=2, kernel_posterior_fn=full_covariance_normal_fn()
        ... )
        >>> [tuple(w.shape) for w in model.trainable_weights]
        [(3, 2), (3, 2), (15,), (2,)]

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_reparameterization(
            units = 2, kernel_posterior_fn = full_covariance_normal_fn()
          )
        kl_divergence(model)

    Reference:
        Opper, M., and Archambeau, C. (2009). The Variational Gaussian Approximation Revisited.
            Neural Computation 21(3), 786-792. https://doi.org/10.1162/neco.2008.08-07-592
    """
    return FullCovarianceNormal(loc_initializer, untransformed_scale_initializer, max_size)
