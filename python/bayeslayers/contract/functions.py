"""Make the public function of a layer from its class: the signature of the class, with `object` first."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from bayeslayers.contract.composition import check_object, compose

_OBJECT = inspect.Parameter("object", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def layer_function(name: str, layer_class: type) -> Callable[..., Any]:
    """Return the function `name(object, ...)` that makes and composes a `layer_class`.

    `object` has no default in the signature, as in R, and may be left out all the same.
    """
    signature = inspect.signature(layer_class)

    def function(*args: Any, **kwargs: Any) -> Any:
        target, args = (args[0], args[1:]) if args else (kwargs.pop("object", None), ())
        check_object(target)
        return compose(target, layer_class(*args, **kwargs))

    function.__name__ = function.__qualname__ = name
    function.__module__ = "bayeslayers"
    function.__signature__ = signature.replace(
        parameters=[_OBJECT, *signature.parameters.values()], return_annotation=inspect.Signature.empty
    )
    function.layer_class = layer_class
    return function


