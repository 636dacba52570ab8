"""The interface between what a layer computes and the layers that make it random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.backend import add_bias, cast, matmul
from bayeslayers.contract.errors import ArgumentError


class Geometry(ABC):
    """What a layer computes from inputs and weights, with nothing random in it.

    The constructor's parameters are arguments of every layer of this geometry; those that are
    keyword-only reach it through `...`. Each is kept as an attribute of the same name, in its
    standard form.
    """

    title: ClassVar[str]
    """What is computed, in a few words, such as "1-D convolution"."""

    formula: ClassVar[str]
    """What is computed, written out for one output."""

    shapes: ClassVar[str]
    """The shapes of inputs and outputs, as a sentence."""

    example_shape: ClassVar[tuple[int, ...]]
    """The shape of one example, for the documentation."""

    example_arguments: ClassVar[str]
    """The arguments that have no default, as Python code, for the documentation."""

    kernels: ClassVar[tuple[str, ...]] = ("kernel",)
    """Names of the random weights that inputs are multiplied by."""

    kernel_in_keras: ClassVar[str] = "kernel"
    """What Keras's arguments call the kernels, where they have other names than those here."""

    has_bias: ClassVar[bool] = True
    """Whether there is a random weight that is added."""

    functions: ClassVar[tuple[str, ...]] = ()
    """The constructor's parameters that are functions."""

    of_keras_alone: ClassVar[tuple[str, ...]] = ()
    """The arguments by which Keras's layer of the name computes what this does not."""

    narrower: ClassVar[tuple[str, ...]] = ()
    """The arguments that Keras's layer of the name takes more values of."""

    own_prose: ClassVar[dict[str, str]] = {}
    """The prose of arguments that mean something else here than in other layers."""

    reference: ClassVar[str] = ""
    """The source, where what is computed has one."""

    @property
    def supports_masking(self) -> bool:
        """Whether Keras's masks may come with the inputs."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for saving."""
        return dict(vars(self))

    @abstractmethod
    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        """Return what all later inputs must be like, and refuse inputs that do not fit."""

    def takes_sparse(self, rank: int) -> bool:
        """Whether inputs of this rank may be a sparse tensor, as Keras's own layer takes it."""
        del rank
        return False

    @abstractmethod
    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        """Return the number of input channels."""

    def known_channels(self, input_shape: tuple[int | None, ...]) -> int:
        """Return the number of input channels; refuse inputs that do not say it."""
        channels = self.input_channels(input_shape)
        if channels is None:
            rule = "must have a known number of channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        return channels


class LinearMap(ABC):
    """One linear map A(x, k) of inputs and kernel, channels last."""

    @abstractmethod
    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Return the kernel's shape for this number of input channels."""

    @abstractmethod
    def output_channels(self, channels: int) -> int:
        """Return the number of output channels."""

    @abstractmethod
    def apply(self, inputs: Any, kernel: Any) -> Any:
        """Return A(inputs, kernel)."""

    def scaled_kernel(self, kernel: Any, of_inputs: Any, of_outputs: Any) -> Any:
        """Return the kernel that gives A(x * of_inputs, kernel) * of_outputs for any inputs x.

        Args:
            kernel: The kernel.
            of_inputs: A factor for each input channel.
            of_outputs: A factor for each output channel.
        """
        # The last two dimensions are the channels in most kernels.
        return kernel * ops.expand_dims(of_inputs, 1) * of_outputs

    def symbolic_kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape of a kernel that Keras can infer the outputs' shape with."""
        return self.kernel_shape(channels)

    def as_matrix(self, kernel: Any) -> Any | None:
        """Return the matrix (channels, new_channels) that A multiplies inputs by, if A does that.

        Then A(x, k) of inputs (batch, positions, channels) is their product with a matrix, which
        may be another one for each example.
        """
        del kernel
        return None

    def over_positions(self, values: Any, rank: int) -> Any:
        """Broadcast a value per example and channel over the positions of a tensor of this rank."""
        # (batch, channels) -> (batch, 1, ..., 1, channels)
        return ops.expand_dims(values, tuple(range(1, rank - 1))) if rank > 2 else values  # noqa: PLR2004


class FactorableMap(LinearMap):
    """A linear map A(x, k) whose kernel may be a product a b of low rank.

    The factor a has the axes of the kernel, of which the last has as many places as the rank is,
    and b is a matrix from these to the places of the kernel's last axis.
    """

    @abstractmethod
    def first_factor(self, rank: int) -> LinearMap:
        """Return the linear map A(x, a), whose last output channel's axis is that of the rank."""

    def channels_of_factor(self, channels: int) -> int:
        """Return the number of input channels of the map of the first factor."""
        return channels

    def inputs_of_factor(self, inputs: Any) -> Any:
        """Return the map's inputs as the map of the first factor takes them."""
        return inputs

    def times_second(self, values: Any, factor: Any) -> Any:
        """Return A(x, a b) from the values A(x, a) and the factor b."""
        return matmul(values, factor)


class Chain(Geometry):
    """Linear maps, one after the other, each with a kernel of its own; mostly there is just one.

    Inside, channels come last: `prepare` brings inputs there and `restore` brings outputs back, so
    that the linear maps, the signs and the bias need to know one layout only.
    """

    def for_inputs(self, input_shape: tuple[int | None, ...]) -> Chain:
        """Return what is computed for inputs of this shape, where the maps depend on more of it.

        The number of examples and the sizes of positions may differ from those of the shape.
        """
        del input_shape
        return self

    def stages(self) -> dict[str, LinearMap]:
        """Return the linear maps in order, by the names of their kernels."""
        assert isinstance(self, LinearMap)  # where it is the only one
        (kernel,) = self.kernels
        return {kernel: self}

    def prepare(self, inputs: Any, dtype: str) -> Any:
        """Bring inputs into the layout and the dtype that the first linear map takes."""
        # Keras casts floats only; a kernel in the dtype of whole numbers would be all zeros.
        return cast(inputs, dtype)

    def restore(self, outputs: Any) -> Any:
        """Bring outputs into the caller's layout."""
        return outputs

    def bias_shape(self, channels: int) -> tuple[int, ...]:
        """Return the bias's shape for this number of output channels."""
        return (channels,)

    def with_bias(self, outputs: Any, bias: Any) -> Any:
        """Add the bias, if there is one, and bring outputs into the caller's layout."""
        return self.restore(outputs if bias is None else add_bias(outputs, bias))

    def mask(self, inputs: Any, previous: Any) -> Any:
        """Return the mask of the outputs."""
        del inputs
        return previous

    def output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the outputs' shape for inputs of this shape."""
        self.input_spec(input_shape)
        values = self.prepare(keras.KerasTensor(input_shape), "float32")
        channels = self.known_channels(input_shape)
        for linear_map in self.stages().values():
            kernel = keras.KerasTensor(linear_map.symbolic_kernel_shape(channels))
            values = linear_map.apply(values, kernel)
            channels = linear_map.output_channels(channels)
        return self.restore(values).shape
