"""The base class of all layers: Keras's arguments, losses and configurations."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import keras

from bayeslayers.backend import dtype_hint
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.keras_objects import as_loss
from bayeslayers.compat import raised_unchanged
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.pages import Page

raised_unchanged(ArgumentError)


class BaseLayer(keras.Layer):
    """A Keras layer with a function of the contract: one signature, one page, one set of errors.

    Its arguments are those of every Keras layer. A subclass takes its own, checks them, and passes
    the others on to `super().__init__()`; `base_layers.publishing` makes it public.
    """

    function_name: ClassVar[str]
    """Name of the function that makes and composes this layer, in Python and in R."""
    arguments: ClassVar[inspect.Signature]
    """All arguments; those that are keyword-only come through `**kwargs`."""
    page: ClassVar[Page]
    """The documentation of the class."""
    argument_prose: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The words on arguments that mean something else in this class and its subclasses than in
    other layers."""

    def __init__(
        self,
        *,
        trainable: bool = True,
        activity_regularizer: str | Callable[..., Any] | None = None,
        name: str | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        input_shape: Sequence[int | None] | None = None,
    ) -> None:
        given = {"input_shape": checks.input_shape("input_shape", input_shape)}
        with warnings.catch_warnings():
            # `input_shape` is an argument of the ancestors; Keras advises its own users against it.
            warnings.filterwarnings("ignore", message="Do not pass an `input_shape`")
            super().__init__(
                name=checks.name("name", name),
                dtype=_computable(checks.dtype("dtype", dtype)),
                trainable=checks.boolean("trainable", trainable),
                activity_regularizer=checks.regularizer(
                    "activity_regularizer", activity_regularizer
                ),
                **(given if input_shape is not None else {}),
            )

    if not TYPE_CHECKING:  # for a checker, a layer would have every attribute

        def __getattr__(self, name: str) -> Any:
            """Let the error of a property reach the caller.

            Where layers are PyTorch's modules, theirs would look for the name elsewhere.
            """
            found = getattr(type(self), name, None)
            if isinstance(found, property):
                return found.fget(self)
            for base in BaseLayer.__mro__[1:]:
                if "__getattr__" in vars(base):
                    return base.__getattr__(self, name)
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )

    def add_loss(self, loss: Any) -> None:
        """Add numbers to the losses, whatever the layer computes in."""
        is_single = keras.ops.is_tensor(loss)
        super().add_loss(as_loss(loss) if is_single else keras.tree.map_structure(as_loss, loss))

    @classmethod
    def _function_arguments(cls) -> list[str]:
        """Names of the arguments whose values are functions."""
        return ["activity_regularizer"]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with every function by its registered name.

        Raises:
            ArgumentError: If a function is not registered: a lambda, or an R function.
        """
        # Before Keras's own configuration, which would save an activity regularizer as byte code.
        functions = {
            name: serialization.serialize(name, getattr(self, name))
            for name in self._function_arguments()
        }
        return {**super().get_config(), **functions}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BaseLayer:
        """Make the layer that `get_config` described.

        Raises:
            ArgumentError: If the configuration names a function that is not registered.
        """
        functions = {
            name: serialization.deserialize(name, config[name])
            for name in cls._function_arguments()
            if name in config
        }
        return cls(**{**config, **functions})


def _computable(policy: keras.DTypePolicy | None) -> keras.DTypePolicy | None:
    """Return a dtype policy; refuse one that the backend computes in less precision for."""
    used = policy or keras.config.dtype_policy()
    for dtype in (used.compute_dtype, used.variable_dtype):
        hint = dtype_hint(dtype)
        if hint is not None:
            rule = "must be one that the backend computes in"
            raise ArgumentError("dtype", rule, {"dtype": used.name}, hint)
    return policy
