"""The linear maps of the family: without spread, each layer is Keras's deterministic layer."""

import keras
import numpy as np
import pytest
from family import (
    CHANNELS,
    CONVOLUTION,
    DEPTHWISE,
    ROWS,
    TRANSPOSED,
    every,
    takes_vectors,
)
from frameworks import assert_allclose, gradients, numpy_of, parameter
from keras import ops
from shapes import assert_equals_keras, without_spread

from bayeslayers.layers import default_mean_field_normal_fn


def row_of(geometry):
    """Return the layer that is nothing but its geometry and a draw of the kernel."""
    return next(
        row for row in ROWS if row.geometry is geometry and row.estimator == "reparameterization"
    )


@every()
def test_without_spread_it_equals_keras_layer(row, rng):
    for further in ({}, *row.geometry.variations):
        assert_equals_keras(row, row.geometry.inputs(rng), **further)


def without_format(arguments):
    """Return arguments without the place of the channels, as Keras has none first on a CPU."""
    return {name: value for name, value in arguments.items() if name != "data_format"}


def has_window(geometry):
    """Whether a single kernel slides over positions."""
    return geometry.is_linear and geometry.rank > 0 and bool(geometry.paddings)


def is_convolution(row):
    """Whether its gradients are computed by an algorithm of ours on some backends."""
    return row.geometry in CONVOLUTION.values()


def gradients_of(layer, inputs, kernel, cotangent):
    """Return the gradients of a layer's outputs by its inputs and its kernel."""
    inputs = parameter(inputs)
    layer.build(inputs.shape)
    layer.trainable_variables[0].assign(kernel)
    variables = [inputs, layer.trainable_variables[0]]

    def function():
        return ops.sum(ops.multiply(layer(ops.convert_to_tensor(inputs)), cotangent))

    return gradients(function, variables)


@every("reparameterization", where=has_window, soon=is_convolution)
def test_its_gradients_are_those_of_keras_layer(row, rng):
    geometry = row.geometry
    point = default_mean_field_normal_fn(is_singular=True)
    trained = {"kernel_posterior_fn": point, "kernel_prior_fn": None}
    same = ({"padding": "same"}, {"kernel_size": 3, "padding": "same"})
    for further in ({}, *same, *geometry.variations):
        inputs = geometry.inputs(rng)
        ours = row.layer(**trained, **further)
        keras_layer = geometry.keras_layer(True, **without_format(further))
        kernel = rng.normal(size=geometry.shapes_of(**further)["kernel"]).astype("float32")
        is_first = "data_format" in further
        given = np.moveaxis(inputs, -1, 1) if is_first else inputs
        outputs = keras_layer.compute_output_shape(inputs.shape)
        cotangent = rng.normal(size=outputs).astype("float32")
        upstream = np.moveaxis(cotangent, -1, 1) if is_first else cotangent
        found = gradients_of(ours, given, kernel, upstream)
        expected = gradients_of(keras_layer, inputs, kernel, cotangent)
        found = [np.moveaxis(numpy_of(found[0]), 1, -1) if is_first else found[0], found[1]]
        for one, other in zip(found, expected, strict=True):
            assert_allclose(one, other, rtol=1e-4, atol=1e-4)


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
