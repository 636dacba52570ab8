"""The Python half of the site: the pages, run, and the reference from the docstrings."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.inspect import TypeAliasForwardRef, stringify_signature

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
nb_custom_formats = {".Rmd": "rmd.notebook"}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
# TensorFlow tells of the processor there.
nb_output_stderr = "remove"

# The functions are made at import, and those of `__all__` that are lazy at first use.
autosummary_ignore_module_all = False
autosummary_imported_members = True
default_role = "code"
# Beside each argument, and not in the signature, where they would hide its names.
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
# In `ArrayLike | None`, Sphinx shows how the alias is kept, and not its name.
TypeAliasForwardRef.__repr__ = lambda self: self.name
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_custom_sections = [("Reference", "references")]

html_theme = "furo"
html_title = f"bayeslayers {version} for Python"
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False


def lay_out(_app: Sphinx, _what: str, _name: str, _obj: Any, _: Any, lines: list[str]) -> None:
    """Keep a docstring's formula and what it returns as they are written."""
    if "Reference:" in lines:
        source = lines.index("Reference:") + 1
        lines[source:] = [f"    {line.strip()}".rstrip() for line in lines[source:]]
    if "Returns:" in lines:
        # Napoleon takes for a type what stands in front of a colon.
        first = lines.index("Returns:") + 1
        lines[first] = f"    : {lines[first].strip()}"
    # The formula is the first block that is indented, in front of the first section.
    sections = (place for place, line in enumerate(lines) if line in ("Args:", "Returns:"))
    prose = lines[: next(sections, len(lines))]
    formula = next((n for n, line in enumerate(prose) if line.startswith("    ")), None)
    if formula is not None:
        lines[formula:formula] = ["::", ""]


def show_signature(
    _app: Sphinx, what: str, _name: str, obj: Any, *_: Any
) -> tuple[str, None] | None:
    """Show the signature that a class declares: that of its `__new__` takes anything."""
    if what != "class":
        return None
    return stringify_signature(inspect.signature(obj), show_annotation=False), None


def setup(app: Sphinx) -> None:
    """Have the docstrings laid out before napoleon reads them."""
    app.connect("autodoc-process-signature", show_signature)
    app.connect("autodoc-process-docstring", lay_out, priority=400)
