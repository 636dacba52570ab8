"""The convolution under the estimator: without noise it is Keras's own layer."""

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from frameworks import assert_allclose, compiled, gradients, moment, numpy_of, on
from hypothesis import given, settings
from oracles import convolve
from posteriors import fixed_normal, fixed_value

from bayeslayers import layer_conv_1d_flipout


@st.composite
def convolutions(draw):
    """Return the arguments of a 1-D convolution, and the shape of inputs that it takes."""
    groups = draw(st.integers(1, 3))
    arguments = {
        "filters": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(st.integers(1, 4)),
        "padding": draw(st.sampled_from(["valid", "same", "causal"])),
        "groups": groups,
    }
    # TensorFlow has no convolution with both above 1.
    arguments[draw(st.sampled_from(["strides", "dilation_rate"]))] = draw(st.integers(1, 3))
    span = (arguments["kernel_size"] - 1) * arguments.get("dilation_rate", 1) + 1
    length = span + draw(st.integers(0, 7))
    return arguments, (draw(st.integers(1, 3)), length, groups * draw(st.integers(1, 2)))


def noiseless(kernel, bias, **arguments):
    """Return a layer whose posteriors have no spread."""
    return layer_conv_1d_flipout(
        kernel_posterior_fn=fixed_normal(kernel, 0.0),
        kernel_prior_fn=None,
        bias_posterior_fn=fixed_value(bias),
        **arguments,
    )


def random_weights(arguments, channels):
    rng = np.random.default_rng(11)
    shape = (arguments["kernel_size"], channels // arguments.get("groups", 1), arguments["filters"])
    return rng.normal(size=shape).astype("float32"), rng.normal(size=shape[-1]).astype("float32")


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    convolution=convolutions(),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
    spelling=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_without_spread_it_equals_keras_conv1d(convolution, data_format, spelling):
    arguments, shape = convolution
    kernel, bias = random_weights(arguments, shape[-1])
    inputs = np.random.default_rng(5).normal(size=shape).astype("float32")
    expected = convolve(
        inputs,
        kernel,
        bias,
        **{name: arguments[name] for name in arguments if name not in ("filters", "kernel_size")},
    )
    spelt = {**arguments, "padding": spelling(arguments["padding"])}
    layer = noiseless(kernel, bias, data_format=data_format, **spelt)
    if data_format == "channels_first":
        inputs, expected = inputs.transpose(0, 2, 1), expected.transpose(0, 2, 1)
    outputs = layer(inputs)
    assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    assert tuple(layer.compute_output_shape(inputs.shape)) == expected.shape


def test_it_is_the_sum_that_the_documentation_writes_down():
    rng = np.random.default_rng(3)
    kernel, bias = random_weights({"kernel_size": 3, "filters": 2}, 2)
    inputs = rng.normal(size=(1, 9, 2)).astype("float32")
    outputs = numpy_of(noiseless(kernel, bias, filters=2, kernel_size=3, dilation_rate=2)(inputs))
    assert outputs.shape == (1, 5, 2)
    for t in range(5):
        expected = sum(inputs[0, t + 2 * i] @ kernel[i] for i in range(3)) + bias
        assert_allclose(outputs[0, t], expected, rtol=1e-5, atol=1e-5)


def test_causal_outputs_see_no_later_inputs():
    kernel, bias = random_weights({"kernel_size": 3, "filters": 2}, 2)
    layer = noiseless(kernel, bias, filters=2, kernel_size=3, padding="causal", dilation_rate=2)
    inputs = np.random.default_rng(3).normal(size=(1, 8, 2)).astype("float32")
    changed = inputs.copy()
    changed[:, 5:] += 1
    before, after = numpy_of(layer(inputs)), numpy_of(layer(changed))
    assert_allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert np.abs(before[:, 5:] - after[:, 5:]).min() > 0


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_length_may_be_unknown(data_format):
    shape = (None, 3) if data_format == "channels_last" else (3, None)
    expected = (None, None, 8) if data_format == "channels_last" else (None, 8, None)
    symbolic = keras.Input(shape)
    outputs = layer_conv_1d_flipout(symbolic, 8, 5, data_format=data_format)
    assert outputs.shape == expected
    model = keras.Model(symbolic, outputs)
    for length in (5, 9):
        inputs = np.ones((2, *(length if size is None else size for size in shape)), "float32")
        assert model(inputs).shape[1:] == (
            (length - 4, 8) if data_format == "channels_last" else (8, length - 4)
        )


# Compiled, its gradient is that of a batch known to have none.
@pytest.mark.parametrize(
    "form", [lambda function: function, pytest.param(compiled, marks=on("tensorflow"))]
)
def test_a_batch_without_examples_has_a_gradient_of_zero(form):
    """Such as a replica has that the last batch leaves nothing for."""
    layer = layer_conv_1d_flipout(filters=4, kernel_size=3, kernel_prior_fn=None)
    layer.build((None, 6, 2))
    variables = layer.trainable_variables
    nothing = np.zeros((0, 6, 2), "float32")
    found = form(lambda: gradients(lambda: keras.ops.sum(layer(nothing)), variables))()
    for gradient, variable in zip(found, variables, strict=True):
        assert_allclose(gradient, np.zeros(variable.shape), atol=0)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "float64", "float16"])
def test_inputs_of_any_dtype_are_computed_in_the_layers_dtype(dtype):
    inputs = (np.arange(24).reshape(2, 6, 2) % 5).astype(dtype)
    kernel, bias = random_weights({"kernel_size": 3, "filters": 4}, 2)
    outputs = noiseless(kernel, bias, filters=4, kernel_size=3)(inputs)
    expected = convolve(inputs.astype("float32"), kernel, bias)
    assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (None, lambda x: x),
        ("linear", lambda x: x),
        ("relu", lambda x: np.maximum(x, 0)),
        (keras.activations.tanh, np.tanh),
        (lambda x: 3 * x, lambda x: 3 * x),
    ],
    ids=["None", "linear", "relu", "function", "lambda"],
)
def test_the_activation_comes_last(activation, expected):
    kernel, bias = random_weights({"kernel_size": 2, "filters": 3}, 2)
    inputs = np.random.default_rng(3).normal(size=(2, 6, 2)).astype("float32")
    layer = noiseless(kernel, bias, filters=3, kernel_size=2, activation=activation)
    assert_allclose(layer(inputs), expected(convolve(inputs, kernel, bias)), rtol=1e-4, atol=1e-5)


def test_the_activity_regularizer_sees_the_outputs():
    kernel, bias = random_weights({"kernel_size": 2, "filters": 3}, 2)
    inputs = np.random.default_rng(3).normal(size=(2, 6, 2)).astype("float32")
    regularizer = keras.regularizers.L2(0.1)
    layer = noiseless(kernel, bias, filters=3, kernel_size=2, activity_regularizer=regularizer)
    layer(inputs)
    oracle = keras.layers.Conv1D(3, 2, activity_regularizer=regularizer)
    oracle.build(inputs.shape)
    oracle.set_weights([kernel, bias])
    oracle(inputs)
    # Keras divides by the size of the batch; its first versions did not.
    assert float(oracle.losses[0]) > 0
    assert_allclose(layer.losses, oracle.losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "variables", "outputs"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("mixed_bfloat16", "float32", "bfloat16"),
        ("mixed_float16", "float32", "float16"),
    ],
)
def test_variables_and_outputs_have_the_dtype_of_the_policy(dtype, variables, outputs, inputs):
    layer = layer_conv_1d_flipout(filters=2, kernel_size=3, dtype=dtype)
    assert keras.backend.standardize_dtype(layer(inputs).dtype) == outputs
    assert {variable.dtype for variable in layer.trainable_variables} == {variables}
    assert (
        keras.backend.standardize_dtype(moment(layer.kernel_posterior, "mean").dtype) == variables
    )


def test_bfloat16_computes_what_float32_does_to_its_precision(inputs):
    kernel, bias = random_weights({"kernel_size": 3, "filters": 4}, 3)
    layer = noiseless(kernel, bias, filters=4, kernel_size=3, dtype="mixed_bfloat16")
    outputs = keras.ops.cast(layer(inputs), "float32")
    # Eight significant bits, in a sum of ten terms of the order of 1.
    assert_allclose(outputs, convolve(inputs, kernel, bias), atol=0.1)
