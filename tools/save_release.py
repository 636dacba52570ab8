"""Save a model of every layer as this version writes it, for all later ones to load.

Run it when a version is released: python tools/save_release.py
"""

import base64
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

import bayeslayers

TESTS = Path(__file__).resolve().parents[1] / "tests" / "python"
sys.path.insert(0, str(TESTS))

from family import ROWS, Row  # noqa: E402


def saved(row: Row, folder: Path) -> dict[str, Any]:
    """Save a model of the layer; return what it gives: its divergence, and outputs at the means."""
    inputs = row.geometry.inputs(np.random.default_rng(3))
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(inputs.shape[1:], dtype=inputs.dtype), row.layer()])
    model.save(folder / f"{row.name}.keras")
    outputs = bayeslayers.as_deterministic(model)(inputs)
    model(inputs)
    return {"divergence": float(sum(model.losses)), "outputs": np.asarray(outputs).tolist()}


def packed(folder: Path) -> str:
    """Return all files as one text: base64 of a compressed archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return base64.encodebytes(stream.getvalue()).decode("ascii")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    expected = {row.name: saved(row, folder) for row in ROWS}
    (folder / "expected.json").write_text(json.dumps(expected), encoding="ascii")
    target = TESTS / "released" / f"{bayeslayers.__version__}.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(packed(folder), encoding="ascii")
    print(f"{target.name}: {target.stat().st_size} bytes")
