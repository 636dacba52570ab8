"""The interface between a linear map and the estimators that use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import keras
from keras import ops


class Geometry(ABC):
    """One linear map A(x, k) of inputs and kernel.

    The constructor's parameters are arguments of every layer of this geometry; those that are
    keyword-only reach it through `...`. Each is kept as an attribute of the same name, in its
    standard form.

    Inside, channels come last: `prepare` brings inputs there and `restore` brings outputs back, so
    that `apply`, the signs and the bias need to know one layout only.
    """

    title: ClassVar[str]
    """What the linear map is called in a sentence, such as "1-D convolution"."""

    formula: ClassVar[str]
    """A(x, k), written out for one output."""

    shapes: ClassVar[str]
    """The shapes of inputs and outputs, as a sentence."""

    example_shape: ClassVar[tuple[int, ...]]
    """The shape of one example, for the documentation."""

    example_arguments: ClassVar[str]
    """The arguments that have no default, as Python code, for the documentation."""

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""

    @abstractmethod
    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        """Return what all later inputs must be like, and refuse inputs that the map can't take."""

    @abstractmethod
    def kernel_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """Return the kernel's shape for inputs of this shape."""

    @abstractmethod
    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        """Return the number of input channels."""

    @abstractmethod
    def output_channels(self, input_channels: int) -> int:
        """Return the number of output channels, which is the length of the bias."""

    def output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the outputs' shape for inputs of this shape."""
        self.input_spec(input_shape)
        inputs = self.prepare(keras.KerasTensor(input_shape))
        kernel = keras.KerasTensor(self._symbolic_kernel_shape(input_shape))
        return self.restore(self.apply(inputs, kernel)).shape

    def _symbolic_kernel_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """Return the shape of a kernel that Keras can infer the outputs' shape with."""
        return self.kernel_shape(input_shape)

    @abstractmethod
    def apply(self, inputs: Any, kernel: Any) -> Any:
        """Return A(inputs, kernel), channels last."""

    def prepare(self, inputs: Any) -> Any:
        """Bring inputs into the layout that `apply` takes."""
        return inputs

    def restore(self, outputs: Any) -> Any:
        """Bring outputs into the caller's layout."""
        return outputs

    def over_positions(self, values: Any, rank: int) -> Any:
        """Broadcast a value per example and channel over the positions of a tensor of this rank."""
        # (batch, channels) -> (batch, 1, ..., 1, channels)
        return ops.expand_dims(values, tuple(range(1, rank - 1)))
