"""PyTorch's own variables, beside those of Keras."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import torch
from keras import ops

from bayeslayers.backend.torch.operations import dtype_name, unique_name
from bayeslayers.compat import keep_config_seed


def lasting_variables() -> AbstractContextManager[None]:
    """Return a context in which variables are made that last: here all do."""
    return nullcontext()


class StateHolder(keras.random.SeedGenerator):
    """A number in double precision that compiled steps follow, and that is no weight.

    Keras takes it for the state of a generator, which it hands to a step as it is at present, and
    counts among no layer's weights.

    Args:
        value: The number at first.
        name: The name of the variable that holds it.
    """

    def __init__(self, value: float, name: str | None = None) -> None:
        # Not Keras's own constructor: the state that it makes is a seed.
        self.name = name or "state_holder"
        keep_config_seed(self, None)
        # A number on the CPU works with tensors on every device; some lack double precision.
        with keras.device("cpu"):
            self.state = keras.Variable(
                lambda shape, dtype: ops.full(shape, value, dtype),
                shape=(),
                dtype="float64",
                trainable=False,
                # A layer with a mixed policy would round it.
                autocast=False,
                aggregation="none",
                name=unique_name(self.name),
            )

    @property
    def value(self) -> Any:
        """The number at present, a tensor."""
        return self.state.value

    def assign(self, value: Any) -> None:
        """Hold another number."""
        with keras.device("cpu"):
            self.state.assign(value)


def native_variable(variable: keras.Variable) -> Any:
    """Return the parameter behind one of Keras's variables, which gradients reach."""
    return variable.value


def as_keras_variable(variable: torch.nn.Parameter) -> keras.Variable:
    """Wrap a parameter, so that a step of training changes that very parameter."""
    return keras.Variable(
        variable,
        dtype=dtype_name(variable.dtype),
        trainable=variable.requires_grad,
        autocast=False,
    )


def with_present_values(layer: keras.Layer) -> keras.Layer:
    """Return the layer, whose variables have their values at any time."""
    return layer
