"""The libraries that are compared: how each builds a row's model, and trains it step by step."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from rows import CLASSES, Row

LEARNING_RATE = 1e-3
_RNG_SEED = 1

Steps = Callable[[int], list[float]]
"""Trains for a number of steps (or epochs), and returns the seconds that each took."""


def example_data(row: Row, outputs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets: of one batch, or of all examples of an epoch."""
    rng = np.random.default_rng(_RNG_SEED)
    n = row.examples or row.batch
    inputs = rng.normal(size=(n, *row.example)).astype("float32")
    return inputs, rng.normal(size=(n, *outputs)).astype("float32")


class Library(ABC):
    """A library whose layers are timed."""

    packages: tuple[str, ...]

    @abstractmethod
    def trainer(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> Steps:
        """Make the model of a row, and return what trains it."""

    def measures(self, row: Row, estimator: str, dtype: str) -> bool:
        """Whether the library has a model of the row's kind."""
        del row, estimator, dtype
        return True

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that matter."""
        return {name: metadata.version(name) for name in self.packages}

    def clear(self) -> None:  # noqa: B027 - most libraries hold none
        """Forget what global state holds of earlier models."""

    def normals(self, count: int) -> dict[str, Callable[[], Any]]:
        """Return the ways to draw `count` normals, each ready to call."""
        raise NotImplementedError


class KerasLike(Library):
    """What is trained with `fit()`, fed from one cached batch; times are those between batches."""

    keras: Any

    @abstractmethod
    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """Return a layer, with untouched defaults."""

    @abstractmethod
    def policy(self, dtype: str) -> Any:
        """Set the dtype policy."""

    def model(self, row: Row, estimator: str) -> Any:
        """Return the row's model."""
        keras = self.keras
        if row.layer != "network":
            layers = [self.layer(row.layer, estimator, **row.arguments)]
        else:
            layers = [
                self.layer("Conv1D", estimator, filters=16, kernel_size=3, activation="relu"),
                self.layer("Conv1D", estimator, filters=32, kernel_size=5, activation="relu"),
                keras.layers.GlobalAveragePooling1D(),
                self.layer("Dense", estimator, units=CLASSES),
            ]
        return keras.Sequential([keras.layers.Input(row.example), *layers])

    def trainer(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> Steps:
        """See `Library.trainer`."""
        import tensorflow as tf

        self.policy(dtype)
        model = self.model(row, estimator)
        compiled = {} if jit == "default" else {"jit_compile": jit}
        optimizer = self.keras.optimizers.SGD(LEARNING_RATE)
        model.compile(optimizer, loss="mse", **compiled)
        inputs, targets = example_data(row, model.output_shape[1:])
        if row.examples:
            data = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(row.batch)
            data = data.cache().prefetch(tf.data.AUTOTUNE)
            return self._epochs(model, data)
        data = tf.data.Dataset.from_tensors((inputs, targets)).cache().repeat().prefetch(2)
        return self._batches(model, data)

    def _batches(self, model: Any, data: Any) -> Steps:
        class Watch(self.keras.callbacks.Callback):
            def on_train_begin(self, logs: Any = None) -> None:
                self.ends = []

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                self.ends.append(time.perf_counter())

        watch = Watch()

        def steps(count: int) -> list[float]:
            # The first of the call also starts the iterator; it is not counted.
            model.fit(data, steps_per_epoch=count + 1, verbose=0, callbacks=[watch])
            return np.diff(watch.ends).tolist()

        return steps

    def _epochs(self, model: Any, data: Any) -> Steps:
        def epochs(count: int) -> list[float]:
            times = []
            for _ in range(count):
                start = time.perf_counter()
                model.fit(data, verbose=0)
                times.append(time.perf_counter() - start)
            return times

        return epochs

    def clear(self) -> None:
        """See `Library.clear`."""
        self.keras.backend.clear_session()


class Deterministic(KerasLike):
    """Keras 3's own layers."""

    packages = ("keras", "tensorflow")

    def __init__(self) -> None:
        import keras

        self.keras = keras

    def policy(self, dtype: str) -> None:
        """See `KerasLike.policy`."""
        self.keras.config.set_dtype_policy(dtype)

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        return getattr(self.keras.layers, kind)(**arguments)

    def normals(self, count: int) -> dict[str, Callable[[], Any]]:
        """See `Library.normals`."""
        import tensorflow as tf

        from bayeslayers.backend import standard_normal

        seed, shape = tf.constant([1, 2]), (count,)
        ways = {
            "stateless_normal, Philox": lambda: tf.random.stateless_normal(
                shape, seed, alg="philox"
            ),
            "stateful normal": lambda: tf.random.normal(shape),
            "bayeslayers": lambda: standard_normal(shape, tf.float32, seed),
        }
        return {
            f"{name}, {how}": tf.function(way, jit_compile=jit)
            for name, way in ways.items()
            for how, jit in (("XLA", True), ("no XLA", False))
            if not (jit and name == "stateful normal")
        }


class Bayeslayers(Deterministic):
    """This package's layers."""

    packages = ("bayeslayers", "keras", "tensorflow", "tensorflow-probability")

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        from bayeslayers import layers

        return getattr(layers, kind + estimator)(**arguments)


class TensorFlowProbability(KerasLike):
    """TensorFlow Probability's layers, with the Keras 2 that they need."""

    packages = ("tensorflow-probability", "tf-keras", "tensorflow")

    def __init__(self) -> None:
        import tf_keras

        self.keras = tf_keras

    def policy(self, dtype: str) -> None:
        """See `KerasLike.policy`."""
        self.keras.mixed_precision.set_global_policy(dtype)

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        import tensorflow_probability as tfp

        return getattr(tfp.layers, kind.replace("Conv", "Convolution") + estimator)(**arguments)


class DeterministicTfKeras(TensorFlowProbability):
    """The own layers of the Keras 2 that TensorFlow Probability needs: what its `fit()` costs."""

    packages = ("tf-keras", "tensorflow")

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        return getattr(self.keras.layers, kind)(**arguments)


class BayesianTorch(Library):
    """The package bayesian-torch: Flipout alone, without XLA."""

    packages = ("bayesian-torch", "torch")
    layers: ClassVar = {"Conv1D": "Conv1dFlipout", "Dense": "LinearFlipout"}

    def measures(self, row: Row, estimator: str, dtype: str) -> bool:
        """See `Library.measures`."""
        return (estimator, dtype) == ("Flipout", "float32") and row.layer in self.layers

    def trainer(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> Steps:
        """See `Library.trainer`."""
        import torch
        from bayesian_torch import layers

        make = getattr(layers, self.layers[row.layer])
        channels, sizes = row.example[-1], list(row.arguments.values())
        layer = make(channels, *sizes)
        optimizer = torch.optim.SGD(layer.parameters(), LEARNING_RATE)
        shape = (row.example[0] - sizes[1] + 1, sizes[0]) if len(sizes) > 1 else (sizes[0],)
        inputs, targets = (torch.from_numpy(values) for values in example_data(row, shape))
        if row.layer == "Conv1D":
            # (batch, length, channels) -> (batch, channels, length)
            inputs, targets = (v.transpose(1, 2).contiguous() for v in (inputs, targets))

        def steps(count: int) -> list[float]:
            times = []
            for _ in range(count):
                start = time.perf_counter()
                optimizer.zero_grad()
                outputs, divergence = layer(inputs)
                loss = torch.nn.functional.mse_loss(outputs, targets) + divergence
                loss.backward()
                optimizer.step()
                times.append(time.perf_counter() - start)
            return times

        return steps


LIBRARIES = {
    "keras": Deterministic,
    "bayeslayers": Bayeslayers,
    "tf_keras": DeterministicTfKeras,
    "tfp": TensorFlowProbability,
    "torch": BayesianTorch,
}
