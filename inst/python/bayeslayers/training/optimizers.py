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
        return type(optimizer).from_config(optimizer.get_config())
    rate = learning_rate
    if decay and not isinstance(rate, Schedule):
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    try:
        kind = type(keras.optimizers.get(optimizer))
    except ValueError as error:
        rule = "must be the name of one of Keras's optimizers, or an optimizer"
        raise ArgumentError("optimizer", rule, {"optimizer": optimizer}) from error
    return kind(learning_rate=rate, clipnorm=clipnorm)
