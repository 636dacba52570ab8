"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

from bayeslayers._backend import require_tensorflow

require_tensorflow()

from bayeslayers import layers, pictures, shim, tfp  # noqa: E402
from bayeslayers._version import __version__  # noqa: E402
from bayeslayers.contract.errors import ArgumentError  # noqa: E402
from bayeslayers.contract.functions import layer_function  # noqa: E402
from bayeslayers.distributions import constructors as _constructors  # noqa: E402
from bayeslayers.distributions import functions as _distributions  # noqa: E402
from bayeslayers.inference_data import as_inference_data  # noqa: E402
from bayeslayers.models import FUNCTIONS as _MODEL_FUNCTIONS  # noqa: E402
from bayeslayers.pictures import (  # noqa: E402
    plot_bands,
    plot_posterior,
    plot_reliability,
    plot_training,
)

# `layer_conv_1d_flipout` and its kin: a function for every class of the family. `tfd_sample` and
# its kin: the verbs of distributions. `predict_draws` and its kin: the verbs of models.
_FUNCTIONS = {
    **{layer.function_name: layer_function(layer) for layer in layers.FAMILY.values()},
    **_distributions.FUNCTIONS,
    **_MODEL_FUNCTIONS,
}
globals().update(_FUNCTIONS)


def __getattr__(name: str) -> object:
    """Make `tfd_normal` and its kin when first asked for, which takes an import of seconds."""
    if name not in _constructors.CONSTRUCTORS:
        raise AttributeError(f"module 'bayeslayers' has no attribute {name!r}")
    globals()[name] = _constructors.constructor(name)
    return globals()[name]


__all__ = [
    "ArgumentError",
    "__version__",
    "as_inference_data",
    "layers",
    "pictures",
    "plot_bands",
    "plot_posterior",
    "plot_reliability",
    "plot_training",
    "shim",
    "tfp",
    *_FUNCTIONS,
    *_constructors.CONSTRUCTORS,
]
