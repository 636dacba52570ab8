"""What TensorFlow does faster than Keras's own operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def add_bias(values: Any, bias: Any) -> Any:
    """Add a number per channel, the last dimension; its gradient is summed in one pass."""
    return tf.nn.bias_add(values, bias)
