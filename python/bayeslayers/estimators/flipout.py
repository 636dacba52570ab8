"""Flipout: one kernel draw per call, made nearly independent between examples by random signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from bayeslayers.distributions.normal import centred_normal
from bayeslayers.estimators.estimator import Estimator

if TYPE_CHECKING:
    from bayeslayers.geometries import Geometry


class Flipout(Estimator):
    """Wen et al. (2018): a mean, and a perturbation with one sign per example and channel."""

    name = "Flipout"
    needs_normal = True
    formula = "y = A(x, loc) + A(x * s, delta) * r,   delta ~ q - loc"
    explanation = (
        "The signs s (one per example and input channel) and r (one per example and "
        "output channel) "
        "are +1 or -1 with equal probability and the same at all positions. Each example sees an "
        "exact draw of the kernel, and the draws of two examples are uncorrelated, so the variance "
        "of the gradient falls with the batch size. It takes two linear maps where a deterministic "
        "layer takes one. The kernel's posterior must be Independent(Normal)"
    )
    reference = (
        "Wen, Y., Vicol, P., Ba, J., Tran, D., and Grosse, R. (2018). Flipout: Efficient "
        "Pseudo-Independent Weight Perturbations on Mini-Batches. International Conference on "
        "Learning Representations. https://arxiv.org/abs/1803.04386"
    )

    def estimate(
        self,
        geometry: Geometry,
        inputs: Any,
        posterior: Any,
        sample: Callable[[Any], Any],
        seeds: keras.random.SeedGenerator,
    ) -> tuple[Any, Any]:
        normal = posterior.distribution
        loc = ops.convert_to_tensor(normal.loc)
        perturbation = sample(centred_normal(normal))
        in_signs, out_signs = _signs(geometry, inputs, seeds)
        outputs = geometry.apply(inputs, ops.cast(loc, inputs.dtype))
        perturbed = geometry.apply(inputs * in_signs, ops.cast(perturbation, inputs.dtype))
        return outputs + perturbed * out_signs, loc + perturbation


def _signs(geometry: Geometry, inputs: Any, seeds: keras.random.SeedGenerator) -> tuple[Any, Any]:
    """Draw the signs of inputs and outputs at once, ready to broadcast over positions."""
    batch, channels, rank = ops.shape(inputs)[0], inputs.shape[-1], len(inputs.shape)
    shape = (batch, channels + geometry.output_channels(channels))
    signs = 2 * keras.random.randint(shape, 0, 2, seed=seeds) - 1
    signs = geometry.over_positions(ops.cast(signs, inputs.dtype), rank)
    return signs[..., :channels], signs[..., channels:]
