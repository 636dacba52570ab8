"""What every test starts from: fixed seeds, and no policy left behind by the test before it."""

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fixed_start():
    keras.utils.set_random_seed(20230817)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def inputs(rng):
    """A batch of four series of ten steps and three channels."""
    return rng.normal(size=(4, 10, 3)).astype("float32")
