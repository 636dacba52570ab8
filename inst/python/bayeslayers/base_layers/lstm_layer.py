"""The LSTM, whose weights may come from a file of version 0.1.0."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.recurrent_layer import RecurrentLayer
from bayeslayers.contract.errors import ArgumentError

_FORGET_BIAS_INCLUDED = "unit_forget_bias_included"
_WITHOUT_FORGET_BIAS = (
    "Let the function add the 1 itself, and load the weights into a layer that has "
    "`unit_forget_bias=False`."
)


class LSTMLayer(RecurrentLayer):
    """An LSTM, which saves with its weights that the bias includes the 1 of the forget gate.

    Version 0.1.0 added the 1 to the bias at each call, and its files lack this entry.
    """

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Save the variables, and that the bias includes the 1 of the forget gate."""
        super().save_own_variables(store)
        store[_FORGET_BIAS_INCLUDED] = np.ones(())

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load the variables; add the 1 to the bias of a file of version 0.1.0."""
        is_included = _FORGET_BIAS_INCLUDED in set(store.keys())
        if is_included and serialization.saved_numbers(self, store, _FORGET_BIAS_INCLUDED, ()) != 1:
            raise ArgumentError(
                _FORGET_BIAS_INCLUDED,
                "must be 1",
                {_FORGET_BIAS_INCLUDED: store[_FORGET_BIAS_INCLUDED]},
            )
        super().load_own_variables(serialization.without(store, _FORGET_BIAS_INCLUDED))
        if not is_included:
            self._add_forget_bias()

    def _add_forget_bias(self) -> None:
        """Add to the bias what version 0.1.0 added at each call."""
        start, bias = self.geometry.bias_start, self.random_weights["bias"]
        if start is None or not bias.exists:
            return
        before = bias.divergence_of_fixed_draw()
        if not bias.move(start):
            rule = (
                f"of layer '{self.name}' must draw from a location of its name and shape, for a "
                "file of version 0.1.0, which added 1 to the bias of the forget gate at each call"
            )
            received = {"bias_posterior_fn": self.bias_posterior_fn}
            raise ArgumentError("bias_posterior_fn", rule, received, _WITHOUT_FORGET_BIAS)
        after = bias.divergence_of_fixed_draw()
        is_same = before is None or after is None or np.isclose(after, before, rtol=1e-3)
        if bias.location_is_regularized_or_constrained or not is_same:
            warnings.warn(
                f"Layer '{self.name}' comes from a file of version 0.1.0, which added 1 to the "
                "bias of the forget gate at each call. The outputs are the same; prior, "
                "regularizer and constraint of the bias now see the bias with the 1 in it.",
                stacklevel=2,
            )
