"""One contract over the layers that hold distributions or make them: a row for each.

`test_family.py` has that of the layers with random weights. What only one of these layers does is
tested in a file of its own.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from frameworks import SEED_GENERATORS, assert_allclose, assert_array_equal, numpy_of, on
from frameworks import distributions as tfd
from keras import ops
from keras_contract import run_layer_test
from posteriors import fixed_normal
from statistical import assert_same_distribution, draws

import bayeslayers
from bayeslayers import ArgumentError
from bayeslayers.backend import native_dtype
from bayeslayers.layers import (
    FAMILY,
    AutoregressiveTransform,
    DistributionLambda,
    VariableLayer,
    VariationalLayer,
)

CALLS = 500


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
    same: Callable[..., Any]
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


def every(where=lambda row: True):
    return pytest.mark.parametrize(
        "row",
        [pytest.param(row, id=row.name, marks=row.marks) for row in ROWS if where(row)],
    )


def takes_tensors(row):
    """Whether the inputs are a tensor, and not a distribution."""
    return row.name != "AutoregressiveTransform"


def model_of(row, **further):
    """Return a model that ends in the layer."""
    first = [] if takes_tensors(row) else [DistributionLambda(around_inputs)]
    return keras.Sequential([keras.Input(row.inputs[1:]), *first, row.layer(**further)])


def test_every_layer_without_random_weights_of_its_own_has_a_row():
    others = {name for name, kind in FAMILY.items() if not issubclass(kind, VariationalLayer)}
    assert sorted(row.name for row in ROWS) == sorted(others)


@every()
def test_function_and_class_are_one_layer(row):
    kind = getattr(bayeslayers.layers, row.name)
    assert type(row.layer()) is kind is FAMILY[row.name]
    assert kind.function_name == row.function


@every()
def test_the_signature_is_the_ancestors(row):
    names = [*row.named.split(), "kwargs"]
    parameters = inspect.signature(getattr(bayeslayers, row.function)).parameters
    assert list(parameters) == ["object", *names]
    assert list(inspect.signature(FAMILY[row.name]).parameters) == names


@every()
def test_keras_layer_contract(row):
    run_layer_test(
        FAMILY[row.name] if takes_tensors(row) else TransformOfTensors,
        init_kwargs=row.arguments(),
        input_shape=row.inputs,
        expected_output_shape=row.outputs,
        expected_num_trainable_weights=row.weights,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=row.seeds,
        expected_num_losses=row.losses,
        supports_masking=False,
        **row.checks,
    )


@every()
def test_outputs_and_losses_are_as_stated(row, rng):
    model = model_of(row)
    assert np.shape(numpy_of(model(rng.normal(size=row.inputs)))) == row.outputs
    assert len(model.trainable_variables) == row.weights
    assert len(model.losses) == row.losses


@on("tensorflow")
@every()
def test_it_gives_what_tensorflow_probability_gives(row, rng):
    inputs = rng.normal(size=row.inputs).astype("float32")
    found = [row.same(layers, inputs) for layers in (bayeslayers.layers, theirs())]
    assert np.size(found[0]) > 0
    assert_allclose(*found, rtol=1e-5, atol=1e-6)


@on("tensorflow")
@every(lambda row: row.alike)
def test_its_draws_are_distributed_as_tensorflow_probabilitys(row, rng):
    inputs = rng.normal(size=row.inputs).astype("float32")

    def sample(layers):
        layer = row.alike(layers, inputs)
        return draws(lambda x: ops.convert_to_tensor(layer(x)), inputs, CALLS)

    assert_same_distribution(sample(bayeslayers.layers), sample(theirs()))


@every()
def test_a_saved_model_comes_back_to_the_bit(row, rng, tmp_path):
    inputs = rng.normal(size=row.inputs).astype("float32")
    model = model_of(row)
    model(inputs)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    # A file has lists for tuples.
    configs = [json.dumps(each.layers[-1].get_config()) for each in (again, model)]
    assert configs[0] == configs[1]
    for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
        assert_array_equal(before, after)
    for _ in range(2):
        assert_array_equal(*numpy_of([model(inputs), again(inputs)]))


@every()
def test_bad_arguments_are_refused(row):
    for further, argument in row.bad:
        with pytest.raises(ArgumentError) as caught:
            row.layer(**further)
        assert caught.value.argument == argument


@every()
def test_missing_arguments_are_refused(row):
    missing = row.named.split()[0]
    given = {name: value for name, value in row.arguments().items() if name != missing}
    with pytest.raises(ArgumentError, match=f"`{missing}` must be given"):
        getattr(bayeslayers, row.function)(**given)
