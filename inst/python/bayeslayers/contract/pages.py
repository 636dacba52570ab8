"""The documentation of every public function, put together once for both languages.

A page is in Python's words; the generator of the R half puts R's in their place.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from bayeslayers.contract.arguments import Argument
from bayeslayers.contract.docstrings import Docstring
from bayeslayers.contract.layer_arguments import LAYER_ARGUMENTS

_WIDTH = 96
_INDENT = "    "

_LAYER_RETURNS = (
    "The layer, the `Sequential` model with the layer added, or the layer's output: see `object`."
)
_LAYER_RAISES = (
    "If an argument breaks a rule that is stated here, or is not one of the layer's: the error "
    "names the argument, the rule and what was received."
)
_NO_OTHERS = "There are no further arguments."
_PYTHON_EXAMPLE = """\
>>> import keras
>>> from bayeslayers import {name}
>>> model = keras.Sequential([keras.Input(({shape}{comma}))])
>>> model = {name}(
...     model, {arguments}
... )
>>> outputs = model(keras.ops.ones((32, {shape})))
>>> len(model.losses)
{losses}"""
_R_EXAMPLE = """\
library(keras3)
model <- keras_model_sequential(input_shape={r_shape}) |>
  {name}(
    {arguments}
  )
outputs <- model(array(1, c(32, {shape})))
model$losses"""


class LayerClass(Protocol):
    """The class of a layer, from which pages and functions are made."""

    function_name: ClassVar[str]
    arguments: ClassVar[inspect.Signature]
    page: ClassVar[Page]

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...


@dataclass(frozen=True)
class Page:
    """The documentation of one function.

    Args:
        name: The function's name.
        signature: The public signature, whose last `**kwargs` is R's `...`.
        arguments: Prose and R spelling of each argument by name.
        title: One line.
        formula: What is computed; empty where there is nothing to write down.
        details: Paragraphs.
        others: The arguments that come through `**kwargs`, a sentence for each, or one for all;
            empty where there are none.
        returns: What comes back.
        raises: When an error is raised, by its class in Python.
        python_example: Lines of a Python session, with their output.
        r_example: Lines of R; empty where the function is for Python alone.
        r_details: More paragraphs, on what only users of R meet.
        reference: The source.
        r_result: The R function that the result goes through; empty where it stays as it is.
        group: The page of a group in R; empty where the function has a page of its own.
    """

    name: str
    signature: inspect.Signature
    arguments: Mapping[str, Argument]
    title: str = ""
    formula: str = ""
    details: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    returns: str = ""
    raises: Mapping[str, str] = field(default_factory=dict)
    python_example: str = ""
    r_example: str = ""
    r_details: tuple[str, ...] = ()
    reference: str = ""
    r_result: str = ""
    group: str = ""

    @property
    def summary(self) -> str:
        """The paragraph that comes first: what it is, and when to take it."""
        return next(iter(self.details), "")

    @property
    def is_in_r(self) -> bool:
        """Whether R has the function, too."""
        return bool(self.r_example or self.group)


@dataclass(frozen=True)
class Group:
    """Functions that share a page in R, and what their docstrings share in Python.

    Args:
        name: The name of the page in R.
        title: Its title.
        about: Paragraphs on all of the functions, which follow those of each docstring.
        returns: What comes back, where a docstring does not say it.
        raises: When an error is raised, where a docstring does not say it.
        reference: The source, where a docstring does not name one.
    """

    name: str
    title: str
    about: tuple[str, ...]
    returns: str
    raises: Mapping[str, str]
    reference: str

    def complete(self, written: Docstring) -> Docstring:
        """Return the docstring of a member with what it leaves to the group."""
        return replace(
            written,
            details=(*written.details, *self.about),
            returns=written.returns or self.returns,
            raises=written.raises or dict(self.raises),
            reference=written.reference or self.reference,
        )


def layer_page(layer_class: type[LayerClass], parts: Mapping[str, Any]) -> Page:
    """Put together the page of a layer's class; `parts` are the page's own."""
    signature, parts = inspect.signature(layer_class), dict(parts)
    rank = str(parts.pop("rank", ""))
    own_prose = parts.pop("own_prose", {})
    sizes = parts.pop("example_shape", ())
    shape = ", ".join(map(str, sizes))
    example = {
        "name": layer_class.function_name,
        "losses": parts.pop("example_losses", 1),
        "arguments": parts.pop("example_arguments", ""),
        "shape": shape,
        "comma": "," if len(sizes) == 1 else "",
        "r_shape": shape if len(sizes) == 1 else f"c({shape})",
    }
    arguments = {
        argument: Argument(
            _of_rank(own_prose.get(argument, spec.prose), rank),
            spec.coercion,
            spec.r_default,
        )
        for argument, spec in LAYER_ARGUMENTS.items()
        if argument == "object" or argument in layer_class.arguments.parameters
    }
    unnamed = [
        name for name in layer_class.arguments.parameters if name not in signature.parameters
    ]
    page = {
        "name": layer_class.function_name,
        "signature": signature,
        "arguments": arguments,
        "others": tuple(f"`{name}`: {arguments[name].prose}" for name in unnamed) or (_NO_OTHERS,),
        "returns": _LAYER_RETURNS,
        "raises": {"ArgumentError": _LAYER_RAISES},
        "python_example": _PYTHON_EXAMPLE.format(**example),
        "r_example": _R_EXAMPLE.format(**example).replace("=", " = "),
    }
    return Page(**{**page, **parts})


def _of_rank(prose: str, rank: str) -> str:
    """Return the prose of an argument of a layer of so many dimensions: one number is no list."""
    return (
        prose.replace(", or a list of {rank}", "") if rank == "1" else prose.replace("{rank}", rank)
    )


def function_page(
    written: Docstring,
    name: str,
    signature: inspect.Signature,
    table: Mapping[str, Argument],
    r_result: str = "",
    group: str = "",
    r_defaults: Mapping[str, str] | None = None,
) -> Page:
    """Put together the page of a function from its docstring.

    Args:
        written: The docstring.
        name: The function's name.
        signature: Its signature.
        table: What is said of the arguments where the docstring does not say it.
        r_result: The R function that the result goes through.
        group: The page of a group in R that the function is on.
        r_defaults: R's spelling of defaults, where it is not that of the table.

    Raises:
        ValueError: If the docstring names an argument that the function does not have, or an
            argument is documented nowhere.
    """
    names = [*named(signature), *_stars(signature)]
    if not written.arguments.keys() <= set(names):
        raise ValueError(f"The docstring of {name}() names other arguments than {names}")
    missing = [each for each in names if each not in written.arguments and each not in table]
    if missing:
        raise ValueError(f"The arguments {missing} of {name}() are not documented")
    arguments = {each: table.get(each, Argument("")) for each in names}
    for each, prose in written.arguments.items():
        arguments[each] = replace(arguments[each], prose=prose)
    for each, spelt in (r_defaults or {}).items():
        if each in arguments:
            arguments[each] = replace(arguments[each], r_default=spelt)
    others = (arguments.pop("**kwargs").prose,) if _stars(signature) else ()
    parts = {part: value for part, value in vars(written).items() if part != "arguments"}
    return Page(
        name=name,
        signature=signature,
        arguments=arguments,
        others=others,
        r_result=r_result,
        group=group,
        **parts,
    )


def named(signature: inspect.Signature) -> list[str]:
    """Return the names of the parameters that have one, in order."""
    variadic = inspect.Parameter.VAR_KEYWORD
    return [name for name, p in signature.parameters.items() if p.kind is not variadic]


def _stars(signature: inspect.Signature) -> list[str]:
    """Return `**kwargs`, as docstrings and tables name it, where there is one."""
    return ["**kwargs"] if len(named(signature)) < len(signature.parameters) else []


def docstring(page: Page) -> str | None:
    """Write a page as a Python docstring."""
    # Under `python -OO` there are no docstrings to make pages from.
    if not page.title:
        return None
    arguments = [f"{name}: {page.arguments[name].prose}" for name in named(page.signature)]
    if page.others:
        arguments.append("**kwargs: " + " ".join(page.others))
    parts = [
        f"{page.title}.",
        _wrap(page.summary),
        textwrap.indent(page.formula, _INDENT),
        *(_wrap(paragraph) for paragraph in page.details[1:]),
        _section("Args", *arguments),
        f"Returns:\n{_wrap(page.returns, _INDENT, _INDENT)}",
        _section("Raises", *(f"{error}: {when}" for error, when in page.raises.items())),
        "Example:\n" + textwrap.indent(page.python_example, _INDENT) if page.python_example else "",
        _section("Reference", page.reference),
    ]
    return "\n\n".join(part for part in parts if part.strip()) + "\n"


def _section(title: str, *entries: str) -> str:
    return "\n".join([f"{title}:", *(_wrap(entry, _INDENT) for entry in entries)])


def _wrap(text: str, indent: str = "", hanging: str | None = None) -> str:
    """Fill lines; those after the first are indented by `hanging`, by default twice as far."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent * 2 if hanging is None else hanging,
        break_long_words=False,
    )
