"""What distributions of TensorFlow Probability are made of, on TensorFlow and on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

_Build = Callable[[list[Any]], Any]

# Their cdf is a step at each whole number; between two, some of them interpolate.
_WHOLE = (
    "Bernoulli",
    "Binomial",
    "Geometric",
    "NegativeBinomial",
    "Poisson",
    "QuantizedDistribution",
    "Zipf",
)


class TfpDissection:
    """What distributions are made of.

    Args:
        tfp: The library, which differs.
        is_tensor: Whether a value is one of the framework's tensors or variables.
        as_tensor: Returns the tensor of a value that is one, or stands for one.
        erfc: The framework's complementary error function.
    """

    def __init__(
        self,
        tfp: Any,
        is_tensor: Callable[[Any], bool],
        as_tensor: Callable[[Any], Any],
        erfc: Callable[[Any], Any],
    ) -> None:
        self._tfd, self._is_tensor, self._as_tensor = tfp.distributions, is_tensor, as_tensor
        self._erfc = erfc
        self._composite = (tfp.distributions.Distribution, tfp.bijectors.Bijector)
        self._whole = tuple(getattr(tfp.distributions, name) for name in _WHOLE)

    def alone(self, distribution: Any) -> Any:
        """Return the distribution of each number of an outcome, where several are one event."""
        while isinstance(distribution, self._tfd.Independent):
            distribution = distribution.distribution
        if isinstance(distribution, self._tfd.MultivariateNormalLinearOperator):
            return self._tfd.Normal(distribution.mean(), distribution.stddev())
        return distribution

    def mixed(self, distribution: Any) -> tuple[Any, list[Any], bool] | None:
        """Return what a mixture consists of; `None` for all others."""
        if isinstance(distribution, self._tfd.MixtureSameFamily):
            p = distribution.mixture_distribution.probs_parameter()
            return p, [distribution.components_distribution], True
        if hasattr(distribution, "cat") and hasattr(distribution, "components"):
            return distribution.cat.probs_parameter(), list(distribution.components), False
        return None

    def parts(self, distribution: Any, keep: Callable[[Any], int]) -> _Build:
        """Return a function that makes the distribution of tensors."""
        if isinstance(distribution, self._composite):
            kind = type(distribution)
            state = dict(distribution.parameters)
            if state.get("validate_args"):
                # Points outside of the support have a cdf, too.
                state["validate_args"] = False
            built = self.parts(state, keep)
            return lambda tensors: kind(**built(tensors))
        if isinstance(distribution, dict):
            of_names = {name: self.parts(value, keep) for name, value in distribution.items()}
            return lambda tensors: {name: build(tensors) for name, build in of_names.items()}
        if isinstance(distribution, (list, tuple)):
            kind, of_items = type(distribution), [self.parts(v, keep) for v in distribution]
            return lambda tensors: kind([build(tensors) for build in of_items])
        if isinstance(distribution, (keras.Variable, np.ndarray)) or self._is_tensor(distribution):
            place = keep(self._as_tensor(distribution))
            return lambda tensors: tensors[place]
        # Not of a precision of its own, which another tensor's would not go with.
        value = distribution.item() if isinstance(distribution, np.generic) else distribution
        return lambda tensors: value

    def cdf(self, distribution: Any, points: Any) -> Any:
        """Return the cdf at points."""
        if type(distribution) is self._tfd.Normal:
            # The library's own computes several functions, of which each point needs one.
            return self._erfc((distribution.loc - points) / distribution.scale * 0.5**0.5) / 2
        if isinstance(distribution, self._tfd.Bernoulli):
            # The library's own is in single precision alone.
            below = ops.where(
                points < 0, ops.zeros_like(points), 1 - distribution.probs_parameter()
            )
            return ops.where(points < 1, below, ops.ones_like(points))
        return distribution.cdf(points)

    def is_whole(self, distribution: Any) -> bool:
        """Whether outcomes of a distribution that is no mixture are whole numbers."""
        return isinstance(distribution, self._whole)
