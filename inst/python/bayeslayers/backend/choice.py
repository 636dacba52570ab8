"""Check that the backend on which Keras is to run is supported, and is installed.

Keras makes the choice alone, by `KERAS_BACKEND` or its configuration file, and never takes another
backend in place of one that is missing. So nothing is chosen here: what is missing is said, with
the line that helps.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

SUPPORTED = {
    "tensorflow": ("tensorflow", "tensorflow_probability", "tf_keras"),
    "jax": ("jax", "tensorflow_probability"),
    "torch": ("torch",),
}
"""Each has a package of its name in this room, an extra of its name, and needs these modules."""

_NAMES = ", ".join(f'"{name}"' for name in SUPPORTED)
_RULE = (
    f"bayeslayers runs on Keras with one of the backends {_NAMES}, and `KERAS_BACKEND` must be "
    "unset or one of them before `keras` is imported. Received: {received}"
)


class BackendError(ImportError):
    """Keras runs, or would run, on a backend that is not supported or not installed."""


class MissingBackendError(BackendError):
    """Keras would run on a backend that is not installed.

    Args:
        reason: What is missing.
        way_out: The lines that install it.
    """

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(f"{reason} {way_out}")
        # R's message has a way out of its own.
        self.reason = reason


def require_supported() -> None:
    """Check the backend that Keras was told to use, and the one it uses.

    Raises:
        BackendError: If it is not supported.
        MissingBackendError: If it is not installed.
    """
    # A backend that was chosen by name may not be installed: say so before Keras fails on it.
    named = os.environ.get("KERAS_BACKEND")
    if named and named not in SUPPORTED:
        raise BackendError(_RULE.format(received=f"KERAS_BACKEND={named!r}"))
    try:
        import keras
    except ModuleNotFoundError as error:
        configured = None if named else _configured()
        # The module that Keras fails to import may not be the backend's: for NumPy it imports JAX.
        if configured and configured not in SUPPORTED:
            received = f"a Keras configuration file that asks for {configured!r}"
            raise BackendError(_RULE.format(received=received)) from error
        if error.name in SUPPORTED:
            raise MissingBackendError(*_without_framework(error.name, named)) from error
        raise
    backend = keras.backend.backend()
    if backend not in SUPPORTED:
        raise BackendError(_RULE.format(received=f"Keras already running on {backend!r}"))
    missing = [name for name in SUPPORTED[backend] if not _is_installed(name)]
    if missing:
        raise MissingBackendError(*_without_libraries(backend, missing))


def _configured() -> str | None:
    """Return the backend that Keras's configuration file names, if there is one."""
    home = os.environ.get("KERAS_HOME")
    folder = Path(home).expanduser() if home else Path.home() / ".keras"
    try:
        return json.loads((folder / "keras.json").read_text()).get("backend")
    except (OSError, ValueError):
        return None


def _without_framework(backend: str, named: str | None) -> tuple[str, str]:
    """Return what helps where Keras would run on a backend whose framework is missing."""
    if named:
        reason = f"KERAS_BACKEND={named!r} asks for it"
    elif backend != "tensorflow":
        reason = "a Keras configuration file asks for it"
    else:
        return _without_default()
    return f"Keras is to run on {backend!r}, as {reason}, but it is not installed.", _line(backend)


def _without_default() -> tuple[str, str]:
    """Return what helps where nobody named a backend, and TensorFlow, the default, is missing."""
    others = [name for name in SUPPORTED if _is_installed(name)]
    if others:
        settings = " or ".join(f"KERAS_BACKEND={name}" for name in others)
        return (
            "Keras runs on 'tensorflow' unless it is told otherwise, but that is not installed.",
            f"Set {settings} in the environment before `keras` is imported: "
            f"{' and '.join(map(repr, others))} {'is' if len(others) == 1 else 'are'} installed. "
            f"For TensorFlow: {_install('tensorflow')}",
        )
    lines = "\n".join(f"  {_install(name)}" for name in SUPPORTED)
    return (
        "bayeslayers needs a backend of Keras, and none is installed.",
        f"One of these lines installs one:\n{lines}",
    )


def _without_libraries(backend: str, missing: list[str]) -> tuple[str, str]:
    """Return what helps where the framework is there, and a library of its extra is not."""
    return f"On {backend!r} bayeslayers needs {' and '.join(missing)}.", _line(backend)


def _line(backend: str) -> str:
    return f"This line installs what is missing: {_install(backend)}"


def _install(backend: str) -> str:
    return f"pip install 'bayeslayers[{backend}]'"


def _is_installed(module: str) -> bool:
    # A module that was put into `sys.modules` by hand has no specification.
    return sys.modules.get(module) is not None or find_spec(module) is not None
