"""Cells: one step of a recurrence, in terms of a linear map of the inputs and one of the state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.dense import Dense
from bayeslayers.geometries.geometry import Geometry

_RANK = 3


class Cell(Geometry):
    """A state that each step of a sequence changes.

    One linear map applies to the inputs of all steps, another to the state at every step.
    """

    kernels = ("kernel", "recurrent")
    functions = ("activation", "recurrent_activation")
    supports_masking = True
    example_shape = (10, 3)
    example_arguments = "units=8"
    own_prose: ClassVar[dict[str, str]] = {
        "activation": "Name of a Keras activation, or a function of one tensor. With `None` there "
        "is none."
    }
    shapes = (
        "Inputs x are of shape (batch, steps, channels), outputs of shape (batch, units) or, with "
        "`return_sequences`, (batch, steps, units). t is the step, and h the output. The two "
        "linear maps A(., kernel) and A(., recurrent) are drawn separately, once for each call: "
        "kernels and signs are the same at all steps. Like Keras's layer, it is called with a "
        "`mask` of shape (batch, steps), an `initial_state` and `training`, where these are needed"
    )

    gates: ClassVar[int]
    """How many numbers each unit computes from the inputs and the state."""
    states: ClassVar[int]
    """How many tensors of shape (batch, units) the state has; the first is the output."""
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool

    def _set_cell(
        self,
        units: Any,
        activation: Any,
        recurrent_activation: Any,
        dropout: Any,
        recurrent_dropout: Any,
        **flags: Any,
    ) -> None:
        """Check the arguments that every cell has, and keep them."""
        self.units = checks.positive_integer("units", units)
        self.activation = checks.activation("activation", activation)
        self.recurrent_activation = checks.activation("recurrent_activation", recurrent_activation)
        self.dropout = checks.rate("dropout", dropout)
        self.recurrent_dropout = checks.rate("recurrent_dropout", recurrent_dropout)
        for name, value in flags.items():
            setattr(self, name, checks.boolean(name, value))

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        if len(input_shape) != _RANK:
            rule = f"must have {_RANK} dimensions: batch, steps and channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        return keras.layers.InputSpec(ndim=_RANK, axes={-1: self.known_channels(input_shape)})

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        return input_shape[-1]

    @property
    def linear_map(self) -> Dense:
        """The map of the inputs, and the map of the state."""
        return Dense(self.gates * self.units)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gates * self.units,)

    @property
    def bias_start(self) -> np.ndarray | None:
        """What is added to the initial mean of the bias that its initializer gives."""
        return None

    def biases(self, bias: Any) -> tuple[Any, Any]:
        """Return what is added to the map of the inputs, and to that of the state."""
        return bias, 0

    @abstractmethod
    def step(self, projected: Any, states: list[Any], recurrent: Callable[[Any], Any]) -> list[Any]:
        """Return the new states.

        Args:
            projected: The map of the step's inputs, of shape (batch, gates * units).
            states: Tensors of shape (batch, units).
            recurrent: The map of the state, from (batch, units) to (batch, gates * units).
        """


class LSTM(Cell):
    """Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""

    title = "Long short-term memory"
    shapes = (
        f"{Cell.shapes}. i, f and o are the input, forget and output gates, g is the candidate, "
        "and c the state of the cell"
    )
    formula = (
        "i, f, g, o = A(x[t], kernel) + A(h[t - 1], recurrent) + bias, in four parts,\n"
        "c[t] = recurrent_activation(f) * c[t - 1] + recurrent_activation(i) * activation(g),\n"
        "h[t] = recurrent_activation(o) * activation(c[t]),   A(x, k)[o] = sum over c of "
        "k[c, o] * x[c]"
    )
    reference = (
        "Hochreiter, S., and Schmidhuber, J. (1997). Long Short-Term Memory. Neural Computation, "
        "9(8), 1735-1780. https://doi.org/10.1162/neco.1997.9.8.1735"
    )
    gates = 4
    states = 2
    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
        activation: str | Callable[..., Any] | None = "tanh",
        recurrent_activation: str | Callable[..., Any] | None = "sigmoid",
        unit_forget_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        *,
        zero_output_for_mask: bool = False,
    ) -> None:
        self._set_cell(
            units,
            activation,
            recurrent_activation,
            dropout,
            recurrent_dropout,
            unit_forget_bias=unit_forget_bias,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
        )

    @property
    def bias_start(self) -> np.ndarray | None:
        # In the order of the gates: i, f, g, o.
        return np.repeat([0.0, 1.0, 0.0, 0.0], self.units) if self.unit_forget_bias else None

    def step(self, projected: Any, states: list[Any], recurrent: Callable[[Any], Any]) -> list[Any]:
        hidden, carried = states
        gates = ops.split(projected + recurrent(hidden), self.gates, axis=-1)
        input_gate, forget_gate, output_gate = (
            self.recurrent_activation(gates[i]) for i in (0, 1, 3)
        )
        carried = forget_gate * carried + input_gate * self.activation(gates[2])
        return [output_gate * self.activation(carried), carried]


class GRU(Cell):
    """Cho et al. (2014), with the reset gate before or after the linear map of the state."""

    title = "Gated recurrent unit"
    shapes = (
        f"{Cell.shapes}. z and r are the update and reset gates, and g + r * w is the candidate. "
        "Without `reset_after`, the third part of A(r * `h[t - 1]`, recurrent) takes the place of "
        "r * w, and there is a single bias"
    )
    formula = (
        "z, r, g = A(x[t], kernel) + bias, in three parts; u, v, w = A(h[t - 1], recurrent) + "
        "bias',\n"
        "z = recurrent_activation(z + u),   r = recurrent_activation(r + v),\n"
        "h[t] = z * h[t - 1] + (1 - z) * activation(g + r * w),   A(x, k)[o] = sum over c of "
        "k[c, o] * x[c]"
    )
    reference = (
        "Cho, K., van Merrienboer, B., Gulcehre, C., Bahdanau, D., Bougares, F., Schwenk, H., and "
        "Bengio, Y. (2014). Learning Phrase Representations using RNN Encoder-Decoder for "
        "Statistical Machine Translation. EMNLP. https://arxiv.org/abs/1406.1078"
    )
    gates = 3
    states = 1
    reset_after: bool

    def __init__(
        self,
        units: int,
        activation: str | Callable[..., Any] | None = "tanh",
        recurrent_activation: str | Callable[..., Any] | None = "sigmoid",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        *,
        zero_output_for_mask: bool = False,
    ) -> None:
        self._set_cell(
            units,
            activation,
            recurrent_activation,
            dropout,
            recurrent_dropout,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            reset_after=reset_after,
            zero_output_for_mask=zero_output_for_mask,
        )

    @property
    def bias_shape(self) -> tuple[int, ...]:
        # One for the map of the inputs, one for that of the state, which the reset gate multiplies.
        return (2, *super().bias_shape) if self.reset_after else super().bias_shape

    def biases(self, bias: Any) -> tuple[Any, Any]:
        return (bias[0], bias[1]) if self.reset_after else (bias, 0)

    def step(self, projected: Any, states: list[Any], recurrent: Callable[[Any], Any]) -> list[Any]:
        (hidden,) = states
        update, reset, candidate = ops.split(projected, self.gates, axis=-1)
        of_update, of_reset, of_candidate = ops.split(recurrent(hidden), self.gates, axis=-1)
        update = self.recurrent_activation(update + of_update)
        reset = self.recurrent_activation(reset + of_reset)
        if self.reset_after:
            of_candidate = reset * of_candidate
        else:
            of_candidate = ops.split(recurrent(reset * hidden), self.gates, axis=-1)[2]
        candidate = self.activation(candidate + of_candidate)
        return [update * hidden + (1 - update) * candidate]
