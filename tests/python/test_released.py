"""Files that released versions wrote, which every later version loads."""

import base64
import io
import json
import re
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest
from family import ROWS, every
from frameworks import assert_allclose
from releases import models

RELEASED = Path(__file__).parent / "released"
NEWS = Path(__file__).parents[2] / "NEWS.md"
VERSIONS = sorted(path.stem for path in RELEASED.glob("*.txt"))


@pytest.fixture(scope="module", params=VERSIONS)
def release(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    content = base64.decodebytes((RELEASED / f"{request.param}.txt").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive.getnames():
            (folder / member).write_bytes(archive.extractfile(member).read())
    return folder


def test_there_are_files_of_every_version():
    versions = re.findall(r"^# bayeslayers (\S+)$", NEWS.read_text(encoding="utf-8"), re.MULTILINE)
    assert versions
    assert sorted(versions) == VERSIONS


def assert_gives(model, inputs, expected):
    assert_allclose(model(inputs), expected["outputs"], rtol=1e-4, atol=1e-5)
    assert_allclose(sum(model.losses), expected["divergence"], rtol=1e-5)


@every()
def test_files_of_a_released_version_give_what_they_gave(row, release, tmp_path):
    """Whole models and weights alone, also when they have been saved again."""
    expected = json.loads((release / "expected.json").read_text(encoding="ascii"))
    if row.name not in expected:
        pytest.skip("the layer is newer than the version")
    inputs = row.geometry.inputs(np.random.default_rng(3))
    for name, fresh in models(row).items():
        if name not in expected:
            continue
        loaded = keras.saving.load_model(release / f"{name}.keras")
        assert_gives(loaded, inputs, expected[name])
        fresh.load_weights(release / f"{name}.weights.h5")
        assert_gives(fresh, inputs, expected[name])
        loaded.save(tmp_path / "again.keras")
        assert_gives(keras.saving.load_model(tmp_path / "again.keras"), inputs, expected[name])
        clone = keras.models.clone_model(loaded)
        clone.set_weights(loaded.get_weights())
        assert_gives(clone, inputs, expected[name])


def test_no_model_of_a_released_version_is_missing(release):
    expected = json.loads((release / "expected.json").read_text(encoding="ascii"))
    assert expected.keys() <= {name for row in ROWS for name in models(row)}
