"""The base of layers with a trained kernel and random factors of rank 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from bayeslayers.backend import at_least_single
from bayeslayers.base_layers.bias import Bias, MemberBias, SharedBias
from bayeslayers.base_layers.factors import KERNEL_ARGUMENTS, RandomFactor, TrainedKernel
from bayeslayers.base_layers.model_draw import ModelDraw, member_of_sample
from bayeslayers.base_layers.random_weight import RandomWeight
from bayeslayers.base_layers.variational_layer import BIAS, VariationalLayer
from bayeslayers.contract import checks
from bayeslayers.geometries import LinearMap

_ONLY = "kernel"


class Rank1Layer(VariationalLayer):
    """A layer of which each member of an ensemble scales the channels of one trained kernel.

    It stands after the layer that computes, among the bases of a class.
    """

    def __init__(self, ensemble_size: int = 1, **arguments: Any) -> None:
        members = checks.positive_integer("ensemble_size", ensemble_size)
        kernels = {}
        for role in self.geometry_type.kernels:
            own = {name: arguments.pop(f"{role}_{name}") for name in KERNEL_ARGUMENTS}
            kernels[role] = TrainedKernel(role, **own)
        super().__init__(**arguments)
        self.ensemble_size = members
        self.trained_kernels = kernels
        self._maps: dict[str, LinearMap] = {}
        for kernel in kernels.values():
            for name, value in kernel.functions.items():
                setattr(self, name, value)

    @classmethod
    def roles_of(cls, kernel: str) -> tuple[str, ...]:
        """Return the names of the factors of one kernel."""
        factors = cls.estimator_type.factors
        return factors if kernel == _ONLY else tuple(f"{kernel}_{factor}" for factor in factors)

    @classmethod
    def weight_type(cls, role: str) -> type[RandomWeight]:
        """See `VariationalLayer.weight_type`."""
        return super().weight_type(role) if role == BIAS else RandomFactor

    @classmethod
    def arguments_of_weights(cls) -> dict[str, type]:
        """See `VariationalLayer.arguments_of_weights`."""
        kernels = dict.fromkeys(cls.geometry_type.kernels, TrainedKernel)
        return {**super().arguments_of_weights(), **kernels}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        kernels = cls.geometry_type.kernels
        own = [f"{kernel}_{name}" for kernel in kernels for name in KERNEL_ARGUMENTS]
        return [*super()._function_arguments(), *own]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "ensemble_size": self.ensemble_size}

    def _build_kernel(self, role: str, linear_map: LinearMap, channels: int) -> None:
        shape = linear_map.kernel_shape(channels)
        self.trained_kernels[role].build(self, shape, self._initial_seed)
        self._maps[role] = linear_map
        # As in Keras's layers, where they have just one kernel.
        attribute = role if role == _ONLY else f"{role}_{_ONLY}"
        setattr(self, attribute, self.trained_kernels[role].variable)
        sizes = (channels, linear_map.output_channels(channels))
        for factor, size in zip(self.roles_of(role), sizes, strict=True):
            weight = self.random_weights[factor]
            weight.build(self, (self.ensemble_size, size), self._initial_seed)

    def _build_bias(self, shape: tuple[int, ...], start: np.ndarray | None = None) -> None:
        whole = (self.ensemble_size, *shape)
        super()._build_bias(whole, None if start is None else np.broadcast_to(start, whole))

    def _trained_part(self, kernel: str, batch_size: Any) -> dict[str, Any]:
        value = self.trained_kernels[kernel].value()
        return {"kernel": value, "members": self._members(batch_size)}

    def _bias_of_call(self, value: Any, batch_size: Any) -> Bias:
        members = self._members(batch_size)
        if members is None:
            return SharedBias(value[0])
        return MemberBias(tuple(ops.unstack(value, self.ensemble_size)), members)

    def _members(self, batch_size: Any) -> Any:
        """Return the member that each example of a batch belongs to, or `None` for a single one."""
        if self.ensemble_size == 1:
            return None
        places = ops.arange(batch_size, dtype="int32") * self.ensemble_size
        return ops.floor_divide(places, ops.maximum(batch_size, 1))

    def _value_in_draw(self, model_draw: ModelDraw, role: str) -> Any:
        values = super()._value_in_draw(model_draw, role)
        if self.ensemble_size == 1:
            return values[0]
        return ops.take(values, model_draw.member(self.ensemble_size), axis=0)

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`; the mean is that over the members' mean weights."""
        weights = {
            role: self._of_members(weight, statistic)
            for role, weight in self.random_weights.items()
            if weight.exists
        }
        kernels = [
            self._kernel_of(kernel, *(weights[role] for role in self.roles_of(kernel)))
            for kernel in self.trained_kernels
        ]
        return [*kernels, *(weights[role].mean(0) for role in weights if role == BIAS)]

    def _of_members(self, weight: RandomWeight, statistic: str) -> np.ndarray:
        """Return a weight's mean of each member, or a draw of one of them, in double precision."""
        if statistic == "mean":
            return _in_double(weight.mean())
        drawn = _in_double(weight.posterior_for_call(self.stream).sample())
        return drawn[[member_of_sample(self.ensemble_size)]]

    def _kernel_of(self, name: str, alpha: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        """Return the mean over members of the kernel times the outer product of their factors."""
        kernel, linear_map = self.trained_kernels[name].value(), self._maps[name]

        def scaled(*factors: np.ndarray) -> np.ndarray:
            tensors = (ops.convert_to_tensor(factor, kernel.dtype) for factor in factors)
            return ops.convert_to_numpy(linear_map.scaled_kernel(kernel, *tensors))

        return np.mean(list(map(scaled, alpha, gamma)), axis=0)

    def centre_on(self, values: list[Any], delta: float) -> None:
        """Let the kernels be the values of a plain layer, and centre the factors on 1.

        Args:
            values: The weights of Keras's layer, in its order.
            delta: The standard deviation of the factors, and of the members' means around 1.
        """
        values = self._kernels_first(values)
        count = len(self.trained_kernels)
        for kernel, value in zip(self.trained_kernels.values(), values[:count], strict=True):
            kernel.variable.assign(value)
        for weight in self.random_weights.values():
            if isinstance(weight, RandomFactor):
                weight.centre_on_one(delta, self._initial_seed)
        for value in values[count:]:
            bias = self.random_weights[BIAS]
            bias.centre_on(np.broadcast_to(value, bias.shape), delta)


def _in_double(values: Any) -> np.ndarray:
    # Backends may have no double precision, and NumPy has no half precision of every kind.
    single = ops.cast(values, at_least_single(values.dtype))
    return ops.convert_to_numpy(single).astype("float64")
