"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.util import dispatch
from tensorflow_probability import distributions as tfd
from tensorflow_probability.python.layers.internal import (
    distribution_tensor_coercible as coercible,
)

from bayeslayers.distributions.makers import sample_posterior
from bayeslayers.distributions.sampling import with_seeds
from bayeslayers.distributions.stream import Stream


# TensorFlow's dispatch passes over classes that are not registered.
@dispatch.register_dispatchable_type
class CoercibleDistribution(coercible._TensorCoercible):
    """A distribution that TensorFlow and Keras take for a tensor.

    Keras turns what is no tensor into one before a loss function sees it, and casts and reshapes
    what is. Here it meets a tensor whose casts and new axes remain distributions. So a plain
    `loss(y, rv)` receives the distribution; all other layers, losses and metrics compute with the
    tensor, which is made when it is first needed.

    Args:
        distribution: The distribution.
        to_tensor: Function of it that returns the tensor it stands for. `None`: a draw.
    """

    def __init__(self, distribution: Any, to_tensor: Callable[[Any], Any] | None = None) -> None:
        super().__init__(distribution, to_tensor or sample_posterior)
        # The shape of a draw is known without drawing, which XLA can't do from every distribution.
        self._is_draw = to_tensor is None and distribution.batch_shape.rank is not None

    @property
    def shape(self) -> tf.TensorShape:
        """Shape of the tensor."""
        if self._is_draw:
            return self.batch_shape + self.event_shape
        return self._value().shape

    @property
    def dtype(self) -> tf.DType:
        """Dtype of the tensor: that of a mean, say, where the distribution's is an integer."""
        # The distribution's own constructor asks before there is a value.
        if vars(self).get("_is_draw", True):
            return self.tensor_distribution.dtype
        return self._value().dtype

    def _log_prob(self, value: Any, **kwargs: Any) -> Any:
        # Keras hands over targets in the dtype of the loss.
        dtype = self.tensor_distribution.dtype
        if dtype.is_floating and value.dtype.is_floating:
            value = tf.cast(value, dtype)
        return super()._log_prob(value, **kwargs)

    def is_tensor_like(self) -> bool:
        """Tell `tf.is_tensor`, which looks for this method, that this is a tensor."""
        return True

    def get_shape(self) -> tf.TensorShape:
        """Return the shape of the tensor."""
        return self.shape

    def numpy(self) -> np.ndarray:
        """Return the tensor as an array."""
        return self._value().numpy()

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.asarray(self.numpy(), *args, **kwargs)


def to_coercible(
    distribution: Any,
    seeds: Stream,
    to_tensor: str | Callable[[Any], Any] = sample_posterior,
) -> Any:
    """Return the distribution as the tensor that `to_tensor` makes of it, sampling from `seeds`.

    One that converts to a tensor already stays as it is.
    """
    if isinstance(distribution, coercible._TensorCoercible):
        return distribution
    distribution = with_seeds(distribution, seeds)
    if to_tensor is sample_posterior or to_tensor == tfd.Distribution.sample.__name__:
        return CoercibleDistribution(distribution)
    if isinstance(to_tensor, str):
        return CoercibleDistribution(distribution, lambda d: getattr(d, to_tensor)())
    return CoercibleDistribution(distribution, to_tensor)


def inner(distribution: Any) -> Any:
    """Return the distribution alone, which no longer converts to a tensor."""
    return getattr(distribution, "tensor_distribution", distribution)


def method_name(function: Any) -> Any:
    """Return the name of a method of all distributions, such as `Distribution.sample`.

    By its name it is found again in a saved file, and is each distribution's own: called on one, it
    takes its seeds from the layer. All else comes back as it is.
    """
    name = getattr(function, "__name__", "")
    return name if getattr(tfd.Distribution, name, None) is function else function


@tf.experimental.dispatch_for_api(tf.cast, {"x": CoercibleDistribution})
def _cast(x: CoercibleDistribution, dtype: Any, name: str | None = None) -> CoercibleDistribution:
    return CoercibleDistribution(inner(x), lambda _: tf.cast(x._value(), dtype, name))


@tf.experimental.dispatch_for_api(tf.expand_dims, {"input": CoercibleDistribution})
def _expand_dims(
    input: CoercibleDistribution,  # noqa: A002
    axis: int,
    name: str | None = None,
) -> CoercibleDistribution:
    # Keras appends an axis to predictions of one dimension where the targets are one column. The
    # batch of numbers becomes a column too; a single event is compared with every row as it is.
    distribution = inner(input)
    if distribution.batch_shape.rank == 1 and distribution.event_shape.rank == 0:
        distribution = distribution[..., tf.newaxis]
    return CoercibleDistribution(distribution, lambda _: tf.expand_dims(input._value(), axis, name))
