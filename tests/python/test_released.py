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

import bayeslayers

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


@every()
def test_a_file_of_a_released_version_gives_what_it_gave(row, release):
    expected = json.loads((release / "expected.json").read_text(encoding="ascii"))
    if row.name not in expected:
        pytest.skip("the layer is newer than the version")
    model = keras.saving.load_model(release / f"{row.name}.keras")
    inputs = row.geometry.inputs(np.random.default_rng(3))
    divergence, outputs = expected[row.name]["divergence"], expected[row.name]["outputs"]
    model(inputs)
    np.testing.assert_allclose(sum(model.losses), divergence, rtol=1e-5)
    found = bayeslayers.as_deterministic(model)(inputs)
    np.testing.assert_allclose(found, outputs, rtol=1e-4, atol=1e-6)


def test_no_layer_of_a_released_version_is_missing(release):
    expected = json.loads((release / "expected.json").read_text(encoding="ascii"))
    assert expected.keys() <= {row.name for row in ROWS}
