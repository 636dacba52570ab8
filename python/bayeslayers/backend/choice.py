"""Which backends of Keras there is a package for; all others are refused before one is imported."""

from __future__ import annotations

import os

SUPPORTED = ("tensorflow", "jax", "torch")
"""Each has a package of its name in this room."""

# The backends of Keras that have to be installed; NumPy is there in any case.
_INSTALLED = ("tensorflow", "jax", "torch", "openvino")
_RULE = (
    'bayeslayers runs on Keras with the "tensorflow" backend, and `KERAS_BACKEND` must be unset or '
    '"tensorflow" before `keras` is imported. Received: {received}'
)


class BackendError(ImportError):
    """Keras runs, or would run, on a backend that is not supported."""


def require_supported() -> None:
    """Check the backend that Keras was told to use, and the one it uses.

    Raises:
        BackendError: If it is not supported.
    """
    # Asked for by name, another backend may not even be installed: say so before Keras fails on it.
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in SUPPORTED:
        raise BackendError(_RULE.format(received=f"KERAS_BACKEND={backend!r}"))
    try:
        import keras
    except ModuleNotFoundError as error:
        # Keras fails to import the backend that its configuration file names.
        if error.name not in set(_INSTALLED) - set(SUPPORTED):
            raise
        received = f"a Keras configuration file that asks for {error.name!r}"
        raise BackendError(_RULE.format(received=received)) from error
    if keras.backend.backend() not in SUPPORTED:
        received = f"Keras already running on {keras.backend.backend()!r}"
        raise BackendError(_RULE.format(received=received))
