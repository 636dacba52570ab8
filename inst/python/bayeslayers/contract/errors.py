"""The one error that callers see when an argument breaks a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_LONGEST_DESCRIPTION = 120


class ArgumentError(ValueError):
    """An argument broke a rule of the contract.

    The parts are kept apart so that each language can phrase the sentence in its own words: R turns
    them into a condition at the caller's line.

    Args:
        argument: Name of the argument.
        rule: What must hold, as the end of a sentence that begins with the argument's name.
        received: What came, by argument name; several names where the rule joins several arguments.
        hint: A further sentence, such as the name that was probably meant.
    """

    def __init__(
        self, argument: str, rule: str, received: Mapping[str, Any], hint: str | None = None
    ) -> None:
        self.argument = argument
        self.rule = rule
        self.received = {name: describe(value) for name, value in received.items()}
        self.hint = hint
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        received = ", ".join(f"{name}={text}" for name, text in self.received.items())
        parts = [f"`{self.argument}` {self.rule}."]
        if self.hint:
            parts.append(self.hint)
        if received:
            parts.append(f"Received: {received}")
        return " ".join(parts)


class Described(str):
    """Text that already says what was received, and is shown without quotes."""


def describe(value: Any) -> str:
    """Say in one short line what a value is."""
    if isinstance(value, Described):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str, list, tuple, dict)):
        text = repr(value)
    else:
        text = f"{value!r} (of type {type(value).__module__}.{type(value).__qualname__})"
    if len(text) <= _LONGEST_DESCRIPTION:
        return text
    return text[: _LONGEST_DESCRIPTION - 3] + "..."


@contextmanager
def renaming(**names: str) -> Iterator[None]:
    """Let errors about arguments name those of a caller, who calls them something else.

    Args:
        **names: The caller's names, by those that the errors have.
    """
    try:
        yield
    except ArgumentError as error:
        if error.argument not in names:
            raise
        rule = error.rule
        for name, other in names.items():
            rule = rule.replace(f"`{name}`", f"`{other}`")
        received = {names.get(k, k): Described(text) for k, text in error.received.items()}
        raise ArgumentError(names[error.argument], rule, received, error.hint) from error


@contextmanager
def also_received(**received: Any) -> Iterator[None]:
    """Let errors about arguments say what else was received: which of several models it is, say.

    Args:
        **received: What came, by name.
    """
    try:
        yield
    except ArgumentError as error:
        texts = {name: Described(text) for name, text in error.received.items()}
        raise ArgumentError(
            error.argument, error.rule, {**received, **texts}, error.hint
        ) from error
