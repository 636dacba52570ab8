"""The linear maps of the family: without spread, each layer is Keras's deterministic layer."""

import keras
import numpy as np
import pytest
from family import (
    CHANNELS,
    DEPTHWISE,
    ROWS,
    TRANSPOSED,
    every,
    takes_vectors,
)
from frameworks import assert_allclose, numpy_of
from shapes import assert_equals_keras, without_spread


def row_of(geometry):
    """Return the layer that is nothing but its geometry and a draw of the kernel."""
    return next(
        row for row in ROWS if row.geometry is geometry and row.estimator == "reparameterization"
    )


@every()
def test_without_spread_it_equals_keras_layer(row, rng):
    for further in ({}, *row.geometry.variations):
        assert_equals_keras(row, row.geometry.inputs(rng), **further)


def with_holes(kernel, rate, rank):
    """Return the kernel that a dilated one amounts to: zeros between its positions."""
    sizes = [(size - 1) * rate + 1 for size in kernel.shape[:rank]]
    spread = np.zeros((*sizes, *kernel.shape[rank:]), kernel.dtype)
    spread[(slice(None, None, rate),) * rank] = kernel
    return spread


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rank", TRANSPOSED)
def test_a_dilated_transposed_kernel_is_one_with_holes(rank, padding, rng):
    """TensorFlow has no such kernel on a CPU, so Keras's layer is given the holes."""
    geometry = TRANSPOSED[rank]
    kernel = rng.normal(size=geometry.kernel).astype("float32")
    inputs = geometry.inputs(rng)
    spread = with_holes(kernel, 2, rank)
    expected = geometry.deterministic(inputs, spread, kernel_size=3, padding=padding)
    dilated = {"dilation_rate": 2, "padding": padding}
    layer = without_spread(row_of(geometry), {"kernel": kernel}, **dilated)
    assert_allclose(numpy_of(layer(inputs)), expected, rtol=1e-4, atol=1e-5)
    assert tuple(layer.compute_output_shape(inputs.shape)) == expected.shape


def test_causal_depthwise_outputs_are_those_of_inputs_with_zeros_in_front(rng):
    """Keras's depthwise layer has no causal padding: it is given the zeros."""
    geometry = DEPTHWISE[1]
    kernel = rng.normal(size=geometry.kernel).astype("float32")
    inputs = geometry.inputs(rng)
    zeros = np.pad(inputs, [(0, 0), (2, 0), (0, 0)])
    expected = geometry.deterministic(zeros, kernel, dilation_rate=2)
    causal = {"padding": "causal", "dilation_rate": 2}
    layer = without_spread(row_of(geometry), {"kernel": kernel}, **causal)
    assert_allclose(numpy_of(layer(inputs)), expected, rtol=1e-4, atol=1e-5)


@every(where=takes_vectors)
def test_the_number_of_positions_may_be_unknown(row, rng):
    geometry = row.geometry
    model = keras.Sequential(
        [keras.Input((*[None] * (len(geometry.example) - 1), CHANNELS)), row.layer()]
    )
    positions = 0 if geometry.recurrent else len(geometry.outputs) - 1
    assert model.output_shape == (None, *[None] * positions, geometry.outputs[-1])
    for inputs in (geometry.inputs(rng), np.repeat(geometry.inputs(rng), 2, axis=1)):
        expected = row.layer().compute_output_shape(inputs.shape)
        assert tuple(model(inputs).shape) == tuple(expected)
