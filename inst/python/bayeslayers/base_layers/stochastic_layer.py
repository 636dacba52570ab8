"""Layers that draw from a stream of random numbers, which is saved with their variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayeslayers.backend import SeedStream, Stream
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.model_draw import current_model_draw
from bayeslayers.compat import in_stateless_scope
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.distributions.streams import FoldedStream

# Keras itself does not save the state of a layer's seed generator.
_STREAM = "seed_generator_state"


class StochasticLayer(BaseLayer):
    """A layer of the family with a `seed`, whose samples come from its `seed_generator`."""

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = checks.seed("seed", seed)
        self._initial_seed = checks.seed_or_drawn("seed", self.seed)
        self.seed_generator = SeedStream(self._initial_seed)

    @property
    def stream(self) -> Stream:
        """Where samples come from: the layer's own, or that of a draw of the whole model."""
        draw = current_model_draw()
        return self.seed_generator if draw is None else draw.stream

    @property
    def stream_of_outputs(self) -> Stream:
        """Where outputs that are distributions are sampled from, which may be after the call.

        A call without side effects has closed its state by then: such outputs have a stream of
        their own, which follows from that state.
        """
        return FoldedStream(self.stream.next()) if in_stateless_scope() else self.stream

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the outputs are like, or let the error of an argument come out of `call`."""
        try:
            return super().compute_output_spec(*args, **kwargs)
        except TypeError as error:
            # Keras would raise an error of the same class with its own message.
            if isinstance(error.__context__, ArgumentError):
                raise error.__context__ from None
            raise

    def rematerialized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the call as it is: computed again for the gradient, it would draw other noise.

        So a layer that draws keeps what it computed under `keras.RematScope`, too.
        """
        del kwargs
        # Keras's classes disagree about the name of this argument, which comes first.
        return args[0]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Save the variables, and the state of the stream of random numbers."""
        super().save_own_variables(store)
        store[_STREAM] = self.seed_generator.saved_state()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load the variables, and the state of the stream of random numbers."""
        super().load_own_variables(serialization.without(store, _STREAM))
        shape = self.seed_generator.saved_state().shape
        saved = serialization.saved_numbers(self, store, _STREAM, shape)
        if saved.dtype.kind not in "iu":
            rule = "must be whole numbers"
            raise ArgumentError(_STREAM, rule, {_STREAM: saved.tolist()})
        self.seed_generator.restore(saved)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "seed": self.seed}
