"""A layer whose output is a distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import tree

from bayeslayers.backend import foreign_variables
from bayeslayers.base_layers.distribution_layer import DistributionLayer
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions import checks as distribution_checks
from bayeslayers.distributions.defaults import sample_posterior


@public_layer
class DistributionLambda(DistributionLayer):
    """Distribution as a layer's output.

        y ~ p(y; x), where p is made from the inputs x

    Take it where a model is to end in a distribution that no layer has by name, or to have one
    inside; `layer_independent_normal()` and its like are saved without a function of your own.

    The output is the distribution, with all its methods, and also a tensor to every Keras layer,
    loss and metric that it meets: by default a draw. The tensor is made when it is first needed,
    and stays the same for that output; the draw of the next call is a new one. The distribution is
    one of the library that goes with Keras's backend: TensorFlow Probability on TensorFlow and on
    JAX, `torch.distributions` on PyTorch.

    The methods of the output are the distribution's: `mean()` is its mean, and on PyTorch `mean`,
    which is a property there. The functions `tfd_mean()`, `tfd_log_prob()` and their like are the
    same on every backend. Operators, indices, layers and other libraries see the tensor, as in
    TensorFlow Probability. But `==` compares objects on TensorFlow, and numbers on JAX and PyTorch;
    `keras.ops.equal()` compares numbers on all three.

    While a model is put together in the functional API, the output has the methods of the
    distribution that return a tensor, such as `mean()`, `stddev()`, `sample()` and `log_prob()`:
    each adds to the model a layer that calls it. For the output of a model within a model, use the
    functions: `tfd_mean()` and its like.

    An `activity_regularizer` receives the distribution, too: in a variational autoencoder the
    divergence of the encoder's output from the prior. Keras divides what it returns by the number
    of rows: return the sum over them, or one number for each, and the mean divergence of an example
    is added to the loss, which is then the negative evidence lower bound. Keras's own regularizers,
    such as "l2", penalise the tensor.

    A model that ends in this layer is trained with a loss function of the targets and the
    distribution, such as its negative log density: a function that is passed to `compile()`
    receives the distribution itself. `predict()` returns the tensors; for the distribution, call
    the model, or let `predict()` of a model without this layer return the parameters. Where shapes
    differ by a last axis of one, Keras makes targets and distribution agree; on JAX, outputs of one
    dimension need targets of one dimension.

    On PyTorch, Keras calls a loss once with a plain tensor, to infer shapes: write it with
    `tfd_log_prob(rv, y)`, which takes such a tensor too; the distribution's own method `log_prob`
    does not exist there. On JAX, a layer that hands its inputs to JAX's own operations, such as a
    convolution, a pooling or the activation "sigmoid", takes an array alone: an operation before
    it makes one, such as `code + 0.0`.

    `make_distribution_fn` is called at every use, on the outputs of the layers before: it must take
    its parameters from them, or from constants, and has no trainable variables of its own.

    XLA, which `fit()` and `predict()` switch on by default on some devices, can't draw from some
    distributions, such as gamma and Poisson: take "mean" as their `convert_to_tensor_fn`, or
    compile the model with `jit_compile` off.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_distribution_lambda, tfd_log_prob, tfp
        >>> tfd = tfp.distributions
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> model = layer_distribution_lambda(
        ...     model, lambda t: tfd.Normal(t[..., :1], 1e-3 + keras.ops.softplus(t[..., 1:]))
        ... )
        >>> model.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 1)), verbose=0)
        >>> model(keras.ops.ones((32, 3))).mean().shape
        TensorShape([32, 1])

        A variational autoencoder: its encoder's output has its divergence from the prior in the loss.

        >>> def vector(t):
        ...     loc, scale = keras.ops.split(t, 2, axis=-1)
        ...     return tfd.Independent(tfd.Normal(loc, keras.ops.softplus(scale)), 1)
        >>> prior = tfd.Independent(tfd.Normal([0.0, 0.0], 1.0), 1)
        >>> inputs = keras.Input((8,))
        >>> code = layer_distribution_lambda(
        ...     keras.layers.Dense(4)(inputs), vector, activity_regularizer=lambda q: q.kl_divergence(prior)
        ... )
        >>> outputs = layer_distribution_lambda(keras.layers.Dense(16)(code), vector)
        >>> autoencoder = keras.Model(inputs, outputs)
        >>> autoencoder.compile("adam", loss=lambda y, rv: -tfd_log_prob(rv, y))
        >>> history = autoencoder.fit(keras.ops.ones((32, 8)), keras.ops.ones((32, 8)), verbose=0)
        >>> keras.Model(inputs, code.mean()).predict(keras.ops.ones((5, 8)), verbose=0).shape
        (5, 2)

    R example:
        library(keras3)
        make_normal <- function(t) {
          t <- op_split(t, 2, axis = -1)
          tfd_normal(t[[1]], op_softplus(t[[2]]) + 1e-3)
        }
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(2) |>
          layer_distribution_lambda(make_normal)
        model |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        model |> fit(array(1, c(32, 3)), array(1, c(32, 1)), verbose = 0)
        model(array(1, c(32, 3)))$mean()

        # A variational autoencoder: its encoder's output has its divergence from the prior in the loss.
        make_vector <- function(t) {
          t <- op_split(t, 2, axis = -1)
          tfd_independent(tfd_normal(t[[1]], op_softplus(t[[2]])), 1)
        }
        prior <- tfd_independent(tfd_normal(c(0, 0), 1), 1)
        inputs <- keras_input(8)
        code <- inputs |>
          layer_dense(4) |>
          layer_distribution_lambda(
            make_vector,
            activity_regularizer = function(q) tfd_kl_divergence(q, prior)
          )
        outputs <- code |>
          layer_dense(16) |>
          layer_distribution_lambda(make_vector)
        autoencoder <- keras_model(inputs, outputs)
        autoencoder |> compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
        autoencoder |> fit(array(1, c(32, 8)), array(1, c(32, 8)), verbose = 0)
        encoder <- keras_model(inputs, code |> tfd_mean())
        encoder |> predict(array(1, c(5, 8)), verbose = 0)

    R details:
        `keras3::op_split()` takes a tensor into its columns. Indices in brackets mean two things:
        with keras3 on TensorFlow, `t[, 1]` is the first column; on JAX and PyTorch, and without
        keras3, indices are Python's, and it is the second.

    Reference:
        Dillon, J. V., Langmore, I., Tran, D., Brevdo, E., Vasudevan, S., Moore, D., Patton, B.,
        Alemi, A., Hoffman, M., and Saurous, R. A. (2017). TensorFlow Distributions.
        https://arxiv.org/abs/1711.10604
    """  # noqa: E501

    function_name = "layer_distribution_lambda"

    def __init__(
        self,
        make_distribution_fn: Callable[[Any], Any],
        convert_to_tensor_fn: str | Callable[[Any], Any] = sample_posterior,
        **kwargs: Any,
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        make = checks.function("make_distribution_fn", make_distribution_fn, optional=False)
        super().__init__(convert_to_tensor_fn=convert_to_tensor_fn, **kwargs)
        self.make_distribution_fn = make

    def make_distribution(self, inputs: Any) -> Any:
        """See `DistributionLayer.make_distribution`."""
        distribution, foreign = foreign_variables(
            lambda: self.make_distribution_fn(inputs), tree.flatten(inputs), trainable=True
        )
        distribution_checks.distribution("make_distribution_fn", distribution)
        distribution_checks.without_variables("make_distribution_fn", foreign)
        return distribution

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), "make_distribution_fn"]


layer_distribution_lambda = layer_function(DistributionLambda)
