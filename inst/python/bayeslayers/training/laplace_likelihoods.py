"""What a likelihood is a function of, and its Fisher information in that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers import backend
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.checks import class_names
from bayeslayers.predictive.kinds import kind_of_output
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.training.likelihoods import likelihood_of, losses_of

_SQUARED_ERRORS = (keras.losses.MeanSquaredError, keras.losses.mean_squared_error)


class Likelihood(ABC):
    """A likelihood of one outcome for each example."""

    def parameters(self, output: Any) -> Any:
        """Return what the likelihood is a function of, out of the model's output: (n, M)."""
        return _rows(output)

    @abstractmethod
    def root(self, parameters: np.ndarray) -> np.ndarray:
        """Return R with R R' the Fisher information of the parameters: (n, M, M)."""


class NormalNoise(Likelihood):
    """Values around the outputs, with a standard deviation for each.

    Args:
        noise: The standard deviations, (M,).
    """

    def __init__(self, noise: np.ndarray) -> None:
        self.noise = noise

    def root(self, parameters: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.diag(1 / self.noise), (len(parameters), *2 * self.noise.shape))


class NormalDistribution(Likelihood):
    """The normal distribution that a model ends in: means come first, then standard deviations."""

    def parameters(self, output: Any) -> Any:
        normal = _normal_inside(output)
        assert normal is not None  # as was checked when this likelihood was chosen
        loc, scale = (ops.convert_to_tensor(normal[name]) for name in ("loc", "scale"))
        return ops.concatenate([_rows(loc + 0 * scale), _rows(scale + 0 * loc)], axis=1)

    def root(self, parameters: np.ndarray) -> np.ndarray:
        _, scale = np.split(parameters, 2, axis=1)
        return _diagonals(np.concatenate([1 / scale, np.sqrt(2) / scale], axis=1))


class Logits(Likelihood):
    """One class for each example, by logits; a single column is that of two classes."""

    def root(self, parameters: np.ndarray) -> np.ndarray:
        from scipy.special import expit, softmax

        if parameters.shape[1] == 1:
            p = expit(parameters)
            return _diagonals(np.sqrt(p * expit(-parameters)))
        p = softmax(parameters, axis=1)
        root = np.sqrt(p)
        # Its product with its transpose is diag(p) - p p'.
        return _diagonals(root) - p[:, :, None] * root[:, None, :]


class Probabilities(Likelihood):
    """One class for each example, by probabilities; a single column is that of two classes."""

    def root(self, parameters: np.ndarray) -> np.ndarray:
        p = parameters
        variance = p * (1 - p) if p.shape[1] == 1 else p
        # What can't happen does not change with the weights, to the last digit.
        known = variance > 0
        return _diagonals(known / np.sqrt(np.where(known, variance, 1.0)))


class ClassDistribution(Likelihood):
    """The distribution over classes that a model ends in.

    Args:
        of_given: The likelihood of the logits or the probabilities that it is made from.
    """

    def __init__(self, of_given: Likelihood) -> None:
        self._of_given = of_given

    def parameters(self, output: Any) -> Any:
        over_classes = backend.class_distribution(output)
        assert over_classes is not None  # as the output's kind says
        return _rows(over_classes.parameter())

    def root(self, parameters: np.ndarray) -> np.ndarray:
        return self._of_given.root(parameters)


def likelihood_for(model: keras.Model, kind: OutputKind, outputs: str, activation: Any) -> str:
    """Return what a model's output is the likelihood of.

    Args:
        model: The model, whose loss is asked where it has been compiled.
        kind: Its output.
        outputs: What the caller says of it.
        activation: The activation of the last dense layer.

    Returns:
        "values", "logits" or "probabilities".

    Raises:
        ArgumentError: If the loss is no likelihood that is known.
    """
    found = kind_of_output(kind, outputs)
    if kind.is_distribution or outputs != "auto":
        return found
    (loss,) = losses_of(getattr(model, "loss", None), [kind]) or [None]
    if loss is None:
        is_of_classes = activation in (keras.activations.softmax, keras.activations.sigmoid)
        return "probabilities" if is_of_classes else "values"
    of_classes = likelihood_of(loss, kind)
    if of_classes is not None:
        return of_classes
    if isinstance(loss, _SQUARED_ERRORS[0]) or loss is _SQUARED_ERRORS[1]:
        return "values"
    rule = (
        "must say what the model returns, where its loss is neither the mean squared error nor a "
        "crossentropy of one class for each example"
    )
    received = {"outputs": outputs, "loss": Described(getattr(loss, "name", None) or str(loss))}
    raise ArgumentError("outputs", rule, received)


def likelihood_of_distribution(output: Any, kind: str) -> Likelihood:
    """Return the likelihood of a distribution that a model ends in.

    Raises:
        ArgumentError: If it is neither normal, each number by itself, nor over classes.
    """
    if kind != "values":
        return ClassDistribution(Logits() if kind == "logits" else Probabilities())
    if _normal_inside(output) is None:
        rule = (
            "must end in a tensor, in independent normal numbers or in one class for each example"
        )
        received = Described(f"a distribution {class_names(backend.inner_distribution(output))}")
        raise ArgumentError("model", rule, {"model": received})
    return NormalDistribution()


def likelihood_of_classes(kind: str) -> Likelihood:
    """Return the likelihood of "logits" or "probabilities" that a model returns as a tensor."""
    return Logits() if kind == "logits" else Probabilities()


def _normal_inside(output: Any) -> dict[str, Any] | None:
    """Return mean and scale of independent normal numbers, or `None`."""
    found = backend.family_and_parameters(backend.inner_distribution(output))
    while found is not None and found[0] == "Independent":
        found = backend.family_and_parameters(found[1]["distribution"])
    return found[1] if found is not None and found[0] == "Normal" else None


def _rows(values: Any) -> Any:
    """Return the numbers of each example in a row."""
    return ops.reshape(values, (ops.shape(values)[0], -1))


def _diagonals(values: np.ndarray) -> np.ndarray:
    """Return a diagonal matrix for each row."""
    return values[:, :, None] * np.eye(values.shape[1])
