"""The layers that hold distributions or make them, a row for each: what their contract is told.

`family.py` has those with random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from frameworks import SEED_GENERATORS, numpy_of, on
from frameworks import distributions as tfd
from keras import ops
from posteriors import fixed_normal

import bayeslayers
from bayeslayers.backend import native_dtype
from bayeslayers.layers import (
    AutoregressiveTransform,
    DistributionLambda,
    KLDivergenceAddLoss,
    VariableLayer,
)


@keras.saving.register_keras_serializable("test_family_distributions")
def normal_of_halves(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, 1e-5 + ops.softplus(rho)), 1)


@keras.saving.register_keras_serializable("test_family_distributions")
def around_inputs(t):
    return tfd.Independent(tfd.Normal(t, 0.5), 1)


@keras.saving.register_keras_serializable("test_family_distributions")
def posterior(kernel_size, bias_size, dtype):
    parameters = VariableLayer(2 * (kernel_size + bias_size), initializer="random_normal")
    return keras.Sequential([parameters, DistributionLambda(normal_of_halves)])


@keras.saving.register_keras_serializable("test_family_distributions")
def prior(kernel_size, bias_size, dtype=None):
    make = fixed_normal(-1.0, 2.0)
    dtype = dtype or native_dtype("float32")
    return lambda inputs: make(dtype, (kernel_size + bias_size,), "", False, None)


def theirs():
    """Return the layers of TensorFlow Probability."""
    import tensorflow_probability as tfp

    return SimpleNamespace(
        **{name: getattr(tfp.layers, name) for name in dir(tfp.layers) if name[0].isupper()},
        AutoregressiveNetwork=tfp.bijectors.AutoregressiveNetwork,
        kernel_provider=kernel_layer("tf_keras", tfp),
    )


def normal_vector(layers, inputs):
    return layers.DistributionLambda(around_inputs)(inputs)


def transformed(layers, inputs):
    """Return the log density of a flow whose weights are all one."""
    made = layers.AutoregressiveNetwork(2, event_shape=3, kernel_initializer="ones")
    flow = layers.AutoregressiveTransform(made)
    return flow(normal_vector(layers, inputs)).log_prob(inputs / 2)


def dense(layers, inputs):
    """Return a dense layer whose weights follow Normal(0.5, 0.3), prior Normal(-1, 2)."""

    def normal(loc, scale):
        def maker(kernel_size, bias_size, dtype=None):
            parameters = ops.full([kernel_size + bias_size], loc), scale
            return layers.DistributionLambda(lambda t: tfd.Independent(tfd.Normal(*parameters), 1))

        return maker

    return layers.DenseVariational(
        2, normal(0.5, 0.3), normal(-1.0, 2.0), kl_weight=0.1, kl_use_exact=True
    )


def divergence(layers, inputs):
    layer = dense(layers, inputs)
    layer(inputs)
    return layer.losses[0]


@keras.saving.register_keras_serializable("test_family_distributions")
class TransformOfTensors(AutoregressiveTransform):
    """The transform of a distribution around the inputs: Keras's test has tensors alone."""

    def call(self, inputs):
        return super().call(around_inputs(inputs))


@keras.saving.register_keras_serializable("test_family_distributions")
class AddLossOfTensors(KLDivergenceAddLoss):
    """The divergence of a distribution around the inputs: Keras's test has tensors alone."""

    def call(self, inputs):
        super().call(around_inputs(inputs))
        return inputs


@keras.saving.register_keras_serializable("test_family_distributions")
def standard_normal():
    return tfd.Independent(tfd.Normal(ops.zeros(3), 1.0), 1)


def add_loss(layers, inputs, **arguments):
    """Return the divergence of normal vectors from the standard normal distribution."""
    layer = layers.KLDivergenceAddLoss(standard_normal, use_exact_kl=True, **arguments)
    layer(normal_vector(layers, inputs))
    return layer.losses[0]


def at_outcome(name, outcome, make_arguments, layers, inputs):
    """Return log-probability and mean of the layer's distribution."""
    rv = getattr(layers, name)(**make_arguments(layers))(inputs)
    return np.concatenate([np.ravel(numpy_of(part)) for part in (rv.log_prob(outcome), rv.mean())])


def parametric(function, named, arguments, count, outcome, bad, **others):
    """Return the row of a layer that makes the distribution of a family of its inputs.

    Args:
        function: See `Row`.
        named: See `Row`.
        arguments: Returns the arguments, given our layers or TensorFlow Probability's.
        count: How many parameters come in.
        outcome: What the distribution may draw.
        bad: See `Row`.
        others: Further arguments of `Row`.
    """
    words = function.removeprefix("layer_").replace("tri_l", "tri_L").split("_")
    name = "".join(word[0].upper() + word[1:] for word in words)
    shape = (4, *np.shape(outcome))
    outcome = np.broadcast_to(np.asarray(outcome, "float32"), shape)

    def alike(layers, inputs):
        del inputs
        return getattr(layers, name)(**arguments(layers))

    given = {
        "inputs": (4, count),
        "outputs": shape,
        "weights": 0,
        "losses": 0,
        "seeds": 1,
        "same": partial(at_outcome, name, outcome, arguments),
        "alike": alike,
        "bad": (*bad, ({"units": 2}, "units"), ({"validate_args": 2}, "validate_args")),
    }
    return Row(function, name, named, lambda: arguments(bayeslayers.layers), **{**given, **others})


def kernel_layer(framework, tfp):
    """Return a class of layers with a kernel of TensorFlow Probability, of Keras or of tf_keras."""
    base = keras.Layer
    if framework == "tf_keras":
        import tf_keras

        base = tf_keras.layers.Layer

    class Kernel(base):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.length = self.add_weight(name="length", shape=(), initializer="ones")

        @property
        def kernel(self):
            kernels = tfp.math.psd_kernels
            return kernels.ExponentiatedQuadratic(np.float32(1.5), 0.0 + self.length)

    return Kernel


Kernel = keras.saving.register_keras_serializable("test_family_distributions")(
    kernel_layer("keras", bayeslayers.tfp)
)


def process(layers, inputs):
    """Return loss and standard deviations of a Gaussian process with given variables."""
    provider = getattr(layers, "kernel_provider", Kernel)()
    layer = layers.VariationalGaussianProcess(3, provider, event_shape=[2])
    rv = layer(inputs)
    for place, variable in enumerate(layer.trainable_variables):
        sizes = tuple(variable.shape)
        values = 0.1 * np.cos(place + np.arange(np.prod(sizes, dtype=int))).reshape(sizes)
        variable.assign(values + np.eye(3) if sizes[1:] == (3, 3) else values)
    rv = layer(inputs)
    loss = rv.variational_loss(np.ones((4, 2), "float32"), kl_weight=0.25)
    return np.concatenate([np.ravel(numpy_of(part)) for part in (loss, rv.mean(), rv.stddev())])


@dataclass(frozen=True)
class Row:
    """A layer.

    Args:
        function: Name of the function, in both languages.
        name: Name of the class, here and in TensorFlow Probability.
        named: The arguments that have a name, in order.
        arguments: Returns what the examples of the contract are made with.
        inputs: The shape of the inputs.
        outputs: The shape of the outputs.
        weights: How many trainable variables there are.
        losses: How many losses a call adds.
        seeds: How many generators of seeds Keras finds.
        same: Given our layers or TensorFlow Probability's, returns what both give to the digit.
            `None`: TensorFlow Probability has no such layer.
        alike: Given the same, returns a layer whose draws have the same distribution in both.
        bad: Further arguments that are refused, with the argument at fault.
        checks: What Keras's contract is told.
        marks: Where it runs, if not on every backend.
    """

    function: str
    name: str
    named: str
    arguments: Callable[[], dict[str, Any]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: int
    losses: int
    seeds: int
    same: Callable[..., Any] | None
    alike: Callable[..., Any] | None = None
    bad: tuple[tuple[dict[str, Any], str], ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    marks: tuple[Any, ...] = ()

    def layer(self, **further):
        """Make the layer by its function."""
        return getattr(bayeslayers, self.function)(**{**self.arguments(), **further})


ROWS = (
    Row(
        "layer_variable",
        "VariableLayer",
        "shape dtype activation initializer regularizer constraint",
        lambda: {"shape": [2, 3], "initializer": "random_normal", "regularizer": "l2"},
        inputs=(4, 5),
        outputs=(2, 3),
        weights=1,
        losses=1,
        seeds=0,
        same=lambda layers, inputs: layers.VariableLayer(
            (2, 3), initializer="ones", activation="tanh"
        )(inputs),
        bad=(({"shape": 0}, "shape"), ({"units": 2}, "units")),
    ),
    Row(
        "layer_distribution_lambda",
        "DistributionLambda",
        "make_distribution_fn convert_to_tensor_fn",
        lambda: {"make_distribution_fn": around_inputs},
        inputs=(4, 3),
        outputs=(4, 3),
        weights=0,
        losses=0,
        seeds=1,
        same=lambda layers, inputs: normal_vector(layers, inputs).log_prob(inputs / 2),
        alike=lambda layers, inputs: layers.DistributionLambda(around_inputs),
        bad=(({"make_distribution_fn": None}, "make_distribution_fn"), ({"units": 2}, "units")),
    ),
    parametric(
        "layer_independent_normal",
        "event_shape convert_to_tensor_fn validate_args",
        lambda layers: {"event_shape": [2, 1]},
        4,
        [[0.5], [-1.0]],
        (
            ({"event_shape": 0}, "event_shape"),
            ({"convert_to_tensor_fn": 3}, "convert_to_tensor_fn"),
        ),
    ),
    parametric(
        "layer_independent_logistic",
        "event_shape convert_to_tensor_fn validate_args",
        lambda layers: {"event_shape": [2]},
        4,
        [0.5, -1.0],
        (({"event_shape": 2.5}, "event_shape"),),
    ),
    parametric(
        "layer_independent_bernoulli",
        "event_shape convert_to_tensor_fn sample_dtype validate_args",
        lambda layers: {"event_shape": [2, 2]},
        4,
        [[0, 1], [1, 0]],
        (({"event_shape": "2"}, "event_shape"), ({"sample_dtype": "whole"}, "sample_dtype")),
    ),
    parametric(
        "layer_independent_poisson",
        "event_shape convert_to_tensor_fn validate_args",
        lambda layers: {"event_shape": [3]},
        3,
        [0, 2, 5],
        (({"event_shape": -1}, "event_shape"),),
    ),
    parametric(
        "layer_homoscedastic_normal",
        "event_shape initial_scale convert_to_tensor_fn validate_args",
        lambda layers: {"event_shape": [3]},
        3,
        [0.0, 1.0, 2.0],
        (({"initial_scale": 0}, "initial_scale"), ({"event_shape": 0}, "event_shape")),
        weights=1,
        same=None,
        alike=None,
    ),
    parametric(
        "layer_multivariate_normal_tri_l",
        "event_size convert_to_tensor_fn validate_args",
        lambda layers: {"event_size": 3},
        9,
        [0.5, -1.0, 0.0],
        (({"event_size": [2, 2]}, "event_size"),),
    ),
    parametric(
        "layer_one_hot_categorical",
        "event_size convert_to_tensor_fn sample_dtype validate_args",
        lambda layers: {"event_size": 3},
        3,
        [0, 1, 0],
        (({"event_size": 0}, "event_size"),),
    ),
    parametric(
        "layer_mixture_same_family",
        "num_components component_layer convert_to_tensor_fn validate_args",
        lambda layers: {"num_components": 3, "component_layer": layers.IndependentNormal([2])},
        15,
        [0.5, -1.0],
        (({"num_components": 0}, "num_components"), ({"component_layer": 3}, "component_layer")),
        # The component has one of its own.
        seeds=2,
    ),
    parametric(
        "layer_mixture_normal",
        "num_components event_shape convert_to_tensor_fn validate_args",
        lambda layers: {"num_components": 3, "event_shape": [2]},
        15,
        [0.5, -1.0],
        (({"num_components": 0}, "num_components"), ({"event_shape": 0}, "event_shape")),
        seeds=2,
    ),
    parametric(
        "layer_mixture_logistic",
        "num_components event_shape convert_to_tensor_fn validate_args",
        lambda layers: {"num_components": 3},
        9,
        0.5,
        (({"num_components": 1.5}, "num_components"),),
        seeds=2,
    ),
    parametric(
        "layer_categorical_mixture_of_one_hot_categorical",
        "event_size num_components convert_to_tensor_fn sample_dtype validate_args",
        lambda layers: {"event_size": 4, "num_components": 3},
        15,
        [0, 0, 1, 0],
        (({"event_size": 0}, "event_size"), ({"num_components": "3"}, "num_components")),
    ),
    Row(
        "layer_variational_gaussian_process",
        "VariationalGaussianProcess",
        "num_inducing_points kernel_provider event_shape inducing_index_points_initializer "
        "unconstrained_observation_noise_variance_initializer mean_fn jitter name",
        lambda: {"num_inducing_points": 3, "kernel_provider": Kernel()},
        inputs=(4, 2),
        outputs=(4, 1),
        # That of the kernel among them.
        weights=6,
        losses=0,
        seeds=1,
        same=process,
        bad=(
            ({"num_inducing_points": 0}, "num_inducing_points"),
            ({"kernel_provider": 3}, "kernel_provider"),
            ({"jitter": 0}, "jitter"),
        ),
        # Keras compares outputs across batches: the rows of a process depend on each other.
        marks=(on("tensorflow", "jax"),),
    ),
    Row(
        "layer_kl_divergence_add_loss",
        "KLDivergenceAddLoss",
        "distribution_b use_exact_kl test_points_reduce_axis test_points_fn weight",
        lambda: {"distribution_b": standard_normal, "use_exact_kl": True},
        inputs=(4, 3),
        outputs=(4, 3),
        weights=0,
        losses=1,
        seeds=0,
        same=partial(add_loss, weight=2.5),
        bad=(
            ({"distribution_b": 3}, "distribution_b"),
            ({"use_exact_kl": 1}, "use_exact_kl"),
            ({"test_points_reduce_axis": 0.5}, "test_points_reduce_axis"),
            ({"weight": -1}, "weight"),
        ),
    ),
    Row(
        "layer_dense_variational",
        "DenseVariational",
        "units make_posterior_fn make_prior_fn kl_weight kl_use_exact activation use_bias",
        lambda: {"units": 2, "make_posterior_fn": posterior, "make_prior_fn": prior},
        inputs=(4, 3),
        outputs=(4, 2),
        weights=1,
        losses=1,
        # Its own, and that of the posterior's layer.
        seeds=SEED_GENERATORS + 1,
        same=divergence,
        alike=dense,
        bad=(({"units": 0}, "units"), ({"kl_weight": -1}, "kl_weight"), ({"foo": 1}, "foo")),
    ),
    Row(
        "layer_autoregressive",
        "AutoregressiveNetwork",
        "params event_shape hidden_units input_order hidden_degrees activation use_bias "
        "kernel_initializer validate_args",
        lambda: {"params": 2, "hidden_units": [5], "activation": "relu"},
        inputs=(4, 3),
        outputs=(4, 3, 2),
        weights=4,
        losses=0,
        seeds=0,
        same=lambda layers, inputs: layers.AutoregressiveNetwork(
            2, event_shape=3, hidden_units=[6], kernel_initializer="ones", activation="tanh"
        )(inputs),
        bad=(({"params": 0}, "params"), ({"hidden_units": [0]}, "hidden_units")),
        # Keras expects outputs in the lower precision: parameters of distributions keep the higher.
        checks={"run_mixed_precision_check": False},
    ),
    Row(
        "layer_autoregressive_transform",
        "AutoregressiveTransform",
        "made",
        lambda: {"made": bayeslayers.layer_autoregressive(params=2, event_shape=3)},
        inputs=(4, 3),
        outputs=(4, 3),
        weights=2,
        losses=0,
        seeds=1,
        same=transformed,
        bad=(({"made": None}, "made"), ({"units": 2}, "units")),
        # It is a bijector, which PyTorch's library does not have.
        marks=(on("tensorflow", "jax"),),
    ),
)
