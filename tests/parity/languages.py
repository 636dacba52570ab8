"""One process that holds Python and R: rpy2 runs R, and reticulate joins this very interpreter."""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

PARITY = Path(__file__).parents[1] / "testthat" / "parity"

# reticulate must take the interpreter that it finds itself in.
os.environ["RETICULATE_PYTHON"] = sys.executable


def read_cases(name):
    """Return the cases that both languages read, as pytest parameters."""
    cases = json.loads((PARITY / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case.replace(" ", "-")) for case in cases], cases


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


def example_inputs():
    """Inputs whose length and channels agree, so that they serve both data formats."""
    return np.sin(np.arange(2 * 6 * 6, dtype="float64")).reshape(2, 6, 6)


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

    def python_object(self, code):
        """Return the Python object that an R expression evaluates to."""
        self.run(f"""
            .value <- {{{code}}}
            main <- reticulate::import_main(convert = FALSE)
            reticulate::py_set_attr(main, "value_from_r", .value)
        """)
        return sys.modules["__main__"].value_from_r

    def text(self, code):
        """Return the one string that an R expression evaluates to."""
        return str(self.run(code)[0])

    def json(self, code):
        """Return the value of an R expression as JSON tells it."""
        return json.loads(
            self.text(f"jsonlite::toJSON({{{code}}}, auto_unbox = TRUE, null = 'null')")
        )
