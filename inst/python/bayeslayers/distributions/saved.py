"""Distributions of numbers alone, which a file holds by their family and their parameters."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bayeslayers.backend import family_and_parameters, new_distribution


@keras.saving.register_keras_serializable("bayeslayers")
class SavedDistribution:
    """A distribution as a file holds it.

    Args:
        family: The name of its class in TensorFlow Probability, such as "Normal".
        parameters: Its parameters by name, as `get_config` returned them.
    """

    def __init__(self, family: str, parameters: dict[str, Any]) -> None:
        self.family = family
        self.parameters = parameters

    @classmethod
    def of(cls, distribution: Any) -> SavedDistribution | None:
        """Return what a file holds of a distribution; `None` if it is not made of numbers alone."""
        found = family_and_parameters(distribution)
        if found is None:
            return None
        family, parameters = found
        try:
            return cls(family, {name: _written(value) for name, value in parameters.items()})
        except (TypeError, ValueError):
            return None

    def make(self) -> Any:
        """Return the distribution.

        Raises:
            NotImplementedError: If the backend has no such family.
        """
        parameters = {name: _read(value) for name, value in self.parameters.items()}
        return new_distribution(self.family, **parameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        return {"family": self.family, "parameters": self.parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SavedDistribution:
        """Make what `get_config` described."""
        return cls(**config)


def _written(value: Any) -> Any:
    """Return a parameter for a file.

    Raises:
        TypeError, ValueError: If it is neither a distribution of numbers nor becomes a tensor.
    """
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        # Plain numbers take the dtype of those beside them.
        return [_written(item) for item in value]
    if hasattr(value, "log_prob"):
        inner = SavedDistribution.of(value)
        if inner is None:
            raise TypeError("The distribution inside is not made of numbers alone.")
        return inner.get_config()
    if isinstance(value, (str, keras.Variable)):
        raise TypeError("It is no number, or it is one that changes.")
    tensor = ops.convert_to_tensor(value)
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return {"values": ops.convert_to_numpy(tensor).tolist(), "dtype": dtype}


def _read(value: Any) -> Any:
    """Return the parameter that `_written` was given."""
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "family" in value:
        return SavedDistribution(**value).make()
    return ops.convert_to_tensor(value["values"], value["dtype"])
