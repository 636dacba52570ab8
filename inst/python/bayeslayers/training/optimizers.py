"""The optimizer of a training whose length is known."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.contract.errors import ArgumentError

Schedule = keras.optimizers.schedules.LearningRateSchedule


def optimizer_for(
    optimizer: Any, learning_rate: Any, decay: bool, clipnorm: float | None, steps: int
) -> keras.optimizers.Optimizer:
    """Return a new optimizer.

    Args:
        optimizer: Its name, or an optimizer, of which a copy in its first state is returned.
        learning_rate: The rate at first, or a schedule.
        decay: Whether the rate falls to 0 by a cosine; a schedule stays as it is.
        clipnorm: The norm that the gradient of each variable is clipped to, or `None`.
        steps: How many steps there will be.
    """
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return _copy(optimizer)
    rate = learning_rate
    if decay and not isinstance(rate, Schedule):
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    try:
        kind = type(keras.optimizers.get(optimizer))
    except ValueError as error:
        rule = "must be the name of one of Keras's optimizers, or an optimizer"
        raise ArgumentError("optimizer", rule, {"optimizer": optimizer}) from error
    return kind(learning_rate=rate, clipnorm=clipnorm)


def has_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate of an optimizer follows a schedule, and can't be set."""
    inner: Any = getattr(optimizer, "inner_optimizer", optimizer)
    # Keras describes a schedule by a dictionary.
    return isinstance(inner.get_config().get("learning_rate"), dict)


def _copy(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return an optimizer in its first state, with the settings of another."""
    try:
        return type(optimizer).from_config(optimizer.get_config())
    except (TypeError, ValueError, NotImplementedError) as error:
        rule = (
            "must be one that its `get_config()` describes, as a file does: a class of your own "
            "takes all that is in it, and a schedule's is registered by "
            "`keras.saving.register_keras_serializable()`"
        )
        raise ArgumentError("optimizer", rule, {"optimizer": optimizer}) from error
