"""The pages of the documentation: their two halves, and that the site lists all of them."""

import importlib.util
import re
from pathlib import Path

import pytest

import bayeslayers

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "vignettes").glob("*.Rmd"))


@pytest.fixture(scope="module")
def rmd():
    """docs/rmd.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("rmd", ROOT / "docs" / "rmd.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chunks(rmd, path, language):
    text = path.read_text(encoding="utf-8")
    return [part for found, part in rmd.parts(text) if found == language]


def test_a_page_falls_into_its_parts(rmd):
    text = '---\ntitle: "T"\n---\n\n```{r, echo = FALSE}\na\n```\n\nWords.\n\n```{python}\nb\n```\n'
    found = [part for part in rmd.parts(text) if part[1]]
    assert found == [("r", "a"), ("markdown", "Words."), ("python", "b")]


def test_a_notebook_holds_the_title_the_prose_and_the_python_chunks(rmd):
    text = (
        '---\ntitle: "T"\n---\n\n```{r}\na\n```\n\n'
        "Call `scale_kl()`, not `other()`: see [the\npage](kl-scaling.html).\n\n"
        "```{python}\nb\n```\n"
    )
    cells = [(cell.cell_type, cell.source) for cell in rmd.notebook(text).cells]
    assert cells == [
        ("markdown", "# T"),
        (
            "markdown",
            "Call {py:obj}`scale_kl() <bayeslayers.scale_kl>`, not `other()`: "
            "see {doc}`the page </pages/kl-scaling>`.",
        ),
        ("code", "b"),
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_code_in_both_languages_that_is_python_and_begins_with_the_set_up(rmd, path):
    first, *rest = chunks(rmd, path, "r")
    assert first == 'source("setup.R")'
    assert rest
    code = "\n".join(chunks(rmd, path, "python"))
    assert code
    compile(code, path.name, "exec")


@pytest.mark.parametrize("language", ["r", "python"])
def test_getting_started_takes_under_twenty_lines_to_a_plot(rmd, language):
    parts = chunks(rmd, ROOT / "vignettes" / "getting-started.Rmd", language)
    code = next(part for part in parts if "bayeslayers" in part)
    assert len([line for line in code.splitlines() if line.strip()]) < 20
    assert re.search("autoplot|plot_bands", code)


@pytest.mark.parametrize("file", ["_pkgdown.yml", "docs/index.md", "docs/landing.html"])
def test_the_site_lists_all_pages(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    missing = [path.stem for path in PAGES if not re.search(rf"\b{path.stem}\b", text)]
    assert PAGES
    assert not missing


def r_code(rmd):
    """Return the R code of all pages and examples, by file."""
    code = {path: "\n".join(chunks(rmd, path, "r")) for path in PAGES}
    code |= {path: path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*/*.R")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code[ROOT / "README.md"] = "\n".join(re.findall(r"^```r\n(.*?)^```$", readme, re.M | re.S))
    pages = [getattr(bayeslayers, name) for name in bayeslayers.__all__]
    return code | {f.__name__: f.page.r_example for f in pages if hasattr(f, "page")}


def test_no_code_in_r_takes_a_part_of_a_tensor_in_brackets(rmd):
    """Which part that is depends on the R packages that are loaded: "t[, 1]"."""
    found = []
    for place, code in r_code(rmd).items():
        tensors = {"t", *re.findall(r"(?:function|\\)\((\w+)\) *\{? *\w*tfd_", code)}
        indexed = rf"(?<![\w.$])(?:{'|'.join(sorted(tensors))})\[(?!\[)[^\]]*\]"
        found += [(str(place), part) for part in re.findall(indexed, code)]
    assert not found


def test_code_in_r_is_written_for_keras3(rmd):
    """Its verbs, to which a pipe leads, and R's numbers: no `model$fit(epochs = 10L)`."""
    methods = r"\$(?:compile|fit|evaluate|predict|save|save_weights|add)\("
    numbers = r"(?:epochs|batch|batch_size|verbose) (?:=|<-) \d+L\b"
    found = [
        (str(place), part)
        for place, code in r_code(rmd).items()
        for part in re.findall(rf"keras\$\w+|{methods}|{numbers}", code)
    ]
    assert not found
