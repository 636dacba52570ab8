"""Sparse inputs: as Keras's own layers take them, and refused by name elsewhere."""

import keras
import numpy as np
import pytest
from family import every
from frameworks import assert_allclose, assert_array_equal, numpy_of, sparse_of, value_and_gradients
from keras import ops
from posteriors import fixed_normal

from bayeslayers import ArgumentError, as_deterministic
from bayeslayers.layers import DenseVariational

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16", "float64")


def is_dense(geometry):
    return geometry.oracle is keras.layers.Dense


@pytest.fixture
def numbers(rng):
    values = rng.normal(size=(6, 5)) * (rng.uniform(size=(6, 5)) < 0.4)
    return values.astype("float32")


@pytest.mark.parametrize("policy", POLICIES)
@every(where=is_dense)
def test_dense_layers_give_what_they_give_of_the_same_numbers(row, policy, numbers):
    """Outputs, gradients and divergence, of two layers with the same seed."""
    results = []
    for inputs in (numbers, sparse_of(numbers)):
        layer = row.layer(seed=1, dtype=policy)
        layer.build(inputs.shape)

        def total(layer=layer, inputs=inputs):
            outputs = layer(inputs)
            return ops.sum(ops.cast(outputs, "float32") ** 2), outputs, layer.losses

        (_, outputs, losses), found = value_and_gradients(total, layer.trainable_variables)
        results.append([outputs, *found, *losses])
    tolerance = 1e-5 if policy in ("float32", "float64") else 2e-2
    for pair in zip(*results, strict=True):
        of_dense, of_sparse = (numpy_of(value).astype("float64") for value in pair)
        absolute = tolerance * np.abs(of_dense).max()
        assert_allclose(of_sparse, of_dense, rtol=tolerance, atol=absolute)


@every(where=is_dense)
def test_dense_layers_train_and_predict_on_sparse_inputs(row, numbers, tmp_path):
    model = keras.Sequential([keras.Input((5,), sparse=True), row.layer(seed=2)])
    twin = keras.Sequential([keras.Input((5,)), row.layer(seed=2)])
    targets = np.ones((6, *model.output_shape[1:]))
    losses = []
    for each, inputs in ((model, sparse_of(numbers)), (twin, numbers)):
        each.compile(keras.optimizers.SGD(0.01), "mse")
        losses.append(each.fit(inputs, targets, epochs=3, shuffle=False, verbose=0).history["loss"])
    assert_allclose(*losses, rtol=1e-4)
    model.save(tmp_path / "m.keras")
    sparse = sparse_of(numbers)
    predicted = keras.models.load_model(tmp_path / "m.keras").predict(sparse, verbose=0)
    assert_array_equal(predicted, model.predict(sparse, verbose=0))
    # Keras's own layer at the means is what the layer is on average.
    plain = as_deterministic(twin)
    assert_allclose(plain(sparse), plain(numbers), rtol=1e-5, atol=1e-6)


@every(where=lambda geometry: geometry.vocabulary is not None)
def test_embeddings_look_up_what_keras_looks_up(row):
    """Where there is no number, Keras's layer gives zeros."""
    numbers = sparse_of(np.array([[0, 1, 0], [3, 0, 2]]))
    (role,) = row.geometry.kernels
    kernel = np.random.default_rng(1).normal(size=row.geometry.kernels[role]).astype("float32")
    layer = row.with_kernels({role: (kernel, np.zeros_like(kernel))})
    plain = row.geometry.oracle(**row.geometry.arguments)
    plain.build((None, 3))
    plain.set_weights([kernel])
    assert_array_equal(layer(numbers), plain(numbers))


@every(where=lambda geometry: not is_dense(geometry) and geometry.vocabulary is None)
def test_other_layers_refuse_sparse_inputs(row, rng):
    inputs = row.geometry.inputs(rng)
    layer = row.layer()
    with pytest.raises(ArgumentError, match="`inputs` must not be sparse") as caught:
        layer(sparse_of(inputs))
    assert "keras.ops.convert_to_tensor(inputs, sparse=False)" in caught.value.hint
    with pytest.raises(ArgumentError, match="`inputs` must not be sparse"):
        row.layer()(keras.Input(inputs.shape[1:], sparse=True))
    # What the hint says helps.
    layer(keras.ops.convert_to_tensor(sparse_of(inputs), sparse=False))


@every(where=is_dense)
def test_sparse_inputs_of_more_dimensions_are_refused(row, rng):
    """Keras's own layer fails at them."""
    inputs = sparse_of(rng.normal(size=(3, 4, 5)).astype("float32"))
    with pytest.raises(ArgumentError, match="must not be sparse"):
        row.layer()(inputs)


def test_a_joint_posterior_takes_sparse_inputs(numbers):
    def maker(kernel_size, bias_size, dtype):
        make = fixed_normal(0.5, 0.1)
        return lambda inputs: make(dtype, (kernel_size + bias_size,), "", False, None)

    results = [
        DenseVariational(3, maker, maker, seed=1)(inputs)
        for inputs in (numbers, sparse_of(numbers))
    ]
    assert_allclose(*results, rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="must not be sparse"):
        DenseVariational(3, maker, maker)(sparse_of(np.ones((2, 3, 4), "float32")))
