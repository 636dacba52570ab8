"""Distributions that stand for a tensor wherever one is needed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import JAXSparse
from keras import tree

from bayeslayers.backend.jax.compat import tensorflow_probability
from bayeslayers.backend.jax.distributions import method_of, with_seeds
from bayeslayers.backend.jax.seeds import fold_in
from bayeslayers.backend.jax.trees import as_tree, from_tree
from bayeslayers.compat import in_layer_call

if TYPE_CHECKING:
    from bayeslayers.backend.common import Stream

# Python's operators that have a reflected form, by the names of their methods.
_OF_TWO = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv")},
    **{name: getattr(operator, name) for name in ("mod", "matmul", "xor", "lshift", "rshift")},
    **{"and": operator.and_, "or": operator.or_, "pow": pow, "divmod": divmod},
}
_OF_ONE = {
    **{name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{
        name: getattr(operator, name)
        for name in ("neg", "pos", "abs", "invert", "index", "getitem")
    },
    **{function.__name__: function for function in (len, iter, round, bool, int, float, complex)},
    "dlpack": lambda tensor, **kwargs: tensor.__dlpack__(**kwargs),
    "dlpack_device": lambda tensor: tensor.__dlpack_device__(),
}
_AT_A_VALUE = (
    *("log_prob", "prob", "log_cdf", "cdf"),
    *("log_survival_function", "survival_function", "quantile"),
)


class _Draws:
    """The seeds of one output, which follow from the seed that it took from its layer.

    They need no variable: an output may be asked for samples when the step that made it is over.

    Args:
        seed: Tensor of two whole numbers.
        count: How many have been taken.
    """

    def __init__(self, seed: Any, count: int = 0) -> None:
        self.seed = seed
        self.count = count

    def next(self) -> Any:
        """Return the next seed, a tensor of two whole numbers."""
        self.count += 1
        return fold_in(self.seed, self.count)


# Functions of JAX take apart what they are handed, and what they return.
@jax.tree_util.register_pytree_node_class
class CoercibleDistribution(JAXSparse):
    """A distribution that Keras and JAX take for a tensor.

    Keras turns what is no tensor into one before a loss function sees it, and leaves alone JAX's
    sparse arrays, of which this is one to Keras. So a plain `loss(y, rv)` receives the
    distribution; all other layers, losses and metrics compute with the tensor, which is made when
    it is first needed, and in a function that is being compiled right away: there it costs nothing
    where it is not needed.

    What a distribution has is the distribution's: `mean()`, and every other method and property.
    All else that is asked of a tensor, the tensor answers.

    Args:
        distribution: The distribution.
        draws: The seeds of its samples.
        make: Returns the tensor, the same at each call.
        known: Shape and dtype of the tensor, if they are known without making it.
    """

    def __init__(
        self,
        distribution: Any,
        draws: _Draws,
        make: Callable[[], Any],
        known: jax.ShapeDtypeStruct | None = None,
    ) -> None:
        self._parts: Any = None
        self._distribution = distribution
        self._draws = draws
        self._make: Callable[[], Any] | None = make
        self._made: Any = None
        self._known = known
        # What a compiled function keeps for later must not be made in a function inside of it.
        if isinstance(draws.seed, jax.core.Tracer):
            self._made = make()

    # The distribution.

    @property
    def tensor_distribution(self) -> Any:
        """The distribution alone, with the seeds of this output."""
        return with_seeds(self._unseeded(), self._draws)

    def _unseeded(self) -> Any:
        if self._distribution is None:
            leaves, structure = self._parts
            self._distribution = from_tree(jax.tree.unflatten(structure, leaves))
        return self._distribution

    def kl_divergence(self, other: Any, **kwargs: Any) -> Any:
        """Return the divergence of the distribution from another."""
        return self.tensor_distribution.kl_divergence(inner_distribution(other), **kwargs)

    def cross_entropy(self, other: Any, **kwargs: Any) -> Any:
        """Return the cross entropy of the distribution and another."""
        return self.tensor_distribution.cross_entropy(inner_distribution(other), **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Python asks for names with two underscores, which have a meaning of their own.
        if not name.startswith("__") and "_draws" in vars(self):
            try:
                return getattr(self.tensor_distribution, name)
            except AttributeError:
                # Any object is asked for names with an underscore: that uses no tensor.
                if not name.startswith("_") and hasattr(jax.Array, name):
                    return getattr(self.todense(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of shape {self.shape} and dtype {self.dtype}>"

    # The tensor.

    def todense(self) -> Any:
        """Return the tensor."""
        if self._made is not None:
            return self._made
        assert self._make is not None  # what JAX has made anew has its tensor
        made = jnp.asarray(self._make())
        # It is the same at each call, and a tracer ends with the function that is being traced.
        if not isinstance(made, jax.core.Tracer):
            self._made = made
        return made

    def astype(self, dtype: Any) -> CoercibleDistribution:
        """Return the same distribution, which stands for the tensor in another dtype."""
        known = jax.ShapeDtypeStruct(self.shape, dtype)
        return CoercibleDistribution(
            self._unseeded(), self._draws, lambda: self.todense().astype(dtype), known
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return tuple((self._known or self.todense()).shape)

    @property
    def dtype(self) -> Any:
        """Dtype of the tensor: that of a mean, say, where the distribution's is an integer."""
        return (self._known or self.todense()).dtype

    @property
    def nse(self) -> int:
        """How many entries the tensor has."""
        return self.size

    # Keras compares those of two sparse arrays.
    indices = None

    def transpose(self, axes: Any = None) -> Any:
        """Return the tensor with its axes in another order."""
        return jnp.transpose(self.todense(), axes)

    def block_until_ready(self) -> CoercibleDistribution:
        """Return when the tensor has been computed."""
        self.todense().block_until_ready()
        return self

    def __jax_array__(self) -> Any:
        return self.todense()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self.todense(), dtype)
        return array.copy() if copy else array

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        """Call a function of NumPy on the tensor: some would call a method of the distribution."""
        del types
        args, kwargs = tree.map_structure(_to_tensor, (args, kwargs))
        return function(*args, **kwargs)

    # Arrays, which compare their entries, have none.
    __hash__ = object.__hash__

    # What JAX takes apart and puts together.

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Return the tensors that this is made of, and all else."""
        parts = self._parts or jax.tree.flatten(as_tree(self._distribution))
        leaves, structure = parts
        return (self.todense(), self._draws.seed, *leaves), (structure, self._draws.count)

    @classmethod
    def tree_unflatten(cls, aux_data: Any, children: Any) -> Any:
        """Return the same of other tensors."""
        structure, count = aux_data
        made, seed, *leaves = children
        # Keras asks what the outputs of a layer are like that it is to put into a model. It asks
        # the same of the whole model, and calls the loss with the answer.
        if isinstance(made, jax.ShapeDtypeStruct) and in_layer_call():
            return made
        # What JAX puts in the place of tensors may be no tensors: nothing looks at them here.
        new = object.__new__(cls)
        new._parts, new._distribution = (leaves, structure), None
        new._draws = _Draws(seed, count)
        new._make, new._made, new._known = None, made, None
        return new


def _of_tensor(name: str, function: Callable[..., Any]) -> None:
    """Let a method apply a function to the tensor."""

    def method(self: CoercibleDistribution, *args: Any, **kwargs: Any) -> Any:
        return function(self.todense(), *map(_to_tensor, args), **kwargs)

    method.__name__ = name
    setattr(CoercibleDistribution, name, method)


def _at_value(name: str) -> None:
    """Let a method evaluate the distribution at a value."""

    def method(self: CoercibleDistribution, value: Any, *args: Any, **kwargs: Any) -> Any:
        distribution, value = self.tensor_distribution, _to_tensor(value)
        # Keras hands over targets in the dtype of the loss.
        dtypes = (distribution.dtype, getattr(value, "dtype", None))
        if all(dtype is not None and jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes):
            value = jnp.asarray(value).astype(distribution.dtype)
        return method_of(distribution, name)(value, *args, **kwargs)

    method.__name__ = name
    setattr(CoercibleDistribution, name, method)


for _name in _AT_A_VALUE:
    _at_value(_name)
for _name, _function in (_OF_TWO | _OF_ONE).items():
    _of_tensor(f"__{_name}__", _function)
for _name, _function in _OF_TWO.items():
    _of_tensor(f"__r{_name}__", lambda tensor, other, of=_function: of(other, tensor))


def _to_tensor(value: Any) -> Any:
    """Return the tensor that a distribution stands for, and everything else as it is."""
    return value.todense() if isinstance(value, CoercibleDistribution) else value


@functools.cache
def _register_divergences() -> None:
    """Let `kl_divergence` of TensorFlow Probability take the distributions within."""
    tfd = tensorflow_probability().distributions

    def divergence(a: Any, b: Any, name: str | None = None) -> Any:
        del name
        return tfd.kl_divergence(inner_distribution(a), inner_distribution(b))

    for pair in (
        (CoercibleDistribution, tfd.Distribution),
        (tfd.Distribution, CoercibleDistribution),
        (CoercibleDistribution, CoercibleDistribution),
    ):
        tfd.RegisterKL(*pair)(divergence)


def to_coercible(
    distribution: Any, seeds: Stream, to_tensor: str | Callable[[Any], Any] | None = None
) -> Any:
    """Return the distribution as a tensor that is made of it when it is first needed.

    One that converts to a tensor already stays as it is.

    Args:
        distribution: The distribution.
        seeds: The stream that its samples take their seeds from.
        to_tensor: A function of the distribution, or the name of one of its methods. `None`: a
            draw.
    """
    if isinstance(distribution, CoercibleDistribution):
        return distribution
    _register_divergences()
    seed = seeds.next()
    of_tensor = fold_in(seed, 0)

    def make() -> Any:
        seeded = with_seeds(distribution, _Draws(of_tensor))
        if callable(to_tensor):
            return to_tensor(seeded)
        return method_of(seeded, to_tensor or "sample")()

    known = None
    if to_tensor in (None, "sample"):
        shape = (*distribution.batch_shape, *distribution.event_shape)
        known = jax.ShapeDtypeStruct(shape, distribution.dtype)
    return CoercibleDistribution(distribution, _Draws(seed), make, known)


def inner_distribution(distribution: Any) -> Any:
    """Return the distribution alone, which no longer converts to a tensor."""
    return getattr(distribution, "tensor_distribution", distribution)


def tensor_of(distribution: Any) -> Any:
    """Return the tensor that a distribution stands for."""
    return jnp.asarray(_to_tensor(distribution))


def distribution_behind(value: Any) -> Any:
    """Return the value: what stands for a distribution is one."""
    return value
