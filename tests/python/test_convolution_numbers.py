"""Convolutions of one to three dimensions against sums in NumPy: outputs and gradients.

Keras's layers are no oracle for all of these: on TensorFlow that of three dimensions starts behind
the first position where the stride is above the window's size by two, and on PyTorch a transposed
one of a single channel has no gradient.
"""

import itertools

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, gradients, numpy_of, on, parameter

import bayeslayers

SEEDS = 12


def convolution(inputs, kernel, strides, padding, dilation_rate):
    """Return A(x, k)[t, o] = sum over i, c of k[i, c, o] * x[t * strides + i * rate, c]."""
    sizes, window = inputs.shape[1:-1], kernel.shape[:-2]
    spans = [(width - 1) * rate + 1 for width, rate in zip(window, dilation_rate, strict=True)]
    if padding == "same":
        counts = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
        zeros = [
            max(0, (count - 1) * stride + span - size)
            for count, stride, span, size in zip(counts, strides, spans, sizes, strict=True)
        ]
        around = [(zero // 2, zero - zero // 2) for zero in zeros]
        inputs = np.pad(inputs, [(0, 0), *around, (0, 0)])
    else:
        counts = [
            (size - span) // stride + 1
            for size, span, stride in zip(sizes, spans, strides, strict=True)
        ]
    outputs = np.zeros((len(inputs), *counts, kernel.shape[-1]))
    for place in np.ndindex(*counts):
        start = np.multiply(place, strides)
        seen = tuple(
            slice(first, first + span, rate)
            for first, span, rate in zip(start, spans, dilation_rate, strict=True)
        )
        here = inputs[(slice(None), *seen)].reshape(len(inputs), -1)
        outputs[(slice(None), *place)] = here @ kernel.reshape(-1, kernel.shape[-1])
    return outputs


def transposed(inputs, kernel, strides, padding, dilation_rate):
    """Return A(x, k)[t * strides + i * rate, o] = sum over c of k[i, o, c] * x[t, c], cut."""
    sizes, window = inputs.shape[1:-1], kernel.shape[:-2]
    spans = [(width - 1) * rate + 1 for width, rate in zip(window, dilation_rate, strict=True)]
    whole = [
        (size - 1) * stride + max(span, stride)
        for size, stride, span in zip(sizes, strides, spans, strict=True)
    ]
    outputs = np.zeros((len(inputs), *whole, kernel.shape[-2]))
    for place in itertools.product(*map(range, sizes)):
        for at in np.ndindex(*window):
            where = tuple(np.multiply(place, strides) + np.multiply(at, dilation_rate))
            outputs[(slice(None), *where)] += inputs[(slice(None), *place)] @ kernel[at].T
    if padding == "valid":
        return outputs
    kept = [
        slice(max(0, span - stride) // 2, max(0, span - stride) // 2 + size * stride)
        for size, stride, span in zip(sizes, strides, spans, strict=True)
    ]
    return outputs[(slice(None), *kept)]


ORACLES = {"conv_{}d": convolution, "conv_{}d_transpose": transposed}


def drawn(rank, seed):
    """Return a shape of inputs, a number of filters, and how a window slides."""
    rng = np.random.default_rng(seed)
    window = rng.integers(1, 4, rank)
    # TensorFlow has no convolution with both above 1.
    strides, dilation_rate = np.ones((2, rank), int)
    if seed % 3:
        strides = rng.integers(1, 6, rank)
    else:
        dilation_rate = rng.integers(1, 3, rank)
    sizes = (window - 1) * dilation_rate + rng.integers(1, 4, rank)
    if seed % 2:
        strides[1:], dilation_rate[1:] = strides[0], dilation_rate[0]
    sliding = {
        "strides": strides.tolist(),
        "padding": ["valid", "same"][int(rng.integers(2))],
        "dilation_rate": dilation_rate.tolist(),
    }
    shape = (int(rng.integers(1, 3)), *sizes.tolist(), int(rng.integers(1, 3)))
    return shape, window.tolist(), int(rng.integers(1, 4)), sliding


def without_spread(layer, shape, bias, rng):
    """Build a layer whose kernel is always the same, and return that kernel."""
    layer.build(shape)
    loc, untransformed, of_bias = layer.trainable_variables
    kernel = rng.normal(size=loc.shape)
    for variable, values in ((loc, kernel), (untransformed, -50.0), (of_bias, bias)):
        variable.assign(np.broadcast_to(values, variable.shape))
    return kernel


SLIDING = {"padding": "same", "dilation_rate": [1, 1, 1]}
CASES = [
    *(drawn(rank, seed) for rank in (1, 2, 3) for seed in range(SEEDS)),
    # The last window ends before the last position.
    ((2, 3, 3, 4, 2), [1, 1, 1], 3, {"strides": [3, 1, 3], **SLIDING}),
    ((2, 4, 4, 4, 2), [2, 2, 2], 2, {"strides": [4, 4, 4], **SLIDING}),
    ((1, 5, 6, 3, 1), [3, 2, 3], 2, {"strides": [5, 4, 2], **SLIDING}),
]


@pytest.mark.parametrize(("shape", "window", "filters", "sliding"), CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_outputs_and_gradients_are_those_of_the_sum(name, shape, window, filters, sliding, rng):
    rank, oracle = len(window), ORACLES[name]
    function = getattr(bayeslayers, f"layer_{name.format(rank)}_reparameterization")
    layer = function(filters=filters, kernel_size=window, **sliding, kernel_prior_fn=None)
    kernel, inputs = without_spread(layer, shape, 0.5, rng), rng.normal(size=shape)
    loc = layer.trainable_variables[0]
    expected = oracle(inputs, kernel, **sliding)
    assert_allclose(layer(inputs.astype("float32")), expected + 0.5, rtol=1e-4, atol=1e-4)
    # A linear map has the same gradient everywhere: in any direction, the map of the direction.
    variable, weights = parameter(inputs), rng.normal(size=expected.shape)

    def total():
        outputs = layer(keras.ops.convert_to_tensor(variable))
        return keras.ops.sum(outputs * keras.ops.convert_to_tensor(weights, dtype="float32"))

    of_kernel, of_inputs = gradients(total, [loc, variable])
    step, move = rng.normal(size=kernel.shape), rng.normal(size=inputs.shape)
    along_step = np.sum(weights * oracle(inputs, step, **sliding))
    along_move = np.sum(weights * oracle(move, kernel, **sliding))
    scale = np.sum(np.abs(weights)) * np.prod(window)
    assert_allclose(np.sum(numpy_of(of_kernel) * step), along_step, atol=1e-5 * scale)
    assert_allclose(np.sum(numpy_of(of_inputs) * move), along_move, atol=1e-5 * scale)


@on("tensorflow")
@pytest.mark.parametrize(("shape", "window", "filters", "sliding"), CASES[-3:])
@pytest.mark.parametrize("name", ORACLES)
def test_sizes_may_be_unknown_where_a_window_ends_early(name, shape, window, filters, sliding, rng):
    import tensorflow as tf

    function = getattr(bayeslayers, f"layer_{name.format(3)}_flipout")
    layer = function(filters=filters, kernel_size=window, **sliding)
    kernel = without_spread(layer, shape, 0.0, rng)
    inputs = rng.normal(size=shape).astype("float32")
    of_any_size = tf.function(layer, input_signature=[tf.TensorSpec((*[None] * 4, shape[-1]))])
    expected = ORACLES[name](inputs, kernel, **sliding)
    assert_allclose(of_any_size(inputs), expected, rtol=1e-4, atol=1e-4)
