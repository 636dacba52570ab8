"""Layers whose output is a mixture of distributions of one family."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from keras import ops

from bayeslayers.backend import inner_distribution, new_distribution
from bayeslayers.base_layers.distribution_layer import (
    EVENT_SHAPE,
    ParametricLayer,
    ParametricLayerOfDraws,
)
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions import checks as distribution_checks
from bayeslayers.layers.independent import IndependentLogistic, IndependentNormal
from bayeslayers.layers.vectors import OneHotCategorical


class MixtureLayer(ParametricLayer):
    """A layer of a mixture. Its parameters are its logits, followed by those of its components."""

    num_components: int
    page_notes: ClassVar[tuple[str, ...]] = ("Draws pass no gradient on to the parameters.",)

    @abstractmethod
    def components(self, parameters: Any) -> Any:
        """Return the distribution of the components, of parameters (..., num_components, n)."""

    def make_of_parameters(self, parameters: Any) -> Any:
        """See `ParametricLayer.make_of_parameters`."""
        count = self.num_components
        sizes = (*ops.shape(parameters)[:-1], count)
        last = parameters.shape[-1]
        if last is not None and (last <= count or last % count):
            rule = f"must have {count} logits and as many parameters for each component"
            raise ArgumentError("inputs", rule, {"shape": tuple(parameters.shape)})
        of_each = -1 if last is None else last // count - 1
        of_components = ops.reshape(parameters[..., count:], (*sizes, of_each))
        logits = parameters[..., :count]
        return new_distribution(
            "MixtureSameFamily",
            mixture_distribution=new_distribution("Categorical", logits=logits),
            components_distribution=inner_distribution(self.components(of_components)),
        )


class MixtureOfEvents(MixtureLayer):
    """A layer of a mixture of independent numbers, which are an event of a shape."""

    family_arguments = ("num_components", "event_shape")
    argument_prose = MappingProxyType({"event_shape": EVENT_SHAPE})
    component_type: type[IndependentNormal] | type[IndependentLogistic]

    def __init__(
        self, num_components: int, event_shape: int | Sequence[int] = (), **kwargs: Any
    ) -> None:
        count = checks.positive_integer("num_components", num_components)
        sizes = checks.shape("event_shape", event_shape)
        super().__init__(**kwargs)
        self.num_components = count
        self.event_shape = sizes
        self.component = self.component_type(
            self.event_shape, validate_args=self.validate_args, dtype=self.dtype_policy, seed=0
        )

    @classmethod
    def params_size(cls, num_components: int, event_shape: int | Sequence[int] = ()) -> int:
        """Return how many parameters a mixture of so many components has."""
        of_each = cls.component_type.params_size(event_shape)
        return MixtureSameFamily.params_size(num_components, of_each)

    @property
    def count(self) -> int:
        """See `ParametricLayer.count`."""
        return self.params_size(self.num_components, self.event_shape)

    def components(self, parameters: Any) -> Any:
        """See `MixtureLayer.components`."""
        return self.component.make_distribution(parameters)


@public_layer
class MixtureSameFamily(MixtureLayer):
    """Mixture of distributions of one family as a layer's output.

        p(y) = sum over k of softmax(l)[k] p(y; t[k]), (l, t[1], ..., t[K]) = inputs

    Take it where an outcome may be in one of several places, and no layer has the mixture by name.
    `layer_mixture_normal()` and `layer_mixture_logistic()` are shorter to write.

    The first inputs are the logits l of the K = num_components components. The parameters `t[k]` of
    each component k follow. The layer before it has
    `params_size_mixture_same_family(num_components, component_params_size)` units.

    Args:
        num_components: Positive whole number: how many components there are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_normal, layer_mixture_same_family
        >>> from bayeslayers import params_size_independent_normal
        >>> from bayeslayers import params_size_mixture_same_family
        >>> units = params_size_mixture_same_family(3, params_size_independent_normal(2))
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_mixture_same_family(model, 3, layer_independent_normal(event_shape=2))
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_mixture_same_family(3, params_size_independent_normal(2))
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_mixture_same_family(3, layer_independent_normal(event_shape = 2))
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Bishop, C. M. (1994). Mixture Density Networks. Aston University.
        https://publications.aston.ac.uk/id/eprint/373
    """

    function_name = "layer_mixture_same_family"
    family_arguments = ("num_components",)

    def __init__(
        self, num_components: int, component_layer: Callable[[Any], Any], **kwargs: Any
    ) -> None:
        count = checks.positive_integer("num_components", num_components)
        layer = checks.function("component_layer", component_layer, optional=False)
        super().__init__(**kwargs)
        self.num_components = count
        self.component_layer = layer

    @staticmethod
    def params_size(num_components: int, component_params_size: int) -> int:
        """Return how many parameters a mixture of so many components has."""
        count = checks.positive_integer("num_components", num_components)
        return count * (1 + checks.positive_integer("component_params_size", component_params_size))

    @property
    def count(self) -> int | None:
        """See `ParametricLayer.count`."""
        of_each = getattr(self.component_layer, "count", None)
        return None if of_each is None else self.params_size(self.num_components, of_each)

    @property
    def parameter_dtype(self) -> str:
        """See `DistributionLayer.parameter_dtype`: that of the components, which have the same."""
        return getattr(self.component_layer, "parameter_dtype", super().parameter_dtype)

    def components(self, parameters: Any) -> Any:
        """See `MixtureLayer.components`."""
        made = self.component_layer(parameters)
        distribution_checks.distribution("component_layer", made)
        return made

    @classmethod
    def _function_arguments(cls) -> list[str]:
        # Like functions, the layer is saved by its registered name.
        return [*super()._function_arguments(), "component_layer"]


@public_layer
class MixtureNormal(MixtureOfEvents):
    """Mixture of normal distributions as a layer's output.

        p(y) = sum over k of softmax(l)[k] prod over j of Normal(y[j]; m[k, j], s[k, j]),
        s = softplus(r), (l, (m, r)[1], ..., (m, r)[K]) = inputs

    Take it where an outcome may be in one of several places, such as the angle of a joint with
    which an arm reaches a point. The numbers `y[j]` are independent within a component, but not in
    the mixture.

    The first inputs are the logits l of the K = num_components components. The means m and then the
    numbers r of each component follow. The layer before it has
    `params_size_mixture_normal(num_components, event_shape)` units.

    Args:
        num_components: Positive whole number: how many components there are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_mixture_normal, params_size_mixture_normal, tfd_log_prob
        >>> units = params_size_mixture_normal(3, 2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_mixture_normal(model, num_components=3, event_shape=2)
        >>> model.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 2)), verbose=0)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_mixture_normal(3, 2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_mixture_normal(num_components = 3, event_shape = 2)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        model |> fit(array(1, c(32, 3)), array(1, c(32, 2)), verbose = 0)

    Reference:
        Bishop, C. M. (1994). Mixture Density Networks. Aston University.
        https://publications.aston.ac.uk/id/eprint/373
    """

    function_name = "layer_mixture_normal"
    component_type = IndependentNormal


@public_layer
class MixtureLogistic(MixtureOfEvents):
    """Mixture of logistic distributions as a layer's output.

        p(y) = sum over k of softmax(l)[k] prod over j of Logistic(y[j]; m[k, j], s[k, j]),
        s = softplus(r), (l, (m, r)[1], ..., (m, r)[K]) = inputs

    Take it where an outcome may be in one of several places, and some outcomes are far from all of
    them: its tails are heavier than those of `layer_mixture_normal()`. The numbers `y[j]` are
    independent within a component, but not in the mixture.

    The first inputs are the logits l of the K = num_components components. The means m and then the
    numbers r of each component follow. The layer before it has
    `params_size_mixture_logistic(num_components, event_shape)` units.

    Args:
        num_components: Positive whole number: how many components there are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_mixture_logistic, params_size_mixture_logistic
        >>> units = params_size_mixture_logistic(3, 2)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_mixture_logistic(model, num_components=3, event_shape=2)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 2])

    R example:
        library(keras3)
        units <- params_size_mixture_logistic(3, 2)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_mixture_logistic(num_components = 3, event_shape = 2)
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Salimans, T., Karpathy, A., Chen, X., and Kingma, D. P. (2017). PixelCNN++: Improving the
        PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications. International
        Conference on Learning Representations. https://arxiv.org/abs/1701.05517
    """

    function_name = "layer_mixture_logistic"
    too_narrow = IndependentLogistic.too_narrow
    component_type = IndependentLogistic


@public_layer
class CategoricalMixtureOfOneHotCategorical(MixtureLayer, ParametricLayerOfDraws):
    """Mixture of categorical distributions as a layer's output.

        P(y[j] = 1) = sum over k of softmax(l)[k] softmax(t[k])[j], (l, t[1], ..., t[K]) = inputs

    Take it for classes where a single softmax can't represent the probabilities, as with many
    classes and few inputs. Outcomes have a column for each class.

    The first inputs are the logits l of the K = num_components components. The logits `t[k]` of the
    classes follow for each component k. The layer before it has
    `params_size_categorical_mixture_of_one_hot_categorical(event_size, num_components)` units.

    Args:
        event_size: Positive whole number: how many classes there are.
        num_components: Positive whole number: how many components there are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_categorical_mixture_of_one_hot_categorical
        >>> from bayeslayers import params_size_categorical_mixture_of_one_hot_categorical
        >>> units = params_size_categorical_mixture_of_one_hot_categorical(4, 3)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> model = layer_categorical_mixture_of_one_hot_categorical(model, 4, 3)
        >>> model(keras.ops.ones((32, 3))).shape
        TensorShape([32, 4])

    R example:
        library(keras3)
        units <- params_size_categorical_mixture_of_one_hot_categorical(4, 3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(units) |>
          layer_categorical_mixture_of_one_hot_categorical(event_size = 4, num_components = 3)
        tfd_mean(model(array(1, c(32, 3))))

    Reference:
        Yang, Z., Dai, Z., Salakhutdinov, R., and Cohen, W. W. (2018). Breaking the Softmax
        Bottleneck: A High-Rank RNN Language Model. International Conference on Learning
        Representations. https://arxiv.org/abs/1711.03953
    """

    function_name = "layer_categorical_mixture_of_one_hot_categorical"
    family_arguments = ("event_size", "num_components")

    def __init__(self, event_size: int, num_components: int, **kwargs: Any) -> None:
        size = checks.positive_integer("event_size", event_size)
        count = checks.positive_integer("num_components", num_components)
        super().__init__(**kwargs)
        self.event_size = size
        self.num_components = count

    @staticmethod
    def params_size(event_size: int, num_components: int) -> int:
        """Return how many parameters a mixture of so many components has."""
        of_each = OneHotCategorical.params_size(event_size)
        return MixtureSameFamily.params_size(num_components, of_each)

    @property
    def count(self) -> int:
        """See `ParametricLayer.count`."""
        return self.params_size(self.event_size, self.num_components)

    def components(self, parameters: Any) -> Any:
        """See `MixtureLayer.components`."""
        # Without checks: a mean of columns is not an outcome, but must have a density.
        return new_distribution(
            "OneHotCategorical", logits=parameters, dtype=self.dtype_of_draws, validate_args=False
        )


layer_mixture_same_family = layer_function(MixtureSameFamily)
layer_mixture_normal = layer_function(MixtureNormal)
layer_mixture_logistic = layer_function(MixtureLogistic)
layer_categorical_mixture_of_one_hot_categorical = layer_function(
    CategoricalMixtureOfOneHotCategorical
)
