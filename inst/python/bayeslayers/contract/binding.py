"""Bind a call's arguments to a signature, with errors that help.

A signature's keyword-only parameters are the ones that callers pass through `...` (`**kwargs`):
they are accepted and documented, and stay out of the public signature, as in the ancestors.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from bayeslayers.contract.errors import ArgumentError

_EMPTY = inspect.Parameter.empty
_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD
_KWARGS = inspect.Parameter("kwargs", _VAR_KEYWORD, annotation=Any)


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that a function or a constructor names, with their types."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return [p for p in parameters if p.name != "self" and p.kind is not _VAR_KEYWORD]


def join(
    *sources: Iterable[inspect.Parameter], by_position: Container[str] = ()
) -> inspect.Signature:
    """Join the parameters of several functions; of two with one name, the first counts.

    Args:
        *sources: The parameters, in their order. Those that are keyword-only come last.
        by_position: Names of keyword-only parameters that may come by position, too.
    """
    joined: dict[str, inspect.Parameter] = {}
    for parameter in chain(*sources):
        kind = _POSITIONAL if parameter.name in by_position else parameter.kind
        joined.setdefault(parameter.name, parameter.replace(kind=kind))
    return inspect.Signature(sorted(joined.values(), key=lambda parameter: parameter.kind))


def types(signature: inspect.Signature) -> dict[str, Any]:
    """Return the types of the parameters that have one, by their names."""
    parameters = signature.parameters
    return {name: p.annotation for name, p in parameters.items() if p.annotation is not _EMPTY}


def public(signature: inspect.Signature) -> inspect.Signature:
    """Replace the keyword-only parameters by `**kwargs`."""
    named = [p for p in signature.parameters.values() if p.kind is not _KEYWORD_ONLY]
    return signature.replace(parameters=[*named, _KWARGS])


def bind(
    signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return every argument by name, defaults included.

    Raises:
        ArgumentError: If a name is unknown or a required argument is missing.
    """
    parameters = signature.parameters
    refuse_unknown([*parameters, "object"], kwargs, of="layer")
    bound = signature.bind_partial(*args, **kwargs)
    _refuse_missing(signature, bound.arguments)
    bound.apply_defaults()
    return dict(bound.arguments)


def check(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Check the names of a call's arguments.

    Raises:
        ArgumentError: If a required argument is missing, or a name is unknown; where there is a
            `**kwargs`, that is for the function to say.
    """
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    names = [name for name, kind in kinds.items() if kind is not _VAR_KEYWORD]
    if _VAR_KEYWORD not in kinds.values():
        refuse_unknown(names, kwargs, of="function")
    _refuse_missing(signature, {*names[: len(args)], *kwargs})


def given(
    signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return by name the arguments that the caller gave, and no defaults.

    Raises:
        ArgumentError: If a name is unknown.
    """
    refuse_unknown(list(signature.parameters), kwargs, of="distribution")
    return dict(signature.bind_partial(*args, **kwargs).arguments)


def _refuse_missing(signature: inspect.Signature, given: Container[str]) -> None:
    for name, parameter in signature.parameters.items():
        is_required = parameter.default is _EMPTY and parameter.kind is not _VAR_KEYWORD
        if is_required and name not in given:
            raise ArgumentError(name, "must be given", {})


def refuse_unknown(known: Sequence[str], kwargs: Mapping[str, Any], *, of: str) -> None:
    """Check that each name is known.

    Raises:
        ArgumentError: If one is not, with the known name that is nearest to it.
    """
    for name, value in kwargs.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else None
            raise ArgumentError(name, f"is not an argument of this {of}", {name: value}, hint)
