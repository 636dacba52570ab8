"""What is handed to PyPI and CRAN: metadata that agree, and packages that install by themselves.

Where BAYESLAYERS_SOAK is set, wheel and sdist are built and installed into an empty environment,
which takes minutes and asks pip's index.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = Path("inst/python/bayeslayers")

tomllib = pytest.importorskip("tomllib", reason="reads TOML from Python 3.11 on")

# A layer that draws, on the backend that takes least to install.
USE = """
import sys

import bayeslayers
import keras
import numpy as np

assert sys.prefix in bayeslayers.__file__, bayeslayers.__file__
layer = bayeslayers.layer_dense_flipout(units=2)
outputs = layer(np.ones((4, 3), "float32"))
(divergence,) = layer.losses
assert outputs.shape == (4, 2) and float(divergence) > 0
print(bayeslayers.__version__, keras.backend.backend())
"""


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def description():
    """Return the fields of DESCRIPTION, each in one line."""
    text = re.sub(r"\n +", " ", (ROOT / "DESCRIPTION").read_text(encoding="utf-8"))
    return dict(line.split(": ", 1) for line in text.splitlines())


def shown_on_pypi(readme):
    """Return the README as the build puts it into the metadata."""
    hooks = project()["tool"]["hatch"]["metadata"]["hooks"]
    for each in hooks["fancy-pypi-readme"]["substitutions"]:
        readme = re.sub(each["pattern"], each["replacement"], readme)
    return readme


def test_both_languages_name_the_same_addresses():
    urls, fields = project()["project"]["urls"], description()
    assert fields["URL"] == urls["Homepage"]
    assert fields["BugReports"] == urls["Issues"]
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())


def test_the_r_package_carries_the_core_where_git_makes_no_links():
    """On Windows, a link is a text file that holds its target."""
    assert not any((ROOT / each).is_symlink() for each in [PACKAGE, *PACKAGE.parents[:-1]])
    entries = run("git", "ls-files", "--stage").splitlines()
    links = [Path(line.split("\t")[1]) for line in entries if line.startswith("120000")]
    ignored = (ROOT / ".Rbuildignore").read_text(encoding="utf-8").split()
    for link in links:
        folders = [each.as_posix() for each in (link, *link.parents)]
        assert any(re.search(pattern, each) for pattern in ignored for each in folders), link


def test_both_languages_have_the_same_version_and_licence():
    version = (ROOT / PACKAGE / "_version.py").read_text(encoding="utf-8")
    assert f'"{description()["Version"]}"' in version
    assert project()["project"]["license"] == "Apache-2.0"
    assert description()["License"] == "Apache License (>= 2)"


def test_the_citation_names_the_authors_and_the_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (author,) = project()["project"]["authors"]
    assert f'name: "{author["name"]}"' in citation
    assert f"version: {description()['Version']}\n" in citation
    assert f'url: "{project()["project"]["urls"]["Homepage"]}"' in citation


def test_links_in_the_readme_work_where_no_file_lies_beside_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", shown_on_pypi(readme))
    assert links
    assert all(link.startswith(("https://", "#")) for link in links)
    # In the repository they are the files.
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).is_file()


def run(*command, **environment):
    """Return what a command prints; fail with its error if it does not end well."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(
        [str(each) for each in command],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def new_environment(folder):
    """Make an environment that holds nothing but pip, and return its Python."""
    run(sys.executable, "-m", "venv", folder)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python, *arguments):
    return run(python, "-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return wheel and sdist, the wheel made from the sdist as `pip install` makes it."""
    if not os.environ.get("BAYESLAYERS_SOAK"):
        pytest.skip("takes minutes: `make soak` runs it")
    folder = tmp_path_factory.mktemp("built")
    python = new_environment(folder / "builder")
    requirements = project()["build-system"]["requires"]
    try:
        pip(python, "install", "--retries", "0", "--timeout", "20", *requirements)
    except AssertionError as error:
        pytest.skip(f"no index of packages can be reached to build with: {str(error)[-300:]}")
    run(python, "-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    (sdist,) = folder.glob("*.tar.gz")
    pip(python, "wheel", "--no-deps", "--wheel-dir", folder, sdist)
    (wheel,) = folder.glob("*.whl")
    return wheel, sdist


def files_of_the_package():
    """Return the files under git's care that the package consists of."""
    found = run("git", "ls-files", PACKAGE).split()
    return {Path(name).relative_to(PACKAGE.parent).as_posix() for name in found}


def test_the_wheel_holds_the_package_and_nothing_else(built):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith("dist-info/METADATA")]
        fields = message_from_bytes(archive.read(metadata))
    of_metadata = {name for name in names if ".dist-info/" in name}
    assert names - of_metadata == files_of_the_package()
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["License-File"] == "LICENSE"
    urls = project()["project"]["urls"]
    assert set(fields.get_all("Project-URL")) == {f"{name}, {url}" for name, url in urls.items()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert fields.get_payload().strip() == shown_on_pypi(readme).strip()


def test_the_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(built):
    _, sdist = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    of_package = {name for name in names if name.startswith(f"{PACKAGE.as_posix()}/")}
    assert of_package == set(run("git", "ls-files", PACKAGE).split())
    further = names - of_package
    of_hatchling = {"PKG-INFO", ".gitignore", "pyproject.toml"}
    assert further == {*of_hatchling, "LICENSE", "NEWS.md", "README.md"}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_installs_and_runs_in_an_empty_environment(built, kind, tmp_path):
    wheel, sdist = built
    python = new_environment(tmp_path / "environment")
    pip(python, "install", f"{wheel if kind == 'wheel' else sdist}[jax]")
    said = run(python, "-c", USE, KERAS_BACKEND="jax").split()
    assert said == [description()["Version"], "jax"]
