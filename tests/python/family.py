"""The family as a table: a row for each geometry, and a row for each layer.

What a row says is written down anew, not read off the code: a layer that changes its shapes, its
arguments or its estimator no longer fits its row. `test_family*.py` run one contract over the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from posteriors import fixed_normal

import bayeslayers

BATCH = 3
CHANNELS = 2


@dataclass(frozen=True)
class Geometry:
    """A linear map, and Keras's deterministic layer that computes it.

    Args:
        oracle: Keras's layer.
        arguments: What the examples of the contract are made with.
        example: The shape of one example, channels last.
        outputs: The shape of one output, channels last, without further arguments.
        kernel: The shape of the kernel, without further arguments.
        named: The arguments that stand before the variational ones, in order.
        variations: Further arguments to compare with the oracle under.
        paddings: All values that `padding` has.
        mixes_channels: Whether an output sees more than one input channel.
        bad: Further arguments that are refused, with the argument at fault and its rule.
        bad_inputs: Shapes of inputs that are refused, with the rule.
    """

    oracle: type
    arguments: dict[str, Any]
    example: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, ...]
    named: str
    variations: tuple[dict[str, Any], ...]
    paddings: tuple[str, ...]
    mixes_channels: bool
    bad: tuple[tuple[dict[str, Any], str, str], ...]
    bad_inputs: tuple[tuple[tuple[int, ...], str], ...]

    @property
    def rank(self):
        """How many dimensions a window has; none in a dense layer."""
        return len(self.kernel) - 2

    def inputs(self, rng, batch=BATCH):
        return rng.normal(size=(batch, *self.example)).astype("float32")

    def constant_inputs(self, rng, batch=BATCH):
        """Return inputs that are the same for all examples and at all positions."""
        channels = rng.uniform(0.5, 1.5, size=CHANNELS).astype("float32")
        return np.broadcast_to(channels, (batch, *self.example)).copy()

    def deterministic(self, inputs, kernel, bias=None, **further):
        """Return what Keras's own layer gives, channels in the place that `further` says."""
        first = further.pop("data_format", "channels_last") == "channels_first"
        layer = self.oracle(**{**self.arguments, **further}, use_bias=bias is not None)
        # Keras has no channels first on a CPU.
        inputs = np.moveaxis(inputs, 1, -1) if first else inputs
        layer.build(inputs.shape)
        layer.set_weights([kernel] if bias is None else [kernel, bias])
        outputs = layer(inputs).numpy()
        return np.moveaxis(outputs, -1, 1) if first else outputs

    def kernel_of(self, **further):
        """Return the kernel's shape under further arguments: the one that Keras's layer has."""
        further.pop("data_format", None)
        layer = self.oracle(**{**self.arguments, **further}, use_bias=False)
        # Long enough for any kernel: the positions do not show in its shape.
        layer.build((BATCH, *[9] * (len(self.example) - 1), CHANNELS))
        return layer.kernel.shape


@dataclass(frozen=True)
class Row:
    """A layer of the family.

    Args:
        function: Name of the function, in both languages.
        name: Name of the class.
        geometry: The linear map.
        estimator: "flipout", "reparameterization" or "local".
        ancestor: TensorFlow Probability's layer, where it has one.
        named: Arguments in the signature after those of all variational layers.
    """

    function: str
    name: str
    geometry: Geometry
    estimator: str
    ancestor: str | None = None
    named: str = ""

    @property
    def layer_class(self):
        return bayeslayers.layers.FAMILY[self.name]

    def layer(self, **further):
        """Make the layer by its function."""
        return getattr(bayeslayers, self.function)(**{**self.geometry.arguments, **further})

    def with_kernel(self, loc, scale, **further):
        """Make the layer with a known posterior of the kernel and no bias."""
        kernel = {"kernel_posterior_fn": fixed_normal(loc, scale), "bias_posterior_fn": None}
        return self.layer(**{**kernel, **further})


def random_normal(shape):
    """Return mean and standard deviation of a kernel, none of them near zero."""
    rng = np.random.default_rng(11)
    loc = rng.normal(size=shape).astype("float32")
    return loc, rng.uniform(0.2, 1.5, size=shape).astype("float32")


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
        kernel=(*(2,) * rank, CHANNELS, 2),
        named="filters kernel_size strides padding data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same"},
            {"dilation_rate": 2},
            {"data_format": "channels_first", "kernel_size": (1, 2, 3)[-rank:]},
            {"groups": 2, "filters": 4},
        ),
        paddings=("valid", "same", "causal") if rank == 1 else ("valid", "same"),
        mixes_channels=True,
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
        kernel=(*(2,) * rank, 2, CHANNELS),
        named="filters kernel_size strides padding output_padding data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same", "output_padding": 1},
            {"strides": 2, "padding": "same"},
            # Not the length that 3 positions a step give without it.
            {"strides": 3, "output_padding": 2},
            {"strides": (1, 2, 2)[-rank:], "filters": 3, "data_format": "channels_first"},
        ),
        paddings=("valid", "same"),
        mixes_channels=True,
        bad=(
            *_bad_window(rank),
            ({"filters": 0}, "filters", _POSITIVE),
            *(
                ({"strides": 2, "output_padding": value}, "output_padding", _OUTPUT_PADDING)
                for value in (2, -1, 0.5, (1,) * (rank + 1))
            ),
            ({"output_padding": 1}, "output_padding", _OUTPUT_PADDING),
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
        kernel=(*(2,) * rank, CHANNELS, 2),
        named="kernel_size strides padding depth_multiplier data_format dilation_rate",
        variations=(
            {"strides": 2, "padding": "same"},
            {"dilation_rate": 2, "depth_multiplier": 1},
            {"data_format": "channels_first", "depth_multiplier": 3},
        ),
        # Keras's deterministic layer has no "causal"; `test_family_geometries.py` has its own case.
        paddings=("valid", "same"),
        mixes_channels=False,
        bad=(
            *_bad_window(rank),
            *(({"depth_multiplier": v}, "depth_multiplier", _POSITIVE) for v in (0, -1, 1.5, None)),
            *([({"strides": (1, 2)}, "strides", "must be equal")] if rank > 1 else []),
            ({"filters": 2}, "filters", "is not an argument of this layer"),
        ),
        bad_inputs=_bad_inputs(rank, _too_short(rank)),
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
DENSE = Geometry(
    oracle=keras.layers.Dense,
    arguments={"units": 2},
    # A position, so that what positions share can be told.
    example=(4, CHANNELS),
    outputs=(4, 2),
    kernel=(CHANNELS, 2),
    named="units",
    variations=({"units": 1}, {"units": 5}),
    paddings=(),
    mixes_channels=True,
    bad=(
        *(({"units": value}, "units", _POSITIVE) for value in (0, -1, 1.5, "2", True, None, (2,))),
        ({"filters": 2}, "filters", "is not an argument of this layer"),
    ),
    bad_inputs=(((BATCH,), "must have a batch dimension"),),
)

GEOMETRIES = {
    f"{kind}{rank}": geometry
    for kind, rows in (("conv", CONVOLUTION), ("transposed", TRANSPOSED), ("depthwise", DEPTHWISE))
    for rank, geometry in rows.items()
} | {"dense": DENSE}

FLIPOUT, REPARAMETERIZATION, LOCAL = "flipout", "reparameterization", "local"

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
)


def every(*estimators):
    """Parametrize a test over the rows with one of these estimators; without any, over all rows."""
    rows = [row for row in ROWS if not estimators or row.estimator in estimators]
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])
