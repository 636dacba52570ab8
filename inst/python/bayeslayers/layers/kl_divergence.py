"""The divergence of a layer's distribution from a prior, as a regularizer and as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.backend import (
    foreign_variables,
    inner_distribution,
    kl_divergence,
    method_of,
    tensor_of,
)
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import layer_function
from bayeslayers.contract.pages import Page
from bayeslayers.distributions import checks as distribution_checks
from bayeslayers.distributions.saved import SavedDistribution
from bayeslayers.distributions.symbolic import SymbolicDistribution, find_symbolic


@keras.saving.register_keras_serializable("bayeslayers")
def convert_to_tensor(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for: the default of `test_points_fn`."""
    return tensor_of(distribution)


@public_layer
class KLDivergenceRegularizer(keras.regularizers.Regularizer):
    """Divergence of a layer's distribution from a prior, as an activity regularizer.

        loss = weight sum(mean(log q(z) - log p(z))), z ~ q
        loss = weight sum(KL(q || p)) with use_exact_kl

    Take it as the `activity_regularizer` of a layer whose output is a distribution, such as
    `layer_multivariate_normal_tri_l()` for the code of a variational autoencoder.

    q is the distribution that the layer puts out, one for each row of a batch; p is the prior
    `distribution_b`; z are the points that `test_points_fn` returns, by default one draw. Without
    `use_exact_kl` the mean is taken over `test_points_reduce_axis`; with it, KL(q || p) is the
    closed form.

    Keras divides the result by the number of rows. With `use_exact_kl`, or with an empty
    `test_points_reduce_axis`, the mean divergence of an example is therefore added to the loss,
    which becomes the negative evidence lower bound. With the defaults the mean is taken over all
    rows, as in tfprobability, and then divided by the number of rows a second time: set one of the
    two arguments.

    `callback_kl_history()` shows what is added to the loss.

    The prior is a distribution, a function without arguments that returns one, or a Keras model
    whose output is one, such as `layer_variable()` followed by `layer_distribution_lambda()`. The
    variables of a model are trained and saved with the layer. A file holds a function by its
    registered name, and a distribution by the numbers that it was made of, such as `tfd_normal()`
    makes.

    Returns:
        The regularizer.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_normal, layer_kl_divergence_regularizer, tfp
        >>> prior = tfp.distributions.Independent(tfp.distributions.Normal([0.0, 0.0], 1.0), 1)
        >>> layer = layer_independent_normal(
        ...     event_shape=2,
        ...     activity_regularizer=layer_kl_divergence_regularizer(
        ...         distribution_b=prior, use_exact_kl=True
        ...     ),
        ... )
        >>> code = layer(keras.ops.zeros((32, 4)))
        >>> round(float(layer.losses[0]), 4)
        0.2135

    R example:
        prior <- tfd_independent(tfd_normal(c(0, 0), 1), 1)
        layer <- layer_independent_normal(
          event_shape = 2,
          activity_regularizer = layer_kl_divergence_regularizer(
            distribution_b = prior,
            use_exact_kl = TRUE
          )
        )
        code <- layer(array(0, c(32, 4)))
        layer$losses

    Reference:
        Kingma, D. P., and Welling, M. (2014). Auto-Encoding Variational Bayes. International
        Conference on Learning Representations. https://arxiv.org/abs/1312.6114
    """

    function_name: ClassVar[str] = "layer_kl_divergence_regularizer"
    arguments: ClassVar[inspect.Signature]
    page: ClassVar[Page]

    def __init__(
        self,
        distribution_b: Any,
        use_exact_kl: bool = False,
        test_points_reduce_axis: int | Sequence[int] | None = None,
        test_points_fn: Callable[[Any], Any] = convert_to_tensor,
        weight: float | None = None,
    ) -> None:
        if not callable(distribution_b):
            distribution_checks.distribution("distribution_b", distribution_b, verb="be or return")
        self.distribution_b = distribution_b
        self.use_exact_kl = checks.boolean("use_exact_kl", use_exact_kl)
        self.test_points_reduce_axis = checks.axes(
            "test_points_reduce_axis", test_points_reduce_axis
        )
        self.test_points_fn = checks.function("test_points_fn", test_points_fn, optional=False)
        self.weight = checks.weight("weight", weight)
        if not isinstance(distribution_b, keras.Layer):
            self._refuse_variables()

    def __call__(self, distribution: Any) -> Any:
        """Return the divergence of a distribution from the prior, summed over all outcomes."""
        hint = "The layer before it must be one whose output is a distribution."
        distribution_checks.is_distribution("inputs", distribution, hint)
        prior = inner_distribution(self.prior())
        distribution_checks.distribution("distribution_b", prior)
        divergence = self._divergence(distribution, prior)
        weight = 1.0 if self.weight is None else self.weight
        return ops.sum(weight * divergence)

    def prior(self) -> Any:
        """Return the prior at the present values of its variables."""
        prior = self.distribution_b
        if isinstance(prior, keras.Layer):
            # It ignores its inputs: as in TensorFlow Probability, it is called on one zero.
            return prior(ops.zeros((1, 1)))
        return prior() if callable(prior) else prior

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with the prior and every function by its registered name.

        Raises:
            ArgumentError: If the prior or the function is not registered.
        """
        return {
            "distribution_b": _saved_prior(self.distribution_b),
            "use_exact_kl": self.use_exact_kl,
            "test_points_reduce_axis": self.test_points_reduce_axis,
            "test_points_fn": serialization.serialize("test_points_fn", self.test_points_fn),
            "weight": self.weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KLDivergenceRegularizer:
        """Make the regularizer that `get_config` described."""
        prior = _loaded_prior(config["distribution_b"])
        points = serialization.deserialize("test_points_fn", config["test_points_fn"])
        return cls(**{**config, "distribution_b": prior, "test_points_fn": points})

    def _divergence(self, distribution: Any, prior: Any) -> Any:
        if self.use_exact_kl:
            return self._exact(inner_distribution(distribution), prior)
        points = ops.convert_to_tensor(self.test_points_fn(distribution))
        log_q = method_of(distribution, "log_prob")(points)
        log_p = method_of(prior, "log_prob")(points)
        if self.test_points_reduce_axis == ():
            return log_q - log_p
        return ops.mean(log_q - log_p, axis=self.test_points_reduce_axis)

    def _exact(self, distribution: Any, prior: Any) -> Any:
        try:
            return ops.convert_to_tensor(kl_divergence(distribution, prior))
        except NotImplementedError as error:
            rule = "must be left out where the divergence has no closed form"
            names = distribution_checks.class_names(distribution)
            pair = Described(f"{names} and {distribution_checks.class_names(prior)}")
            raise ArgumentError("use_exact_kl", rule, {"outputs and prior": pair}) from error

    def _refuse_variables(self) -> None:
        prior, foreign = foreign_variables(self.prior, ())
        distribution_checks.distribution("distribution_b", prior)
        if foreign:
            rule = "must be a Keras model where it has variables, or they would not be trained"
            received = {"distribution_b": Described(f"a prior on the variables {foreign}")}
            raise ArgumentError("distribution_b", rule, received)


@public_layer
class KLDivergenceAddLoss(BaseLayer):
    """Divergence of the distribution that comes in from a prior, added to the loss.

        loss = loss + weight sum(mean(log q(z) - log p(z))), z ~ q, q = inputs, p = prior
        loss = loss + weight sum(KL(q || p)) with use_exact_kl

    Take it behind a layer whose output is a distribution, such as the code of a variational
    autoencoder. It passes the distribution on unchanged. `layer_kl_divergence_regularizer()` does
    the same inside the layer itself, and names the symbols of the formula.

    Keras adds the sum to the loss as it is, while the loss of the targets is a mean over the rows
    of a batch. So with `use_exact_kl`, or with an empty `test_points_reduce_axis`, give a `weight`
    of 1 over the batch size. With the defaults, the mean over all rows is added, which needs no
    weight.

    `callback_kl_history()` shows what is added to the loss.

    The prior p is a distribution, a function without arguments that returns one, or a Keras model
    whose output is one: see `layer_kl_divergence_regularizer()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_independent_normal, layer_kl_divergence_add_loss, tfp
        >>> prior = tfp.distributions.Independent(tfp.distributions.Normal([0.0, 0.0], 1.0), 1)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        >>> model = layer_independent_normal(model, event_shape=2)
        >>> model = layer_kl_divergence_add_loss(model, prior)
        >>> code = model(keras.ops.ones((32, 3)))
        >>> len(model.losses)
        1

    R example:
        library(keras3)
        prior <- tfd_independent(tfd_normal(c(0, 0), 1), 1)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense(4) |>
          layer_independent_normal(event_shape = 2) |>
          layer_kl_divergence_add_loss(distribution_b = prior)
        code <- model(array(1, c(32, 3)))
        model$losses

    Reference:
        Kingma, D. P., and Welling, M. (2014). Auto-Encoding Variational Bayes. International
        Conference on Learning Representations. https://arxiv.org/abs/1312.6114
    """

    function_name = "layer_kl_divergence_add_loss"

    def __init__(
        self,
        distribution_b: Any,
        use_exact_kl: bool = False,
        test_points_reduce_axis: int | Sequence[int] | None = None,
        test_points_fn: Callable[[Any], Any] = convert_to_tensor,
        weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        regularizer = KLDivergenceRegularizer(
            distribution_b, use_exact_kl, test_points_reduce_axis, test_points_fn, weight
        )
        super().__init__(**kwargs)
        # A cast would make a tensor of the distribution.
        self.autocast = False
        self.regularizer = regularizer
        # Keras tracks the variables of a layer that is an attribute of another one.
        self.distribution_b = distribution_b
        self.test_points_fn = regularizer.test_points_fn
        names = ("use_exact_kl", "test_points_reduce_axis", "weight")
        self._numbers = {name: getattr(regularizer, name) for name in names}

    def build(self, input_shape: Any) -> None:
        """Do nothing: the layer has no variables but those of a prior."""

    def call(self, inputs: Any) -> Any:
        """Return the distribution that came in."""
        self.add_loss(self.regularizer(inputs))
        return inputs

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor | SymbolicDistribution:
        """Describe the outputs: they are the inputs."""
        tensor = keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
        base = find_symbolic(inputs)
        return tensor if base is None else SymbolicDistribution(tensor, base.make, base.inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        prior = _saved_prior(self.distribution_b)
        return {**super().get_config(), **self._numbers, "distribution_b": prior}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BaseLayer:
        """Make the layer that `get_config` described; see `BaseLayer.from_config`."""
        return super().from_config(
            {**config, "distribution_b": _loaded_prior(config["distribution_b"])}
        )

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), "test_points_fn"]


def _saved_prior(prior: Any) -> Any:
    """Return the configuration of a prior, which in a copy of a model stands for itself."""
    if callable(prior):
        return serialization.serialize("distribution_b", prior)
    saved = SavedDistribution.of(prior)
    if saved is None:
        rule = (
            "must be a Keras model, a registered function, or a distribution of numbers alone, to "
            "be saved or cloned"
        )
        hint = (
            "A prior that is not trained is a `Sequential` model of `layer_variable()`, with "
            "`trainable` off, and a layer whose output is a distribution; or save the weights "
            "alone."
        )
        raise ArgumentError("distribution_b", rule, {"distribution_b": prior}, hint)
    return serialization.serialize("distribution_b", saved)


def _loaded_prior(config: Any) -> Any:
    """Return the prior that `_saved_prior` was given."""
    made = serialization.deserialize("distribution_b", config)
    return made.make() if isinstance(made, SavedDistribution) else made


def _refuse_object(target: Any) -> None:
    """Refuse `object`, as a regularizer goes on no model and on no tensor."""
    if target is not None:
        rule = "must be left out, as a regularizer is an argument of a layer"
        hint = (
            "Give the prior by its name, `distribution_b`. The regularizer is an "
            "`activity_regularizer`; `layer_kl_divergence_add_loss()` is a layer."
        )
        raise ArgumentError("object", rule, {"object": target}, hint)


layer_kl_divergence_regularizer = layer_function(KLDivergenceRegularizer, check=_refuse_object)
layer_kl_divergence_add_loss = layer_function(KLDivergenceAddLoss)
