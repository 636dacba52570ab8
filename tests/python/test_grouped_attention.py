"""Grouped-query attention against Keras's layer, and against multi-head attention."""

import inspect

import keras
import numpy as np
import pytest
from frameworks import numpy_of
from keras import layers as kl
from numpy.testing import assert_allclose

from bayeslayers import (
    as_bayesian,
    as_deterministic,
    layer_group_query_attention_flipout,
    layer_group_query_attention_reparameterization,
    layer_multi_head_attention_reparameterization,
)

SIZES = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
KERNELS = ("query", "key", "value", "output")
OF_KERAS = inspect.signature(kl.GroupQueryAttention).parameters
LAYERS = {
    "flipout": layer_group_query_attention_flipout,
    "reparameterization": layer_group_query_attention_reparameterization,
}


def sequences(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def without_spread(function, weights, inputs, **arguments):
    """Return a layer with narrow posteriors around the weights of Keras's layer."""
    layer = function(**arguments, **{f"{kernel}_prior_fn": None for kernel in KERNELS})
    layer(*inputs)
    layer.centre_on(weights, 1e-7)
    return layer


def pair(function, rng, inputs, **arguments):
    """Return Keras's layer and ours with the same weights."""
    plain = kl.GroupQueryAttention(**SIZES, **arguments)
    plain.build(*[values.shape for values in inputs])
    plain.set_weights([rng.normal(size=weight.shape) for weight in plain.weights])
    ours = without_spread(function, plain.get_weights(), inputs, **SIZES, **arguments)
    return plain, ours


def assert_same(plain, ours, inputs, **call):
    expected = keras.tree.flatten(plain(*inputs, **call))
    found = keras.tree.flatten(ours(*inputs, **call))
    for one, other in zip(numpy_of(found), numpy_of(expected), strict=True):
        assert_allclose(one, other, rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize("function", LAYERS.values(), ids=LAYERS)
def test_it_is_keras_layer_with_the_same_weights(function, rng):
    inputs = [sequences(rng, 3, 5, 4), sequences(rng, 3, 7, 6), sequences(rng, 3, 7, 2)]
    plain, ours = pair(function, rng, inputs)
    pairs = rng.integers(0, 2, (3, 5, 7)).astype(bool)
    pairs[..., 0] = True
    sources = np.arange(7) < np.array([[2], [7], [4]])
    for call in (
        {},
        {"return_attention_scores": True},
        {"use_causal_mask": True},
        {"attention_mask": pairs, "return_attention_scores": True},
        {"value_mask": sources},
    ):
        assert_same(plain, ours, inputs, **call)
    symbolic = ours(*[keras.Input(v.shape[1:]) for v in inputs], return_attention_scores=True)
    assert [tuple(each.shape) for each in symbolic] == [(None, 5, 4), (None, 4, 5, 7)]


@pytest.mark.skipif("sliding_window" not in OF_KERAS, reason="Keras's layer has no window")
def test_a_window_is_that_of_keras_layer(rng):
    inputs = [sequences(rng, 3, 5, 4)] * 2
    plain, ours = pair(LAYERS["flipout"], rng, inputs, sliding_window=2)
    assert_same(plain, ours, inputs, use_causal_mask=True)


def test_with_a_head_of_keys_for_each_of_the_query_it_is_multi_head_attention(rng):
    inputs = [sequences(rng, 2, 5, 4), sequences(rng, 2, 3, 4)]
    plain = kl.MultiHeadAttention(4, 3)
    plain(*inputs)
    weights = plain.get_weights()
    grouped = without_spread(
        LAYERS["reparameterization"], weights, inputs, **{**SIZES, "num_key_value_heads": 4}
    )
    heads = without_spread(
        layer_multi_head_attention_reparameterization, weights, inputs, num_heads=4, key_dim=3
    )
    assert_same(heads, grouped, inputs, return_attention_scores=True)


def test_heads_of_the_query_share_keys_and_values_one_after_another(rng):
    """The first two heads of the query are those of one head of the keys, in NumPy."""
    inputs = [sequences(rng, 1, 5, 4)] * 2
    plain, ours = pair(LAYERS["reparameterization"], rng, inputs, use_bias=False)
    query, key, value, output = (weight.astype("float64") for weight in plain.get_weights())
    expected = 0.0
    for head in range(4):
        q, k, v = (
            inputs[0][0] @ kernel[:, place]
            for kernel, place in ((query, head), (key, head // 2), (value, head // 2))
        )
        scores = np.exp(q @ k.T / np.sqrt(3))
        expected = expected + scores / scores.sum(axis=1, keepdims=True) @ v @ output[head]
    assert_allclose(numpy_of(ours(*inputs))[0], expected, rtol=1e-4, atol=1e-4)


def plain_model(**arguments):
    inputs = keras.Input((5, 4))
    attention = kl.GroupQueryAttention(**SIZES, **arguments, name="attention")
    return keras.Model(inputs, kl.Dense(1)(attention(inputs, inputs)))


def test_it_takes_the_place_of_keras_layer_and_gives_it_back(rng):
    plain, x = plain_model(dropout=0.1), sequences(rng, 2, 5, 4)
    model = as_bayesian(plain, moped=True, delta=1e-7)
    assert type(model.layers[1]).__name__ == "GroupQueryAttentionFlipout"
    assert model.layers[1].num_key_value_heads == 2
    assert_allclose(numpy_of(model(x)), numpy_of(plain(x)), rtol=1e-4, atol=1e-5)
    back = as_deterministic(model)
    assert type(back.layers[1]) is kl.GroupQueryAttention
    assert back.layers[1].dropout == 0.1
    assert_allclose(numpy_of(back(x)), numpy_of(plain(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif("use_gate" not in OF_KERAS, reason="Keras's layer has no gate")
def test_with_a_gate_the_layers_that_keras_makes_are_replaced(rng):
    plain, x = plain_model(use_gate=True), sequences(rng, 2, 5, 4)
    model = as_bayesian(plain, moped=True, delta=1e-7)
    assert isinstance(model.layers[1], kl.GroupQueryAttention)
    assert type(model.layers[1]._gate_dense).__name__ == "EinsumDenseFlipout"
    assert_allclose(numpy_of(model(x)), numpy_of(plain(x)), rtol=1e-4, atol=1e-5)
