"""Rules about a layer in training: what its gradients reach, and what it computes in."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops, tree

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.testing.check import require, rule
from bayeslayers.testing.subject import Subject, agree, difference, numbers


@rule(BaseLayer)
def check_gradients_reach_every_variable(subject: Subject) -> None:
    """A step of training moves every trainable variable."""
    layer = subject.layer()
    moved = _moved(layer, subject)
    still = sorted(path for path, has_moved in moved.items() if not has_moved)
    require(not still, f"It leaves these where they are: {', '.join(still)}.")


@rule(BayesianLayer)
def check_outputs_train_every_posterior(subject: Subject) -> None:
    """The gradient of the outputs reaches every posterior, without the divergence."""
    layer = subject.layer()
    layer.divergence_scale.assign(0.0)
    moved = _moved(layer, subject)
    # Outputs do not depend on a prior, but on the posterior of every weight.
    is_told = isinstance(layer, VariationalLayer)
    of_posteriors = {path: has for path, has in moved.items() if not _is_of_prior(path)}
    still = sorted(path for path, has_moved in of_posteriors.items() if not has_moved)
    require(not is_told or not still, f"It leaves these where they are: {', '.join(still)}.")
    require(not moved or any(moved.values()), "It leaves all variables where they are.")


@rule(BayesianLayer)
def check_mixed_precision(subject: Subject) -> None:
    """Under a mixed policy, outputs are in its compute dtype, and close to single precision's."""
    first, _ = subject.twins()
    second = subject.built(seed=5, dtype="mixed_bfloat16")
    second.set_weights(first.get_weights())
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


def _moved(layer: keras.Layer, subject: Subject) -> dict[str, bool]:
    """Return which trainable variables a step of gradient descent moves, by their paths."""
    model = subject.model(layer)
    outputs = model(subject.inputs)
    if not layer.trainable_variables:
        return {}
    rng = np.random.default_rng(11)
    targets = tree.map_structure(lambda each: rng.normal(size=each.shape), outputs)
    before = {
        variable.path: ops.convert_to_numpy(variable) for variable in layer.trainable_variables
    }
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=_squared_error)
    model.train_on_batch(subject.inputs, targets)
    return {
        variable.path: bool(np.any(ops.convert_to_numpy(variable) != before[variable.path]))
        for variable in layer.trainable_variables
    }


def _squared_error(targets: Any, outputs: Any) -> Any:
    return ops.mean(ops.square(ops.cast(targets, outputs.dtype) - outputs))


def _is_of_prior(path: str) -> bool:
    return "_prior_" in path.rsplit("/", 1)[-1]
