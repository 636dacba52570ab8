"""Which parameters a function reads, and which ones its results are functions of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import torch
from torch.distributions import Distribution
from torch.distributions.transforms import Transform
from torch.overrides import TorchFunctionMode

from bayeslayers.backend.torch.distributions import inner_distribution


class _Reads(TorchFunctionMode):
    """Keeps the trainable leaves of the autograd graph that functions of PyTorch are called on."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: dict[int, torch.Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self.leaves.update(_leaves_among(keras.tree.flatten((args, kwargs))))
        return func(*args, **kwargs)


def variables_read_by(function: Callable[[], Any]) -> tuple[torch.Tensor, ...]:
    """Return the trainable parameters that a function reads when it is called."""
    with torch.enable_grad(), _Reads() as reads:
        function()
    return tuple(reads.leaves.values())


def given_variables(distribution: Any) -> tuple[keras.Variable, ...]:
    """Return the Keras variables that a distribution was given: here it takes tensors alone."""
    del distribution
    return ()


def foreign_variables(
    make: Callable[[], Any], known: Iterable[Any], *, trainable: bool = False
) -> tuple[Any, list[str]]:
    """Return what a function makes, and the trainable parameters in it that are not known.

    Parameters that its inputs are functions of do not count: it does not read them itself.

    Args:
        make: Makes a distribution, or anything else.
        known: Variables, and tensors, that are known.
        trainable: Whether only variables that can be trained count; others are no leaves of the
            autograd graph, and in no danger.
    """
    del trainable
    with torch.set_grad_enabled(True), _Reads() as reads:
        made = make()
    tensors = list(_tensors_in(inner_distribution(made)))
    found = _leaves_among(tensors)
    if reads.leaves.keys() - found.keys():
        found |= {key: leaf for key, leaf in _leaves_behind(tensors) if key in reads.leaves}
    known_ids = {id(getattr(variable, "value", variable)) for variable in known}
    return made, [_described(leaf) for key, leaf in found.items() if key not in known_ids]


def _leaves_among(values: Iterable[Any]) -> dict[int, torch.Tensor]:
    """Return those values that are trainable leaves of the autograd graph, by their identities."""
    return {
        id(value): value
        for value in values
        # While Keras infers shapes, a variable's value is a new tensor each time: one without
        # values, which a parameter of a caller is not.
        if isinstance(value, torch.Tensor)
        and value.requires_grad
        and value.is_leaf
        and not value.is_meta
    }


def _leaves_behind(tensors: Iterable[torch.Tensor]) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield the leaves of the autograd graph that tensors are functions of."""
    nodes = [tensor.grad_fn for tensor in tensors]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        # The node that accumulates a leaf's gradient holds the leaf.
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            yield id(leaf), leaf
        nodes.extend(following for following, _ in node.next_functions)


def _tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors that a distribution, or a part of one, is made of."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors_in(item)
    elif isinstance(value, (Distribution, Transform)):
        for item in vars(value).values():
            yield from _tensors_in(item)


def _described(leaf: torch.Tensor) -> str:
    return f"{type(leaf).__name__} of shape {tuple(leaf.shape)}"
