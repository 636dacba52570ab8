"""Variables, which on JAX are all Keras's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import keras

from bayeslayers.backend.common import RecordingScope
from bayeslayers.backend.tfp_distributions import given_variables
from bayeslayers.compat import keep_config_seed


class StateHolder(keras.random.SeedGenerator):
    """A number that compiled steps follow, and that Keras counts among no weights.

    A compiled step follows what Keras hands to it: the variables of its layers, and the states of
    their generators of seeds, which are no weights. So this is a generator to Keras, of no seeds.

    The number is in double precision where JAX has it.

    Args:
        value: The number.
        name: The name of the variable.
    """

    def __init__(self, value: float, name: str | None = None) -> None:
        self.name = name or "state"
        keep_config_seed(self, None)
        self.state = keras.Variable(
            lambda shape, dtype: jnp.full(shape, value, dtype),
            shape=(),
            dtype="float64" if jax.config.jax_enable_x64 else "float32",
            trainable=False,
            autocast=False,
            aggregation="none",
            name=self.name,
        )

    @property
    def value(self) -> Any:
        """The number at present, a tensor."""
        return self.state.value

    def assign(self, value: Any) -> None:
        """Set the number."""
        self.state.assign(value)


def lasting_variables() -> AbstractContextManager[None]:
    """Return a context in which variables are made that outlive a graph that is being traced."""
    return contextlib.nullcontext()


def native_variable(variable: keras.Variable) -> Any:
    """Return the variable's value at present: distributions on JAX follow no variables."""
    return variable.value


def variables_read_by(function: Callable[[], Any]) -> tuple[keras.Variable, ...]:
    """Return the trainable variables that a function reads when it is called."""
    with RecordingScope() as scope:
        function()
    return tuple(variable for variable in scope.read if variable.trainable)


def as_keras_variable(variable: keras.Variable) -> keras.Variable:
    """Return the variable, which is Keras's already."""
    return variable


def foreign_variables(
    make: Callable[[], Any], known: Iterable[Any], *, trainable: bool = False
) -> tuple[Any, list[str]]:
    """Return what a function makes, and the names of the variables it reads that are not known.

    So are those that a distribution was given: one that was made before has their values of then.

    Args:
        make: Makes a distribution, or anything else.
        known: Variables, and tensors, that are known when it has been called.
        trainable: Whether only variables that can be trained count.
    """
    with RecordingScope() as scope:
        made = make()
    known_ids = {id(variable) for variable in known}
    seen = {id(variable): variable for variable in [*scope.read, *given_variables(made)]}
    foreign = [variable for key, variable in seen.items() if key not in known_ids]
    # The states of generators of seeds are whole numbers.
    counted = [v for v in foreign if v.trainable or (not trainable and _is_float(v))]
    return made, [variable.name for variable in counted]


def _is_float(variable: keras.Variable) -> bool:
    """Whether a variable holds floats."""
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(variable.dtype))
