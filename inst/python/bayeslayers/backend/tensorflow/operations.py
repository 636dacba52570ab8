"""Operations that TensorFlow computes faster or more safely than Keras's own."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def add_bias(values: Any, bias: Any) -> Any:
    """Add a number per channel, the last dimension; its gradient is summed in one pass."""
    return tf.nn.bias_add(values, bias)


def saturating_cast(values: Any, dtype: Any) -> Any:
    """Cast, and take the largest number of the dtype for larger ones: float16 ends at 65504."""
    dtype = tf.as_dtype(dtype)
    # The other dtypes have infinite numbers only where arithmetic went wrong.
    if values.dtype == dtype and dtype != tf.float16:
        return values
    return tf.saturate_cast(values, dtype)


def native_dtype(dtype: Any) -> tf.DType:
    """Return TensorFlow's dtype of a name.

    Raises:
        TypeError: If TensorFlow does not know it.
    """
    return tf.as_dtype(dtype)


def dtype_name(value: Any) -> str | None:
    """Return the name of a dtype of TensorFlow's, and `None` for everything else."""
    return value.name if isinstance(value, tf.DType) else None


def dtype_hint(dtype: str) -> str | None:
    """Return how a dtype comes to be computed in: TensorFlow does in all of Keras's floats."""
    del dtype
    return None


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor, or in the functional API stands for one."""
    return isinstance(value, tf.SparseTensor) or getattr(value, "sparse", False) is True


def has_values(value: Any) -> bool:
    """Whether the values of a tensor are known, as they are outside of compiled functions."""
    return not tf.is_symbolic_tensor(value)


def has_gpu() -> bool:
    """Whether there is a device with a faster float16, which it sums in single precision."""
    return bool(tf.config.list_logical_devices("GPU"))


def finite_when_trained_on(value: Any, message: str) -> Any:
    """Return the value; refuse to take its gradient where it is infinite or not a number.

    Where only a forward pass is asked for, nothing is checked, and nothing needs to be computed.
    XLA leaves the check out.

    Raises:
        tf.errors.InvalidArgumentError: With this message, when the gradient is computed.
    """

    @tf.custom_gradient
    def checked(value: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            with tf.control_dependencies([tf.debugging.check_numerics(value, message)]):
                return tf.identity(upstream)

        return tf.identity(value), gradient

    return checked(value)
