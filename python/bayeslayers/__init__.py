"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

# The backend first: it refuses a Keras that runs on another one.
from bayeslayers import backend, layers, pictures, shim, tfp  # noqa: F401
from bayeslayers._version import __version__
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions import constructors as _constructors
from bayeslayers.distributions import verbs as _distributions
from bayeslayers.models import FUNCTIONS as _MODEL_FUNCTIONS
from bayeslayers.models.inference_data import as_inference_data
from bayeslayers.pictures import (
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
