"""From a Bayesian model to a plain one: the same architecture with Keras's own layers."""

from __future__ import annotations

import keras

from bayeslayers.architecture.cloning import copy_of
from bayeslayers.architecture.staying import standing
from bayeslayers.architecture.walk import all_layers, bayesian_layers
from bayeslayers.base_layers.attention_layer import AttentionLayer
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.model_draw import sampling_one_member
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function


@public_function()
def as_deterministic(model: keras.Model, weights: str = "mean") -> keras.Model:
    """Plain Keras model of a Bayesian one.

        w = E_q[w]   or   w ~ q

    Take it to use a Bayesian model where only Keras is installed, or to see what the model predicts
    at the mean of its weights. q is the posterior of the weights w.

    The new model has the same architecture, with Keras's own layers in the place of this package's.
    Their weights are the means of the posteriors ("mean"), or one draw of them all ("sample"). Of
    layers with rank-1 factors the mean is over the members, too, and suits a single one: a mean of
    different networks is none that was trained. A draw is of one member in all layers. The new
    model suits files that only Keras has to read, TensorFlow Lite, and fast prediction. Layers are
    replaced wherever they are: in nested models, in wrappers such as `Bidirectional`, in any layer
    that has them as arguments, and in blocks that `as_bayesian()` put them into, which then are as
    they are written again. The model that is passed does not change.

    Other layers are cloned with their weights and with what they have learnt from data. Functions
    need not be registered, as no file is written. A distribution at the end of the model stays
    there: a file of such a model needs this package, and registered functions.

    The outputs at the mean of the weights are not the mean of the outputs, and do not show how
    uncertain they are: see `predict_draws()`.

    Args:
        model: A Keras 3 model, sequential, functional, or a subclass that Keras can make from its
            configuration.

    Returns:
        A Keras model, not compiled.

    Raises:
        ArgumentError: If `model` can't be made from its configuration, or holds no built layer with
            a posterior; or if a posterior would remain, in a block that does not work without it.

    Example:
        >>> import keras
        >>> from bayeslayers import as_deterministic, layer_dense_flipout
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2)
        >>> [type(layer).__name__ for layer in as_deterministic(model).layers]
        ['Dense']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2)
        as_deterministic(model)

    Reference:
        Blundell et al. (2015).
    """
    weights = checks.choice("weights", weights, ("mean", "sample"))
    bayesian_layers(model)
    _check_inputs_of_attention(model)
    copy = copy_of(
        model, lambda layer: layer.plain_layer() if isinstance(layer, BayesianLayer) else None
    )
    left = [standing(pair) for pair in copy.kept if isinstance(pair.layer, BayesianLayer)]
    if left:
        rule = "must have its layers with a posterior where plain ones can take their place"
        raise ArgumentError("model", rule, {"layers": Described("; ".join(left))})
    with sampling_one_member():
        for pair in copy.replaced:
            pair.copy.set_weights(pair.layer.plain_weights(weights))
    return copy.model


def _check_inputs_of_attention(model: keras.Layer) -> None:
    """Refuse attention in a `Sequential` model: Keras's own layer takes a query and a value."""
    found = [
        layer.name
        for holder in all_layers(model)
        if isinstance(holder, keras.Sequential)
        for layer in holder.layers
        if isinstance(layer, AttentionLayer)
    ]
    if found:
        rule = "must have attention layers in functional models, where they get query and value"
        raise ArgumentError("model", rule, {"layers of `Sequential`": found})
