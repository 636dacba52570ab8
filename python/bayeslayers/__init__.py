"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

from bayeslayers._backend import require_tensorflow

require_tensorflow()

from bayeslayers import layers, shim, tfp  # noqa: E402
from bayeslayers._version import __version__  # noqa: E402
from bayeslayers.contract.errors import ArgumentError  # noqa: E402
from bayeslayers.contract.functions import layer_function  # noqa: E402
from bayeslayers.distributions.functions import (  # noqa: E402
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_sample,
)

layer_conv_1d_flipout = layer_function(layers.Conv1DFlipout)

__all__ = [
    "ArgumentError",
    "__version__",
    "layer_conv_1d_flipout",
    "layers",
    "shim",
    "tfd_kl_divergence",
    "tfd_log_prob",
    "tfd_sample",
    "tfp",
]
