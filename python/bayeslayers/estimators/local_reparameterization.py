"""Local reparameterization: draw the outputs, whose distribution the kernel's posterior implies."""

from __future__ import annotations

from typing import Any

from keras import ops

from bayeslayers.estimators.estimator import Draw, Estimator, RandomMap


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

    def draw(self, random_map: RandomMap) -> Draw:
        linear_map, posterior = random_map.linear_map, random_map.posterior
        loc, scale = posterior.moments()
        mean_kernel, variance_kernel = (ops.cast(v, random_map.dtype) for v in (loc, scale**2))

        def apply(inputs: Any) -> Any:
            mean = linear_map.apply(inputs, mean_kernel)
            variance = linear_map.apply(inputs**2, variance_kernel)
            return ops.cast(posterior.sample_outputs(mean, variance), random_map.dtype)

        # No kernel is drawn; a divergence that samples gets a draw of its own.
        return Draw(apply, posterior.sample_later())
