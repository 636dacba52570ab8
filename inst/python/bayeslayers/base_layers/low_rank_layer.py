"""Layers whose kernels are trained ones, which stay, plus a random update of low rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import cast, saturating_cast, within_range
from bayeslayers.base_layers.random_weight import RandomKernel, RandomWeight
from bayeslayers.base_layers.variational_layer import BIAS, VariationalLayer, WeightInCall
from bayeslayers.contract import checks
from bayeslayers.distributions.defaults import exact_divergence, sample_posterior
from bayeslayers.distributions.makers import MeanFieldNormal
from bayeslayers.distributions.priors import NormalPrior
from bayeslayers.distributions.streams import keeping_default_seeds
from bayeslayers.estimators import MapDraw, within_dtype
from bayeslayers.geometries import FactorableMap, LinearMap

# The scale is that of Wang et al. (2024), and the mean starts where Keras starts it.
_PRIOR = NormalPrior(0.2)
# Whoever sets a seed before the import has the same numbers as whoever does so afterwards.
with keeping_default_seeds():
    _POSTERIOR = MeanFieldNormal(loc_initializer="he_uniform")


class RandomFactor(RandomKernel):
    """The factor of a low-rank update that inputs are multiplied by, with its defaults."""

    def __init__(
        self,
        role: str,
        posterior_fn: Callable[..., Any] | str = _POSTERIOR,
        posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
        prior_fn: Callable[..., Any] | str | None = _PRIOR,
        divergence_fn: Callable[..., Any] | None = exact_divergence,
    ) -> None:
        super().__init__(role, posterior_fn, posterior_tensor_fn, prior_fn, divergence_fn)


@dataclass(frozen=True)
class _Update:
    """What a kernel w0 + scale * a b has besides the random factor a.

    Args:
        kernel: The trained kernel w0, which stays.
        second: The factor b.
    """

    kernel: keras.Variable
    second: keras.Variable


class LowRankLayer(VariationalLayer):
    """A layer whose kernels are w0 + lora_alpha / rank * a b, where a is random.

    The trained kernel w0 stays as it is. The factor a, which inputs are multiplied by first, has a
    posterior, and its estimator draws it. The factor b is zero at first. The bias is trained.

    Args:
        rank: The rank of the update.
        lora_alpha: The factor of the update is this number divided by the rank; `None`: the rank.
        **arguments: Those of the geometry, of the random weights, and of every layer that draws.
    """

    def __init__(self, rank: int = 8, lora_alpha: float | None = None, **arguments: Any) -> None:
        checked = checks.positive_integer("rank", rank)
        alpha = checked if lora_alpha is None else checks.positive_number("lora_alpha", lora_alpha)
        super().__init__(**arguments)
        self.rank, self.lora_alpha = checked, alpha
        self._updates: dict[str, _Update] = {}

    @classmethod
    def roles_of(cls, kernel: str) -> tuple[str, ...]:
        """See `VariationalLayer.roles_of`; the names are those that Keras gives the factors."""
        return (_first(kernel),)

    @classmethod
    def weight_type(cls, role: str) -> type[RandomWeight]:
        """See `VariationalLayer.weight_type`."""
        return super().weight_type(role) if role == BIAS else RandomFactor

    def _build_kernel(self, role: str, linear_map: LinearMap, channels: int) -> None:
        assert isinstance(linear_map, FactorableMap)
        shape = linear_map.kernel_shape(channels)
        kernel = self.add_weight(
            name=role, shape=shape, initializer="zeros", trainable=False, autocast=False
        )
        super()._build_kernel(_first(role), *self._first_map(linear_map, channels))
        second = self.add_weight(
            name=f"lora_{role}_b",
            shape=(self.rank, shape[-1]),
            initializer="zeros",
            autocast=False,
        )
        self._updates[_first(role)] = _Update(kernel, second)

    def _draw_map(
        self, role: str, linear_map: LinearMap, batch_size: Any, channels: int
    ) -> tuple[MapDraw, list[WeightInCall]]:
        """See `VariationalLayer._draw_map`."""
        assert isinstance(linear_map, FactorableMap)
        update = self._updates[_first(role)]
        first, channels = self._first_map(linear_map, channels)
        draw, weights = super()._draw_map(role, first, batch_size, channels)
        dtype = self.compute_dtype
        kernel = saturating_cast(ops.convert_to_tensor(update.kernel), dtype)
        second = saturating_cast(self._scaled(update.second), dtype)

        def apply(inputs: Any) -> Any:
            values = draw.apply(linear_map.inputs_of_factor(inputs))
            by = within_dtype(linear_map.times_second, values, second, dtype)
            return within_range(within_dtype(linear_map.apply, inputs, kernel, dtype) + by)

        return MapDraw(apply, draw.weights), weights

    def _first_map(self, linear_map: FactorableMap, channels: int) -> tuple[LinearMap, int]:
        """Return the map by the first factor, and its number of input channels."""
        return linear_map.first_factor(self.rank), linear_map.channels_of_factor(channels)

    def _scaled(self, second: Any) -> Any:
        """Return the second factor times the factor of the update."""
        second = ops.convert_to_tensor(second)
        return second if self.lora_alpha == self.rank else self.lora_alpha / self.rank * second

    def _plain_value(self, role: str, value: Any) -> Any:
        """See `VariationalLayer._plain_value`: the kernel with the update added."""
        if role == BIAS:
            return value
        update = self._updates[role]
        by = ops.matmul(value, cast(self._scaled(update.second), value.dtype))
        return ops.convert_to_tensor(update.kernel) + by

    def keep_trained(self, values: list[Any]) -> None:
        """Take over trained weights: kernels, which stay, and where biases start.

        Args:
            values: The weights of Keras's layer, in its order.
        """
        for role, value in self._by_role(values).items():
            if role == BIAS:
                self.random_weights[role].centre_on(value, delta=1.0)
            else:
                self._updates[role].kernel.assign(value)

    def _name_of_keras(self) -> str:
        return type(self).__name__.removesuffix("Lora")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "rank": self.rank, "lora_alpha": self.lora_alpha}


def _first(role: str) -> str:
    """Return the role of the factor that inputs are multiplied by first."""
    return f"lora_{role}_a"
