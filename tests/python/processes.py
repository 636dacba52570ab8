"""Run a few lines in a new Python process."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import keras

import bayeslayers

PACKAGE_ROOT = Path(bayeslayers.__file__).parents[1]


def environment_with(**further):
    """Return the environment of a process that can import `bayeslayers`, on this backend.

    Args:
        further: Variables to set, or to leave out where they are `None`.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    if keras.backend.backend() != "tensorflow":
        inherited["KERAS_BACKEND"] = keras.backend.backend()
    path = os.pathsep.join([str(PACKAGE_ROOT), inherited.get("PYTHONPATH", "")])
    variables = {**inherited, "PYTHONPATH": path, **further}
    return {name: value for name, value in variables.items() if value is not None}


def run_python(code, **environment):
    """Return the completed process of `code`, with `bayeslayers` importable."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment_with(**environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def without(*packages):
    """Return code for the beginning of a process, in which packages are as if not installed."""
    return f"""
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec


def find_others(name, path=None, target=None):
    return None if name.split(".")[0] in {packages} else find_spec(name, path, target)


PathFinder.find_spec = find_others
"""


def output_of(code, **environment):
    """Return what `code` prints; fail with its error if it does not end well."""
    process = run_python(code, **environment)
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def free_port():
    """Return the number of a port that nobody listens to."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
