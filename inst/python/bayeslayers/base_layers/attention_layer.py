"""Attention, whose linear maps are drawn once for a call and each example."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import has_gpu, in_single, saturating_cast, within_range
from bayeslayers.base_layers.variational_layer import BIAS, VariationalLayer, WeightInCall
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.estimators import MapDraw
from bayeslayers.geometries import MultiHeadAttention

_Shape = tuple[int | None, ...]


class AttentionLayer(VariationalLayer):
    """Attention whose projections of query, key and value and of the outputs are random."""

    geometry_type: ClassVar[type[MultiHeadAttention]]
    geometry: MultiHeadAttention
    most_inputs: ClassVar[int] = 3
    """How many tensors of a list are the first arguments of a call."""

    def __init__(self, **arguments: Any) -> None:
        if arguments["use_bias"] is False:
            arguments["bias_posterior_fn"] = None
        super().__init__(**arguments)

    def __call__(self, query: Any, value: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Call the layer, of which the query is the value where no other is given.

        Keras hands on the masks of all inputs where there are several.
        """
        return super().__call__(query, query if value is None else value, *args, **kwargs)

    def build(
        self, query_shape: _Shape, value_shape: _Shape | None = None, key_shape: Any = None
    ) -> None:
        """Make the variables of posteriors and priors."""
        self.input_spec = self.geometry.input_spec(query_shape)
        self._attention = self.geometry.for_shapes(*_all(query_shape, value_shape, key_shape))
        for role, linear_map in self._attention.maps.items():
            self._build_kernel(role, linear_map, linear_map.known_channels(()))
        self._build_bias((sum(map(math.prod, self._attention.bias_shapes.values())),))

    def call(
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return one draw of the outputs, and add the divergences to the losses."""
        value = query if value is None else value
        masks = (query_mask, value_mask, key_mask)
        mask = self._mask(query, value, masks, attention_mask, causal=use_causal_mask)
        key = value if key is None else key
        inputs = {"query": query, "value": value, "key": key}
        self._check_channels(inputs)
        draws: dict[str, MapDraw] = {}
        drawn: list[WeightInCall] = []
        size = ops.shape(query)[0]
        for role, linear_map in self._attention.maps.items():
            channels = linear_map.known_channels(())
            draws[role], weights = self._draw_map(role, linear_map, size, channels)
            drawn += weights
        bias, weights = self._draw_bias(size)
        self._add_drawn_divergences([*drawn, *weights])
        biases = bias.parts(self._attention.biases)

        def project(role: str, values: Any) -> Any:
            linear_map = self._attention.maps[role]
            values = draws[role].apply(linear_map.prepare(values, self.compute_dtype))
            return within_range(biases[role].added_to(values, linear_map))

        projected = {role: project(role, values) for role, values in inputs.items()}
        values, scores = self._attend(
            self._attention.for_all_heads(projected),
            mask,
            is_training=training,
            with_scores=return_attention_scores,
        )
        outputs = project("output", values)
        return (outputs, scores) if return_attention_scores else outputs

    def compute_output_shape(
        self, query_shape: _Shape, value_shape: _Shape | None = None, key_shape: Any = None
    ) -> _Shape:
        """Return the shape of the outputs for inputs of these shapes."""
        self.geometry.for_shapes(*_all(query_shape, value_shape, key_shape))
        return (*query_shape[:-1], *self.geometry.output_sizes(query_shape))

    def compute_output_spec(
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        *args: Any,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return what the outputs are like, and the scores where they are returned."""
        del args, kwargs
        value = query if value is None else value
        shapes = _all(query.shape, value.shape, None if key is None else key.shape)
        outputs = keras.KerasTensor(self.compute_output_shape(*shapes), self.compute_dtype)
        if not return_attention_scores:
            return outputs
        attention = self.geometry.for_shapes(*shapes)
        shape = attention.shape_of_scores(query.shape, value.shape, self.geometry.num_heads)
        return outputs, keras.KerasTensor(shape, self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs: that of the query."""
        del inputs
        return previous_mask

    def _attend(
        self, projected: dict[str, Any], mask: Any, *, is_training: bool, with_scores: bool
    ) -> tuple[Any, ...]:
        """Return the values that each target attends to, and the scores where they are asked for.

        As in Keras's layer, one operation does it all where nobody needs the scores. In it a target
        without any source attends to all alike, otherwise to none.
        """
        geometry, attention = self.geometry, self._attention
        scale, mask = 1 / math.sqrt(geometry.key_dim), attention.mask_of_scores(mask)
        if geometry.flash_attention and with_scores:
            rule = "must not be true where attention scores are returned"
            raise ArgumentError("flash_attention", rule, {"flash_attention": True})
        query, key, value = (projected[name] for name in ("query", "key", "value"))
        if self.compute_dtype == "float16" and not has_gpu():
            # On a CPU float16 is summed in float16, and products of two are soon infinite.
            query, key, value = map(in_single, (query, key, value))
        # Before the product: XLA fuses a factor after it with the difference from the largest
        # logit, which without the factor's rounding is far above zero where logits are huge.
        query = query * scale
        # Where Keras's layer does.
        is_at_once = attention.rank == 3 and not geometry.dropout and not with_scores  # noqa: PLR2004
        if is_at_once and self._keeps_digits():
            outputs = self._at_once(query, key, value, mask)
            return saturating_cast(outputs, self.compute_dtype), None
        scores = kept = attention.scores(query, key, mask, is_at_once=is_at_once)
        if is_training and geometry.dropout:
            kept = keras.random.dropout(scores, geometry.dropout, seed=self.seed_generator)
        outputs = attention.combine(kept, value)
        return tuple(saturating_cast(each, self.compute_dtype) for each in (outputs, scores))

    def _keeps_digits(self) -> bool:
        """Whether Keras's operation does it in the precision of the layer, and at all.

        JAX has it for values of the size of the keys alone; there and on PyTorch it has the digits
        of single precision for doubles.
        """
        geometry = self.geometry
        is_precise = self.compute_dtype != "float64" or bool(geometry.flash_attention)
        return is_precise and geometry.value_dim == geometry.key_dim

    def _at_once(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        flash = self.geometry.flash_attention
        chosen = {} if flash is None else {"flash_attention": flash}
        try:
            return ops.dot_product_attention(query, key, value, mask=mask, scale=1.0, **chosen)
        except (ValueError, RuntimeError) as error:
            if not flash:
                raise
            rule = f"must not be true where {keras.backend.backend()} has none for such inputs"
            received = {"flash_attention": flash}
            raise ArgumentError("flash_attention", rule, received, str(error)) from error

    def _mask(
        self, query: Any, value: Any, masks: tuple[Any, Any, Any], mask: Any, *, causal: bool
    ) -> Any:
        """Return where attention is allowed, of shape (batch, targets, sources), or `None`."""
        of_query, of_value, of_key = masks
        parts = [] if mask is None else [ops.cast(mask, "bool")]
        if of_query is not None:
            parts.append(ops.expand_dims(ops.cast(of_query, "bool"), -1))
        parts += [
            ops.expand_dims(ops.cast(part, "bool"), -2)
            for part in (of_value, of_key)
            if part is not None
        ]
        if causal or self.geometry.sliding_window:
            targets = ops.expand_dims(ops.arange(ops.shape(query)[1], dtype="int32"), 1)
            sources = ops.expand_dims(ops.arange(ops.shape(value)[1], dtype="int32"), 0)
            distance = ops.expand_dims(targets - sources, 0)
            if causal:
                parts.append(distance >= 0)
            if self.geometry.sliding_window:
                parts.append(ops.abs(distance) < self.geometry.sliding_window)
        whole = None
        for part in parts:
            whole = part if whole is None else ops.logical_and(whole, part)
        return whole

    def _check_channels(self, inputs: dict[str, Any]) -> None:
        """Refuse a key or a value of other channels than the first."""
        for name, values in inputs.items():
            channels = self._attention.maps[name].known_channels(())
            if values.shape[-1] not in (None, channels):
                rule = f"must have {channels} channels, as when the layer was built"
                raise ArgumentError(name, rule, {"shape": tuple(values.shape)})

    def _plain_arguments(self) -> dict[str, Any]:
        arguments = super()._plain_arguments()
        # Keras's layer has it since 3.15.
        if arguments["sliding_window"] is None:
            del arguments["sliding_window"]
        return arguments

    def plain_weights(self, statistic: str) -> list[Any]:
        """See `BayesianLayer.plain_weights`."""
        *kernels, last = super().plain_weights(statistic)
        if not self.random_weights[BIAS].exists:
            return [*kernels, last]
        biases = [ops.convert_to_numpy(each) for each in self._attention.biases(last).values()]
        return [each for pair in zip(kernels, biases, strict=True) for each in pair]

    def _kernels_first(self, values: list[Any]) -> list[Any]:
        """See `VariationalLayer._kernels_first`; Keras's layer has a bias behind each kernel."""
        if not self.random_weights[BIAS].exists:
            return values
        return [*values[::2], np.concatenate([np.ravel(bias) for bias in values[1::2]])]


def _all(query: _Shape, value: _Shape | None, key: _Shape | None) -> tuple[_Shape, _Shape, _Shape]:
    """Return the shapes of query, value and key, of which the last two may be those before."""
    value = query if value is None else value
    return tuple(query), tuple(value), tuple(value if key is None else key)
