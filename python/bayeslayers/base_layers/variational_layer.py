"""What all layers with random weights share: their arguments, distributions and divergences."""

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
from bayeslayers.base_layers.base_layer import join_signatures, keras_arguments
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, Divergence, stddev_of
from bayeslayers.base_layers.random_weight import RandomWeight
from bayeslayers.base_layers.weight_draw import WeightDraw, current_weight_draw
from bayeslayers.contract import checks
from bayeslayers.distributions.defaults import exact_divergence, sample_posterior
from bayeslayers.distributions.fixed_priors import default_multivariate_normal_fn
from bayeslayers.distributions.makers import default_mean_field_normal_fn
from bayeslayers.distributions.posteriors import Posterior
from bayeslayers.estimators import Draw, Estimator, RandomMap
from bayeslayers.geometries import Geometry, LinearMap

_FUNCTIONS = ("posterior_fn", "posterior_tensor_fn", "prior_fn", "divergence_fn")
_DISTRIBUTIONS = ("posterior", "prior")

_DETAILS = (
    "The layer draws its weights anew at every call, in training and in prediction alike: call the "
    "model many times for the predictive distribution.",
    "After the layer has been built, {distributions} are TensorFlow Probability distributions that "
    "follow the layer's variables. `losses` holds one number for each prior that is there: the "
    "divergence of the posterior from it, which Keras adds to the loss. The sum over a model is "
    "the KL term of the evidence lower bound, for the whole training set: with a loss that is a "
    "mean over examples, divide it by the number of training examples (see "
    "`{first}_divergence_fn`).",
)


def _activation(activation: str | Callable[..., Any] | None = None) -> None:
    """Stand for the argument of layers that apply an activation to their outputs."""


def _flags(
    activity_regularizer: str | Callable[..., Any] | None = None, trainable: bool = True
) -> None:
    """Stand for the arguments that come before the weights' own."""


def _kernel(
    posterior_fn: Callable[..., Any] = default_mean_field_normal_fn(),
    posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
    prior_fn: Callable[..., Any] | None = default_multivariate_normal_fn,
    divergence_fn: Callable[..., Any] | None = exact_divergence,
) -> None:
    """Stand for the arguments of each kernel; their names begin with the kernel's."""


def _bias(
    posterior_fn: Callable[..., Any] | None = default_mean_field_normal_fn(is_singular=True),
    posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
    prior_fn: Callable[..., Any] | None = None,
    divergence_fn: Callable[..., Any] | None = exact_divergence,
) -> None:
    """Stand for the arguments of the bias; their names begin with `bias`."""


def _seed(*, seed: int | None = None) -> None:
    """Stand for the argument that all variational layers take, whether or not by name."""


def _of_weight(role: str) -> inspect.Signature:
    """Return the arguments of one weight."""
    template = inspect.signature(_bias if role == "bias" else _kernel, eval_str=True)
    parameters = template.parameters.values()
    return template.replace(parameters=[p.replace(name=f"{role}_{p.name}") for p in parameters])


@dataclass(frozen=True)
class _DrawnWeight:
    """A weight's posterior in one call, and what returns the draw from it."""

    weight: RandomWeight
    posterior: Posterior
    value: Callable[[], Any]

    def divergence(self) -> Any:
        """Return the divergence of the posterior from the prior, or `None`."""
        return self.weight.divergence(self.posterior, self.value)


def _distribution(role: str, what: str) -> property:
    """Return the property of a layer that is a weight's posterior or prior."""

    def get(self: VariationalLayer) -> Any:
        if not self.built:
            name = f"{role}_{what}"
            raise AttributeError(f"`{name}` is there once layer '{self.name}' has been built.")
        return getattr(self.random_weights[role], what)

    doc = f"The {what} of the weight `{role}`, a distribution on live variables, or `None`."
    return property(get, doc=doc)


class VariationalLayer(BayesianLayer):
    """A layer whose weights follow posterior distributions that training fits.

    A subclass names its `geometry_type` and its `estimator_type`, and inherits everything else; its
    constructor takes the geometry's arguments followed by the variational ones.
    """

    geometry_type: ClassVar[type[Geometry]]
    estimator_type: ClassVar[type[Estimator]]
    named_arguments: ClassVar[tuple[str, ...]] = ()
    """Arguments that this layer has by name, where other layers take them through `**kwargs`."""
    has_activation: ClassVar[bool] = False
    """Whether the layer, and not its geometry, applies an activation."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "geometry_type" in vars(cls):
            for role in cls.roles():
                for what in _DISTRIBUTIONS:
                    setattr(cls, f"{role}_{what}", _distribution(role, what))

    @classmethod
    def roles(cls) -> tuple[str, ...]:
        """Return the names of the random weights, which begin the names of their arguments."""
        geometry = cls.geometry_type
        return (*geometry.kernels, "bias") if geometry.has_bias else geometry.kernels

    @classmethod
    def signature(cls) -> inspect.Signature:
        """Return the geometry's arguments, followed by the variational ones."""
        activation = [_activation] if cls.has_activation else []
        weights = [_of_weight(role) for role in cls.roles()]
        sources = (cls.geometry_type, *activation, _flags, *weights, _seed, keras_arguments)
        return join_signatures(*sources, named=cls.named_arguments)

    @classmethod
    def documentation(cls) -> dict[str, Any]:
        """Put together the layer's page from its estimator and its geometry."""
        geometry, estimator = cls.geometry_type, cls.estimator_type
        names = [f"`{role}_{what}`" for role in cls.roles() for what in _DISTRIBUTIONS]
        open_text = {
            "distributions": f"{', '.join(names[:-1])} and {names[-1]}",
            "first": geometry.kernels[0],
        }
        activation = ', activation="relu"' if cls.has_activation else ""
        references = [estimator.reference, geometry.reference]
        return {
            "title": f"{geometry.title} with the {estimator.name} estimator",
            "formula": f"{estimator.formula}\n{geometry.formula}",
            "details": (
                f"{geometry.shapes}.",
                f"{estimator.explanation}.",
                *(text.format(**open_text) for text in _DETAILS),
            ),
            "reference": " ".join(filter(None, references)),
            "example_arguments": f"{geometry.example_arguments}{activation}",
            "example_shape": geometry.example_shape,
            "example_losses": len(geometry.kernels),
            "rank": getattr(geometry, "rank", ""),
            "own_prose": geometry.own_prose,
        }

    def _construct(self, **arguments: Any) -> None:
        of_geometry = inspect.signature(self.geometry_type).parameters
        geometry = self.geometry_type(**{name: arguments.pop(name) for name in of_geometry})
        weights = {role: self._take_weight(role, arguments) for role in self.roles()}
        own = geometry.get_config()
        if self.has_activation:
            own["activation"] = checks.activation("activation", arguments.pop("activation"))
        seed = arguments.pop("seed")
        self._construct_keras_layer(**arguments)
        self._construct_stream(seed)
        self.geometry = geometry
        self.supports_masking = geometry.supports_masking
        self.estimator = self.estimator_type()
        self.random_weights = weights
        for weight in weights.values():
            own |= weight.functions
        for name, value in own.items():
            setattr(self, name, value)
        self._construct_divergences()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        # The functions among the geometry's arguments are in the configuration by their names.
        return {**self.geometry.get_config(), **super().get_config()}

    @classmethod
    def _function_names(cls) -> list[str]:
        activation = ["activation"] if cls.has_activation else []
        weights = [f"{role}_{what}" for role in cls.roles() for what in _FUNCTIONS]
        return [
            *super()._function_names(),
            *activation,
            *cls.geometry_type.functions,
            *weights,
        ]

    @staticmethod
    def _take_weight(role: str, arguments: dict[str, Any]) -> RandomWeight:
        """Take the four functions of a weight out of the arguments."""
        return RandomWeight(role, **{what: arguments.pop(f"{role}_{what}") for what in _FUNCTIONS})

    def _build_kernel(self, role: str, shape: tuple[int, ...]) -> None:
        weight = self.random_weights[role]
        weight.build(self, shape, self._initial_seed)
        if not weight.is_independent_normal:
            self.estimator.check_posterior(f"{role}_posterior_fn", weight.posterior)

    def _build_bias(self, shape: tuple[int, ...], start: np.ndarray | None = None) -> None:
        if self.geometry.has_bias:
            self.random_weights["bias"].build(self, shape, self._initial_seed, start)

    def _draw_map(
        self,
        role: str,
        linear_map: LinearMap,
        batch_size: Any,
        channels: int,
        drawn: list[_DrawnWeight],
    ) -> Draw:
        """Draw a linear map whose kernel is this weight, and note the draw in `drawn`."""
        weight = self.random_weights[role]
        posterior = weight.in_call(self.stream)
        random_map = RandomMap(
            linear_map, posterior, self.stream, self.compute_dtype, batch_size, channels
        )
        whole = current_weight_draw()
        if whole is not None:
            kernel = random_map.cast(self._weight_in_draw(whole, role))
            return Draw(lambda inputs: random_map.apply(inputs, kernel), lambda: kernel)
        draw = self.estimator.draw(random_map)
        drawn.append(_DrawnWeight(weight, posterior, draw.kernel))
        return draw

    def _draw_bias(self, drawn: list[_DrawnWeight]) -> Any:
        """Draw the bias, and note the draw in `drawn`; without a bias return `None`."""
        weight = self.random_weights.get("bias")
        if weight is None or not weight.exists:
            return None
        whole = current_weight_draw()
        if whole is not None:
            return saturating_cast(self._weight_in_draw(whole, "bias"), self.compute_dtype)
        posterior = weight.in_call(self.stream)
        value = posterior.sample()
        drawn.append(_DrawnWeight(weight, posterior, lambda: value))
        return saturating_cast(value, self.compute_dtype)

    def _weight_in_draw(self, whole: WeightDraw, role: str) -> Any:
        """Return the weight's value in a draw of the whole model."""
        weight = self.random_weights[role]
        return whole.once(self, role, lambda: weight.in_call(self.stream).sample())

    def _add_divergences_of(self, drawn: list[_DrawnWeight]) -> None:
        if drawn and self._adds_divergences():
            found = {each.weight.role: each.divergence() for each in drawn}
            self._add_divergences({r: value for r, value in found.items() if value is not None})

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
        posterior = weight.in_call(self.stream)
        return weight.divergence(posterior, posterior.sample_later())

    def size_of(self, weight: str) -> int:
        """See `BayesianLayer.size_of`."""
        return math.prod(self.random_weights[weight].shape)

    def plain_layer(self) -> keras.Layer:
        """See `BayesianLayer.plain_layer`."""
        # The name of a layer of the family is that of Keras's layer and that of the estimator.
        family = next(cls for cls in type(self).__mro__ if "function_name" in vars(cls))
        name = family.__name__.removesuffix(self.estimator_type.__name__)
        arguments = self._plain_arguments()
        if self.has_activation:
            arguments["activation"] = self.activation
        if self.geometry.has_bias:
            arguments["use_bias"] = self.random_weights["bias"].exists
        shared = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        return getattr(keras.layers, name)(**arguments, **shared)

    def _plain_arguments(self) -> dict[str, Any]:
        """Return the arguments of Keras's layer that are the geometry's."""
        return self.geometry.get_config()

    def plain_weights(self, what: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""
        weights = [weight for weight in self.random_weights.values() if weight.exists]
        if what == "mean":
            return [ops.convert_to_numpy(weight.mean()) for weight in weights]
        return [ops.convert_to_numpy(weight.in_call(self.stream).sample()) for weight in weights]

    def drawn_weights(self, draw: WeightDraw) -> dict[str, Any]:
        """See `BayesianLayer.drawn_weights`."""
        roles = [role for role, weight in self.random_weights.items() if weight.exists]
        return {role: self._weight_in_draw(draw, role) for role in roles}

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

    def has_own_divergence(self) -> bool:
        """See `BayesianLayer.has_own_divergence`."""
        return any(weight.has_own_divergence for weight in self.random_weights.values())
