"""The family as a table: a row for each geometry, and a row for each layer.

What a row says is written down anew, not read off the code: a layer that changes its shapes, its
arguments or its estimator no longer fits its row. `test_family*.py` run one contract over the rows.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from frameworks import compiled, numpy_of
from posteriors import fixed_normal

import bayeslayers
from bayeslayers.layers import default_multivariate_normal_fn
from bayeslayers.testing.subject import Subject

BATCH = 3
CHANNELS = 2


@dataclass(frozen=True)
class Geometry:
    """What a layer computes, and Keras's deterministic layer that computes it.

    Args:
        oracle: Keras's layer.
        arguments: What the examples of the contract are made with.
        example: The shape of one example, channels last.
        outputs: The shape of one output, channels last, without further arguments.
        kernels: The shapes of the kernels by their names, without further arguments.
        named: The arguments that stand before the variational ones, in order.
        variations: Further arguments to compare with the oracle under.
        bad: Further arguments that are refused, with the argument at fault and its rule.
        bad_inputs: Shapes of inputs that are refused, with the rule.
        bias: The shape of the bias, without further arguments; empty where there is none.
        paddings: All values that `padding` has.
        mixes_channels: Whether an output sees more than one input channel.
        vocabulary: How many inputs there are, where they are whole numbers.
        recurrent: Whether it runs over steps, one after the other.
        supports_masking: Whether Keras's masks may come with the inputs.
        says_where_the_bias_is: Whether `bias_axes` says along which axes there is one, if any.
    """

    oracle: type
    arguments: dict[str, Any]
    example: tuple[int, ...]
    outputs: tuple[int, ...]
    kernels: dict[str, tuple[int, ...]]
    named: str
    variations: tuple[dict[str, Any], ...]
    bad: tuple[tuple[dict[str, Any], str, str], ...]
    bad_inputs: tuple[tuple[tuple[int, ...], str], ...]
    bias: tuple[int, ...] = (2,)
    paddings: tuple[str, ...] = ()
    mixes_channels: bool = True
    vocabulary: int | None = None
    recurrent: bool = False
    supports_masking: bool = False
    says_where_the_bias_is: bool = False

    @property
    def roles(self):
        """The names of the weights."""
        return (*self.kernels, "bias") if self.bias else tuple(self.kernels)

    @property
    def kernel(self):
        """The shape of the only kernel."""
        (shape,) = self.kernels.values()
        return shape

    @property
    def rank(self):
        """How many dimensions a window has; none where there is no window."""
        return len(next(iter(self.kernels.values()))) - 2

    @property
    def is_chain(self):
        """Whether the outputs of one kernel are the inputs of another."""
        return "pointwise" in self.kernels or self.squares_inputs

    @property
    def squares_inputs(self):
        """Whether products of the inputs are computed on the way to the outputs."""
        return False

    @property
    def is_linear(self):
        """Whether the outputs are linear in a single kernel."""
        return len(self.kernels) == 1

    def moved(self, role, gradient):
        """Return the part of a weight's gradient that inputs and targets do not leave at zero."""
        del role
        return gradient

    @property
    def applies_activation(self):
        """Whether an activation is applied to the outputs, as in most layers."""
        return "activation" not in self.named.split() and self.vocabulary is None

    def channels_of(self, kernels):
        """Return how many input and output channels kernels of these shapes have."""
        sizes = {name: (shape[-2], shape[-1]) for name, shape in kernels.items()}
        if "Transpose" in self.oracle.__name__:
            sizes = {name: size[::-1] for name, size in sizes.items()}
        if not self.mixes_channels or "depthwise" in kernels:
            # Each input channel has as many output channels as the kernel's last dimension.
            first = next(iter(sizes))
            sizes[first] = (sizes[first][0], sizes[first][0] * sizes[first][1])
        return sizes

    def inputs(self, rng, batch=BATCH):
        if self.vocabulary is not None:
            return rng.integers(0, self.vocabulary, size=(batch, *self.example)).astype("int32")
        return rng.normal(size=(batch, *self.example)).astype("float32")

    def model_of(self, *layers):
        """Return a model that takes the inputs of this geometry."""
        dtype = "float32" if self.vocabulary is None else "int32"
        return keras.Sequential([keras.Input(self.example, dtype=dtype), *layers])

    def constant_inputs(self, rng, batch=BATCH):
        """Return inputs that are the same for all examples and at all positions."""
        if self.vocabulary is not None:
            return np.full((batch, *self.example), 1, "int32")
        channels = rng.uniform(0.5, 1.5, size=CHANNELS).astype("float32")
        return np.broadcast_to(channels, (batch, *self.example)).copy()

    def deterministic(self, inputs, kernels, bias=None, graph=False, **further):
        """Return what Keras's own layer gives, channels in the place that `further` says."""
        first = further.pop("data_format", "channels_last") == "channels_first"
        layer = self.keras_layer(bias is not None, **further)
        # Keras has no channels first on a CPU.
        inputs = np.moveaxis(inputs, 1, -1) if first else inputs
        self.build(layer, inputs.shape)
        kernels = list(kernels.values()) if isinstance(kernels, dict) else [kernels]
        layer.set_weights(self.weights_of_keras(kernels, bias))
        call = self.call_of(layer)
        outputs = numpy_of(keras.tree.flatten((compiled(call) if graph else call)(inputs)))
        if first:
            outputs = [np.moveaxis(part, -1, 1) for part in outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def build(self, layer, shape):
        """Build Keras's layer."""
        layer.build(shape)

    def call_of(self, layer):
        """Return Keras's layer as a function of the inputs."""
        return layer

    def weights_of_keras(self, kernels, bias):
        """Return the weights of Keras's layer in its order."""
        return kernels if bias is None else [*kernels, bias]

    def weights_of_ours(self, weights):
        """Return the values of our weights that are those of Keras's layer."""
        return weights

    def variance(self, inputs, scale, **further):
        """Return the variance of the outputs where the kernel alone is random."""
        squared = inputs if self.vocabulary is not None else inputs**2
        return self.deterministic(squared, scale**2, **further)

    def shapes_of(self, **further):
        """Return the weights' shapes under further arguments: those that Keras's layer has."""
        further.pop("data_format", None)
        layer = self.keras_layer(bool(self.bias), **further)
        # Long enough for any window: the positions do not show in its shape.
        long = (*[9] * (len(self.example) - 1), CHANNELS)
        self.build(layer, (BATCH, *(self.example if self.says_where_the_bias_is else long)))
        return self.shapes_in(layer)

    def shapes_in(self, layer):
        """Return the shapes of our weights that those of Keras's layer amount to."""
        return dict(zip(self.roles, [tuple(weight.shape) for weight in layer.weights], strict=True))

    def keras_layer(self, use_bias, **further):
        """Make Keras's own layer."""
        arguments = {**self.arguments, **further}
        if self.says_where_the_bias_is and not use_bias:
            arguments["bias_axes"] = None
        if self.recurrent:
            # Keras draws no orthogonal kernel, its default, in half precision.
            arguments["recurrent_initializer"] = "zeros"
        is_asked = self.bias and not self.says_where_the_bias_is
        return self.oracle(**arguments, **({"use_bias": use_bias} if is_asked else {}))


@dataclass(frozen=True)
class SelfAttention(Geometry):
    """Attention of the inputs to themselves: Keras's layer is told so, and keeps four biases."""

    applies_activation = False
    squares_inputs = True

    def channels_of(self, kernels):
        sizes = {name: (shape[0], shape[1] * shape[2]) for name, shape in kernels.items()}
        heads, size, outputs = kernels["output"]
        return {**sizes, "output": (heads * size, outputs)}

    def model_of(self, *layers):
        inputs = outputs = keras.Input(self.example)
        for layer in layers:
            attends = "value" in inspect.signature(layer.call).parameters
            outputs = layer(outputs, outputs) if attends else layer(outputs)
        return keras.Model(inputs, outputs)

    def moved(self, role, gradient):
        # A bias of the keys adds the same to the scores of all of them.
        keys = slice(*np.cumsum([np.prod(self.kernels[name][1:]) for name in ("query", "key")]))
        return np.delete(gradient, keys) if role == "bias" else gradient

    def build(self, layer, shape):
        layer.build(shape, shape)

    def call_of(self, layer):
        return lambda inputs: layer(inputs, inputs)

    def weights_of_keras(self, kernels, bias):
        if bias is None:
            return kernels
        shapes = [kernel.shape[1:] for kernel in kernels[:-1]] + [kernels[-1].shape[2:]]
        parts = np.split(bias, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        biases = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return [weight for pair in zip(kernels, biases, strict=True) for weight in pair]

    def weights_of_ours(self, weights):
        return [*weights[::2], np.concatenate([bias.ravel() for bias in weights[1::2]])]

    def shapes_in(self, layer):
        shapes = [tuple(weight.shape) for weight in layer.weights]
        kernels = dict(zip(self.kernels, shapes[::2], strict=True))
        return {**kernels, "bias": (sum(int(np.prod(shape)) for shape in shapes[1::2]),)}


@dataclass(frozen=True)
class Row:
    """A layer of the family.

    Args:
        function: Name of the function, in both languages.
        name: Name of the class.
        geometry: What it computes.
        estimator: "flipout", "reparameterization", "local" or "rank1".
        ancestor: TensorFlow Probability's layer, where it has one.
        named: Arguments in the signature after those of all variational layers.
        thin: Whether only what does not follow from the estimator and the geometry apart is tested.
    """

    function: str
    name: str
    geometry: Geometry
    estimator: str
    ancestor: str | None = None
    named: str = ""
    thin: bool = False

    @property
    def layer_class(self):
        return bayeslayers.layers.FAMILY[self.name]

    @property
    def has_factors(self):
        """Whether the kernel is trained, and scaled by random factors."""
        return self.estimator == RANK1

    @property
    def random(self):
        """The shapes of the random weights but the bias by their names, for a single member."""
        kernels = self.geometry.kernels
        return self.factors_of(kernels) if self.has_factors else kernels

    @property
    def bias(self):
        """The shape of the bias; empty where there is none."""
        bias = self.geometry.bias
        return (1, *bias) if self.has_factors and bias else bias

    @property
    def roles(self):
        """The names of the random weights."""
        return (*self.random, "bias") if self.bias else tuple(self.random)

    @property
    def trained(self):
        """How many trained weights there are besides the parameters of posteriors."""
        return len(self.geometry.kernels) if self.has_factors else 0

    def factors_of(self, kernels):
        """Return the shapes of the factors of kernels of these shapes."""
        channels = self.geometry.channels_of(kernels)
        found = {}
        for kernel, (of_inputs, of_outputs) in channels.items():
            prefix = "" if kernel == "kernel" else f"{kernel}_"
            found |= {f"{prefix}alpha": (1, of_inputs), f"{prefix}gamma": (1, of_outputs)}
        return found

    @property
    def variational(self):
        """The arguments that follow the named ones, in order."""
        parts = ("posterior_fn", "posterior_tensor_fn", "prior_fn", "divergence_fn")
        of_weights = [f"{role}_{part}" for role in self.roles for part in parts]
        activation = ["activation"] if self.geometry.applies_activation else []
        first = [*activation, *(["ensemble_size"] if self.has_factors else [])]
        parts = ("initializer", "regularizer", "constraint") if self.has_factors else ()
        of_kernels = [f"{kernel}_{part}" for kernel in self.geometry.kernels for part in parts]
        return [*first, "activity_regularizer", "trainable", *of_weights, *of_kernels]

    def model(self, **further):
        """Make a model of this layer alone."""
        return self.geometry.model_of(self.layer(**further))

    def layer(self, **further):
        """Make the layer by its function."""
        return getattr(bayeslayers, self.function)(**{**self.geometry.arguments, **further})

    def subject(self, rng, **further):
        """Return the layer for the checks of `bayeslayers.testing`."""
        arguments = {**self.geometry.arguments, **further}
        return Subject(self.layer_class, arguments, self.geometry.inputs(rng))

    @property
    def standard(self):
        """The arguments that give all weights but the bias the standard normal prior."""
        prior = default_multivariate_normal_fn
        return {f"{role}_prior_fn": prior for role in self.random} if self.has_factors else {}

    def without_spread(self, kernels, **further):
        """Make the layer with kernels that are always the same, and no divergence."""
        if not self.has_factors:
            priors = {f"{role}_prior_fn": None for role in kernels}
            normals = {role: (kernel, 0.0) for role, kernel in kernels.items()}
            return self.with_kernels(normals, **priors, **further)
        # Of a single member, factors without a spread start at 1.
        fixed = {f"{role}_posterior_fn": "deterministic" for role in self.random}
        start = {f"{role}_initializer": Fixed(kernel) for role, kernel in kernels.items()}
        return self.layer(**{"bias_posterior_fn": None, **fixed, **start, **further})

    def with_kernels(self, normals, **further):
        """Make the layer with known posteriors of the kernels and no bias."""
        weights = {f"{role}_posterior_fn": fixed_normal(*q) for role, q in normals.items()}
        if self.geometry.bias:
            weights["bias_posterior_fn"] = None
        return self.layer(**{**weights, **further})

    def with_kernel(self, loc, scale, **further):
        """Make the layer with a known posterior of its only kernel and no bias."""
        (role,) = self.geometry.kernels
        return self.with_kernels({role: (loc, scale)}, **further)


class Fixed(keras.initializers.Initializer):
    """Initializer of known values."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        assert tuple(shape) == self.value.shape
        return keras.ops.convert_to_tensor(self.value, dtype)


def random_normal(shape, seed=11):
    """Return mean and standard deviation of a kernel, none of them near zero."""
    rng = np.random.default_rng(seed)
    loc = rng.normal(size=shape).astype("float32")
    return loc, rng.uniform(0.2, 1.5, size=shape).astype("float32")


def random_normals(kernels):
    """Return means and standard deviations of kernels of these shapes."""
    numbered = enumerate(kernels.items())
    return {role: random_normal(shape, 11 + i) for i, (role, shape) in numbered}


_POSITIVE = "must be a positive whole number"
_PER_DIMENSION = "must be one positive whole number"
_FORMATS = 'must be one of "channels_last", "channels_first"'
_OUTPUT_PADDING = "must be a whole number from 0 to below `strides`, or left empty"
_TOO_LONG = "must span no more positions than the inputs have"
_SIZES = {1: (5,), 2: (4, 3), 3: (3, 3, 3)}


def _grown(rank, by):
    return tuple(size + by for size in _SIZES[rank])


def _bad_window(rank):
    """Return what every layer with a window refuses."""
    return (
        *(({"kernel_size": v}, "kernel_size", _PER_DIMENSION) for v in (0, 2.5, (2,) * (rank + 1))),
        *(({"strides": v}, "strides", _PER_DIMENSION) for v in (0, (1,) * (rank + 1))),
        *(({"dilation_rate": v}, "dilation_rate", _PER_DIMENSION) for v in (0, -1)),
        ({"padding": "foo"}, "padding", "must be one of"),
        ({"data_format": "NHWC"}, "data_format", _FORMATS),
        ({"strides": 2, "dilation_rate": 2}, "strides", "must be 1 where `dilation_rate`"),
    )


def _bad_inputs(rank, *more):
    rule = f"must have {rank + 2} dimensions"
    sizes = _SIZES[rank]
    return (((BATCH, *sizes), rule), ((BATCH, *sizes, 1, CHANNELS), rule), *more)


def _too_short(rank):
    return ((BATCH, *_SIZES[rank][:-1], 1, CHANNELS), _TOO_LONG)


def _convolution(rank, oracle):
    return Geometry(
        oracle=oracle,
        arguments={"filters": 2, "kernel_size": 2},
        example=(*_SIZES[rank], CHANNELS),
        outputs=(*_grown(rank, -1), 2),
        kernels={"kernel": (*(2,) * rank, CHANNELS, 2)},
        named="filters kernel_size strides padding data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same"},
            {"dilation_rate": 2},
            {"data_format": "channels_first", "kernel_size": (1, 2, 3)[-rank:]},
            {"groups": 2, "filters": 4},
        ),
        paddings=("valid", "same", "causal") if rank == 1 else ("valid", "same"),
        bad=(
            *_bad_window(rank),
            *(({"filters": value}, "filters", _POSITIVE) for value in (0, 1.5, None)),
            ({"groups": 0}, "groups", _POSITIVE),
            ({"groups": 3}, "groups", "must divide `filters`"),
            *([] if rank == 1 else [({"padding": "causal"}, "padding", "must be one of")]),
        ),
        bad_inputs=_bad_inputs(rank, _too_short(rank)),
    )


def _transposed(rank, oracle):
    return Geometry(
        oracle=oracle,
        arguments={"filters": 2, "kernel_size": 2},
        example=(*_SIZES[rank], CHANNELS),
        outputs=(*_grown(rank, 1), 2),
        kernels={"kernel": (*(2,) * rank, 2, CHANNELS)},
        named="filters kernel_size strides padding output_padding data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same", "output_padding": 1},
            {"strides": 2, "padding": "same"},
            # Not the length that 3 positions a step give without it.
            {"strides": 3, "output_padding": 2},
            {"strides": (1, 2, 2)[-rank:], "filters": 3, "data_format": "channels_first"},
        ),
        paddings=("valid", "same"),
        bad=(
            *_bad_window(rank),
            ({"filters": 0}, "filters", _POSITIVE),
            *(
                ({"strides": 2, "output_padding": value}, "output_padding", _OUTPUT_PADDING)
                for value in (2, -1, 0.5, (1,) * (rank + 1))
            ),
            ({"output_padding": 1}, "output_padding", _OUTPUT_PADDING),
            (
                {"output_padding": 0, "padding": "same", "strides": 2},
                "output_padding",
                "must be above 0, or left empty, in dimensions where the window spans an even",
            ),
            ({"padding": "causal"}, "padding", "must be one of"),
            ({"groups": 2}, "groups", "is not an argument of this layer"),
        ),
        bad_inputs=_bad_inputs(rank),
    )


def _depthwise(rank, oracle):
    return Geometry(
        oracle=oracle,
        arguments={"kernel_size": 2, "depth_multiplier": 2},
        example=(*_SIZES[rank], CHANNELS),
        outputs=(*_grown(rank, -1), 2 * CHANNELS),
        kernels={"kernel": (*(2,) * rank, CHANNELS, 2)},
        named="kernel_size strides padding depth_multiplier data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same"},
            {"dilation_rate": 2, "depth_multiplier": 1},
            {"data_format": "channels_first", "depth_multiplier": 3},
        ),
        # Keras's deterministic layer has no "causal"; `test_family_geometries.py` has its own case.
        paddings=("valid", "same"),
        mixes_channels=False,
        bias=(2 * CHANNELS,),
        bad=(
            *_bad_window(rank),
            *(({"depth_multiplier": v}, "depth_multiplier", _POSITIVE) for v in (0, -1, 1.5, None)),
            *([({"strides": (1, 2)}, "strides", "must be equal")] if rank > 1 else []),
            ({"filters": 2}, "filters", "is not an argument of this layer"),
        ),
        bad_inputs=_bad_inputs(rank, _too_short(rank)),
    )


def _separable(rank, oracle):
    return Geometry(
        oracle=oracle,
        arguments={"filters": 2, "kernel_size": 2, "depth_multiplier": 2},
        example=(*_SIZES[rank], CHANNELS),
        outputs=(*_grown(rank, -1), 2),
        kernels={
            "depthwise": (*(2,) * rank, CHANNELS, 2),
            "pointwise": (*(1,) * rank, 2 * CHANNELS, 2),
        },
        named="filters kernel_size strides padding data_format dilation_rate depth_multiplier",
        variations=(
            {"strides": 2, "padding": "same"},
            {"dilation_rate": 2, "depth_multiplier": 1},
            {"data_format": "channels_first", "depth_multiplier": 3, "filters": 1},
        ),
        paddings=("valid", "same"),
        bad=(
            *_bad_window(rank),
            *(({"filters": value}, "filters", _POSITIVE) for value in (0, 1.5, None)),
            *(({"depth_multiplier": v}, "depth_multiplier", _POSITIVE) for v in (0, -1, 1.5, None)),
            *([({"strides": (1, 2)}, "strides", "must be equal")] if rank > 1 else []),
            ({"groups": 2}, "groups", "is not an argument of this layer"),
        ),
        bad_inputs=_bad_inputs(rank, _too_short(rank)),
    )


_FLAG = "must be true or false"
_RATE = "must be a number from 0 to below 1"


def _recurrent(oracle, gates, named, bias, **more):
    return Geometry(
        oracle=oracle,
        arguments={"units": 2},
        example=(4, CHANNELS),
        outputs=(2,),
        kernels={"kernel": (CHANNELS, 2 * gates), "recurrent": (2, 2 * gates)},
        bias=bias,
        named=named,
        variations=(
            {"return_sequences": True, "recurrent_activation": "relu"},
            {"go_backwards": True, "return_sequences": True, "units": 1},
            {"return_state": True, "activation": "relu", "unroll": True},
            *more.get("variations", ()),
        ),
        recurrent=True,
        supports_masking=True,
        bad=(
            *(({"units": value}, "units", _POSITIVE) for value in (0, 1.5, "2", True, None)),
            *(({"dropout": value}, "dropout", _RATE) for value in (1, -0.1, "0.5", True)),
            *(({"recurrent_dropout": value}, "recurrent_dropout", _RATE) for value in (1, None)),
            *(
                ({name: 1}, name, _FLAG)
                for name in named.split()
                if name.startswith(("return", "go", "stateful", "unroll", "reset", "unit_"))
            ),
            ({"recurrent_activation": "foo"}, "recurrent_activation", "must be the name of a"),
            ({"activation": "foo"}, "activation", "must be the name of a Keras activation"),
            ({"use_bias": True}, "use_bias", "is not an argument of this layer"),
        ),
        bad_inputs=(
            ((BATCH, CHANNELS), "must have 3 dimensions"),
            ((BATCH, 4, CHANNELS, 1), "must have 3 dimensions"),
        ),
    )


CONVOLUTION = {
    1: _convolution(1, keras.layers.Conv1D),
    2: _convolution(2, keras.layers.Conv2D),
    3: _convolution(3, keras.layers.Conv3D),
}
TRANSPOSED = {
    1: _transposed(1, keras.layers.Conv1DTranspose),
    2: _transposed(2, keras.layers.Conv2DTranspose),
    3: _transposed(3, keras.layers.Conv3DTranspose),
}
DEPTHWISE = {
    1: _depthwise(1, keras.layers.DepthwiseConv1D),
    2: _depthwise(2, keras.layers.DepthwiseConv2D),
}
SEPARABLE = {
    1: _separable(1, keras.layers.SeparableConv1D),
    2: _separable(2, keras.layers.SeparableConv2D),
}
LSTM = _recurrent(
    keras.layers.LSTM,
    4,
    "units activation recurrent_activation unit_forget_bias dropout recurrent_dropout "
    "return_sequences return_state go_backwards stateful unroll",
    (8,),
    variations=({"unit_forget_bias": False},),
)
GRU = _recurrent(
    keras.layers.GRU,
    3,
    "units activation recurrent_activation dropout recurrent_dropout return_sequences "
    "return_state go_backwards stateful unroll reset_after",
    (2, 6),
    variations=({"reset_after": False},),
)
EMBEDDING = Geometry(
    oracle=keras.layers.Embedding,
    arguments={"input_dim": 4, "output_dim": 2},
    example=(3,),
    outputs=(3, 2),
    kernels={"embeddings": (4, 2)},
    bias=(),
    named="input_dim output_dim mask_zero",
    variations=({"mask_zero": True}, {"output_dim": 1}),
    vocabulary=4,
    bad=(
        *(({"input_dim": value}, "input_dim", _POSITIVE) for value in (0, 1.5, None)),
        *(({"output_dim": value}, "output_dim", _POSITIVE) for value in (0, "2", True)),
        ({"mask_zero": 1}, "mask_zero", _FLAG),
        ({"activation": "relu"}, "activation", "is not an argument of this layer"),
        ({"bias_prior_fn": None}, "bias_prior_fn", "is not an argument of this layer"),
    ),
    bad_inputs=(),
)
DENSE = Geometry(
    oracle=keras.layers.Dense,
    arguments={"units": 2},
    # A position, so that what positions share can be told.
    example=(4, CHANNELS),
    outputs=(4, 2),
    kernels={"kernel": (CHANNELS, 2)},
    named="units",
    variations=({"units": 1}, {"units": 5}),
    supports_masking=True,
    bad=(
        *(({"units": value}, "units", _POSITIVE) for value in (0, -1, 1.5, "2", True, None, (2,))),
        ({"filters": 2}, "filters", "is not an argument of this layer"),
    ),
    bad_inputs=(((BATCH,), "must have a batch dimension"),),
)
_EINSUM = {"equation": "abc,cd->abd", "output_shape": (None, 2), "bias_axes": "d"}
_FORM = 'must be of the form "ab,bc->ac"'
EINSUM = Geometry(
    oracle=keras.layers.EinsumDense,
    arguments=_EINSUM,
    example=(4, CHANNELS),
    outputs=(4, 2),
    kernels={"kernel": (CHANNELS, 2)},
    named="equation output_shape activation bias_axes",
    variations=(
        {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y", "activation": "relu"},
        {"equation": "ab...,bc->ac...", "output_shape": 3, "bias_axes": "c"},
        # Two axes of output channels, in another order than the kernel's.
        {"equation": "abc,dce->abed", "output_shape": (None, 3, 2), "bias_axes": "ed"},
        # The inputs' positions are summed, and a bias varies along those of the outputs.
        {"equation": "abc,cd->ad", "output_shape": 2, "bias_axes": "d"},
        {"equation": "abc,cd->adb", "output_shape": (3, 4), "bias_axes": "b"},
        # An axis of all three: a kernel for each position, or each channel on its own.
        {"equation": "abc,c->abc", "output_shape": (None, 2), "bias_axes": "c"},
        {"equation": "abc,bcd->abd", "output_shape": (4, 3), "bias_axes": "bd"},
    ),
    bad=(
        *(
            ({"equation": value}, "equation", _FORM)
            for value in (
                *("ab,bc", "ab->ac", "...b,bc->c", "b...,bc->...c", "a b,bc->ac", "", 3, None),
                *("...ab...,bc->...ac...", "a1,1c->ac", "ab,bc->", "ab,b...->a..."),
            )
        ),
        *(
            ({"equation": value}, "equation", rule)
            for value, rule in (
                ("abc,ca->ac", "must have the batch as the first axis"),
                ("abc,cd->bad", "must have the batch as the first axis"),
                ("abb,bc->abc", "must name each axis once"),
                ("abc,cdd->abd", "must name each axis once"),
                ("abc,cd->abdb", "must name each axis once"),
                ("abc,cde->abd", "must have each axis of the kernel"),
                ("abc,cd->abe", "must have each axis of the kernel"),
            )
        ),
        ({"output_shape": 2}, "output_shape", "must have 2 sizes under this equation"),
        ({"output_shape": (4, 2, 2)}, "output_shape", "must have 2 sizes under this equation"),
        ({"output_shape": None}, "output_shape", "must have 2 sizes under this equation"),
        ({"output_shape": (None, 0)}, "output_shape", "must list the positive sizes"),
        ({"output_shape": (None, None)}, "output_shape", "must say the size of the axis 'd'"),
        *(
            ({"bias_axes": value}, "bias_axes", "must be letters of the outputs")
            for value in ("a", "c", "", 1, "dx")
        ),
        ({"activation": "foo"}, "activation", "must be the name of a Keras activation"),
        ({"units": 2}, "units", "is not an argument of this layer"),
        ({"use_bias": True}, "use_bias", "is not an argument of this layer"),
    ),
    bad_inputs=(
        ((BATCH, CHANNELS), "must have 3 dimensions"),
        ((BATCH, 4, 4, CHANNELS), "must have 3 dimensions"),
    ),
    says_where_the_bias_is=True,
)
ATTENTION = SelfAttention(
    oracle=keras.layers.MultiHeadAttention,
    arguments={"num_heads": 2, "key_dim": 3},
    example=(4, CHANNELS),
    outputs=(4, CHANNELS),
    kernels={
        **dict.fromkeys(("query", "key", "value"), (CHANNELS, 2, 3)),
        "output": (2, 3, CHANNELS),
    },
    bias=(6 + 6 + 6 + CHANNELS,),
    named="num_heads key_dim value_dim dropout use_bias output_shape attention_axes "
    "flash_attention",
    variations=(
        # On JAX, Keras's layer takes values of another size with dropout alone.
        {"num_heads": 1, "value_dim": 2, "dropout": 0.1},
        {"output_shape": (3, 2), "attention_axes": -2},
        {"output_shape": 1, "dropout": 0.2, "attention_axes": (1,)},
    ),
    supports_masking=True,
    bad=(
        *(
            ({name: value}, name, _POSITIVE)
            for name in ("num_heads", "key_dim", "value_dim", "sliding_window")
            for value in (0, 1.5, "2", True)
        ),
        *(({"dropout": value}, "dropout", _RATE) for value in (1, -0.1, "0.5", True)),
        ({"use_bias": 1}, "use_bias", _FLAG),
        ({"output_shape": 0}, "output_shape", _POSITIVE),
        ({"attention_axes": 1.5}, "attention_axes", "must be whole numbers"),
        ({"flash_attention": 1}, "flash_attention", _FLAG),
        ({"flash_attention": True, "dropout": 0.1}, "flash_attention", "must not be true where"),
        ({"activation": "relu"}, "activation", "is not an argument of this layer"),
        ({"kernel_prior_fn": None}, "kernel_prior_fn", "is not an argument of this layer"),
    ),
    bad_inputs=(((BATCH, CHANNELS), "must have at least 3 dimensions"),),
)
GROUPED_ATTENTION = SelfAttention(
    oracle=keras.layers.GroupQueryAttention,
    arguments={"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
    example=(4, CHANNELS),
    outputs=(4, CHANNELS),
    kernels={
        "query": (CHANNELS, 4, 3),
        **dict.fromkeys(("key", "value"), (CHANNELS, 2, 3)),
        "output": (4, 3, CHANNELS),
    },
    bias=(12 + 6 + 6 + CHANNELS,),
    named="head_dim num_query_heads num_key_value_heads dropout use_bias flash_attention",
    variations=(
        {"num_query_heads": 6, "num_key_value_heads": 3, "dropout": 0.1},
        # More heads than positions: on TensorFlow Keras's layer adds a bias of as many to these.
        {"num_query_heads": 5, "num_key_value_heads": 1, "head_dim": 1},
        {"num_key_value_heads": 4},
    ),
    supports_masking=True,
    bad=(
        *(
            ({name: value}, name, _POSITIVE)
            for name in ("head_dim", "num_query_heads", "num_key_value_heads", "sliding_window")
            for value in (0, 1.5, "2", True)
        ),
        ({"num_key_value_heads": 3}, "num_key_value_heads", "must divide `num_query_heads`"),
        ({"dropout": 1}, "dropout", _RATE),
        ({"use_bias": 1}, "use_bias", _FLAG),
        ({"flash_attention": 1}, "flash_attention", _FLAG),
        ({"flash_attention": True, "dropout": 0.1}, "flash_attention", "must not be true where"),
        ({"num_heads": 2}, "num_heads", "is not an argument of this layer"),
        ({"kernel_prior_fn": None}, "kernel_prior_fn", "is not an argument of this layer"),
    ),
    bad_inputs=(
        ((BATCH, CHANNELS), "must have 3 dimensions"),
        ((BATCH, 4, 4, CHANNELS), "must have 3 dimensions"),
    ),
)

GEOMETRIES = {
    f"{kind}{rank}": geometry
    for kind, rows in (
        ("conv", CONVOLUTION),
        ("transposed", TRANSPOSED),
        ("depthwise", DEPTHWISE),
        ("separable", SEPARABLE),
    )
    for rank, geometry in rows.items()
} | {"dense": DENSE, "einsum": EINSUM, "attention": ATTENTION, "grouped": GROUPED_ATTENTION}

FLIPOUT, REPARAMETERIZATION, LOCAL, RANK1 = "flipout", "reparameterization", "local", "rank1"

ROWS = (
    Row(
        "layer_conv_1d_flipout",
        "Conv1DFlipout",
        CONVOLUTION[1],
        FLIPOUT,
        ancestor="Convolution1DFlipout",
    ),
    Row(
        "layer_conv_2d_flipout",
        "Conv2DFlipout",
        CONVOLUTION[2],
        FLIPOUT,
        ancestor="Convolution2DFlipout",
    ),
    Row(
        "layer_conv_3d_flipout",
        "Conv3DFlipout",
        CONVOLUTION[3],
        FLIPOUT,
        ancestor="Convolution3DFlipout",
    ),
    Row(
        "layer_conv_1d_reparameterization",
        "Conv1DReparameterization",
        CONVOLUTION[1],
        REPARAMETERIZATION,
        ancestor="Convolution1DReparameterization",
    ),
    Row(
        "layer_conv_2d_reparameterization",
        "Conv2DReparameterization",
        CONVOLUTION[2],
        REPARAMETERIZATION,
        ancestor="Convolution2DReparameterization",
    ),
    Row(
        "layer_conv_3d_reparameterization",
        "Conv3DReparameterization",
        CONVOLUTION[3],
        REPARAMETERIZATION,
        ancestor="Convolution3DReparameterization",
    ),
    Row(
        "layer_conv_1d_local_reparameterization",
        "Conv1DLocalReparameterization",
        CONVOLUTION[1],
        LOCAL,
    ),
    Row(
        "layer_conv_2d_local_reparameterization",
        "Conv2DLocalReparameterization",
        CONVOLUTION[2],
        LOCAL,
    ),
    Row(
        "layer_conv_3d_local_reparameterization",
        "Conv3DLocalReparameterization",
        CONVOLUTION[3],
        LOCAL,
    ),
    Row("layer_conv_1d_transpose_flipout", "Conv1DTransposeFlipout", TRANSPOSED[1], FLIPOUT),
    Row("layer_conv_2d_transpose_flipout", "Conv2DTransposeFlipout", TRANSPOSED[2], FLIPOUT),
    Row("layer_conv_3d_transpose_flipout", "Conv3DTransposeFlipout", TRANSPOSED[3], FLIPOUT),
    Row(
        "layer_conv_1d_transpose_reparameterization",
        "Conv1DTransposeReparameterization",
        TRANSPOSED[1],
        REPARAMETERIZATION,
    ),
    Row(
        "layer_conv_2d_transpose_reparameterization",
        "Conv2DTransposeReparameterization",
        TRANSPOSED[2],
        REPARAMETERIZATION,
    ),
    Row(
        "layer_conv_3d_transpose_reparameterization",
        "Conv3DTransposeReparameterization",
        TRANSPOSED[3],
        REPARAMETERIZATION,
    ),
    Row("layer_depthwise_conv_1d_flipout", "DepthwiseConv1DFlipout", DEPTHWISE[1], FLIPOUT),
    Row("layer_depthwise_conv_2d_flipout", "DepthwiseConv2DFlipout", DEPTHWISE[2], FLIPOUT),
    Row(
        "layer_depthwise_conv_1d_reparameterization",
        "DepthwiseConv1DReparameterization",
        DEPTHWISE[1],
        REPARAMETERIZATION,
    ),
    Row(
        "layer_depthwise_conv_2d_reparameterization",
        "DepthwiseConv2DReparameterization",
        DEPTHWISE[2],
        REPARAMETERIZATION,
    ),
    Row(
        "layer_dense_flipout",
        "DenseFlipout",
        DENSE,
        FLIPOUT,
        ancestor="DenseFlipout",
        named="seed",
    ),
    Row(
        "layer_dense_reparameterization",
        "DenseReparameterization",
        DENSE,
        REPARAMETERIZATION,
        ancestor="DenseReparameterization",
    ),
    Row(
        "layer_dense_local_reparameterization",
        "DenseLocalReparameterization",
        DENSE,
        LOCAL,
        ancestor="DenseLocalReparameterization",
    ),
    Row("layer_einsum_dense_flipout", "EinsumDenseFlipout", EINSUM, FLIPOUT),
    Row(
        "layer_einsum_dense_reparameterization",
        "EinsumDenseReparameterization",
        EINSUM,
        REPARAMETERIZATION,
    ),
    Row("layer_separable_conv_1d_flipout", "SeparableConv1DFlipout", SEPARABLE[1], FLIPOUT),
    Row("layer_separable_conv_2d_flipout", "SeparableConv2DFlipout", SEPARABLE[2], FLIPOUT),
    Row(
        "layer_separable_conv_1d_reparameterization",
        "SeparableConv1DReparameterization",
        SEPARABLE[1],
        REPARAMETERIZATION,
    ),
    Row(
        "layer_separable_conv_2d_reparameterization",
        "SeparableConv2DReparameterization",
        SEPARABLE[2],
        REPARAMETERIZATION,
    ),
    Row("layer_lstm_flipout", "LSTMFlipout", LSTM, FLIPOUT),
    Row("layer_lstm_reparameterization", "LSTMReparameterization", LSTM, REPARAMETERIZATION),
    Row("layer_gru_flipout", "GRUFlipout", GRU, FLIPOUT),
    Row("layer_gru_reparameterization", "GRUReparameterization", GRU, REPARAMETERIZATION),
    Row(
        "layer_multi_head_attention_flipout",
        "MultiHeadAttentionFlipout",
        ATTENTION,
        FLIPOUT,
    ),
    Row(
        "layer_multi_head_attention_reparameterization",
        "MultiHeadAttentionReparameterization",
        ATTENTION,
        REPARAMETERIZATION,
    ),
    Row(
        "layer_group_query_attention_flipout",
        "GroupQueryAttentionFlipout",
        GROUPED_ATTENTION,
        FLIPOUT,
        thin=True,
    ),
    Row(
        "layer_group_query_attention_reparameterization",
        "GroupQueryAttentionReparameterization",
        GROUPED_ATTENTION,
        REPARAMETERIZATION,
    ),
    Row(
        "layer_embedding_reparameterization",
        "EmbeddingReparameterization",
        EMBEDDING,
        REPARAMETERIZATION,
    ),
    Row("layer_dense_rank1", "DenseRank1", DENSE, RANK1),
    Row("layer_conv_1d_rank1", "Conv1DRank1", CONVOLUTION[1], RANK1),
    Row("layer_gru_rank1", "GRURank1", GRU, RANK1),
    *(
        Row(f"layer_{function}_rank1", f"{name}Rank1", geometry, RANK1, thin=True)
        for function, name, geometry in (
            ("conv_2d", "Conv2D", CONVOLUTION[2]),
            ("conv_3d", "Conv3D", CONVOLUTION[3]),
            ("conv_1d_transpose", "Conv1DTranspose", TRANSPOSED[1]),
            ("conv_2d_transpose", "Conv2DTranspose", TRANSPOSED[2]),
            ("conv_3d_transpose", "Conv3DTranspose", TRANSPOSED[3]),
            ("depthwise_conv_1d", "DepthwiseConv1D", DEPTHWISE[1]),
            ("depthwise_conv_2d", "DepthwiseConv2D", DEPTHWISE[2]),
            ("separable_conv_1d", "SeparableConv1D", SEPARABLE[1]),
            ("separable_conv_2d", "SeparableConv2D", SEPARABLE[2]),
            ("einsum_dense", "EinsumDense", EINSUM),
            ("lstm", "LSTM", LSTM),
            ("multi_head_attention", "MultiHeadAttention", ATTENTION),
            ("group_query_attention", "GroupQueryAttention", GROUPED_ATTENTION),
        )
    ),
)


ALL = (FLIPOUT, REPARAMETERIZATION, LOCAL, RANK1)
RANDOM_KERNELS = (FLIPOUT, REPARAMETERIZATION, LOCAL)
REPRESENTATIVES = (
    "DenseFlipout",
    "DenseRank1",
    "Conv1DReparameterization",
    "Conv2DLocalReparameterization",
    "Conv2DTransposeFlipout",
    "SeparableConv1DFlipout",
    "EmbeddingReparameterization",
    "LSTMReparameterization",
    "MultiHeadAttentionFlipout",
)
"""Layers of each estimator and of each way to apply kernels. What a base class promises is tested
for these, and for all others by `make soak`."""


def every(*estimators, where=lambda geometry: True, thin=False, soon=lambda row: True):
    """Parametrize a test over the rows with one of these estimators; without any, over all rows.

    Args:
        *estimators: The estimators.
        where: Which geometries.
        thin: Whether the rows are among them that have no more than a thin contract.
        soon: Which rows `make test` tests. The others are left to `make soak`.
    """
    rows = [
        row
        for row in ROWS
        if row.estimator in (estimators or ALL) and where(row.geometry) and row.thin <= thin
    ]
    later = [pytest.mark.soak]
    return pytest.mark.parametrize(
        "row", [pytest.param(row, id=row.name, marks=() if soon(row) else later) for row in rows]
    )


def is_representative(row):
    """Whether a layer stands for others that have the test's subject from the same base class."""
    return row.name in REPRESENTATIVES


def is_of_one_estimator(row):
    """Whether a layer has the estimator that all geometries have: for what geometries promise."""
    return row.estimator == REPARAMETERIZATION


def is_linear(geometry):
    """Whether the outputs are linear in a single kernel."""
    return geometry.is_linear


def takes_vectors(geometry):
    """Whether the inputs are numbers that the outputs depend on smoothly."""
    return geometry.vocabulary is None


def is_linear_in_both(geometry):
    """Whether the outputs are linear in the inputs, too."""
    return is_linear(geometry) and takes_vectors(geometry)
