"""Local reparameterization: draw the outputs, whose distribution the kernel's posterior implies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from bayeslayers.distributions.normal import normal
from bayeslayers.estimators.estimator import Estimator

if TYPE_CHECKING:
    from bayeslayers.geometries import Geometry


class LocalReparameterization(Estimator):
    """Kingma, Salimans and Welling (2015): outputs drawn on their own, example by example."""

    name = "local reparameterization"
    needs_normal = True
    formula = "y = A(x, loc) + sqrt(A(x^2, scale^2)) * e,   e ~ Normal(0, 1)"
    explanation = (
        "Each output is drawn from the normal distribution that the posterior implies "
        "for it, on its "
        "own: the variance of the gradient falls with the batch size. Where a kernel is shared "
        "between positions, as in a convolution, each output's distribution is exact, and the "
        "correlation between positions is left out. It takes two linear maps where a deterministic "
        "layer takes one. The kernel's posterior must be Independent(Normal)"
    )
    reference = (
        "Kingma, D. P., Salimans, T., and Welling, M. (2015). Variational Dropout and the Local "
        "Reparameterization Trick. Advances in Neural Information Processing Systems 28. "
        "https://arxiv.org/abs/1506.02557"
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
        of_kernel = posterior.distribution
        loc, scale = (ops.convert_to_tensor(v) for v in (of_kernel.loc, of_kernel.scale))
        mean = geometry.apply(inputs, ops.cast(loc, inputs.dtype))
        variance = geometry.apply(inputs**2, ops.cast(scale**2, inputs.dtype))
        outputs = sample(normal(mean, variance, dtype=of_kernel.dtype))
        # No kernel was drawn; a divergence that samples gets a draw of its own.
        return ops.cast(outputs, inputs.dtype), sample(posterior)
