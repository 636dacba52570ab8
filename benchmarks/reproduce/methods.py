"""The methods that are compared: a row of the table each."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reproduce.data import Problem
from reproduce.scores import Mixture

Answer = Mixture | np.ndarray
DRAWS = 100  # of the weights, for an answer
MEMBERS = 5  # networks of an ensemble
COLD_VALUES, COLD_CLASSES = 0.5, 0.1
SAMPLES = 4  # draws in a step


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Args:
        title: What the table calls it.
        run: Trains on a problem with a seed and a number of steps, and returns the answer.
        networks: How many networks it trains, as a share of which the time goes.
        needs: The modules that must be installed, beside the package's own.
        is_of: What it can learn.
    """

    title: str
    run: Callable[[Problem, int, int], Answer]
    networks: int = 1
    needs: tuple[str, ...] = ()
    is_of: tuple[str, ...] = ("values", "classes")

    @property
    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def ours(
    problem: Problem, seed: int, steps: int, noise: str = "one", draws: int = DRAWS, **recipe: Any
) -> Answer:
    """Train by the recipe. `recipe` is what `fit_bayesian()` takes."""
    import keras

    from bayeslayers import fit_bayesian
    from reproduce import networks

    keras.utils.set_random_seed(seed)
    model = networks.bayesian(problem, noise)
    recipe = {"loss": networks.loss_of(problem), "verbose": 0, **recipe}
    size = {"epochs": problem.epochs(steps), "batch_size": problem.batch_size}
    fit_bayesian(model, problem.x, problem.y, **size, **recipe)
    return networks.answer(model, problem, draws, seed)


def ours_cold(problem: Problem, seed: int, steps: int) -> Answer:
    """Train by the recipe, with the divergence at a part of its weight."""
    cold = COLD_CLASSES if problem.classes else COLD_VALUES
    return ours(problem, seed, steps, temperature=cold)


def ours_of_x(problem: Problem, seed: int, steps: int) -> Answer:
    """Train by the recipe a network whose second output is the noise."""
    return ours(problem, seed, steps, "of x")


def ours_repeated(problem: Problem, seed: int, steps: int) -> Answer:
    """Train by the recipe, with several draws of the noise in each step."""
    return ours(problem, seed, steps, samples=SAMPLES)


def former(problem: Problem, seed: int, steps: int) -> Answer:
    """Train as the page of regression did: the noise is an output, and Adam's rate is constant.

    The rate is that of the recipe, so that nothing else differs but what the recipe adds. The page
    had twice as much, for a network of eight units: here it diverges.
    """
    how = {"decay": False, "annealing": 0.0, "clipnorm": None}
    return ours(problem, seed, steps, "of x", **how)


def plain(problem: Problem, seed: int, steps: int) -> Answer:
    """Train a network of Keras's own layers, as long and at the same decaying rate."""
    import keras

    from reproduce import networks
    from reproduce.recipe import fit_adam

    keras.utils.set_random_seed(seed)
    model = networks.plain(problem)
    size = {"epochs": problem.epochs(steps), "batch_size": problem.batch_size}
    fit_adam(model, problem.x, problem.y, **size, loss=networks.loss_of(problem), verbose=0)
    return networks.answer(model, problem)


def ensemble(
    one: Callable[[Problem, int, int], Answer], problem: Problem, seed: int, steps: int
) -> Answer:
    """Train several networks that differ in their seeds alone."""
    from reproduce import networks

    return networks.together([one(problem, MEMBERS * seed + k, steps) for k in range(MEMBERS)])


def tfp_layers(problem: Problem, seed: int, steps: int) -> Answer:
    """Train TensorFlow Probability's own layers, with as much of the recipe as it has."""
    from reproduce import tfp_networks

    return tfp_networks.train(problem, seed, steps, DRAWS)


METHODS = {
    "ours": Method("ours, the recipe", ours),
    "ours_cold": Method(
        f"ours, temperature {COLD_VALUES:g} (classes: {COLD_CLASSES:g})", ours_cold
    ),
    "ours_repeated": Method(f"ours, {SAMPLES} samples in a step", ours_repeated),
    "ours_of_x": Method("ours, noise that depends on x", ours_of_x, is_of=("values",)),
    "former": Method("ours, the page's former way", former),
    "plain": Method("plain network", plain),
    "plain_5": Method(
        f"{MEMBERS} plain networks", functools.partial(ensemble, plain), networks=MEMBERS
    ),
    "tfp": Method("TFP's own layers", tfp_layers, needs=("tf_keras", "tensorflow_probability")),
}
