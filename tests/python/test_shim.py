"""What R's numbers and functions are in Python."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_array_equal
from keras import ops

from bayeslayers import tfd_log_prob, tfd_mean
from bayeslayers.shim import Numbers, RClosure, call

# JAX computes in double precision where it was told to before its first use.
FLOATS = ("float16", "float32", "float64") if BACKEND != "jax" else ("float16", "float32")


def normal(loc, scale):
    """A normal distribution of the backend's own library, made as R's functions make one."""
    if BACKEND == "torch":
        from torch.distributions import Normal

        def make(loc, scale):
            return Normal(ops.convert_to_tensor(loc, scale.dtype), scale)

        return call(make, loc=loc, scale=scale)
    from bayeslayers import tfd_normal

    return call(tfd_normal, loc=loc, scale=scale)


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("values", [0.1, 1, [0.1, 1.0], [1, 2], np.full((3, 2), 0.1)], ids=str)
def test_numbers_take_the_dtype_of_what_is_beside_them(values, dtype):
    distribution = normal(Numbers(values), ops.ones((3, 2), dtype))
    mean = tfd_mean(distribution)
    assert dtype_of(mean) == dtype
    assert_array_equal(mean, np.broadcast_to(np.asarray(values, dtype), (3, 2)))
    # Nothing is rounded on the way to a distribution.
    found = call(tfd_log_prob, distribution=distribution, value=Numbers(values))
    assert dtype_of(found) == dtype
    assert_array_equal(found, tfd_log_prob(distribution, mean))


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_alone_are_of_floatx(dtype, monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", lambda: dtype)
    assert dtype_of(tfd_mean(normal(Numbers([0.1, 0.2]), Numbers(1)))) == dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_in_a_function_are_of_the_dtype_it_was_called_with(dtype):
    def function(tensor):
        return [normal(Numbers(0.0), Numbers(1.0)), Numbers([0.1, 0.2]), None]

    distribution, numbers, nothing = RClosure(function, "activation")(ops.ones(2, dtype))
    assert dtype_of(tfd_mean(distribution)) == dtype_of(numbers) == dtype
    assert nothing is None
    # And not any longer when it has returned.
    assert dtype_of(tfd_mean(normal(Numbers(0.0), Numbers(1.0)))) == "float32"


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
