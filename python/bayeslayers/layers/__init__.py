"""The layers as Keras classes, under the names that TensorFlow Probability gave them."""

from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.layers import (
    autoregressive,
    autoregressive_transform,
    convolution,
    dense,
    dense_variational,
    distribution_lambda,
    embedding,
    recurrent,
    util,
    variable,
)
from bayeslayers.layers.util import (
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
    trainable_normal_fn,
)

FAMILY = {
    name: layer
    for module in (
        convolution,
        dense,
        embedding,
        recurrent,
        dense_variational,
        variable,
        distribution_lambda,
        autoregressive,
        autoregressive_transform,
    )
    for name, layer in vars(module).items()
    if "function_name" in vars(layer if isinstance(layer, type) else object)
}
"""Every layer of the family by its name: a class in one of the modules is all that it takes."""

# TensorFlow Probability has each convolution under two names.
_ALIASES = {
    name.replace("Conv", "Convolution", 1): layer
    for name, layer in FAMILY.items()
    if name.startswith("Conv")
}

globals().update({**FAMILY, **_ALIASES})

__all__ = [
    "FAMILY",
    "VariationalLayer",
    "default_mean_field_normal_fn",
    "default_multivariate_normal_fn",
    "trainable_normal_fn",
    "util",
    *FAMILY,
    *_ALIASES,
]
