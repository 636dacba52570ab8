"""Make the public functions: a layer's from its class, with `object` first in the signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras

from bayeslayers.contract import binding, pages
from bayeslayers.contract.composition import Tensor, check_object, compose

_OBJECT = inspect.Parameter(
    "object",
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    annotation=keras.Sequential | Tensor | Sequence[Tensor] | None,
)


def layer_function(layer_class: type) -> Callable[..., Any]:
    """Return the function `layer_*(object, ...)` that makes and composes a `layer_class`.

    `object` has no default in the signature, as in R, and may be left out all the same. The
    function belongs to the layer's module, under its `function_name`; its source is the layer's.
    """
    of_class = inspect.signature(layer_class)
    signature = of_class.replace(
        parameters=[_OBJECT, *of_class.parameters.values()],
        return_annotation=layer_class | keras.Sequential | Tensor,
    )

    def function(*args: Any, **kwargs: Any) -> Any:
        target, args = (args[0], args[1:]) if args else (kwargs.pop("object", None), ())
        check_object(target)
        return compose(target, layer_class(*args, **kwargs))

    function.__name__ = function.__qualname__ = layer_class.function_name
    function.__module__ = layer_class.__module__
    function.__wrapped__ = layer_class
    function.__signature__ = signature
    types = {**binding.types(signature), "return": signature.return_annotation}
    function.__annotations__ = types
    return documented(replace(layer_class.page, signature=signature), function)


def distribution_function(**parts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a verb of distributions with its documentation; `parts` are those of its page."""

    def document(function: Callable[..., Any]) -> Callable[..., Any]:
        return documented(pages.distribution_page(function, **parts), function)

    return document


def model_function(**parts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a verb of models with its documentation; `parts` are those of its page.

    The verb says of an argument that is missing or unknown what layers say of theirs.
    """

    def document(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def verb(*args: Any, **kwargs: Any) -> Any:
            binding.check(signature, args, kwargs)
            return function(*args, **kwargs)

        return documented(pages.model_page(function, **parts), verb)

    return document


def documented(page: pages.Page, function: Callable[..., Any]) -> Callable[..., Any]:
    """Attach a page to a function, and to Python's own help."""
    function.page = page
    function.__doc__ = pages.docstring(page)
    return function
