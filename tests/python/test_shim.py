"""What R's numbers and functions are in Python."""

import keras
import numpy as np
import pytest
from frameworks import assert_array_equal
from keras import ops

from bayeslayers import tfd_log_prob, tfd_normal
from bayeslayers.shim import Numbers, RClosure, call

FLOATS = ("float16", "float32", "float64")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("values", [0.1, 1, [0.1, 1.0], [1, 2], np.full((3, 2), 0.1)], ids=str)
def test_numbers_take_the_dtype_of_what_is_beside_them(values, dtype):
    tensor = ops.ones((3, 2), dtype)
    normal = call(tfd_normal, loc=Numbers(values), scale=tensor)
    assert_array_equal(normal.loc, np.asarray(values, dtype))
    assert normal.dtype == dtype
    assert call(tfd_log_prob, distribution=normal, value=Numbers(values)).dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_alone_are_of_floatx(dtype, monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", lambda: dtype)
    assert call(tfd_normal, loc=Numbers([0.1, 0.2]), scale=Numbers(1)).dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_in_a_function_are_of_the_dtype_it_was_called_with(dtype):
    def function(tensor):
        return [call(tfd_normal, loc=Numbers(0.0), scale=Numbers(1.0)), Numbers([0.1, 0.2]), None]

    normal, numbers, nothing = RClosure(function, "activation")(ops.ones(2, dtype))
    assert normal.dtype == numbers.dtype == dtype
    assert nothing is None
    # And not any longer when it has returned.
    assert call(tfd_normal, loc=Numbers(0.0), scale=Numbers(1.0)).dtype == "float32"


def test_what_a_function_returns_is_left_alone():
    tensor = ops.ones(2)
    returned = [tensor, {"a": tensor, "b": (None, "text", True)}]
    seen = RClosure(lambda: returned, "activation")()
    assert seen == returned
    assert seen[0] is tensor


def test_arguments_are_handed_over_by_their_places():
    assert RClosure(lambda a, b: (a, b), "initializer")(1, dtype=2) == (1, 2)


def test_an_error_names_the_argument():
    def divide(tensor):
        return 1 / 0

    with pytest.raises(RuntimeError) as caught:
        RClosure(divide, "activation")(1)
    expected = "The function `activation` failed: ZeroDivisionError: division by zero"
    assert str(caught.value) == expected
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_no_closed_form_stays_what_callers_know_it_by():
    def refuse(*args):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        RClosure(refuse, "kernel_divergence_fn")()
