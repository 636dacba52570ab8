"""Libraries that are trained in a loop as users of PyTorch write it, and not by `fit()`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from devices import clock, torch_device, wait_for
from libraries import LEARNING_RATE, Bayeslayers, Library, Steps, example_data
from rows import CLASSES, Row

Model = Callable[[Any], tuple[Any, Any]]
"""Returns outputs and the divergence from the prior."""


class Loop(Library):
    """A library with the loop that its steps are timed in."""

    backend = "torch"

    def measures(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> bool:
        """See `Library.measures`."""
        return (estimator, dtype, jit) == ("Flipout", "float32", "default")

    @abstractmethod
    def parts(self, row: Row) -> tuple[Model, list[Any], list[Any]]:
        """Return the row's model, its parameters, and its inputs and targets as tensors."""

    def trainer(self, row: Row, estimator: str, dtype: str, jit: bool | str) -> Steps:
        """See `Library.trainer`."""
        del estimator, dtype, jit
        model, parameters, data = self.parts(row)
        optimizer = torch.optim.SGD(parameters, LEARNING_RATE)

        def step(inputs: Any, targets: Any) -> None:
            optimizer.zero_grad()
            outputs, divergence = model(inputs)
            loss = torch.nn.functional.mse_loss(outputs, targets) + divergence
            loss.backward()
            optimizer.step()

        def timed(count: int) -> list[float]:
            times = []
            for _ in range(count):
                start = clock()
                for batch in _batches(data, row.batch):
                    step(*batch)
                wait_for("torch", ())
                times.append(clock() - start)
            return times

        return timed


def _batches(data: list[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Return the examples in batches: one of them, or those of an epoch."""
    return zip(*(tensor.split(size) for tensor in data), strict=True)


class LoopOfOurs(Loop):
    """This package's layers, which are modules of PyTorch there."""

    def __init__(self) -> None:
        self._library = Bayeslayers()

    def versions(self) -> dict[str, str]:
        """See `Library.versions`."""
        return self._library.versions()

    def parts(self, row: Row) -> tuple[Model, list[Any], list[Any]]:
        """See `Loop.parts`."""
        model, layers = self._network() if row.layer == "network" else self._layer(row)
        inputs, _ = example_data(row, ())
        # The first call makes the variables.
        shape = model(_tensor(inputs[:1])).shape[1:]

        def outputs(inputs: Any) -> tuple[Any, Any]:
            return model(inputs), sum(loss for layer in layers for loss in layer.losses)

        parameters = [variable.value for layer in layers for variable in layer.trainable_variables]
        return outputs, parameters, [_tensor(v) for v in example_data(row, shape)]

    def _layer(self, row: Row) -> tuple[Any, list[Any]]:
        layer = self._library.layer(row.layer, "Flipout", **row.arguments)
        return layer, [layer]

    def _network(self) -> tuple[Any, list[Any]]:
        first = self._library.layer("Conv1D", "Flipout", filters=16, kernel_size=3)
        second = self._library.layer("Conv1D", "Flipout", filters=32, kernel_size=5)
        last = self._library.layer("Dense", "Flipout", units=CLASSES)

        def network(inputs: Any) -> Any:
            values = torch.relu(second(torch.relu(first(inputs))))
            return last(values.mean(dim=1))

        return network, [first, second, last]


class BayesianTorch(Loop):
    """The package bayesian-torch."""

    packages = ("bayesian-torch", "torch")
    layers: ClassVar = {
        "Conv1D": "Conv1dFlipout",
        "Conv2D": "Conv2dFlipout",
        "Dense": "LinearFlipout",
    }

    def layer(self, kind: str, *sizes: int) -> Any:
        """Return a layer, with untouched defaults."""
        from bayesian_torch import layers

        return getattr(layers, self.layers[kind])(*sizes)

    def parts(self, row: Row) -> tuple[Model, list[Any], list[Any]]:
        """See `Loop.parts`."""
        if row.layer == "network":
            model: Any = Network(self.layer, row.example[-1])
        else:
            model = self.layer(row.layer, row.example[-1], *row.arguments.values())
        model = model.to(torch_device())
        # (n, ..., channels) -> (n, channels, ...), for both.
        inputs, _ = (_channels_first(values) for values in example_data(row, ()))
        with torch.no_grad():
            shape = model(inputs[:1])[0].shape[1:]
        rng = np.random.default_rng(0)
        targets = rng.normal(size=(len(inputs), *shape)).astype("float32")
        return model, list(model.parameters()), [inputs, _tensor(targets)]


def _channels_first(values: np.ndarray) -> Any:
    return _tensor(np.moveaxis(values, -1, 1).copy() if values.ndim > 1 else values)


def _tensor(values: np.ndarray) -> Any:
    return torch.from_numpy(values).to(torch_device())


class Network(torch.nn.Module):
    """The network of three layers.

    Args:
        layer: Returns the layer of a kind and its sizes.
        channels: The number of input channels.
    """

    def __init__(self, layer: Callable[..., Any], channels: int) -> None:
        super().__init__()
        self.first = layer("Conv1D", channels, 16, 3)
        self.second = layer("Conv1D", 16, 32, 5)
        self.last = layer("Dense", 32, CLASSES)

    def forward(self, inputs: Any) -> tuple[Any, Any]:
        """Return outputs and the divergence from the prior."""
        values, first = self.first(inputs)
        values, second = self.second(torch.relu(values))
        outputs, last = self.last(torch.relu(values).mean(dim=-1))
        return outputs, first + second + last


LOOPS = {"bayeslayers in a loop": LoopOfOurs, "bayesian-torch": BayesianTorch}
