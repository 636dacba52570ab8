"""The base class of layers with random weights: arguments, distributions and divergences."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import saturating_cast
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, Divergence, stddev_of
from bayeslayers.base_layers.bias import Bias, SharedBias
from bayeslayers.base_layers.model_draw import ModelDraw, current_model_draw
from bayeslayers.base_layers.random_weight import (
    WEIGHT_FUNCTIONS,
    RandomBias,
    RandomKernel,
    RandomWeight,
)
from bayeslayers.distributions.posteriors import Posterior
from bayeslayers.estimators import Estimator, MapDraw, RandomMap
from bayeslayers.geometries import Geometry, LinearMap

BIAS = "bias"
"""The role of the weight that is added; all others are kernels."""


@dataclass(frozen=True)
class WeightInCall:
    """A weight's posterior in one call, and what returns the draw from it."""

    weight: RandomWeight
    posterior: Posterior
    value: Callable[[], Any]

    def divergence(self) -> Any:
        """Return the divergence of the posterior from the prior, or `None`."""
        return self.weight.divergence(self.posterior, self.value)


class VariationalLayer(BayesianLayer):
    """A layer whose weights follow posterior distributions that training fits.

    A subclass names its `geometry_type` and its `estimator_type`. Under
    `base_layers.publishing.estimator_layer` it gets a constructor that takes the geometry's
    arguments, followed by those of its weights.
    """

    geometry_type: ClassVar[type[Geometry]]
    estimator_type: ClassVar[type[Estimator]]
    positional_arguments: ClassVar[tuple[str, ...]] = ()
    """Arguments of the bases that callers of this layer may give by position, too."""

    def __init__(
        self,
        activity_regularizer: str | Callable[..., Any] | None = None,
        trainable: bool = True,
        **arguments: Any,
    ) -> None:
        if not hasattr(self, "arguments"):
            raise TypeError(
                f"{type(self).__name__} has no constructor yet: put the class under "
                "`bayeslayers.base_layers.publishing.estimator_layer`, or subclass one of "
                "`bayeslayers.layers` that has one, such as `DenseFlipout`."
            )
        of_geometry = inspect.signature(self.geometry_type).parameters
        geometry = self.geometry_type(**{name: arguments.pop(name) for name in of_geometry})
        weights = {role: self._take_weight(role, arguments) for role in self.roles()}
        super().__init__(
            activity_regularizer=activity_regularizer, trainable=trainable, **arguments
        )
        self.geometry = geometry
        self.supports_masking = geometry.supports_masking
        self.estimator = self.estimator_type()
        self.random_weights = weights
        # Every argument becomes an attribute of its name; for weights that is `{role}_{function}`.
        values = dict(vars(geometry))
        for weight in weights.values():
            values |= weight.functions
        for name, value in values.items():
            setattr(self, name, value)

    @classmethod
    def roles(cls) -> tuple[str, ...]:
        """Return the names of the random weights, which begin the names of their arguments."""
        geometry = cls.geometry_type
        of_kernels = [role for kernel in geometry.kernels for role in cls.roles_of(kernel)]
        return (*of_kernels, BIAS) if geometry.has_bias else tuple(of_kernels)

    @classmethod
    def roles_of(cls, kernel: str) -> tuple[str, ...]:
        """Return the names of the random weights of one kernel of the geometry."""
        return (kernel,)

    @classmethod
    def weight_type(cls, role: str) -> type[RandomWeight]:
        """Return the class of the random weight in this role."""
        return RandomBias if role == BIAS else RandomKernel

    @classmethod
    def arguments_of_weights(cls) -> dict[str, type]:
        """Return whose constructors the arguments of the weights are, by how their names begin."""
        return {role: cls.weight_type(role) for role in cls.roles()}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        # The functions among the geometry's arguments are in the configuration by their names.
        return {**self.geometry.get_config(), **super().get_config()}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        weights = [f"{role}_{name}" for role in cls.roles() for name in WEIGHT_FUNCTIONS]
        return [*super()._function_arguments(), *cls.geometry_type.functions, *weights]

    @classmethod
    def _take_weight(cls, role: str, arguments: dict[str, Any]) -> RandomWeight:
        """Take the functions of a weight out of the arguments."""
        functions = {name: arguments.pop(f"{role}_{name}") for name in WEIGHT_FUNCTIONS}
        return cls.weight_type(role)(role, **functions)

    def _build_kernel(self, role: str, linear_map: LinearMap, channels: int) -> None:
        """Make the variables of a kernel of the geometry, for so many input channels."""
        weight = self.random_weights[role]
        weight.build(self, linear_map.kernel_shape(channels), self._initial_seed)
        if not weight.is_independent_normal:
            self.estimator.check_posterior(f"{role}_posterior_fn", weight.posterior)

    def _build_bias(self, shape: tuple[int, ...], start: np.ndarray | None = None) -> None:
        if self.geometry.has_bias:
            self.random_weights[BIAS].build(self, shape, self._initial_seed, start)

    def _draw_map(
        self, kernel: str, linear_map: LinearMap, batch_size: Any, channels: int
    ) -> tuple[MapDraw, list[WeightInCall]]:
        """Draw a linear map with a kernel of the geometry.

        Returns:
            The draw, and the weights for `_add_drawn_divergences`; a draw of the whole model has no
            losses.
        """
        roles = self.roles_of(kernel)
        weights = [self.random_weights[role] for role in roles]
        model_draw = current_model_draw()
        posteriors = tuple(
            weight.posterior_for_call(self.stream, adds_divergence=model_draw is None)
            for weight in weights
        )
        random_map = RandomMap(
            linear_map,
            posteriors,
            self.stream,
            self.compute_dtype,
            batch_size,
            channels,
            **self._trained_part(kernel, batch_size),
        )
        if model_draw is not None:
            values = [self._value_in_draw(model_draw, role) for role in roles]
            return MapDraw(self.estimator.given(random_map, values), ()), []
        draw = self.estimator.draw(random_map)
        return draw, list(map(WeightInCall, weights, posteriors, draw.weights))

    def _trained_part(self, kernel: str, batch_size: Any) -> dict[str, Any]:
        """Return what a `RandomMap` has where the kernel is trained, and its factors are random."""
        del kernel, batch_size
        return {}

    def _draw_bias(self, batch_size: Any) -> tuple[Bias, list[WeightInCall]]:
        """Draw the bias.

        Returns:
            The bias, and the weight for `_add_drawn_divergences`, as from `_draw_map`.
        """
        weight = self.random_weights.get(BIAS)
        if weight is None or not weight.exists:
            return SharedBias(None), []
        model_draw = current_model_draw()
        if model_draw is not None:
            value = self._value_in_draw(model_draw, BIAS)
            return SharedBias(saturating_cast(value, self.compute_dtype)), []
        posterior = weight.posterior_for_call(self.stream, adds_divergence=True)
        value = posterior.sample()
        bias = self._bias_of_call(saturating_cast(value, self.compute_dtype), batch_size)
        return bias, [WeightInCall(weight, posterior, lambda: value)]

    def _bias_of_call(self, value: Any, batch_size: Any) -> Bias:
        """Return the bias of a call, of which this is the draw."""
        del batch_size
        return SharedBias(value)

    def _value_in_draw(self, model_draw: ModelDraw, role: str) -> Any:
        """Return the weight's value in a draw of the whole model."""
        weight = self.random_weights[role]
        return model_draw.weight_of(
            self, role, lambda: weight.posterior_for_call(self.stream).sample()
        )

    def _add_drawn_divergences(self, drawn: list[WeightInCall]) -> None:
        """Add the divergences of the weights that a call has drawn to the losses."""
        if drawn and self._is_first_call_in_pass():
            found = {each.weight.role: each.divergence() for each in drawn}
            self._add_to_losses({r: value for r, value in found.items() if value is not None})

    def divergences(self) -> dict[str, Divergence]:
        """See `BayesianLayer.divergences`."""
        return {
            role: Divergence(
                partial(self._estimate_divergence, weight), weight.has_exact_divergence
            )
            for role, weight in self.random_weights.items()
            if weight.diverges
        }

    def _estimate_divergence(self, weight: RandomWeight) -> Any:
        posterior = weight.posterior_for_call(self.stream)
        return weight.divergence(posterior, posterior.sample_later())

    def size_of(self, weight: str) -> int:
        """See `BayesianLayer.size_of`."""
        return math.prod(self.random_weights[weight].shape)

    def plain_layer(self) -> keras.Layer:
        """See `BayesianLayer.plain_layer`."""
        arguments = self._plain_arguments()
        shared = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        return getattr(keras.layers, self._name_of_keras())(**arguments, **shared)

    def _name_of_keras(self) -> str:
        """Return the name of Keras's class."""
        # Class names are Keras's class followed by the estimator's class: `DenseFlipout` replaces
        # `Dense`. A user's subclass may have another name and another estimator.
        layers = (cls for cls in type(self).__mro__ if issubclass(cls, VariationalLayer))
        family = next(cls for cls in layers if "function_name" in vars(cls))
        return family.__name__.removesuffix(family.estimator_type.__name__)

    def _plain_arguments(self) -> dict[str, Any]:
        """Return the arguments of Keras's layer: the geometry's, and whether there is a bias."""
        arguments = self.geometry.get_config()
        if self.geometry.has_bias:
            arguments["use_bias"] = self.random_weights[BIAS].exists
        return arguments

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""

        def value(weight: RandomWeight) -> Any:
            is_mean = statistic == "mean"
            return weight.mean() if is_mean else weight.posterior_for_call(self.stream).sample()

        weights = [weight for weight in self.random_weights.values() if weight.exists]
        return [
            ops.convert_to_numpy(self._plain_value(weight.role, value(weight)))
            for weight in weights
        ]

    def _plain_value(self, role: str, value: Any) -> Any:
        """Return what the plain layer has for the value of a random weight."""
        del role
        return value

    def weights_in_draw(self, draw: ModelDraw) -> dict[str, Any]:
        """See `BayesianLayer.weights_in_draw`."""
        roles = [role for role, weight in self.random_weights.items() if weight.exists]
        return {role: self._value_in_draw(draw, role) for role in roles}

    def posterior_moments(self) -> dict[str, tuple[Any, Any]]:
        """See `BayesianLayer.posterior_moments`."""
        return {
            role: (weight.mean(), stddev_of(weight.posterior))
            for role, weight in self.random_weights.items()
            if weight.exists
        }

    def centre_on(self, values: list[Any], delta: float) -> None:
        """Centre posteriors on these values, and priors where they have a mean of their own.

        Args:
            values: The weights of Keras's layer, in its order.
            delta: The standard deviation of a kernel's posterior, as a part of the absolute value.
        """
        for role, value in self._by_role(values).items():
            self.random_weights[role].centre_on(value, delta)

    def _by_role(self, values: list[Any]) -> dict[str, Any]:
        """Return the weights of Keras's layer by the roles that they have here."""
        roles = [role for role, weight in self.random_weights.items() if weight.exists]
        return dict(zip(roles, self._kernels_first(values), strict=True))

    def _kernels_first(self, values: list[Any]) -> list[Any]:
        """Return the weights of Keras's layer with all biases in one, behind the kernels."""
        return values

    def may_be_scaled_already(self) -> bool:
        """See `BayesianLayer.may_be_scaled_already`."""
        return any(weight.has_own_divergence for weight in self.random_weights.values())
