"""The functions of distributions, under the names of the R package tfprobability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import keras

from bayeslayers.backend import distribution_behind, method_of
from bayeslayers.contract import checks
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.functions import public_function
from bayeslayers.distributions import checks as checks_of_distributions
from bayeslayers.distributions.symbolic import ask

_Function = TypeVar("_Function", bound=Callable[..., Any])
_IN_A_MODEL = (
    "While a model is being put together in the functional API, a layer's output may stand for a "
    "distribution. The function then adds a layer to the model, which computes the result."
)
_public = public_function(DISTRIBUTION_ARGUMENTS, notes=(_IN_A_MODEL,), checks_names=False)


def _distribution_function(function: _Function) -> _Function:
    """Decorate a function of a distribution.

    It is registered, so that a layer that has it as an argument can be saved.
    """
    return cast(
        "_Function", keras.saving.register_keras_serializable("bayeslayers")(_public(function))
    )


@_distribution_function
def tfd_sample(distribution: Any, sample_shape: Any = (), **kwargs: Any) -> Any:
    """Draw from a distribution.

        x ~ p

    Without a seed, every call makes a new draw.

    Returns:
        A tensor of shape `sample_shape`, followed by the distribution's own shape.

    Raises:
        TypeError: If an argument is not one of the method's.

    Example:
        >>> from bayeslayers import tfp, tfd_sample
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> tfd_sample(normal, (2, 3)).shape
        TensorShape([2, 3])

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        tfd_sample(normal, 3)

    Reference:
        Dillon et al. (2017).
    """
    sample_shape = checks.sample_shape("sample_shape", sample_shape)
    return _call("sample", distribution, sample_shape, **kwargs)


@_distribution_function
def tfd_kl_divergence(distribution: Any, other: Any, name: str = "kl_divergence") -> Any:
    """Kullback-Leibler divergence of one distribution from another.

        KL(q || p) = E[log q(x) - log p(x)],   x ~ q

    It is computed in closed form, where the distributions' library has one for the pair.

    Returns:
        A tensor of the shape of the distributions' batch, in nats.

    Raises:
        NotImplementedError: If there is no closed form for the pair.

    Example:
        >>> from bayeslayers import tfp, tfd_kl_divergence
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_kl_divergence(normal, normal))
        0.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        tfd_kl_divergence(normal, tfp$distributions$Normal(loc = 0, scale = 1))

    Reference:
        Dillon et al. (2017).
    """
    return _call("kl_divergence", distribution, other, name=name)


@_distribution_function
def tfd_cross_entropy(distribution: Any, other: Any, name: str = "cross_entropy") -> Any:
    """Cross entropy of two distributions.

        H(q, p) = -E[log p(x)],   x ~ q

    It is the entropy of the first distribution plus its divergence from the second. It is computed
    in closed form, where the distributions' library has one for the pair.

    Returns:
        A tensor of the shape of the distributions' batch, in nats.

    Raises:
        NotImplementedError: If there is no closed form for the pair.

    Example:
        >>> from bayeslayers import tfp, tfd_cross_entropy
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_cross_entropy(normal, normal)), 4)
        2.1121

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        tfd_cross_entropy(normal, tfp$distributions$Normal(loc = 0, scale = 1))

    Reference:
        Dillon et al. (2017).
    """
    return _call("cross_entropy", distribution, other, name=name)


@_distribution_function
def tfd_log_prob(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Logarithm of a density or probability.

        log p(value)

    It is the density of a continuous distribution, and the probability of a discrete one.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        TypeError: If an argument is not one of the method's.

    Example:
        >>> from bayeslayers import tfp, tfd_log_prob
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_log_prob(normal, 1.0)), 4)
        -1.6121

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_log_prob(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("log_prob", distribution, value, **kwargs)


@_distribution_function
def tfd_prob(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Density or probability.

        p(value)

    It is the density of a continuous distribution, and the probability of a discrete one.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        TypeError: If an argument is not one of the method's.

    Example:
        >>> from bayeslayers import tfp, tfd_prob
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_prob(normal, 1.0)), 4)
        0.1995

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_prob(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("prob", distribution, value, **kwargs)


@_distribution_function
def tfd_cdf(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Cumulative distribution function.

        F(value) = P(x <= value),   x ~ p

    It is the probability that a draw x is at most `value`.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_cdf
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_cdf(normal, 1.0))
        0.5

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_cdf(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("cdf", distribution, value, **kwargs)


@_distribution_function
def tfd_log_cdf(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Logarithm of the cumulative distribution function.

        log F(value),   F(value) = P(x <= value),   x ~ p

    It stays finite where the probability itself would be rounded to 0.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_log_cdf
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_log_cdf(normal, 1.0)), 4)
        -0.6931

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_log_cdf(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("log_cdf", distribution, value, **kwargs)


@_distribution_function
def tfd_survival_function(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Survival function.

        S(value) = P(x > value) = 1 - F(value),   x ~ p

    The probability of a draw beyond `value`.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_survival_function
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_survival_function(normal, 1.0))
        0.5

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_survival_function(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("survival_function", distribution, value, **kwargs)


@_distribution_function
def tfd_log_survival_function(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Logarithm of the survival function.

        log S(value),   S(value) = P(x > value),   x ~ p

    It stays finite where the probability itself would be rounded to 0.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_log_survival_function
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_log_survival_function(normal, 1.0)), 4)
        -0.6931

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_log_survival_function(1)

    Reference:
        Dillon et al. (2017).
    """
    return _call("log_survival_function", distribution, value, **kwargs)


@_distribution_function
def tfd_quantile(distribution: Any, value: Any, **kwargs: Any) -> Any:
    """Quantile function.

        the smallest x with F(x) >= value

    The inverse of `tfd_cdf()`; `value` is a probability.

    Returns:
        A tensor of the shape that `value` and the distribution's batch broadcast to.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_quantile
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_quantile(normal, 0.5))
        1.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_quantile(0.5)

    Reference:
        Dillon et al. (2017).
    """
    return _call("quantile", distribution, value, **kwargs)


@_distribution_function
def tfd_mean(distribution: Any, **kwargs: Any) -> Any:
    """Mean of a distribution.

        E[x],   x ~ p

    The expectation, entry by entry.

    Returns:
        A tensor of the shape of the distribution's batch and event.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_mean
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_mean(normal))
        1.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_mean()

    Reference:
        Dillon et al. (2017).
    """
    return _call("mean", distribution, **kwargs)


@_distribution_function
def tfd_variance(distribution: Any, **kwargs: Any) -> Any:
    """Variance of a distribution.

        Var[x] = E[(x - E[x])^2],   x ~ p

    Entry by entry: the diagonal of the covariance.

    Returns:
        A tensor of the shape of the distribution's batch and event.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_variance
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_variance(normal))
        4.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_variance()

    Reference:
        Dillon et al. (2017).
    """
    return _call("variance", distribution, **kwargs)


@_distribution_function
def tfd_stddev(distribution: Any, **kwargs: Any) -> Any:
    """Standard deviation of a distribution.

        sqrt(Var[x]),   x ~ p

    Entry by entry.

    Returns:
        A tensor of the shape of the distribution's batch and event.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_stddev
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_stddev(normal))
        2.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_stddev()

    Reference:
        Dillon et al. (2017).
    """
    return _call("stddev", distribution, **kwargs)


@_distribution_function
def tfd_covariance(distribution: Any, **kwargs: Any) -> Any:
    """Covariance of a distribution.

        Cov[x[i], x[j]] = E[(x[i] - E[x[i]]) (x[j] - E[x[j]])],   x ~ p

    Of a distribution of vectors.

    Returns:
        A tensor of the shape of the distribution's batch, followed by that of a matrix.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfd_covariance, tfd_multivariate_normal_diag
        >>> normal = tfd_multivariate_normal_diag([0.0, 0.0], [1.0, 2.0])
        >>> tfd_covariance(normal).shape[-1]
        2

    R example:
        normal <- tfd_multivariate_normal_diag(c(0, 0), c(1, 2))
        normal %>% tfd_covariance()

    Reference:
        Dillon et al. (2017).
    """
    return _call("covariance", distribution, **kwargs)


@_distribution_function
def tfd_mode(distribution: Any, **kwargs: Any) -> Any:
    """Mode of a distribution.

        the x that maximises p(x)

    The most likely value.

    Returns:
        A tensor of the shape of the distribution's batch and event.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_mode
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> float(tfd_mode(normal))
        1.0

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_mode()

    Reference:
        Dillon et al. (2017).
    """
    return _call("mode", distribution, **kwargs)


@_distribution_function
def tfd_entropy(distribution: Any, **kwargs: Any) -> Any:
    """Entropy of a distribution.

        H(p) = -E[log p(x)],   x ~ p

    Shannon's entropy; the differential one for continuous distributions.

    Returns:
        A tensor of the shape of the distribution's batch, in nats.

    Raises:
        NotImplementedError: If there is no closed form for it.

    Example:
        >>> from bayeslayers import tfp, tfd_entropy
        >>> normal = tfp.distributions.Normal(loc=1.0, scale=2.0)
        >>> round(float(tfd_entropy(normal)), 4)
        2.1121

    R example:
        normal <- tfp$distributions$Normal(loc = 1, scale = 2)
        normal %>% tfd_entropy()

    Reference:
        Dillon et al. (2017).
    """
    return _call("entropy", distribution, **kwargs)


def _call(method: str, distribution: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a distribution, or have it called whenever the model is."""
    if any(map(keras.utils.is_keras_tensor, (distribution, *args))):
        return ask(distribution, method, *args, **kwargs)
    distribution = distribution_behind(distribution)
    checks_of_distributions.is_distribution("distribution", distribution)
    return method_of(distribution, method)(*args, **kwargs)
