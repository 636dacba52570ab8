"""TensorFlow's own variables, beside those of Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from bayeslayers.backend import tfp_distributions
from bayeslayers.compat import share_value


def lasting_variables() -> AbstractContextManager[None]:
    """Return a context in which variables are made that outlive a graph that is being traced."""
    return tf.init_scope()


class StateHolder(tf.Module):
    """A number in double precision that compiled steps follow, and that is no weight.

    Keras would count a variable of its own among the weights of the layer that holds it.

    Args:
        value: The number.
        name: The name of its variable.
    """

    def __init__(self, value: float, name: str | None = None) -> None:
        super().__init__()
        with lasting_variables():
            self._variable = tf.Variable(value, False, name=name, dtype=tf.float64)

    @property
    def value(self) -> Any:
        """The number at present, a tensor."""
        return tf.convert_to_tensor(self._variable)

    def assign(self, value: Any) -> None:
        """Change the number."""
        self._variable.assign(value)


def native_variable(variable: keras.Variable) -> tf.Variable:
    """Return the variable behind one of Keras's.

    TensorFlow Probability follows it, and would freeze the Keras variable.
    """
    return variable.value


def variables_read_by(function: Callable[[], Any]) -> tuple[tf.Variable, ...]:
    """Return the trainable variables that a function reads when it is called."""
    with tf.GradientTape() as tape:
        function()
    return tape.watched_variables()


def given_variables(distribution: Any) -> Iterable[keras.Variable]:
    """Return the Keras variables that a distribution was given, which keeps their first values.

    Under a strategy none is returned: what is behind a variable differs by where one looks.
    """
    return () if tf.distribute.has_strategy() else tfp_distributions.given_variables(distribution)


def as_keras_variable(variable: tf.Variable) -> keras.Variable:
    """Wrap a TensorFlow variable, so that a step of training changes that very variable."""
    wrapper = keras.Variable(variable, dtype=variable.dtype.name, autocast=False)
    share_value(wrapper, variable)
    return wrapper


def with_present_values(layer: keras.Layer) -> keras.Layer:
    """Return the layer, whose variables have their values at any time."""
    return layer
