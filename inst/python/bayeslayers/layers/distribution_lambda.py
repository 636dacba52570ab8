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

        y ~ p(y; x), x = inputs

    Take it where a model is to end in a distribution for which there is no layer, or to have such a
    distribution inside. Where there is a layer, such as `layer_independent_normal()`, take that
    one: it is saved without a function of your own.

    `make_distribution_fn` returns the distribution p(y; x) of the inputs x. The output is this
    distribution, with all its methods, and also a tensor for every Keras layer, loss and metric: by
    default a draw. The tensor is made when it is first needed, and stays the same for that output;
    the next call makes a new draw. The distribution comes from the library that belongs to Keras's
    backend: TensorFlow Probability on TensorFlow and JAX, `torch.distributions` on PyTorch.

    The output has the methods of the distribution, such as `mean()`, which is a property on
    PyTorch. The functions `tfd_mean()`, `tfd_log_prob()` and so on are the same on every backend.
    Operators, indices, layers and other libraries see the tensor, as in TensorFlow Probability. One
    operator differs: `==` compares objects on TensorFlow, and numbers on JAX and PyTorch.
    `keras.ops.equal()` compares numbers on all three.

    In the functional API, while the model is being put together, the output has those methods of
    the distribution that return a tensor, such as `mean()`, `stddev()`, `sample()` and
    `log_prob()`. Each call adds a layer to the model. For the output of a model inside a model, use
    the functions, such as `tfd_mean()`.

    An `activity_regularizer` receives the distribution, too. In a variational autoencoder it
    computes the divergence of the encoder's output from the prior. Keras divides its result by the
    number of rows. So return the sum of the divergences over the rows, or one number for each row:
    the mean divergence of an example is then added to the loss, which becomes the negative evidence
    lower bound. Keras's own regularizers, such as "l2", penalise the tensor.

    A model that ends in this layer is trained with a loss function of the targets and the
    distribution, such as the negative log density: a function that is passed to `compile()`
    receives the distribution itself. `predict()` returns the tensors. For the distribution, call
    the model, or let `predict()` of a model without this layer return the parameters. Where the
    shapes of targets and distribution differ by a last axis of one, Keras makes them agree; on JAX,
    outputs of one dimension need targets of one dimension.

    On PyTorch, Keras calls a loss once with a plain tensor, to infer shapes. Write the loss with
    `tfd_log_prob(rv, y)`, which takes such a tensor too; a plain tensor has no method `log_prob`.
    On JAX, layers that hand their inputs to JAX's own operations, such as a convolution, a pooling
    or the activation "sigmoid", take arrays alone. An operation before such a layer makes an array,
    such as `code + 0.0`.

    `make_distribution_fn` is called at every use, on the outputs of the layers before. It takes the
    parameters of the distribution from these, or from constants: it can't have trainable variables
    of its own.

    XLA can't draw from some distributions, such as gamma and Poisson, and `fit()` and `predict()`
    use XLA by default on some devices. Give "mean" as `convert_to_tensor_fn` there, or compile the
    model with `jit_compile` off.

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
