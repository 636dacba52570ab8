"""What all layers of the family share, whatever they compute: how they are called and told of."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import keras

from bayeslayers.base_layers import serialization
from bayeslayers.compat import raised_unchanged
from bayeslayers.contract import binding, checks, pages
from bayeslayers.contract.errors import ArgumentError

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD

raised_unchanged(ArgumentError)


def keras_arguments(
    *,
    trainable: bool = True,
    activity_regularizer: str | Callable[..., Any] | None = None,
    name: str | None = None,
    dtype: str | keras.DTypePolicy | None = None,
    input_shape: tuple[int | None, ...] | None = None,
) -> None:
    """Stand for the arguments of every Keras layer; only the signature is used."""


def join_signatures(
    *sources: Callable[..., Any] | inspect.Signature, named: tuple[str, ...] = ()
) -> inspect.Signature:
    """Join the arguments of several callables, the first mention of a name winning.

    Args:
        *sources: Callables or their signatures, in the order of the arguments. Keyword-only
            arguments come last.
        named: Keyword-only arguments that are not to come through `**kwargs`.
    """
    parameters: dict[str, inspect.Parameter] = {}
    for source in sources:
        arguments = source
        if not isinstance(source, inspect.Signature):
            arguments = inspect.signature(source, eval_str=True)
        for name, parameter in arguments.parameters.items():
            kind = _POSITIONAL if name in named else parameter.kind
            parameters.setdefault(name, parameter.replace(kind=kind))
    return inspect.Signature(sorted(parameters.values(), key=lambda parameter: parameter.kind))


def as_loss(value: Any) -> Any:
    """Return a number in the dtype of Keras's losses, or Keras could not add it to them."""
    return keras.ops.convert_to_tensor(value, keras.config.floatx())


def _constructor(arguments: inspect.Signature) -> Callable[..., None]:
    """Return an `__init__` that binds these arguments, and says so when asked for its signature."""

    def __init__(self: BaseLayer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        self._construct(**binding.bind(arguments, args, kwargs))

    itself = inspect.Parameter("self", _POSITIONAL)
    public = binding.public(arguments)
    __init__.__signature__ = public.replace(parameters=[itself, *public.parameters.values()])
    return __init__


class BaseLayer(keras.Layer):
    """A Keras layer with a function of the contract: one signature, one page, one set of errors.

    A subclass that names its `function_name` gets its constructor and its documentation from
    `signature` and `documentation`, and keeps what the constructor was called with in `_construct`.
    """

    function_name: ClassVar[str]
    """Name of the function that makes and composes this layer, in Python and in R."""
    own_arguments: ClassVar[Callable[..., None]]
    """Stands for the layer's own arguments; only its signature is used."""
    arguments: ClassVar[inspect.Signature]
    """All arguments; those that are keyword-only come through `**kwargs`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A user's subclass of a layer keeps the constructor that it wrote or inherited.
        if "function_name" in vars(cls):
            cls.arguments = cls.signature()
            cls.__init__ = _constructor(cls.arguments)
            cls.__doc__ = pages.docstring(pages.layer_page(cls, inspect.signature(cls)))

    @classmethod
    def signature(cls) -> inspect.Signature:
        """Return the layer's own arguments, followed by those of every Keras layer."""
        return join_signatures(cls.own_arguments, keras_arguments)

    @classmethod
    def documentation(cls) -> dict[str, Any]:
        """Return the parts of the layer's page that are its own; see `contract.pages.Page`."""
        raise NotImplementedError

    def _construct(self, **arguments: Any) -> None:
        """Check and keep the arguments, and construct the Keras layer."""
        raise NotImplementedError

    def _construct_keras_layer(
        self, name: Any, dtype: Any, trainable: Any, activity_regularizer: Any, input_shape: Any
    ) -> None:
        given = {"input_shape": checks.input_shape("input_shape", input_shape)}
        with warnings.catch_warnings():
            # `input_shape` is an argument of the ancestors; Keras advises its own users against it.
            warnings.filterwarnings("ignore", message="Do not pass an `input_shape`")
            keras.Layer.__init__(
                self,
                name=checks.name("name", name),
                dtype=checks.dtype("dtype", dtype),
                trainable=checks.boolean("trainable", trainable),
                activity_regularizer=checks.regularizer(
                    "activity_regularizer", activity_regularizer
                ),
                **(given if input_shape is not None else {}),
            )

    def add_loss(self, loss: Any) -> None:
        """Add numbers to the losses, whatever the layer computes in."""
        super().add_loss(keras.tree.map_structure(as_loss, loss))

    @classmethod
    def _function_names(cls) -> list[str]:
        """Return the arguments that are saved by a registered name or not at all."""
        return ["activity_regularizer"]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with every function by its registered name.

        Raises:
            ArgumentError: If a function is not registered: a lambda, or an R function.
        """
        # Before Keras's own configuration, which would take an activity regularizer's byte code.
        functions = {
            name: serialization.serialize(name, getattr(self, name))
            for name in self._function_names()
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
            for name in cls._function_names()
            if name in config
        }
        return cls(**{**config, **functions})
