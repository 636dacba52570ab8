"""Distributions as JAX's trees of arrays: so functions that JAX compiles return them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras

from bayeslayers.backend.common import RecordingScope
from bayeslayers.backend.jax.compat import tensorflow_probability


def as_tree(value: Any) -> Any:
    """Return what JAX can take apart: the value, or what it is made anew of.

    JAX knows most distributions of TensorFlow Probability. Others, such as flows, are made anew of
    their parameters. What holds no arrays stays the same object.
    """
    if all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value)):
        return value
    tfp = tensorflow_probability()
    if not isinstance(value, (tfp.distributions.Distribution, tfp.bijectors.Bijector)):
        return _Same(value)
    parameters = {name: as_tree(each) for name, each in value.parameters.items()}
    return _MadeAnew(type(value), parameters)


def from_tree(tree: Any) -> Any:
    """Return what `as_tree` was called on."""
    if isinstance(tree, _Same):
        return tree.value
    if not isinstance(tree, _MadeAnew):
        return tree
    return tree.kind(**{name: from_tree(each) for name, each in tree.parameters.items()})


@jax.tree_util.register_pytree_node_class
class _MadeAnew:
    """A class, and the arguments to call it with."""

    def __init__(self, kind: type, parameters: dict[str, Any]) -> None:
        self.kind = kind
        self.parameters = parameters

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Return the arguments, and all else."""
        return tuple(self.parameters.values()), (self.kind, tuple(self.parameters))

    @classmethod
    def tree_unflatten(cls, aux_data: Any, children: Any) -> _MadeAnew:
        """Return the class with other arguments."""
        kind, names = aux_data
        return cls(kind, dict(zip(names, children, strict=True)))


@jax.tree_util.register_static
class _Same:
    """An object that JAX hands on as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@jax.tree_util.register_pytree_node_class
class _WithValues:
    """A function that calls a layer with values for its variables.

    Args:
        layer: A layer, built.
        values: The values.
    """

    def __init__(self, layer: keras.Layer, values: list[Any]) -> None:
        self.layer = layer
        self.values = values

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with RecordingScope(zip(self.layer.variables, self.values, strict=True)):
            return self.layer(*args, **kwargs)

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Return the values, and the layer."""
        return tuple(self.values), self.layer

    @classmethod
    def tree_unflatten(cls, aux_data: Any, children: Any) -> _WithValues:
        """Return the layer with other values."""
        return cls(aux_data, list(children))


def with_present_values(layer: keras.Layer) -> Callable[..., Any]:
    """Return a function that calls a layer with the values that its variables have now.

    A distribution that is a function of a layer is so one of the values that it was made from: it
    goes where these go, out of a step that is handed the variables.

    Args:
        layer: A layer, built.
    """
    # Copies: the buffers of variables are given away to the next step of training.
    return _WithValues(layer, [jnp.copy(variable.value) for variable in layer.variables])
