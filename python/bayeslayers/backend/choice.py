"""Refuse any other backend than TensorFlow before it is imported."""

from __future__ import annotations

import os

_RULE = (
    'bayeslayers runs on Keras with the "tensorflow" backend, and `KERAS_BACKEND` must be unset or '
    '"tensorflow" before `keras` is imported. Received: {received}'
)
# What Keras fails to import where its configuration file names another backend.
_OTHER_BACKENDS = ("jax", "openvino", "torch")


class BackendError(ImportError):
    """Keras runs, or would run, on another backend than TensorFlow."""


def require_tensorflow() -> None:
    """Check the backend that Keras was told to use, and the one it uses.

    Raises:
        BackendError: If it is not TensorFlow.
    """
    # Asked for by name, another backend may not even be installed: say so before Keras fails on it.
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise BackendError(_RULE.format(received=f"KERAS_BACKEND={backend!r}"))
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name not in _OTHER_BACKENDS:
            raise
        received = f"a Keras configuration file that asks for {error.name!r}"
        raise BackendError(_RULE.format(received=received)) from error
    if keras.backend.backend() != "tensorflow":
        received = f"Keras already running on {keras.backend.backend()!r}"
        raise BackendError(_RULE.format(received=received))
