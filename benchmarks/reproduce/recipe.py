"""How networks without a posterior are trained: at the recipe's decaying rate, clipped."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def fit_adam(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float = 0.01,
    decay: bool = True,
    clipnorm: float | None = 1.0,
    **how: Any,
) -> None:
    """Train by Adam, at a constant rate or one that decays. `how` is what Keras takes."""
    steps = epochs * -(-len(x) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps) if decay else learning_rate
    loss = how.pop("loss")
    model.compile(keras.optimizers.Adam(rate, clipnorm=clipnorm), loss=loss)
    model.fit(x, y, batch_size=batch_size, epochs=epochs, **how)
