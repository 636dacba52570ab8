"""Attention: positions look up values of other positions, by projections of them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.geometries.einsum import Axes, Contraction
from bayeslayers.geometries.geometry import Geometry

_SMALLEST_RANK = 3
_CALL = (
    "The call takes Keras's arguments `query_mask`, `value_mask`, `key_mask`, `attention_mask`, "
    "`return_attention_scores`, `training` and `use_causal_mask`. A list of query and value, or of "
    "query, value and key, is composed with the layer as these arguments"
)
_INPUTS = (
    "The layer is called with a query x of shape (batch, targets, channels) and, where they are "
    "other tensors, with a value u and a key z of shape (batch, sources, channels). Without a key, "
    "the key is the value; without a value, the layer attends to the query itself. Outputs are of "
    "shape (batch, targets, channels of the query)."
)
_MAPS = (
    "The four linear maps are drawn separately, once for each call: kernels and signs are the same "
    "at all positions. A bias is added to each map; the four stand one after another in the weight "
    "`bias`."
)
_Shape = tuple[int | None, ...]


class MultiHeadAttention(Geometry):
    """Vaswani et al. (2017): heads of dot-product attention between linear projections."""

    title = "Multi-head attention"
    formula = (
        "q[t, n] = A(x[t], query)[n],   k[s, n] = A(z[s], key)[n],   v[s, n] = A(u[s], value)[n],\n"
        "score[n, t, s] = softmax over s of (q[t, n] . k[s, n] / sqrt(key_dim)),\n"
        "y[t] = A(sum over s of score[n, t, s] * v[s, n], output),   A(x, k)[n, d] = "
        "sum over c of k[c, n, d] * x[c]"
    )
    shapes = (
        f"{_INPUTS} t is a position of the query, s one of the value, n a head, d a channel of a "
        f"head, and . the sum of products over d. {_MAPS} {_CALL}"
    )
    reference = (
        "Vaswani, A., Shazeer, N., Parmar, N., Uszkoreit, J., Jones, L., Gomez, A. N., Kaiser, L., "
        "and Polosukhin, I. (2017). Attention Is All You Need. Advances in Neural Information "
        "Processing Systems 30. https://arxiv.org/abs/1706.03762"
    )
    example_shape = (10, 8)
    example_arguments = "num_heads=2, key_dim=4"
    kernels = ("query", "key", "value", "output")
    supports_masking = True
    # Keras's layer has a gate since 3.15, and puts the penalty on each of the projections.
    of_keras_alone = ("use_gate", "activity_regularizer")
    own_prose: ClassVar[dict[str, str]] = {
        "dropout": "Number from 0 to below 1: the share of the attention scores that is left out "
        "in training.",
        "use_bias": "`True` or `False`: whether a bias is added to each of the four linear maps. "
        "With `False` the arguments of the bias have no effect.",
        "output_shape": "Positive whole number, or a list of them: the sizes of the outputs "
        "without batch and positions. With `None` they are the channels of the query.",
    }

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        flash_attention: bool | None = None,
        *,
        sliding_window: int | None = None,
    ) -> None:
        self.num_heads = checks.positive_integer("num_heads", num_heads)
        self.key_dim = checks.positive_integer("key_dim", key_dim)
        value_dim = self.key_dim if value_dim is None else value_dim
        self.value_dim = checks.positive_integer("value_dim", value_dim)
        self.dropout = checks.rate("dropout", dropout)
        self.use_bias = checks.boolean("use_bias", use_bias)
        # As in Keras's layer: `Sequential` takes an attribute `output_shape` for something else.
        self.partial_output_shape = (
            None if output_shape is None else checks.shape("output_shape", output_shape)
        ) or None
        self.attention_axes = checks.axes("attention_axes", attention_axes)
        self.flash_attention = _flash_attention(flash_attention, self.dropout)
        self.sliding_window = _sliding_window(sliding_window)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"output_shape": config.pop("partial_output_shape"), **config}

    def input_spec(self, input_shape: _Shape) -> keras.layers.InputSpec:
        if len(input_shape) < _SMALLEST_RANK:
            rule = f"must have at least {_SMALLEST_RANK} dimensions: batch, positions and channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        channels = self.known_channels(input_shape)
        return keras.layers.InputSpec(ndim=len(input_shape), axes={-1: channels})

    def input_channels(self, input_shape: _Shape) -> int | None:
        return input_shape[-1]

    def heads_of(self, name: str) -> int:
        """Return how many heads a projection has, by the name of its kernel."""
        del name
        return self.num_heads

    def output_sizes(self, query_shape: _Shape) -> tuple[int, ...]:
        """Return the sizes of the outputs behind the positions."""
        return self.partial_output_shape or (self.known_channels(query_shape),)

    def axes_of(self, rank: int) -> tuple[int, ...]:
        """Return the axes of inputs of so many dimensions that attention goes over, in order."""
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = tuple(axis if axis >= 0 else rank + axis for axis in self.attention_axes)
        is_distinct = len(set(axes)) == len(axes)
        if not axes or not is_distinct or not all(0 < axis < rank - 1 for axis in axes):
            rule = "must be different axes of positions, between the batch and the channels"
            received = {"attention_axes": self.attention_axes, "dimensions": rank}
            raise ArgumentError("attention_axes", rule, received)
        return axes

    def for_shapes(self, query: _Shape, value: _Shape, key: _Shape) -> Attention:
        """Return what is computed for inputs of these shapes."""
        shapes = {"query": query, "value": value, "key": key}
        for name, shape in shapes.items():
            self.input_spec(shape)
            if len(shape) != len(query):
                rule = "must have as many dimensions as the query"
                raise ArgumentError(name, rule, {"query": query, name: shape})
        positions = zip(value[1:-1], key[1:-1], strict=True)
        if any(None not in pair and len(set(pair)) > 1 for pair in positions):
            rule = "must have the positions of the value"
            raise ArgumentError("key", rule, {"value": value, "key": key})
        sizes = {"query": self.key_dim, "key": self.key_dim, "value": self.value_dim}
        maps = {
            name: _into_heads(shapes[name], self.heads_of(name), size)
            for name, size in sizes.items()
        }
        maps["output"] = _out_of_heads(
            len(query), self.num_heads, self.value_dim, self.output_sizes(query)
        )
        return Attention(maps, self.axes_of(len(query)), len(query))


class GroupQueryAttention(MultiHeadAttention):
    """Ainslie et al. (2023): multi-head attention in which heads share their keys and values."""

    title = "Grouped-query attention"
    formula = (
        "q[t, n] = A(x[t], query)[n],   k[s, g] = A(z[s], key)[g],   v[s, g] = A(u[s], value)[g],\n"
        "score[n, t, s] = softmax over s of (q[t, n] . k[s, g(n)] / sqrt(head_dim)),\n"
        "y[t] = A(sum over s of score[n, t, s] * v[s, g(n)], output),   A(x, k)[n, d] = "
        "sum over c of k[c, n, d] * x[c]"
    )
    shapes = (
        f"{_INPUTS} t is a position of the query, s one of the value, n a head of the query, d a "
        "channel of a head, and . the sum of products over d. g(n) is the head of the keys and "
        "values that n looks at: the first heads of the query share the first one, and so on, each "
        f"as many. {_MAPS} {_CALL}"
    )
    reference = (
        "Ainslie, J., Lee-Thorp, J., de Jong, M., Zemlyanskiy, Y., Lebron, F., and Sanghai, S. "
        "(2023). GQA: Training Generalized Multi-Query Transformer Models from Multi-Head "
        "Checkpoints. Conference on Empirical Methods in Natural Language Processing. "
        "https://arxiv.org/abs/2305.13245"
    )
    example_arguments = "head_dim=4, num_query_heads=4, num_key_value_heads=2"
    own_prose: ClassVar[dict[str, str]] = {
        name: prose
        for name, prose in MultiHeadAttention.own_prose.items()
        if name in ("dropout", "use_bias")
    }
    attention_axes = None
    partial_output_shape = None

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        flash_attention: bool | None = None,
        *,
        sliding_window: int | None = None,
    ) -> None:
        self.head_dim = checks.positive_integer("head_dim", head_dim)
        self.num_query_heads = checks.positive_integer("num_query_heads", num_query_heads)
        self.num_key_value_heads = checks.positive_integer(
            "num_key_value_heads", num_key_value_heads
        )
        if self.num_query_heads % self.num_key_value_heads:
            received = {
                "num_key_value_heads": num_key_value_heads,
                "num_query_heads": num_query_heads,
            }
            raise ArgumentError("num_key_value_heads", "must divide `num_query_heads`", received)
        self.dropout = checks.rate("dropout", dropout)
        self.use_bias = checks.boolean("use_bias", use_bias)
        self.flash_attention = _flash_attention(flash_attention, self.dropout)
        self.sliding_window = _sliding_window(sliding_window)

    @property
    def num_heads(self) -> int:  # type: ignore[override]
        """How many heads the scores have."""
        return self.num_query_heads

    @property
    def key_dim(self) -> int:  # type: ignore[override]
        """How many channels a head of the query and of the key has."""
        return self.head_dim

    @property
    def value_dim(self) -> int:  # type: ignore[override]
        """How many channels a head of the value has."""
        return self.head_dim

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))

    def input_spec(self, input_shape: _Shape) -> keras.layers.InputSpec:
        if len(input_shape) != _SMALLEST_RANK:
            rule = f"must have {_SMALLEST_RANK} dimensions: batch, positions and channels"
            raise ArgumentError("inputs", rule, {"shape": tuple(input_shape)})
        return super().input_spec(input_shape)

    def heads_of(self, name: str) -> int:
        return self.num_query_heads if name == "query" else self.num_key_value_heads

    def for_shapes(self, query: _Shape, value: _Shape, key: _Shape) -> Attention:
        attention = super().for_shapes(query, value, key)
        return replace(attention, sharing=self.num_query_heads // self.num_key_value_heads)


def _flash_attention(value: bool | None, dropout: float) -> bool | None:
    """Return whether flash attention is asked for."""
    if value is not None:
        checks.boolean("flash_attention", value)
    if value and dropout:
        rule = "must not be true where `dropout` is above 0"
        received = {"flash_attention": value, "dropout": dropout}
        raise ArgumentError("flash_attention", rule, received)
    return value


def _sliding_window(value: int | None) -> int | None:
    """Return how far apart the positions of a target and of its sources may be."""
    return None if value is None else checks.positive_integer("sliding_window", value)


@dataclass(frozen=True)
class Attention:
    """Attention between inputs of known ranks and channels.

    Args:
        maps: The linear maps by the names of their kernels.
        axes: The axes that attention goes over.
        rank: The rank of query, key and value; a projection has one more, that of the heads.
        sharing: How many heads of the query look at one head of the keys and values.
    """

    maps: Mapping[str, Contraction]
    axes: tuple[int, ...]
    rank: int
    sharing: int = 1

    @property
    def bias_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the biases by the names of the kernels."""
        return {
            name: tuple(each.kernel_shape(0)[-count:])
            for name, each in self.maps.items()
            for count in [len(each.axes.made)]
        }

    def biases(self, bias: Any) -> dict[str, Any]:
        """Take all biases apart, which stand one after another."""
        found, start = {}, 0
        for name, shape in self.bias_shapes.items():
            end = start + math.prod(shape)
            found[name] = None if bias is None else ops.reshape(bias[start:end], shape)
            start = end
        return found

    def for_all_heads(self, projected: Mapping[str, Any]) -> dict[str, Any]:
        """Return the projections with keys and values for each head of the query."""
        return {
            # (batch, ..., heads, size)
            name: ops.repeat(values, self.sharing, axis=-2)
            if self.sharing > 1 and name != "query"
            else values
            for name, values in projected.items()
        }

    def scores(self, query: Any, key: Any, mask: Any, *, is_at_once: bool) -> Any:
        """Return the attention scores: (batch, ..., heads, *targets, *sources).

        Args:
            query: The projected query, already scaled.
            key: The projected key.
            mask: Where attention is allowed; `None` where it is everywhere.
            is_at_once: Whether a target without any source attends to all alike, as in the
                operation that does it all, and not to none.
        """
        sources, targets, both = self._names
        logits = ops.einsum(f"{sources},{targets}->{both}", key, query)
        count = len(self.axes)
        if mask is not None:
            # Below any logit, and within the dtype.
            smallest = -6e4 if keras.backend.standardize_dtype(logits.dtype) == "float16" else -1e38
            logits = ops.where(mask, logits, ops.cast(smallest, logits.dtype))
        # Over the positions of all sources at once.
        flat = ops.reshape(logits, (*ops.shape(logits)[:-count], -1)) if count > 1 else logits
        scores = ops.softmax(flat, axis=-1)
        scores = ops.reshape(scores, ops.shape(logits)) if count > 1 else scores
        if mask is None or is_at_once:
            return scores
        return ops.where(mask, scores, ops.zeros_like(scores))

    def combine(self, scores: Any, value: Any) -> Any:
        """Return the values of the sources, weighed by the scores."""
        sources, targets, both = self._names
        return ops.einsum(f"{both},{sources}->{targets}", scores, value)

    def mask_of_scores(self, mask: Any) -> Any:
        """Give a mask of shape (batch, ..., targets, sources) the axes of the scores."""
        if mask is None:
            return None
        # The heads stand before the targets.
        for _ in range(self.rank - 1 + len(self.axes) + 1 - len(mask.shape)):
            mask = ops.expand_dims(mask, -2 * len(self.axes) - 1)
        return ops.cast(mask, "bool")

    def shape_of_scores(self, query: _Shape, value: _Shape, heads: int) -> _Shape:
        """Return the shape of the scores for inputs of these shapes."""
        others = [query[i] for i in range(self.rank - 1) if i not in self.axes]
        targets, sources = ([shape[i] for i in self.axes] for shape in (query, value))
        return (*others, heads, *targets, *sources)

    @property
    def _names(self) -> tuple[str, str, str]:
        """A letter for each axis of the sources, of the targets, and of the scores."""
        targets = [chr(ord("a") + i) for i in range(self.rank + 1)]
        sources = list(targets)
        for i in self.axes:
            sources[i] = targets[i].upper()
        others = [targets[i] for i in range(self.rank) if i not in self.axes]
        both = others + [targets[i] for i in self.axes] + [sources[i] for i in self.axes]
        return "".join(sources), "".join(targets), "".join(both)


def _into_heads(shape: _Shape, heads: int, size: int) -> Contraction:
    """Return the map of inputs of this shape to heads of so many channels each."""
    positions = tuple(f"position {i}" for i in range(len(shape) - 2))
    axes = Axes(
        ("batch", *positions, "channel"),
        ("channel", "head", "size"),
        ("batch", *positions, "head", "size"),
    )
    return Contraction(axes, {"channel": shape[-1], "head": heads, "size": size})


def _out_of_heads(rank: int, heads: int, size: int, outputs: tuple[int, ...]) -> Contraction:
    """Return the map of heads of so many channels each to outputs of these sizes."""
    positions = tuple(f"position {i}" for i in range(rank - 2))
    made = {f"output {i}": size for i, size in enumerate(outputs)}
    axes = Axes(
        ("batch", *positions, "head", "size"), ("head", "size", *made), ("batch", *positions, *made)
    )
    return Contraction(axes, {"head": heads, "size": size, **made})
