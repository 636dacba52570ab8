"""Attention layers against Keras's own, with the same weights: masks, axes, scores, conversion."""

import inspect

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, numpy_of, on
from keras import layers as kl
from posteriors import fixed_normal, fixed_value
from scipy import special, stats
from statistical import ERROR_RATE, assert_fair_signs, draws

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    kl_divergence,
    layer_multi_head_attention_flipout,
    layer_multi_head_attention_reparameterization,
    predict_draws,
)
from bayeslayers.layers import MultiHeadAttentionFlipout, MultiHeadAttentionReparameterization

SIZES = {"num_heads": 2, "key_dim": 3}
KERNELS = ("query", "key", "value", "output")
each_function = pytest.mark.parametrize(
    "function",
    [layer_multi_head_attention_flipout, layer_multi_head_attention_reparameterization],
)
HAS_WINDOW = "sliding_window" in inspect.signature(kl.MultiHeadAttention).parameters
HAS_GATE = "use_gate" in inspect.signature(kl.MultiHeadAttention).parameters


def sequences(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def with_random_weights(layer, rng):
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])


def without_spread(function, **arguments):
    """Make the layer with narrow posteriors, to take the weights of Keras's layer."""
    priors = {f"{kernel}_prior_fn": None for kernel in KERNELS}
    return function(**{**SIZES, **arguments, **priors})


def pair(function, rng, inputs, **arguments):
    """Return Keras's layer and ours with the same weights."""
    plain = kl.MultiHeadAttention(**{**SIZES, **arguments})
    plain.build(*[values.shape for values in inputs])
    with_random_weights(plain, rng)
    ours = without_spread(function, **arguments)
    ours(*inputs)
    ours.centre_on(plain.get_weights(), 1e-7)
    return plain, ours


def assert_same(plain, ours, inputs, **call):
    expected = keras.tree.flatten(plain(*inputs, **call))
    found = keras.tree.flatten(ours(*inputs, **call))
    for one, other in zip(numpy_of(found), numpy_of(expected), strict=True):
        assert one.dtype == other.dtype
        assert_allclose(one, other, rtol=1e-4, atol=5e-5)


# The shapes of query, value and key; arguments of the layer; arguments of the call.
CASES = {
    "itself": ([(3, 5, 4)] * 2, {}, {}),
    "another": ([(3, 5, 4), (3, 7, 6)], {}, {}),
    "key of its own": ([(3, 5, 4), (3, 7, 6), (3, 7, 2)], {}, {}),
    "size of values": (
        [(3, 5, 4), (3, 7, 6)],
        {"value_dim": 2},
        {"return_attention_scores": True},
    ),
    "scores": ([(3, 5, 4), (3, 7, 6)], {}, {"return_attention_scores": True}),
    "causal": ([(3, 5, 4)] * 2, {}, {"use_causal_mask": True}),
    "causal of another length": ([(3, 5, 4), (3, 7, 6)], {}, {"use_causal_mask": True}),
    "causal scores": (
        [(3, 5, 4)] * 2,
        {},
        {"use_causal_mask": True, "return_attention_scores": True},
    ),
    "no bias": ([(3, 5, 4), (3, 7, 6)], {"use_bias": False}, {}),
    "output shape": ([(3, 5, 4), (3, 7, 6)], {"output_shape": (2, 3)}, {}),
    "one output": ([(3, 5, 4), (3, 7, 6)], {"output_shape": 5}, {}),
    "dropout": ([(3, 5, 4), (3, 7, 6)], {"dropout": 0.5}, {}),
    "all axes of images": ([(2, 3, 4, 5)] * 2, {}, {}),
    "one axis of images": (
        [(2, 3, 4, 5), (2, 3, 2, 6)],
        {"attention_axes": 2},
        {"return_attention_scores": True},
    ),
    "axes from behind": (
        [(2, 3, 4, 5), (2, 2, 3, 6)],
        {"attention_axes": (-3, -2)},
        {"return_attention_scores": True},
    ),
}


@each_function
@pytest.mark.parametrize(("shapes", "arguments", "call"), CASES.values(), ids=CASES)
def test_it_is_keras_layer_with_the_same_weights(function, shapes, arguments, call, rng):
    inputs = [sequences(rng, *shape) for shape in shapes]
    plain, ours = pair(function, rng, inputs, **arguments)
    assert_same(plain, ours, inputs, **call)
    found = keras.tree.flatten(ours(*inputs, **call))
    symbolic = keras.tree.flatten(ours(*[keras.Input(s[1:]) for s in shapes], **call))
    for value, spec in zip(found, symbolic, strict=True):
        assert tuple(spec.shape) == (None, *value.shape[1:])
        assert spec.dtype == keras.backend.standardize_dtype(value.dtype)


def closed_form(inputs, kernels, biases, mask=True):
    """Return NumPy's attention of inputs to themselves: (batch, positions, channels)."""
    query, key, value = (
        np.einsum("btc,cnd->bntd", inputs, kernels[name]) + biases.get(name, 0)
        for name in ("query", "key", "value")
    )
    logits = query @ np.swapaxes(key, -1, -2) / np.sqrt(key.shape[-1])
    scores = special.softmax(np.where(mask, logits, -np.inf), axis=-1)
    return np.einsum("bntd,ndc->btc", scores @ value, kernels["output"]) + biases.get("output", 0)


def posteriors_at(kernels):
    return {f"{name}_posterior_fn": fixed_normal(loc, 1e-30) for name, loc in kernels.items()}


@pytest.mark.doubles
@each_function
@pytest.mark.parametrize("arguments", [{}, {"dropout": 0.5}], ids=["at once", "by scores"])
def test_doubles_keep_all_digits(function, arguments, rng):
    inputs, mask = rng.normal(size=(2, 5, 4)), np.tri(5, dtype=bool)
    kernels = {name: rng.normal(size=(4, 2, 3)) for name in ("query", "key", "value")}
    kernels["output"] = rng.normal(size=(2, 3, 4))
    layer = without_spread(
        function,
        dtype="float64",
        bias_posterior_fn=None,
        **posteriors_at(kernels),
        **arguments,
    )
    found = layer(inputs, use_causal_mask=True)
    assert keras.backend.standardize_dtype(found.dtype) == "float64"
    assert_allclose(found, closed_form(inputs, kernels, {}, mask), rtol=1e-13, atol=1e-13)


# Keras's layer adds the heads' biases to positions on TensorFlow where there are as many.
@each_function
def test_heads_of_one_channel_and_as_many_positions(function, rng):
    inputs = rng.normal(size=(2, 5, 4))
    kernels = {name: rng.normal(size=(4, 5, 1)) for name in ("query", "key", "value")}
    biases = {name: rng.normal(size=(5, 1)) for name in kernels}
    kernels["output"], biases["output"] = rng.normal(size=(5, 1, 4)), rng.normal(size=4)
    bias = np.concatenate([biases[name].ravel() for name in KERNELS])
    layer = without_spread(
        function,
        num_heads=5,
        key_dim=1,
        bias_posterior_fn=fixed_normal(bias, 1e-30),
        **posteriors_at(kernels),
    )
    # The biases of the heads, (heads, 1), at all positions: (heads, 1, 1).
    of_heads = {name: b[:, np.newaxis] if b.ndim > 1 else b for name, b in biases.items()}
    expected = closed_form(inputs, kernels, of_heads)
    assert_allclose(layer(inputs.astype("float32")), expected, rtol=1e-4, atol=1e-5)


@each_function
def test_masks_are_those_of_keras_layer(function, rng):
    inputs = [sequences(rng, 3, 5, 4), sequences(rng, 3, 7, 6), sequences(rng, 3, 7, 2)]
    plain, ours = pair(function, rng, inputs)
    pairs = rng.integers(0, 2, (3, 5, 7)).astype(bool)
    pairs[..., 0] = True
    sources = np.arange(7) < np.array([[2], [7], [4]])
    for call in (
        {"attention_mask": pairs},
        {"attention_mask": pairs.astype("float32")},
        {"attention_mask": pairs[:1], "use_causal_mask": True},
        {"attention_mask": pairs[:, None]},
        {"value_mask": sources},
        {"key_mask": sources, "attention_mask": pairs},
        {"value_mask": sources, "return_attention_scores": True},
    ):
        assert_same(plain, ours, inputs, **call)


# Keras's layer on JAX takes values of another size where scores are returned alone.
@pytest.mark.doubles
@each_function
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"dropout": 0.5},
        {"dtype": "float64"},
        pytest.param({"value_dim": 2}, marks=on("tensorflow", "torch")),
    ],
    ids=str,
)
def test_a_target_without_any_source_is_that_of_keras_layer(function, arguments, rng):
    inputs = [sequences(rng, 2, 4, 3)] * 2
    plain, ours = pair(function, rng, inputs, **arguments)
    mask = rng.integers(0, 2, (2, 4, 4)).astype(bool)
    mask[0, 1] = mask[1, 3] = False
    for call in ({}, {"return_attention_scores": True}):
        assert_same(plain, ours, inputs, attention_mask=mask, **call)


@each_function
def test_masks_come_with_the_inputs_and_go_on(function, rng):
    """Numbers at masked positions change no output, and the outputs have the query's mask."""
    inputs = sequences(rng, 2, 5, 4)
    inputs[:, 3:] = 0
    ours = keras.Sequential([keras.Input((5, 4)), kl.Masking(), function(**SIZES, seed=1)])
    first = keras.Input((5, 4))
    masked = kl.Masking()(first)
    plain = kl.MultiHeadAttention(**SIZES)
    model = keras.Model(first, plain(masked, masked))
    with_random_weights(plain, rng)
    ours.layers[-1].centre_on(plain.get_weights(), 1e-7)
    kept = (slice(None), slice(3))
    assert_allclose(numpy_of(ours(inputs))[kept], numpy_of(model(inputs))[kept], atol=5e-5)
    short = numpy_of(plain(inputs[:, :3], inputs[:, :3]))
    assert_allclose(numpy_of(ours(inputs))[kept], short, rtol=1e-4, atol=5e-5)
    assert ours.layers[-1].supports_masking
    outputs = ours.layers[-1](kl.Masking()(inputs))
    mean = kl.GlobalAveragePooling1D()(outputs)
    assert_allclose(numpy_of(mean), numpy_of(outputs)[:, :3].mean(axis=1), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not HAS_WINDOW, reason="Keras's layer has no window")
@each_function
def test_a_window_is_that_of_keras_layer(function, rng):
    inputs = [sequences(rng, 3, 5, 4), sequences(rng, 3, 7, 6)]
    plain, ours = pair(function, rng, inputs, sliding_window=2)
    assert_same(plain, ours, inputs)
    assert_same(plain, ours, inputs, use_causal_mask=True, return_attention_scores=True)
    assert as_bayesian(plain_model(sliding_window=2)).layers[1].sliding_window == 2


def test_dropout_leaves_scores_out_in_training_alone(rng):
    inputs = [sequences(rng, 2, 5, 4), sequences(rng, 2, 7, 6)]
    plain, ours = pair(layer_multi_head_attention_flipout, rng, inputs, dropout=0.5)
    expected = numpy_of(plain(*inputs))
    samples = draws(lambda _: ours(*inputs, training=True), inputs[0], 600).astype("float64")
    # The outputs are linear in the scores, which dropout scales so that they stay on average.
    z = (samples.mean(axis=0) - expected) / samples.std(axis=0) * np.sqrt(len(samples))
    assert np.abs(z).max() < stats.norm.isf(ERROR_RATE / (2 * z.size))
    assert samples.std(axis=0).min() > 0.01
    assert_allclose(numpy_of(ours(*inputs, training=False)), expected, rtol=1e-4, atol=5e-5)


def test_an_example_sees_one_draw_at_all_positions(rng):
    """Flipout's signs are those of an example: alike positions have alike outputs."""
    inputs = np.broadcast_to(sequences(rng, 1, 1, 4), (2, 5, 4))
    posteriors = {f"{kernel}_posterior_fn": fixed_normal(0.3, 1.0) for kernel in KERNELS}
    layer = layer_multi_head_attention_flipout(**SIZES, **posteriors)
    found = draws(layer, inputs, 300)
    assert_allclose(found, np.broadcast_to(found[:, :, :1], found.shape), rtol=1e-3, atol=1e-3)
    differs = np.abs(found[:, 0, 0] - found[:, 1, 0])
    assert np.all(differs.max(axis=-1) > 1e-3)


def test_projections_have_signs_of_their_own(rng):
    """Two kernels in a row: the sign of each is as often that of the other as not."""
    inputs = np.ones((2, 3, 1), "float32")
    posteriors = {f"{kernel}_posterior_fn": fixed_normal(0.0, 1.0) for kernel in KERNELS}
    layer = layer_multi_head_attention_flipout(num_heads=1, key_dim=1, use_bias=False, **posteriors)
    found = draws(layer, inputs, 400)[:, :, 0, 0]
    # One number each: a value's weight times an output's, whose sizes the examples share.
    assert_allclose(np.abs(found[:, 0]), np.abs(found[:, 1]), rtol=1e-4)
    assert_fair_signs(found[:, 0] * found[:, 1])


@each_function
def test_a_draw_of_the_model_is_one_for_all_examples(function, rng):
    """Each draw is Keras's layer with other weights: as_deterministic() draws them, too."""
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, function([inputs, inputs], **SIZES, seed=3))
    x = np.repeat(sequences(rng, 1, 5, 4), 4, axis=0)
    found = numpy_of(predict_draws(model, x, draws=3, seed=1))
    assert found.shape[0] == 3
    assert_allclose(found, np.broadcast_to(found[:, :1], found.shape), rtol=1e-4, atol=1e-5)
    assert np.abs(np.diff(found, axis=0)).max() > 1e-3
    sampled = as_deterministic(model, weights="sample")
    assert type(sampled.layers[-1]) is kl.MultiHeadAttention


@each_function
def test_a_layer_that_is_called_twice_diverges_once(function):
    inputs = keras.Input((5, 4))
    layer = function(**SIZES)
    model = keras.Model(inputs, layer(layer(inputs), inputs))
    model(np.ones((2, 5, 4), "float32"))
    assert len(model.losses) == 4
    total = sum(float(keras.ops.convert_to_numpy(loss)) for loss in model.losses)
    assert_allclose(kl_divergence(model).total, total, rtol=1e-5)
    assert set(layer.divergences()) == set(KERNELS)


@each_function
def test_lists_are_query_value_and_key(function, rng):
    query, value, key = (keras.Input(shape) for shape in ((5, 4), (7, 6), (7, 2)))
    assert function([query, value], **SIZES).shape == (None, 5, 4)
    assert function((query, value, key), **SIZES).shape == (None, 5, 4)
    assert function(query, **SIZES).shape == (None, 5, 4)
    alone, itself = (
        function(q, **SIZES, seed=2) for q in (np.ones((1, 5, 4)), [np.ones((1, 5, 4))])
    )
    assert_array_equal(numpy_of(alone), numpy_of(itself))
    with pytest.raises(ArgumentError, match="at most 3 tensors"):
        function([query, value, key, key], **SIZES)
    model = function(keras.Sequential([keras.Input((5, 4))]), **SIZES)
    assert model.output_shape == (None, 5, 4)


def test_inputs_that_do_not_fit_are_refused(rng):
    make = layer_multi_head_attention_flipout
    ones = np.ones
    with pytest.raises(ArgumentError, match="`key` must have the positions of the value"):
        make(**SIZES)(ones((2, 5, 4)), ones((2, 7, 4)), ones((2, 6, 4)))
    with pytest.raises(ArgumentError, match="`value` must have as many dimensions"):
        make(**SIZES)(ones((2, 5, 4)), ones((2, 7, 3, 4)))
    layer = make(**SIZES)
    layer(ones((2, 5, 4)), ones((2, 7, 6)))
    with pytest.raises(ArgumentError, match="`value` must have 6 channels"):
        layer(ones((2, 5, 4)), ones((2, 7, 5)))
    for axes in ((0,), (3,), (1, 1), (1, -3), ()):
        with pytest.raises(ArgumentError, match="`attention_axes` must be different axes"):
            make(**SIZES, attention_axes=axes)(ones((2, 5, 3, 4)))
    with pytest.raises(ArgumentError, match="`flash_attention` must not be true where attention"):
        make(**SIZES, flash_attention=True)(ones((2, 5, 4)), return_attention_scores=True)


def test_values_of_another_size_need_no_scores(rng):
    """On JAX, Keras's own layer has no attention of such values without scores."""
    inputs = [sequences(rng, 3, 5, 4), sequences(rng, 3, 7, 6)]
    layer = layer_multi_head_attention_reparameterization(
        **SIZES,
        value_dim=2,
        **{f"{kernel}_posterior_fn": fixed_value(0.3) for kernel in KERNELS},
        **{f"{kernel}_prior_fn": None for kernel in KERNELS},
    )
    with_scores, _ = layer(*inputs, return_attention_scores=True)
    assert_allclose(numpy_of(layer(*inputs)), numpy_of(with_scores), rtol=1e-5, atol=1e-5)


@on("tensorflow")
def test_flash_attention_is_refused_where_the_backend_has_none():
    layer = layer_multi_head_attention_flipout(**SIZES, flash_attention=True)
    with pytest.raises(ArgumentError, match="`flash_attention` must not be true where tensorflow"):
        layer(np.ones((2, 5, 4), "float32"))


@keras.saving.register_keras_serializable("test_attention")
class Block(keras.Layer):
    """A transformer's block, which is given the layers that it holds."""

    def __init__(self, attention, first, second, **kwargs):
        super().__init__(**kwargs)
        self.attention, self.first, self.second = attention, first, second
        self.norms = [kl.LayerNormalization(), kl.LayerNormalization()]

    def build(self, shape):
        self.attention.build(shape, shape)
        self.first.build(shape)
        self.second.build(self.first.compute_output_shape(shape))
        for norm in self.norms:
            norm.build(shape)

    def call(self, x):
        x = self.norms[0](x + self.attention(x, x, use_causal_mask=True))
        return self.norms[1](x + self.second(self.first(x)))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        names = ("attention", "first", "second")
        held = {n: keras.saving.serialize_keras_object(getattr(self, n)) for n in names}
        return {**super().get_config(), **held}

    @classmethod
    def from_config(cls, config):
        names = ("attention", "first", "second")
        held = {n: keras.saving.deserialize_keras_object(config.pop(n)) for n in names}
        return cls(**held, **config)


def transformer(rng):
    block = Block(
        kl.MultiHeadAttention(2, 2, name="attention"),
        kl.EinsumDense("...c,cd->...d", 8, "relu", "d", name="first"),
        kl.Dense(4, name="second"),
    )
    model = keras.Sequential(
        [keras.Input((5,), dtype="int32"), kl.Embedding(7, 4), block, kl.Flatten(), kl.Dense(2)]
    )
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("estimator", ["flipout", "reparameterization"])
def test_a_block_of_a_transformer_is_converted_both_ways(estimator, tmp_path, rng):
    plain = transformer(rng)
    x = rng.integers(0, 7, (3, 5)).astype("int32")
    model = as_bayesian(plain, estimator, moped=True, delta=1e-7)
    block = model.layers[1]
    found = [type(layer).__name__ for layer in (block.attention, block.first, block.second)]
    ending = estimator.capitalize()
    assert found == [f"{name}{ending}" for name in ("MultiHeadAttention", "EinsumDense", "Dense")]
    assert_allclose(numpy_of(model(x)), numpy_of(plain(x)), rtol=1e-3, atol=1e-3)
    assert len(model.losses) == 1 + 4 + 1 + 1 + 1
    back = as_deterministic(model)
    assert type(back.layers[1].attention) is kl.MultiHeadAttention
    assert_allclose(numpy_of(back(x)), numpy_of(plain(x)), rtol=1e-5, atol=1e-5)
    model.compile("adam", "mse")
    model.fit(x, np.ones((3, 2)), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_array_equal(
        numpy_of(predict_draws(again, x, draws=2, seed=1)),
        numpy_of(predict_draws(model, x, draws=2, seed=1)),
    )


def plain_model(**arguments):
    inputs = keras.Input((5, 4))
    attention = kl.MultiHeadAttention(**SIZES, **arguments, name="attention")
    return keras.Model(inputs, kl.Dense(1)(attention(inputs, inputs)))


@pytest.mark.parametrize(
    "arguments",
    [{"activity_regularizer": "l2"}, *([{"use_gate": True}] if HAS_GATE else [])],
    ids=lambda arguments: next(iter(arguments)),
)
def test_where_our_layer_does_not_compute_it_all_those_inside_are_replaced(arguments, rng):
    plain = plain_model(**arguments)
    model = as_bayesian(plain, moped=True, delta=1e-7)
    assert isinstance(model.layers[1], kl.MultiHeadAttention)
    assert type(model.layers[1].query_dense).__name__ == "EinsumDenseFlipout"
    x = sequences(rng, 2, 5, 4)
    assert_allclose(numpy_of(model(x)), numpy_of(plain(x)), rtol=1e-4, atol=1e-5)


def test_attention_in_a_sequential_model_has_no_plain_twin():
    model = keras.Sequential([keras.Input((5, 4)), layer_multi_head_attention_flipout(**SIZES)])
    with pytest.raises(ArgumentError, match="attention layers in functional models"):
        as_deterministic(model)


def test_low_rank_updates_inside_are_added_first(rng):
    plain = plain_model()
    attention = plain.layers[1]
    attention.query_dense.enable_lora(1)
    attention.output_dense.enable_lora(1)
    for layer in (attention, plain.layers[2]):
        with_random_weights(layer, rng)
    x = sequences(rng, 2, 5, 4)
    model = as_bayesian(plain, moped=True, delta=1e-7)
    assert_allclose(numpy_of(as_deterministic(model)(x)), numpy_of(plain(x)), rtol=1e-3, atol=1e-4)


def test_regularizers_inside_are_said_to_be_lost():
    with pytest.warns(UserWarning, match="'attention' loses \\['kernel_regularizer'\\]"):
        as_bayesian(plain_model(kernel_regularizer="l2"))


def test_arguments_for_kernels_reach_all_of_them():
    model = as_bayesian(plain_model(), kernel_prior_fn=None)
    layer = model.layers[1]
    assert [getattr(layer, f"{kernel}_prior") for kernel in KERNELS] == [None] * 4
    assert layer.use_bias
    without = as_bayesian(plain_model(use_bias=False)).layers[1]
    assert without.bias_posterior is None
    assert not without.use_bias


def test_names_are_those_of_keras():
    for kind in (MultiHeadAttentionFlipout, MultiHeadAttentionReparameterization):
        layer = kind(2, 3, 4, 0.1, False, (5,), 1)
        config = layer.get_config()
        plain = kl.MultiHeadAttention(2, 3, 4, 0.1, False, (5,), 1).get_config()
        for name in ("num_heads", "key_dim", "value_dim", "dropout", "use_bias"):
            assert config[name] == plain[name]
        assert tuple(config["output_shape"]) == tuple(plain["output_shape"])
        assert tuple(config["attention_axes"]) == tuple(plain["attention_axes"])
