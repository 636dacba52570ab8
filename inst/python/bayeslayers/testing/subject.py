"""The layer that is checked, and what it is called on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from bayeslayers.architecture.walk import all_layers
from bayeslayers.base_layers.stochastic_layer import StochasticLayer

_SEED = 5


@dataclass(frozen=True)
class Subject:
    """A class of layers, with what is needed to make one and to call it.

    Args:
        layer_class: The class.
        arguments: The arguments that a layer is made with.
        inputs: A batch of inputs, as an array.
    """

    layer_class: type[keras.Layer]
    arguments: Mapping[str, Any]
    inputs: np.ndarray

    def layer(self, **further: Any) -> Any:
        """Make a layer, with further arguments or others in the place of its own.

        Where it takes a seed it gets one, so that a check has the same outcome whenever it is run.
        """
        seed = {"seed": _SEED} if issubclass(self.layer_class, StochasticLayer) else {}
        return self.layer_class(**{**seed, **self.arguments, **further})

    def built(self, **further: Any) -> Any:
        """Make a layer that has its variables."""
        layer = self.layer(**further)
        layer(self.inputs)
        return layer

    def model(self, layer: keras.Layer, calls: int = 1) -> keras.Model:
        """Return a model of this layer, called on the same inputs a number of times."""
        inputs = keras.Input(self.inputs.shape[1:], dtype=self.inputs.dtype.name)
        outputs = [layer(inputs) for _ in range(calls)]
        return keras.Model(inputs, outputs[0] if calls == 1 else outputs)

    def twins(self, **further: Any) -> tuple[Any, Any]:
        """Return two layers with the same variables, which draw from the same seed if they draw."""
        first = self.built(**further)
        return first, self.built_like(first, **further)

    def built_like(self, first: Any, **further: Any) -> Any:
        """Return a layer with the variables of another one, which draws what that one draws."""
        second = self.built(**further)
        second.set_weights(first.get_weights())
        # A layer within it, such as the model of a posterior, has a seed of its own.
        for one, other in zip(all_layers(first), all_layers(second), strict=True):
            if one is not first and isinstance(one, StochasticLayer):
                other.seed_generator.restore(one.seed_generator.saved_state())
        return second


def numbers(outputs: Any) -> list[np.ndarray]:
    """Return the numbers of each output, in double precision."""
    return [ops.convert_to_numpy(each).astype("float64") for each in tree.flatten(outputs)]


def agree(found: Any, expected: Any, tolerance: float = 0.0) -> bool:
    """Whether outputs are the same, but for a part of the largest number."""
    found, expected = numbers(found), numbers(expected)
    return len(found) == len(expected) and all(
        a.shape == b.shape and np.all(np.abs(a - b) <= tolerance * np.max(np.abs(b), initial=1.0))
        for a, b in zip(found, expected, strict=True)
    )


def difference(found: Any, expected: Any) -> str:
    """Say how far outputs are apart."""
    found, expected = numbers(found), numbers(expected)
    shapes = [tuple(each.shape for each in outputs) for outputs in (found, expected)]
    if shapes[0] != shapes[1]:
        return f"the shapes are {shapes[0]} and {shapes[1]}"
    largest = max(
        float(np.max(np.abs(a - b), initial=0.0)) for a, b in zip(found, expected, strict=True)
    )
    return f"they differ by up to {largest:.3g}"
