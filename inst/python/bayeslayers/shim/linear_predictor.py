"""The linear predictor of a model: what its last linear map returns, before any link function."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.architecture.walk import all_layers
from bayeslayers.base_layers.linear_layer import LinearLayer
from bayeslayers.compat import HeldLayers, inputs_behind, operation_behind
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.layers import DenseVariational, DistributionLambda
from bayeslayers.predictive.outputs import Outputs

# Layers that may be a link function.
_LINKS = (
    DistributionLambda,
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)
# Linear maps that apply their `activation` to what they return, and to nothing else.
_LINEAR_MAPS = (
    LinearLayer,
    DenseVariational,
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
_INSTEAD = "`posterior_epred()` gives the draws of what the model returns."


class LinearPredictor(HeldLayers):
    """A model up to its linear predictor, whose draws of the weights are those of the model.

    Args:
        model: A sequential or functional model, which has been built.
        outputs: What it returns.
        output: Name or place of one of several outputs, or `None`.
    """

    def __init__(self, model: keras.Model, outputs: Outputs, output: Any) -> None:
        super().__init__(name=model.name)
        layer, inputs = _last_linear_map(model, outputs, output)
        last = _without_activation(layer)
        # Hidden from Keras, which would track the layers: a layer's place among those of the model
        # tells its weights in a draw from those of others, and must stay.
        self.__dict__.update(
            before=keras.Model(model.inputs, inputs),
            last=last,
            held_layers=[last if each is layer else each for each in all_layers(model)],
        )
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the linear predictor."""
        return self.last(self.before(inputs, training=training))


def _last_linear_map(model: keras.Model, outputs: Outputs, output: Any) -> tuple[keras.Layer, Any]:
    """Return the last linear map before any link function, and what it was called on."""
    place = outputs.select(output).place
    tensors = getattr(model, "outputs", None)
    if not tensors:
        rule = "must be a sequential or functional model, whose last layer is known"
        received = Described(f"{model.name!r}, a {type(model).__name__}")
        raise ArgumentError("model", rule, {"model": received}, _INSTEAD)
    # Keras has the outputs of a dictionary in the order of their names.
    layer, inputs = _step_back(tensors[keras.tree.flatten(outputs.structure).index(place)])
    while isinstance(layer, _LINKS):
        layer, inputs = _step_back(inputs[0])
    if not isinstance(layer, _LINEAR_MAPS) or len(inputs) != 1:
        rule = "must end in a dense layer or a convolution, but for link function and distribution"
        received = Described(f"{model.name!r}, which ends in a {type(layer).__name__}")
        raise ArgumentError("model", rule, {"model": received}, _INSTEAD)
    return layer, inputs[0]


def _step_back(tensor: Any) -> tuple[Any, list[Any]]:
    """Return what a symbolic tensor comes from: a layer or another operation, and its inputs."""
    operation, _ = operation_behind(tensor) or (None, 0)
    return operation, inputs_behind(tensor)


def _without_activation(layer: keras.Layer) -> keras.Layer:
    """Return a layer that shares all of another's state, and applies no activation."""
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__["activation"] = keras.activations.linear
    return twin
