"""A trainable variable as a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.keras_objects import as_constraint, as_regularizer, freshly_seeded
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.functions import layer_function

_FUNCTIONS = ("activation", "initializer", "regularizer", "constraint")


@public_layer
class VariableLayer(BaseLayer):
    """Trainable variable as a layer's output.

        y = f(v)

    Take it for the parameters of a distribution that does not depend on inputs: a posterior or
    prior for `layer_dense_variational()`, or a density that is fitted to data.
    `layer_distribution_lambda()` makes the distribution of them.

    The output f(v) is the variable v after the activation f. It has the shape of the variable,
    without a batch dimension, whatever the inputs are.

    The variable exists as soon as the layer does. Under a mixed dtype policy it is returned in the
    higher precision, as the parameters of distributions are.

    Args:
        activation: Name of a Keras activation, or a function of one tensor: f, applied to the
            variable. With `None` there is none.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_variable
        >>> variable = layer_variable(shape=(2, 3), initializer="ones")
        >>> variable(keras.ops.zeros((32, 1))).shape
        TensorShape([2, 3])
        >>> len(variable.trainable_variables)
        1

    R example:
        variable <- layer_variable(shape = c(2, 3), initializer = "ones")
        variable(array(0, c(32, 1)))
        length(variable$trainable_variables)

    Reference:
        Tran, D., Dusenberry, M. W., van der Wilk, M., and Hafner, D. (2019). Bayesian Layers: A
        Module for Neural Network Uncertainty. Advances in Neural Information Processing Systems.
        https://arxiv.org/abs/1812.03973
    """

    function_name = "layer_variable"

    def __init__(
        self,
        shape: int | Sequence[int],
        dtype: str | keras.DTypePolicy | None = None,
        activation: str | Callable[..., Any] | None = None,
        initializer: str | Callable[..., Any] = "zeros",
        regularizer: str | Callable[..., Any] | None = None,
        constraint: str | Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        sizes = checks.sizes("shape", shape)
        activation = checks.activation("activation", activation)
        checked = checks.initializer("initializer", initializer)
        regularizer = checks.regularizer("regularizer", regularizer)
        constraint = checks.constraint("constraint", constraint)
        super().__init__(dtype=dtype, **kwargs)
        self.shape = sizes
        self.activation = activation
        self.initializer = checked
        self.regularizer = regularizer
        self.constraint = constraint
        seed = checks.seed_or_drawn("seed", None)
        self.variable = self.add_weight(
            name="variable",
            shape=self.shape,
            initializer=freshly_seeded(self.initializer, seed, "variable"),
            regularizer=as_regularizer(self.regularizer, self.variable_dtype),
            constraint=as_constraint(self.constraint),
            # Parameters of a distribution keep their precision under mixed precision.
            autocast=False,
        )

    def build(self, input_shape: Any) -> None:
        """Do nothing: the variable is there already, and no shape of inputs matters."""

    def call(self, inputs: Any) -> Any:
        """Return the variable."""
        del inputs
        # A copy, which a distribution may keep: a step of training on JAX gives the variable's own
        # memory away.
        return self.activation(keras.ops.copy(keras.ops.convert_to_tensor(self.variable)))

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> keras.KerasTensor:
        """Return the variable's shape and dtype."""
        return keras.KerasTensor(self.shape, dtype=self.variable_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "shape": self.shape}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), *_FUNCTIONS]


layer_variable = layer_function(VariableLayer)
