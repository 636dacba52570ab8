"""The code of the pages, to be run in tests as a user would run it."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "vignettes"


def blocks(page):
    """Return the blocks of Python code on a page: those that the page runs, and all others."""
    text = (PAGES / f"{page}.Rmd").read_text(encoding="utf-8")
    return re.findall(r"^```(?:\{python\}|python)\n(.*?)^```$", text, re.M | re.S)


def block_with(page, line):
    """Return the one block of Python code on a page that contains a line."""
    (found,) = [block for block in blocks(page) if re.search(rf"^{re.escape(line)}$", block, re.M)]
    return found
