"""The R session that all tests share, and fresh seeds for each of them."""

import keras
import pytest
from languages import R


@pytest.fixture(scope="session")
def r():
    return R()


@pytest.fixture(autouse=True)
def _fresh_seeds():
    keras.utils.set_random_seed(1)
