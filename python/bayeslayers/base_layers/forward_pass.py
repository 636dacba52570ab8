"""What a layer knows of the model's current forward pass."""

from __future__ import annotations

from typing import Any


class ForwardPass:
    """Which divergences the layer has added in the current forward pass of the model.

    Keras clears the losses when a pass begins. While ours are among them, the layer is being called
    once more in the same pass, and a divergence belongs to the weights, not to the call.
    """

    def __init__(self) -> None:
        self.added: list[Any] = []

    def has_added_to(self, losses: list[Any]) -> bool:
        return any(loss is divergence for loss in losses for divergence in self.added)
