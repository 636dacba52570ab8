"""How many parameters the distributions have that layers put out, as functions of R's names."""

from __future__ import annotations

from collections.abc import Sequence

from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.layer_arguments import LAYER_ARGUMENTS
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


@public_function(LAYER_ARGUMENTS)
def params_size_independent_normal(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_normal()`.

        n = 2 prod(event_size)

    It is the size that the layer before must have.

    Args:
        event_size: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_independent_normal
        >>> params_size_independent_normal(2)
        4

    R example:
        params_size_independent_normal(2)

    Reference:
        Dillon et al. (2017).
    """
    return IndependentNormal.params_size(checks.shape("event_size", event_size))


@public_function(LAYER_ARGUMENTS)
def params_size_independent_logistic(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_logistic()`.

        n = 2 prod(event_size)

    It is the size that the layer before must have.

    Args:
        event_size: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_independent_logistic
        >>> params_size_independent_logistic(2)
        4

    R example:
        params_size_independent_logistic(2)

    Reference:
        Dillon et al. (2017).
    """
    return IndependentLogistic.params_size(checks.shape("event_size", event_size))


@public_function(LAYER_ARGUMENTS)
def params_size_independent_bernoulli(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_bernoulli()`.

        n = prod(event_size)

    It is the size that the layer before must have.

    Args:
        event_size: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_independent_bernoulli
        >>> params_size_independent_bernoulli((2, 3))
        6

    R example:
        params_size_independent_bernoulli(c(2, 3))

    Reference:
        Dillon et al. (2017).
    """
    return IndependentBernoulli.params_size(checks.shape("event_size", event_size))


@public_function(LAYER_ARGUMENTS)
def params_size_independent_poisson(event_size: int | Sequence[int]) -> int:
    """Number of parameters of `layer_independent_poisson()`.

        n = prod(event_size)

    It is the size that the layer before must have.

    Args:
        event_size: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_independent_poisson
        >>> params_size_independent_poisson(2)
        2

    R example:
        params_size_independent_poisson(2)

    Reference:
        Dillon et al. (2017).
    """
    return IndependentPoisson.params_size(checks.shape("event_size", event_size))


@public_function(LAYER_ARGUMENTS)
def params_size_multivariate_normal_tri_l(event_size: int) -> int:
    """Number of parameters of `layer_multivariate_normal_tri_l()`.

        n = event_size + event_size (event_size + 1) / 2

    It is the size that the layer before must have.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_multivariate_normal_tri_l
        >>> params_size_multivariate_normal_tri_l(3)
        9

    R example:
        params_size_multivariate_normal_tri_l(3)

    Reference:
        Dillon et al. (2017).
    """
    return MultivariateNormalTriL.params_size(event_size)


@public_function(LAYER_ARGUMENTS)
def params_size_one_hot_categorical(event_size: int) -> int:
    """Number of parameters of `layer_one_hot_categorical()`.

        n = event_size

    It is the size that the layer before must have.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_one_hot_categorical
        >>> params_size_one_hot_categorical(3)
        3

    R example:
        params_size_one_hot_categorical(3)

    Reference:
        Dillon et al. (2017).
    """
    return OneHotCategorical.params_size(event_size)


@public_function(LAYER_ARGUMENTS)
def params_size_categorical_mixture_of_one_hot_categorical(
    event_size: int, num_components: int
) -> int:
    """Number of parameters of `layer_categorical_mixture_of_one_hot_categorical()`.

        n = num_components (1 + event_size)

    It is the size that the layer before must have.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_categorical_mixture_of_one_hot_categorical
        >>> params_size_categorical_mixture_of_one_hot_categorical(4, 3)
        15

    R example:
        params_size_categorical_mixture_of_one_hot_categorical(4, 3)

    Reference:
        Dillon et al. (2017).
    """
    return CategoricalMixtureOfOneHotCategorical.params_size(event_size, num_components)


@public_function(LAYER_ARGUMENTS)
def params_size_mixture_same_family(num_components: int, component_params_size: int) -> int:
    """Number of parameters of `layer_mixture_same_family()`.

        n = num_components (1 + component_params_size)

    It is the size that the layer before must have.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_mixture_same_family
        >>> params_size_mixture_same_family(3, 4)
        15

    R example:
        params_size_mixture_same_family(3, 4)

    Reference:
        Dillon et al. (2017).
    """
    return MixtureSameFamily.params_size(num_components, component_params_size)


@public_function(LAYER_ARGUMENTS)
def params_size_mixture_normal(num_components: int, event_shape: int | Sequence[int]) -> int:
    """Number of parameters of `layer_mixture_normal()`.

        n = num_components (1 + 2 prod(event_shape))

    It is the size that the layer before must have.

    Args:
        num_components: Positive whole number: how many components the mixture has.
        event_shape: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_mixture_normal
        >>> params_size_mixture_normal(3, 2)
        15

    R example:
        params_size_mixture_normal(3, 2)

    Reference:
        Dillon et al. (2017).
    """
    return MixtureNormal.params_size(num_components, event_shape)


@public_function(LAYER_ARGUMENTS)
def params_size_mixture_logistic(num_components: int, event_shape: int | Sequence[int]) -> int:
    """Number of parameters of `layer_mixture_logistic()`.

        n = num_components (1 + 2 prod(event_shape))

    It is the size that the layer before must have.

    Args:
        num_components: Positive whole number: how many components the mixture has.
        event_shape: Positive whole number, or a list of them, which may be empty: the shape of one
            outcome.

    Returns:
        A whole number.

    Raises:
        ArgumentError: If an argument is no such number.

    Example:
        >>> from bayeslayers import params_size_mixture_logistic
        >>> params_size_mixture_logistic(3, 2)
        15

    R example:
        params_size_mixture_logistic(3, 2)

    Reference:
        Dillon et al. (2017).
    """
    return MixtureLogistic.params_size(num_components, event_shape)
