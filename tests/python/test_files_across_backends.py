"""Files of each backend are read on each: the same function, divergence, weights and seeds."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frameworks import BACKEND
from processes import environment_with

pytestmark = pytest.mark.soak  # six processes write and read before the first test

TESTS = Path(__file__).parent
ROOT = TESTS.parents[1]
MODELS = (
    "convolution",
    "recurrent",
    "words",
    "functions",
    "joint",
    "nested",
    "attention",
    "rank1",
    "adapted",
)


def interpreter_of(backend):
    """Return a Python that has the backend: this one, or one that `make` has set up; or `None`."""
    if importlib.util.find_spec(backend):
        return sys.executable
    environment = ROOT / (".venv-torch" if backend == "torch" else ".venv")
    is_ready = (environment / ".ready").exists()
    return str(environment / "bin" / "python") if is_ready else None


INTERPRETERS = {name: interpreter_of(name) for name in ("tensorflow", "jax", "torch")}
BACKENDS = [name for name, interpreter in INTERPRETERS.items() if interpreter]
# Pairs without PyTorch are tested where the tests run on another backend.
PAIRS = [
    (writer, reader)
    for writer in BACKENDS
    for reader in BACKENDS
    if BACKEND != "torch" or "torch" in (writer, reader)
]


def exchange(backend, *arguments):
    """Run `exchange.py` on a backend."""
    process = subprocess.run(
        [INTERPRETERS[backend], str(TESTS / "exchange.py"), *map(str, arguments)],
        env=environment_with(KERAS_BACKEND=backend),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that each backend has written, with what each backend has read in them."""
    folder = tmp_path_factory.mktemp("files")
    for backend in BACKENDS:
        (folder / backend).mkdir()
        exchange(backend, "write", folder / backend)
    for backend in BACKENDS:
        writers = [writer for writer, reader in PAIRS if reader == backend]
        exchange(backend, "read", *(folder / writer for writer in writers))
    return folder


@pytest.mark.parametrize("kind", ["keras", "weights"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_what_one_backend_writes_each_reads(writer, reader, name, kind, folder):
    """Also afterwards: after one more call the streams are at the same place."""
    written = np.load(folder / writer / f"{name}.npz")
    read = np.load(folder / writer / f"{name}-{kind}-{reader}.npz")
    assert sorted(read) == sorted(written)
    for what in written:
        if what.startswith(("weight", "streams")):
            np.testing.assert_array_equal(read[what], written[what], err_msg=what)
        elif what == "scale":
            # JAX holds it in single precision.
            rtol = 1e-7 if "jax" in (writer, reader) else 0
            np.testing.assert_allclose(read[what], written[what], rtol=rtol)
        else:
            # Each backend adds up in its own order, and one layer computes in half precision.
            rtol, atol = (0.02, 0.01) if (name, what) == ("nested", "mean") else (1e-5, 1e-5)
            np.testing.assert_allclose(
                read[what], written[what], rtol=rtol, atol=atol, err_msg=what
            )


def test_the_files_are_not_of_the_start(folder):
    """Otherwise nothing above could fail."""
    for backend in BACKENDS:
        for name in MODELS:
            report = np.load(folder / backend / f"{name}.npz")
            expected = 0.1 / 40 if name == "joint" else 1 / 40  # it has a weight of its own
            np.testing.assert_allclose(report["scale"], expected, rtol=1e-6)
            # Of a stream that only a build draws from, the place stays where it was.
            assert np.any(report["streams now"][:, 0] > 0)
            assert np.any(report["streams later"][:, 0] > report["streams now"][:, 0])
            assert report["total"] > 0
            assert np.any(report["mean"] != 0)
