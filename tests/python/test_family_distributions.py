"""One contract over the layers that hold distributions or make them: a row for each.

`test_family.py` has that of the layers with random weights. What only one of these layers does is
tested in a file of its own.
"""

from __future__ import annotations

import inspect
import json

import keras
import numpy as np
import pytest
from family_distributions import ROWS, AddLossOfTensors, TransformOfTensors, around_inputs, theirs
from frameworks import assert_allclose, assert_array_equal, numpy_of, on
from keras import ops
from keras_contract import run_layer_test
from statistical import assert_same_distribution, draws

import bayeslayers
from bayeslayers import ArgumentError
from bayeslayers.layers import FAMILY, DistributionLambda, VariationalLayer

# Keras's own test calls them on tensors.
OF_TENSORS = {
    "AutoregressiveTransform": TransformOfTensors,
    "KLDivergenceAddLoss": AddLossOfTensors,
}
CALLS = 500


def every(where=lambda row: True):
    return pytest.mark.parametrize(
        "row",
        [pytest.param(row, id=row.name, marks=row.marks) for row in ROWS if where(row)],
    )


def takes_tensors(row):
    """Whether the inputs are a tensor, and not a distribution."""
    return row.name not in OF_TENSORS


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
        OF_TENSORS.get(row.name, FAMILY[row.name]),
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
@every(lambda row: row.same)
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
