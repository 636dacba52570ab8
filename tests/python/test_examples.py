"""The examples run, and their figures are as good as their READMEs say."""

import sys

import pytest
from examples import (
    AT_EVERY_CHANGE,
    FIGURES,
    ROOT,
    assert_good,
    figures_of,
    printed_in_readme,
    run_example,
)


def test_every_example_is_run():
    folders = {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()}
    assert folders == set(FIGURES)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.essential if name in AT_EVERY_CHANGE else ())
        for name in FIGURES
    ],
)
def test_figures_and_picture(name):
    picture = ROOT / "examples" / name / "output" / f"{name}-python.png"
    before = picture.stat().st_mtime if picture.exists() else 0
    line = run_example([sys.executable, f"examples/{name}/{name}.py"])
    assert_good(name, line)
    assert picture.stat().st_mtime > before
    # Another processor or version rounds differently, and training magnifies that.
    stated = figures_of(name, printed_in_readme(name))
    assert figures_of(name, line).keys() == stated.keys()
    assert_good(name, printed_in_readme(name))
