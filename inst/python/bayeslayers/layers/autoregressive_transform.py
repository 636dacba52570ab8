"""A layer that transforms a distribution by a masked autoregressive flow."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.backend import (
    distribution_library,
    inner_distribution,
    to_coercible,
    with_present_values,
)
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions.symbolic import SymbolicDistribution, find_symbolic
from bayeslayers.layers.autoregressive import AutoregressiveNetwork

_SHIFT_AND_LOG_SCALE = 2


def _check_network(made: Any) -> None:
    is_network = isinstance(made, AutoregressiveNetwork) and not made.conditional
    if not is_network or made.params != _SHIFT_AND_LOG_SCALE:
        rule = "must be a layer of `layer_autoregressive` with `params` of 2, not `conditional`"
        raise ArgumentError("made", rule, {"made": made})


def _check_distribution(distribution: Any) -> None:
    # The rank is unknown where a distribution finds out its shape while it runs.
    shape = getattr(distribution, "event_shape", None)
    if shape is None or shape.rank not in (None, 1):
        rule = "must be a distribution over vectors, such as `layer_distribution_lambda` gives"
        raise ArgumentError("inputs", rule, {"inputs": distribution})


@public_layer
class AutoregressiveTransform(StochasticLayer):
    """Distribution transformed by a masked autoregressive flow.

        y[i] = shift[i] + exp(log_scale[i]) x[i], x ~ inputs
        (shift[i], log_scale[i]) = made(y)[i]

    Take it for a density of vectors that no named distribution fits.

    x is a draw from the distribution that comes in, and y the transformed draw. The network `made`
    gives the shift and the logarithm of the scale of each `y[i]` from the variables before it, in
    the order of `made`.

    The input is a distribution over vectors, such as the output of `layer_distribution_lambda()`.
    The output is the distribution of y, a `TransformedDistribution` of TensorFlow Probability, and
    also a tensor for every Keras layer, loss and metric: a draw. The Jacobian of the transformation
    is triangular, so the density is exact. It takes one pass through `made`; a draw takes one pass
    for each variable.

    Several of these layers in a row, each with its own network and order, make a more flexible
    distribution. Each adds some seconds to the first step of training, while the step is compiled.

    A density that does not depend on inputs is trained on inputs of any value, with as many rows as
    there are targets. Called on one such row, the model returns the distribution.

    The variables of `made` belong to the layer, and are trained and saved with it.

    The layer needs TensorFlow Probability, which runs on TensorFlow and on JAX. On PyTorch it
    raises an error that says so.

    Args:
        seed: Whole number from which the layer draws all its samples. With `None` it is drawn from
            the generator that `keras.utils.set_random_seed()` sets. A file keeps the state of the
            layer's stream, so two models loaded from one file draw the same samples: see
            `reseed()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_autoregressive, layer_autoregressive_transform
        >>> from bayeslayers import layer_distribution_lambda, tfp
        >>> tfd = tfp.distributions
        >>> model = keras.Sequential([keras.Input((2,))])
        >>> model = layer_distribution_lambda(
        ...     model, lambda t: tfd.MultivariateNormalDiag(keras.ops.zeros_like(t), [1.0, 1.0])
        ... )
        >>> made = layer_autoregressive(params=2, hidden_units=[16], activation="relu")
        >>> model = layer_autoregressive_transform(model, made)
        >>> model.compile("adam", loss=lambda y, rv: -rv.log_prob(y))
        >>> data = keras.ops.ones((32, 2))
        >>> history = model.fit(data, data, verbose=0)
        >>> model(data).log_prob(data).shape
        TensorShape([32])

    R example:
        library(keras3)
        standard_normal <- function(t) {
          tfd_multivariate_normal_diag(op_zeros_like(t), c(1, 1))
        }
        made <- layer_autoregressive(params = 2, hidden_units = 16, activation = "relu")
        model <- keras_model_sequential(input_shape = 2) |>
          layer_distribution_lambda(standard_normal) |>
          layer_autoregressive_transform(made)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        data <- array(1, c(32, 2))
        model |> fit(data, data, verbose = 0)

    Reference:
        Papamakarios, G., Pavlakou, T., and Murray, I. (2017). Masked Autoregressive Flow for
        Density Estimation. Advances in Neural Information Processing Systems.
        https://arxiv.org/abs/1705.07057
    """

    function_name = "layer_autoregressive_transform"

    def __init__(self, made: AutoregressiveNetwork, **kwargs: Any) -> None:
        _check_network(made)
        # Where there is no such library, this raises an error before a model is put together.
        distribution_library()
        super().__init__(**kwargs)
        # A cast would turn the distribution that comes in into a draw.
        self.autocast = False
        self.made = made

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables of the network."""
        if not self.made.built:
            self.made.build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the distribution of transformed draws from `inputs`.

        Raises:
            ArgumentError: If `inputs` is no distribution over vectors.
        """
        distribution = inner_distribution(inputs)
        _check_distribution(distribution)
        library = distribution_library()
        bijector = library.bijectors.MaskedAutoregressiveFlow(with_present_values(self.made))
        flow = library.distributions.TransformedDistribution(distribution, bijector)
        return to_coercible(flow, self.stream_of_outputs)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor | SymbolicDistribution:
        """Describe the outputs: they have the shape of the inputs."""
        tensor = keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
        base = find_symbolic(inputs)
        if base is None:
            return tensor
        return SymbolicDistribution(tensor, lambda x: self.call(base.make(x)), base.inputs)

    @classmethod
    def _function_arguments(cls) -> list[str]:
        # Like functions, the network is saved by its registered name.
        return [*super()._function_arguments(), "made"]


layer_autoregressive_transform = layer_function(AutoregressiveTransform)
