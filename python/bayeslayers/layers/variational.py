"""The layer that most layers of the family are: an estimator applied to a geometry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from bayeslayers.contract import checks
from bayeslayers.distributions.makers import (
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
    exact_divergence,
    sample_posterior,
)
from bayeslayers.estimators import Estimator
from bayeslayers.geometries import Geometry
from bayeslayers.layers.family import join_signatures, keras_arguments
from bayeslayers.layers.forward_pass import ForwardPass
from bayeslayers.layers.random_weight import RandomWeight
from bayeslayers.layers.seeded import SeededLayer

_FUNCTIONS = ("posterior_fn", "posterior_tensor_fn", "prior_fn", "divergence_fn")

_DETAILS = (
    "The layer draws its kernel and its bias anew at every call, in training and in prediction "
    "alike: call the model many times for the predictive distribution.",
    "After the layer has been built, `kernel_posterior`, `kernel_prior`, `bias_posterior` and "
    "`bias_prior` are TensorFlow Probability distributions that follow the layer's variables. "
    "`losses` holds one number for each prior that is there: the divergence of the posterior from "
    "it, which Keras adds to the loss. The sum over a model is the KL term of the evidence lower "
    "bound, for the whole training set: with a loss that is a mean over examples, divide it by the "
    "number of training examples (see `kernel_divergence_fn`).",
)


def _variational_arguments(
    activation: str | Callable[..., Any] | None = None,
    activity_regularizer: str | Callable[..., Any] | None = None,
    trainable: bool = True,
    kernel_posterior_fn: Callable[..., Any] = default_mean_field_normal_fn(),
    kernel_posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
    kernel_prior_fn: Callable[..., Any] | None = default_multivariate_normal_fn,
    kernel_divergence_fn: Callable[..., Any] | None = exact_divergence,
    bias_posterior_fn: Callable[..., Any] | None = default_mean_field_normal_fn(is_singular=True),
    bias_posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
    bias_prior_fn: Callable[..., Any] | None = None,
    bias_divergence_fn: Callable[..., Any] | None = exact_divergence,
    *,
    seed: int | None = None,
) -> None:
    """Stand for the arguments that every variational layer has; only the signature is used."""


def _random_weight(role: str, arguments: dict[str, Any]) -> RandomWeight:
    """Take the four functions of a weight out of the arguments."""
    return RandomWeight(role, **{what: arguments.pop(f"{role}_{what}") for what in _FUNCTIONS})


class VariationalLayer(SeededLayer):
    """A layer whose kernel and bias follow posterior distributions that training fits.

    A subclass names its `geometry_type` and its `estimator_type`, and inherits everything else; its
    constructor takes the geometry's arguments followed by the variational ones.
    """

    geometry_type: ClassVar[type[Geometry]]
    estimator_type: ClassVar[type[Estimator]]
    named_arguments: ClassVar[tuple[str, ...]] = ()
    """Arguments that this layer has by name, where other layers take them through `**kwargs`."""

    @classmethod
    def signature(cls) -> inspect.Signature:
        """Return the geometry's arguments, followed by the variational ones."""
        sources = (cls.geometry_type, _variational_arguments, keras_arguments)
        return join_signatures(*sources, named=cls.named_arguments)

    @classmethod
    def documentation(cls) -> dict[str, Any]:
        """Put together the layer's page from its estimator and its geometry."""
        geometry, estimator = cls.geometry_type, cls.estimator_type
        return {
            "title": f"{geometry.title} with the {estimator.name} estimator",
            "formula": f"{estimator.formula}\n{geometry.formula}",
            "details": (f"{geometry.shapes}.", f"{estimator.explanation}.", *_DETAILS),
            "reference": estimator.reference,
            "example_arguments": f'{geometry.example_arguments}, activation="relu"',
            "example_shape": geometry.example_shape,
            "rank": getattr(geometry, "rank", ""),
        }

    def _construct(self, **arguments: Any) -> None:
        of_geometry = inspect.signature(self.geometry_type).parameters
        geometry = self.geometry_type(**{name: arguments.pop(name) for name in of_geometry})
        kernel, bias = (_random_weight(role, arguments) for role in ("kernel", "bias"))
        activation = checks.activation("activation", arguments.pop("activation"))
        seed = arguments.pop("seed")
        self._construct_keras_layer(**arguments)
        self._construct_stream(seed)
        self.geometry = geometry
        self.estimator = self.estimator_type()
        self.kernel, self.bias = kernel, bias
        self.activation = activation
        for name, value in {**geometry.get_config(), **kernel.functions, **bias.functions}.items():
            setattr(self, name, value)
        self._forward_pass = ForwardPass()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables of posteriors and priors."""
        self.input_spec = self.geometry.input_spec(input_shape)
        kernel_shape = self.geometry.kernel_shape(input_shape)
        self.kernel.build(self, kernel_shape, self._initial_seed)
        self.estimator.check_posterior(self.kernel.posterior)
        input_channels = self.geometry.input_channels(input_shape)
        bias_shape = (self.geometry.output_channels(input_channels),)
        self.bias.build(self, bias_shape, self._initial_seed)

    def call(self, inputs: Any) -> Any:
        """Return one draw of the outputs, and add the divergences to the losses."""
        # Keras casts floats only; a kernel in the dtype of whole numbers would be all zeros.
        inputs = self.geometry.prepare(ops.cast(inputs, self.compute_dtype))
        kernel_posterior = self.kernel.posterior
        outputs, kernel = self.estimator.estimate(
            self.geometry, inputs, kernel_posterior, self._sample_kernel, self.seed_generator
        )
        draws = [(self.kernel, kernel_posterior, kernel)]
        if self.bias.exists:
            bias_posterior = self.bias.posterior
            bias = self.bias.sample(bias_posterior, self.seed_generator)
            outputs = outputs + ops.cast(bias, outputs.dtype)
            draws.append((self.bias, bias_posterior, bias))
        self._add_divergences(draws)
        return self.activation(self.geometry.restore(outputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of this shape."""
        return self.geometry.output_shape(input_shape)

    @property
    def kernel_posterior(self) -> Any:
        """The kernel's posterior, a TensorFlow Probability distribution on live variables."""
        return self._distribution("kernel_posterior")

    @property
    def kernel_prior(self) -> Any:
        """The kernel's prior, or `None`."""
        return self._distribution("kernel_prior")

    @property
    def bias_posterior(self) -> Any:
        """The bias's posterior, or `None` where the layer has no bias."""
        return self._distribution("bias_posterior")

    @property
    def bias_prior(self) -> Any:
        """The bias's prior, or `None`."""
        return self._distribution("bias_prior")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `FamilyLayer.get_config`."""
        return {**super().get_config(), **self.geometry.get_config()}

    @classmethod
    def _function_names(cls) -> list[str]:
        weights = [f"{role}_{what}" for role in ("kernel", "bias") for what in _FUNCTIONS]
        return [*super()._function_names(), "activation", *weights]

    def _sample_kernel(self, distribution: Any) -> Any:
        return self.kernel.sample(distribution, self.seed_generator)

    def _add_divergences(self, draws: list[tuple[RandomWeight, Any, Any]]) -> None:
        if self._forward_pass.has_added_to(self.losses):
            return
        divergences = [weight.divergence(posterior, draw) for weight, posterior, draw in draws]
        self._forward_pass.added = [value for value in divergences if value is not None]
        for divergence in self._forward_pass.added:
            self.add_loss(divergence)

    def _distribution(self, name: str) -> Any:
        if not self.built:
            raise AttributeError(f"`{name}` is there once layer '{self.name}' has been built.")
        role, what = name.split("_")
        return getattr(getattr(self, role), what)
