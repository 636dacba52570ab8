"""An example gives the same figures from R as from Python."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "python"))

from examples import AT_EVERY_CHANGE, FIGURES, ROOT, assert_good, run_example

SOAK = "BAYESLAYERS_SOAK" in os.environ


@pytest.mark.parametrize("name", FIGURES if SOAK else AT_EVERY_CHANGE)
def test_same_figures_and_a_picture_of_its_own(name):
    picture = ROOT / "examples" / name / "output" / f"{name}-r.png"
    before = picture.stat().st_mtime if picture.exists() else 0
    rscript = shutil.which("Rscript") or os.path.join(os.environ["R_HOME"], "bin", "Rscript")
    commands = (
        [sys.executable, f"examples/{name}/{name}.py"],
        [rscript, f"examples/{name}/{name}.R"],
    )
    with ThreadPoolExecutor() as both:
        from_python, from_r = both.map(
            lambda command: run_example(command, RETICULATE_PYTHON=sys.executable), commands
        )
    assert_good(name, from_r)
    assert picture.stat().st_mtime > before
    assert from_r == from_python
