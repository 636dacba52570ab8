"""The functions of steps, which on JAX are handed the state and return the next.

In `fit()` Keras keeps the model's state in a tuple: the values of the variables that can be
trained, of the others, of the optimizer's and of the metrics'. The variables are empty meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import jax
import keras
import numpy as np

from bayeslayers.compat import (
    counted_as_state,
    forget_overriding_losses,
    is_empty,
    share_value,
)

_NON_TRAINABLE = 1
"""The place in the state of what is not trained."""


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
        holders: Returns the holders.
        during: Their number while the step is computed.
        after: Their number when it ends: what they have had before, as no step changes the model.
    """
    del after

    def step(state: Any, iterator: Any) -> Any:
        places = _places(model, [holder.state for holder in holders()])
        own = [state[_NON_TRAINABLE][place] for place in places]
        # Made for each step, as a step may use up the values that it is handed.
        others = jax.device_put(
            [np.asarray(during, value.dtype) for value in own], [value.sharding for value in own]
        )
        with _giving_back(model, state):
            logs, state = function(_replaced(state, places, others), iterator)
        return logs, _replaced(state, places, own)

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
    made: list[Callable[..., Any]] = []

    def step(state: Any, iterator: Any) -> Any:
        with _giving_back(model, state), counted_as_state(model, variables):
            places = _places(model, variables)
            handed = _inserted(state, places, [variable.value for variable in variables])
            if not made:
                # On several devices, Keras looks up in the variables which of them the values are
                # on.
                with _filled(model, handed):
                    made.append(make())
            logs, state = made[0](handed, iterator)
        for variable, place in zip(variables, places, strict=True):
            variable.assign(state[_NON_TRAINABLE][place])
        return logs, _without(state, places)

    return step


def step_with_logs(
    function: Callable[..., Any], change: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Return the function of a step that returns other logs.

    Args:
        function: What the model computes the step with.
        change: Takes the logs of the step, and returns those in their place.
    """

    def step(state: Any, iterator: Any) -> Any:
        logs, state = function(state, iterator)
        return change(logs), state

    return step


@contextmanager
def _filled(model: keras.Model, state: Any) -> Iterator[None]:
    """Return a context in which variables that are empty have their values in a state."""
    filled = [(variable, value) for variable, value in _pairs(model, state) if is_empty(variable)]
    try:
        for variable, value in filled:
            share_value(variable, value)
        yield
    finally:
        for variable, _ in filled:
            share_value(variable, None)


@contextmanager
def _giving_back(model: keras.Model, state: Any) -> Iterator[None]:
    """Return a context of a step, which gives the state back to the model if the step fails.

    Keras gives back the state after the step before. If the first step fails, because a loss
    function raises an error, say, the model would be empty ever after.
    """
    try:
        yield
    except BaseException:
        forget_overriding_losses(model)
        for variable, value in _pairs(model, state):
            # A compiled step that has begun to run may have used the values up.
            if is_empty(variable) and not value.is_deleted():
                variable.assign(value)
        raise


def _pairs(model: keras.Model, state: Any) -> list[tuple[keras.Variable, Any]]:
    """Return each variable whose value is in a state, with that value."""
    # The state of a step of validation has none of the optimizer's.
    optimizer = [] if len(state) < 4 else [model.optimizer.variables]  # noqa: PLR2004
    of_model = [model.trainable_variables, model.non_trainable_variables]
    parts = zip([*of_model, *optimizer, model.metrics_variables], state, strict=True)
    return [pair for part in parts for pair in zip(*part, strict=True)]


def _places(model: keras.Model, wanted: list[keras.Variable]) -> list[int]:
    """Return where variables are in the part of the state that is not trained, in their order."""
    places = {id(v): place for place, v in enumerate(model.non_trainable_variables)}
    return [places[id(variable)] for variable in wanted]


def _replaced(state: Any, places: list[int], values: list[Any]) -> Any:
    """Return a state with other values at some places."""
    found = list(state[_NON_TRAINABLE])
    for place, value in zip(places, values, strict=True):
        found[place] = value
    return _with_non_trainable(state, found)


def _inserted(state: Any, places: list[int], values: list[Any]) -> Any:
    """Return a state with values that come to stand at some places."""
    found = list(state[_NON_TRAINABLE])
    for place, value in sorted(zip(places, values, strict=True), key=itemgetter(0)):
        found.insert(place, value)
    return _with_non_trainable(state, found)


def _without(state: Any, places: list[int]) -> Any:
    """Return a state without what stands at some places."""
    numbered = enumerate(state[_NON_TRAINABLE])
    return _with_non_trainable(state, [value for n, value in numbered if n not in places])


def _with_non_trainable(state: Any, values: list[Any]) -> Any:
    """Return a state with these values in the part that is not trained."""
    return (*state[:_NON_TRAINABLE], values, *state[_NON_TRAINABLE + 1 :])
