"""Properties of every layer, over arguments, sizes and dtypes that hypothesis draws.

The examples are the same in every run: what fails once fails again. None is made smaller, which
would take minutes. Where BAYESLAYERS_SOAK is set there are twenty times as many.
"""

import os

import hypothesis.strategies as st
import numpy as np
import pytest
from family import CHANNELS, EINSUM, EMBEDDING, every, is_of_one_estimator
from frameworks import BACKEND
from hypothesis import Phase, given, settings
from shapes import assert_equals_keras, windows

SOME = settings(
    max_examples=300 if os.environ.get("BAYESLAYERS_SOAK") else 15,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
)
POLICIES = ("float32", "mixed_bfloat16", "bfloat16", "mixed_float16", "float16", "float64")


@st.composite
def calls(draw, geometry):
    """Return arguments of the layer, and the shape of its inputs without the batch."""
    if geometry is EINSUM:
        return dict(draw(st.sampled_from(({}, *geometry.variations)))), geometry.example
    if geometry.squares_inputs:
        arguments = dict(draw(st.sampled_from(({}, *geometry.variations))))
        return arguments, (draw(st.integers(1, 4)), CHANNELS)
    if geometry.rank > 0 and not geometry.recurrent and geometry is not EMBEDDING:
        arguments, sizes = draw(windows(geometry))
        return arguments, (*sizes, CHANNELS)
    arguments = dict(draw(st.sampled_from(({}, *geometry.variations))))
    if geometry.recurrent:
        # An unrolled layer has to know its steps.
        arguments.pop("unroll", None)
        return arguments, (draw(st.integers(1, 4)), CHANNELS)
    positions = draw(st.lists(st.integers(1, 3), max_size=3))
    return arguments, (*positions, *([] if geometry is EMBEDDING else [CHANNELS]))


@pytest.mark.doubles
@every(soon=is_of_one_estimator)
@SOME
@given(data=st.data())
def test_without_spread_it_equals_keras_layer_exactly(row, data):
    """Outputs, dtype and shapes: with any batch, also of one or none, and with unknown sizes."""
    arguments, example = data.draw(calls(row.geometry))
    # On a CPU, JAX has no attention in half precision, which ours computes in single.
    is_lacking = BACKEND == "jax" and row.geometry.squares_inputs
    policies = [each for each in POLICIES if not (is_lacking and "float16" in each.split("_"))]
    arguments["dtype"] = data.draw(st.sampled_from(policies))
    shape = (data.draw(st.sampled_from([0, 1, 3])), *example)
    rng = np.random.default_rng(5)
    if row.geometry is EMBEDDING:
        inputs = rng.integers(0, 4, size=shape).astype("int32")
    else:
        inputs = rng.normal(size=shape).astype("float32")
    assert_equals_keras(row, inputs, graph=data.draw(st.booleans()), **arguments)
