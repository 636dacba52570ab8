"""Random signs, at which the factors of an ensemble's members start."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bayeslayers")
class RandomSign(keras.initializers.Initializer):
    """Initializer of the factors of several members: +1 or -1 with equal probability.

    The factors of a single member are 1: signs are there to set members apart.

    Args:
        seed: Whole number that the signs follow from, or `None` for one that is drawn.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return the initial values of shape (members, channels)."""
        dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
        members, *_ = shape
        if members == 1:
            return ops.ones(shape, dtype)
        is_positive = keras.random.uniform(shape, seed=self.seed) < 0.5  # noqa: PLR2004
        return ops.where(is_positive, ops.ones(shape, dtype), -ops.ones(shape, dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        return {"seed": self.seed}
