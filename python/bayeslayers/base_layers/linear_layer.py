"""The layer that most layers of the family are: linear maps, a bias and an activation."""

from __future__ import annotations

from typing import Any, ClassVar

from keras import ops

from bayeslayers.backend import add_bias, within_range
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.geometries import Chain


class LinearLayer(VariationalLayer):
    """A layer that applies the linear maps of a geometry, each drawn by the estimator."""

    geometry_type: ClassVar[type[Chain]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "geometry_type" in vars(cls):
            cls.has_activation = cls.geometry_type.has_activation
        super().__init_subclass__(**kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables of posteriors and priors."""
        self.input_spec = self.geometry.input_spec(input_shape)
        channels = self.geometry.input_channels(input_shape)
        for role, linear_map in self.geometry.stages().items():
            self._build_kernel(role, linear_map.kernel_shape(channels))
            channels = linear_map.output_channels(channels)
        self._build_bias((channels,))

    def call(self, inputs: Any) -> Any:
        """Return one draw of the outputs, and add the divergences to the losses."""
        values = self.geometry.prepare(inputs, self.compute_dtype)
        drawn = []
        for role, linear_map in self.geometry.stages().items():
            size, channels = ops.shape(values)[0], values.shape[-1]
            values = self._draw_map(role, linear_map, size, channels, drawn).apply(values)
        bias = self._draw_bias(drawn)
        if bias is not None:
            values = add_bias(values, bias)
        values = within_range(values)
        self._add_divergences_of(drawn)
        outputs = self.geometry.restore(values)
        return self.activation(outputs) if self.has_activation else outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of this shape."""
        return self.geometry.output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs."""
        return self.geometry.mask(inputs, previous_mask)
