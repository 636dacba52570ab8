"""The dense map: every output channel weighs all input channels."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.backend import matmul
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.geometry import Chain, FactorableMap

_SMALLEST_RANK = 2


class Dense(Chain, FactorableMap):
    """A matrix product over the last dimension."""

    title = "Dense layer"
    formula = "A(x, k)[..., o] = sum over c of k[c, o] * x[..., c]"
    shapes = (
        "Inputs are of shape (batch, ..., channels), outputs of shape (batch, ..., units). The "
        "dimensions in between are positions, which share the weights. o counts the output "
        "channels, c the input channels. Inputs of two dimensions may be a sparse tensor"
    )
    example_shape = (10,)
    example_arguments = "units=8"
    supports_masking = True

    def __init__(self, units: int) -> None:
        self.units = checks.positive_integer("units", units)

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        if len(input_shape) < _SMALLEST_RANK or input_shape[-1] is None:
            rule = "must have a batch dimension and a known number of channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        return keras.layers.InputSpec(min_ndim=_SMALLEST_RANK, axes={-1: input_shape[-1]})

    def takes_sparse(self, rank: int) -> bool:
        return rank == _SMALLEST_RANK

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int | None:
        return input_shape[-1]

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self.units)

    def output_channels(self, channels: int) -> int:
        del channels
        return self.units

    def apply(self, inputs: Any, kernel: Any) -> Any:
        return matmul(inputs, kernel)

    def as_matrix(self, kernel: Any) -> Any:
        return kernel

    def first_factor(self, rank: int) -> Dense:
        return Dense(rank)
