"""The masked autoregressive network: a dense network whose outputs see earlier inputs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.base_layers import autoregressive_masks as masks
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.distribution_maker import as_constraint, as_regularizer, freshly_seeded
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError

_ALL_LAYERS = "all_layers"
_FIRST_LAYER = "first_layer"

_CHECKS = {
    "params": checks.only_positive_integer,
    "event_shape": checks.event_shape,
    "hidden_units": checks.layer_sizes,
    "input_order": partial(
        checks.order, choices=(masks.LEFT_TO_RIGHT, masks.RIGHT_TO_LEFT, masks.RANDOM)
    ),
    "hidden_degrees": partial(checks.degrees, choices=(masks.EQUAL, masks.RANDOM)),
    "use_bias": checks.boolean,
    "validate_args": checks.boolean,
    "conditional": checks.boolean,
    "conditional_event_shape": checks.event_shape,
    "conditional_input_layers": partial(checks.choice, choices=(_ALL_LAYERS, _FIRST_LAYER)),
    "seed": checks.seed,
}
_FUNCTION_CHECKS = {
    "activation": checks.activation,
    "kernel_initializer": checks.initializer,
    "bias_initializer": checks.initializer,
    "kernel_regularizer": checks.regularizer,
    "bias_regularizer": checks.regularizer,
    "kernel_constraint": checks.constraint,
    "bias_constraint": checks.constraint,
}

_DETAILS = (
    "Inputs of shape (..., n) give outputs of shape (..., n, params). With the variables in the "
    "order that `input_order` gives them, the outputs of a variable depend only on the variables "
    "before it: they can be the parameters of its distribution given those. With two parameters, a "
    "shift and the logarithm of a scale, the layer is the `shift_and_log_scale_fn` of TensorFlow "
    "Probability's `MaskedAutoregressiveFlow`; in its `Autoregressive` distribution it makes the "
    "distribution of every next variable. TensorFlow Probability's objects do not list the "
    "variables of a Keras 3 layer: train the layer's own `trainable_variables`, or put the layer "
    "into `layer_autoregressive_transform()`, which trains with `fit()`.",
    "The masks M come from degrees: an input's is its place in the order, and a hidden unit's is "
    "the last place that it may see. They multiply the kernels at every call, so that nothing "
    "that changes a kernel can let a later variable through. Once the layer has been built, "
    "`degrees` holds those of the inputs and of each hidden layer.",
    "A layer that was made with `conditional` is called with a second tensor, "
    "`conditional_input`, of shape `(..., *conditional_event_shape)`, on which all outputs may "
    "depend. Its leading dimensions broadcast with those of the inputs.",
    "Under a mixed dtype policy the outputs are in the higher precision, as the parameters of "
    "distributions are.",
)
_REFERENCE = (
    "Germain, M., Gregor, K., Murray, I., and Larochelle, H. (2015). MADE: Masked Autoencoder for "
    "Distribution Estimation. International Conference on Machine Learning. "
    "https://arxiv.org/abs/1502.03509"
)
_PYTHON_EXAMPLE = """\
>>> import keras
>>> from bayeslayers import layer_autoregressive, tfd_log_prob, tfp
>>> made = layer_autoregressive(params=2, hidden_units=[16, 16], activation="relu")
>>> base = tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
>>> bijector = tfp.bijectors.MaskedAutoregressiveFlow(made)
>>> flow = tfp.distributions.TransformedDistribution(base, bijector)
>>> tfd_log_prob(flow, keras.ops.ones((32, 2))).shape
TensorShape([32])
>>> len(made.trainable_variables)
6"""
_R_EXAMPLE = """\
made <- layer_autoregressive(params = 2, hidden_units = c(16, 16), activation = "relu")
base <- tfp$distributions$MultivariateNormalDiag(c(0, 0), c(1, 1))
bijector <- tfp$bijectors$MaskedAutoregressiveFlow(made)
flow <- tfp$distributions$TransformedDistribution(base, bijector)
flow |> tfd_log_prob(tfd_sample(base, 32))
length(made$trainable_variables)"""


def _network_arguments(
    params: int,
    event_shape: int | Sequence[int] | None = None,
    hidden_units: int | Sequence[int] | None = None,
    input_order: str | Sequence[int] = masks.LEFT_TO_RIGHT,
    hidden_degrees: str | Sequence[Sequence[int]] = masks.EQUAL,
    activation: str | Callable[..., Any] | None = None,
    use_bias: bool = True,
    kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
    validate_args: bool = False,
    *,
    conditional: bool = False,
    conditional_event_shape: int | Sequence[int] | None = None,
    conditional_input_layers: str = _ALL_LAYERS,
    bias_initializer: str | Callable[..., Any] = "zeros",
    kernel_regularizer: str | Callable[..., Any] | None = None,
    bias_regularizer: str | Callable[..., Any] | None = None,
    kernel_constraint: str | Callable[..., Any] | None = None,
    bias_constraint: str | Callable[..., Any] | None = None,
    seed: int | None = None,
) -> None:
    """Stand for the network's own arguments; only the signature is used."""


@keras.saving.register_keras_serializable("bayeslayers")
class AutoregressiveNetwork(BaseLayer):
    function_name = "layer_autoregressive"
    own_arguments = staticmethod(_network_arguments)

    @classmethod
    def documentation(cls) -> dict[str, Any]:
        """Return the parts of the layer's page that are its own."""
        return {
            "title": "Masked autoregressive network",
            "formula": (
                "h[k] = f((K[k] * M[k])' h[k - 1] + V[k]' conditional_input + b[k]), h[0] = inputs"
            ),
            "details": _DETAILS,
            "reference": _REFERENCE,
            "own_prose": {
                "activation": "Name of a Keras activation, or a function of one tensor, applied to "
                "the outputs of each hidden layer. With `None` there is none.",
                "seed": "Whole number from which the layer draws its initial variables, and the "
                "order and the degrees that are random. With `None` it is drawn from the generator "
                "that `keras.utils.set_random_seed()` sets.",
            },
            "python_example": _PYTHON_EXAMPLE,
            "r_example": _R_EXAMPLE,
        }

    def _construct(self, **arguments: Any) -> None:
        values = {
            name: check(name, arguments.pop(name))
            for name, check in {**_CHECKS, **_FUNCTION_CHECKS}.items()
        }
        self._construct_keras_layer(**arguments)
        for name, value in values.items():
            setattr(self, name, value)
        self._check_conditional_event_shape()
        self._check_number_of_degrees()
        if self.event_shape is not None:
            self._check_event_size()
        self._initial_seed = checks.seed_or_drawn("seed", self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Fix the degrees of all units, and make the kernels and biases."""
        self._take_event_shape(input_shape)
        self.input_spec = keras.layers.InputSpec(min_ndim=1, axes={-1: self.event_shape[0]})
        self._build_degrees()
        self.kernels, self.conditional_kernels, self.biases = [], [], []
        sizes = [self.event_shape[0], *self.hidden_units, self.event_shape[0] * self.params]
        for index, (size, units) in enumerate(pairwise(sizes)):
            self._build_dense(index, size, units)

    def call(self, x: Any, conditional_input: Any = None) -> Any:
        """Return the parameters of each variable, given the variables before it.

        Raises:
            ArgumentError: If `conditional_input` does not fit `conditional`.
        """
        self._check_conditional_input(conditional_input)
        # Keras casts floats only.
        hidden = ops.cast(x, self.compute_dtype)
        if self.conditional:
            conditional_input = ops.cast(conditional_input, self.compute_dtype)
        for index in range(len(self.kernels)):
            if index > 0:
                hidden = self.activation(hidden)
            hidden = self._dense(index, hidden, conditional_input)
        outputs = ops.reshape(hidden, (*ops.shape(hidden)[:-1], *self.event_shape, self.params))
        return ops.cast(outputs, self.variable_dtype)

    def compute_output_shape(
        self,
        x_shape: tuple[int | None, ...],
        conditional_input_shape: tuple[int | None, ...] | None = None,
    ) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of these shapes."""
        batch_shape = tuple(x_shape[:-1])
        if conditional_input_shape is not None:
            conditional_batch = keras.KerasTensor(tuple(conditional_input_shape[:-1]))
            batch_shape = (keras.KerasTensor(batch_shape) + conditional_batch).shape
        size = self.event_shape[0] if self.event_shape else x_shape[-1]
        return (*batch_shape, size, self.params)

    def compute_output_spec(self, x: Any, conditional_input: Any = None) -> keras.KerasTensor:
        """Describe the outputs for inputs like these."""
        self._check_conditional_input(conditional_input)
        shapes = [tensor.shape for tensor in (x, conditional_input) if tensor is not None]
        return keras.KerasTensor(self.compute_output_shape(*shapes), dtype=self.variable_dtype)

    @property
    def degrees(self) -> tuple[np.ndarray, ...]:
        """The degrees of the inputs, which are their order, and of each hidden layer."""
        if not self.built:
            raise AttributeError(f"`degrees` is there once layer '{self.name}' has been built.")
        return tuple(ops.convert_to_numpy(ops.convert_to_tensor(d)) for d in self._degrees)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), **{name: getattr(self, name) for name in _CHECKS}}

    @classmethod
    def _function_names(cls) -> list[str]:
        return [*super()._function_names(), *_FUNCTION_CHECKS]

    def _build_degrees(self) -> None:
        rng = np.random.default_rng(self._initial_seed)
        of_inputs = masks.input_degrees(self.input_order, self.event_shape[0], rng)
        of_hidden = masks.hidden_degrees(
            self.hidden_degrees, self.hidden_units, self.event_shape[0], rng
        )
        is_random = self.hidden_degrees == masks.RANDOM
        self._degrees = [
            self._keep_degrees("input_degrees", of_inputs, self.input_order == masks.RANDOM),
            *(
                self._keep_degrees(f"hidden_degrees_{index}", degrees, is_random)
                for index, degrees in enumerate(of_hidden)
            ),
        ]

    def _keep_degrees(self, name: str, degrees: np.ndarray, is_random: bool) -> Any:
        """Return degrees as they are, or, where they were drawn, as a variable to be saved."""
        if not is_random:
            return degrees.astype("int32")
        return self.add_weight(
            name=name,
            shape=degrees.shape,
            dtype="int32",
            initializer=keras.initializers.Constant(degrees),
            trainable=False,
        )

    def _build_dense(self, index: int, size: int, units: int) -> None:
        kernel, conditional_kernel = f"kernel_{index}", f"conditional_kernel_{index}"
        initializer = self._masked(index, self._initializer(kernel, self.kernel_initializer))
        self.kernels.append(self._add_kernel(kernel, (size, units), initializer))
        takes_condition = self.conditional and (
            index == 0 or self.conditional_input_layers == _ALL_LAYERS
        )
        if takes_condition:
            shape = (*self.conditional_event_shape, units)
            initializer = self._initializer(conditional_kernel, self.kernel_initializer)
            self.conditional_kernels.append(
                self._add_kernel(conditional_kernel, shape, initializer)
            )
        if self.use_bias:
            self.biases.append(self._add_bias(f"bias_{index}", units))

    def _initializer(self, name: str, initializer: Callable[..., Any]) -> Callable[..., Any]:
        initializer = freshly_seeded(initializer, self._initial_seed, name)
        # By position: the arguments of an R function have names of their own.
        return lambda shape, dtype: ops.convert_to_tensor(initializer(shape, dtype), dtype)

    def _masked(self, index: int, initializer: Callable[..., Any]) -> Callable[..., Any]:
        # Regularizers and constraints then see the kernel that is used, and nothing else: masked
        # entries start at zero, and no gradient reaches them.
        def masked_initializer(shape: tuple[int, ...], dtype: Any) -> Any:
            return initializer(shape, dtype) * self._mask(index, dtype)

        return masked_initializer

    def _add_kernel(
        self, name: str, shape: tuple[int, ...], initializer: Callable[..., Any]
    ) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=as_regularizer(self.kernel_regularizer, self.variable_dtype),
            constraint=as_constraint(self.kernel_constraint),
        )

    def _add_bias(self, name: str, units: int) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(units,),
            initializer=self._initializer(name, self.bias_initializer or "zeros"),
            regularizer=as_regularizer(self.bias_regularizer, self.variable_dtype),
            constraint=as_constraint(self.bias_constraint),
        )

    def _dense(self, index: int, inputs: Any, conditional_input: Any) -> Any:
        kernel = ops.convert_to_tensor(self.kernels[index])
        outputs = ops.matmul(inputs, kernel * self._mask(index, kernel.dtype))
        if index < len(self.conditional_kernels):
            outputs = outputs + ops.matmul(conditional_input, self.conditional_kernels[index])
        if self.use_bias:
            outputs = outputs + self.biases[index]
        return outputs

    def _mask(self, index: int, dtype: Any) -> Any:
        below = self._degrees[index]
        if index < len(self.hidden_units):
            return masks.mask(below, self._degrees[index + 1], strict=False, dtype=dtype)
        above = ops.repeat(self._degrees[0], self.params)
        return masks.mask(below, above, strict=True, dtype=dtype)

    def _take_event_shape(self, input_shape: tuple[int | None, ...]) -> None:
        size, received = input_shape[-1], {"event_shape": self.event_shape, "shape": input_shape}
        if self.event_shape is None:
            if size is None:
                rule = "must be given where the inputs leave the size of their last axis open"
                raise ArgumentError("event_shape", rule, received)
            self.event_shape = (size,)
            self._check_event_size()
        elif size not in (None, *self.event_shape):
            rule = "must be the size of the last axis of the inputs"
            raise ArgumentError("event_shape", rule, received)

    def _check_event_size(self) -> None:
        """Check what `input_order` and `hidden_degrees` say against the number of variables."""
        size = self.event_shape[0]
        if not isinstance(self.input_order, str) and len(self.input_order) != size:
            rule = "must have one place for each variable"
            received = {"input_order": self.input_order, "event_shape": self.event_shape}
            raise ArgumentError("input_order", rule, received)
        degrees = () if isinstance(self.hidden_degrees, str) else self.hidden_degrees
        if any(degree >= size for of_layer in degrees for degree in of_layer):
            rule = "must be below the number of variables"
            received = {"hidden_degrees": self.hidden_degrees, "event_shape": self.event_shape}
            raise ArgumentError("hidden_degrees", rule, received)

    def _check_number_of_degrees(self) -> None:
        if isinstance(self.hidden_degrees, str):
            return
        if tuple(map(len, self.hidden_degrees)) != self.hidden_units:
            rule = "must list one degree for each of the `hidden_units`, layer by layer"
            received = {"hidden_degrees": self.hidden_degrees, "hidden_units": self.hidden_units}
            raise ArgumentError("hidden_degrees", rule, received)

    def _check_conditional_event_shape(self) -> None:
        if self.conditional == (self.conditional_event_shape is not None):
            return
        argument = "conditional_event_shape"
        rule = "must be given where `conditional` is true, and nowhere else"
        names = (argument, "conditional")
        raise ArgumentError(argument, rule, {name: getattr(self, name) for name in names})

    def _check_conditional_input(self, conditional_input: Any) -> None:
        argument = "conditional_input"
        if self.conditional == (conditional_input is None):
            rule = "must be given where `conditional` is true, and nowhere else"
            received = {argument: conditional_input, "conditional": self.conditional}
            raise ArgumentError(argument, rule, received)
        if self.conditional and conditional_input.shape[-1] != self.conditional_event_shape[0]:
            rule = "must have `conditional_event_shape` as its last axis"
            received = {
                "shape": tuple(conditional_input.shape),
                "conditional_event_shape": self.conditional_event_shape,
            }
            raise ArgumentError(argument, rule, received)
