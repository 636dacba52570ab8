"""Docstrings are taken apart as they are written, and made whole for both languages."""

import importlib
import inspect
import re
import typing
from pathlib import Path

import pytest

import bayeslayers
from bayeslayers.contract.arguments import Argument
from bayeslayers.contract.docstrings import Docstring, parse
from bayeslayers.contract.functions import PUBLIC, public_function
from bayeslayers.contract.references import REFERENCES
from bayeslayers.distributions.constructors import CONSTRUCTORS

FUNCTIONS = [name for name in bayeslayers.__all__ if inspect.isroutine(getattr(bayeslayers, name))]

WHOLE = """Draw from a model's predictive distribution.

        f_d(x) = model(x; w_d),
            d = 1, ..., draws

    Each draw is one
    function: `f`.

    Draws are independent.

    Args:
        x: Inputs, which
            may be: an array.
        **kwargs: Others.

    Returns:
        A NumPy
        array.

    Raises:
        ArgumentError: If an argument
            breaks a rule.
        ImportError: If ArviZ is not installed.

    Example:
        >>> for i in range(2):
        ...     print(i)
        0
        1

    R example:
        f <- function(x) {
          x
        }

    R details:
        One.

        Two.

    Reference:
        Guo et al. (2017). And
            others (2018).

    A paragraph may
    come late.
    """


def test_every_part_is_found():
    found = parse(WHOLE)
    assert found == Docstring(
        title="Draw from a model's predictive distribution",
        formula="f_d(x) = model(x; w_d),\n    d = 1, ..., draws",
        details=(
            "Each draw is one function: `f`.",
            "Draws are independent.",
            "A paragraph may come late.",
        ),
        arguments={"x": "Inputs, which may be: an array.", "**kwargs": "Others."},
        returns="A NumPy array.",
        raises={
            "ArgumentError": "If an argument breaks a rule.",
            "ImportError": "If ArviZ is not installed.",
        },
        python_example=">>> for i in range(2):\n...     print(i)\n0\n1",
        r_example="f <- function(x) {\n  x\n}",
        r_details=("One.", "Two."),
        reference=found.reference,
    )
    assert found.reference.startswith("Guo, C., Pleiss, G.,")
    assert found.reference.endswith("1706.04599 And others (2018).")


@pytest.mark.parametrize(
    "text", [None, "", "Title.", "Title.\n\n    formula\n\nReturns:\n    It.", "Title.\n\nText."]
)
def test_parts_may_be_missing(text):
    found = parse(text)
    assert found.title == ("Title" if text else "")
    assert found.formula == ("formula" if text and "formula" in text else "")
    assert found.details == (("Text.",) if text and "Text" in text else ())
    assert found.parts().keys() <= {"title", "formula", "details", "returns", "own_prose"}


def test_the_parts_of_a_class_are_those_of_its_page():
    class Layer:
        """Layer of weights.

        Args:
            units: How many.

        Reference:
            A book.
        """

    assert parse(Layer.__doc__).parts() == {
        "title": "Layer of weights",
        "own_prose": {"units": "How many."},
        "reference": "A book.",
    }


@pytest.mark.parametrize(
    "name",
    ["default_mean_field_normal_fn", "trainable_normal_fn", "default_multivariate_normal_fn"],
)
def test_plain_docstrings_have_the_same_parts(name):
    maker = getattr(bayeslayers.tfp.layers.util, name)
    found = parse(maker.__doc__)
    assert found.arguments.keys() == inspect.signature(maker).parameters.keys()
    assert found.returns
    assert found.raises
    assert found.python_example
    assert found.reference


@pytest.mark.parametrize(
    "text",
    [
        "Title.\n\nArgs:\n    x: One.\n\nArgs:\n    y: Two.",
        "Title.\n\nArgument:\n    x: One.",
        "Title.\n\nArgs:\n    One, without a name.",
        "Title.\n\nArgs:\n        x: One.\n    Two, without a name.",
    ],
)
def test_a_mistake_is_refused(text):
    with pytest.raises(ValueError, match=r"A docstring has|An entry of a docstring"):
        parse(text)


@pytest.fixture
def registered(monkeypatch):
    """The registry of public functions, which forgets what the test adds to it."""
    monkeypatch.setattr("bayeslayers.contract.functions.PUBLIC", {})


TABLE = {"x": Argument("Inputs."), "draws": Argument("How many."), "**kwargs": Argument("Others.")}


def documented_function(x, draws=1, **kwargs):
    """Draws of a function.

    A paragraph.

    Args:
        draws: How many of them.

    Returns:
        An array.

    Raises:
        ArgumentError: If it is wrong.

    Example:
        >>> 1
        1

    R example:
        1

    R details:
        For R alone.

    Reference:
        Guo et al. (2017).
    """


@pytest.mark.usefixtures("registered")
def test_a_docstring_is_completed_from_the_table_and_keeps_what_is_its_own():
    decorated = public_function(TABLE, notes=("A note.",))(documented_function)
    lines = inspect.getdoc(decorated).splitlines()
    assert lines[:6] == ["Draws of a function.", "", "A paragraph.", "", "A note.", ""]
    assert lines[6:10] == [
        "Args:",
        "    x: Inputs.",
        "    draws: How many of them.",
        "    **kwargs: Others.",
    ]
    assert not [line for line in lines if "R example" in line or "R alone" in line]
    assert decorated.page.r_details == ("For R alone.",)
    assert decorated.page.reference == REFERENCES["Guo et al. (2017)"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("table", [{"x": TABLE["x"]}, {}])
def test_an_argument_that_nothing_documents_is_refused(table):
    with pytest.raises(ValueError, match="are not documented"):
        public_function(table)(documented_function)


@pytest.mark.usefixtures("registered")
def test_an_argument_that_the_function_does_not_have_is_refused():
    def function(x):
        """Title.

        Args:
            y: An argument of another function.
        """

    with pytest.raises(ValueError, match="names other arguments than"):
        public_function(TABLE)(function)


@pytest.mark.usefixtures("registered")
def test_without_docstrings_a_function_is_the_same_but_for_its_page():
    def function(x):
        return x

    decorated = public_function(TABLE)(function)
    assert decorated(1) == 1
    assert not hasattr(decorated, "page")


def test_the_registry_holds_the_public_functions():
    assert set(PUBLIC) <= set(bayeslayers.__all__)
    assert {"predict_draws", "tfd_sample", "plot_bands", "as_inference_data"} <= set(PUBLIC)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_types_of_a_public_function_can_be_read(name):
    function = getattr(bayeslayers, name)
    hints = typing.get_type_hints(function)
    # Those of TensorFlow Probability's constructors have no types.
    if name not in CONSTRUCTORS:
        assert hints.keys() == {*inspect.signature(function).parameters, "return"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_documentation_is_in_words_and_names_every_argument(name):
    function = getattr(bayeslayers, name)
    text = inspect.getdoc(function)
    assert not re.search(r"\{[a-z]+\}", text.split("Example:")[0])
    prose = re.sub(r"`[^`]*`", "", "\n".join(re.findall(r"^\S.*", text, re.M)))
    # Sphinx would look for a text to put there.
    assert not re.search(r"\|\S([^|]*\S)?\|", prose)
    found = re.search(r"^Args:\n(.*?)^Returns:", text, re.M | re.S)[1]
    # R's pages would link to a page of that name.
    assert not re.search(r"\[\w+\]", prose + re.sub(r"`[^`]*`", "", found))
    named = re.findall(r"^    ([\w*]+):", found, re.M)
    of_signature = [f"{p}".split(":")[0] for p in inspect.signature(function).parameters.values()]
    assert named == [argument.split("=")[0] for argument in of_signature]


def test_every_phrase_that_r_says_in_its_own_words_is_in_a_page(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
    phrases = importlib.import_module("generate_r").PHRASES
    pages = [getattr(bayeslayers, name) for name in FUNCTIONS]
    text = " ".join(inspect.getdoc(function) for function in pages)
    unused = [phrase for phrase in phrases if phrase not in " ".join(text.split())]
    assert not unused
