"""The likelihood of observations under draws of a model's weights."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from bayeslayers.predictive.class_scores import reduce_classes
from bayeslayers.predictive.classes import check_labels, likelihood_of_classes
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.kinds import check_noise, kind_of_output
from bayeslayers.predictive.results import Results


def log_likelihoods(
    model: keras.Model,
    x: Any,
    y: Any,
    draws: int,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
) -> np.ndarray:
    """Return the log-likelihood of each example under each draw, (draws, n).

    The arguments are those of `log_likelihood()`.
    """
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    results = Results(evaluation.draws, evaluation.inputs.count)

    def add_likelihood(block: Block, log_p: np.ndarray) -> None:
        likelihood = likelihood_of_classes(log_p, block.observed)
        results.add(Block(block.start, block.size, [likelihood], None))

    if kind == "values":
        check_noise(selected, model)
        wanted = [(selected.place, "log_prob")]
        targets = evaluation.targets(y, selected, functools.partial(check_labels, selected))
        evaluation.reduce(wanted, results.add, targets, in_pieces=False)
    else:
        reduce_classes(evaluation, selected, kind, y, add_likelihood)
    return results.values()[0]
