"""Distributions of TensorFlow Probability on JAX, imported when one of these is first called."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from bayeslayers.backend import tfp_distributions
from bayeslayers.backend.common import at_least_single
from bayeslayers.backend.jax.compat import tensorflow_probability
from bayeslayers.backend.jax.random import as_key, standard_normal, weight_noise
from bayeslayers.backend.tfp_correlated import correlated_normal_class

if TYPE_CHECKING:
    from bayeslayers.backend.common import Stream
    from bayeslayers.backend.correlated import Correlation

# Functions that are there, and fail: they make layers of TensorFlow.
_NOT_ON_JAX = {
    "bijectors.masked_autoregressive_default_template",
    "bijectors.masked_dense",
    "bijectors.real_nvp_default_template",
}


def distribution_library() -> ModuleType:
    """Return TensorFlow Probability's JAX substrate, whose import takes seconds."""
    return tensorflow_probability()


def library_class(path: str) -> Any:
    """Return the class of TensorFlow Probability at a path, such as "distributions.Normal".

    Raises:
        NotImplementedError: If TensorFlow Probability does not have it on JAX.
    """
    missing = (
        f"TensorFlow Probability has no `tfp.{path}` on JAX, which Keras runs on here. Set "
        '`KERAS_BACKEND` to "tensorflow" before `keras` is imported.'
    )
    if path in _NOT_ON_JAX:
        raise NotImplementedError(missing)
    return tfp_distributions.class_at(distribution_library(), path, missing)


def new_distribution(family: str, **parameters: Any) -> Any:
    """Return the distribution of a family, such as "Normal", with these parameters."""
    return library_class(f"distributions.{family}")(**parameters)


def family_and_parameters(distribution: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the family of a distribution and its parameters, as `new_distribution` takes them."""
    return tfp_distributions.family_and_parameters(_tfd(), distribution)


def _tfd() -> Any:
    return tensorflow_probability().distributions


def normal(loc: Any, scale: Any) -> Any:
    """Return the normal distribution of a mean and a scale."""
    return _tfd().Normal(loc, scale)


def independent_normal(loc: Any, scale: Any, rank: int) -> Any:
    """Return independent normals of a mean and a scale, in the last `rank` dimensions."""
    return _tfd().Independent(_tfd().Normal(loc, scale), rank)


def independent_point(loc: Any, rank: int) -> Any:
    """Return the distribution with all mass on one value of `rank` dimensions."""
    return _tfd().Independent(_tfd().Deterministic(loc), rank)


def correlated_normal(loc: Any, scale: Any, correlation: Correlation) -> Any:
    """Return a mean plus a scale times correlated numbers, over tensors of the mean's shape."""
    kind = correlated_normal_class(_tfd(), tuple, _noise)
    return kind(loc, scale, correlation, jnp.dtype(at_least_single(loc.dtype)))


def _noise(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw standard normals, from a seed as the library takes it."""
    is_typed = jnp.issubdtype(seed.dtype, jax.dtypes.prng_key)
    return (
        jax.random.normal(seed, shape, dtype) if is_typed else standard_normal(shape, dtype, seed)
    )


def computed_from(variable: Any, function: Callable[[Any], Any], shape: Any = None) -> Any:
    """Return what a function makes of a variable's value.

    Args:
        variable: What `native_variable` returned.
        function: A function of its value.
        shape: The shape of what it returns.
    """
    del shape
    return function(variable)


def is_independent_normal(distribution: Any) -> bool:
    """Whether a distribution is Independent(Normal)."""
    inner = getattr(distribution, "distribution", None)
    return isinstance(distribution, _tfd().Independent) and isinstance(inner, _tfd().Normal)


def normal_parameters(distribution: Any) -> tuple[Any, Any]:
    """Return mean and scale of an Independent(Normal), as tensors."""
    inner = distribution.distribution
    return jnp.asarray(inner.loc), jnp.asarray(inner.scale)


def kl_divergence(q: Any, p: Any) -> Any:
    """Return the divergence KL(q || p).

    Raises:
        NotImplementedError: If TensorFlow Probability has no closed form for the pair.
    """
    return tfp_distributions.kl_divergence(_tfd(), q, p)


def draw_shape(distribution: Any) -> tuple[int | None, ...] | None:
    """Return the sizes of a draw."""
    return (*distribution.batch_shape, *distribution.event_shape)


def distribution_method(name: str) -> Any:
    """Return the method of that name that all distributions have, or `None`."""
    return getattr(_tfd().Distribution, name, None)


def method_of(distribution: Any, name: str) -> Callable[..., Any]:
    """Return a distribution's method of that name; its `sample` takes any seed, or none.

    Raises:
        NotImplementedError: From the method, where the distribution has no such thing.
    """
    distribution = getattr(distribution, "tensor_distribution", distribution)
    if name == "kl_divergence":
        return functools.partial(tfp_distributions.divergence_from, _tfd(), distribution)
    method = getattr(distribution, name)
    # One that takes its seeds from a stream has a `sample` of its own.
    if name != "sample" or name in vars(distribution):
        return method

    @functools.wraps(method)
    def sample(sample_shape: Any = (), seed: Any = None, **kwargs: Any) -> Any:
        return method(sample_shape, seed=_key_of(seed), **kwargs)

    return sample


def _key_of(seed: Any) -> Any:
    """Return a key of JAX: of a whole number, of two, of a key; of `None`, Keras's next one."""
    if seed is None:
        return as_key(keras.random.randint((2,), 0, 2**31 - 1, dtype="int32"))
    if isinstance(seed, numbers.Integral):
        return as_key((0, int(seed)))
    is_typed = jnp.issubdtype(getattr(seed, "dtype", np.int32), jax.dtypes.prng_key)
    return seed if is_typed else as_key(seed)


def with_seeds(distribution: Any, seeds: Stream, *, of_weight: bool = False) -> Any:
    """Return the distribution with a `sample` that takes its seed from `seeds`, unless given one.

    On JAX there are no draws without a seed: so a caller's `function(d) d.sample()` is the same as
    on the other backends. It is repeatable from the layer's seed, and never shares noise with
    another layer.

    Args:
        distribution: The distribution.
        seeds: The stream.
        of_weight: Whether it is one of a weight, of which normal draws are `weight_noise`.
    """
    noise = weight_noise if of_weight else standard_normal
    sample_normal = functools.partial(_sample_normal, noise)
    return tfp_distributions.with_seeds(
        _tfd(), distribution, lambda: as_key(seeds.next()), sample_normal, _key_of
    )


def _sample_normal(noise: Callable[..., Any], normal: Any, sample_shape: Any, seed: Any) -> Any:
    """Draw by a function of noise, which is faster than TensorFlow Probability's own way."""
    sizes = (sample_shape,) if np.ndim(sample_shape) == 0 else tuple(sample_shape)
    shape = (*sizes, *normal.batch_shape)
    return normal.loc + normal.scale * noise(shape, normal.dtype, seed)
