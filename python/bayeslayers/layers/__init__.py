"""The layers as Keras classes, under the names that TensorFlow Probability gave them."""

from bayeslayers.layers import util
from bayeslayers.layers.convolution import Conv1DFlipout
from bayeslayers.layers.util import default_mean_field_normal_fn, default_multivariate_normal_fn
from bayeslayers.layers.variational import VariationalLayer

Convolution1DFlipout = Conv1DFlipout

__all__ = [
    "Conv1DFlipout",
    "Convolution1DFlipout",
    "VariationalLayer",
    "default_mean_field_normal_fn",
    "default_multivariate_normal_fn",
    "util",
]
