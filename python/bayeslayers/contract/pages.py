"""The documentation of every public function, put together once for both languages.

A page holds its text with words such as `{none}` and `{true}` still open; `docstring` closes them
in Python's words, and the generator of the R half closes them in R's. It also turns the names of
what stands in a module of Python, such as `keras.ops`, into those of R, `keras$ops`.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayeslayers.contract.arguments import Argument
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.layer_arguments import LAYER_ARGUMENTS
from bayeslayers.contract.model_arguments import MODEL_ARGUMENTS

PYTHON_WORDS = {
    "none": "`None`",
    "true": "`True`",
    "false": "`False`",
    "array": "A NumPy array",
    "dictionary": "dictionary",
    "factor": "pandas categorical",
    "levels": "categories",
    "vector": "an array",
    "first": "0",
    "generator": "the generator that `keras.utils.set_random_seed()` sets",
}

_WIDTH = 96
_INDENT = "    "

_LAYER_RETURNS = (
    "The layer, the `Sequential` model with the layer added, or the layer's output: see `object`."
)
_LAYER_RAISES = (
    "If an argument breaks a rule that is stated here, or is not one of the layer's: the error "
    "names the argument, the rule and what was received."
)
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
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  {name}(
    {arguments},
    input_shape=c({shape})
  )
outputs <- model(array(1, c(32, {shape})))
model$losses"""
_TFP_REFERENCE = (
    "Dillon, J. V., Langmore, I., Tran, D., Brevdo, E., Vasudevan, S., Moore, D., "
    "Patton, B., Alemi, "
    "A., Hoffman, M., and Saurous, R. A. (2017). TensorFlow Distributions. "
    "https://arxiv.org/abs/1711.10604"
)


@dataclass(frozen=True)
class Page:
    """The documentation of one function.

    Args:
        name: The function's name.
        title: One line.
        formula: What is computed; empty where there is nothing to write down.
        details: Paragraphs.
        r_details: Further paragraphs, on what only users of R meet.
        signature: The public signature, whose last `**kwargs` is R's `...`.
        arguments: Prose and R spelling of each argument by name.
        further: The arguments that come through `**kwargs`; empty where there are none.
        returns: What comes back.
        error: Python's class of the error.
        raises: When it is raised.
        python_example: Lines of a Python session, with their output.
        r_example: Lines of R.
        reference: The source.
        r_result: The R function that the result goes through; empty where it stays as it is.
    """

    name: str
    title: str
    formula: str
    details: tuple[str, ...]
    signature: inspect.Signature
    arguments: Mapping[str, Argument]
    further: str
    returns: str
    error: str
    raises: str
    python_example: str
    r_example: str
    reference: str
    r_result: str = ""
    r_details: tuple[str, ...] = ()


def layer_page(layer_class: type, parts: Mapping[str, Any]) -> Page:
    """Put together the page of a layer's class; `parts` are the page's own."""
    signature, parts = inspect.signature(layer_class), dict(parts)
    rank = str(parts.pop("rank", ""))
    own_prose = parts.pop("own_prose", {})
    example = {
        "name": layer_class.function_name,
        "losses": parts.pop("example_losses", 1),
        "arguments": parts.pop("example_arguments", ""),
        "shape": ", ".join(map(str, parts.get("example_shape", ()))),
        "comma": "," if len(parts.pop("example_shape", ())) == 1 else "",
    }
    arguments = {
        argument: Argument(
            own_prose.get(argument, spec.prose).replace("{rank}", rank),
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
        "further": " ".join(f"`{name}`: {arguments[name].prose}" for name in unnamed),
        "returns": _LAYER_RETURNS,
        "error": "ArgumentError",
        "raises": _LAYER_RAISES,
        "python_example": _PYTHON_EXAMPLE.format(**example),
        "r_example": _R_EXAMPLE.format(**example).replace("=", " = "),
    }
    return Page(**{**page, **parts})


def distribution_page(function: Callable[..., Any], **parts: Any) -> Page:
    """Put together the page of a verb of distributions; `parts` are the page's own."""
    signature = inspect.signature(function, eval_str=True)
    return Page(
        name=function.__name__,
        signature=signature,
        arguments={name: DISTRIBUTION_ARGUMENTS[name] for name in named(signature)},
        further="Further arguments of the distribution's method of that name, such as `name`."
        if len(named(signature)) < len(signature.parameters)
        else "",
        reference=_TFP_REFERENCE,
        **parts,
    )


def model_page(function: Callable[..., Any], **parts: Any) -> Page:
    """Put together the page of a verb of models; `parts` are the page's own."""
    # As text, where types are imported for type checkers alone.
    signature = inspect.signature(function)
    own_prose = parts.pop("own_prose", {})
    arguments = {name: MODEL_ARGUMENTS[name] for name in named(signature)}
    return Page(
        name=function.__name__,
        signature=signature,
        arguments={
            name: replace(spec, prose=own_prose.get(name, spec.prose))
            for name, spec in arguments.items()
        },
        error="ArgumentError",
        **{"further": "", **parts},
    )


def named(signature: inspect.Signature) -> list[str]:
    """Return the names of the parameters that have one, in order."""
    variadic = inspect.Parameter.VAR_KEYWORD
    return [name for name, p in signature.parameters.items() if p.kind is not variadic]


def docstring(page: Page) -> str:
    """Write a page as a Python docstring."""
    arguments = [f"{name}: {page.arguments[name].prose}" for name in named(page.signature)]
    if page.further:
        arguments.append(f"**kwargs: {page.further}")
    parts = [
        f"{page.title}.",
        textwrap.indent(page.formula, _INDENT),
        *(_wrap(paragraph) for paragraph in page.details),
        _section("Args", *arguments),
        f"Returns:\n{_wrap(page.returns, _INDENT, _INDENT)}",
        _section("Raises", f"{page.error}: {page.raises}"),
        "Example:\n" + textwrap.indent(page.python_example, _INDENT),
        _section("Reference", page.reference),
    ]
    return close("\n\n".join(part for part in parts if part.strip())) + "\n"


def _section(title: str, *entries: str) -> str:
    return "\n".join([f"{title}:", *(_wrap(entry, _INDENT) for entry in entries)])


def _wrap(text: str, indent: str = "", hanging: str | None = None) -> str:
    """Fill lines; those after the first are indented twice, unless it is said how."""
    further = indent * 2 if hanging is None else hanging
    return textwrap.fill(
        close(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=further,
        break_long_words=False,
    )


def close(text: str, words: Mapping[str, str] = PYTHON_WORDS) -> str:
    """Put a language's words into a text."""
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text
