"""The bias of a call: one for all examples, or one for each member of an ensemble."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from bayeslayers.geometries import Chain


class Bias(ABC):
    """What a call adds to the outputs of its linear maps."""

    @abstractmethod
    def added_to(self, outputs: Any, chain: Chain) -> Any:
        """Add the bias to outputs of a chain, and bring them into the caller's layout."""

    @abstractmethod
    def parts(self, function: Callable[[Any], dict[str, Any]]) -> dict[str, Bias]:
        """Take the bias apart: the function returns the parts of one, by their names."""

    @abstractmethod
    def by_example(self, function: Callable[[Any], Sequence[Any]]) -> list[Any]:
        """Return what a function makes of the bias of each example: tensors or numbers.

        A tensor has the examples as its first dimension, unless all have the same bias.
        """


@dataclass(frozen=True)
class SharedBias(Bias):
    """A bias that all examples share.

    Args:
        value: The bias, or `None` where there is none.
    """

    value: Any

    def added_to(self, outputs: Any, chain: Chain) -> Any:
        return chain.with_bias(outputs, self.value)

    def parts(self, function: Callable[[Any], dict[str, Any]]) -> dict[str, Bias]:
        return {name: SharedBias(value) for name, value in function(self.value).items()}

    def by_example(self, function: Callable[[Any], Sequence[Any]]) -> list[Any]:
        return list(function(self.value))


@dataclass(frozen=True)
class MemberBias(Bias):
    """A bias for each member of an ensemble.

    Args:
        values: The biases of the members.
        members: The member that each example belongs to.
    """

    values: tuple[Any, ...]
    members: Any

    def added_to(self, outputs: Any, chain: Chain) -> Any:
        # What a member's bias adds to an example is the same at all positions, unless it varies
        # along them itself.
        nothing = ops.zeros((1,) * (len(outputs.shape) - 1) + (outputs.shape[-1],), outputs.dtype)
        added = ops.concatenate([chain.with_bias(nothing, value) for value in self.values])
        return chain.with_bias(outputs, None) + ops.take(added, self.members, axis=0)

    def parts(self, function: Callable[[Any], dict[str, Any]]) -> dict[str, Bias]:
        by_member = [function(value) for value in self.values]
        return {
            name: MemberBias(tuple(parts[name] for parts in by_member), self.members)
            for name in by_member[0]
        }

    def by_example(self, function: Callable[[Any], Sequence[Any]]) -> list[Any]:
        parts = zip(*map(function, self.values), strict=True)
        # A number stands for nothing to add.
        return [
            ops.take(ops.stack(part), self.members, axis=0) if ops.is_tensor(part[0]) else part[0]
            for part in parts
        ]
