"""What makers of posteriors and priors have in common: they are values, and are saved as such."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import keras


class Maker:
    """A maker of distributions that is known by the arguments that it was made with.

    A subclass has the constructor's arguments as its attributes, and no others.
    """

    function_name: ClassVar[str]
    """The name that callers know the class by."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        serialize = keras.saving.serialize_keras_object
        return {name: serialize(value) for name, value in vars(self).items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Maker:
        """Make the maker that `get_config` described."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(value) for name, value in config.items()})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        given = {k: v for k, v in vars(self).items() if v != defaults[k].default}
        arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{self.function_name}({arguments})"
