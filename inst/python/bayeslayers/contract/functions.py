"""The public functions: those of layers, made from their classes, and those with a docstring."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import keras

from bayeslayers.contract import binding, pages
from bayeslayers.contract.arguments import Argument
from bayeslayers.contract.composition import Tensor, check_object, compose
from bayeslayers.contract.docstrings import parse
from bayeslayers.contract.model_arguments import MODEL_ARGUMENTS

_Function = TypeVar("_Function", bound=Callable[..., Any])

PUBLIC: dict[str, Callable[..., Any]] = {}
"""Every function under `@public_function`, by name."""

_OBJECT = inspect.Parameter(
    "object",
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    annotation=keras.Sequential | Tensor | Sequence[Tensor] | None,
)


def layer_function(
    layer_class: type[pages.LayerClass], check: Callable[[Any], None] = check_object
) -> Callable[..., Any]:
    """Return the function `layer_*(object, ...)` that makes and composes a `layer_class`.

    `object` has no default in the signature, as in R, and may be left out all the same. The
    function belongs to the layer's module, under its `function_name`, and `inspect.getsource()`
    shows the class.

    Args:
        layer_class: The class.
        check: Refuses what an instance of the class can't be composed with.
    """
    class_signature = inspect.signature(layer_class)
    signature = class_signature.replace(
        parameters=[_OBJECT, *class_signature.parameters.values()],
        return_annotation=layer_class | keras.Sequential | Tensor,
    )

    def function(*args: Any, **kwargs: Any) -> Any:
        target, args = (args[0], args[1:]) if args else (kwargs.pop("object", None), ())
        check(target)
        layer: Any = layer_class(*args, **kwargs)
        return compose(target, layer)

    function.__name__ = function.__qualname__ = layer_class.function_name
    function.__module__ = layer_class.__module__
    vars(function).update(__wrapped__=layer_class, __signature__=signature)
    types = {**binding.types(signature), "return": signature.return_annotation}
    function.__annotations__ = types
    return documented(replace(layer_class.page, signature=signature), function)


def public_function(
    table: Mapping[str, Argument] = MODEL_ARGUMENTS,
    *,
    notes: Sequence[str] = (),
    group: pages.Group | None = None,
    r_result: str = "",
    checks_names: bool = True,
) -> Callable[[_Function], _Function]:
    """Decorate a public function, whose docstring is the source of its page in both languages.

    Args:
        table: The prose of the arguments that the docstring leaves out.
        notes: Paragraphs that several functions share, to follow those of the docstring.
        group: The functions that share a page with this one in R.
        r_result: The R function that the result goes through.
        checks_names: Whether a missing or unknown argument raises `ArgumentError`, as in layers;
            otherwise it raises Python's `TypeError`.
    """

    def decorate(function: _Function) -> _Function:
        name, signature = function.__name__, inspect.signature(function)
        decorated = _checking(function, signature) if checks_names else function
        # `python -OO` leaves out docstrings.
        if function.__doc__ is not None:
            written = parse(function.__doc__)
            whole = replace(written, details=(*written.details, *notes))
            name_of_group = ""
            if group is not None:
                whole, name_of_group = group.complete(whole), group.name
            page = pages.function_page(whole, name, signature, table, r_result, name_of_group)
            documented(page, decorated)
        PUBLIC[name] = decorated
        return decorated

    return decorate


def _checking(function: _Function, signature: inspect.Signature) -> _Function:
    """Return a function that checks the names of its arguments first."""

    @functools.wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        binding.check(signature, args, kwargs)
        return function(*args, **kwargs)

    # It has the signature of what it wraps.
    return cast("_Function", checking)


def documented(page: pages.Page, function: _Function) -> _Function:
    """Set the docstring; a function that R has too gets its `page` as well."""
    if page.is_in_r:
        vars(function)["page"] = page
    function.__doc__ = pages.docstring(page)
    return function
