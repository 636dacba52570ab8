"""A dense layer whose posterior and prior, over all its weights together, are models themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import (
    as_keras_variable,
    at_least_single,
    given_variables,
    inner_distribution,
    lasting_variables,
    method_of,
    native_dtype,
    native_variable,
    saturating_cast,
    tensor_of,
    to_coercible,
    variables_read_by,
    within_range,
)
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, Divergence, stddev_of
from bayeslayers.base_layers.model_draw import ModelDraw, current_model_draw
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.compat import is_replaced
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions import checks as distribution_checks
from bayeslayers.distributions.checks import class_names
from bayeslayers.geometries import Dense

_FUNCTIONS = ("make_posterior_fn", "make_prior_fn", "activation")


@public_layer
class DenseVariational(BayesianLayer):
    """Dense layer with a joint posterior of kernel and bias.

        y = A(x, k) + b,   w = (k, b) ~ q(w; x)
        A(x, k)[..., o] = sum over c of k[c, o] * x[..., c]

    Take it where the weights depend on each other in the posterior, or where the posterior is a
    function of the inputs. `layer_dense_flipout()` is faster and simpler to write.

    k is the kernel, b the bias, and q their joint posterior, which may depend on the inputs x. o
    counts the output channels, c the input channels.

    Inputs are of shape (batch, ..., channels), outputs of shape (batch, ..., units); the dimensions
    in between are positions, which share the weights. Inputs of two dimensions may be a sparse
    tensor, such as TensorFlow's.

    One draw of the weights serves all examples of a call, in training and in prediction alike. Call
    the model many times for the predictive distribution: `predict_draws()` does so. Kernel and bias
    have one joint posterior, so any of the weights may be correlated.

    The posterior and the prior are made once, when the layer is built. They are then its attributes
    `posterior` and `prior`, and their variables are trained and saved with the layer. The usual
    posterior is a `Sequential` model of `layer_variable()` and `layer_distribution_lambda()`. Let
    it start narrow, at a scale of a tenth of the prior's or less: draws as wide as the prior hide
    what the data say, and training may learn nothing. A prior with variables is fitted to the data
    too (empirical Bayes).

    `losses` holds one number: the divergence of the posterior from the prior, times `kl_weight`.
    Estimated from the draw w, it is log q(w) - log p(w), whose mean is the exact divergence.

    Args:
        seed: Whole number from which the layer draws all its samples. A model or a layer that is
            the posterior draws from its own seed. With `None` it is drawn from the generator that
            `keras.utils.set_random_seed()` sets. A file keeps how far the samples have come: see
            `reseed()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_variational, tfp
        >>> from bayeslayers.layers import DistributionLambda, VariableLayer
        >>> tfd = tfp.distributions
        >>> def posterior(kernel_size, bias_size, dtype):
        ...     n = kernel_size + bias_size
        ...     return keras.Sequential([
        ...         VariableLayer(2 * n),
        ...         DistributionLambda(lambda t: tfd.Independent(
        ...             tfd.Normal(t[:n], 1e-5 + 0.1 * keras.ops.softplus(t[n:])), 1)),
        ...     ])
        >>> def prior(kernel_size, bias_size, dtype):
        ...     standard = tfd.Normal(keras.ops.zeros(kernel_size + bias_size), 1.0)
        ...     return lambda inputs: tfd.Independent(standard, 1)
        >>> layer = layer_dense_variational(
        ...     units=4, make_posterior_fn=posterior, make_prior_fn=prior, kl_weight=1 / 100
        ... )
        >>> layer(keras.ops.ones((32, 3))).shape
        TensorShape([32, 4])
        >>> [loss.ndim for loss in layer.losses]
        [0]

    R example:
        library(keras3)
        posterior <- function(kernel_size, bias_size, dtype) {
          n <- kernel_size + bias_size
          make_normal <- function(t) {
            t <- op_split(t, 2)
            tfd_independent(tfd_normal(t[[1]], op_softplus(t[[2]]) * 0.1 + 1e-5), 1)
          }
          keras_model_sequential() |>
            layer_variable(2 * n) |>
            layer_distribution_lambda(make_normal)
        }
        prior <- function(kernel_size, bias_size, dtype) {
          standard <- tfd_normal(op_zeros(kernel_size + bias_size), 1)
          function(inputs) tfd_independent(standard, 1)
        }
        layer <- layer_dense_variational(
          units = 4, make_posterior_fn = posterior, make_prior_fn = prior, kl_weight = 1 / 100
        )
        layer(array(1, c(32, 3)))
        layer$losses

    Reference:
        Graves, A. (2011). Practical Variational Inference for Neural Networks. Advances in Neural
        Information Processing Systems.
        https://papers.nips.cc/paper/4329-practical-variational-inference-for-neural-networks
    """

    function_name = "layer_dense_variational"
    geometry: Dense

    def __init__(
        self,
        units: int,
        make_posterior_fn: Callable[..., Any],
        make_prior_fn: Callable[..., Any],
        kl_weight: float | None = None,
        kl_use_exact: bool = False,
        activation: str | Callable[..., Any] | None = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        geometry = Dense(units)
        posterior_fn = checks.function("make_posterior_fn", make_posterior_fn, optional=False)
        prior_fn = checks.function("make_prior_fn", make_prior_fn, optional=False)
        kl_weight = checks.weight("kl_weight", kl_weight)
        kl_use_exact = checks.boolean("kl_use_exact", kl_use_exact)
        activation = checks.activation("activation", activation)
        use_bias = checks.boolean("use_bias", use_bias)
        super().__init__(**kwargs)
        self.geometry = geometry
        self.units = geometry.units
        self.make_posterior_fn = posterior_fn
        self.make_prior_fn = prior_fn
        self.kl_weight = kl_weight
        self.kl_use_exact = kl_use_exact
        self.activation = activation
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the posterior and the prior, with their variables."""
        self.input_spec = self.geometry.input_spec(input_shape)
        self._kernel_shape = self.geometry.kernel_shape(self.geometry.known_channels(input_shape))
        self._sizes = (math.prod(self._kernel_shape), self.units if self.use_bias else 0)
        self._one_example = (1, *(size or 1 for size in input_shape[1:]))
        self._adopted: list[keras.Variable] = []
        # Those that stand for a variable of the framework's, and the arguments that brought them.
        self._wrappers: list[tuple[str, keras.Variable]] = []
        self.posterior = self._make("make_posterior_fn", input_shape)
        self.prior = self._make("make_prior_fn", input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the outputs of one draw of the weights, and add the divergence to the losses."""
        inputs = ops.cast(inputs, self.compute_dtype)
        draw = current_model_draw()
        if draw is not None:
            weights = self._joint_draw_in(draw, inputs)
        else:
            posterior, weights = self._draw(inputs)
            if self._is_first_call_in_pass():
                self._add_to_losses({"weights": self._divergence(posterior, weights, inputs)})
        weights = saturating_cast(weights, self.compute_dtype)
        kernel, bias = ops.split(weights, [self._sizes[0]])
        outputs = self.geometry.apply(inputs, ops.reshape(kernel, self._kernel_shape))
        outputs = within_range(outputs + bias if self.use_bias else outputs)
        return self.activation(outputs)

    def divergences(self) -> dict[str, Divergence]:
        """See `BayesianLayer.divergences`."""
        return {"weights": Divergence(self._estimate_divergence, self.kl_use_exact)}

    def _estimate_divergence(self) -> Any:
        inputs = self._zero_inputs()
        posterior, weights = self._draw(inputs)
        return self._divergence(posterior, weights, inputs)

    def size_of(self, weight: str) -> int:
        """See `BayesianLayer.size_of`."""
        del weight
        return sum(self._sizes)

    def plain_layer(self) -> keras.Layer:
        """See `BayesianLayer.plain_layer`."""
        arguments = {"activation": self.activation, "use_bias": self.use_bias}
        shared = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        return keras.layers.Dense(self.units, **arguments, **shared)

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""
        posterior, drawn = self._draw(self._zero_inputs())
        parts = self._parts(method_of(posterior, "mean")() if statistic == "mean" else drawn)
        return [ops.convert_to_numpy(part) for part in parts.values()]

    def weights_in_draw(self, draw: ModelDraw) -> dict[str, Any]:
        """See `BayesianLayer.weights_in_draw`."""
        return self._parts(self._joint_draw_in(draw, self._zero_inputs()))

    def posterior_moments(self) -> dict[str, tuple[Any, Any]]:
        """See `BayesianLayer.posterior_moments`."""
        posterior, _ = self._draw(self._zero_inputs())
        means, stddev = self._parts(method_of(posterior, "mean")()), stddev_of(posterior)
        stddevs = dict.fromkeys(means) if stddev is None else self._parts(stddev)
        return {name: (mean, stddevs[name]) for name, mean in means.items()}

    def _zero_inputs(self) -> Any:
        """Return inputs for a posterior or prior that is made from them; few depend on them."""
        return ops.zeros(self._one_example, self.compute_dtype)

    def _parts(self, weights: Any) -> dict[str, Any]:
        """Tell kernel and bias apart in a vector of all weights."""
        weights = ops.reshape(weights, (-1,))
        kernel, bias = weights[: self._sizes[0]], weights[self._sizes[0] :]
        kernel = ops.reshape(kernel, self._kernel_shape)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def _joint_draw_in(self, draw: ModelDraw, inputs: Any) -> Any:
        return draw.weight_of(self, "weights", lambda: self._draw(inputs)[1])

    def may_be_scaled_already(self) -> bool:
        """See `BayesianLayer.may_be_scaled_already`."""
        return self.kl_weight is not None

    @property
    def own_scale(self) -> float:
        """See `BayesianLayer.own_scale`."""
        return 1.0 if self.kl_weight is None else self.kl_weight

    def _draw(self, inputs: Any) -> tuple[Any, Any]:
        """Return the posterior, and a draw of the weights from it."""
        posterior = self._distribution("make_posterior_fn", self.posterior, inputs)
        weights = ops.convert_to_tensor(tensor_of(posterior), self.variable_dtype)
        distribution_checks.shape_of_draw("make_posterior_fn", weights.shape, (sum(self._sizes),))
        return posterior, weights

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of this shape."""
        return self.geometry.output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {
            **super().get_config(),
            **self.geometry.get_config(),
            "kl_weight": self.kl_weight,
            "kl_use_exact": self.kl_use_exact,
            "use_bias": self.use_bias,
        }

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), *_FUNCTIONS]

    def _make(self, argument: str, input_shape: tuple[int | None, ...]) -> Callable[[Any], Any]:
        """Call a maker, and make the variables of what it returns the layer's own."""
        dtype = native_dtype(self.variable_dtype)
        # Variables that a function makes for itself must outlive the graph that we may be in.
        with lasting_variables():
            made = getattr(self, argument)(*self._sizes, dtype)
        rule = "must return a model, a layer or a function of the inputs"
        if not callable(made):
            raise ArgumentError(argument, rule, {argument: made})
        if isinstance(made, keras.Layer):
            # Keras follows the variables of a layer, once it has been built.
            made(keras.KerasTensor(input_shape, self.compute_dtype))
        else:
            channels = self.geometry.known_channels(input_shape)
            self._adopt_variables(argument, made, channels)
        return made

    def _adopt_variables(self, argument: str, made: Callable[[Any], Any], channels: int) -> None:
        """Let Keras train and save the variables that a function uses."""
        given: list[keras.Variable] = []

        def use() -> None:
            inputs = ops.zeros((1, channels), self.compute_dtype)
            distribution = self._distribution(argument, made, inputs)
            distribution.log_prob(tensor_of(distribution))
            given.extend(given_variables(inner_distribution(distribution)))

        known = self._adopted_ids()
        for variable in variables_read_by(use):
            if id(variable) in known:
                continue
            adopted = as_keras_variable(variable)
            self._adopted.append(adopted)
            # A variable of Keras's own has the value that a caller hands over.
            if adopted is not variable:
                self._wrappers.append((argument, adopted))
        self._refuse_frozen(argument, given)

    def _adopted_ids(self) -> set[int]:
        return {id(each) for v in self._adopted for each in (v, native_variable(v))}

    def _refuse_frozen(self, argument: str, given: list[keras.Variable]) -> None:
        """Refuse a distribution that was made of variables before it is asked for."""
        known = self._adopted_ids()
        names = [v.name for v in given if v.trainable and known.isdisjoint(map(id, (v, v.value)))]
        if names:
            rule = (
                "must return a function that makes its distribution whenever it is called: one "
                "that is made before keeps the variables' first values"
            )
            raise ArgumentError(argument, rule, {argument: Described(f"a function of {names}")})

    def _distribution(self, argument: str, made: Callable[[Any], Any], inputs: Any) -> Any:
        return to_coercible(self._made_by(argument, made, inputs), self.stream)

    def _made_by(self, argument: str, made: Callable[[Any], Any], inputs: Any) -> Any:
        self._refuse_replaced(argument)
        distribution = made(inputs)
        distribution_checks.distribution(argument, distribution)
        return distribution

    def _refuse_replaced(self, argument: str) -> None:
        """Refuse to compute with a variable's own value where the caller has given another."""
        names = [v.name for adopter, v in self._wrappers if adopter == argument and is_replaced(v)]
        if names:
            rule = (
                "must return a model or a layer where the values of variables are handed over, as "
                "in `stateless_call()`: a function goes on with its variables' own"
            )
            raise ArgumentError(argument, rule, {argument: Described(f"a function of {names}")})

    def _divergence(self, posterior: Any, weights: Any, inputs: Any) -> Any:
        # Of the prior, nothing is drawn.
        prior = inner_distribution(self._made_by("make_prior_fn", self.prior, inputs))
        if self.kl_use_exact:
            divergence = _exact_divergence(posterior, prior)
        else:
            at = ops.cast(weights, getattr(prior, "dtype", weights.dtype))
            divergence = posterior.log_prob(weights) - method_of(prior, "log_prob")(at)
        return ops.sum(ops.cast(divergence, at_least_single(self.variable_dtype)))


def _exact_divergence(posterior: Any, prior: Any) -> Any:
    posterior = inner_distribution(posterior)
    try:
        return method_of(posterior, "kl_divergence")(prior)
    except NotImplementedError as error:
        rule = "must be false where the divergence has no closed form"
        pair = Described(f"{class_names(posterior)} and {class_names(prior)}")
        raise ArgumentError("kl_use_exact", rule, {"posterior and prior": pair}) from error


layer_dense_variational = layer_function(DenseVariational)
