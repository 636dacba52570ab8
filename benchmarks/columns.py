"""The columns of the table: a library on a backend each, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices import environment

HERE = Path(__file__).parent
FROM_R = {"R": "", "R, closure": "closure"}


@dataclass(frozen=True)
class Column:
    """A library on a backend.

    Args:
        library: The library's name, as worker.py has it.
        backend: Keras's backend in its process.
        title: What the table calls it.
        needs: The modules that must be installed.
    """

    library: str
    backend: str
    title: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


COLUMNS = {
    "keras": Column("keras", "tensorflow", "Keras, TF", ("tensorflow",)),
    "bayeslayers": Column("bayeslayers", "tensorflow", "ours, TF", ("tensorflow",)),
    "tf_keras": Column("tf_keras", "tensorflow", "tf_keras", ("tf_keras",)),
    "tfp": Column("tfp", "tensorflow", "TFP", ("tf_keras", "tensorflow_probability")),
    "keras, jax": Column("keras", "jax", "Keras, JAX", ("jax",)),
    "bayeslayers, jax": Column("bayeslayers", "jax", "ours, JAX", ("jax",)),
    "keras, torch": Column("keras", "torch", "Keras, torch", ("torch",)),
    "bayeslayers, torch": Column("bayeslayers", "torch", "ours, torch", ("torch",)),
    "loop": Column("bayeslayers in a loop", "torch", "ours, loop", ("torch",)),
    "bayesian-torch": Column("bayesian-torch", "torch", "bayesian-torch", ("bayesian_torch",)),
}
"""By the names that results have them under. The last two are trained in a loop of PyTorch's."""

PLAIN = {"tensorflow": "keras", "jax": "keras, jax", "torch": "keras, torch"}
OURS = {"tensorflow": "bayeslayers", "jax": "bayeslayers, jax", "torch": "bayeslayers, torch"}


class Worker:
    """The process of a column, or of the network from R."""

    def __init__(self, name: str) -> None:
        variables = {**os.environ, **environment(), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if name in FROM_R:
            variables |= {"RETICULATE_PYTHON": sys.executable, "KERAS_BACKEND": "tensorflow"}
            command = ["Rscript", str(HERE / "worker.R"), FROM_R[name]]
        else:
            variables["KERAS_BACKEND"] = COLUMNS[name].backend
            command = [sys.executable, str(HERE / "worker.py"), COLUMNS[name].library]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=variables,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": "the process ended"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def start_workers(names: list[str]) -> tuple[dict[str, Worker], dict[str, str]]:
    """Return a worker for each column that can run, and the versions of what runs there.

    Says of every other column why it is left out.
    """
    workers, versions = {}, {}
    for name in names:
        missing = ", ".join(COLUMNS[name].missing)
        if missing:
            print(f"Left out: {COLUMNS[name].title}, for which {missing} is not installed.")
            continue
        worker = Worker(name)
        answer = worker.ask("versions")
        if "error" in answer:
            print(f"Left out: {COLUMNS[name].title}: {answer['error']}.")
            worker.close()
        else:
            workers[name] = worker
            versions |= answer["versions"]
    return workers, versions
