"""The libraries that are compared: how each builds a row's model, and trains it step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import numpy as np
from devices import clock, on_accelerator, wait_for
from rows import BLOCK, CLASSES, Row

LEARNING_RATE = 1e-3
DRAWS, INPUTS = 100, 1000
_RNG_SEED = 1

Steps = Callable[[int], list[float]]
"""Trains for a number of steps (or epochs), and returns the seconds that each took."""


def example_data(row: Row, outputs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets: of one batch, or of all examples of an epoch."""
    rng = np.random.default_rng(_RNG_SEED)
    n = row.examples or row.batch
    inputs = rng.normal(size=(n, *row.example)).astype("float32")
    return inputs, rng.normal(size=(n, *outputs)).astype("float32")


def predictive_network(library: Any) -> Any:
    """Return the network of which predictions are drawn: two convolutions and a dense layer."""
    layers = library.keras.layers
    return library.keras.Sequential(
        [
            layers.Input((24, 3)),
            library.layer("Conv1D", "Flipout", filters=16, kernel_size=3, activation="relu"),
            library.layer("Conv1D", "Flipout", filters=32, kernel_size=5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            library.layer("Dense", "Flipout", units=2),
        ]
    )


class Library(ABC):
    """A library whose layers are timed."""

    packages: tuple[str, ...]

    @abstractmethod
    def trainer(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> Steps:
        """Make the model of a row, and return what trains it."""

    def measures(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> bool:
        """Whether the library has a model of the row's kind, and is measured in this way."""
        del row, estimator, dtype, jit
        return True

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that matter."""
        return {name: metadata.version(name) for name in self.packages}

    def clear(self) -> None:  # noqa: B027 - most libraries hold none
        """Forget what global state holds of earlier models."""

    def normals(self, count: int) -> dict[str, Callable[[], Any]]:
        """Return the ways to draw `count` normals, each ready to call."""
        raise NotImplementedError

    def network_trainer(self, name: str) -> Steps:
        """Make one of the networks of `networks.py`, and return what trains it."""
        raise NotImplementedError

    def caller(self, row: Row) -> Callable[[], Any]:
        """Return what calls the row's layer with a batch, outside of compiled steps."""
        raise NotImplementedError

    def drawer(self) -> Callable[[], Any]:
        """Return what draws 100 times from the predictive distribution of 1,000 inputs."""
        raise NotImplementedError


class KerasLike(Library):
    """What is trained with `fit()`, fed from one batch that lies in memory.

    Times are those between batches.
    """

    keras: Any

    @abstractmethod
    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """Return a layer, with untouched defaults."""

    @abstractmethod
    def policy(self, dtype: str) -> Any:
        """Set the dtype policy."""

    @property
    def backend(self) -> str:
        """The name of Keras's backend."""
        return self.keras.backend.backend()

    def measures(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> bool:
        """See `Library.measures`; a processor compares XLA and dtypes on TensorFlow alone."""
        is_default = jit == "default" and (dtype == "float32" or on_accelerator())
        return self.backend == "tensorflow" or is_default

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
        self.policy(dtype)
        model = self.model(row, estimator)
        compiled = {} if jit == "default" else {"jit_compile": jit}
        optimizer = self.keras.optimizers.SGD(LEARNING_RATE)
        model.compile(optimizer, loss="mse", **compiled)
        data = example_data(row, model.output_shape[1:])
        return self._epochs(model, row, *data) if row.examples else self._batches(model, *data)

    def _batches(self, model: Any, *batch: np.ndarray) -> Steps:
        if self.backend == "tensorflow":
            import tensorflow as tf

            batches = tf.data.Dataset.from_tensors(batch).cache().repeat().prefetch(2)
            return self._watched(model, lambda: batches)
        tensors = tuple(map(self.keras.ops.convert_to_tensor, batch))
        return self._watched(model, lambda: _endless(tensors))

    def _watched(self, model: Any, data: Callable[[], Any]) -> Steps:
        backend = self.backend

        class Watch(self.keras.callbacks.Callback):
            def on_train_begin(self, logs: Any = None) -> None:
                self.ends = []

            # On a processor, Keras waits for the numbers of the step before it calls this.
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                wait_for(backend, logs)
                self.ends.append(clock())

        watch = Watch()

        def steps(count: int) -> list[float]:
            # The first of the call also starts the iterator; it is not counted.
            how = {"steps_per_epoch": count + 1, "shuffle": False, "verbose": 0}
            model.fit(data(), callbacks=[watch], **how)
            return np.diff(watch.ends).tolist()

        return steps

    def _epochs(self, model: Any, row: Row, *examples: np.ndarray) -> Steps:
        inputs, targets = examples
        data = {"x": inputs, "y": targets, "batch_size": row.batch, "shuffle": False}
        if self.backend == "tensorflow":
            import tensorflow as tf

            batches = tf.data.Dataset.from_tensor_slices(examples).batch(row.batch).cache()
            data = {"x": batches.prefetch(tf.data.AUTOTUNE)}

        def epochs(count: int) -> list[float]:
            times = []
            for _ in range(count):
                start = clock()
                model.fit(**data, verbose=0)
                times.append(clock() - start)
            return times

        return epochs

    def clear(self) -> None:
        """See `Library.clear`."""
        self.keras.backend.clear_session()


def _endless(batch: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    while True:
        yield batch


class Deterministic(KerasLike):
    """Keras 3's own layers, on the backend of the process."""

    def __init__(self) -> None:
        import keras

        self.keras = keras

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages whose versions matter."""
        return ("keras", "numpy", self.backend)

    def policy(self, dtype: str) -> None:
        """See `KerasLike.policy`."""
        self.keras.config.set_dtype_policy(dtype)

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        return getattr(self.keras.layers, kind)(**arguments)

    def normals(self, count: int) -> dict[str, Callable[[], Any]]:
        """See `Library.normals`."""
        from normals import WAYS

        return WAYS[self.backend](count)

    def network(self, name: str) -> Any:
        """Return a network of `networks.py`, as this library trains it."""
        from networks import PLAIN_NETWORKS, adapt_by_keras

        plain = PLAIN_NETWORKS[name]()
        return plain if name == BLOCK else adapt_by_keras(plain)

    def network_trainer(self, name: str) -> Steps:
        """See `Library.network_trainer`."""
        from networks import BATCH

        model = self.network(name)
        model.compile(self.keras.optimizers.SGD(LEARNING_RATE), loss="mse")
        rng = np.random.default_rng(_RNG_SEED)
        shapes = (model.input_shape, model.output_shape)
        batch = [rng.normal(size=(BATCH, *shape[1:])).astype("float32") for shape in shapes]
        return self._batches(model, *batch)

    def caller(self, row: Row) -> Callable[[], Any]:
        """See `Library.caller`."""
        layer = self.layer(row.layer, "Flipout", **row.arguments)
        inputs = self.keras.ops.convert_to_tensor(example_data(row, ())[0])
        return lambda: self.keras.ops.convert_to_numpy(layer(inputs))


class Bayeslayers(Deterministic):
    """This package's layers."""

    def versions(self) -> dict[str, str]:
        """See `Library.versions`; the package may lie on the path without being installed."""
        from bayeslayers import __version__

        return {"bayeslayers": __version__, **super().versions()}

    def layer(self, kind: str, estimator: str, **arguments: Any) -> Any:
        """See `KerasLike.layer`."""
        from bayeslayers import layers

        return getattr(layers, kind + estimator)(**arguments)

    def network(self, name: str) -> Any:
        """See `Deterministic.network`."""
        from networks import PLAIN_NETWORKS, RANK

        from bayeslayers import as_bayesian

        how = {} if name == BLOCK else {"estimator": "lora", "rank": RANK}
        return as_bayesian(PLAIN_NETWORKS[name](), **how)

    def drawer(self) -> Callable[[], Any]:
        """See `Library.drawer`."""
        from bayeslayers import predict_draws

        model = predictive_network(self)
        inputs = np.random.default_rng(_RNG_SEED).normal(size=(INPUTS, 24, 3)).astype("float32")
        return lambda: predict_draws(model, inputs, draws=DRAWS, verbose=0)


class TensorFlowProbability(KerasLike):
    """TensorFlow Probability's layers, with the Keras 2 that they need."""

    packages = ("tensorflow-probability", "tf-keras", "tensorflow")
    backend = "tensorflow"

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


LIBRARIES = {
    "keras": Deterministic,
    "bayeslayers": Bayeslayers,
    "tf_keras": DeterministicTfKeras,
    "tfp": TensorFlowProbability,
}
