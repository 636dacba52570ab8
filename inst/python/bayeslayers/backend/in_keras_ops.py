"""Operations that `keras.ops` has on the frameworks that compile steps: TensorFlow and JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from bayeslayers.backend.common import Sliding


def cast(values: Any, dtype: Any) -> Any:
    """Return tensors in a dtype; those that are in it already as they are."""
    return ops.cast(values, dtype)


def matmul(first: Any, second: Any) -> Any:
    """Return the matrix product of two tensors of one dtype."""
    return ops.matmul(first, second)


def conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the convolution of inputs whose channels come last.

    Args:
        inputs: Tensor (batch, positions..., channels).
        kernel: Tensor (window..., channels of a group, filters).
        sliding: How the window slides.
    """
    return ops.conv(inputs, kernel, **sliding.for_keras())


def conv_transpose(
    inputs: Any, kernel: Any, sliding: Sliding, output_padding: tuple[int, ...] | None
) -> Any:
    """Return the transposed convolution of inputs whose channels come last.

    Args:
        inputs: Tensor (batch, positions..., channels).
        kernel: Tensor (window..., filters, channels).
        sliding: How the window slides over the outputs.
        output_padding: How many positions the outputs have in addition, in each dimension.
    """
    return ops.conv_transpose(inputs, kernel, output_padding=output_padding, **sliding.for_keras())


def kl_value(loc: Any, scale: Any) -> Any:
    """Return the divergence of normals from standard ones: a single sum, one pass for XLA."""
    return ops.sum(0.5 * (loc * loc + scale * scale - 1.0) - ops.log(scale))


def kl_gradient(upstream: Any, loc: Any, scale: Any) -> tuple[Any, Any]:
    """Return the gradient of that sum, times the gradient with respect to it."""
    return upstream * loc, upstream * (scale - 1.0 / scale)


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function: a step is compiled as a whole."""
    return function
