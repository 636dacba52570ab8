"""Read a docstring: the parts that a page of the documentation is put together from.

A docstring begins with its title and, where something is computed, the formula in a block of its
own. Paragraphs follow, and then the sections, in any order and each where it is needed:

    Args:           the arguments whose meaning differs from the table of arguments
    Returns:        what comes back
    Raises:         classes of errors, and when they are raised
    Example:        a Python session
    R example:      lines of R
    R details:      paragraphs on what only users of R meet
    Reference:      the source, or its short form in `contract/references.py`
"""

from __future__ import annotations

import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bayeslayers.contract.references import spelt_out

_SECTIONS = (
    "Args",
    "Returns",
    "Raises",
    "Example",
    "R example",
    "R details",
    "Reference",
)
# A line that looks like the title of a section: a word or two at the margin.
_HEADING = re.compile(r"([A-Z]\w*(?: \w+)?):$")
# The beginning of an entry in `Args:` or `Raises:`; its further lines are indented.
_ENTRY = re.compile(r"([\w.*]+): *(.*)$")


@dataclass(frozen=True)
class Docstring:
    """The parts of a docstring; a part that is not there is empty.

    Args:
        title: The first line, without its full stop.
        formula: What is computed.
        details: Paragraphs, each in one line.
        arguments: Prose of arguments by name; that of `**kwargs` has the stars in its name.
        returns: What comes back.
        raises: When an error is raised, by its class.
        python_example: Lines of a Python session, with their output.
        r_example: Lines of R.
        r_details: Paragraphs on what only users of R meet.
        reference: The source.
    """

    title: str = ""
    formula: str = ""
    details: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: dict[str, str] = field(default_factory=dict)
    python_example: str = ""
    r_example: str = ""
    r_details: tuple[str, ...] = ()
    reference: str = ""

    def parts(self) -> dict[str, Any]:
        """Return by name the parts that are there, as `contract.pages.layer_page` takes them."""
        found = {name: value for name, value in vars(self).items() if value}
        own_prose = found.pop("arguments", {})
        return {**found, "own_prose": own_prose}


def parse(text: str | None) -> Docstring:
    """Take a docstring apart; without one, as under `python -OO`, all parts are empty.

    Raises:
        ValueError: If a section has an unknown title, or comes twice.
    """
    first, *lines = inspect.cleandoc(text or "").splitlines() or [""]
    body, sections = _sections(lines)
    formula, paragraphs = _formula(body)
    return Docstring(
        title=first.removesuffix("."),
        formula=formula,
        details=_paragraphs(paragraphs),
        arguments=_entries(sections.get("Args", "")),
        returns=_in_one_line(sections.get("Returns", "")),
        raises=_entries(sections.get("Raises", "")),
        python_example=sections.get("Example", ""),
        r_example=sections.get("R example", ""),
        r_details=_paragraphs(sections.get("R details", "")),
        reference=spelt_out(_in_one_line(sections.get("Reference", ""))),
    )


def _sections(lines: list[str]) -> tuple[str, dict[str, str]]:
    """Return what comes before the first section, and each section's text by its title."""
    body: list[str] = []
    found: dict[str, list[str]] = {}
    current = body
    for line in lines:
        heading = _HEADING.match(line)
        if heading is None:
            # A paragraph at the margin ends a section, whose text is indented.
            current = body if line and not line.startswith(" ") else current
            current.append(line)
            continue
        title = heading[1]
        if title not in _SECTIONS or title in found:
            raise ValueError(f"A docstring has an unknown or repeated section: {title}")
        current = found[title] = []
    return "\n".join(body), {title: _block(section) for title, section in found.items()}


def _block(lines: list[str]) -> str:
    """Return lines without their common indentation and the empty lines around them."""
    return textwrap.dedent("\n".join(lines)).strip("\n")


def _formula(body: str) -> tuple[str, str]:
    """Divide what comes before the sections into the indented block in front and the rest."""
    lines = body.splitlines()
    is_outside = (bool(line) and not line.startswith(" ") for line in lines)
    end = next((index for index, outside in enumerate(is_outside) if outside), len(lines))
    return _block(lines[:end]), "\n".join(lines[end:])


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(_in_one_line(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a section by their names, each in one line."""
    return dict(_split_entries(text.splitlines()))


def _split_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    starts = [index for index, line in enumerate(lines) if line and not line.startswith(" ")]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        entry = _ENTRY.match(lines[start])
        if entry is None:
            raise ValueError(f"An entry of a docstring has no name: {lines[start]}")
        yield entry[1], _in_one_line("\n".join([entry[2], *lines[start + 1 : end]]))
