"""Operations that JAX computes faster or more safely than Keras's own."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental import sparse

from bayeslayers.backend import in_keras_ops, series
from bayeslayers.backend.common import at_least_single

_WAY_TO_DOUBLES = (
    "JAX computes in single precision unless it is told otherwise: run "
    '`jax.config.update("jax_enable_x64", True)` before the first layer is made.'
)


def add_bias(values: Any, bias: Any) -> Any:
    """Add a number per channel, the last dimension."""
    return values + bias


def saturating_cast(values: Any, dtype: Any) -> Any:
    """Cast, and take the largest number of the dtype for larger ones: float16 ends at 65504."""
    dtype = jnp.dtype(dtype)
    values = jnp.asarray(values)
    largest = float(jnp.finfo(dtype).max)
    # Infinite values of float16 itself are larger, too.
    if dtype == jnp.float16 or float(jnp.finfo(values.dtype).max) > largest:
        values = jnp.clip(values, -largest, largest)
    return values.astype(dtype)


def softplus(values: Any) -> Any:
    """Return log(1 + exp(x)), to the precision of the dtype."""
    return _softplus(jnp.asarray(values))


# Compiled by themselves, or a call of a layer outside of compiled steps would take each operation's
# way through JAX.
@functools.partial(jax.jit, inline=True)
@jax.custom_jvp
def _softplus(values: Any) -> Any:
    precise = values.astype(at_least_single(values.dtype))
    return series.softplus(precise).astype(values.dtype)


@_softplus.__wrapped__.defjvps
def _derivative(tangent: Any, result: Any, values: Any) -> Any:
    # In float16, JAX's sigmoid is zero below -11: the exponential is beyond it.
    precise = values.astype(at_least_single(result.dtype))
    return tangent * jax.nn.sigmoid(precise).astype(result.dtype)


def kl_from_standard_normal(loc: Any, scale: Any) -> Any:
    """Return KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    Its gradient takes fewer passes than the automatic one.

    Args:
        loc: Tensor of any shape.
        scale: Tensor of that shape and dtype.
    """
    return _kl_from_standard_normal(loc, scale)


@functools.partial(jax.jit, inline=True)
@jax.custom_jvp
def _kl_from_standard_normal(loc: Any, scale: Any) -> Any:
    return in_keras_ops.kl_value(loc, scale)


@_kl_from_standard_normal.__wrapped__.defjvp
def _kl_and_tangent(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    of_each = zip(in_keras_ops.kl_gradient(1.0, *primals), tangents, strict=True)
    tangent = sum(jnp.sum(gradient * tangent) for gradient, tangent in of_each)
    return in_keras_ops.kl_value(*primals), tangent


def scale_and_kl(loc: Any, untransformed: Any, smallest: float) -> tuple[Any, Any]:
    """Return a scale, and KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    Args:
        loc: Tensor of any shape, in no less than single precision.
        untransformed: Tensor of that shape and dtype: the scale is softplus of it, plus `smallest`.
        smallest: What every scale is larger than.
    """
    scale = smallest + softplus(untransformed)
    return scale, kl_from_standard_normal(loc, scale)


def native_dtype(dtype: Any) -> np.dtype:
    """Return JAX's dtype of a name, which is NumPy's.

    Raises:
        TypeError: If JAX does not know it.
    """
    # NumPy takes it for float64.
    if dtype is None:
        raise TypeError("None is no dtype")
    return jnp.dtype(dtype)


def dtype_name(value: Any) -> str | None:
    """Return the name of one of JAX's dtypes, such as `jax.numpy.float32`; else `None`."""
    is_dtype = isinstance(value, (np.dtype, type(jnp.float32)))
    return jnp.dtype(value).name if is_dtype else None


def dtype_hint(dtype: str) -> str | None:
    """Return how a dtype comes to be computed in; `None` for one that JAX computes in already."""
    return _WAY_TO_DOUBLES if dtype == "float64" and not jax.config.jax_enable_x64 else None


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor, or in the functional API stands for one."""
    return isinstance(value, (sparse.BCOO, sparse.BCSR)) or getattr(value, "sparse", False) is True


def has_values(value: Any) -> bool:
    """Whether the values of a tensor are known, as they are outside of compiled functions."""
    return not isinstance(value, jax.core.Tracer)


def has_gpu() -> bool:
    """Whether there is a device with a faster float16, which it sums in single precision."""
    return jax.default_backend() == "gpu"


def finite_when_trained_on(value: Any, message: str) -> Any:
    """Return the value; refuse to take its gradient where it is infinite or not a number.

    Where only a forward pass is asked for, nothing is checked. A compiled step leaves the check
    out: it can't raise an error.

    Raises:
        FloatingPointError: With this message, when the gradient is computed.
    """

    @jax.custom_jvp
    def checked(value: Any) -> Any:
        return value

    @checked.defjvps
    def derivative(tangent: Any, result: Any, value: Any) -> Any:
        del result
        if not isinstance(value, jax.core.Tracer) and not jnp.isfinite(value):
            raise FloatingPointError(message)
        return tangent

    value = keras.ops.convert_to_tensor(value)
    # JAX takes the gradient of what it traces alone.
    return checked(value) if isinstance(value, jax.core.Tracer) else value
