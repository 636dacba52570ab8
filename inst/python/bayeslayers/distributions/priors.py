"""Makers of priors that are known by name, and that training does not move."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import independent_normal, native_dtype, new_distribution
from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.maker_arguments import MAKER_ARGUMENTS
from bayeslayers.distributions.maker import Maker

_PAPER_SCALES = (1.0, math.exp(-6.0))
TAKES_DRAWS = (
    "The Kullback-Leibler divergence has no closed form. The default `*_divergence_fn` then "
    "estimates it by log q(w) - log p(w) at the draw w with which the layer computes. The mean "
    "over draws is the divergence, and training follows the gradient through the draw. "
    "`kl_divergence()` averages it over draws, and shows the Monte Carlo error as `mcse`."
)


@keras.saving.register_keras_serializable("bayeslayers")
class NormalPrior(Maker):
    """See `normal_prior_fn`."""

    function_name = "normal_prior_fn"

    def __init__(self, scale: float = 1.0, loc: float = 0.0) -> None:
        self.scale = checks.positive_number("scale", scale)
        self.loc = checks.finite_number("loc", loc)

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        """Make the prior."""
        del name, trainable, add_variable_fn
        dtype = native_dtype(dtype)
        loc, scale = ops.full(shape, self.loc, dtype), ops.full((), self.scale, dtype)
        return independent_normal(loc, scale, len(shape))


class EstimatedPrior(Maker):
    """A prior that no posterior has a divergence in closed form from, and that has no variables."""

    def __call__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        name: str,
        trainable: bool,
        add_variable_fn: Callable[..., Any],
    ) -> Any:
        """Make the prior: independent numbers, each of the same distribution."""
        del name, trainable, add_variable_fn
        each = self._of_each(native_dtype(dtype), tuple(shape))
        # Not validated, as validation reads all of the numbers.
        return new_distribution(
            "Independent",
            distribution=each,
            reinterpreted_batch_ndims=len(shape),
            validate_args=False,
        )

    def _of_each(self, dtype: Any, shape: tuple[int, ...]) -> Any:
        """Return the distribution of each number, with a batch of this shape."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("bayeslayers")
class ScaleMixturePrior(EstimatedPrior):
    """See `scale_mixture_prior_fn`."""

    function_name = "scale_mixture_prior_fn"

    def __init__(self, weight: float = 0.5, scales: Sequence[float] = _PAPER_SCALES) -> None:
        self.weight = checks.level("weight", weight)
        self.scales = checks.positive_numbers("scales", scales, 2)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        return {"weight": self.weight, "scales": list(self.scales)}

    def _of_each(self, dtype: Any, shape: tuple[int, ...]) -> Any:
        # Of each number two components, in the last dimension.
        both = (*shape, 2)
        logits = np.log([self.weight, 1.0 - self.weight])
        scale = ops.broadcast_to(ops.convert_to_tensor(self.scales, dtype), both)
        return new_distribution(
            "MixtureSameFamily",
            mixture_distribution=new_distribution(
                "Categorical",
                logits=ops.broadcast_to(ops.convert_to_tensor(logits, dtype), both),
                validate_args=False,
            ),
            components_distribution=new_distribution(
                "Normal", loc=ops.zeros_like(scale), scale=scale, validate_args=False
            ),
            validate_args=False,
        )


@keras.saving.register_keras_serializable("bayeslayers")
class HorseshoePrior(EstimatedPrior):
    """See `horseshoe_prior_fn`."""

    function_name = "horseshoe_prior_fn"

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = checks.positive_number("scale", scale)

    def _of_each(self, dtype: Any, shape: tuple[int, ...]) -> Any:
        scale = ops.full(shape, self.scale, dtype)
        return new_distribution("Horseshoe", scale=scale, validate_args=False)


@public_function(MAKER_ARGUMENTS)
def normal_prior_fn(scale: float = 1.0, loc: float = 0.0) -> NormalPrior:
    """Normal prior of any scale.

        p(w) = product over i of Normal(w[i]; loc, scale)

    Take it where the weights are known to be smaller or larger than the standard normal prior says:
    of a layer with n inputs, a scale of 1 / sqrt(n) keeps the outputs near the size of the inputs.

    `w[i]` are the numbers of a weight, loc is their prior mean, and scale their prior standard
    deviation. The divergence of a normal posterior is exact. By name, `kernel_prior_fn = "normal"`
    is the standard normal prior. `trainable_normal_fn()` of `tfp.layers.util`, or
    "trainable_normal", is a normal prior whose mean and scale are trained.

    Args:
        scale: Positive number: the standard deviation.
        loc: Number: the mean.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `kernel_prior_fn` and
        its like, which is saved with the model.

    Raises:
        ArgumentError: If `scale` is not a positive number, or `loc` not a finite one.

    Example:
        >>> import keras
        >>> from bayeslayers import kl_divergence, layer_dense_flipout, normal_prior_fn
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, kernel_prior_fn=normal_prior_fn(0.5))
        >>> model.layers[0].kernel_prior_fn
        normal_prior_fn(scale=0.5)

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2, kernel_prior_fn = normal_prior_fn(scale = 0.5))
        kl_divergence(model)

    Reference:
        Neal, R. M. (1996). Bayesian Learning for Neural Networks. Springer.
            https://doi.org/10.1007/978-1-4612-0745-0
    """
    return NormalPrior(scale, loc)


@public_function(MAKER_ARGUMENTS, notes=(TAKES_DRAWS,))
def scale_mixture_prior_fn(
    weight: float = 0.5, scales: Sequence[float] = _PAPER_SCALES
) -> ScaleMixturePrior:
    """Prior that is a mixture of a wide and a narrow normal distribution.

        p(w) = product over i of
            weight Normal(w[i]; 0, scales[1]) + (1 - weight) Normal(w[i]; 0, scales[2])

    Take it where many weights should be near zero, and a few may be large.

    `w[i]` are the numbers of a weight, `scales[1]` and `scales[2]` the standard deviations of the
    two components. The first is usually wide, and its tails are heavier than those of a single
    normal distribution of the same size. The second is narrow, and draws weights that the data do
    not determine to zero. The defaults are in the range of the paper, 1 and exp(-6). By name,
    `kernel_prior_fn = "scale_mixture"` is the prior with the defaults.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `kernel_prior_fn` and
        its like, which is saved with the model.

    Raises:
        ArgumentError: If `weight` is not between 0 and 1, or `scales` are not two positive numbers.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, scale_mixture_prior_fn
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> prior_fn = scale_mixture_prior_fn(weight=0.25, scales=(1.0, 0.1))
        >>> model = layer_dense_flipout(model, units=2, kernel_prior_fn=prior_fn)
        >>> model.layers[0].kernel_prior_fn
        scale_mixture_prior_fn(weight=0.25, scales=(1.0, 0.1))

    R example:
        library(keras3)
        prior_fn <- scale_mixture_prior_fn(weight = 0.25, scales = c(1, 0.1))
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2, kernel_prior_fn = prior_fn)
        kl_divergence(model)

    Reference:
        Blundell et al. (2015).
    """
    return ScaleMixturePrior(weight, scales)


@public_function(MAKER_ARGUMENTS, notes=(TAKES_DRAWS,))
def horseshoe_prior_fn(scale: float = 1.0) -> HorseshoePrior:
    """Horseshoe prior.

        w[i] ~ Normal(0, scale lambda[i]),   lambda[i] ~ half-Cauchy(0, 1)

    Take it where most weights are thought to be zero: it shrinks small weights to zero, and leaves
    large ones alone.

    `w[i]` are the numbers of a weight, lambda are scales of their own, and `scale` is the
    one that they share: the smaller it is, the fewer weights stay away from zero. The prior is that
    of w alone, with lambda integrated out. Its density is infinite at zero, and falls like
    `1 / w[i]^2`. It has no formula without an integral: it is computed by the approximation of
    Barry et al. (2000) to the exponential integral, which is within 0.1 percent. By name,
    `kernel_prior_fn = "horseshoe"` is the prior of scale 1.

    Near zero the gradient is large, like `1 / (w[i] log |w[i]|)`, so that a single draw may take a
    weight far. Clip gradients, as `fit_bayesian()` does.

    Args:
        scale: Positive number: the scale that all numbers share.

    Returns:
        A function of `(dtype, shape, name, trainable, add_variable_fn)` for `kernel_prior_fn` and
        its like, which is saved with the model.

    Raises:
        ArgumentError: If `scale` is not a positive number.

    Example:
        >>> import keras
        >>> from bayeslayers import horseshoe_prior_fn, layer_dense_flipout
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, kernel_prior_fn=horseshoe_prior_fn(0.1))
        >>> model.layers[0].kernel_prior_fn
        horseshoe_prior_fn(scale=0.1)

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2, kernel_prior_fn = horseshoe_prior_fn(scale = 0.1))
        kl_divergence(model)

    Reference:
        Carvalho, C. M., Polson, N. G., and Scott, J. G. (2010). The Horseshoe Estimator for Sparse
            Signals. Biometrika 97(2), 465-480. https://doi.org/10.1093/biomet/asq017
        Ghosh, S., Yao, J., and Doshi-Velez, F. (2018). Structured Variational Learning of Bayesian
            Neural Networks with Horseshoe Priors. International Conference on Machine Learning.
            https://arxiv.org/abs/1806.05975
        Barry, D. A., Parlange, J.-Y., and Li, L. (2000). Approximation for the Exponential Integral
            (Theis Well Function). Journal of Hydrology 227(1-4), 287-291.
            https://doi.org/10.1016/S0022-1694(99)00184-5
    """
    return HorseshoePrior(scale)
