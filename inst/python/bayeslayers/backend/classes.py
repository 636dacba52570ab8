"""Distributions over classes, in the same words for every library of distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class ClassDistribution:
    """A distribution over classes.

    Args:
        outcome: How it says a class: by "numbers" from 0, by a 1 in one of as many "columns" as
            there are classes, or "binary", by 0 or 1.
        given: The logits or the probabilities that it was made from. Those of numbers and columns
            have a last dimension for the classes; those of a binary outcome are the 1's.
        is_logits: Whether it was made from logits.
        probabilities: Returns the probabilities, in the shape of what was given.
        batch_shape: The shape of its batch.
    """

    outcome: str
    given: Any
    is_logits: bool
    probabilities: Callable[[], Any]
    batch_shape: Any

    def parameter(self) -> Any:
        """Return the logits or the probabilities as given, as each loses some of the other."""
        if self.is_logits or self.outcome == "binary":
            return self.given
        # Given probabilities of several classes need not add up to 1.
        return self.given / ops.sum(self.given, axis=-1, keepdims=True)

    def logits(self) -> Any:
        """Return logits, whichever of the two it was made from."""
        p = self.parameter()
        if self.is_logits:
            return p
        return ops.log(p) - ops.log1p(-p) if self.outcome == "binary" else ops.log(p)

    @property
    def count(self) -> int | None:
        """How many classes there are; `None` where a graph does not know it."""
        return 2 if self.outcome == "binary" else self.given.shape[-1]


def mixture_over_classes(
    logits: Any, components: ClassDistribution, batch_shape: Any
) -> ClassDistribution:
    """Return the distribution over classes that a mixture of such distributions is.

    Args:
        logits: Those of the components, of shape (..., components).
        components: The components, which say classes by numbers or by columns: what they are
            given is of shape (..., components, classes).
        batch_shape: The shape of the batch of the mixture.
    """
    parameter = components.parameter()
    of_classes = ops.log_softmax(parameter) if components.is_logits else ops.log(parameter)
    of_components = ops.expand_dims(ops.log_softmax(logits), -1)
    mixed = ops.logsumexp(of_components + of_classes, axis=-2)
    return ClassDistribution(
        outcome=components.outcome,
        given=mixed,
        is_logits=True,
        probabilities=lambda: ops.exp(mixed),
        batch_shape=batch_shape,
    )
