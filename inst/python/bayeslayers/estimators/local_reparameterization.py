"""Local reparameterization: draw the outputs, whose distribution the kernel's posterior implies."""

from __future__ import annotations

from typing import Any

from keras import ops

from bayeslayers.distributions.normal import square_root
from bayeslayers.estimators.estimator import Estimator, MapDraw, RandomMap


class LocalReparameterization(Estimator):
    """Kingma, Salimans and Welling (2015): outputs drawn on their own, example by example."""

    name = "local reparameterization"
    needs_normal = True
    formula = "y = A(x, loc) + sqrt(A(x^2, scale^2)) * e,   e ~ Normal(0, 1)"
    occasion = (
        "Take it for the gradient with the least noise, where the positions of an input need not "
        "share one draw of the weights. The posterior of the kernel must be "
        "`Independent(Normal)`, which is the default."
    )
    explanation = (
        "A is the linear map, x are the inputs, loc and scale are the mean and the standard "
        "deviation of the kernel's posterior, and e is noise of the shape of the outputs. Each "
        "output is drawn separately from the normal distribution that the posterior implies for "
        "it, so the variance of the gradient falls with the batch size. Where positions share a "
        "kernel, as in a convolution, the distribution of each output is exact, but the outputs at "
        "different positions are not correlated, as they would be with one kernel. The layer "
        "computes two linear maps where a deterministic layer computes one"
    )
    reference = (
        "Kingma, D. P., Salimans, T., and Welling, M. (2015). Variational Dropout and the Local "
        "Reparameterization Trick. Advances in Neural Information Processing Systems 28. "
        "https://arxiv.org/abs/1506.02557"
    )

    def draw(self, random_map: RandomMap) -> MapDraw:
        posterior = random_map.posterior
        loc, scale = posterior.moments()
        mean_kernel = random_map.cast(loc)
        # The square of a very small or large scale underflows or overflows; in float16 nearly all
        # squares do.
        largest = _largest(scale)
        dtype = "float32" if random_map.dtype == "float16" else random_map.dtype
        variance_kernel = ops.cast((scale / largest) ** 2, dtype)

        def apply(inputs: Any) -> Any:
            mean = random_map.apply(inputs, mean_kernel)
            squares = ops.square(ops.cast(inputs, dtype))
            variance = random_map.linear_map.apply(squares, variance_kernel)
            stddev = largest * square_root(ops.cast(variance, largest.dtype))
            return random_map.cast(posterior.sample_outputs(mean, stddev))

        # No kernel is drawn here; a divergence that needs a sample draws its own.
        return MapDraw(apply, (posterior.sample_later(),))


def _largest(scale: Any) -> Any:
    """Return the largest scale, to divide by; 1 where all are zero."""
    largest = ops.stop_gradient(ops.max(scale))
    return ops.where(largest > 0, largest, ops.ones_like(largest))
