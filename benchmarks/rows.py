"""What is measured: seven models, each in several forms, and whole networks in two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CLASSES = 10
ROW_OF_EPOCHS = 7

BLOCK = "attention block"
ADAPTED_DENSE = "adapted dense network"
ADAPTED_TRANSFORMER = "adapted transformer"
NETWORKS = (BLOCK, ADAPTED_DENSE, ADAPTED_TRANSFORMER)
"""The names of the networks that networks.py makes."""


@dataclass(frozen=True)
class Row:
    """One model, and the inputs it is trained on.

    Args:
        number: The row's number in the table.
        title: What the table calls it.
        batch: The number of examples in a step.
        example: The shape of one example.
        layer: The kind of layer: "Conv1D", "Conv2D" or "Dense"; or "network", of several.
        arguments: The layer's arguments.
        weights: The number of random weights in the kernels.
        examples: The number of examples in an epoch, where whole epochs are timed.
    """

    number: int
    title: str
    batch: int
    example: tuple[int, ...]
    layer: str
    arguments: dict[str, Any]
    weights: int
    examples: int | None = None

    @property
    def estimators(self) -> tuple[str, ...]:
        """The ways to draw that are measured; local reparameterization is that of dense layers."""
        local = ("LocalReparameterization",) if self.layer == "Dense" else ()
        return ("Flipout", "Reparameterization", *local)


def convolution_1d(
    number: int, batch: int, length: int, channels: int, filters: int, width: int
) -> Row:
    """Return a row of one convolution over time."""
    return Row(
        number,
        f"Conv1D {batch} x {length} x {channels} -> {filters}, width {width}",
        batch,
        (length, channels),
        "Conv1D",
        {"filters": filters, "kernel_size": width},
        width * channels * filters,
    )


def convolution_2d(number: int, batch: int, size: int, channels: int, filters: int) -> Row:
    """Return a row of one convolution over square images, with windows of 3 x 3."""
    return Row(
        number,
        f"Conv2D {batch} x {size} x {size} x {channels} -> {filters}, 3 x 3",
        batch,
        (size, size, channels),
        "Conv2D",
        {"filters": filters, "kernel_size": 3},
        3 * 3 * channels * filters,
    )


def dense(number: int, batch: int, channels: int, units: int) -> Row:
    """Return a row of one dense layer."""
    title = f"Dense {batch} x {channels} -> {units}"
    return Row(number, title, batch, (channels,), "Dense", {"units": units}, channels * units)


ROWS = (
    convolution_1d(1, 64, 256, 32, 64, 5),
    convolution_1d(2, 32, 64, 16, 32, 3),
    convolution_1d(3, 16, 64, 256, 512, 5),
    dense(4, 32, 1024, 1024),
    dense(5, 256, 128, 128),
    convolution_2d(6, 32, 28, 16, 32),
    Row(
        ROW_OF_EPOCHS,
        "Network of three layers, 10,000 examples, an epoch",
        64,
        (24, 3),
        "network",
        {},
        3 * 3 * 16 + 5 * 16 * 32 + 32 * CLASSES,
        examples=10_000,
    ),
)

LARGE_ROWS = (dense(8, 1024, 4096, 4096), convolution_2d(9, 64, 56, 128, 128))
"""What is measured on an accelerator as well."""


def growth_rows() -> dict[str, list[tuple[int, Row]]]:
    """Return rows that double one size at a time, by the size's name, each with that size."""
    base = {"batch": 32, "length": 64, "channels": 32, "filters": 32, "width": 3}
    sizes = {
        "batch": (8, 16, 32, 64, 128, 256),
        "length": (16, 32, 64, 128, 256, 512),
        "filters": (8, 16, 32, 64, 128, 256),
        "width": (1, 3, 5, 9, 17, 33),
    }
    return {
        name: [(size, convolution_1d(0, **{**base, name: size})) for size in values]
        for name, values in sizes.items()
    }
