"""The layers that `as_bayesian()` makes of plain ones by Laplace's approximation.

Nobody makes them by hand: their posterior is computed from a trained layer and its data.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import (
    add_bias,
    at_least_single,
    cast,
    saturating_cast,
    weight_noise,
    within_range,
)
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, Divergence
from bayeslayers.base_layers.model_draw import ModelDraw, current_model_draw
from bayeslayers.contract import checks
from bayeslayers.distributions.rotated_normal import RotatedNormal
from bayeslayers.geometries import (
    Chain,
    Convolution1D,
    Convolution2D,
    Convolution3D,
    Dense,
    LinearMap,
)

STRUCTURES = ("full", "kron", "diagonal")
"""What is known of the Hessian: all of it, its Kronecker factors, or its diagonal."""


class Probe:
    """Looks into the Laplace layers of a model while it is called, at the means of their weights.

    Args:
        shifts: What is added to the outputs of layers before their activation, by the layers' ids.
    """

    def __init__(self, shifts: Mapping[int, Any] | None = None) -> None:
        self._shifts = shifts or {}
        self.inputs: dict[int, list[Any]] = {}
        self.outputs: dict[int, list[Any]] = {}

    def passing(self, layer: LaplaceLayer, inputs: Any, outputs: Any) -> Any:
        """Return a layer's outputs, shifted; both have their channels last."""
        self.inputs.setdefault(id(layer), []).append(inputs)
        self.outputs.setdefault(id(layer), []).append(outputs)
        return outputs + self._shifts[id(layer)] if id(layer) in self._shifts else outputs


_current: contextvars.ContextVar[Probe | None] = contextvars.ContextVar("probe", default=None)


@contextlib.contextmanager
def probing(probe: Probe) -> Iterator[None]:
    """Let a probe look into all layers that are called while the context lasts."""
    token = _current.set(probe)
    try:
        yield
    finally:
        _current.reset(token)


class LaplaceLayer(BayesianLayer):
    """A layer whose kernel and bias have one normal posterior, which is not trained.

    All weights stand in a matrix with a column for each output channel and a row for all else,
    the last of which is the bias. With the structure "full" they stand in a single column.

    Args:
        activation: Activation of the outputs.
        use_bias: Whether there is a bias.
        hessian_structure: One of `STRUCTURES`.
        **arguments: Those of the geometry, and of every layer that draws.
    """

    geometry_type: ClassVar[type[Chain]]
    geometry: Chain

    def __init__(
        self,
        activation: str | Callable[..., Any] | None = None,
        use_bias: bool = True,
        hessian_structure: str = "full",
        **arguments: Any,
    ) -> None:
        checked = checks.activation("activation", activation)
        of_geometry = inspect.signature(self.geometry_type).parameters
        given = {name: arguments.pop(name) for name in of_geometry if name in arguments}
        geometry = self.geometry_type(**given)
        super().__init__(**arguments)
        self.geometry = geometry
        self.supports_masking = geometry.supports_masking
        self.activation = checked
        self.use_bias = checks.boolean("use_bias", use_bias)
        self.hessian_structure = checks.choice("hessian_structure", hessian_structure, STRUCTURES)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables: means, which are trainable, and what is known of the posterior."""
        self.input_spec = self.geometry.input_spec(input_shape)
        channels = self.geometry.known_channels(input_shape)
        shape = self._linear_map.kernel_shape(channels)
        self._rows = math.prod(shape[:-1]) + self.use_bias
        self.kernel = self.add_weight(name="kernel", shape=shape, autocast=False)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=shape[-1:], initializer="zeros", autocast=False
            )
        rows, columns = self.shape_of_matrix
        if self.hessian_structure == "full":
            rows, columns = rows * columns, 1
        has_columns = self.hessian_structure == "kron"
        has_rows = has_columns or self.hessian_structure == "full"
        self.scale = self._fixed("scale", (rows, columns), "ones")
        self.row_rotation = self._fixed("row_rotation", (rows, rows)) if has_rows else None
        self.column_rotation = (
            self._fixed("column_rotation", (columns, columns)) if has_columns else None
        )
        self.prior_precision = self._fixed("prior_precision", (), "ones")

    def _fixed(self, name: str, shape: tuple[int, ...], start: str = "identity") -> keras.Variable:
        return self.add_weight(
            name=name, shape=shape, initializer=start, trainable=False, autocast=False
        )

    def set_means(self, means: list[np.ndarray]) -> None:
        """Set the means of kernel and bias."""
        for variable, value in zip(self._means, means, strict=True):
            variable.assign(value)

    def set_spread(
        self, curvature: np.ndarray, rotations: list[np.ndarray], prior_precision: float
    ) -> None:
        """Set how far the weights lie from their means.

        Args:
            curvature: The eigenvalues of the Hessian of the negative log-likelihood, or its
                diagonal, in the shape of `scale`.
            rotations: Its eigenvectors: those of rows, and of columns, as far as there are any.
            prior_precision: That of every weight.
        """
        self.scale.assign((curvature + prior_precision) ** -0.5)
        found = [each for each in (self.row_rotation, self.column_rotation) if each is not None]
        for variable, value in zip(found, rotations, strict=True):
            variable.assign(value)
        self.prior_precision.assign(prior_precision)

    @property
    def _linear_map(self) -> LinearMap:
        (linear_map,) = self.geometry.stages().values()
        return linear_map

    @property
    def shape_of_matrix(self) -> tuple[int, int]:
        """The rows and the columns of the matrix of weights."""
        return self._rows, self.kernel.shape[-1]

    @property
    def _means(self) -> list[keras.Variable]:
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    @property
    def _precise_means(self) -> list[Any]:
        return list(map(self._precise, self._means))

    def call(self, inputs: Any) -> Any:
        """Return the outputs of one draw of the weights, and add the divergence to the losses."""
        inputs = self.geometry.prepare(inputs, self.compute_dtype)
        probe, draw = _current.get(), current_model_draw()
        if probe is not None:
            weights = self._precise_means
        elif draw is not None:
            weights = self._weights_in(draw)
        else:
            weights = self._drawn()
            if self._is_first_call_in_pass():
                self._add_to_losses({"weights": self._divergence()})
        kernel, *bias = (saturating_cast(weight, self.compute_dtype) for weight in weights)
        outputs = self._linear_map.apply(inputs, kernel)
        outputs = within_range(add_bias(outputs, *bias) if bias else outputs)
        if probe is not None:
            outputs = probe.passing(self, inputs, outputs)
        return self.activation(self.geometry.restore(outputs))

    def multiplied(self, inputs: Any) -> Any:
        """Return what each row of the matrix of weights is multiplied by.

        Args:
            inputs: Inputs with their channels last, (n, ..., channels).

        Returns:
            A tensor (n, ..., rows), with the positions of the outputs.
        """
        size = math.prod(self.kernel.shape[:-1])
        each = ops.reshape(ops.eye(size, dtype=inputs.dtype), (*self.kernel.shape[:-1], size))
        found = self._linear_map.apply(inputs, each)
        ones = [ops.ones_like(found[..., :1])] if self.use_bias else []
        return ops.concatenate([found, *ones], axis=-1)

    def _posterior(self) -> RotatedNormal:
        rotations = self.row_rotation, self.column_rotation
        rows, columns = (None if each is None else self._precise(each) for each in rotations)
        return RotatedNormal(self._precise(self.scale), rows, columns)

    def _precise(self, variable: keras.Variable) -> Any:
        return cast(ops.convert_to_tensor(variable), at_least_single(self.variable_dtype))

    def _drawn(self) -> list[Any]:
        dtype = at_least_single(self.variable_dtype)
        noise = weight_noise(tuple(self.scale.shape), dtype, self.stream.next())
        deviations = self._parts(self._posterior().deviation(noise))
        return [mean + by for mean, by in zip(self._precise_means, deviations, strict=True)]

    def _parts(self, matrix: Any) -> list[Any]:
        """Return kernel and bias out of the matrix of all weights."""
        matrix = ops.reshape(matrix, self.shape_of_matrix)
        if self.bias is None:
            return [ops.reshape(matrix, self.kernel.shape)]
        return [ops.reshape(matrix[:-1], self.kernel.shape), matrix[-1]]

    def _weights_in(self, draw: ModelDraw) -> list[Any]:
        return draw.weight_of(self, "weights", self._drawn)

    def _divergence(self) -> Any:
        squares = sum(ops.sum(ops.square(mean)) for mean in self._precise_means)
        return self._posterior().divergence(squares, self._precise(self.prior_precision))

    def _named(self, parts: list[Any]) -> dict[str, Any]:
        return dict(zip(("kernel", "bias"), parts, strict=False))

    def divergences(self) -> dict[str, Divergence]:
        """See `BayesianLayer.divergences`."""
        return {"weights": Divergence(self._divergence, is_exact=True)}

    def size_of(self, weight: str) -> int:
        """See `BayesianLayer.size_of`."""
        del weight
        return math.prod(self.shape_of_matrix)

    def may_be_scaled_already(self) -> bool:
        """See `BayesianLayer.may_be_scaled_already`."""
        return False

    def plain_layer(self) -> keras.Layer:
        """See `BayesianLayer.plain_layer`."""
        kind = getattr(keras.layers, type(self).__name__.removesuffix("Laplace"))
        arguments = {"activation": self.activation, "use_bias": self.use_bias}
        shared = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        return kind(**self.geometry.get_config(), **arguments, **shared)

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""
        found = self._means if statistic == "mean" else self._drawn()
        return [ops.convert_to_numpy(weight) for weight in found]

    def weights_in_draw(self, draw: ModelDraw) -> dict[str, Any]:
        """See `BayesianLayer.weights_in_draw`."""
        return self._named(self._weights_in(draw))

    def posterior_moments(self) -> dict[str, tuple[Any, Any]]:
        """See `BayesianLayer.posterior_moments`."""
        stddevs = self._parts(ops.sqrt(self._posterior().variance()))
        return self._named(list(zip(self._precise_means, stddevs, strict=True)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs for inputs of this shape."""
        return self.geometry.output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs."""
        return self.geometry.mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {
            **self.geometry.get_config(),
            **super().get_config(),
            "use_bias": self.use_bias,
            "hessian_structure": self.hessian_structure,
        }

    @classmethod
    def names_of_arguments(cls) -> set[str]:
        """Return the names of the arguments that Keras's plain layer has, too."""
        own = {"activation", "use_bias", "name", "trainable", "activity_regularizer"}
        return own | set(inspect.signature(cls.geometry_type).parameters)

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), "activation"]


@keras.saving.register_keras_serializable("bayeslayers")
class DenseLaplace(LaplaceLayer):
    """Dense layer with a normal posterior of kernel and bias."""

    geometry_type = Dense


@keras.saving.register_keras_serializable("bayeslayers")
class Conv1DLaplace(LaplaceLayer):
    """1-D convolution with a normal posterior of kernel and bias."""

    geometry_type = Convolution1D


@keras.saving.register_keras_serializable("bayeslayers")
class Conv2DLaplace(LaplaceLayer):
    """2-D convolution with a normal posterior of kernel and bias."""

    geometry_type = Convolution2D


@keras.saving.register_keras_serializable("bayeslayers")
class Conv3DLaplace(LaplaceLayer):
    """3-D convolution with a normal posterior of kernel and bias."""

    geometry_type = Convolution3D


LAPLACE = {
    kind.__name__.removesuffix("Laplace"): kind
    for kind in (DenseLaplace, Conv1DLaplace, Conv2DLaplace, Conv3DLaplace)
}
"""The layers by the names of Keras's layers that they take the place of."""
