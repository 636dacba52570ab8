"""The Python half of the site: the pages, run, and the reference from the docstrings."""

import sys
from pathlib import Path

import bayeslayers

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
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_custom_sections = [("Reference", "references")]

html_theme = "furo"
html_title = f"bayeslayers {version} for Python"
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
