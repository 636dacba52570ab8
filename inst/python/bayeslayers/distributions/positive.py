"""Makers of a posterior and a prior of positive numbers, such as factors that scale a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import computed_from, native_dtype, new_distribution
from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.maker_arguments import MAKER_ARGUMENTS
from bayeslayers.distributions.maker import Maker
from bayeslayers.distributions.mean_field import scale_of
from bayeslayers.distributions.priors import TAKES_DRAWS, EstimatedPrior


@keras.saving.register_keras_serializable("bayeslayers")
class LogNormal(Maker):
    """See `log_normal_fn`."""

    function_name = "log_normal_fn"

    def __init__(
        self, loc_initializer: Any = None, untransformed_scale_initializer: Any = None
    ) -> None:
        self.loc_initializer = checks.initializer("loc_initializer", loc_initializer)
        self.untransformed_scale_initializer = checks.initializer(
            "untransformed_scale_initializer", untransformed_scale_initializer
        )

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        """Make the posterior."""
        dtype = native_dtype(dtype)

        def variable(part: str, initializer: Any) -> Any:
            return add_variable_fn(
                name=f"{name}_{part}",
                shape=shape,
                dtype=dtype,
                initializer=initializer,
                trainable=trainable,
            )

        normal = keras.initializers.RandomNormal
        loc = variable("loc", self.loc_initializer or normal(stddev=0.1))
        untransformed = variable(
            "untransformed_scale",
            self.untransformed_scale_initializer or normal(mean=-3.0, stddev=0.1),
        )
        each = new_distribution("LogNormal", loc=loc, scale=computed_from(untransformed, scale_of))
        return new_distribution(
            "Independent", distribution=each, reinterpreted_batch_ndims=len(shape)
        )


def log_normal_parameters(mean: np.ndarray, stddev: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the logarithm, of numbers with these themselves."""
    variance = np.log1p((stddev / mean) ** 2)
    return np.log(mean) - variance / 2, np.sqrt(variance)


@keras.saving.register_keras_serializable("bayeslayers")
class HalfCauchyPrior(EstimatedPrior):
    """See `half_cauchy_prior_fn`."""

    function_name = "half_cauchy_prior_fn"

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = checks.positive_number("scale", scale)

    def _of_each(self, dtype: Any, shape: tuple[int, ...]) -> Any:
        scale = keras.ops.full(shape, self.scale, dtype)
        return new_distribution("HalfCauchy", loc=0.0, scale=scale, validate_args=False)


@public_function(MAKER_ARGUMENTS)
def log_normal_fn(
    loc_initializer: Any = None, untransformed_scale_initializer: Any = None
) -> LogNormal:
    """Log-normal posterior of positive numbers.

        q(w) = product over i of LogNormal(w[i]; loc[i], scale[i]),
        log(w[i]) ~ Normal(loc[i], scale[i])

    Take it for the factors of a layer with rank-1 factors under a half-Cauchy prior, or for any
    weight that is known to be positive.

    `w[i]` are the numbers of a weight, `loc[i]` and `scale[i]` are the mean and the standard
    deviation of their logarithms. exp(loc) is the median of the weight, and exp(loc + scale^2 / 2)
    its mean. The variables that are trained are `<name>_loc` and `<name>_untransformed_scale`, of
    which softplus makes the scale. By name, `alpha_posterior_fn = "log_normal"` is the posterior
    with the defaults, which are near 1.

    From a normal prior the divergence of this posterior has no closed form that the library knows.
    `half_cauchy_prior_fn()` makes a prior for it.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `alpha_posterior_fn`
        and its like, which is saved with the model.

    Raises:
        ArgumentError: If Keras does not know an initializer.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_rank1, log_normal_fn
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_rank1(
        ...     model, units=2, alpha_posterior_fn=log_normal_fn(), alpha_prior_fn="half_cauchy"
        ... )
        >>> model.layers[0].alpha_posterior_fn
        log_normal_fn()

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_rank1(
            units = 2, alpha_posterior_fn = log_normal_fn(), alpha_prior_fn = "half_cauchy"
          )
        kl_divergence(model)

    Reference:
        Dusenberry et al. (2020).
    """
    return LogNormal(loc_initializer, untransformed_scale_initializer)


@public_function(MAKER_ARGUMENTS, notes=(TAKES_DRAWS,))
def half_cauchy_prior_fn(scale: float = 1.0) -> HalfCauchyPrior:
    """Half-Cauchy prior of positive numbers.

        p(w) = product over i of 2 / (pi scale (1 + (w[i] / scale)^2)),   w[i] > 0

    Take it for factors that scale channels, such as those of a layer with rank-1 factors: it draws
    them towards zero, and lets a few be large.

    `w[i]` are the numbers of a weight, and half of them are below `scale`. The density is highest
    at zero, where it is finite, and falls like `1 / w[i]^2`. A posterior that can be negative has
    no divergence from it: by name, `alpha_posterior_fn = "log_normal"` is one that can not, and
    `alpha_prior_fn = "half_cauchy"` is the prior of scale 1.

    Args:
        scale: Positive number: the median of the prior.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `alpha_prior_fn` and
        its like, which is saved with the model.

    Raises:
        ArgumentError: If `scale` is not a positive number; when a layer is made, if its posterior
            is normal.

    Example:
        >>> import keras
        >>> from bayeslayers import half_cauchy_prior_fn, layer_dense_rank1
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_rank1(
        ...     model,
        ...     units=2,
        ...     alpha_posterior_fn="log_normal",
        ...     alpha_prior_fn=half_cauchy_prior_fn(0.5),
        ... )
        >>> model.layers[0].alpha_prior_fn
        half_cauchy_prior_fn(scale=0.5)

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_rank1(
            units = 2, alpha_posterior_fn = "log_normal",
            alpha_prior_fn = half_cauchy_prior_fn(scale = 0.5)
          )
        kl_divergence(model)

    Reference:
        Gelman, A. (2006). Prior Distributions for Variance Parameters in Hierarchical Models.
            Bayesian Analysis 1(3), 515-534. https://doi.org/10.1214/06-BA117A
    """
    return HalfCauchyPrior(scale)
