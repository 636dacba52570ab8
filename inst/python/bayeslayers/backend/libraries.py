"""The libraries of distributions, one of which goes with each backend."""

from __future__ import annotations

from typing import Any

import keras

_NAMES = {
    "tensorflow": "TensorFlow Probability",
    "jax": "TensorFlow Probability for JAX, which is `tfp` of bayeslayers",
    "torch": "`torch.distributions`",
}
"""The name that users know the backend's library by."""

_PACKAGES = {
    # The first prefix that the module of a class has names its library.
    "tensorflow_probability.substrates.jax.": "jax",
    "tensorflow_probability.": "tensorflow",
    "torch.distributions.": "torch",
}


def name_of_library() -> str:
    """Return what users call the library of distributions that goes with the backend."""
    return _NAMES[keras.backend.backend()]


def is_of_other_library(value: Any) -> bool:
    """Whether a value is a distribution that goes with another backend.

    What it computes is a constant to the framework below Keras, or no tensor at all.
    """
    modules = [kind.__module__ for kind in type(value).__mro__]
    for package, backend in _PACKAGES.items():
        if any(module.startswith(package) for module in modules):
            return backend != keras.backend.backend()
    return False
