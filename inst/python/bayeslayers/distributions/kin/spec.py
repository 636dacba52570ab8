"""Descriptions of constructors of distributions and bijectors, and of groups of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD

# What stands for the arguments that all distributions, or all bijectors, have at the end.
OF_DISTRIBUTION = "validate_args=False, allow_nan_stats=True, name="
OF_BIJECTOR = "validate_args=False, name="


@dataclass(frozen=True)
class Spec:
    """The description of one constructor.

    Args:
        path: Where TensorFlow Probability has the class, such as "distributions.Normal"; empty
            where it has none any more.
        formals: The arguments of tfprobability 0.15.2 with their defaults, as in a `def`. Three
            dots stand for those that all of a group have.
        title: What is made.
        formula: Its density or probability, or what it computes.
        example: Arguments of an example, in Python.
        everywhere: Whether the example runs wherever TensorFlow Probability does.
        name: The default of `name`, where it is not that of the class.
        kinds: Kinds of arguments that are not those of their names: see `distributions/values.py`.
        translate: Returns the arguments of the class for those that are given.
        note: A sentence that the formula leaves open.
    """

    path: str
    formals: str
    title: str
    formula: str
    example: str = ""
    everywhere: bool = True
    name: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[..., dict[str, Any]] | None = None
    note: str = ""


@dataclass(frozen=True)
class Dropped:
    """The description of a constructor whose class TensorFlow Probability has dropped.

    Args:
        formals: The arguments, as in `Spec`.
        title: What was made.
        since: The first version without it.
        instead: What to use, as a sentence with calls that Python and R spell in one way.
        name: The default of `name`.
    """

    formals: str
    title: str
    since: str
    instead: str
    name: str


@dataclass(frozen=True)
class Kin:
    """A group of constructors, which share a page in R.

    Args:
        name: The name of the page.
        title: Its title.
        about: What they have in common, as sentences.
        members: What is said of each, by its name.
        common: The arguments that three dots stand for.
        arguments: What arguments mean here, where it is not what they mean elsewhere.
        r_defaults: R's spelling of defaults that are functions, by argument.
        references: Sources, besides that of TensorFlow Probability.
        example: Further lines of an example, of what is made by the first member: `made`.
    """

    name: str
    title: str
    about: str
    members: Mapping[str, Spec | Dropped]
    common: str = OF_DISTRIBUTION
    arguments: Mapping[str, str] = field(default_factory=dict)
    r_defaults: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    example: str = ""


def signature_of(kin: Kin, name: str) -> inspect.Signature:
    """Return the signature of a constructor."""
    spec = kin.members[name]
    of_bijector = name.removeprefix("tfb_")
    named = spec.name or (name_of_class(spec) if kin.common == OF_DISTRIBUTION else of_bijector)
    return signature(spec.formals.replace("...", f"{kin.common}{named!r}"))


def name_of_class(spec: Spec | Dropped) -> str:
    """Return the name of the class in TensorFlow Probability, if it has one."""
    return spec.path.rpartition(".")[2] if isinstance(spec, Spec) else spec.name


def signature(formals: str) -> inspect.Signature:
    """Return the signature that a text spells, as in a `def`."""
    [definition] = ast.parse(f"def function({formals}): ...").body
    assert isinstance(definition, ast.FunctionDef)
    given = definition.args
    required = len(given.args) - len(given.defaults)
    defaults = [inspect.Parameter.empty] * required + list(map(ast.literal_eval, given.defaults))
    parameters = [
        inspect.Parameter(argument.arg, _POSITIONAL, default=default)
        for argument, default in zip(given.args, defaults, strict=True)
    ]
    if given.kwarg:
        parameters.append(inspect.Parameter(given.kwarg.arg, inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)
