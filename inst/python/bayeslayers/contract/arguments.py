"""Every argument of the contract: its prose, its default as R spells it, and its coercion from R.

Names, order and Python defaults are those of the Python signatures and stand nowhere else. The
prose is in Python's words, in whose place R's documentation has its own; `{rank}` is the number of
spatial dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Coercion(Enum):
    """How R converts a value before it sends it to Python; the values name R's functions."""

    NONE = "as_is"
    WHOLE = "whole_number"
    SHAPE = "shape"
    FUNCTION = "closure"
    PLACE = "place"
    DATA = "data"
    CLOSURES = "closures"


@dataclass(frozen=True)
class Argument:
    """The documentation of an argument in both languages, and its form in R.

    Args:
        prose: What the argument means, as sentences.
        coercion: What R does to its value.
        r_default: R's spelling of a default that is a function; other defaults are translated.
    """

    prose: str
    coercion: Coercion = Coercion.NONE
    r_default: str | None = None
