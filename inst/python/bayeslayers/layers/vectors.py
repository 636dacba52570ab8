"""Layers whose output is a vector with a distribution of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from bayeslayers.backend import new_distribution, softplus
from bayeslayers.base_layers.distribution_layer import (
    ParametricLayer,
    ParametricLayerOfDraws,
)
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.functions import layer_function

# What TensorFlow Probability adds to the diagonal.
_DIAGONAL_SHIFT = 1e-5


class VectorLayer(ParametricLayer):
    """A layer whose output is a distribution of vectors of `event_size` numbers."""

    family_arguments = ("event_size",)

    def __init__(self, event_size: int, **kwargs: Any) -> None:
        size = checks.positive_integer("event_size", event_size)
        super().__init__(**kwargs)
        self.event_size = size


@public_layer
class MultivariateNormalTriL(VectorLayer):
    """Multivariate normal distribution as a layer's output, with any covariance.

        y ~ Normal(m, L L'), (m, r, L[i, j] for j < i) = inputs
        L[i, i] = softplus(r[i]) + 1e-5, L[i, j] = 0 for j > i

    Take it for vectors whose numbers depend on each other, such as the code in a variational
    autoencoder.

    The inputs are the d = event_size means m, followed by the d (d + 1) / 2 numbers of the triangle
    L, with r in the place of its diagonal, in the order of TensorFlow Probability's
    `fill_triangular`. The layer before it has `params_size_multivariate_normal_tri_l(event_size)`
    units.

    In a variational autoencoder, this layer ends the encoder, and its `activity_regularizer` adds
    the divergence from the prior to the loss: see `layer_kl_divergence_regularizer()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_multivariate_normal_tri_l, tfd_log_prob
        >>> from bayeslayers import params_size_multivariate_normal_tri_l
        >>> units = params_size_multivariate_normal_tri_l(2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_multivariate_normal_tri_l(model, event_size=2)
        >>> model.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 2)), verbose=0)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_multivariate_normal_tri_l(2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_multivariate_normal_tri_l(event_size = 2)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        model |> fit(array(1, c(32, 3)), array(1, c(32, 2)), verbose = 0)

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_multivariate_normal_tri_l"
    too_narrow = ("float16", "bfloat16")

    @staticmethod
    def params_size(event_size: int) -> int:
        """Return how many parameters the distribution of a vector of this size has."""
        size = checks.positive_integer("event_size", event_size)
        return size + size * (size + 1) // 2

    @property
    def count(self) -> int:
        """See `ParametricLayer.count`."""
        return self.params_size(self.event_size)

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        return new_distribution(
            "MultivariateNormalTriL",
            loc=parameters[..., : self.event_size],
            scale_tril=self._triangle(parameters[..., self.event_size :]),
            validate_args=self.validate_args,
        )

    def _triangle(self, values: Any) -> Any:
        """Return lower triangles (..., n, n) with positive diagonals, of (..., n (n + 1) / 2)."""
        size = self.event_size
        # The numbers wind around the matrix clockwise, as in TensorFlow Probability.
        wound = ops.concatenate([values[..., size:], ops.flip(values, axis=-1)], axis=-1)
        square = ops.reshape(wound, (*ops.shape(values)[:-1], size, size))
        # Not `ops.tril()`, which Keras 3.7 can not trace on TensorFlow.
        is_below = np.tri(size, k=-1, dtype=bool)
        triangle = ops.where(is_below, square, ops.zeros_like(square))
        is_diagonal = np.eye(size, dtype=bool)
        return ops.where(is_diagonal, softplus(square) + _DIAGONAL_SHIFT, triangle)


@public_layer
class OneHotCategorical(VectorLayer, ParametricLayerOfDraws):
    """Categorical distribution as a layer's output, with outcomes of 0 and 1 in columns.

        P(y[j] = 1) = softmax(inputs)[j], exactly one y[j] is 1

    Take it for classes whose targets have a column for each class.

    The inputs are the logits. The layer before it has `params_size_one_hot_categorical(event_size)`
    units.

    Args:
        event_size: Positive whole number: how many classes there are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_one_hot_categorical, params_size_one_hot_categorical
        >>> units = params_size_one_hot_categorical(4)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_one_hot_categorical(model, event_size=4)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 4])

    R example:
        library(keras3)
        units <- params_size_one_hot_categorical(4)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_one_hot_categorical(event_size = 4)
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_one_hot_categorical"

    @staticmethod
    def params_size(event_size: int) -> int:
        """Return how many parameters the distribution over so many classes has."""
        return checks.positive_integer("event_size", event_size)

    @property
    def count(self) -> int:
        """See `ParametricLayer.count`."""
        return self.params_size(self.event_size)

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        return new_distribution(
            "OneHotCategorical",
            logits=parameters,
            dtype=self.dtype_of_draws,
            validate_args=self.validate_args,
        )


layer_multivariate_normal_tri_l = layer_function(MultivariateNormalTriL)
layer_one_hot_categorical = layer_function(OneHotCategorical)
