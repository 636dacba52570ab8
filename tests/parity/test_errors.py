"""Bad input gets an error that names the same argument, rule and value in R and in Python."""

import json

import pytest
from languages import PARITY, read_cases, spell_arguments, spell_in_r

import bayeslayers

CASES, ARGUMENTS = read_cases("errors.json")


def error_from_python(arguments):
    with pytest.raises(bayeslayers.ArgumentError) as caught:
        bayeslayers.layer_conv_1d_flipout(**arguments)
    return caught.value


def error_from_r(r, arguments):
    return r.json(f"""
        condition <- tryCatch(
          layer_conv_1d_flipout({spell_arguments(arguments)}),
          bayeslayers_argument_error = identity
        )
        c(
          list(message = conditionMessage(condition), call = deparse(condition$call[[1]])),
          unclass(condition)[c("argument", "rule", "hint")],
          list(received = as.list(condition$received))
        )
    """)


@pytest.mark.parametrize("case", CASES)
def test_same_argument_rule_and_value(r, case, file_regression):
    arguments = ARGUMENTS[case]
    in_python = error_from_python(arguments)
    in_r = error_from_r(r, arguments)
    assert in_r["call"] == "layer_conv_1d_flipout"
    assert in_r["argument"] == in_python.argument
    assert in_r["rule"] == in_python.rule
    assert in_r["hint"] == in_python.hint
    assert sorted(in_r["received"] or []) == sorted(in_python.received)
    for name in in_python.received:
        if name in arguments:
            assert in_r["received"][name] == spell_in_r(arguments[name])
            assert spell_in_r(arguments[name]) in in_r["message"]
    expected = {
        "argument": in_python.argument,
        "rule": in_python.rule,
        "hint": in_python.hint,
        "received_in_r": in_r["received"] or {},
        "message_in_python": str(in_python),
    }
    path = PARITY / "expected" / f"{case.replace(' ', '-')}-error.json"
    file_regression.check(json.dumps(expected, indent=1) + "\n", fullpath=path)
