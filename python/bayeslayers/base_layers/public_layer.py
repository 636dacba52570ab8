"""The step that makes a class of layers public.

`@public_layer` stands above each layer whose constructor and docstring are written out,
`@estimator_layer` above each that pairs an estimator with a geometry. A user's subclass of a layer
does not go through this step: it keeps the constructor that it wrote or inherited.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import keras

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.contract import binding, docstrings, pages

_Layer = TypeVar("_Layer", bound=BaseLayer)
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def public_layer(layer_class: type[_Layer]) -> type[_Layer]:
    """Make a layer public that is written out; see `publish`."""
    arguments = binding.join(*map(binding.parameters_of, constructors(layer_class)))
    return publish(layer_class, arguments, docstrings.parse(layer_class.__doc__).parts())


def publish(
    layer_class: type[_Layer], arguments: inspect.Signature, parts: dict[str, Any]
) -> type[_Layer]:
    """Register a layer with Keras; bind its constructor, and document the class.

    Args:
        layer_class: The class, which names its `function_name`.
        arguments: All arguments, those of the bases included. Those that are keyword-only come
            through `**kwargs`.
        parts: The parts of its page that are its own; see `contract.pages.Page`.
    """
    _refuse_abstract(layer_class)
    layer_class.arguments = arguments
    layer_class.__init__ = _bound(layer_class, arguments)  # type: ignore[method-assign]
    layer_class.page = pages.layer_page(layer_class, parts)
    layer_class.__doc__ = pages.docstring(layer_class.page)
    return keras.saving.register_keras_serializable("bayeslayers")(layer_class)


def constructors(layer_class: type[BaseLayer]) -> list[Callable[..., None]]:
    """Return the constructors that a layer's arguments go through, its own first."""
    bases = [base for base in layer_class.__mro__ if issubclass(base, BaseLayer)]
    return [vars(base)["__init__"] for base in bases if "__init__" in vars(base)]


def _bound(layer_class: type[BaseLayer], arguments: inspect.Signature) -> Callable[..., None]:
    """Return the constructor with its arguments checked, and with its public signature."""
    constructor = layer_class.__init__

    @functools.wraps(constructor)
    def __init__(self: BaseLayer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        constructor(self, **binding.bind(arguments, args, kwargs))

    public = binding.public(arguments)
    __init__.__qualname__ = f"{layer_class.__qualname__}.__init__"
    __init__.__annotations__ = {**binding.types(public), "return": None}
    signature = public.replace(parameters=[_SELF, *public.parameters.values()])
    vars(__init__)["__signature__"] = signature
    return __init__


def _refuse_abstract(layer_class: type[BaseLayer]) -> None:
    """Refuse a class that leaves an abstract method open: Keras's metaclass does not."""
    methods = {name: getattr(layer_class, name, None) for name in dir(layer_class)}
    abstract = [n for n, method in methods.items() if getattr(method, "__isabstractmethod__", 0)]
    if abstract:
        raise TypeError(f"{layer_class.__name__} must define {', '.join(abstract)}")
