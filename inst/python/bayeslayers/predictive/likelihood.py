"""The likelihood of observations under draws of a model's weights."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from bayeslayers.predictive.class_scores import reduce_classes
from bayeslayers.predictive.classes import as_labels, check_labels, likelihood_of_classes
from bayeslayers.predictive.evaluation import Block, Evaluation, check_target_shapes
from bayeslayers.predictive.input_checks import check_inputs
from bayeslayers.predictive.inputs import ArrayInputs, KeptBatches
from bayeslayers.predictive.kinds import check_noise, kind_of_output
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.results import Results
from bayeslayers.predictive.targets import Targets


def log_likelihoods(
    model: Models,
    x: Any,
    y: Any,
    draws: int,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    *,
    dropout: bool = False,
) -> np.ndarray:
    """Return the log-likelihood of each example under each draw, (draws, n).

    The arguments are those of `log_likelihood()`.
    """
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    results = Results(evaluation.inputs.count)

    def add_likelihood(block: Block, log_p: np.ndarray) -> None:
        likelihood = likelihood_of_classes(log_p, block.observed)
        results.add(Block(block.start, block.size, [likelihood], None))

    if kind == "values":
        check_noise(selected, evaluation.model)
        wanted = [(selected.place, "log_prob")]
        targets = _targets_of_values(evaluation, selected, y)
        evaluation.reduce(wanted, results.add, targets, in_pieces=False)
    else:
        reduce_classes(evaluation, selected, kind, y, add_likelihood)
    return results.values()[0]


def check_scored(
    model: keras.Model, x: ArrayInputs | KeptBatches, y: Any, outputs: str, place: int
) -> None:
    """Raise an error where targets can't be scored, without computing the model.

    Args:
        model: A Keras model.
        x: Inputs, which may be the first batch alone where the targets come with them.
        y: The targets, or `None`.
        outputs: What an output that is a tensor is taken for.
        place: The place of the output.
    """
    check_inputs(x)
    evaluation = Evaluation(model, x, draws=1, seed=0, verbose=0)
    selected = evaluation.outputs.select(place)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        check_noise(selected, model)
    if y is not None and isinstance(x, KeptBatches):
        # There are as many targets as in all batches.
        return
    targets = (
        _targets_of_values(evaluation, selected, y)
        if kind == "values"
        else evaluation.targets(y, selected, classes=selected.width)
    )
    found = targets.of_batch(x.first, 0) if isinstance(x, KeptBatches) else targets.given
    if kind == "values":
        check_labels(selected, found)
        if selected.shape is not None and None not in selected.shape:
            check_target_shapes((None, *selected.shape), found)
    else:
        as_labels(found, selected.width)


def _targets_of_values(evaluation: Evaluation, output: OutputKind, y: Any) -> Targets:
    return evaluation.targets(y, output, functools.partial(check_labels, output))
