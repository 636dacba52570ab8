"""A check: a rule, and a function that says how a layer breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from bayeslayers.testing.subject import Subject


class LayerCheckError(AssertionError):
    """A layer broke a rule of the contract.

    Args:
        layer: Name of the layer's class.
        check: Name of the check.
        rule: What must hold, as a sentence without its full stop.
        received: How the layer breaks the rule, as a sentence.
    """

    def __init__(self, layer: str, check: str, rule: str, received: str) -> None:
        self.layer = layer
        self.check = check
        self.rule = rule
        self.received = received
        super().__init__(f"`{layer}` breaks the rule of `{check}`: {rule}. {received}")


class RuleBrokenError(Exception):
    """How a rule is broken, as a sentence."""


def require(condition: object, received: str) -> None:
    """Raise an error with this sentence, unless the condition holds."""
    if not condition:
        raise RuleBrokenError(received)


@dataclass(frozen=True)
class Rule:
    """A rule of the contract, and the function that finds out whether a layer follows it.

    Args:
        kind: The layers that the rule is about.
        function: Says by its docstring what must hold, and raises `RuleBrokenError` where a layer
            does not follow it.
    """

    kind: type[keras.Layer]
    function: Callable[[Subject], None]

    @property
    def name(self) -> str:
        """The name of the check."""
        return self.function.__name__

    @property
    def text(self) -> str:
        """What must hold, as a sentence without its full stop."""
        return str(self.function.__doc__).removesuffix(".")

    def __call__(self, subject: Subject) -> None:
        """Check a layer.

        Raises:
            LayerCheckError: If it breaks the rule, or fails where it should not.
        """
        layer = subject.layer_class.__name__
        try:
            self.function(subject)
        except RuleBrokenError as broken:
            raise LayerCheckError(layer, self.name, self.text, str(broken)) from None
        except Exception as error:
            received = f"It failed with {type(error).__name__}: {error}"
            raise LayerCheckError(layer, self.name, self.text, received) from error


def rule(kind: type[keras.Layer] = keras.Layer) -> Callable[[Callable[[Subject], None]], Rule]:
    """Make a rule of the function below, which checks it."""
    return lambda function: Rule(kind, function)


@dataclass(frozen=True)
class LayerCheck:
    """One check of one layer: called, it raises `LayerCheckError` if the layer breaks the rule."""

    rule: Rule
    subject: Subject

    @property
    def name(self) -> str:
        """The name of the check, such as `check_divergence_counts_once`."""
        return self.rule.name

    def __call__(self) -> None:
        self.rule(self.subject)

    def __str__(self) -> str:
        return self.name
