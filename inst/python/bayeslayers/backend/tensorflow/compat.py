"""Names of TensorFlow and TensorFlow Probability that are not public, with reasons and tests.

They are there in TensorFlow 2.16 to 2.21 and TensorFlow Probability 0.24 and 0.25;
`tests/python/test_compat.py` pins what we rely on. Those of Keras stand in `bayeslayers/compat.py`.
"""

from __future__ import annotations

from typing import Any

from tensorflow.python.util import dispatch
from tensorflow_probability.python.bijectors import pad as module_of_pad
from tensorflow_probability.python.layers.internal import (
    distribution_tensor_coercible as coercible,
)

__all__ = [
    "TensorCoercible",
    "is_coercible",
    "module_of_pad",
    "register_for_dispatch",
    "tensor_behind",
]

register_for_dispatch = dispatch.register_dispatchable_type
"""Class decorator. `tf.experimental.dispatch_for_api` passes over classes without it."""


TensorCoercible = coercible._TensorCoercible
"""The distribution that TensorFlow takes for a tensor; only layers of Keras 2 make one publicly."""


def tensor_behind(distribution: Any, *args: Any) -> Any:
    """Return the tensor that such a distribution stands for, made when it is first asked for."""
    return distribution._value(*args)


def is_coercible(value: Any) -> bool:
    """Whether a value is such a distribution, ours or one that another library has made."""
    return isinstance(value, TensorCoercible)
