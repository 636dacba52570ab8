"""Distributions of TensorFlow Probability, which is imported when one of these is first called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from bayeslayers.backend import tfp_distributions
from bayeslayers.backend.common import RecordingScope, at_least_single
from bayeslayers.backend.tensorflow.random import standard_normal, weight_noise
from bayeslayers.backend.tfp_correlated import correlated_normal_class

if TYPE_CHECKING:
    from bayeslayers.backend.common import Stream
    from bayeslayers.backend.correlated import Correlation


def distribution_library() -> ModuleType:
    """Return TensorFlow Probability, whose import takes seconds and some 50 MB."""
    import tensorflow_probability

    from bayeslayers.backend.tensorflow.compat import module_of_pad

    tfp_distributions.mend(module_of_pad)
    return tensorflow_probability


def library_class(path: str) -> Any:
    """Return the class of TensorFlow Probability at a path, such as "distributions.Normal".

    Raises:
        NotImplementedError: If the version that is installed has no such class.
    """
    tfp = distribution_library()
    missing = f"TensorFlow Probability {tfp.__version__} has no `tfp.{path}`."
    return tfp_distributions.class_at(tfp, path, missing)


def new_distribution(family: str, **parameters: Any) -> Any:
    """Return the distribution of a family, such as "Normal", with these parameters."""
    return library_class(f"distributions.{family}")(**parameters)


def family_and_parameters(distribution: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the family of a distribution and its parameters, as `new_distribution` takes them."""
    from tensorflow_probability import distributions as tfd

    return tfp_distributions.family_and_parameters(tfd, distribution)


def normal(loc: Any, scale: Any) -> Any:
    """Return the normal distribution of a mean and a scale."""
    from tensorflow_probability import distributions as tfd

    return tfd.Normal(loc, scale)


def independent_normal(loc: Any, scale: Any, rank: int) -> Any:
    """Return independent normals of a mean and a scale, in the last `rank` dimensions."""
    from tensorflow_probability import distributions as tfd

    return tfd.Independent(tfd.Normal(loc, scale), rank)


def independent_point(loc: Any, rank: int) -> Any:
    """Return the distribution with all mass on one value of `rank` dimensions."""
    from tensorflow_probability import distributions as tfd

    return tfd.Independent(tfd.Deterministic(loc), rank)


def correlated_normal(loc: Any, scale: Any, correlation: Correlation) -> Any:
    """Return a mean plus a scale times correlated numbers, over tensors of the mean's shape."""
    from tensorflow_probability import distributions as tfd

    kind = correlated_normal_class(tfd, tf.TensorShape, _noise)
    return kind(loc, scale, correlation, tf.as_dtype(at_least_single(loc.dtype)))


def _noise(shape: Any, dtype: Any, seed: Any) -> Any:
    """Draw standard normals, from a tensor of two numbers or any other seed of the library."""
    if tf.is_tensor(seed):
        return standard_normal(shape, dtype, seed)
    return normal(tf.zeros((), dtype), tf.ones((), dtype)).sample(shape, seed=seed)


def computed_from(variable: Any, function: Callable[[Any], Any], shape: Any = None) -> Any:
    """Return what a function makes of a variable, computed anew whenever it is read.

    So a distribution in a caller's hands follows later updates of the variable.

    Args:
        variable: One of TensorFlow's variables.
        function: A function of its value.
        shape: The shape of what it returns. `None`: that of the variable.
    """
    from tensorflow_probability import util

    known = {} if shape is None else {"shape": shape}
    return util.DeferredTensor(variable, function, **known)


def is_independent_normal(distribution: Any) -> bool:
    """Whether a distribution is Independent(Normal)."""
    from tensorflow_probability import distributions as tfd

    inner = getattr(distribution, "distribution", None)
    return isinstance(distribution, tfd.Independent) and isinstance(inner, tfd.Normal)


def normal_parameters(distribution: Any) -> tuple[Any, Any]:
    """Return mean and scale of an Independent(Normal), as tensors."""
    inner = distribution.distribution
    return tf.convert_to_tensor(inner.loc), tf.convert_to_tensor(inner.scale)


def kl_divergence(q: Any, p: Any) -> Any:
    """Return the divergence KL(q || p).

    Raises:
        NotImplementedError: If TensorFlow Probability has no closed form for the pair.
    """
    from tensorflow_probability import distributions as tfd

    return tfp_distributions.kl_divergence(tfd, q, p)


def foreign_variables(
    make: Callable[[], Any], known: Iterable[Any], *, trainable: bool = False
) -> tuple[Any, list[str]]:
    """Return what a function makes, and the names of variables that are not known.

    They are those in the distribution that it makes, and the trainable ones that it reads.

    Args:
        make: Makes a distribution, or anything else.
        known: Variables, and tensors, that are known when it has been called.
        trainable: Whether only variables that can be trained count.
    """
    with tf.GradientTape() as tape:
        made = make()
    inside = getattr(made, "trainable_variables" if trainable else "variables", ())
    found = {id(variable): variable for variable in (*inside, *tape.watched_variables())}
    known_ids = {id(part) for variable in known for part in _parts(variable)}
    if found.keys() - known_ids:
        known_ids |= {id(part) for variable in _frozen(make) for part in _parts(variable)}
    return made, [variable.name for key, variable in found.items() if key not in known_ids]


def _frozen(make: Callable[[], Any]) -> list[keras.Variable]:
    """Return the Keras variables that a function reads and that are not trained at present.

    TensorFlow's variables behind them go on as such that can be trained.
    """
    with RecordingScope() as scope:
        make()
    return [variable for variable in scope.read if not variable.trainable]


def _parts(variable: Any) -> tuple[Any, ...]:
    """Return TensorFlow's variable behind one, and what each device has of it."""
    value = getattr(variable, "value", variable)
    return value, *tf.distribute.get_strategy().experimental_local_results(value)


def draw_shape(distribution: Any) -> tuple[int | None, ...] | None:
    """Return the sizes of a draw; `None` where a size, or how many there are, is not known."""
    shape = distribution.batch_shape + distribution.event_shape
    return None if shape.rank is None else tuple(shape)


def distribution_method(name: str) -> Any:
    """Return the method of that name that all distributions have, or `None`."""
    from tensorflow_probability import distributions as tfd

    return getattr(tfd.Distribution, name, None)


def method_of(distribution: Any, name: str) -> Callable[..., Any]:
    """Return a distribution's method of that name.

    Raises:
        NotImplementedError: From the method, where the distribution has no such thing.
    """
    if name == "kl_divergence":
        from tensorflow_probability import distributions as tfd

        return partial(tfp_distributions.divergence_from, tfd, inner_distribution(distribution))
    return getattr(distribution, name)


def with_seeds(distribution: Any, seeds: Stream, *, of_weight: bool = False) -> Any:
    """Return the distribution with a `sample` that takes its seed from `seeds`, unless given one.

    A caller's `function(d) d.sample()` is so repeatable from the layer's seed, never shares noise
    with another layer, and compiles under XLA, which refuses TensorFlow's stateful generators.

    Args:
        distribution: The distribution.
        seeds: The stream.
        of_weight: Whether it is one of a weight, of which normal draws are `weight_noise`.
    """
    from tensorflow_probability import distributions as tfd

    return tfp_distributions.with_seeds(
        tfd,
        distribution,
        lambda: tf.cast(seeds.next(), tf.int32),
        partial(_sample_normal, weight_noise if of_weight else standard_normal),
    )


def _sample_normal(noise: Callable[..., Any], normal: Any, sample_shape: Any, seed: Any) -> Any:
    """Draw by a function of noise, which is faster than TensorFlow Probability's own way."""
    of_batch = normal.batch_shape
    if not of_batch.is_fully_defined():
        of_batch = normal.batch_shape_tensor()
    of_sample = tf.reshape(tf.convert_to_tensor(sample_shape, tf.int32), [-1])
    shape = tf.concat([of_sample, tf.convert_to_tensor(of_batch, tf.int32)], axis=0)
    return normal.loc + normal.scale * noise(shape, normal.dtype, seed)


def to_coercible(
    distribution: Any, seeds: Stream, to_tensor: str | Callable[[Any], Any] | None = None
) -> Any:
    """Return the distribution as a tensor that is made of it when it is first needed.

    One that converts to a tensor already stays as it is.

    Args:
        distribution: The distribution.
        seeds: The stream that its samples take their seeds from.
        to_tensor: A function of the distribution, or the name of one of its methods. `None`: a
            draw.
    """
    from bayeslayers.backend.tensorflow.coercible import CoercibleDistribution, is_coercible

    if is_coercible(distribution):
        return distribution
    distribution = with_seeds(distribution, seeds)
    if to_tensor in (None, "sample"):
        return CoercibleDistribution(distribution)
    if isinstance(to_tensor, str):
        return CoercibleDistribution(distribution, lambda d: getattr(d, to_tensor)())
    return CoercibleDistribution(distribution, to_tensor)


def inner_distribution(distribution: Any) -> Any:
    """Return the distribution alone, which no longer converts to a tensor."""
    return getattr(distribution, "tensor_distribution", distribution)


def tensor_of(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for."""
    return tf.convert_to_tensor(distribution)


def distribution_behind(value: Any) -> Any:
    """Return the value: what stands for a distribution is one."""
    return value
