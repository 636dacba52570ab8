"""Closed forms in as few passes over their arguments as PyTorch can take."""

from __future__ import annotations

from typing import Any

import torch
from keras import ops


def _kl_value(loc: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    # In place, as new memory takes longer than arithmetic does.
    twice = scale.log().mul_(-2.0).addcmul_(scale, scale).addcmul_(loc, loc).sub_(1.0)
    return twice.sum().mul_(0.5)


class _KLFromStandardNormal(torch.autograd.Function):
    """The sum of (loc^2 + scale^2 - 1) / 2 - log(scale)."""

    @staticmethod
    def forward(ctx: Any, loc: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(loc, scale)
        return _kl_value(loc, scale)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loc, scale = ctx.saved_tensors
        return loc * upstream, (scale * upstream).addcdiv_(upstream, scale, value=-1.0)


def kl_from_standard_normal(loc: Any, scale: Any) -> Any:
    """Return KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    Args:
        loc: Tensor of any shape.
        scale: Tensor of that shape and dtype.
    """
    return _KLFromStandardNormal.apply(loc, scale)


class _ScaleAndKL(torch.autograd.Function):
    """A scale and its divergence, whose gradients take no pass to add them."""

    @staticmethod
    def forward(
        ctx: Any, loc: torch.Tensor, untransformed: torch.Tensor, smallest: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scale = torch.nn.functional.softplus(untransformed).add_(smallest)
        ctx.save_for_backward(loc, untransformed, scale)
        return scale, _kl_value(loc, scale)

    @staticmethod
    def backward(
        ctx: Any, of_scale: torch.Tensor, of_kl: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, None]:
        loc, untransformed, scale = ctx.saved_tensors
        of_both = torch.addcmul(of_scale, scale, of_kl).addcdiv_(of_kl, scale, value=-1.0)
        return loc * of_kl, of_both.mul_(torch.sigmoid(untransformed)), None


def scale_and_kl(loc: Any, untransformed: Any, smallest: float) -> tuple[Any, Any]:
    """Return a scale, and KL(Normal(loc, scale) || Normal(0, 1)), summed over all entries.

    Args:
        loc: Tensor of any shape, in no less than single precision.
        untransformed: Tensor of that shape and dtype: the scale is softplus of it, plus `smallest`.
        smallest: What every scale is larger than.
    """
    tensors = map(ops.convert_to_tensor, (loc, untransformed))
    return _ScaleAndKL.apply(*tensors, smallest)
