"""Reparameterization: one kernel draw per call, which all examples share."""

from __future__ import annotations

from bayeslayers.estimators.estimator import Estimator, MapDraw, RandomMap


class Reparameterization(Estimator):
    """Kingma and Welling (2014): the linear map with a kernel drawn from the posterior."""

    name = "reparameterization"
    formula = "y = A(x, w),   w ~ q"
    occasion = (
        "Take it where the posterior is not normal, or where a step should take no longer than "
        "with a plain layer."
    )
    explanation = (
        "A is the linear map, x are the inputs, and q is the posterior of the kernel. One "
        "kernel w is drawn for a whole batch, and gradients pass through the draw to the "
        "posterior's variables. The layer computes one linear map, like a deterministic layer. It "
        "works with any posterior whose samples pass gradients on. As all examples share the draw, "
        "the variance of the gradient does not fall with the batch size"
    )
    reference = (
        "Kingma, D. P., and Welling, M. (2014). Auto-Encoding Variational Bayes. International "
        "Conference on Learning Representations. https://arxiv.org/abs/1312.6114"
    )

    def draw(self, random_map: RandomMap) -> MapDraw:
        kernel = random_map.posterior.sample()
        return MapDraw(self.given(random_map, [kernel]), (lambda: kernel,))
