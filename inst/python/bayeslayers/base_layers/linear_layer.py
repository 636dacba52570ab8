"""The base of the dense, convolution and embedding layers: linear maps, a bias, an activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from bayeslayers.backend import within_range
from bayeslayers.base_layers.variational_layer import VariationalLayer, WeightInCall
from bayeslayers.contract import checks
from bayeslayers.geometries import Chain, EinsumDense


class LinearLayer(VariationalLayer):
    """A layer that applies the linear maps of a geometry, each drawn by the estimator."""

    geometry_type: ClassVar[type[Chain]]
    geometry: Chain

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables of posteriors and priors."""
        self.input_spec = self.geometry.input_spec(input_shape)
        channels = self.geometry.known_channels(input_shape)
        self._chain = self.geometry.for_inputs(input_shape)
        for role, linear_map in self._chain.stages().items():
            self._build_kernel(role, linear_map, channels)
            channels = linear_map.output_channels(channels)
        self._build_bias(self._chain.bias_shape(channels))

    def call(self, inputs: Any) -> Any:
        """Return one draw of the outputs, and add the divergences to the losses."""
        values = self._chain.prepare(inputs, self.compute_dtype)
        channels = self._chain.known_channels(inputs.shape)
        size = ops.shape(values)[0]
        drawn: list[WeightInCall] = []
        for role, linear_map in self._chain.stages().items():
            draw, weights = self._draw_map(role, linear_map, size, channels)
            values = draw.apply(values)
            channels = linear_map.output_channels(channels)
            drawn += weights
        bias, weights = self._draw_bias(size)
        drawn += weights
        values = within_range(bias.added_to(values, self._chain))
        self._add_drawn_divergences(drawn)
        return values

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of this shape."""
        return self.geometry.for_inputs(input_shape).output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs."""
        return self.geometry.mask(inputs, previous_mask)


class ActivatedLinearLayer(LinearLayer):
    """A linear layer that applies an activation to its outputs."""

    def __init__(
        self, activation: str | Callable[..., Any] | None = None, **arguments: Any
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        checked = checks.activation("activation", activation)
        super().__init__(**arguments)
        self.activation = checked

    def call(self, inputs: Any) -> Any:
        """See `LinearLayer.call`."""
        return self.activation(super().call(inputs))

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), "activation"]

    def _plain_arguments(self) -> dict[str, Any]:
        return {**super()._plain_arguments(), "activation": self.activation}


class EinsumLayer(LinearLayer):
    """A linear layer whose equation says along which axes there is a bias, if there is one."""

    geometry: EinsumDense

    def __init__(self, **arguments: Any) -> None:
        if arguments["bias_axes"] is None:
            arguments["bias_posterior_fn"] = None
        super().__init__(**arguments)

    def call(self, inputs: Any) -> Any:
        """See `LinearLayer.call`."""
        return self.activation(super().call(inputs))

    def _plain_arguments(self) -> dict[str, Any]:
        arguments = super()._plain_arguments()
        has_bias = arguments.pop("use_bias")
        return arguments if has_bias else {**arguments, "bias_axes": None}


class EmbeddingLayer(LinearLayer):
    """A linear layer whose inputs are whole numbers."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # Whole numbers that came as floats would be rounded in a lower precision.
        self.autocast = False
