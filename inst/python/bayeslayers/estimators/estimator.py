"""The interface between an estimator and the layers that use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bayeslayers.backend import Stream, has_gpu, in_single, saturating_cast, within_range
from bayeslayers.distributions.normal import require_independent_normal

if TYPE_CHECKING:
    from bayeslayers.distributions.posteriors import Posterior
    from bayeslayers.geometries import LinearMap


@dataclass(frozen=True)
class RandomMap:
    """A(x, w) where the kernel w follows a posterior.

    Args:
        linear_map: The linear map A.
        posterior: The kernel's posterior, which draws from the layer's stream.
        seeds: The layer's stream of random numbers, for everything else that is drawn.
        dtype: The dtype to compute in.
        batch_size: The number of examples, which may be a tensor.
        channels: The number of input channels.
    """

    linear_map: LinearMap
    posterior: Posterior
    seeds: Stream
    dtype: str
    batch_size: Any
    channels: int

    def cast(self, kernel: Any) -> Any:
        """Return a kernel in the dtype to compute in."""
        return saturating_cast(kernel, self.dtype)

    def apply(self, inputs: Any, kernel: Any) -> Any:
        """Return A(inputs, kernel), where the dtype ends its largest number."""
        if self.dtype != "float16" or has_gpu():
            return within_range(self.linear_map.apply(inputs, kernel))
        # On a CPU float16 is summed in float16: infinities of both signs meet, and are lost.
        outputs = self.linear_map.apply(in_single(inputs), in_single(kernel))
        return saturating_cast(outputs, self.dtype)


@dataclass(frozen=True)
class MapDraw:
    """One draw of a random map.

    Args:
        apply: The map with the kernel drawn. It may be applied more than once, to inputs of the
            same examples, in any number of positions.
        kernel: Returns the draw of the kernel behind it, or where no kernel was drawn another.
    """

    apply: Callable[[Any], Any]
    kernel: Callable[[], Any]


class Estimator(ABC):
    """A way to draw the outputs of A(x, w) where w follows the kernel's posterior."""

    name: ClassVar[str]
    """What the estimator is called in a sentence."""

    formula: ClassVar[str]
    """The draw, in terms of A."""

    occasion: ClassVar[str]
    """When to take it, as a sentence."""
    explanation: ClassVar[str]
    """What the formula means, with its symbols named, and what it costs."""

    reference: ClassVar[str]
    """Authors, year, title and where it appeared."""

    needs_normal: ClassVar[bool] = False
    """Whether the estimator is defined for Independent(Normal) posteriors of the kernel alone."""

    def check_posterior(self, argument: str, posterior: Any) -> None:
        """Refuse a kernel posterior, made by `argument`, that the estimator is not defined for."""
        if self.needs_normal:
            require_independent_normal(posterior, argument, self.name)

    @abstractmethod
    def draw(self, random_map: RandomMap) -> MapDraw:
        """Draw the map once."""
