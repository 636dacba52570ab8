"""The names of Keras that the tests use and that are not public: this is their only place.

Both are where they are in all versions from 3.7 to 3.15. An import that fails here is Keras's
change, not a fault of the layers.
"""

import contextlib
import warnings

import keras

# `enable_unsafe_deserialization()` has no public function that takes it back.
from keras.src.backend.common.global_state import set_global_attribute

# Keras tests each of its own layers by it; nothing public checks a layer as a whole.
from keras.src.testing.test_case import TestCase


def run_layer_test(layer_class, **arguments):
    """Run Keras's own test of a layer: build, call, train, save, load, mixed precision."""
    with warnings.catch_warnings():
        # It trains on a generator, and so it trains a layer that has no weights.
        warnings.filterwarnings("ignore", "`shuffle=True` was passed", module="keras")
        warnings.filterwarnings("ignore", "The model does not have any trainable", module="keras")
        TestCase("run_layer_test").run_layer_test(layer_class, **arguments)


@contextlib.contextmanager
def unsafe_deserialization():
    """Allow Keras to load functions as code, until the block ends."""
    keras.config.enable_unsafe_deserialization()
    try:
        yield
    finally:
        set_global_attribute("safe_mode_saving", None)
