"""The Python half of the site: the pages, run, and the reference from the docstrings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayeslayers

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "bayeslayers"
author = copyright = "bayeslayers maintainers"  # noqa: A001
version = release = bayeslayers.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
templates_path = ["templates"]
exclude_patterns = ["pages/*.csv"]

# The pages are those of the R half, in R Markdown.
nb_custom_formats = {".Rmd": "pages.notebook"}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
# TensorFlow tells of the processor there.
nb_output_stderr = "remove"

# The functions are made at import, and those of `__all__` that are lazy at first use.
autosummary_ignore_module_all = False
autosummary_imported_members = True
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_custom_sections = [("Reference", "references")]

html_theme = "furo"
html_title = f"bayeslayers {version} for Python"
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False


def show_formula(
    _app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Mark the formula below the first line of a docstring as text to be left as it is."""
    if len(lines) > 2 and lines[2].startswith("    "):  # noqa: PLR2004
        lines[1:1] = ["", "::"]


def setup(app: Sphinx) -> None:
    """Have it done before napoleon reads the docstrings."""
    app.connect("autodoc-process-docstring", show_formula, priority=400)
