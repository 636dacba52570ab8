"""Layers that run a cell over a sequence, with one draw of the weights for all of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.backend import uncompiled, within_range
from bayeslayers.base_layers.model_draw import current_model_draw
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.geometries import Cell


class _LoopCell:
    """One step, in the form that Keras's loop over a sequence takes."""

    def __init__(self, call: Callable[..., Any], state_size: list[int], dtype: str) -> None:
        self.call = call
        self.state_size = state_size
        self.compute_dtype = dtype

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        new_states = self.call(inputs, list(states))
        return new_states[0], new_states


@dataclass(frozen=True)
class _State:
    """The variables of a state that calls hand on.

    They are no weights: Keras's own recurrent layers neither count nor save theirs. Keras would
    track them in an attribute that is a list or a tuple, and does not look into a dataclass.
    """

    variables: tuple[keras.Variable, ...]


class RecurrentLayer(VariationalLayer):
    """A layer that runs a cell over sequences, its two linear maps drawn once for a call."""

    geometry_type: ClassVar[type[Cell]]
    geometry: Cell

    def build(
        self,
        inputs_shape: tuple[int | None, ...],
        initial_state_shape: Any = None,
    ) -> None:
        """Make the variables of posteriors and priors, and of the state that calls hand on."""
        del initial_state_shape
        cell = self.geometry
        self.input_spec = cell.input_spec(inputs_shape)
        self._build_kernel("kernel", cell.linear_map, cell.known_channels(inputs_shape))
        self._build_kernel("recurrent", cell.linear_map, cell.units)
        self._build_bias(cell.bias_shape, cell.bias_start)
        self._state = _State(self._state_variables(inputs_shape[0]) if cell.stateful else ())

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Return one draw of the outputs, and add the divergences to the losses."""
        cell = self.geometry
        inputs = ops.cast(inputs, self.compute_dtype)
        size, channels = ops.shape(inputs)[0], inputs.shape[-1]
        of_inputs, kernel = self._draw_map("kernel", cell.linear_map, size, channels)
        of_state, recurrent = self._draw_map("recurrent", cell.linear_map, size, cell.units)
        bias, of_bias = self._draw_bias(size)
        self._add_drawn_divergences([*kernel, *recurrent, *of_bias])
        input_bias, state_bias = bias.by_example(
            lambda value: (0, 0) if value is None else cell.biases(value)
        )
        keep_inputs = self._dropout((size, 1, channels), cell.dropout, training)
        keep_state = self._dropout((size, cell.units), cell.recurrent_dropout, training)

        def step(projected: Any, states: list[Any]) -> list[Any]:
            return cell.step(
                projected,
                states,
                lambda h: within_range(of_state.apply(h * keep_state) + state_bias),
            )

        projected = of_inputs.apply(inputs * keep_inputs)
        if ops.is_tensor(input_bias) and len(input_bias.shape) > 1:
            input_bias = cell.linear_map.over_positions(input_bias, len(projected.shape))
        projected = within_range(projected + input_bias)
        states = self._initial_state(initial_state, size)
        return self._run(step, projected, states, mask)

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], initial_state_shape: Any = None
    ) -> Any:
        """Return the shape of the outputs, and of the states where they are returned."""
        del initial_state_shape
        cell = self.geometry
        cell.input_spec(inputs_shape)
        batch, steps, _ = inputs_shape
        outputs = (batch, steps, cell.units) if cell.return_sequences else (batch, cell.units)
        if cell.return_state:
            return (outputs, *[(batch, cell.units)] * cell.states)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs: that of the inputs, where there are outputs for each."""
        del inputs
        mask = previous_mask if self.geometry.return_sequences else None
        return [mask, *[None] * self.geometry.states] if self.geometry.return_state else mask

    def reset_state(self) -> None:
        """Set the state that a stateful layer hands on from call to call to zero."""
        for state in self._state.variables:
            state.assign(ops.zeros(state.shape, state.dtype))

    reset_states = reset_state
    """Keras's other name."""

    @property
    def zero_output_for_mask(self) -> bool:
        """Whether outputs of masked steps are zero; `Bidirectional` sets it on its layers."""
        return self.geometry.zero_output_for_mask

    @zero_output_for_mask.setter
    def zero_output_for_mask(self, value: bool) -> None:
        self.geometry.zero_output_for_mask = value

    def _plain_arguments(self) -> dict[str, Any]:
        arguments = super()._plain_arguments()
        # TensorFlow draws no orthogonal kernel, Keras's default, in every half precision.
        if self.variable_dtype in ("float16", "bfloat16"):
            arguments["recurrent_initializer"] = "glorot_uniform"
        return arguments

    def _state_variables(self, batch_size: int | None) -> tuple[keras.Variable, ...]:
        if batch_size is None:
            rule = "must be false where the batch size is not known when the layer is built"
            raise ArgumentError("stateful", rule, {"stateful": True, "batch size": None})
        return tuple(
            keras.Variable(
                ops.zeros((batch_size, self.geometry.units)),
                dtype=self.variable_dtype,
                trainable=False,
                name=f"state_{i}",
            )
            for i in range(self.geometry.states)
        )

    def _initial_state(self, given: Any, batch_size: Any) -> list[Any]:
        cell = self.geometry
        if given is None and cell.stateful:
            given = self._state.variables
        if given is None:
            return [ops.zeros((batch_size, cell.units), self.compute_dtype)] * cell.states
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(states) != cell.states:
            rule = f"must be {cell.states} tensor(s) of shape (batch, units)"
            received = {"initial_state": Described(f"{len(states)} tensor(s)")}
            raise ArgumentError("initial_state", rule, received)
        return [ops.cast(state, self.compute_dtype) for state in states]

    def _dropout(self, shape: tuple[Any, ...], rate: float, training: bool) -> Any:
        """Return an inverted-dropout mask: 0, or 1 / (1 - rate)."""
        draw = current_model_draw()
        acts = training if draw is None else draw.dropout
        if not acts or not rate:
            return 1
        seeds = self.seed_generator if draw is None else draw.seed_generator()
        return keras.random.dropout(ops.ones(shape, self.compute_dtype), rate, seed=seeds)

    def _shown(self, outputs: Any, mask: Any) -> Any:
        """Set outputs of masked steps to zero, or only those before which all steps are masked.

        Not all of Keras's loops do: on JAX, one that is unrolled leaves all of them, and the other
        one shows the initial state before the first step.
        """
        cell = self.geometry
        # (batch, steps)
        mask = ops.any(mask, axis=-1) if len(mask.shape) > 2 else mask  # noqa: PLR2004
        if not cell.zero_output_for_mask:
            mask = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        is_shown = (mask if cell.return_sequences else mask[:, -1])[..., None]
        return ops.where(is_shown, outputs, ops.zeros_like(outputs))

    @uncompiled
    def _run(self, step: Callable[..., Any], projected: Any, states: list[Any], mask: Any) -> Any:
        """Run the step over a sequence; return what the arguments ask for."""
        cell = self.geometry
        mask = None if mask is None else ops.cast(mask, "bool")
        if cell.go_backwards:
            # Keras's unrolled loops turn a part alone where there is a mask.
            projected = ops.flip(projected, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        # Made anew for each call, so that calls in several threads do not share the draw in `step`.
        loop = keras.layers.RNN(
            _LoopCell(step, [cell.units] * cell.states, self.compute_dtype),
            return_sequences=cell.return_sequences,
            return_state=True,
            unroll=cell.unroll,
            dtype=self.dtype_policy,
            name=f"{self.name}_loop",
        )
        outputs, *states = loop(projected, initial_state=states, mask=mask)
        if mask is not None:
            outputs = self._shown(outputs, mask)
        if cell.stateful:
            for variable, state in zip(self._state.variables, states, strict=True):
                variable.assign(ops.cast(state, self.variable_dtype))
        return (outputs, *states) if cell.return_state else outputs
