"""What the R package needs from the Python core, and what nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.models.draws import first_output


class RClosure:
    """An R function in the place of a Python function.

    R matches arguments by name, and the names that its author chose are not ours: arguments are
    handed over by position alone. A number that comes back becomes a tensor.

    Args:
        function: The R function, as reticulate hands it over.
    """

    way_out = (
        "An R function lives in its R session alone: save the weights with `save_weights()`, and "
        "build the model anew before `load_weights()`; or pass a Python function registered with "
        "`keras.saving.register_keras_serializable()`."
    )

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        result = self._function(*args)
        if isinstance(result, (bool, int, float, list, np.ndarray)):
            return tf.convert_to_tensor(result, tf.float32)
        return result

    def __repr__(self) -> str:
        return "an R function"


def columns(table: Any) -> dict[str, Any]:
    """Return a data frame's columns: reticulate does not know those of every pandas."""
    return {
        name: column.to_numpy() if column.dtype.kind in "bif" else column.astype(str).tolist()
        for name, column in table.items()
    }


class NotAvailable:
    """R's `NA`, which reticulate would turn into `True` or a number; no rule accepts it."""

    def __repr__(self) -> str:
        return "NA"


def check_outcomes(model: Any, x: Any, *, in_order: bool) -> None:
    """Raise an error unless outcomes can be drawn from a model.

    Args:
        model: A Keras model.
        x: Inputs.
        in_order: Whether outcomes must have an order, as intervals need it.
    """
    output = first_output(model, x)
    if not output.is_distribution:
        rule = "must end in a distribution, such as `layer_distribution_lambda()` gives"
        hint = "`posterior_epred()` gives the draws of what the model returns."
        received = {"model": Described(f"{model.name!r}, which ends in a tensor")}
        raise ArgumentError("model", rule, received, hint)
    if in_order and output.is_number_of_class:
        rule = "must have outcomes in an order, as classes have no intervals"
        hint = "`posterior_epred()` gives the draws of their probabilities."
        received = {"model": Described(f"{model.name!r}, which ends in classes")}
        raise ArgumentError("model", rule, received, hint)
