"""The functions of steps that read variables, and change them, in place: TensorFlow and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras


def step_with_numbers(
    function: Callable[..., Any],
    model: keras.Model,
    holders: Callable[[], Iterable[Any]],
    during: float,
    after: float,
) -> Callable[..., Any]:
    """Return the function of a step that computes with another number in state holders.

    Args:
        function: What the model computes the step with.
        model: The model.
        holders: Returns the holders. It is called again at the end, as the step may make more.
        during: Their number while the step is computed.
        after: Their number when it ends, in whatever way.
    """
    del model

    def step(*args: Any) -> Any:
        try:
            for holder in holders():
                holder.assign(during)
            return function(*args)
        finally:
            for holder in holders():
                holder.assign(after)

    return step


def step_with_variables(
    make: Callable[[], Callable[..., Any]], model: keras.Model, variables: list[keras.Variable]
) -> Callable[..., Any]:
    """Return the function of a step that updates variables which are not the model's.

    Args:
        make: Makes what the model computes the step with.
        model: The model.
        variables: The variables.
    """
    del model, variables
    return make()


def step_with_logs(
    function: Callable[..., Any], change: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Return the function of a step that returns other logs.

    Args:
        function: What the model computes the step with.
        change: Takes the logs of the step, and returns those in their place.
    """

    def step(*args: Any) -> Any:
        return change(function(*args))

    return step
