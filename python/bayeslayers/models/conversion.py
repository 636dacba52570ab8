"""Between Bayesian and plain Keras: the same architecture with the other kind of layers."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import model_function
from bayeslayers.layers.diverging import DivergingLayer
from bayeslayers.models.walk import diverging_layers


@model_function(
    title="Plain Keras model of a Bayesian one",
    formula="w = E_q[w]   or   w ~ q",
    details=(
        "The same architecture with Keras's own layers in the place of this package's, whose "
        'weights are the means of the posteriors ("mean") or one draw of them all ("sample"): '
        "for a file that needs nothing but Keras, for TensorFlow Lite, or for speed. The model "
        "that is passed stays as it is. Other layers are cloned with their weights.",
        "The outputs at the mean of the weights are not the mean of the outputs, and say nothing "
        "of what is uncertain: see `predict_draws()`.",
    ),
    returns="A Keras model, not compiled.",
    raises="If `model` is not sequential or functional, or holds no built layer with a posterior.",
    python_example="""\
>>> import keras
>>> from bayeslayers import as_deterministic, layer_dense_flipout
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = layer_dense_flipout(model, units=2)
>>> [type(layer).__name__ for layer in as_deterministic(model).layers]
['Dense']""",
    r_example="""\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 2, input_shape = 3)
as_deterministic(model)""",
    reference="Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight "
    "Uncertainty in Neural Networks. International Conference on Machine Learning. "
    "https://arxiv.org/abs/1505.05424",
)
def as_deterministic(model: keras.Model, weights: str = "mean") -> keras.Model:
    weights = checks.choice("weights", weights, ("mean", "sample"))
    diverging_layers(model)
    twins: list[tuple[keras.Layer, keras.Layer]] = []

    def clone(layer: keras.Layer) -> keras.Layer:
        is_ours = isinstance(layer, DivergingLayer)
        twin = layer.plain_layer() if is_ours else type(layer).from_config(layer.get_config())
        twins.append((layer, twin))
        return twin

    plain = _clone(model, clone)
    for layer, twin in twins:
        if isinstance(layer, DivergingLayer):
            twin.set_weights(layer.plain_weights(weights))
        elif not isinstance(layer, keras.Model):
            twin.set_weights(layer.get_weights())
    return plain


def _clone(model: keras.Model, clone_function: Any) -> keras.Model:
    try:
        return keras.models.clone_model(model, clone_function=clone_function, recursive=True)
    except ValueError as error:
        rule = "must be a `Sequential` or functional model, whose architecture Keras can clone"
        received = Described(f"a {type(model).__name__}: {str(error).splitlines()[0]}")
        raise ArgumentError("model", rule, {"model": received}) from error
