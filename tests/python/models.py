"""The small models and layers that many tests ask their questions about."""

import keras
import numpy as np

from bayeslayers import layer_conv_1d_flipout
from bayeslayers.layers import DenseFlipout, DistributionLambda

# Four examples for `linear()`.
X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def linear(units=2, last=None, *, layer=DenseFlipout, channels=3, seed=None, **arguments):
    """Return a model of one dense layer, which is linear under any one draw of its weights.

    Args:
        units: Number of outputs.
        last: What the model ends in: another layer, or a function that makes a distribution.
        layer: Class of the dense layer.
        channels: Number of inputs.
        seed: Lets the weights start from the same values in every such model.
        arguments: Further arguments of the layer.
    """
    if seed is not None:
        keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((channels,)), layer(units, **arguments)])
    if last is not None:
        model.add(last if isinstance(last, keras.Layer) else DistributionLambda(last))
    return model


def conv(**arguments):
    """Return a convolution of four filters, which sees three steps of a series at once."""
    return layer_conv_1d_flipout(filters=4, kernel_size=3, **arguments)
