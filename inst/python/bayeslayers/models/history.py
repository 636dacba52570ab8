"""The history of a training as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function

_VALIDATION_PREFIX = "val_"


@public_function(r_result="as_training_history")
def training_history(history: Any) -> pd.DataFrame:
    """History of a training as a table.

        loss = negative_log_likelihood + kl_divergence

    Take it to plot a training, or to compare several trainings.

    The table has a row for each epoch and figure, with the columns `epoch`, counted from 1; `data`,
    which is `training` or `validation`; `figure`, the name of the figure without `val_`; and
    `value`. With `callback_kl_history()`, the likelihood and the divergence are among the figures.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If `history` is not what `fit()` returned.

    Example:
        >>> from bayeslayers import training_history
        >>> table = training_history({"loss": [2.0, 1.5], "val_loss": [2.5, 2.0]})
        >>> list(table["data"])
        ['training', 'training', 'validation', 'validation']

    R example:
        history <- training_history(list(loss = c(2, 1.5), val_loss = c(2.5, 2)))
        history
        if (rlang::is_installed("ggplot2")) plot(history)

    Reference:
        Chollet, F. and others (2015). Keras. https://keras.io
    """
    rows = [
        (epoch, _data(name), name.removeprefix(_VALIDATION_PREFIX), value)
        for name, values in _figures(history).items()
        for epoch, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["epoch", "data", "figure", "value"])


def _figures(history: Any) -> dict[str, list[float]]:
    """Return the figures of each epoch by their names."""
    found = getattr(history, "history", history)
    # The R package keras3 returns a list of `params` and `metrics`.
    if isinstance(found, Mapping) and isinstance(found.get("metrics"), Mapping):
        found = found["metrics"]
    if not isinstance(found, Mapping):
        rule = "must be what `fit()` returned, or its dictionary `history`"
        raise ArgumentError("history", rule, {"history": history})
    return {str(name): _numbers(str(name), values) for name, values in found.items()}


def _numbers(name: str, values: Any) -> list[float]:
    """Return one number for each epoch; there may be a single epoch."""
    try:
        numbers = np.atleast_1d(values)
    except ValueError:  # lists of different lengths
        numbers = np.empty((0, 0))
    if numbers.ndim > 1 or numbers.dtype.kind not in "iuf":
        raise ArgumentError("history", "must hold a number for each epoch", {name: values})
    return numbers.astype(float).tolist()


def _data(name: str) -> str:
    return "validation" if name.startswith(_VALIDATION_PREFIX) else "training"
