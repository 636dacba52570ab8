"""The masked autoregressive network: a dense network whose outputs see earlier inputs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import matmul
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.keras_objects import as_constraint, as_regularizer, freshly_seeded
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import layer_function
from bayeslayers.geometries import autoregressive_masks as masks

_ALL_LAYERS = "all_layers"
_FIRST_LAYER = "first_layer"

_FUNCTIONS = (
    "activation",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
_VALUES = (
    "params",
    "event_shape",
    "hidden_units",
    "input_order",
    "hidden_degrees",
    "use_bias",
    "validate_args",
    "conditional",
    "conditional_event_shape",
    "conditional_input_layers",
    "seed",
)


@public_layer
class AutoregressiveNetwork(BaseLayer):
    """Masked autoregressive network.

        h[k] = f((K[k] * M[k])' h[k - 1] + V[k]' conditional_input + b[k]), h[0] = inputs

    Take it to model the joint density of several numbers, each given those before it.

    `h[k]` are the units of layer k, f is the activation, `K[k]` the kernel, `M[k]` its mask of
    zeros and ones, `b[k]` the bias, and `V[k]` the kernel of `conditional_input`, where there is
    one.

    Inputs of shape (..., n) give outputs of shape (..., n, params). `input_order` puts the
    variables in an order, and the outputs of a variable depend only on the variables before it:
    they can be the parameters of its distribution given these.

    With two parameters, a shift and the logarithm of a scale, the layer is the
    `shift_and_log_scale_fn` of TensorFlow Probability's `MaskedAutoregressiveFlow`. In its
    `Autoregressive` distribution, the layer makes the distribution of every next variable.
    TensorFlow Probability's objects do not list the variables of a Keras 3 layer: train the layer's
    own `trainable_variables`, or put the layer into `layer_autoregressive_transform()`, which
    trains with `fit()`.

    The masks M come from degrees. The degree of an input is its place in the order; the degree of a
    hidden unit is the last place that it may see. The masks multiply the kernels at every call, so
    a changed kernel can't let a later variable through. Once the layer has been built, `degrees`
    holds the degrees of the inputs and of each hidden layer.

    A layer with `conditional` is called with a second tensor, `conditional_input`, of shape `(...,
    *conditional_event_shape)`. All outputs may depend on it. Its leading dimensions broadcast with
    those of the inputs.

    Under a mixed dtype policy the outputs are in the higher precision, as the parameters of
    distributions are.

    On JAX, a bijector calls the network inside a function that is being compiled, where variables
    can't be made: call `build()` of the layer first. `layer_autoregressive_transform()` does so
    itself.

    Args:
        activation: Name of a Keras activation, or a function of one tensor, applied to the outputs
            of each hidden layer. With `None` there is none.
        seed: Whole number from which the layer draws its initial variables, and the order and the
            degrees that are random. With `None` it is drawn from the generator that
            `keras.utils.set_random_seed()` sets.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_autoregressive, tfd_log_prob, tfp
        >>> made = layer_autoregressive(params=2, hidden_units=[16, 16], activation="relu")
        >>> base = tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
        >>> bijector = tfp.bijectors.MaskedAutoregressiveFlow(made)
        >>> flow = tfp.distributions.TransformedDistribution(base, bijector)
        >>> tfd_log_prob(flow, keras.ops.ones((32, 2))).shape
        TensorShape([32])
        >>> len(made.trainable_variables)
        6

    R example:
        made <- layer_autoregressive(params = 2, hidden_units = c(16, 16), activation = "relu")
        base <- tfp$distributions$MultivariateNormalDiag(c(0, 0), c(1, 1))
        bijector <- tfp$bijectors$MaskedAutoregressiveFlow(made)
        flow <- tfp$distributions$TransformedDistribution(base, bijector)
        flow |> tfd_log_prob(tfd_sample(base, 32))
        length(made$trainable_variables)

    Reference:
        Germain, M., Gregor, K., Murray, I., and Larochelle, H. (2015). MADE: Masked Autoencoder for
        Distribution Estimation. International Conference on Machine Learning.
        https://arxiv.org/abs/1502.03509
    """

    function_name = "layer_autoregressive"
    event_shape: tuple[int, ...] | None

    def __init__(
        self,
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
        **kwargs: Any,
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        checked: dict[str, Any] = {}
        checked["params"] = checks.only_positive_integer("params", params)
        checked["event_shape"] = checks.event_shape("event_shape", event_shape)
        checked["hidden_units"] = checks.layer_sizes("hidden_units", hidden_units)
        orders = (masks.LEFT_TO_RIGHT, masks.RIGHT_TO_LEFT, masks.RANDOM)
        checked["input_order"] = checks.order("input_order", input_order, orders)
        rules = (masks.EQUAL, masks.RANDOM)
        checked["hidden_degrees"] = checks.degrees("hidden_degrees", hidden_degrees, rules)
        checked["activation"] = checks.activation("activation", activation)
        checked["use_bias"] = checks.boolean("use_bias", use_bias)
        checked["kernel_initializer"] = checks.initializer("kernel_initializer", kernel_initializer)
        checked["validate_args"] = checks.boolean("validate_args", validate_args)
        checked["conditional"] = checks.boolean("conditional", conditional)
        checked["conditional_event_shape"] = checks.event_shape(
            "conditional_event_shape", conditional_event_shape
        )
        checked["conditional_input_layers"] = checks.choice(
            "conditional_input_layers", conditional_input_layers, (_ALL_LAYERS, _FIRST_LAYER)
        )
        checked["bias_initializer"] = checks.initializer("bias_initializer", bias_initializer)
        checked["kernel_regularizer"] = checks.regularizer("kernel_regularizer", kernel_regularizer)
        checked["bias_regularizer"] = checks.regularizer("bias_regularizer", bias_regularizer)
        checked["kernel_constraint"] = checks.constraint("kernel_constraint", kernel_constraint)
        checked["bias_constraint"] = checks.constraint("bias_constraint", bias_constraint)
        checked["seed"] = checks.seed("seed", seed)
        super().__init__(**kwargs)
        for name, value in checked.items():
            setattr(self, name, value)
        self._check_conditional_event_shape()
        masks.check_units(self.hidden_degrees, self.hidden_units)
        if self.event_shape is not None:
            self._check_places()
        self._initial_seed = checks.seed_or_drawn("seed", self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Fix the degrees of all units, and make the kernels and biases."""
        self._take_event_shape(input_shape)
        self.input_spec = keras.layers.InputSpec(min_ndim=1, axes={-1: self._count})
        self._build_degrees()
        self.kernels: list[keras.Variable] = []
        self.conditional_kernels: list[keras.Variable] = []
        self.biases: list[keras.Variable] = []
        sizes = [self._count, *self.hidden_units, self._count * self.params]
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
        outputs = ops.reshape(hidden, (*ops.shape(hidden)[:-1], self._count, self.params))
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
        return {**super().get_config(), **{name: getattr(self, name) for name in _VALUES}}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), *_FUNCTIONS]

    @property
    def _count(self) -> int:
        """How many variables there are, once that is known."""
        assert self.event_shape is not None
        return self.event_shape[0]

    def _build_degrees(self) -> None:
        rng = np.random.default_rng(self._initial_seed)
        of_inputs = masks.input_degrees(self.input_order, self._count, rng)
        of_hidden = masks.hidden_degrees(self.hidden_degrees, self.hidden_units, self._count, rng)
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
        may_see_condition = index == 0 or self.conditional_input_layers == _ALL_LAYERS
        if self.conditional_event_shape is not None and may_see_condition:
            shape = (*self.conditional_event_shape, units)
            initializer = self._initializer(conditional_kernel, self.kernel_initializer)
            self.conditional_kernels.append(
                self._add_kernel(conditional_kernel, shape, initializer)
            )
        if self.use_bias:
            self.biases.append(self._add_bias(f"bias_{index}", units))

    def _initializer(
        self, name: str, initializer: str | Callable[..., Any] | None
    ) -> Callable[..., Any]:
        seeded = freshly_seeded(initializer, self._initial_seed, name)
        # By position: the arguments of an R function have names of their own.
        return lambda shape, dtype: ops.convert_to_tensor(seeded(shape, dtype), dtype)

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
        outputs = matmul(inputs, kernel * self._mask(index, kernel.dtype))
        if index < len(self.conditional_kernels):
            kernel = ops.convert_to_tensor(self.conditional_kernels[index])
            outputs = outputs + matmul(conditional_input, kernel)
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
            self._check_places()
        elif size not in (None, *self.event_shape):
            rule = "must be the size of the last axis of the inputs"
            raise ArgumentError("event_shape", rule, received)

    def _check_places(self) -> None:
        masks.check_places(self.input_order, self.hidden_degrees, (self._count,))

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
        expected = self.conditional_event_shape
        if expected is not None and conditional_input.shape[-1] != expected[0]:
            rule = "must have `conditional_event_shape` as its last axis"
            received = {
                "shape": tuple(conditional_input.shape),
                "conditional_event_shape": expected,
            }
            raise ArgumentError(argument, rule, received)


layer_autoregressive = layer_function(AutoregressiveNetwork)
