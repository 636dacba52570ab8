"""Read the pages in vignettes/ as notebooks for Python: the R half of them is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import bayeslayers

if TYPE_CHECKING:
    from nbformat import NotebookNode

_HEADER = re.compile(r"\A---\n(.*?)^---\n", re.M | re.S)
_CHUNK = re.compile(r"^```\{(\w+).*?\}\n(.*?)^```\n", re.M | re.S)
_PAGE = re.compile(r"\[([^\]]+)\]\(([\w-]+)\.html\)")
_FUNCTION = re.compile(r"`(\w+)\(\)`")


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each chunk, and of the prose between them.

    Args:
        text: A page in R Markdown.

    Yields:
        Pairs such as `("r", code)`; the language of the prose is "markdown".
    """
    text = _HEADER.sub("", text)
    end = 0
    for chunk in _CHUNK.finditer(text):
        yield "markdown", text[end : chunk.start()].strip()
        yield chunk[1], chunk[2].strip()
        end = chunk.end()
    yield "markdown", text[end:].strip()


def notebook(text: str) -> NotebookNode:
    """Make a page a notebook: its title, its prose and its Python chunks.

    Args:
        text: A page in R Markdown.

    Returns:
        The notebook, not yet run.
    """
    from nbformat import v4

    title = re.search(r'^title: "(.*)"$', text, re.M)[1]
    cells = [v4.new_markdown_cell(f"# {title}")]
    for language, part in parts(text):
        if language == "markdown" and part:
            cells.append(v4.new_markdown_cell(_linked(part)))
        elif language == "python":
            cells.append(v4.new_code_cell(part))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    return v4.new_notebook(cells=cells, metadata=kernel)


def _linked(prose: str) -> str:
    """Turn links to other pages and names of functions into Sphinx's."""

    def page(link: re.Match[str]) -> str:
        return f"{{doc}}`{' '.join(link[1].split())} </pages/{link[2]}>`"

    def function(name: re.Match[str]) -> str:
        is_ours = name[1] in bayeslayers.__all__
        return f"{{py:obj}}`{name[1]}() <bayeslayers.{name[1]}>`" if is_ours else name[0]

    prose = _FUNCTION.sub(function, prose)
    return _PAGE.sub(page, prose)
