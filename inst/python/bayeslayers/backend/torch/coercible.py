"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from keras import ops, tree
from torch.distributions import Distribution, register_kl

from bayeslayers.backend.common import Stream
from bayeslayers.backend.torch.compat import of_any_value
from bayeslayers.backend.torch.distributions import inner_distribution, kl_divergence, with_seeds
from bayeslayers.backend.torch.methods import as_values, method_of
from bayeslayers.compat import in_symbolic_scope

# The functions of PyTorch that change how numbers are kept, and not the numbers.
_CASTS = {
    getattr(torch.Tensor, name)
    for name in ("to", "float", "double", "half", "bfloat16", "cpu", "cuda")
}
_NEW_AXES = {torch.unsqueeze, torch.Tensor.unsqueeze}
# Shapes of tensors, and the distributions that they were made of, while Keras last inferred shapes:
# it makes tensors of no more than a model's outputs, and asks for them right away.
_inferred: deque[tuple[tuple[int, ...], Any]] = deque(maxlen=32)


class CoercibleDistribution(torch.Tensor):
    """A distribution that Keras and PyTorch take for a tensor.

    Keras turns what is no tensor into one before a loss function sees it, and casts and reshapes
    what is. Here it meets a tensor, made when this is, whose casts and new last axes remain
    distributions. So a plain `loss(y, rv)` receives the distribution; what else PyTorch computes
    with the tensor is a plain tensor.

    What a distribution has is the distribution's: `log_prob()`, and `mean`, which it has as a
    property. All else that is asked of a tensor, the tensor answers.
    """

    tensor_distribution: Any
    """The distribution alone."""
    _plain: torch.Tensor

    @classmethod
    def of(cls, distribution: Any, tensor: torch.Tensor) -> CoercibleDistribution:
        """Return a distribution that stands for a tensor."""
        new = tensor.as_subclass(cls)
        new.tensor_distribution = distribution
        new._plain = tensor
        return new

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of PyTorch on the tensor."""
        del types
        plain_args, plain_kwargs = tree.map_structure(_to_tensor, (args, kwargs or {}))
        result = func(*plain_args, **plain_kwargs)
        source = args[0] if args else None
        if not isinstance(source, cls):
            return result
        if func in _CASTS:
            return cls.of(source.tensor_distribution, result)
        if func in _NEW_AXES and result.shape == (*source.shape, 1):
            return cls.of(_as_column(source.tensor_distribution), result)
        return result

    # What both a distribution and a tensor have.

    @property
    def mean(self) -> Any:
        """Mean of the distribution."""
        return self.tensor_distribution.mean

    @property
    def mode(self) -> Any:
        """Mode of the distribution."""
        return self.tensor_distribution.mode

    def expand(self, *args: Any, **kwargs: Any) -> Any:
        """Return the distribution with a larger batch."""
        return self.tensor_distribution.expand(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Python asks for names with two underscores, which have a meaning of their own.
        if name.startswith("__") or "tensor_distribution" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.tensor_distribution, name)

    # A value in the dtype of a loss is taken in that of the distribution.

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density or probability at a value."""
        return self.tensor_distribution.log_prob(self._as_value(value))

    def cdf(self, value: Any) -> Any:
        """Return the cumulative distribution function at a value."""
        return self.tensor_distribution.cdf(self._as_value(value))

    def icdf(self, value: Any) -> Any:
        """Return the quantile of a probability."""
        return self.tensor_distribution.icdf(self._as_value(value))

    def _as_value(self, value: Any) -> Any:
        return as_values(self.tensor_distribution, _to_tensor(value))

    # NumPy asks for numbers, and for no gradient.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(ops.convert_to_numpy(self._plain), dtype)
        return array.copy() if copy else array

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Return the tensor as an array."""
        del force
        return np.asarray(self)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        """Call a function of NumPy on the numbers: some would call a method of the tensor."""
        del types
        args, kwargs = tree.map_structure(_to_array, (args, kwargs))
        return function(*args, **kwargs)

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of NumPy on the numbers."""
        args, kwargs = tree.map_structure(_to_array, (args, kwargs))
        return getattr(function, method)(*args, **kwargs)


class _Column(Distribution):
    """A batch of distributions of one number as a column: of shape (n, 1) where it was (n).

    Keras appends an axis to predictions of one dimension where the targets are one column.

    Args:
        base: The distribution of batch shape (n).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, base: Any) -> None:
        super().__init__((*base.batch_shape, 1), base.event_shape, validate_args=False)
        self.base_dist = base

    @property
    def has_rsample(self) -> bool:
        """Whether draws can be reparameterized."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:
        """The values that a draw may have."""
        return self.base_dist.support


def _of_base(name: str) -> None:
    """Let the column have a property of the distributions in it."""
    setattr(_Column, name, property(lambda self: getattr(self.base_dist, name)[..., None]))


def _at_base(name: str) -> None:
    """Let the column have a method of the distributions in it, at values or in shapes."""

    def method(self: _Column, *args: Any) -> Any:
        # A column of values; a shape of samples is no tensor.
        args = tuple(arg[..., 0] if isinstance(arg, torch.Tensor) else arg for arg in args)
        return getattr(self.base_dist, name)(*args)[..., None]

    method.__name__ = name
    setattr(_Column, name, method)


for _name in ("mean", "mode", "stddev", "variance"):
    _of_base(_name)
for _name in ("log_prob", "cdf", "icdf", "entropy", "sample", "rsample"):
    _at_base(_name)


def _as_column(distribution: Any) -> Any:
    """Return a batch of distributions of one number as a column, and all others as they are."""
    # A single event is compared with every row as it is.
    is_batch = len(distribution.batch_shape) == 1 and len(distribution.event_shape) == 0
    return _Column(distribution) if is_batch else distribution


def _to_tensor(value: Any) -> Any:
    """Return the tensor that a distribution stands for, and everything else as it is."""
    return value._plain if isinstance(value, CoercibleDistribution) else value


def _to_array(value: Any) -> Any:
    """Return the numbers that a distribution stands for, and everything else as it is."""
    return np.asarray(value) if isinstance(value, CoercibleDistribution) else value


for _pair in (
    (CoercibleDistribution, Distribution),
    (Distribution, CoercibleDistribution),
    (CoercibleDistribution, CoercibleDistribution),
):
    register_kl(*_pair)(kl_divergence)


def to_coercible(
    distribution: Any, seeds: Stream, to_tensor: str | Callable[[Any], Any] | None = None
) -> Any:
    """Return the distribution as a tensor that is made of it.

    One that is a tensor already stays as it is.

    Args:
        distribution: The distribution.
        seeds: The stream that its samples take their seeds from.
        to_tensor: A function of the distribution, or the name of one of its methods. `None`: a
            draw.
    """
    if isinstance(distribution, CoercibleDistribution):
        return distribution
    distribution = with_seeds(distribution, seeds)
    if callable(to_tensor):
        tensor = to_tensor(distribution)
    else:
        tensor = method_of(distribution, to_tensor or "sample")()
    tensor = ops.convert_to_tensor(_to_tensor(tensor))
    if in_symbolic_scope():
        # Keras infers shapes with targets of ones, which a share or a column of classes can't be.
        _inferred.append((tuple(tensor.shape), of_any_value(distribution)))
    return CoercibleDistribution.of(distribution, tensor)


def tensor_of(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for."""
    return ops.convert_to_tensor(_to_tensor(distribution))


def distribution_behind(value: Any) -> Any:
    """Return the distribution of a tensor that Keras has made of it to infer shapes.

    Keras calls a loss once before training, with a tensor of the shape and dtype that the model's
    output has. What a loss makes of it is looked at for its shape alone: any distribution that was
    made for such a tensor gives that.
    """
    is_plain = isinstance(value, torch.Tensor) and not isinstance(value, CoercibleDistribution)
    if is_plain and in_symbolic_scope():
        for shape, distribution in reversed(_inferred):
            if shape == value.shape:
                return distribution
            if (*shape, 1) == value.shape:
                return _as_column(distribution)
    return value


__all__ = [
    "CoercibleDistribution",
    "distribution_behind",
    "inner_distribution",
    "tensor_of",
    "to_coercible",
]
