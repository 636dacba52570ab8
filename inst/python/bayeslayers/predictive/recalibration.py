"""One number that makes a model's doubt what its errors are, found by the log score.

With draws kept: they are those of one seed, so that the log score is a smooth function of the
number, and that of a mixture over draws, not of a mean network.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from bayeslayers.architecture.cloning import copy_of
from bayeslayers.architecture.walk import check_model, is_graph
from bayeslayers.base_layers.distribution_layer import DistributionLayer
from bayeslayers.compat import in_order_of_outputs, operation_behind
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.layers.recalibration import (
    RecalibratedClasses,
    RecalibratedDistribution,
    Recalibration,
)
from bayeslayers.predictive.class_scores import reduce_classes
from bayeslayers.predictive.classes import as_labels, at_labels
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.outputs import OutputKind, Outputs, leaves
from bayeslayers.predictive.statistics import log_mean_exp

LARGEST = 100.0
"""The largest factor, and the inverse of the smallest."""
_TOLERANCE = 1e-4


def recalibrated(
    model: keras.Model, outputs: Outputs, output: OutputKind, kind: str
) -> tuple[keras.Model, Recalibration]:
    """Return a copy of a model with a factor behind one output, and the layer that has it.

    Args:
        model: A sequential or functional model.
        outputs: Its outputs.
        output: The one that is recalibrated.
        kind: "values", or "probabilities" or "logits" of classes.
    """
    if not is_graph(check_model(model)):
        rule = "must be a `Sequential` or functional model, which a layer can be added to"
        raise ArgumentError("model", rule, {"model": Described(f"a {type(model).__name__}")})
    copy = copy_of(model).model
    is_chain = isinstance(copy, keras.Sequential)
    tensors = copy.outputs if is_chain else leaves(in_order_of_outputs(copy, copy.output))
    layer = _layer_for(output, kind, copy.layers[-1] if is_chain else tensors[output.place])
    if is_chain and len(tensors) == 1:
        copy.add(layer)
        return copy, layer
    tensors[output.place] = layer(tensors[output.place])
    inputs, outs = copy.inputs if is_chain else copy.input, outputs.packed(tensors)
    # A class with a constructor of its own has become Keras's when it was copied.
    kind_of_model = keras.Model if is_chain else type(copy)
    return kind_of_model(inputs, outs, name=copy.name), layer


def _layer_for(output: OutputKind, kind: str, behind: Any) -> Recalibration:
    """Return a layer that recalibrates an output, which comes from a layer or is a tensor."""
    name = None if output.name is None else f"{output.name.replace('/', '_')}_recalibrated"
    if not output.is_distribution:
        return RecalibratedClasses(kind, name=name)
    layer = behind
    if not isinstance(layer, keras.Layer):
        layer, _ = operation_behind(behind) or (None, 0)
    while isinstance(layer, keras.Sequential):
        layer = layer.layers[-1]
    # The tensor that the output is stays what it was: a mean, say.
    arguments = {}
    if isinstance(layer, DistributionLayer):
        arguments["convert_to_tensor_fn"] = layer.convert_to_tensor_fn
    return RecalibratedDistribution(name=name, **arguments)


def factor_of_classes(evaluation: Evaluation, output: OutputKind, kind: str, y: Any) -> float:
    """Return the temperature of the classes' logits, from draws that are computed once."""
    from scipy.special import log_softmax

    def keep(block: Block, log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Half of the memory, to six digits of each logarithm.
        return log_p.astype("float32"), as_labels(block.observed, log_p.shape[-1])

    kept = reduce_classes(evaluation, output, kind, y, keep)

    def log_scores(factor: float) -> np.ndarray:
        parts = []
        for log_p, labels in kept:
            tempered = log_softmax(log_p.astype("float64") / factor, axis=-1)
            parts.append(at_labels(log_mean_exp(tempered), labels))
        return np.concatenate(parts)

    return _best(log_scores)


def factor_of_values(
    evaluation: Evaluation, output: OutputKind, layer: Recalibration, y: Any
) -> float:
    """Return the factor of the noise's scale, for which the model is evaluated some twenty times.

    Args:
        evaluation: That of the model with the layer.
        output: The output behind the layer.
        layer: The layer that has the factor.
        y: The targets, or `None`.
    """
    targets = evaluation.targets(y, output)

    def log_scores(factor: float) -> np.ndarray:
        layer.factor.assign(factor)
        wanted = [(output.place, "log_prob")]
        return np.concatenate(
            evaluation.reduce(wanted, lambda block: log_mean_exp(block.values[0]), targets)
        )

    return _best(log_scores)


def _best(log_scores: Callable[[float], np.ndarray]) -> float:
    """Return the factor of the highest mean log score, which 1 does not exceed."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        return -float(log_scores(math.exp(logarithm)).mean())

    start = loss(0.0)
    if not math.isfinite(start):
        rule = "must give each target a density or a probability above zero"
        received = Described(f"a mean log score of {-start:g}")
        hint = "A model of logits has no probability that is rounded to zero."
        raise ArgumentError("model", rule, {"model": received}, hint)
    end = math.log(LARGEST)
    # Factors far from the best may leave the range of numbers, and are worse than those within.
    with np.errstate(over="ignore", invalid="ignore"):
        found = minimize_scalar(
            lambda at: value if math.isfinite(value := loss(at)) else math.inf,
            bounds=(-end, end),
            method="bounded",
            options={"xatol": _TOLERANCE},
        )
    if abs(found.x) > end - 0.01:
        reason = (
            "the targets do not follow the predictions"
            if found.x > 0
            else "all targets are predicted right, and too few to show an error"
        )
        text = (
            f"The log score goes on rising where the search ends, at a factor of "
            f"{math.exp(found.x):.3g}: {reason}."
        )
        warnings.warn(text, stacklevel=5)
    return math.exp(found.x) if found.fun < start else 1.0
