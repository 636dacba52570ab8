"""Reparameterization: one kernel draw per call, which all examples share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from bayeslayers.estimators.estimator import Estimator

if TYPE_CHECKING:
    from bayeslayers.geometries import Geometry


class Reparameterization(Estimator):
    """Kingma and Welling (2014): the linear map with a kernel drawn from the posterior."""

    name = "reparameterization"
    formula = "y = A(x, w),   w ~ q"
    explanation = (
        "One kernel is drawn for a whole batch, and gradients pass through the draw to the "
        "posterior's variables. It takes one linear map, like a deterministic layer, and any "
        "posterior that can be sampled with gradients. As all examples share the draw, "
        "the variance "
        "of the gradient does not fall with the batch size"
    )
    reference = (
        "Kingma, D. P., and Welling, M. (2014). Auto-Encoding Variational Bayes. International "
        "Conference on Learning Representations. https://arxiv.org/abs/1312.6114"
    )

    def estimate(
        self,
        geometry: Geometry,
        inputs: Any,
        posterior: Any,
        sample: Callable[[Any], Any],
        seeds: keras.random.SeedGenerator,
    ) -> tuple[Any, Any]:
        del seeds
        kernel = sample(posterior)
        return geometry.apply(inputs, ops.cast(kernel, inputs.dtype)), kernel
