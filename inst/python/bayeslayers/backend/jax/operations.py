"""Operations that JAX computes faster or more safely than Keras's own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental import sparse

from bayeslayers.backend.common import at_least_single

_WAY_TO_DOUBLES = (
    "JAX computes in single precision unless it is told otherwise: run "
    '`jax.config.update("jax_enable_x64", True)` before the first layer is made.'
)
# The series of artanh(x) / x in powers of x squared, for x up to a third.
_ARTANH = tuple(1.0 / (2 * n + 1) for n in range(8, -1, -1))


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


@jax.custom_jvp
def softplus(values: Any) -> Any:
    """Return log(1 + exp(x)), to the precision of the dtype.

    XLA computes log(1 + y) for each number by itself on a CPU. Here it is 2 artanh(y / (2 + y)), of
    which the series takes all as vectors; what that leaves out is below 1e-9 of it.
    """
    values = jnp.asarray(values)
    if values.dtype == jnp.float64:
        return jax.nn.softplus(values)
    single = values.astype(jnp.float32)
    exponential = jnp.exp(-jnp.abs(single))
    ratio = exponential / (2.0 + exponential)
    square = ratio * ratio
    series = _ARTANH[0]
    for coefficient in _ARTANH[1:]:
        series = series * square + coefficient
    return (jnp.maximum(single, 0.0) + 2.0 * ratio * series).astype(values.dtype)


@softplus.defjvps
def _derivative(tangent: Any, result: Any, values: Any) -> Any:
    # In float16, JAX's sigmoid is zero below -11: the exponential is beyond it.
    precise = jnp.asarray(values).astype(at_least_single(result.dtype))
    return tangent * jax.nn.sigmoid(precise).astype(result.dtype)


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

    @jax.custom_vjp
    def checked(value: Any) -> Any:
        return value

    def backward(value: Any, upstream: Any) -> tuple[Any]:
        if not isinstance(value, jax.core.Tracer) and not jnp.isfinite(value):
            raise FloatingPointError(message)
        return (upstream,)

    checked.defvjp(lambda value: (value, value), backward)
    return checked(keras.ops.convert_to_tensor(value))
