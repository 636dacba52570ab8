"""Docstrings are taken apart as they are written."""

import pytest

from bayeslayers.contract.docstrings import Docstring, parse

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
    """


def test_every_part_is_found():
    found = parse(WHOLE)
    assert found == Docstring(
        title="Draw from a model's predictive distribution",
        formula="f_d(x) = model(x; w_d),\n    d = 1, ..., draws",
        details=("Each draw is one function: `f`.", "Draws are independent."),
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
    "text",
    [
        "Title.\n\nArgs:\n    x: One.\n\nArgs:\n    y: Two.",
        "Title.\n\nArgument:\n    x: One.",
        "Title.\n\nArgs:\n    One, without a name.",
    ],
)
def test_a_mistake_is_refused(text):
    with pytest.raises(ValueError, match=r"A docstring has|An entry of a docstring"):
        parse(text)
