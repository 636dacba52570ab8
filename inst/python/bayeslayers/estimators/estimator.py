"""The interface between an estimator and the layers that use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bayeslayers.backend import Stream, has_gpu, in_single, saturating_cast, within_range
from bayeslayers.distributions.normal import require_independent_normal

if TYPE_CHECKING:
    from bayeslayers.distributions.posteriors import Posterior
    from bayeslayers.geometries import LinearMap


@dataclass(frozen=True)
class RandomMap:
    """A(x, w) where the kernel w is random, or has random factors.

    Args:
        linear_map: The linear map A.
        posteriors: The posteriors, which draw from the layer's stream: that of the kernel, or those
            of its factors in the order of `Estimator.factors`.
        seeds: The layer's stream of random numbers, for everything else that is drawn.
        dtype: The dtype to compute in.
        batch_size: The number of examples, which may be a tensor.
        channels: The number of input channels.
        kernel: Where the kernel has factors, what they multiply.
        members: Where each member of an ensemble has its own factors, the member that each example
            belongs to; `None` where there is just one.
    """

    linear_map: LinearMap
    posteriors: tuple[Posterior, ...]
    seeds: Stream
    dtype: str
    batch_size: Any
    channels: int
    kernel: Any = None
    members: Any = None

    @property
    def posterior(self) -> Posterior:
        """The only posterior."""
        (posterior,) = self.posteriors
        return posterior

    def cast(self, kernel: Any) -> Any:
        """Return a kernel in the dtype to compute in."""
        return saturating_cast(kernel, self.dtype)

    def apply(self, inputs: Any, kernel: Any) -> Any:
        """Return A(inputs, kernel), where the dtype ends its largest number."""
        return within_dtype(self.linear_map.apply, inputs, kernel, self.dtype)


def within_dtype(apply: Callable[[Any, Any], Any], inputs: Any, kernel: Any, dtype: str) -> Any:
    """Return A(inputs, kernel), where the dtype ends its largest number.

    Args:
        apply: The linear map A.
        inputs: Inputs in the dtype.
        kernel: The kernel in the dtype.
        dtype: The dtype to compute in.
    """
    if dtype != "float16" or has_gpu():
        return within_range(apply(inputs, kernel))
    # On a CPU float16 is summed in float16: infinities of both signs meet, and are lost.
    return saturating_cast(apply(in_single(inputs), in_single(kernel)), dtype)


@dataclass(frozen=True)
class MapDraw:
    """One draw of a random map.

    Args:
        apply: The map with the kernel drawn. It may be applied more than once, to inputs of the
            same examples, in any number of positions.
        weights: For each posterior, returns the draw of the weight behind it, or where none was
            drawn another.
    """

    apply: Callable[[Any], Any]
    weights: tuple[Callable[[], Any], ...]


class Estimator(ABC):
    """A way to draw the outputs of A(x, w) where w follows the kernel's posterior."""

    factors: ClassVar[tuple[str, ...]] = ()
    """The random weights that a trained kernel has; none where the kernel itself is random."""

    fitted: ClassVar[str] = "the posterior distribution of each weight instead of a single value"
    """What training fits, in words."""

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

    def given(self, random_map: RandomMap, weights: Sequence[Any]) -> Callable[[Any], Any]:
        """Return the map with these values of the weights, which all examples share."""
        (kernel,) = map(random_map.cast, weights)
        return lambda inputs: random_map.apply(inputs, kernel)
