"""Save models of every layer as this version writes it, for all later ones to load.

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
from releases import models  # noqa: E402


def saved(model: keras.Model, inputs: Any, path: Path) -> dict[str, Any]:
    """Save a model, whole and its weights alone; return its divergence and its outputs."""
    for variable in model.trainable_variables:
        # So narrow that the outputs are those of the means, whatever a later version draws.
        if variable.path.endswith("untransformed_scale"):
            variable.assign(keras.ops.full_like(variable, -50.0))
    model.save(f"{path}.keras")
    model.save_weights(f"{path}.weights.h5")
    # Of the layers themselves: a plain twin would hide what it gets wrong.
    outputs = model(inputs)
    return {"divergence": float(sum(model.losses)), "outputs": np.asarray(outputs).tolist()}


def saved_models(row: Row, folder: Path) -> dict[str, Any]:
    """Save all models of a layer; return what each gives, by the names of the files."""
    keras.utils.set_random_seed(1)
    inputs = row.geometry.inputs(np.random.default_rng(3))
    return {name: saved(model, inputs, folder / name) for name, model in models(row).items()}


def packed(folder: Path) -> str:
    """Return all files as one text: base64 of a compressed archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return base64.encodebytes(stream.getvalue()).decode("ascii")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    expected = {name: gives for row in ROWS for name, gives in saved_models(row, folder).items()}
    (folder / "expected.json").write_text(json.dumps(expected), encoding="ascii")
    target = TESTS / "released" / f"{bayeslayers.__version__}.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(packed(folder), encoding="ascii")
    print(f"{target.name}: {target.stat().st_size} bytes")
