"""Embeddings: a vector for each member of a vocabulary."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bayeslayers.contract import checks
from bayeslayers.geometries.geometry import Chain, FactorableMap

_WHOLE_NUMBERS = ("int32", "int64")


class Embedding(Chain, FactorableMap):
    """Look up a row of the kernel: a product with inputs that are one in one place, else zero."""

    title = "Embedding"
    formula = "A(x, k)[..., o] = k[x[...], o]"
    shapes = (
        "Inputs x are whole numbers from 0 to below `input_dim`, of shape (batch, ...). Outputs "
        "are of shape (batch, ..., output_dim). The kernel k has a row for each member of the "
        "vocabulary; o counts the output channels"
    )
    example_shape = (10,)
    example_arguments = "input_dim=100, output_dim=8"
    kernels = ("embeddings",)
    has_bias = False

    def __init__(self, input_dim: int, output_dim: int, mask_zero: bool = False) -> None:
        self.input_dim = checks.positive_integer("input_dim", input_dim)
        self.output_dim = checks.positive_integer("output_dim", output_dim)
        self.mask_zero = checks.boolean("mask_zero", mask_zero)

    @property
    def supports_masking(self) -> bool:
        return self.mask_zero

    def input_spec(self, input_shape: tuple[int | None, ...]) -> keras.layers.InputSpec:
        del input_shape
        return keras.layers.InputSpec(min_ndim=1)

    def takes_sparse(self, rank: int) -> bool:
        del rank
        return True

    def input_channels(self, input_shape: tuple[int | None, ...]) -> int:
        del input_shape
        return self.input_dim

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self.output_dim)

    def output_channels(self, channels: int) -> int:
        del channels
        return self.output_dim

    def prepare(self, inputs: Any, dtype: str) -> Any:
        del dtype
        is_whole = keras.backend.standardize_dtype(inputs.dtype) in _WHOLE_NUMBERS
        return inputs if is_whole else ops.cast(inputs, "int32")

    def apply(self, inputs: Any, kernel: Any) -> Any:
        return ops.take(kernel, inputs, axis=0)

    def first_factor(self, rank: int) -> Embedding:
        return Embedding(self.input_dim, rank)

    def mask(self, inputs: Any, previous: Any) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else previous
