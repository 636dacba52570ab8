"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

# The backend first: it refuses a Keras that runs on another one.
from bayeslayers import backend, layers, models, pictures, shim, tfp  # noqa: F401
from bayeslayers._version import __version__
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import PUBLIC as _PUBLIC
from bayeslayers.contract.functions import layer_function
from bayeslayers.distributions import constructors as _constructors
from bayeslayers.distributions import verbs as _verbs  # noqa: F401

# `layer_conv_1d_flipout` and its kin: a function for every class of the family. `tfd_sample`,
# `predict_draws`, `plot_bands` and their kin: what the modules define with a docstring.
_FUNCTIONS = {
    **{layer.function_name: layer_function(layer) for layer in layers.FAMILY.values()},
    **_PUBLIC,
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
    "layers",
    "pictures",
    "shim",
    "tfp",
    *_FUNCTIONS,
    *_constructors.CONSTRUCTORS,
]
