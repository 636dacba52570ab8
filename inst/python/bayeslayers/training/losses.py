"""The loss of a model that ends in distributions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bayeslayers.compat import in_symbolic_scope
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.verbs import tfd_log_prob


@keras.saving.register_keras_serializable("bayeslayers")
class NegativeLogLikelihood(keras.losses.Loss):
    """Minus the log-likelihood of each example, (batch,), of which Keras takes the mean.

    Outputs of an example that are independent of each other count as one observation each: their
    log-likelihoods are added up, so that the divergence is to be divided by the number of examples.
    Each may have a weight of its own, as 0 for the steps by which a sequence is padded.
    """

    def __init__(self, name: str = "negative_log_likelihood", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the mean over examples.

        Args:
            y_true: What was observed, (batch, ...).
            y_pred: The distribution that the model returns.
            sample_weight: Weights of examples, (batch,), or of their parts, (batch, ...).
        """
        if sample_weight is None or len(sample_weight.shape) <= 1:
            return super().__call__((y_true,), y_pred, sample_weight)
        # Keras would multiply what has been summed by them.
        return super().__call__((y_true, sample_weight), y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """See `__call__`: `y_true` is a tuple, which may hold weights of parts, too."""
        observed, *weights = y_true
        # Not the distribution's own method: Keras infers shapes with tensors in its place.
        log_prob = tfd_log_prob(y_pred, with_rank_of(y_pred, observed))
        # Where Keras infers shapes alone, PyTorch would hide the error of weights that do not fit.
        if weights and not in_symbolic_scope():
            weight = ops.cast(_weight_like(log_prob, weights[0]), log_prob.dtype)
            # Padding may be impossible, and minus infinity times 0 is no number.
            log_prob = ops.where(weight == 0, ops.zeros_like(log_prob), weight * log_prob)
        return -ops.sum(log_prob, axis=tuple(range(1, len(log_prob.shape))))


def with_rank_of(output: Any, targets: Any) -> Any:
    """Return targets with as many dimensions as an output, where a column is all that differs."""
    rank, wanted = len(targets.shape), len(output.shape)
    if rank == wanted + 1 and targets.shape[-1] == 1:
        return ops.squeeze(targets, axis=-1)
    if rank + 1 == wanted and output.shape[-1] == 1:
        return ops.expand_dims(targets, axis=-1)
    return targets


def _weight_like(log_prob: Any, weight: Any) -> Any:
    """Return weights in a shape that the log-likelihoods of an example's parts broadcast with."""
    shape, wanted = list(weight.shape), list(log_prob.shape)
    while len(shape) > len(wanted) and shape[-1] == 1:
        weight, shape = ops.squeeze(weight, axis=-1), shape[:-1]
    pairs = zip(shape[1:], wanted[1:], strict=False)
    if len(shape) > len(wanted) or any(None not in p and p[0] not in (1, p[1]) for p in pairs):
        rule = "must hold a weight for each example, or for each outcome that is independent"
        received = {"shape": tuple(weight.shape), "outcomes": Described(str(tuple(wanted)))}
        raise ArgumentError("sample_weight", rule, received)
    for _ in range(len(wanted) - len(shape)):
        weight = ops.expand_dims(weight, axis=-1)
    return weight
