"""How many terms a loss is the mean of, where it has several for an example."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.compat import mask_of
from bayeslayers.predictive.inputs import (
    FAILURES,
    ArrayInputs,
    Batch,
    as_inputs,
    is_endless,
)
from bayeslayers.predictive.outputs import call_under, leaves
from bayeslayers.training.examples import Examples
from bayeslayers.training.losses import NegativeLogLikelihood, with_rank_of


def terms_per_example(model: keras.Model, examples: Examples, losses: Any) -> float:
    """Return how many terms for each example there are in the mean that Keras takes of a loss.

    A crossentropy of the steps of sequences, say, has one for each step, of which Keras takes the
    mean over all examples and steps; it leaves out those that are masked. The divergence has to be
    divided by as many, as the log-likelihood of an example is the sum of its terms.

    With several outputs it is 1, as Keras adds up the means of each.

    Args:
        model: The model.
        examples: What is learnt from.
        losses: The loss of each output, or `None` where they are not known.
    """
    x, y, first = examples.x, examples.y, examples.first
    loss = losses[0] if losses and len(losses) == 1 else None
    targets = _targets(first, y)
    if loss is None or isinstance(loss, NegativeLogLikelihood) or targets is None:
        return 1.0
    output = _output(model, first.x)
    if output is None:
        return 1.0
    terms = _terms(loss, targets, output)
    mask = mask_of(output)
    if terms == 1:
        return 1.0
    if mask is not None and len(mask.shape) > 1:
        share = terms / math.prod(mask.shape[1:])
        count: Callable[[Batch], float] = partial(_unmasked_steps, model)
    elif examples.count is not None:
        # The examples of an array are all of one size.
        return float(terms)
    else:
        share = terms / math.prod(targets.shape[1:])
        count = _numbers
    # Sequences differ in length, also from batch to batch.
    batches = [first] if examples.comes_once or is_endless(x) else _batches(x, y)
    counted = [(count(batch), batch.size) for batch in batches]
    return share * sum(terms for terms, _ in counted) / sum(size for _, size in counted)


def _batches(x: Any, y: Any) -> Iterator[Batch]:
    inputs = as_inputs(x)
    size = 128 if isinstance(inputs, ArrayInputs) else None
    start = 0
    for batch in inputs.batches(size):  # type: ignore[arg-type]
        yield batch if y is None else replace(batch, y=_rows(y, start, batch.size))
        start += batch.size


def _rows(y: Any, start: int, size: int) -> Any:
    return np.asarray(keras.tree.flatten(y)[0])[start : start + size]


def _numbers(batch: Batch) -> float:
    """Return how many numbers the targets of a batch have."""
    return float(math.prod(keras.tree.flatten(batch.y)[0].shape))


def _unmasked_steps(model: keras.Model, batch: Batch) -> float:
    """Return how many steps of a batch are not masked."""
    return float(ops.convert_to_numpy(mask_of(_output(model, batch.x))).sum())


def _output(model: keras.Model, x: Any) -> Any:
    """Return the model's only output, computed without a change of its state; else `None`."""
    outputs, _ = call_under(model, ops.zeros((2,), "int32"), 0, x)
    found = leaves(outputs)
    return found[0] if len(found) == 1 else None


def _targets(first: Batch, y: Any) -> Any:
    """Return the targets of the first batch as a tensor, if it is a single one."""
    found = keras.tree.flatten(first.y if y is None else y)
    if len(found) != 1 or found[0] is None:
        return None
    return ops.convert_to_tensor(found[0] if y is None else _rows(y, 0, first.size))


def _terms(loss: Any, targets: Any, output: Any) -> int:
    """Return how many numbers a loss has for each example, before Keras takes their mean."""
    if (
        isinstance(loss, keras.losses.BinaryCrossentropy)
        or loss is keras.losses.binary_crossentropy
    ):
        # It is a mean over columns already, each of which is an event of its own.
        return math.prod(output.shape[1:])
    try:
        function = loss.call if isinstance(loss, keras.losses.Loss) else loss
        shape = function(with_rank_of(output, targets), output).shape
    except FAILURES:
        # Keras says what is wrong when it computes the same.
        return 1
    return math.prod(shape[1:])
