"""The number of parameters of the distributions that layers put out, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bayeslayers.base_layers.distribution_layer import EVENT_SHAPE
from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.layer_arguments import LAYER_ARGUMENTS
from bayeslayers.contract.pages import Group
from bayeslayers.contract.references import REFERENCES
from bayeslayers.layers.independent import (
    IndependentBernoulli,
    IndependentLogistic,
    IndependentNormal,
    IndependentPoisson,
)
from bayeslayers.layers.mixtures import (
    CategoricalMixtureOfOneHotCategorical,
    MixtureLogistic,
    MixtureNormal,
    MixtureSameFamily,
)
from bayeslayers.layers.vectors import MultivariateNormalTriL, OneHotCategorical

SIZES = Group(
    name="params_size",
    title="Number of parameters of a layer's distribution",
    about=(
        "A layer whose output is a distribution takes the n parameters of the distribution as its "
        "inputs, so the layer before it must have n units. In the formula, prod() is the product "
        "of all sizes of a shape.",
    ),
    returns="A whole number.",
    raises={"ArgumentError": "If an argument breaks a rule that is stated here."},
    reference=REFERENCES["Dillon et al. (2017)"],
)
"""What the functions of this module share."""

_ARGUMENTS = {
    **LAYER_ARGUMENTS,
    "event_size": replace(
        LAYER_ARGUMENTS["event_size"],
        prose=(
            "Positive whole number: how many numbers one outcome has, or how many classes there "
            "are. For independent numbers it may also be the shape of one outcome: a list of "
            "positive whole numbers, which may be empty."
        ),
    ),
    "event_shape": replace(LAYER_ARGUMENTS["event_shape"], prose=EVENT_SHAPE),
}


@public_function(_ARGUMENTS, group=SIZES)
def params_size_independent_normal(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_normal()`.

        n = 2 prod(event_size)

    Example:
        >>> from bayeslayers import params_size_independent_normal
        >>> params_size_independent_normal(2)
        4

    R example:
        params_size_independent_normal(2)
    """
    return IndependentNormal.params_size(checks.shape("event_size", event_size))


@public_function(_ARGUMENTS, group=SIZES)
def params_size_independent_logistic(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_logistic()`.

        n = 2 prod(event_size)

    Example:
        >>> from bayeslayers import params_size_independent_logistic
        >>> params_size_independent_logistic(2)
        4

    R example:
        params_size_independent_logistic(2)
    """
    return IndependentLogistic.params_size(checks.shape("event_size", event_size))


@public_function(_ARGUMENTS, group=SIZES)
def params_size_independent_bernoulli(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_bernoulli()`.

        n = prod(event_size)

    Example:
        >>> from bayeslayers import params_size_independent_bernoulli
        >>> params_size_independent_bernoulli((2, 3))
        6

    R example:
        params_size_independent_bernoulli(c(2, 3))
    """
    return IndependentBernoulli.params_size(checks.shape("event_size", event_size))


@public_function(_ARGUMENTS, group=SIZES)
def params_size_independent_poisson(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_poisson()`.

        n = prod(event_size)

    Example:
        >>> from bayeslayers import params_size_independent_poisson
        >>> params_size_independent_poisson(2)
        2

    R example:
        params_size_independent_poisson(2)
    """
    return IndependentPoisson.params_size(checks.shape("event_size", event_size))


@public_function(_ARGUMENTS, group=SIZES)
def params_size_multivariate_normal_tri_l(event_size: int) -> int:
    """Number of parameters of `layer_multivariate_normal_tri_l()`.

        n = event_size + event_size (event_size + 1) / 2

    Example:
        >>> from bayeslayers import params_size_multivariate_normal_tri_l
        >>> params_size_multivariate_normal_tri_l(3)
        9

    R example:
        params_size_multivariate_normal_tri_l(3)
    """
    return MultivariateNormalTriL.params_size(event_size)


@public_function(_ARGUMENTS, group=SIZES)
def params_size_one_hot_categorical(event_size: int) -> int:
    """Number of parameters of `layer_one_hot_categorical()`.

        n = event_size

    Example:
        >>> from bayeslayers import params_size_one_hot_categorical
        >>> params_size_one_hot_categorical(3)
        3

    R example:
        params_size_one_hot_categorical(3)
    """
    return OneHotCategorical.params_size(event_size)


@public_function(_ARGUMENTS, group=SIZES)
def params_size_categorical_mixture_of_one_hot_categorical(
    event_size: int, num_components: int
) -> int:
    """Number of parameters of `layer_categorical_mixture_of_one_hot_categorical()`.

        n = num_components (1 + event_size)

    Example:
        >>> from bayeslayers import params_size_categorical_mixture_of_one_hot_categorical
        >>> params_size_categorical_mixture_of_one_hot_categorical(4, 3)
        15

    R example:
        params_size_categorical_mixture_of_one_hot_categorical(4, 3)
    """
    return CategoricalMixtureOfOneHotCategorical.params_size(event_size, num_components)


@public_function(_ARGUMENTS, group=SIZES)
def params_size_mixture_same_family(num_components: int, component_params_size: int) -> int:
    """Number of parameters of `layer_mixture_same_family()`.

        n = num_components (1 + component_params_size)

    Example:
        >>> from bayeslayers import params_size_mixture_same_family
        >>> params_size_mixture_same_family(3, 4)
        15

    R example:
        params_size_mixture_same_family(3, 4)
    """
    return MixtureSameFamily.params_size(num_components, component_params_size)


@public_function(_ARGUMENTS, group=SIZES)
def params_size_mixture_normal(num_components: int, event_shape: int | Sequence[int]) -> int:
    """Number of parameters of `layer_mixture_normal()`.

        n = num_components (1 + 2 prod(event_shape))

    Example:
        >>> from bayeslayers import params_size_mixture_normal
        >>> params_size_mixture_normal(3, 2)
        15

    R example:
        params_size_mixture_normal(3, 2)
    """
    return MixtureNormal.params_size(num_components, event_shape)


@public_function(_ARGUMENTS, group=SIZES)
def params_size_mixture_logistic(num_components: int, event_shape: int | Sequence[int]) -> int:
    """Number of parameters of `layer_mixture_logistic()`.

        n = num_components (1 + 2 prod(event_shape))

    Example:
        >>> from bayeslayers import params_size_mixture_logistic
        >>> params_size_mixture_logistic(3, 2)
        15

    R example:
        params_size_mixture_logistic(3, 2)
    """
    return MixtureLogistic.params_size(num_components, event_shape)
