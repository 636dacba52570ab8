"""Networks of today: a block with attention, and networks under low-rank adaptation.

Each is a plain network of Keras's; what becomes of it is the library's matter. Keras trains the
block as it is, and adapts the others by `enable_lora()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers
from rows import ADAPTED_DENSE, ADAPTED_TRANSFORMER, BLOCK

BATCH, POSITIONS, WIDTH, HEADS = 16, 64, 128, 4
HIDDEN = 512
RANK = 8


def attention_block(inputs: Any) -> Any:
    """Return what a transformer's encoder block makes of its inputs."""
    attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
    values = layers.LayerNormalization()(inputs + attention(inputs, inputs))
    hidden = layers.Dense(HIDDEN, activation="relu")(values)
    return layers.LayerNormalization()(values + layers.Dense(WIDTH)(hidden))


def _block() -> Any:
    inputs = keras.Input((POSITIONS, WIDTH))
    return keras.Model(inputs, attention_block(inputs))


def _dense_network() -> Any:
    hidden = [layers.Dense(HIDDEN, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((HIDDEN,)), *hidden, layers.Dense(10)])


def _transformer() -> Any:
    inputs = keras.Input((POSITIONS, WIDTH))
    values = layers.GlobalAveragePooling1D()(attention_block(attention_block(inputs)))
    return keras.Model(inputs, layers.Dense(10)(values))


PLAIN_NETWORKS: dict[str, Callable[[], Any]] = {
    BLOCK: _block,
    ADAPTED_DENSE: _dense_network,
    ADAPTED_TRANSFORMER: _transformer,
}
"""The plain network of each name."""


def adapt_by_keras(model: Any) -> Any:
    """Return a model all of whose dense kernels Keras adapts; its other weights are fixed."""
    for layer in model._flatten_layers():
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(RANK)  # its bias is trained, as ours
        elif not layer._layers:
            layer.trainable = False
    return model
