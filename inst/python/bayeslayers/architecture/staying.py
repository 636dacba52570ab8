"""The layers of a model that stay as they are in its copy, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from bayeslayers.architecture.cloning import Pair, in_one_line
from bayeslayers.architecture.walk import held_layers


def staying_layers(kept: list[Pair], is_asked_for: Callable[[keras.Layer], Any]) -> list[str]:
    """Say which layers stay plain, of those that have kernels, and why."""
    listed: list[keras.Layer] = []
    for pair in kept:
        layer = pair.layer
        has_kernel = hasattr(layer, "kernel") or hasattr(layer, "embeddings")
        is_kernel = has_kernel and not held_layers(layer)
        is_inside = any(layer is holder for layer in listed for holder in pair.holders)
        if (is_asked_for(layer) or is_kernel) and not is_inside:
            listed.append(layer)
    return [standing(pair) for pair in kept if any(pair.layer is layer for layer in listed)]


def standing(pair: Pair) -> str:
    """Say of a layer that stays as it is where it stands, and why it stays."""
    if pair.failure is not None:
        reason = f"the layer around it takes no other: {in_one_line(pair.failure)}"
    elif pair.was_asked_for:
        reason = "there is no Bayesian layer for it"
    else:
        holder = pair.holders[-1]
        reason = f"{type(holder).__name__} {holder.name!r} makes it by itself"
    return f"{pair.place!r} ({type(pair.layer).__name__}): {reason}"
