"""Rules about a layer in training: what its gradients reach, and what it computes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.testing.check import require, rule
from bayeslayers.testing.subject import Subject, agree, difference, numbers

_TRIES = 3


@rule(BaseLayer)
def check_gradients_reach_every_variable(subject: Subject) -> None:
    """A step of training moves every trainable variable."""
    still = _left_alone(subject, lambda layer: None)
    require(not still, f"It leaves these where they are: {', '.join(still)}.")


@rule(BayesianLayer)
def check_outputs_train_every_posterior(subject: Subject) -> None:
    """The gradient of the outputs reaches every posterior, without the divergence."""
    still = _left_alone(subject, lambda layer: layer.divergence_scale.assign(0.0))
    # Outputs depend on the posterior of every weight, but not on a prior.
    of_posteriors = [name for name in still if "_prior_" not in name]
    if issubclass(subject.layer_class, VariationalLayer):
        received = f"It leaves these where they are: {', '.join(of_posteriors)}."
        require(not of_posteriors, received)
    count = len(subject.built().trainable_variables)
    require(len(still) < count or count == 0, "It leaves all variables where they are.")


@rule(BayesianLayer)
def check_mixed_precision(subject: Subject) -> None:
    """Under a mixed policy, outputs are in its compute dtype, and close to single precision's."""
    # In single precision, whatever the arguments ask for.
    first = subject.built(dtype="float32")
    second = subject.built_like(first, dtype="mixed_bfloat16")
    wide = {variable.path: variable.dtype for variable in second.trainable_variables}
    narrow = sorted(path for path, dtype in wide.items() if dtype != "float32")
    require(not narrow, f"These variables are not in single precision: {', '.join(narrow)}.")
    expected, found = first(subject.inputs), second(subject.inputs)
    dtypes = {keras.backend.standardize_dtype(each.dtype) for each in tree.flatten(found)}
    require(dtypes == {"bfloat16"}, f"The outputs are of {', '.join(sorted(dtypes))}.")
    is_close = agree(found, expected, 0.05)
    require(is_close, f"Outputs under the two policies: {difference(found, expected)}.")
    losses = numbers(second.losses)
    require(all(np.isfinite(each) for each in losses), "A divergence is not finite.")


def _left_alone(subject: Subject, prepare: Callable[[Any], None]) -> list[str]:
    """Return the trainable variables that no step of gradient descent moves, by their names.

    Some layers are tried: an activation such as "relu" may be flat wherever one of them is.
    """
    is_stochastic = issubclass(subject.layer_class, StochasticLayer)
    still: set[int] | None = None
    for seed in range(_TRIES):
        # In single precision: a small step may be none in 16 bits.
        layer = subject.layer(dtype="float32", **({"seed": seed} if is_stochastic else {}))
        prepare(layer)
        found = _not_moved(layer, subject)
        still = found if still is None else still & found
        if not still:
            return []
    return [layer.trainable_variables[i].path.split("/", 1)[-1] for i in sorted(still or ())]


def _not_moved(layer: keras.Layer, subject: Subject) -> set[int]:
    """Return which trainable variables a step of gradient descent leaves alone, by their places."""
    model = subject.model(layer)
    outputs = model(subject.inputs)
    if not layer.trainable_variables:
        return set()
    rng = np.random.default_rng(11)
    targets = tree.map_structure(lambda each: rng.normal(size=each.shape), outputs)
    # Copies, as an optimizer may change a variable in place.
    before = [np.array(ops.convert_to_numpy(each)) for each in layer.trainable_variables]
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=_squared_error)
    model.train_on_batch(subject.inputs, targets)
    after = [ops.convert_to_numpy(variable) for variable in layer.trainable_variables]
    return {i for i, values in enumerate(after) if np.array_equal(values, before[i])}


def _squared_error(targets: Any, outputs: Any) -> Any:
    return ops.mean(ops.square(ops.cast(targets, outputs.dtype) - outputs))
