"""The linear maps of the family: without spread, each layer is Keras's deterministic layer."""

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from family import (
    CHANNELS,
    DEPTHWISE,
    GEOMETRIES,
    ROWS,
    SEPARABLE,
    TRANSPOSED,
    every,
    takes_vectors,
)
from hypothesis import assume, given, settings
from posteriors import fixed_value


def row_of(geometry):
    """Return the layer that is nothing but its geometry and a draw of the kernel."""
    return next(
        row for row in ROWS if row.geometry is geometry and row.estimator == "reparameterization"
    )


def assert_equals_keras(row, inputs, **further):
    """Compare outputs and their inferred shape with Keras's layer of the same weights."""
    geometry, rng = row.geometry, np.random.default_rng(11)
    shapes = geometry.shapes_of(**further)
    weights = {role: rng.normal(size=shape).astype("float32") for role, shape in shapes.items()}
    if further.get("data_format") == "channels_first":
        inputs = np.moveaxis(inputs, -1, 1)
    bias = weights.pop("bias", None)
    biased = {} if bias is None else {"bias_posterior_fn": fixed_value(bias)}
    expected = listed(geometry.deterministic(inputs, weights, bias, **further))
    layer = without_spread(row, weights, **biased, **further)
    outputs = keras.tree.flatten(layer(inputs))
    shapes = listed(layer.compute_output_shape(inputs.shape), tuple)
    unknown = listed(layer.compute_output_shape((None, *inputs.shape[1:])), tuple)
    for output, value, shape, of_any in zip(outputs, expected, shapes, unknown, strict=True):
        np.testing.assert_allclose(output, value, rtol=1e-4, atol=1e-5)
        assert tuple(shape) == value.shape
        assert tuple(of_any) == (None, *value.shape[1:])


def listed(values, kind=list):
    """Return what a layer gives as a list, of arrays or of shapes."""
    several = isinstance(values, kind) and not isinstance(values[-1], (int, type(None)))
    return list(values) if several else [values]


def without_spread(row, kernels, **further):
    """Make the layer with kernels that are always the same, and no divergence to go to infinity."""
    priors = {f"{role}_prior_fn": None for role in kernels}
    return row.with_kernels({role: (k, 0.0) for role, k in kernels.items()}, **priors, **further)


@every()
def test_without_spread_it_equals_keras_layer(row, rng):
    for further in ({}, *row.geometry.variations):
        assert_equals_keras(row, row.geometry.inputs(rng), **further)


@st.composite
def windows(draw, geometry):
    """Return arguments of a layer with a window, and the sizes of inputs that it takes."""
    each = st.tuples(*[st.integers(1, 3)] * geometry.rank)
    arguments = {
        "kernel_size": draw(each),
        "padding": draw(st.sampled_from(geometry.paddings)),
        "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
    }
    # Keras has no dilated transposed convolution on a CPU.
    if geometry in TRANSPOSED.values() or draw(st.booleans()):
        # TensorFlow's depthwise convolution has one stride for all dimensions.
        equal = geometry in (*DEPTHWISE.values(), *SEPARABLE.values())
        arguments["strides"] = draw(st.integers(1, 3) if equal else each)
    else:
        arguments["dilation_rate"] = draw(each)
    if geometry in DEPTHWISE.values():
        arguments["depth_multiplier"] = draw(st.integers(1, 3))
    if geometry in TRANSPOSED.values():
        strides = np.broadcast_to(arguments.get("strides", 1), geometry.rank)
        each = [range(SMALLEST_OUTPUT_PADDING, int(stride)) for stride in strides]
        padding = st.tuples(*map(st.sampled_from, each)) if all(each) else st.none()
        arguments["output_padding"] = draw(st.none() | padding)
        # TensorFlow cannot add nothing to what "same" leaves of an even window.
        even = any(size % 2 == 0 for size in arguments["kernel_size"])
        assume(arguments["padding"] == "valid" or not even or not arguments["output_padding"])
    rates = np.broadcast_to(arguments.get("dilation_rate", 1), geometry.rank)
    spans = (np.array(arguments["kernel_size"]) - 1) * rates + 1
    return arguments, [int(span) + draw(st.integers(0, 2)) for span in spans]


def _smallest_output_padding():
    """Keras did not always take none at all for its transposed layers."""
    try:
        keras.layers.Conv1DTranspose(1, 1, output_padding=0)
    except ValueError:
        return 1
    return 0


SMALLEST_OUTPUT_PADDING = _smallest_output_padding()
WINDOWS = {name: geometry for name, geometry in GEOMETRIES.items() if geometry.rank > 0}


@pytest.mark.parametrize("name", WINDOWS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_every_window_equals_keras_layer(name, data):
    geometry = WINDOWS[name]
    arguments, sizes = data.draw(windows(geometry))
    inputs = np.random.default_rng(5).normal(size=(2, *sizes, CHANNELS)).astype("float32")
    assert_equals_keras(row_of(geometry), inputs, **arguments)


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(units=st.integers(1, 4), positions=st.lists(st.integers(1, 3), max_size=3), batch=st.just(2))
def test_a_dense_layer_takes_any_number_of_positions(units, positions, batch):
    shape = (batch, *positions, CHANNELS)
    inputs = np.random.default_rng(5).normal(size=shape).astype("float32")
    assert_equals_keras(row_of(GEOMETRIES["dense"]), inputs, units=units)


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
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)
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
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)


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
