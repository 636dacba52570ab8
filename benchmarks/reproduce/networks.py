"""The protocol's networks: one hidden layer of relu units, plain or with a posterior."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

import bayeslayers as bl
from reproduce.data import Problem
from reproduce.scores import Mixture


def bayesian(problem: Problem, noise: str = "one", **layer: Any) -> keras.Sequential:
    """Return a network of Bayesian layers.

    Args:
        problem: What it shall learn.
        noise: "one": a standard deviation for all values is learnt. "of x": it is an output.
        layer: Further arguments of the layers.
    """
    return _of_layers(bl.layer_dense_flipout, problem, noise, **layer)


def rank1(problem: Problem, members: int) -> keras.Sequential:
    """Return a network of layers with rank-1 factors, with so many members."""
    return _of_layers(bl.layer_dense_rank1, problem, "one", ensemble_size=members)


class Tiles(keras.utils.PyDataset):
    """Batches in another order in each epoch, each of them as many times over as there are members.

    Args:
        problem: What is to be learnt.
        members: The number of members.
        seed: What the order follows from.
    """

    def __init__(self, problem: Problem, members: int, seed: int) -> None:
        super().__init__()
        self._problem, self._members = problem, members
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._problem.x) / self._problem.batch_size)

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        start, size = place * self._problem.batch_size, self._problem.batch_size
        of_batch = np.tile(self._order[start : start + size], self._members)
        return self._problem.x[of_batch], self._problem.y[of_batch]

    def on_epoch_end(self) -> None:
        """Shuffle the examples."""
        self._order = self._rng.permutation(len(self._problem.x))


def _of_layers(make: Any, problem: Problem, noise: str, **layer: Any) -> keras.Sequential:
    model = keras.Sequential([keras.Input(problem.x.shape[1:])])
    make(model, problem.hidden, activation="relu", **layer)
    make(model, _outputs(problem, noise), **layer)
    return _with_noise(model, problem, noise)


def plain(problem: Problem, noise: str = "one", decay: float | None = None) -> keras.Sequential:
    """Return a network of Keras's own layers.

    Args:
        problem: What it shall learn.
        noise: As for `bayesian`.
        decay: The factor of the squares of weights in the loss. None: there is no penalty.
    """
    penalty = None if decay is None else keras.regularizers.L2(decay)
    how = {"kernel_regularizer": penalty, "bias_regularizer": penalty}
    model = keras.Sequential(
        [
            keras.Input(problem.x.shape[1:]),
            keras.layers.Dense(problem.hidden, activation="relu", **how),
            keras.layers.Dense(_outputs(problem, noise), **how),
        ]
    )
    return _with_noise(model, problem, noise)


def _outputs(problem: Problem, noise: str) -> int:
    return problem.classes or {"one": 1, "of x": 2}[noise]


def _with_noise(model: keras.Sequential, problem: Problem, noise: str) -> keras.Sequential:
    if problem.classes:
        return model
    layer = {"one": bl.layer_homoscedastic_normal, "of x": bl.layer_independent_normal}[noise]
    return layer(model, event_shape=1)


def loss_of(problem: Problem) -> Any:
    """Return the negative log-likelihood of a problem, for `compile()`."""
    if problem.classes:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return lambda y, rv: -bl.tfd_log_prob(rv, y)


def answer(
    model: keras.Sequential, problem: Problem, draws: int | None = None, seed: int | None = None
) -> Mixture | np.ndarray:
    """Return what a network answers for the test inputs: a mixture of normals, or logits.

    Args:
        model: The network.
        problem: What it has learnt.
        draws: How many draws of the weights the answer is from. None: there is nothing to draw.
        seed: The seed of the draws.
    """
    network = model if problem.classes else keras.Sequential(model.layers[:-1])
    if draws is None:
        outputs = network.predict(problem.x_test, verbose=0)[None]
    else:
        outputs = bl.predict_draws(network, problem.x_test, draws=draws, seed=seed, verbose=0)
    outputs = np.asarray(outputs)
    if problem.classes:
        return outputs
    # (draws, m, outputs) becomes (draws * m, outputs), as the layer knows examples alone.
    rv = model.layers[-1](outputs.reshape(-1, outputs.shape[-1]))
    parts = (bl.tfd_mean(rv), bl.tfd_stddev(rv))
    return Mixture(*(keras.ops.convert_to_numpy(part).reshape(outputs.shape[:2]) for part in parts))


def together(answers: list[Mixture | np.ndarray]) -> Mixture | np.ndarray:
    """Return the answer of several networks, each as probable as the others."""
    if isinstance(answers[0], Mixture):
        mixtures = [each for each in answers if isinstance(each, Mixture)]
        loc = np.concatenate([each.loc for each in mixtures])
        return Mixture(loc, np.concatenate([each.scale for each in mixtures]))
    return np.concatenate([np.asarray(each) for each in answers])
