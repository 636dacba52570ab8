"""One process that holds Python and R: rpy2 runs R, and reticulate joins this very interpreter."""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import bayeslayers

PARITY = Path(__file__).parents[1] / "testthat" / "parity"

# reticulate must take the interpreter that it finds itself in.
os.environ["RETICULATE_PYTHON"] = sys.executable


def read_cases(name):
    """Return the cases that both languages read, as pytest parameters."""
    cases = json.loads((PARITY / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case.replace(" ", "-")) for case in cases], cases


def read_family():
    """Return what every other layer of the family is compared with, by function."""
    return json.loads((PARITY / "family.json").read_text(encoding="utf-8"))


def spell_in_r(value):
    """Spell a Python value the way an R user would type it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (list, tuple)):
        return f"c({', '.join(map(spell_in_r, value))})"
    return json.dumps(value)


def spell_arguments(arguments):
    return ", ".join(f"{name} = {spell_in_r(value)}" for name, value in arguments.items())


def example_inputs(shape=(2, 6, 6), vocabulary=None):
    """Inputs whose length and channels agree, so that they serve both data formats."""
    if vocabulary is not None:
        return (np.arange(np.prod(shape)) % vocabulary).reshape(shape)
    return np.sin(np.arange(np.prod(shape), dtype="float64")).reshape(shape)


def layer_from_python(arguments, function="layer_conv_1d_flipout"):
    return getattr(bayeslayers, function)(**arguments, seed=7, name="layer")


def layer_from_r(r, arguments, function="layer_conv_1d_flipout"):
    return r.python_object(f'{function}({spell_arguments(arguments)}, seed = 7, name = "layer")')


def outputs_and_losses(layer, inputs):
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    return outputs, np.array([float(loss) for loss in layer.losses])


def error_from_python(arguments, function="layer_conv_1d_flipout"):
    with pytest.raises(bayeslayers.ArgumentError) as caught:
        getattr(bayeslayers, function)(**arguments)
    return caught.value


def error_from_r(r, arguments, function="layer_conv_1d_flipout"):
    return r.json(f"""
        condition <- tryCatch(
          {function}({spell_arguments(arguments)}),
          bayeslayers_argument_error = identity
        )
        c(
          list(message = conditionMessage(condition), call = deparse(condition$call[[1]])),
          unclass(condition)[c("argument", "rule", "hint")],
          list(received = as.list(condition$received))
        )
    """)


def assert_same_error(in_python, in_r, arguments):
    """Compare argument, rule and hint, and the values in each language's own spelling."""
    assert in_r["argument"] == in_python.argument
    assert in_r["rule"] == in_python.rule
    assert in_r["hint"] == in_python.hint
    assert sorted(in_r["received"] or []) == sorted(in_python.received)
    for name in in_python.received:
        if name in arguments:
            assert in_r["received"][name] == spell_in_r(arguments[name])
            assert spell_in_r(arguments[name]) in in_r["message"]


def as_expected(in_python, in_r):
    """Return what the file of expected values holds of an error."""
    return {
        "argument": in_python.argument,
        "rule": in_python.rule,
        "hint": in_python.hint,
        "received_in_r": in_r["received"] or {},
        "message_in_python": str(in_python),
    }


class R:
    """Runs R code, and hands Python objects that live in R over to Python."""

    def __init__(self):
        rinterface = pytest.importorskip("rpy2.rinterface", exc_type=ImportError)
        robjects = pytest.importorskip("rpy2.robjects", exc_type=ImportError)
        # Ending R while TensorFlow's threads are alive aborts the process.
        atexit.unregister(rinterface.endr)
        self.run = robjects.r
        self.run("suppressPackageStartupMessages(library(bayeslayers))")
        self.run('keras <- reticulate::import("keras")')
        # All at once, when one is first looked at.
        self.run("""
            help_pages <- local({
              pages <- NULL
              function() {
                if (is.null(pages)) pages <<- tools::Rd_db("bayeslayers")
                pages
              }
            })
        """)

    def has(self, package):
        """Whether R has a package that is only suggested."""
        return self.json(f'requireNamespace("{package}", quietly = TRUE)')

    def python_object(self, code):
        """Return the Python object that an R expression evaluates to."""
        self.run(f"""
            .value <- {{{code}}}
            main <- reticulate::import_main(convert = FALSE)
            reticulate::py_set_attr(main, "value_from_r", .value)
        """)
        return sys.modules["__main__"].value_from_r

    def assign(self, name, value):
        """Hand a Python value over to R, as R has it."""
        sys.modules["__main__"].value_for_r = value
        self.run(f'{name} <- reticulate::import_main()[["value_for_r"]]')

    def numbers(self, code):
        """Return the array that an R expression evaluates to, in full precision."""
        return np.asarray(self.python_object(f"reticulate::np_array({code})"))

    def error(self, code):
        """Return the message of the R error that an R expression raises."""
        return self.text(f"""
            condition <- tryCatch({{{code}}}, bayeslayers_argument_error = identity)
            gsub("[[:space:]]+", " ", conditionMessage(condition))
        """)

    def text(self, code):
        """Return the one string that an R expression evaluates to."""
        return str(self.run(code)[0])

    def json(self, code):
        """Return the value of an R expression as JSON tells it."""
        return json.loads(
            self.text(f"jsonlite::toJSON({{{code}}}, auto_unbox = TRUE, null = 'null')")
        )
