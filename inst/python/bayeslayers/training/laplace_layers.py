"""Which layers get a posterior by Laplace's approximation, and the layers that take their place."""

from __future__ import annotations

from collections.abc import Container

import keras

from bayeslayers.architecture.configurations import configuration
from bayeslayers.architecture.walk import held_layers, located_layers
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.layers.laplace import LAPLACE, LaplaceLayer

# The eigenvectors of so many weights take a gigabyte in double precision.
_LARGEST_FULL = 10_000


def chosen_layers(
    model: keras.Model, subset: str, structure: str, selection: Container[keras.Layer]
) -> list[keras.Layer]:
    """Return the layers of a plain model that get a posterior.

    Args:
        model: The model.
        subset: "last_layer" or "all".
        structure: What is held of the Hessian.
        selection: The layers that the caller means, for "all".

    Raises:
        ArgumentError: If there is no such layer, or it can't have this posterior.
    """
    layers = [located.layer for located in located_layers(model)]
    ours = [layer.name for layer in layers if isinstance(layer, BayesianLayer)]
    if ours:
        rule = "must have no layers with a posterior, but trained weights"
        raise ArgumentError("model", rule, {"layers": ours})
    if not model.built:
        rule = "must have been built and trained"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r}, not built")})
    if subset == "all":
        found = [layer for layer in layers if is_replaceable(layer) and layer in selection]
    else:
        found = [layer for layer in layers if _has_kernel(layer)][-1:]
        others = [layer for layer in found if type(layer) is not keras.layers.Dense]
        if others:
            rule = "must have a dense layer of Keras as the last one with a kernel"
            received = Described(f"{others[0].name!r}, a {type(others[0]).__name__}")
            raise ArgumentError("model", rule, {"layer": received})
    if not found:
        rule = "must contain a dense or convolution layer of Keras"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r} without one")})
    if structure == "full" and found[0].count_params() > _LARGEST_FULL:
        rule = f'must be "kron" or "diagonal" for a layer of more than {_LARGEST_FULL} weights'
        of = {"hessian_structure": structure, "weights": found[0].count_params()}
        raise ArgumentError("hessian_structure", rule, of)
    return found


def is_replaceable(layer: keras.Layer) -> bool:
    """Whether there is a layer with a posterior for a layer of Keras."""
    # A user's subclass of Keras's layer computes something else.
    is_keras_own = getattr(keras.layers, type(layer).__name__, None) is type(layer)
    is_known = is_keras_own and type(layer).__name__ in LAPLACE
    return is_known and getattr(layer, "groups", 1) == 1


def _has_kernel(layer: keras.Layer) -> bool:
    return (hasattr(layer, "kernel") or hasattr(layer, "embeddings")) and not held_layers(layer)


def laplace_layer(layer: keras.Layer, structure: str) -> LaplaceLayer:
    """Return the layer that computes what a plain layer does, with a posterior of this structure.

    Raises:
        ArgumentError: If the layer is quantized.
    """
    if layer.quantization_mode is not None:
        rule = "must not have quantized layers in the places of Bayesian ones"
        received = Described(f"{layer.name!r} in {layer.quantization_mode}")
        raise ArgumentError("model", rule, {"layer": received})
    kind = LAPLACE[type(layer).__name__]
    config = configuration(layer)
    names = kind.names_of_arguments()
    known = {
        name: serialization.deserialize(name, value)
        for name, value in config.items()
        if name in names
    }
    return kind(**known, hessian_structure=structure, dtype=layer.dtype_policy)
