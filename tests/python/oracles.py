"""Answers that owe nothing to the code under test: NumPy, and Keras's deterministic layer."""

import keras
import numpy as np
from frameworks import moment, numpy_of


def convolve(inputs, kernel, bias=None, **arguments):
    """Return the output of `keras.layers.Conv1D` with this kernel, channels last."""
    layer = keras.layers.Conv1D(
        kernel.shape[-1], kernel.shape[0], use_bias=bias is not None, **arguments
    )
    layer.build(inputs.shape)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return numpy_of(layer(inputs))


def windows(series, kernel_size):
    """Return, one row per position, what a kernel sees of a series of shape (length, channels)."""
    count = len(series) - kernel_size + 1
    return np.stack([series[t : t + kernel_size].ravel() for t in range(count)])


def effective_kernel(series, outputs, kernel_size):
    """Solve for the kernel that turns a series into its outputs.

    Returns:
        The kernel as a matrix of shape (kernel_size * channels, filters), and the largest error
        that no kernel can explain.
    """
    seen = windows(np.asarray(series, "float64"), kernel_size)
    kernel, _, rank, _ = np.linalg.lstsq(seen, outputs, rcond=None)
    assert rank == seen.shape[1] < seen.shape[0], "the positions must over-determine the kernel"
    return kernel, np.abs(seen @ kernel - outputs).max()


def normal_kl(loc, scale, prior_loc=0.0, prior_scale=1.0):
    """Return the sum of KL(Normal(loc, scale) || Normal(prior_loc, prior_scale)) in float64."""
    loc, scale = (np.asarray(value, "float64") for value in (loc, scale))
    ratio = (scale / prior_scale) ** 2
    return 0.5 * np.sum(((loc - prior_loc) / prior_scale) ** 2 + ratio - 1 - np.log(ratio))


def parameters(distribution):
    """Return mean and standard deviation of a distribution as arrays."""
    return moment(distribution, "mean"), moment(distribution, "stddev")
