"""The loss of a model that ends in distributions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bayeslayers.distributions.verbs import tfd_log_prob


@keras.saving.register_keras_serializable("bayeslayers")
def negative_log_likelihood(y_true: Any, y_pred: Any) -> Any:
    """Return minus the log-likelihood of each example, (batch,).

    Outputs of an example that are independent of each other count as one observation each: their
    log-likelihoods are added up, so that the divergence is to be divided by the number of examples.

    Args:
        y_true: What was observed, (batch, ...).
        y_pred: The distribution that the model returns.
    """
    # Not the distribution's own method: Keras infers shapes with tensors in its place.
    log_prob = tfd_log_prob(y_pred, y_true)
    return -ops.sum(log_prob, axis=tuple(range(1, len(log_prob.shape))))
