"""Convolution by one matrix product for each place in the window, where XLA's own is slow.

On a CPU that is the gradient of the kernel in two dimensions, and all of it in three.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from bayeslayers.backend import in_keras_ops
from bayeslayers.backend.common import Sliding, at_least_single, zeros_around

_PLANE, _SPACE = 2, 3  # dimensions


def conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the convolution; see `in_keras_ops.conv`."""
    if not _is_slow_in_xla(inputs, kernel):
        return in_keras_ops.conv(inputs, kernel, sliding)
    if sliding.padding == "same":
        positions, window = inputs.shape[1:-1], kernel.shape[:-2]
        around = map(zeros_around, positions, sliding.strides, window, sliding.dilation_rate)
        inputs = jnp.pad(inputs, [(0, 0), *around, (0, 0)])
    return _conv(inputs, kernel, sliding._replace(padding="valid"))


def _is_slow_in_xla(inputs: Any, kernel: Any) -> bool:
    """Whether XLA does not use its fast convolution of images, and a product would be correct."""
    if not (isinstance(inputs, jax.Array) and isinstance(kernel, jax.Array)):
        return False
    *window, channels, _ = kernel.shape
    is_slow = len(window) == _SPACE or (len(window) == _PLANE and channels > 1)
    is_of_one_group = channels == inputs.shape[-1]
    is_precise = inputs.dtype == kernel.dtype == at_least_single(inputs.dtype)
    # A model may be exported for any size of images.
    is_known = all(isinstance(size, int) for size in inputs.shape[1:])
    is_right = is_of_one_group and is_precise and is_known and max(window) > 1
    return is_right and is_slow and jax.default_backend() == "cpu"


# Compiled by itself, or a call of a layer outside of compiled steps would compile the loop anew.
@functools.partial(jax.jit, static_argnums=2, inline=True)
def _conv(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    of_rank = _by_places if inputs.ndim == _SPACE + 2 else _with_gradient_by_places
    return of_rank(inputs, kernel, sliding)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _with_gradient_by_places(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the valid convolution, of which the gradient of the kernel is one by places."""
    return in_keras_ops.conv(inputs, kernel, sliding)


@functools.partial(_with_gradient_by_places.defjvp, symbolic_zeros=True)
def _derivative(
    sliding: Sliding, primals: tuple[Any, Any], tangents: tuple[Any, Any]
) -> tuple[Any, Any]:
    (inputs, kernel), (of_inputs, of_kernel) = primals, tangents
    outputs = _with_gradient_by_places(inputs, kernel, sliding)
    tangent = jnp.zeros_like(outputs)
    if not isinstance(of_inputs, SymbolicZero):
        tangent += _with_gradient_by_places(of_inputs, kernel, sliding)
    if not isinstance(of_kernel, SymbolicZero):
        tangent += _by_places(inputs, of_kernel, sliding)
    return outputs, tangent


def _by_places(inputs: Any, kernel: Any, sliding: Sliding) -> Any:
    """Return the valid convolution, as the sum over places in the window.

    The places follow one another in a loop, which holds the inputs at one of them at a time; so
    does that of the gradient, which takes them anew.
    """
    strides, _, dilation_rate = sliding
    *window, channels, filters = kernel.shape
    batch, *sizes, _ = inputs.shape
    # From the first position of a place to its last one.
    spans = [
        size - (width - 1) * rate
        for size, width, rate in zip(sizes, window, dilation_rate, strict=True)
    ]
    counts = [-(-span // stride) for span, stride in zip(spans, strides, strict=True)]
    every = (slice(None), *(slice(None, None, stride) for stride in strides))

    @jax.checkpoint
    def add_place(total: Any, place: tuple[Any, Any]) -> tuple[Any, None]:
        start, weights = place
        found = lax.dynamic_slice(inputs, (0, *start, 0), (batch, *spans, channels))
        # (batch * positions, channels) @ (channels, filters)
        return total + found[every].reshape(-1, channels) @ weights, None

    starts = jnp.asarray(np.array(list(np.ndindex(*window))) * dilation_rate)
    total = jnp.zeros((batch * int(np.prod(counts)), filters), inputs.dtype)
    places = (starts, kernel.reshape(-1, channels, filters))
    return lax.scan(add_place, total, places)[0].reshape(batch, *counts, filters)
