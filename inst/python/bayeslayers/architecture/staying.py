"""The layers of a model that stay as they are in its copy, and why."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import keras

from bayeslayers.architecture.cloning import Copy, Pair
from bayeslayers.architecture.refitted import class_of
from bayeslayers.architecture.refitting import described
from bayeslayers.architecture.walk import held_layers, is_ours


def staying_layers(
    copy: Copy,
    is_asked_for: Callable[[keras.Layer], Any],
    selection: Container[keras.Layer],
) -> list[str]:
    """Say which layers stay plain, of those that have kernels and that the caller means, and why.

    A layer in which others were replaced is not plain.

    Args:
        copy: The copy, in which other layers have taken the places of some.
        is_asked_for: Whether another layer was to take the place of one.
        selection: The layers that the caller means.
    """
    around = {id(holder) for pair in copy.replaced for holder in pair.holders}
    listed: list[keras.Layer] = []
    for pair in copy.kept:
        layer = pair.layer
        has_kernel = hasattr(layer, "kernel") or hasattr(layer, "embeddings")
        is_kernel = has_kernel and not held_layers(layer)
        is_inside = any(layer is holder for layer in listed for holder in pair.holders)
        is_plain = id(layer) not in around and not is_inside
        if layer in selection and (is_asked_for(layer) or is_kernel) and is_plain:
            listed.append(layer)
    return [standing(pair) for pair in copy.kept if any(pair.layer is layer for layer in listed)]


def standing(pair: Pair) -> str:
    """Say of a layer that stays as it is where it stands, and why it stays."""
    return f"{pair.place!r} ({class_of(pair.layer).__name__}): {reason_to_stay(pair)}"


def reason_to_stay(pair: Pair) -> str:
    """Say of a layer that others could not take the place of why they could not."""
    if pair.refusal is not None:
        return pair.refusal
    if pair.holders and is_ours(pair.holders[-1]):
        return f"{described(pair.holders[-1])} makes it by itself"
    return "there is no Bayesian layer for it"
