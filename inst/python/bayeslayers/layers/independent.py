"""Layers whose output is a distribution of independent numbers, all of one family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import new_distribution, softplus
from bayeslayers.base_layers.distribution_layer import (
    EVENT_SHAPE,
    ParametricLayer,
    ParametricLayerOfDraws,
)
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions.mean_field import scale_of, untransformed_of


class IndependentLayer(ParametricLayer):
    """A layer of independent numbers, which are an event of a shape."""

    family_arguments: ClassVar[tuple[str, ...]] = ("event_shape",)
    argument_prose = MappingProxyType({"event_shape": EVENT_SHAPE})
    parameters_of_each: ClassVar[int] = 1
    """How many parameters each number has."""

    def __init__(self, event_shape: int | Sequence[int], **kwargs: Any) -> None:
        sizes = checks.shape("event_shape", event_shape)
        super().__init__(**kwargs)
        self.event_shape = sizes

    @classmethod
    def params_size(cls, event_shape: int | Sequence[int]) -> int:
        """Return how many parameters the distribution of an event of this shape has."""
        return cls.parameters_of_each * math.prod(checks.shape("event_shape", event_shape))

    @property
    def count(self) -> int:
        """See `ParametricLayer.count`."""
        return self.params_size(self.event_shape)

    def _as_events(self, values: Any) -> Any:
        """Return values of shape (..., n) in the shape (..., *event_shape)."""
        return ops.reshape(values, (*ops.shape(values)[:-1], *self.event_shape))

    def _independent(self, family: str, **parameters: Any) -> Any:
        """Return the distribution of independent numbers of a family with these parameters."""
        numbers = new_distribution(family, validate_args=self.validate_args, **parameters)
        return new_distribution(
            "Independent",
            distribution=numbers,
            reinterpreted_batch_ndims=len(self.event_shape),
            validate_args=self.validate_args,
        )


class LocationScaleLayer(IndependentLayer):
    """A layer of independent numbers, each with a location and a scale that come in."""

    parameters_of_each = 2
    family: ClassVar[str]
    """The name of the family."""

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        loc, untransformed = map(self._as_events, ops.split(parameters, 2, axis=-1))
        return self._independent(self.family, loc=loc, scale=softplus(untransformed))


@public_layer
class IndependentNormal(LocationScaleLayer):
    """Independent normal distribution as a layer's output, whose scale depends on the inputs.

        y[j] ~ Normal(m[j], softplus(r[j])), (m, r) = inputs

    Take it for numbers whose noise differs from input to input. `layer_homoscedastic_normal()` has
    the same noise for all inputs, which takes less data to learn.

    The first half of the inputs' last dimension holds the means m. The second half is r, of which
    softplus makes the standard deviations. The layer before it has
    `params_size_independent_normal(event_shape)` units.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_normal, params_size_independent_normal
        >>> from bayeslayers import tfd_log_prob
        >>> units = params_size_independent_normal(2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_independent_normal(model, event_shape=2)
        >>> model.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 2)), verbose=0)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_independent_normal(2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_independent_normal(event_shape = 2)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        model |> fit(array(1, c(32, 3)), array(1, c(32, 2)), verbose = 0)

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_independent_normal"
    family = "Normal"


@public_layer
class IndependentLogistic(LocationScaleLayer):
    """Independent logistic distribution as a layer's output.

        y[j] ~ Logistic(m[j], softplus(r[j])), (m, r) = inputs
        P(y[j] <= t) = sigmoid((t - m[j]) / softplus(r[j]))

    Take it for numbers with some outliers: its tails are heavier than those of the normal
    distribution.

    The first half of the inputs' last dimension holds the means m. The second half is r, of which
    softplus makes the scales; a standard deviation is 1.81 times its scale. The layer before it has
    `params_size_independent_logistic(event_shape)` units.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_logistic, params_size_independent_logistic
        >>> units = params_size_independent_logistic(2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_independent_logistic(model, event_shape=2)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_independent_logistic(2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_independent_logistic(event_shape = 2)
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_independent_logistic"
    too_narrow = ("bfloat16",)
    family = "Logistic"


@public_layer
class IndependentBernoulli(IndependentLayer, ParametricLayerOfDraws):
    """Independent Bernoulli distribution as a layer's output.

        P(y[j] = 1) = sigmoid(inputs[j]), P(y[j] = 0) = 1 - P(y[j] = 1)

    Take it for outcomes of 0 and 1 of which several may be 1 at once, such as the labels of a text,
    or black and white pixels.

    The inputs are the logits. The layer before it has
    `params_size_independent_bernoulli(event_shape)` units.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_bernoulli, params_size_independent_bernoulli
        >>> units = params_size_independent_bernoulli((2, 2))
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_independent_bernoulli(model, event_shape=(2, 2))
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2, 2])

    R example:
        library(keras3)
        units <- params_size_independent_bernoulli(c(2, 2))
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_independent_bernoulli(event_shape = c(2, 2))
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_independent_bernoulli"

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        logits, dtype = self._as_events(parameters), self.dtype_of_draws
        return self._independent("Bernoulli", logits=logits, dtype=dtype)


@public_layer
class IndependentPoisson(IndependentLayer):
    """Independent Poisson distribution as a layer's output.

        P(y[j] = k) = rate[j]^k exp(-rate[j]) / k!, rate = exp(inputs)

    Take it for counts whose variance is about equal to their mean.

    The inputs are the logarithms of the rates. The layer before it has
    `params_size_independent_poisson(event_shape)` units.

    On TensorFlow, XLA can't draw from a Poisson distribution, and `fit()` and `predict()` use XLA
    by default on some devices. Give "mean" as `convert_to_tensor_fn` there, or compile the model
    with `jit_compile` off.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_poisson, params_size_independent_poisson
        >>> units = params_size_independent_poisson(2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_independent_poisson(model, event_shape=2)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_independent_poisson(2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_independent_poisson(event_shape = 2)
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Dillon et al. (2017).
    """

    function_name = "layer_independent_poisson"
    too_narrow = ("bfloat16",)

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        log_rate = self._as_events(parameters)
        return self._independent("Poisson", log_rate=log_rate)


@public_layer
class HomoscedasticNormal(IndependentLayer):
    """Independent normal distribution as a layer's output, with one learned scale for all inputs.

        y[j] ~ Normal(inputs[j], softplus(v[j])), v a trainable variable

    Take it as the first choice for regression: the standard deviation of the noise is one number
    for each output variable, and training finds it. `layer_independent_normal()` has a standard
    deviation that depends on the inputs, and needs more data.

    The inputs are the means. The layer before it has as many units as one outcome has numbers.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_homoscedastic_normal, tfd_log_prob
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model = layer_homoscedastic_normal(model, event_shape=1, initial_scale=0.5)
        >>> model.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 1)), verbose=0)
        >>> model(keras.ops.ones((32, 3))).stddev().shape
        TensorShape([32, 1])

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(1) |>
          layer_homoscedastic_normal(event_shape = 1, initial_scale = 0.5)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        model |> fit(array(1, c(32, 3)), array(1, c(32, 1)), verbose = 0)
        tfd_stddev(model(array(1, c(32, 3))))

    Reference:
        Nix, D. A., and Weigend, A. S. (1994). Estimating the mean and variance of the target
        probability distribution. IEEE International Conference on Neural Networks, 55-60.
        https://doi.org/10.1109/ICNN.1994.374138
    """

    function_name = "layer_homoscedastic_normal"
    family_arguments: ClassVar[tuple[str, ...]] = ("event_shape", "initial_scale")

    def __init__(
        self, event_shape: int | Sequence[int], initial_scale: float = 1.0, **kwargs: Any
    ) -> None:
        scale = checks.positive_number("initial_scale", initial_scale)
        super().__init__(event_shape=event_shape, **kwargs)
        self.initial_scale = scale

    def build(self, input_shape: Any) -> None:
        """Make the variable of the scale."""
        start = float(untransformed_of(np.array(self.initial_scale), self.variable_dtype))
        self.untransformed_scale = self.add_weight(
            name="untransformed_scale",
            shape=self.event_shape,
            initializer=keras.initializers.Constant(start),
            # Parameters of a distribution keep their precision under mixed precision.
            autocast=False,
        )

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        loc = self._as_events(parameters)
        scale = scale_of(ops.convert_to_tensor(self.untransformed_scale))
        return self._independent("Normal", loc=loc, scale=ops.broadcast_to(scale, ops.shape(loc)))


layer_independent_normal = layer_function(IndependentNormal)
layer_independent_logistic = layer_function(IndependentLogistic)
layer_independent_bernoulli = layer_function(IndependentBernoulli)
layer_independent_poisson = layer_function(IndependentPoisson)
layer_homoscedastic_normal = layer_function(HomoscedasticNormal)
