"""Bad input gets an error that names the same argument, rule and value in R and in Python."""

import json

import pytest
from languages import (
    PARITY,
    as_expected,
    assert_same_error,
    error_from_python,
    error_from_r,
    read_cases,
)

CASES, ARGUMENTS = read_cases("errors.json")


@pytest.mark.parametrize("case", CASES)
def test_same_argument_rule_and_value(r, case, file_regression):
    arguments = ARGUMENTS[case]
    in_python, in_r = error_from_python(arguments), error_from_r(r, arguments)
    assert in_r["call"] == "layer_conv_1d_flipout"
    assert_same_error(in_python, in_r, arguments)
    path = PARITY / "expected" / f"{case.replace(' ', '-')}-error.json"
    expected = json.dumps(as_expected(in_python, in_r), indent=1)
    file_regression.check(expected + "\n", fullpath=path)
