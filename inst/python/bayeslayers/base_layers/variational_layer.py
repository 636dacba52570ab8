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
        weights = {role: _take_weight(role, arguments) for role in self.roles()}
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
        return (*geometry.kernels, BIAS) if geometry.has_bias else geometry.kernels

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        # The functions among the geometry's arguments are in the configuration by their names.
        return {**self.geometry.get_config(), **super().get_config()}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        weights = [f"{role}_{name}" for role in cls.roles() for name in WEIGHT_FUNCTIONS]
        return [*super()._function_arguments(), *cls.geometry_type.functions, *weights]

    def _build_kernel(self, role: str, shape: tuple[int, ...]) -> None:
        weight = self.random_weights[role]
        weight.build(self, shape, self._initial_seed)
        if not weight.is_independent_normal:
            self.estimator.check_posterior(f"{role}_posterior_fn", weight.posterior)

    def _build_bias(self, shape: tuple[int, ...], start: np.ndarray | None = None) -> None:
        if self.geometry.has_bias:
            self.random_weights[BIAS].build(self, shape, self._initial_seed, start)

    def _draw_map(
        self, role: str, linear_map: LinearMap, batch_size: Any, channels: int
    ) -> tuple[MapDraw, WeightInCall | None]:
        """Draw a linear map whose kernel is this weight.

        Returns:
            The draw, and the weight for `_add_drawn_divergences`.
        """
        weight = self.random_weights[role]
        posterior = weight.posterior_for_call(self.stream)
        random_map = RandomMap(
            linear_map, posterior, self.stream, self.compute_dtype, batch_size, channels
        )
        model_draw = current_model_draw()
        if model_draw is not None:
            kernel = random_map.cast(self._value_in_draw(model_draw, role))
            return MapDraw(lambda inputs: random_map.apply(inputs, kernel), lambda: kernel), None
        draw = self.estimator.draw(random_map)
        return draw, WeightInCall(weight, posterior, draw.kernel)

    def _draw_bias(self) -> tuple[Any, WeightInCall | None]:
        """Draw the bias.

        Returns:
            The bias, or `None` without one, and the weight for `_add_drawn_divergences`.
        """
        weight = self.random_weights.get(BIAS)
        if weight is None or not weight.exists:
            return None, None
        model_draw = current_model_draw()
        if model_draw is not None:
            value = self._value_in_draw(model_draw, BIAS)
            return saturating_cast(value, self.compute_dtype), None
        posterior = weight.posterior_for_call(self.stream)
        value = posterior.sample()
        in_call = WeightInCall(weight, posterior, lambda: value)
        return saturating_cast(value, self.compute_dtype), in_call

    def _value_in_draw(self, model_draw: ModelDraw, role: str) -> Any:
        """Return the weight's value in a draw of the whole model."""
        weight = self.random_weights[role]
        return model_draw.weight_of(
            self, role, lambda: weight.posterior_for_call(self.stream).sample()
        )

    def _add_drawn_divergences(self, drawn: list[WeightInCall | None]) -> None:
        """Add the divergences of the weights that a call has drawn to the losses.

        Args:
            drawn: The weights. `None` stands for one that is not there, or that was taken from a
                draw of the whole model, which has no losses.
        """
        weights = [each for each in drawn if each is not None]
        if weights and self._is_first_call_in_pass():
            found = {each.weight.role: each.divergence() for each in weights}
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
        # Class names are Keras's class followed by the estimator's class: `DenseFlipout` replaces
        # `Dense`. A user's subclass may have another name and another estimator.
        layers = (cls for cls in type(self).__mro__ if issubclass(cls, VariationalLayer))
        family = next(cls for cls in layers if "function_name" in vars(cls))
        name = family.__name__.removesuffix(family.estimator_type.__name__)
        arguments = self._plain_arguments()
        shared = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        return getattr(keras.layers, name)(**arguments, **shared)

    def _plain_arguments(self) -> dict[str, Any]:
        """Return the arguments of Keras's layer: the geometry's, and whether there is a bias."""
        arguments = self.geometry.get_config()
        if self.geometry.has_bias:
            arguments["use_bias"] = self.random_weights[BIAS].exists
        return arguments

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""
        weights = [weight for weight in self.random_weights.values() if weight.exists]
        if statistic == "mean":
            return [ops.convert_to_numpy(weight.mean()) for weight in weights]
        return [
            ops.convert_to_numpy(weight.posterior_for_call(self.stream).sample())
            for weight in weights
        ]

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
            values: The values of the weights, kernels first.
            delta: The standard deviation of a kernel's posterior, as a part of the absolute value.
        """
        weights = [weight for weight in self.random_weights.values() if weight.exists]
        for weight, value in zip(weights, values, strict=True):
            weight.centre_on(value, delta)

    def may_be_scaled_already(self) -> bool:
        """See `BayesianLayer.may_be_scaled_already`."""
        return any(weight.has_own_divergence for weight in self.random_weights.values())


def weight_type(role: str) -> type[RandomBias] | type[RandomKernel]:
    """Return the class of the weight in this role."""
    return RandomBias if role == BIAS else RandomKernel


def _take_weight(role: str, arguments: dict[str, Any]) -> RandomWeight:
    """Take the functions of a weight out of the arguments."""
    functions = {name: arguments.pop(f"{role}_{name}") for name in WEIGHT_FUNCTIONS}
    return weight_type(role)(role, **functions)
