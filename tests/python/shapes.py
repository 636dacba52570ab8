"""Arguments and sizes of inputs that a layer takes, and what Keras's layer gives for them."""

import hypothesis.strategies as st
import keras
import ml_dtypes
import numpy as np
from family import CONVOLUTION, DENSE, DEPTHWISE, EINSUM, SEPARABLE, TRANSPOSED
from frameworks import BACKEND, compiled, numpy_of
from hypothesis import assume
from posteriors import fixed_value


def assert_equals_keras(row, inputs, graph=False, **further):
    """Compare outputs and their inferred shapes with Keras's layer of the same weights.

    Args:
        graph: Whether both run compiled; in TensorFlow's graph the layer's knows the number of
            channels alone. The others compile for known sizes.
    """
    geometry, rng = row.geometry, np.random.default_rng(11)
    of_weights = geometry.shapes_of(**further)
    weights = {role: rng.normal(size=shape).astype("float32") for role, shape in of_weights.items()}
    channels_first = further.get("data_format") == "channels_first"
    if channels_first:
        inputs = np.moveaxis(inputs, -1, 1)
    bias = weights.pop("bias", None)
    biased = {} if bias is None else {"bias_posterior_fn": fixed_value(bias)}
    # Not every layer of Keras takes no examples: what it gives for one, without that one.
    some = inputs if len(inputs) else np.zeros((1, *inputs.shape[1:]), inputs.dtype)
    expected = listed(geometry.deterministic(some, weights, bias, graph=graph, **further))
    expected = [value[: len(inputs)] for value in expected]
    layer = without_spread(row, weights, **biased, **further)
    outputs = listed_outputs(layer, inputs, graph and (1 if channels_first else -1))
    shapes = listed(layer.compute_output_shape(inputs.shape), tuple)
    unknown = listed(layer.compute_output_shape((None, *inputs.shape[1:])), tuple)
    for output, value, shape, of_any in zip(outputs, expected, shapes, unknown, strict=True):
        assert output.dtype == value.dtype
        assert_same_numbers(output, value, geometry)
        assert tuple(shape) == value.shape
        assert tuple(of_any) == (None, *value.shape[1:])


def is_reordered(geometry):
    """Whether Keras's layer adds up in another order.

    Its recurrent layers add the bias later than this package, and its einsums are the backend's. On
    PyTorch its separable convolution of images moves the channels to the front between two steps,
    and a convolution of one dimension is one of two here, for which some processors have another
    kernel. On JAX a convolution of three dimensions is a sum over places in the window.
    """
    moved = {"torch": (SEPARABLE[2], CONVOLUTION[1]), "jax": (CONVOLUTION[3],)}
    is_moved = geometry in moved.get(BACKEND, ())
    adds_elsewhere = geometry is EINSUM or geometry.squares_inputs
    return geometry.recurrent or adds_elsewhere or is_moved


def loses_digits(geometry):
    """Whether Keras's layer computes doubles in single precision: its `matmul` on PyTorch does.

    Its attention does, too: on PyTorch and JAX all of it is in single precision where one operation
    does it; where scores are taken, the factor of the query is. Our layers do not: see
    `test_mixed_dtypes.py` and `test_attention.py`.
    """
    of_torch = geometry is DENSE or geometry.recurrent
    return geometry.squares_inputs or (BACKEND == "torch" and of_torch)


def assert_same_numbers(output, value, geometry):
    """Compare bit by bit where both add up in the same order.

    They do not in half precision, where TensorFlow rounds each step of one and not of the other.
    """
    is_single = value.dtype == "float64" and loses_digits(geometry)
    eps = float(ml_dtypes.finfo("float32" if is_single else value.dtype).eps)
    output, value = output.astype("float64"), value.astype("float64")
    is_rounded = is_single or eps > 1e-6 or is_reordered(geometry)
    rounding = 8 * eps * np.max(np.abs(value), initial=1) if is_rounded else 0
    np.testing.assert_allclose(output, value, rtol=0, atol=rounding)


def listed_outputs(layer, inputs, channels):
    """Return the outputs; from a graph that is told the place of the channels, if there is one."""
    if channels is False:
        return numpy_of(keras.tree.flatten(layer(inputs)))
    layer.build(inputs.shape)
    if BACKEND != "tensorflow":
        return numpy_of(keras.tree.flatten(compiled(layer)(inputs)))
    import tensorflow as tf

    shape = [None] * inputs.ndim
    if layer.input_spec is not None or inputs.dtype.kind == "f":
        shape[channels] = inputs.shape[channels]
    spec = tf.TensorSpec(shape, inputs.dtype)
    outputs = tf.function(layer, input_signature=[spec])(inputs)
    return [output.numpy() for output in keras.tree.flatten(outputs)]


def listed(values, kind=list):
    """Return what a layer gives as a list, of arrays or of shapes."""
    several = isinstance(values, kind) and not isinstance(values[-1], (int, type(None)))
    return list(values) if several else [values]


def without_spread(row, kernels, **further):
    """Make the layer with kernels that are always the same, and no divergence to go to infinity."""
    return row.without_spread(kernels, **further)


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
    if geometry in CONVOLUTION.values():
        arguments["groups"] = draw(st.sampled_from([1, 2]))
        arguments["filters"] = arguments["groups"] * draw(st.integers(1, 2))
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
    if geometry in (CONVOLUTION[3], TRANSPOSED[3]) and arguments["padding"] == "same":
        # There TensorFlow's own starts late: see `test_convolution_numbers.py`.
        gaps = np.subtract(arguments.get("strides", 1), arguments["kernel_size"])
        assume(BACKEND != "tensorflow" or max(gaps) < 2)
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
