"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

from bayeslayers._backend import require_tensorflow

require_tensorflow()

from bayeslayers import layers, shim, tfp  # noqa: E402
from bayeslayers._version import __version__  # noqa: E402
from bayeslayers.contract.errors import ArgumentError  # noqa: E402
from bayeslayers.contract.functions import layer_function  # noqa: E402
from bayeslayers.distributions import functions as _distributions  # noqa: E402

# `layer_conv_1d_flipout` and its kin: a function for every class of the family. `tfd_sample` and
# its kin: the verbs of distributions.
_FUNCTIONS = {
    **{layer.function_name: layer_function(layer) for layer in layers.FAMILY.values()},
    **_distributions.FUNCTIONS,
}
globals().update(_FUNCTIONS)

__all__ = [
    "ArgumentError",
    "__version__",
    "layers",
    "shim",
    "tfp",
    *_FUNCTIONS,
]
