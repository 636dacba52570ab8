"""Sums of products over named axes: the equation says which axes inputs and kernel share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import add_bias, at_least_single, matmul, saturating_cast
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import Chain, FactorableMap

_ELLIPSIS = "..."
_FORM = re.compile(
    r"(?P<left>\.{3})?(?P<inputs>[a-zA-Z]+)(?P<right>\.{3})?,(?P<kernel>[a-zA-Z]+)"
    r"->(?P<out_left>\.{3})?(?P<outputs>[a-zA-Z]+)(?P<out_right>\.{3})?"
)


class EinsumDense(Chain):
    """An einsum of inputs and kernel, whose equation names their axes.

    Inside, the axes of the inputs that the kernel has, too, are flattened to one of channels, and
    so are the axes of the outputs that the kernel has. All other axes are positions.
    """

    title = "Einsum dense layer"
    formula = (
        "A(x, k) = einsum(equation, x, k), as in\n"
        'equation "abc,cde->abde":   A(x, k)[a, b, d, e] = sum over c of k[c, d, e] * x[a, b, c]'
    )
    shapes = (
        "The equation names the axes of the inputs, of the kernel and of the outputs. The first "
        "axis of inputs and outputs is the batch, which the kernel does not have. Input channels "
        "are the places along the axes that inputs and kernel share, output channels those along "
        "the axes that kernel and outputs share. All other axes are positions, which share the "
        "weights. In the example a is the batch, b a position, c an input channel, and (d, e) an "
        "output channel"
    )
    example_shape = (10, 3)
    example_arguments = 'equation="...c,cd->...d", output_shape=8, bias_axes="d"'
    functions = ("activation",)
    # Keras's layer takes a kernel with the axis of a batch of a fixed size, too.
    narrower = ("equation",)

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: str | Callable[..., Any] | None = None,
        bias_axes: str | None = None,
    ) -> None:
        self.equation = equation
        terms = _terms(equation)
        # As in Keras's layer: `Sequential` takes an attribute `output_shape` for something else.
        self.partial_output_shape = _output_shape(output_shape, terms)
        self.activation = checks.activation("activation", activation)
        self.bias_axes = _bias_axes(bias_axes, terms)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"output_shape": config.pop("partial_output_shape"), **config}

    @property
    def ends_in_outputs(self) -> bool:
        """Whether the kernel's last axis is one of the outputs, and none of the inputs."""
        return _terms(self.equation).kernel[-1] not in _terms(self.equation).inputs

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        contraction = self.for_inputs(input_shape)
        sizes = {axis: input_shape[axis] for axis in contraction.channel_axes}
        return keras.layers.InputSpec(ndim=len(input_shape), axes=sizes)

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        axes = _terms(self.equation).of_rank(len(input_shape))
        sizes = dict(zip(axes.inputs, input_shape, strict=True))
        channels = (*axes.shared, *axes.contracted)
        known = [size for axis in channels if (size := sizes[axis]) is not None]
        return math.prod(known) if len(known) == len(channels) else None

    def for_inputs(self, input_shape: tuple[int | None, ...]) -> Contraction:
        self.known_channels(input_shape)
        terms = _terms(self.equation)
        axes = terms.of_rank(len(input_shape))
        sizes = dict(zip(axes.inputs, input_shape, strict=True))
        outputs = terms.outputs[terms.has_batch :]
        for axis, size in zip(outputs, self.partial_output_shape, strict=True):
            known = sizes.setdefault(axis, size)
            if None not in (size, known) and size != known:
                rule = f"must have the size of the inputs along the axis {axis!r} of both"
                received = {"output_shape": self.partial_output_shape, "shape": tuple(input_shape)}
                raise ArgumentError("output_shape", rule, received)
            sizes[axis] = size if known is None else known
        return Contraction(axes, sizes, self.bias_axes)


class Contraction(FactorableMap, Chain):
    """An einsum of inputs of a known rank, whose axes in the kernel have known sizes.

    Args:
        axes: The axes of inputs, kernel and outputs.
        sizes: The size of each axis by its name, as far as it is known.
        bias_axes: The axes along which the bias varies; `None` where there is no bias.
    """

    def __init__(
        self, axes: Axes, sizes: dict[str, int | None], bias_axes: str | None = None
    ) -> None:
        self.axes = axes
        self.sizes = sizes
        self.bias_axes = bias_axes

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """The places of the input channels' axes among those of the inputs."""
        axes = self.axes
        return tuple(map(axes.inputs.index, (*axes.shared, *axes.contracted)))

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        sizes = {axis: input_shape[axis] for axis in self.channel_axes}
        return keras.layers.InputSpec(ndim=len(input_shape), axes=sizes)

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        del input_shape
        return self._size((*self.axes.shared, *self.axes.contracted))

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        del channels
        return self._known(self.axes.kernel)

    def output_channels(self, channels: int) -> int:
        del channels
        return self._size((*self.axes.shared, *self.axes.made))

    def scaled_kernel(self, kernel: Any, of_inputs: Any, of_outputs: Any) -> Any:
        axes = self.axes
        of_each = (
            (of_inputs, (*axes.shared, *axes.contracted)),
            (of_outputs, (*axes.shared, *axes.made)),
        )
        for factor, channels in of_each:
            # In the order of the kernel's axes, with a size of 1 along those without a factor.
            order = tuple(axis for axis in axes.kernel if axis in channels)
            ordered = _in_order(ops.reshape(factor, self._known(channels)), channels, order)
            sizes = [self.sizes[axis] if axis in channels else 1 for axis in axes.kernel]
            kernel = kernel * ops.reshape(ordered, sizes)
        return kernel

    def bias_shape(self, channels: int) -> tuple[int, ...]:
        del channels
        axes = self.axes.outputs
        if self.bias_axes is None:
            return ()
        if any(self.sizes[axis] is None for axis in self.bias_axes):
            rule = "must name axes of a known size"
            raise ArgumentError("bias_axes", rule, {"bias_axes": self.bias_axes})
        first = min(map(axes.index, self.bias_axes))
        sizes = [self.sizes[axis] if axis in self.bias_axes else 1 for axis in axes[first:]]
        return tuple(size for size in sizes if size is not None)

    def prepare(self, inputs: Any, dtype: str) -> Any:
        """Return inputs of shape (batch, positions, channels)."""
        axes, inputs = self.axes, super().prepare(inputs, dtype)
        order = axes.inputs
        if axes.summed:
            # In float16, a sum on a CPU may be infinite on its way.
            precise = ops.cast(inputs, at_least_single(dtype))
            total = ops.sum(precise, axis=tuple(map(order.index, axes.summed)))
            inputs = saturating_cast(total, dtype)
            order = tuple(axis for axis in order if axis not in axes.summed)
        channels = (*axes.shared, *axes.contracted)
        inputs = _in_order(inputs, order, (axes.batch, *axes.positions, *channels))
        return _last_axes(inputs, len(channels), (self._size(channels),))

    def apply(self, inputs: Any, kernel: Any) -> Any:
        """Return outputs of shape (batch, positions, channels)."""
        axes = self.axes
        if not axes.shared:
            return matmul(inputs, self.as_matrix(kernel))
        kernel = _in_order(kernel, axes.kernel, (*axes.shared, *axes.contracted, *axes.made))
        shared, contracted, made = map(self._size, (axes.shared, axes.contracted, axes.made))
        # The shared axes come first, as those of so many matrices: (shared, batch, ..., channels).
        inputs = ops.moveaxis(_last_axes(inputs, 1, (shared, contracted)), -2, 0)
        ones = (1,) * (len(inputs.shape) - 3)
        outputs = matmul(inputs, ops.reshape(kernel, (shared, *ones, contracted, made)))
        return _last_axes(ops.moveaxis(outputs, 0, -2), 2, (shared * made,))

    def as_matrix(self, kernel: Any) -> Any | None:
        axes = self.axes
        if axes.shared:
            return None
        kernel = _in_order(kernel, axes.kernel, (*axes.contracted, *axes.made))
        return ops.reshape(kernel, (self._size(axes.contracted), self._size(axes.made)))

    def first_factor(self, rank: int) -> Contraction:
        return Contraction(self.axes, {**self.sizes, self.axes.kernel[-1]: rank})

    def times_second(self, values: Any, factor: Any) -> Any:
        # The kernel's last axis is the last one of the output channels, too.
        rank, size = factor.shape
        others = self.output_channels(0) // size
        if others == 1:
            return super().times_second(values, factor)
        outputs = super().times_second(_last_axes(values, 1, (others, rank)), factor)
        return _last_axes(outputs, 2, (others * size,))

    def restore(self, outputs: Any) -> Any:
        axes = self.axes
        channels = (*axes.shared, *axes.made)
        outputs = _last_axes(outputs, 1, self._known(channels))
        return _in_order(outputs, (axes.batch, *axes.positions, *channels), axes.outputs)

    def with_bias(self, outputs: Any, bias: Any) -> Any:
        # In the caller's layout, as a bias may vary along positions.
        outputs = self.restore(outputs)
        if bias is None:
            return outputs
        # Not by Keras's `add`: on TensorFlow it moves a bias of one long axis to the second or the
        # last axis of the outputs where that has the bias's size.
        return add_bias(outputs, bias) if len(bias.shape) == 1 else outputs + bias

    def output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        sizes = self.sizes | dict(zip(self.axes.inputs, input_shape, strict=True))
        return tuple(sizes[axis] for axis in self.axes.outputs)

    def _known(self, axes: Iterable[str]) -> tuple[int, ...]:
        """Return the sizes of axes of the kernel."""
        return tuple(size for axis in axes if (size := self.sizes[axis]) is not None)

    def _size(self, axes: Iterable[str]) -> int:
        return math.prod(self._known(axes))


@dataclass(frozen=True)
class Axes:
    """The names of the axes of inputs, kernel and outputs, each in order, and what they are."""

    inputs: tuple[str, ...]
    kernel: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def batch(self) -> str:
        """The axis of the examples."""
        return self.inputs[0]

    @property
    def positions(self) -> tuple[str, ...]:
        """The axes of inputs and outputs alone, without the batch."""
        return tuple(a for a in self.outputs[1:] if a not in self.kernel)

    @property
    def summed(self) -> tuple[str, ...]:
        """The axes of the inputs alone, which the outputs are sums over."""
        return tuple(a for a in self.inputs if a not in (*self.kernel, *self.outputs))

    @property
    def contracted(self) -> tuple[str, ...]:
        """The axes of inputs and kernel alone, which the outputs are sums over."""
        return tuple(a for a in self.kernel if a not in self.outputs)

    @property
    def shared(self) -> tuple[str, ...]:
        """The axes of all three: each place along them has a kernel of its own."""
        return tuple(a for a in self.kernel if a in self.inputs and a in self.outputs)

    @property
    def made(self) -> tuple[str, ...]:
        """The axes of kernel and outputs alone."""
        return tuple(a for a in self.kernel if a not in self.inputs)


@dataclass(frozen=True)
class _Terms:
    """The letters of an equation, and where `...` stands in inputs and outputs."""

    inputs: str
    kernel: str
    outputs: str
    ellipsis: str

    @property
    def has_batch(self) -> bool:
        """Whether the batch is a letter, and not what `...` stands for."""
        return self.ellipsis != "left"

    def of_rank(self, rank: int) -> Axes:
        """Return the axes for inputs of so many dimensions."""
        elided = rank - len(self.inputs)
        least = {"left": 1, "right": 0, "": 0}[self.ellipsis]
        if elided < least or (elided and not self.ellipsis):
            more = "at least " if self.ellipsis else ""
            rule = f"must have {more}{len(self.inputs) + least} dimensions, the batch included"
            raise ArgumentError("inputs", rule, {"dimensions": rank})
        # Names that no letter has.
        between = tuple(f"{_ELLIPSIS}{i}" for i in range(elided))
        inputs, outputs = tuple(self.inputs), tuple(self.outputs)
        if self.ellipsis == "left":
            return Axes((*between, *inputs), tuple(self.kernel), (*between, *outputs))
        return Axes((*inputs, *between), tuple(self.kernel), (*outputs, *between))


def _terms(equation: Any) -> _Terms:
    """Take an equation apart, or refuse it."""
    found = _FORM.fullmatch(equation) if isinstance(equation, str) else None
    if found is None or _ellipsis(found) is None:
        rule = (
            'must be of the form "ab,bc->ac", "...b,bc->...c" or "ab...,bc->ac...": the axes of '
            "the inputs, of the kernel and of the outputs"
        )
        raise ArgumentError("equation", rule, {"equation": equation})
    terms = _Terms(found["inputs"], found["kernel"], found["outputs"], _ellipsis(found) or "")
    inputs, kernel, outputs = map(set, (terms.inputs, terms.kernel, terms.outputs))
    if [len(inputs), len(kernel), len(outputs)] != [len(t) for t in found.group(2, 4, 6)]:
        rule = "must name each axis once in the inputs, once in the kernel and once in the outputs"
        raise ArgumentError("equation", rule, {"equation": equation})
    batch = terms.inputs[0]
    if terms.has_batch and (terms.outputs[0] != batch or batch in kernel):
        rule = "must have the batch as the first axis of inputs and outputs, and not in the kernel"
        raise ArgumentError("equation", rule, {"equation": equation})
    if not kernel <= inputs | outputs or not outputs <= inputs | kernel:
        rule = (
            "must have each axis of the kernel in the inputs or the outputs, and each axis of the "
            "outputs in the inputs or the kernel"
        )
        raise ArgumentError("equation", rule, {"equation": equation})
    return terms


def _ellipsis(found: re.Match[str]) -> str | None:
    """Return where `...` stands: "left", "right" or nowhere; `None` where that is not allowed."""
    sides = {"left": bool(found["left"]), "right": bool(found["right"])}
    alike = [bool(found["out_left"]), bool(found["out_right"])] == list(sides.values())
    if not alike or all(sides.values()):
        return None
    return next((side for side, is_there in sides.items() if is_there), "")


def _output_shape(value: Any, terms: _Terms) -> tuple[int | None, ...]:
    """Return the sizes of the outputs' axes; those that the inputs have, too, may be empty."""
    axes = terms.outputs[terms.has_batch :]
    sizes = checks.input_shape("output_shape", [value] if isinstance(value, int) else value)
    if sizes is None or len(sizes) != len(axes):
        rule = (
            f"must have {len(axes)} sizes under this equation: those of the outputs' axes, without "
            "the batch and without what `...` stands for"
        )
        raise ArgumentError("output_shape", rule, {"output_shape": value, **_shown(terms)})
    for axis, size in zip(axes, sizes, strict=True):
        if size is None and axis not in terms.inputs:
            rule = f"must say the size of the axis {axis!r}, which the inputs do not have"
            raise ArgumentError("output_shape", rule, {"output_shape": value, **_shown(terms)})
    return sizes


def _bias_axes(value: Any, terms: _Terms) -> str | None:
    """Return the letters of the axes of the outputs along which the bias varies."""
    if value is None:
        return None
    axes = terms.outputs[terms.has_batch :]
    if not isinstance(value, str) or not value or not set(value) <= set(axes):
        rule = "must be letters of the outputs in `equation`, without the batch, or left empty"
        raise ArgumentError("bias_axes", rule, {"bias_axes": value, **_shown(terms)})
    return value


def _shown(terms: _Terms) -> dict[str, Any]:
    return {"outputs": terms.outputs}


def _in_order(values: Any, axes: tuple[str, ...], order: tuple[str, ...]) -> Any:
    """Bring a tensor's axes into another order."""
    return values if axes == order else ops.transpose(values, [axes.index(a) for a in order])


def _last_axes(values: Any, count: int, sizes: tuple[int, ...]) -> Any:
    """Put axes of these sizes in the place of the last few."""
    rank = len(values.shape)
    if count == len(sizes) == 1:
        return values
    return ops.reshape(values, (*ops.shape(values)[: rank - count], *sizes))
