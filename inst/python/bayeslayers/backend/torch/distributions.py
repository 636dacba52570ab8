"""Distributions of PyTorch's own library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from bayeslayers.backend.torch.operations import on_device_of, uncompiled
from bayeslayers.backend.torch.point import Point
from bayeslayers.backend.torch.random import (
    global_seed,
    is_without_values,
    standard_normal,
    weight_noise,
)

if TYPE_CHECKING:
    from bayeslayers.backend.common import Stream


def inner_distribution(distribution: Any) -> Any:
    """Return the distribution alone, which stands for no tensor."""
    return getattr(distribution, "tensor_distribution", distribution)


def normal(loc: Any, scale: Any) -> Any:
    """Return the normal distribution of a mean and a scale."""
    # Not validated, as validation reads all of the numbers.
    return Normal(loc, scale, validate_args=False)


def independent_normal(loc: Any, scale: Any, rank: int) -> Any:
    """Return independent normals of a mean and a scale, in the last `rank` dimensions."""
    return Independent(normal(loc, scale), rank, validate_args=False)


def independent_point(loc: Any, rank: int) -> Any:
    """Return the distribution with all mass on one value of `rank` dimensions."""
    return Independent(Point(loc, validate_args=False), rank, validate_args=False)


def computed_from(variable: Any, function: Callable[[Any], Any], shape: Any = None) -> Any:
    """Return what a function makes of a variable at present.

    Args:
        variable: One of PyTorch's parameters.
        function: A function of its value.
        shape: The shape of what it returns, which PyTorch sees by itself.
    """
    del shape
    return function(variable)


def is_independent_normal(distribution: Any) -> bool:
    """Whether a distribution is Independent(Normal)."""
    is_independent = isinstance(distribution, Independent)
    return is_independent and isinstance(distribution.base_dist, Normal)


def normal_parameters(distribution: Any) -> tuple[Any, Any]:
    """Return mean and scale of an Independent(Normal), as tensors."""
    return distribution.base_dist.loc, distribution.base_dist.scale


def kl_divergence(q: Any, p: Any) -> Any:
    """Return the divergence KL(q || p).

    Raises:
        NotImplementedError: If PyTorch has no closed form for the pair.
        ValueError: If they are distributions over tensors of different shapes.
    """
    q, p = inner_distribution(q), inner_distribution(p)
    # PyTorch would broadcast them, and so count some numbers several times.
    if q.event_shape != p.event_shape:
        shapes = f"{tuple(q.event_shape)} and {tuple(p.event_shape)}"
        raise ValueError(f"Event shapes must match for a divergence. Received: {shapes}")
    try:
        return torch.distributions.kl_divergence(q, p)
    except NotImplementedError:
        vectors = _as_vector(q), _as_vector(p)
        if vectors == (q, p):
            raise
        return torch.distributions.kl_divergence(*vectors)


def _as_vector(distribution: Any) -> Any:
    """Return independent normal numbers as a vector that is normal, and all else as it is."""
    normal = _normal_inside(distribution)
    if normal is None or len(distribution.event_shape) != 1:
        return distribution
    return MultivariateNormal(
        normal.loc, scale_tril=torch.diag_embed(normal.scale), validate_args=False
    )


def draw_shape(distribution: Any) -> tuple[int, ...]:
    """Return the sizes of a draw."""
    return (*distribution.batch_shape, *distribution.event_shape)


_DRAWING = ("sample", "rsample")


def with_seeds(distribution: Any, seeds: Stream, *, of_weight: bool = False) -> Any:
    """Return the distribution with a `sample` and `rsample` that take their seeds from `seeds`.

    A caller's `function(d) d.sample()` is so repeatable from the layer's seed, and never shares
    noise with another layer. Gradients pass through `sample`, too, wherever the distribution can be
    reparameterized: else training would leave the posterior as it is.

    Args:
        distribution: The distribution.
        seeds: The stream.
        of_weight: Whether it is one of a weight, of which normal draws are `weight_noise`.
    """
    noise = weight_noise if of_weight else standard_normal

    def sample(sample_shape: Any = ()) -> Any:
        return draw(distribution, sample_shape, seeds.next(), noise)

    # A shallow copy: the caller's own distribution stays as it is.
    seeded = object.__new__(type(distribution))
    vars(seeded).update(vars(distribution))
    seeded.sample = sample
    if distribution.has_rsample:
        seeded.rsample = sample
    return seeded


def without_seeds(distribution: Any) -> Any:
    """Return the distribution as it was before `with_seeds`: what it is part of gives the seeds."""
    plain = object.__new__(type(distribution))
    own = {name: value for name, value in vars(distribution).items() if name not in _DRAWING}
    vars(plain).update(own)
    return plain


@uncompiled
def draw(
    distribution: Any,
    sample_shape: Any,
    seed: Any,
    noise: Callable[..., Any] = standard_normal,
) -> Any:
    """Draw from a distribution, reparameterized wherever it can be.

    Args:
        distribution: The distribution.
        sample_shape: The shape of the draws, before that of the distribution.
        seed: Tensor of two whole numbers; `None` draws from PyTorch's own generator.
        noise: Draws standard normals of a shape and a dtype, from a seed.
    """
    sample_shape = torch.Size(sample_shape)
    # The class's own method, as a distribution may have one that takes its seed from a stream.
    method = "rsample" if distribution.has_rsample else "sample"
    if seed is None:
        return getattr(distribution, method)(sample_shape)
    found = _normal_inside(distribution)
    if found is not None:
        shape = sample_shape + found.batch_shape
        drawn = noise(shape, found.loc.dtype, seed)
        return found.loc + found.scale * on_device_of(found.loc, drawn)
    sample = getattr(type(distribution), method)
    if is_without_values():
        return sample(distribution, sample_shape)
    with global_seed(seed):
        return sample(distribution, sample_shape)


def _normal_inside(distribution: Any) -> Any:
    """Return the normal distribution that this one is, or is independent draws of; or `None`."""
    if type(distribution) is Independent:
        distribution = distribution.base_dist
    return distribution if type(distribution) is Normal else None
