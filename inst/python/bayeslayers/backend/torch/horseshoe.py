"""The horseshoe distribution, which PyTorch does not have."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch.distributions import Distribution, constraints
from torch.nn import functional

# Of the approximation to the exponential integral by Barry, Parlange and Li (2000).
_G = 0.5614594835668851  # exp(-Euler's constant)
_B = math.sqrt(2 * (1 - _G) / (_G * (2 - _G)))
_H_FAR = (1 - _G) * (_G**2 - 6 * _G + 12) / (3 * _G * (2 - _G) ** 2 * _B)
_CONSTANT = -0.5 * math.log(2 * math.pi**3) - math.log(_G)


class Horseshoe(Distribution):
    """Normal(0, scale t) where t follows the standard half-Cauchy distribution.

    The density is exp(z) E1(z) / sqrt(2 pi^3) / scale at z = (x / scale)^2 / 2, with the
    exponential integral E1 as TensorFlow Probability approximates it.

    Args:
        scale: The scale.
        validate_args: PyTorch's argument.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        self.scale = scale
        super().__init__(scale.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Horseshoe:
        """Return the distribution over a larger batch."""
        return Horseshoe(self.scale.expand(batch_shape), validate_args=False)

    @property
    def mode(self) -> Any:
        """Zero, where the density is infinite."""
        return torch.zeros_like(self.scale)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Draw a normal number, and its scale as the ratio of two others."""
        shape = (3, *self._extended_shape(torch.Size(sample_shape)))
        normal = torch.randn(shape, dtype=self.scale.dtype, device=self.scale.device)
        return self.scale * normal[0] * (normal[1] / normal[2]).abs()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density, within 0.001."""
        z = (value / self.scale) ** 2 / 2
        q = 20 / 47 * z ** math.sqrt(31 / 26)
        h = 1 / (1 + z**1.5) + _H_FAR * q / (1 + q)
        near = torch.log1p(_G / z - (1 - _G) / (h + _B * z) ** 2)
        far = functional.softplus(math.log((1 - _G) / _G) - z / (1 - _G))
        return torch.log(near) - far + _CONSTANT - torch.log(self.scale)
