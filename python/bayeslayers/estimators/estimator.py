"""The interface between an estimator and the layers that use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import keras

from bayeslayers.distributions.normal import require_independent_normal

if TYPE_CHECKING:
    from bayeslayers.geometries import Geometry


class Estimator(ABC):
    """A way to draw the outputs of A(x, w) where w follows the kernel's posterior."""

    name: ClassVar[str]
    """What the estimator is called in a sentence."""

    formula: ClassVar[str]
    """The draw, in terms of A."""

    explanation: ClassVar[str]
    """What the formula means, and what it costs."""

    reference: ClassVar[str]
    """Authors, year, title and where it appeared."""

    needs_normal: ClassVar[bool] = False
    """Whether the estimator is defined for Independent(Normal) posteriors of the kernel alone."""

    def check_posterior(self, posterior: Any) -> None:
        """Refuse a kernel posterior that the estimator is not defined for."""
        if self.needs_normal:
            require_independent_normal(posterior, "kernel_posterior_fn", self.name)

    @abstractmethod
    def estimate(
        self,
        geometry: Geometry,
        inputs: Any,
        posterior: Any,
        sample: Callable[[Any], Any],
        seeds: keras.random.SeedGenerator,
    ) -> tuple[Any, Any]:
        """Return one draw of A(inputs, w), w ~ posterior, and the draw of the kernel behind it.

        Args:
            geometry: The linear map A.
            inputs: What `geometry.prepare` returned, in the dtype to compute in.
            posterior: The kernel's posterior distribution.
            sample: Draws a tensor from a distribution, as the caller chose to.
            seeds: The layer's stream of random numbers, for everything else that is drawn.
        """
