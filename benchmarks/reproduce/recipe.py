"""The recipe: Adam's rate decays, the divergence comes in slowly, the gradient is clipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from bayeslayers import callback_kl_annealing, scale_kl


def fit_bayesian(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int,
    temperature: float = 1.0,
    learning_rate: float = 0.01,
    decay: bool = True,
    annealing: float = 0.5,
    clipnorm: float | None = 1.0,
    loss: Callable[..., Any] | keras.losses.Loss | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = "auto",
) -> keras.callbacks.History:
    """Train a Bayesian network by the recipe.

    Args:
        model: The network.
        x: Inputs.
        y: Targets.
        epochs: How many epochs.
        batch_size: The batch.
        temperature: What the divergence is multiplied with.
        learning_rate: Adam's rate, at first.
        decay: Whether it falls to zero along a cosine.
        annealing: The share of the epochs in which the divergence comes in. 0: it is there at once.
        clipnorm: What the gradient of a variable is clipped to. None: it is not.
        loss: The loss.
        callbacks: Further callbacks.
        verbose: As `fit()` has it.
    """
    scale_kl(model, len(x) / temperature)
    fit_adam(
        model,
        *(x, y, epochs, batch_size),
        learning_rate=learning_rate,
        decay=decay,
        clipnorm=clipnorm,
        loss=loss,
        callbacks=[
            *([callback_kl_annealing(max(1, round(annealing * epochs)))] if annealing else []),
            *callbacks,
        ],
        verbose=verbose,
    )
    return model.history


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
