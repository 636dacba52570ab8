"""The methods that are compared: a row of the table each."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reproduce.data import Problem
from reproduce.scores import Mixture, score_classes, score_values

Answer = Mixture | np.ndarray
DRAWS = 100  # of the weights, for an answer
MEMBERS = 5  # networks of an ensemble
COLD_VALUES, COLD_CLASSES = 0.5, 0.1
SAMPLES = 4  # draws in a step
PRECISIONS = (1.0, 10.0, 100.0)  # of a prior, from which one is chosen by examples held out
HELD_OUT = 0.2  # the share of these examples
RANK1_MEMBERS = 4  # of a network with rank-1 factors


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
    def is_ours(self) -> bool:
        """Whether the posterior is one of this package's."""
        return self.title.startswith("ours")

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


def rank1(problem: Problem, seed: int, steps: int) -> Answer:
    """Train by the recipe a network of rank-1 layers, every member on every example.

    Copies count as examples, so that each member has the divergence of its own factors.
    """
    import keras

    from bayeslayers import fit_bayesian
    from reproduce import networks

    keras.utils.set_random_seed(seed)
    model = networks.rank1(problem, RANK1_MEMBERS)
    tiles = networks.Tiles(problem, RANK1_MEMBERS, seed)
    how = {"loss": networks.loss_of(problem), "verbose": 0, "epochs": problem.epochs(steps)}
    fit_bayesian(model, tiles, **how)
    return networks.answer(model, problem, DRAWS, seed)


def former(problem: Problem, seed: int, steps: int) -> Answer:
    """Train as the page of regression did: the noise is an output, and Adam's rate is constant.

    The rate is that of the recipe, so that nothing else differs but what the recipe adds. The page
    had twice as much, for a network of eight units: here it diverges.
    """
    how = {"decay": False, "annealing": 0.0, "clipnorm": None}
    return ours(problem, seed, steps, "of x", **how)


def moped(problem: Problem, seed: int, steps: int) -> Answer:
    """Train a plain network for half of the steps, and for the others by the recipe from there."""
    from bayeslayers import as_bayesian, fit_bayesian
    from reproduce import networks

    model = as_bayesian(_trained(problem, seed, steps // 2), moped=True)
    size = {"epochs": problem.epochs(steps - steps // 2), "batch_size": problem.batch_size}
    fit_bayesian(model, problem.x, problem.y, loss=networks.loss_of(problem), verbose=0, **size)
    return networks.answer(model, problem, DRAWS, seed)


def plain(problem: Problem, seed: int, steps: int) -> Answer:
    """Train a network of Keras's own layers, as long and at the same decaying rate."""
    from reproduce import networks

    return networks.answer(_trained(problem, seed, steps), problem)


def laplace(problem: Problem, seed: int, steps: int) -> Answer:
    """Train a plain network with weight decay, and compute the posterior of its last layer.

    The precision of the prior, which is the weight decay, is the one with the best log score on
    examples that are held out, once the noise is recalibrated by them. With it the network learns
    from all examples, and its noise is recalibrated by the same factor: a plain network learns
    noise as small as what it leaves of the examples that it knows.
    """
    known, targets = problem.without_a_part(HELD_OUT, seed)

    def held_out(precision: float) -> tuple[float, float, float]:
        model = _laplace_of(known, seed, steps, precision)
        factor = _factor_of(model, known, targets, seed)
        answer = _recalibrated(model, known, seed, factor)
        scored = score_classes if isinstance(answer, np.ndarray) else score_values
        return scored(answer, targets)["log_score"], precision, factor

    _, precision, factor = max(map(held_out, PRECISIONS))
    return _recalibrated(_laplace_of(problem, seed, steps, precision), problem, seed, factor)


def _laplace_of(problem: Problem, seed: int, steps: int, precision: float) -> Any:
    """Return a network with the posterior of its last layer under a prior of this precision."""
    from bayeslayers import as_bayesian

    plain_model = _trained(problem, seed, steps, precision)
    how = {"prior_precision": precision, "outputs": "logits" if problem.classes else "auto"}
    return as_bayesian(plain_model, estimator="laplace", x=problem.x, y=problem.y, **how)


def _factor_of(model: Any, problem: Problem, targets: np.ndarray, seed: int) -> float:
    """Return the factor of a network's noise, or its logits' temperature, by held-out targets."""
    from bayeslayers import recalibrate

    how = {"outputs": "logits" if problem.classes else "auto", "seed": seed, "verbose": 0}
    y = targets if problem.classes else targets[:, None]
    recalibrated = recalibrate(model, problem.x_test, y, draws=DRAWS, **how)
    return float(recalibrated.layers[-1].factor)


def _recalibrated(model: Any, problem: Problem, seed: int, factor: float) -> Answer:
    """Return a network's answer with the noise times a factor, or the logits divided by it."""
    from reproduce import networks

    answer = networks.answer(model, problem, DRAWS, seed)
    if isinstance(answer, Mixture):
        return Mixture(answer.loc, factor * answer.scale)
    return answer / factor


def _trained(problem: Problem, seed: int, steps: int, precision: float | None = None) -> Any:
    """Return a plain network that has learnt, with the penalty of a normal prior if asked for."""
    import keras

    from reproduce import networks
    from reproduce.recipe import fit_adam

    keras.utils.set_random_seed(seed)
    # Keras's loss is a mean over examples.
    decay = None if precision is None else precision / (2 * len(problem.x))
    model = networks.plain(problem, decay=decay)
    size = {"epochs": problem.epochs(steps), "batch_size": problem.batch_size}
    fit_adam(model, problem.x, problem.y, **size, loss=networks.loss_of(problem), verbose=0)
    return model


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
    "rank1": Method(f"ours, rank-1 factors, {RANK1_MEMBERS} members", rank1),
    "ours_of_x": Method("ours, noise that depends on x", ours_of_x, is_of=("values",)),
    "former": Method("ours, the page's former way", former),
    "moped": Method("ours, from a trained network (MOPED)", moped),
    # The choice of the precision takes as many trainings as there are to choose from.
    "laplace": Method(
        "ours, Laplace for the last layer, recalibrated",
        laplace,
        networks=1 + len(PRECISIONS),
    ),
    "plain": Method("plain network", plain),
    "plain_5": Method(
        f"{MEMBERS} plain networks", functools.partial(ensemble, plain), networks=MEMBERS
    ),
    "tfp": Method("TFP's own layers", tfp_layers, needs=("tf_keras", "tensorflow_probability")),
}
