"""A kernel that is trained without a posterior, and the random factors that scale it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import at_least_single, native_variable
from bayeslayers.base_layers.keras_objects import as_constraint, as_regularizer, freshly_seeded
from bayeslayers.base_layers.random_weight import RandomWeight
from bayeslayers.contract import checks
from bayeslayers.distributions.defaults import exact_divergence, sample_posterior
from bayeslayers.distributions.makers import MeanFieldNormal
from bayeslayers.distributions.mean_field import untransformed_of
from bayeslayers.distributions.named import FACTOR_POSTERIORS, FACTOR_PRIORS
from bayeslayers.distributions.positive import LogNormal, log_normal_parameters

# What takes the place of a mean that is not positive.
_SMALLEST_MEAN = 0.01

KERNEL_ARGUMENTS = ("initializer", "regularizer", "constraint")
"""The arguments of a trained kernel; in a layer, the kernel's name begins their names."""


class TrainedKernel:
    """A kernel as Keras's own layers have it.

    Args:
        role: Name of the kernel in the geometry, which begins the names of its arguments.
        initializer: Keras initializer of the kernel.
        regularizer: Keras regularizer of the kernel, or `None`.
        constraint: Keras constraint on the kernel, or `None`.
    """

    def __init__(
        self,
        role: str,
        initializer: str | Callable[..., Any] = "glorot_uniform",
        regularizer: str | Callable[..., Any] | None = None,
        constraint: str | Callable[..., Any] | None = None,
    ) -> None:
        self.role = role
        self.functions = {
            # As everywhere, `None` is the default.
            f"{role}_initializer": checks.initializer(
                f"{role}_initializer", initializer or "glorot_uniform"
            ),
            f"{role}_regularizer": checks.regularizer(f"{role}_regularizer", regularizer),
            f"{role}_constraint": checks.constraint(f"{role}_constraint", constraint),
        }

    def build(self, layer: keras.Layer, shape: tuple[int, ...], seed: int) -> None:
        """Add the variable to the layer; its initial values follow from the seed."""
        initializer, regularizer, constraint = self.functions.values()
        self.variable = layer.add_weight(
            name=self.role,
            shape=shape,
            dtype=layer.variable_dtype,
            initializer=freshly_seeded(initializer, seed, self.role),
            regularizer=as_regularizer(regularizer, layer.variable_dtype),
            constraint=as_constraint(constraint),
            # As the parameters of distributions, which keep their precision.
            autocast=False,
        )

    def value(self) -> Any:
        """Return the kernel, in no less than single precision."""
        variable = native_variable(self.variable)
        return ops.cast(variable, at_least_single(variable.dtype))


class RandomFactor(RandomWeight):
    """The factors of the members of an ensemble, (members, channels), centred on 1."""

    is_optional = False
    posteriors = FACTOR_POSTERIORS
    priors = FACTOR_PRIORS

    def __init__(
        self,
        role: str,
        posterior_fn: Callable[..., Any] | str = "mean_field_normal",
        posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
        prior_fn: Callable[..., Any] | str | None = "normal",
        divergence_fn: Callable[..., Any] | None = exact_divergence,
    ) -> None:
        super().__init__(role, posterior_fn, posterior_tensor_fn, prior_fn, divergence_fn)

    @property
    def diverges(self) -> bool:
        """Whether there is a divergence: a factor without a spread is a plain trained number."""
        function = self._posterior_maker.function
        is_point = type(function) is MeanFieldNormal and function.is_singular
        return super().diverges and not is_point

    def centre_on_one(self, delta: float, seed: int) -> None:
        """Centre the factors on 1, or those of several members around it, `delta` apart."""
        mean = np.ones(self.shape)
        if self.shape[0] > 1:
            entropy = [seed, zlib.crc32(self.role.encode())]
            mean += delta * np.random.default_rng(entropy).normal(size=self.shape)
        if not isinstance(self._posterior_maker.function, LogNormal):
            # As a part of the absolute value.
            self.centre_on(mean, delta / np.abs(mean))
            return
        loc, scale = log_normal_parameters(np.maximum(mean, _SMALLEST_MEAN), delta)
        self._posterior_maker.assign_if_present("loc", loc)
        untransformed = untransformed_of(scale, self._dtype)
        self._posterior_maker.assign_if_present("untransformed_scale", untransformed)
