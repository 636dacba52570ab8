"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import tree

from bayeslayers.backend.tensorflow.compat import (
    TensorCoercible,
    is_coercible,
    register_for_dispatch,
    tensor_behind,
)

__all__ = ["CoercibleDistribution", "is_coercible"]


def _of_tensor(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that applies the function to the tensor."""

    def method(self: CoercibleDistribution, *args: Any, **kwargs: Any) -> Any:
        return function(tensor_behind(self), *args, **kwargs)

    return method


def _at_value(name: str) -> Callable[..., Any]:
    """Return a method that evaluates the distribution by its own method of that name.

    TensorFlow Probability's class has all ways to compute a probability, and calls those that the
    distribution within does not have.
    """

    def method(self: CoercibleDistribution, value: Any, *args: Any, **kwargs: Any) -> Any:
        distribution = self.tensor_distribution
        # Keras hands over targets in the dtype of the loss.
        if distribution.dtype.is_floating and tf.is_tensor(value) and value.dtype.is_floating:
            value = tf.cast(value, distribution.dtype)
        return getattr(distribution, name)(value, *args, **kwargs)

    method.__name__ = name
    return method


# TensorFlow's dispatch ignores classes that are not registered.
@register_for_dispatch
class CoercibleDistribution(TensorCoercible):
    """A distribution that TensorFlow and Keras take for a tensor.

    Keras turns what is no tensor into one before a loss function sees it, and casts and reshapes
    what is. Here it meets a tensor whose casts and new axes remain distributions. So a plain
    `loss(y, rv)` receives the distribution; all other layers, losses and metrics compute with the
    tensor, which is made when it is first needed.

    What a distribution has is the distribution's: `mean()`, `==`, which compares objects, and every
    other method and property. All else that is asked of a tensor, the tensor answers: operators,
    indices, the conversions of Python, the functions of NumPy, and a tensor's own attributes.

    Args:
        distribution: The distribution.
        to_tensor: Function of it that returns the tensor it stands for. `None`: a draw.
    """

    def __init__(self, distribution: Any, to_tensor: Callable[[Any], Any] | None = None) -> None:
        super().__init__(distribution, to_tensor or _draw)
        # The shape of a draw is known without drawing, which XLA can't do from every distribution.
        self._is_draw = to_tensor is None and distribution.batch_shape.rank is not None

    @property
    def shape(self) -> tf.TensorShape:
        """Shape of the tensor."""
        if self._is_draw:
            return self.batch_shape + self.event_shape
        return tensor_behind(self).shape

    @property
    def dtype(self) -> tf.DType:
        """Dtype of the tensor: that of a mean, say, where the distribution's is an integer."""
        # The distribution's own constructor reads it before the value exists.
        if vars(self).get("_is_draw", True):
            return self.tensor_distribution.dtype
        return tensor_behind(self).dtype

    def is_tensor_like(self) -> bool:
        """Tell `tf.is_tensor`, which looks for this method, that this is a tensor."""
        return True

    @property
    def ndim(self) -> int:
        """How many dimensions the tensor has."""
        return self.shape.rank

    def get_shape(self) -> tf.TensorShape:
        """Return the shape of the tensor."""
        return self.shape

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # Any object may be asked for names with an underscore: that does not use the tensor.
            if name.startswith("_") or not hasattr(tf.Tensor, name):
                raise
            return getattr(tensor_behind(self), name)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        """Call a function of NumPy on the tensor: some would call a method of the distribution."""
        del types
        args, kwargs = tree.map_structure(_tensor_of, (args, kwargs))
        return function(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(tensor_behind(self), dtype)
        return array.copy() if copy else array

    log_prob = _at_value("log_prob")
    prob = _at_value("prob")
    log_cdf = _at_value("log_cdf")
    cdf = _at_value("cdf")
    log_survival_function = _at_value("log_survival_function")
    survival_function = _at_value("survival_function")
    quantile = _at_value("quantile")
    numpy = _of_tensor(lambda tensor: tensor.numpy())
    __len__ = _of_tensor(len)
    __int__ = _of_tensor(int)
    __float__ = _of_tensor(float)
    __complex__ = _of_tensor(complex)
    __index__ = _of_tensor(operator.index)
    __dlpack__ = _of_tensor(lambda tensor, **kwargs: tensor.__dlpack__(**kwargs))
    __dlpack_device__ = _of_tensor(lambda tensor: tensor.__dlpack_device__())


# TensorFlow Probability's metaclass overrides what the class itself says with a method for graphs.
CoercibleDistribution.__bool__ = _of_tensor(bool)


def _draw(distribution: Any) -> Any:
    return distribution.sample()


def _tensor_of(value: Any) -> Any:
    """Return the tensor that a distribution stands for, and everything else as it is."""
    return tensor_behind(value) if isinstance(value, CoercibleDistribution) else value


def _to_tensor(
    value: CoercibleDistribution, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    tensor = tensor_behind(value, dtype, name, as_ref)
    if dtype is not None and not dtype.is_compatible_with(tensor.dtype):
        # A tensor of another dtype does the same: TensorFlow then does without its preferred dtype.
        raise ValueError(f"The tensor is of dtype {tensor.dtype.name}, not {dtype.name}.")
    return tensor


# Registered before the function of TensorFlow Probability, which ignores the dtype.
tf.register_tensor_conversion_function(CoercibleDistribution, _to_tensor, priority=50)


@tf.experimental.dispatch_for_api(tf.cast, {"x": CoercibleDistribution})
def _cast(x: CoercibleDistribution, dtype: Any, name: str | None = None) -> CoercibleDistribution:
    return CoercibleDistribution(
        x.tensor_distribution, lambda _: tf.cast(tensor_behind(x), dtype, name)
    )


@tf.experimental.dispatch_for_api(tf.expand_dims, {"input": CoercibleDistribution})
def _expand_dims(
    input: CoercibleDistribution,  # noqa: A002
    axis: int,
    name: str | None = None,
) -> CoercibleDistribution:
    # Keras appends an axis to predictions of one dimension where the targets are one column. The
    # batch of numbers becomes a column too; a single event is compared with every row as it is.
    distribution = input.tensor_distribution
    if distribution.batch_shape.rank == 1 and distribution.event_shape.rank == 0:
        distribution = distribution[..., tf.newaxis]
    return CoercibleDistribution(
        distribution, lambda _: tf.expand_dims(tensor_behind(input), axis, name)
    )
