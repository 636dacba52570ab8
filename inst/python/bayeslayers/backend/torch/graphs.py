"""Functions that call a model: without gradients, mapped over draws, and run for their shapes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.overrides import TorchFunctionMode

from bayeslayers.backend.torch.inputs import Specification
from bayeslayers.backend.torch.operations import native_dtype

# How many examples there are where any number may be: one that few other sizes are.
_EXAMPLES = 17


def compiled(
    function: Callable[..., Any], specifications: list[Any], model: Callable[[], Any]
) -> Callable[..., Any]:
    """Return the function as it is, without gradients: PyTorch takes long to compile one.

    Args:
        function: The function.
        specifications: The specifications of its arguments.
        model: Returns the model that it calls.
    """
    del specifications, model

    @functools.wraps(function, updated=())
    def call(*args: Any) -> Any:
        with torch.no_grad():
            return function(*args)

    return call


def map_draws(function: Callable[[Any], Any], seeds: Any) -> Any:
    """Return what a function makes of each seed, one after the other: (draws, ...) each.

    Args:
        function: Takes a seed, a tensor of whole numbers, and returns a tuple or a dictionary of
            tensors.
        seeds: Tensor of whole numbers, (draws, numbers of a seed).
    """
    # On the CPU, where Python reads them without waiting for a device.
    results = [function(seed) for seed in seeds.cpu()]
    return keras.tree.map_structure(
        lambda *draws: torch.stack([torch.as_tensor(draw) for draw in draws]), *results
    )


class _ResultShapes(TorchFunctionMode):
    """Keeps the shapes of the tensors that functions of PyTorch return."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[int, ...]] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        values = result if isinstance(result, (list, tuple)) else (result,)
        self.found |= {tuple(each.shape) for each in values if isinstance(each, torch.Tensor)}
        return result


def result_shapes(
    function: Callable[..., Any], specifications: list[Any]
) -> list[tuple[int | None, ...]]:
    """Return the shapes of all that a function would compute for each example.

    Args:
        function: Is called once, with a few examples. What it returns is not looked at.
        specifications: The specifications of its arguments, of any number of examples.

    Returns:
        Shapes whose first size is the number of examples, `None`.
    """
    args = keras.tree.map_structure(_example, specifications)
    # Its changes, such as the state of a generator, are discarded.
    with torch.no_grad(), keras.StatelessScope(), _ResultShapes() as shapes:
        function(*args)
    return [(None, *shape[1:]) for shape in shapes.found if shape[:1] == (_EXAMPLES,)]


def _example(specification: Specification) -> torch.Tensor:
    """Return a tensor that meets a specification."""
    sizes = [_EXAMPLES if size is None else size for size in specification.shape]
    return keras.ops.zeros(sizes, native_dtype(specification.dtype))


def of_any_size(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns: Keras asks for some numbers of examples, and compares."""
    return function(*args)


def pullback(
    function: Callable[[list[Any]], Any], values: list[Any]
) -> tuple[Any, Callable[[Any], list[Any]]]:
    """Return what a function makes of tensors, and what takes gradients back to them.

    Args:
        function: Takes the list of tensors, and returns a tensor.
        values: Tensors of floats.

    Returns:
        The tensor, and a function of a tensor of its shape, the gradient with respect to it, that
        returns the gradients with respect to the values, as often as it is called.
    """
    with torch.enable_grad():
        leaves = [value.detach().requires_grad_() for value in values]
        outputs = function(leaves)

    def pull(upstream: Any) -> list[Any]:
        if not outputs.requires_grad:
            return [torch.zeros_like(leaf) for leaf in leaves]
        found = torch.autograd.grad(
            outputs, leaves, upstream, retain_graph=True, materialize_grads=True
        )
        return list(found)

    return outputs, pull
