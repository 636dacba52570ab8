"""Conversion of whole models: layers that others make by themselves, what is chosen, the report."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, numpy_of
from keras import layers as kl

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    conversion_report,
    kl_divergence,
    predict_draws,
    scale_kl,
)

X = np.random.default_rng(1).normal(size=(4, 6, 8)).astype("float32")
TOKENS = np.random.default_rng(2).integers(0, 11, size=(4, 6))
register = keras.saving.register_keras_serializable("test_whole_models")


@register
class TransformerBlock(kl.Layer):
    """A block that makes its layers by itself, in attributes and in a list."""

    def __init__(self, width=8, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.width = width
        self.attention = kl.MultiHeadAttention(2, 4, name="attention")
        self.norms = [kl.LayerNormalization(name=f"norm_{i}") for i in range(2)]
        self.feed_forward = [kl.Dense(16, activation="gelu", name="wide"), kl.Dense(width)]
        self.dropout = kl.Dropout(0.1)

    def call(self, x, training=None, mask=None):
        mask = None if mask is None else mask[:, None, :]
        x = self.norms[0](x + self.attention(x, x, attention_mask=mask, training=training))
        y = x
        for layer in self.feed_forward:
            y = layer(y)
        return self.norms[1](x + self.dropout(y, training=training))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@register
class Positions(kl.Layer):
    """Embeddings of tokens and of positions, which are made in `build()`."""

    def build(self, input_shape):
        self.parts = {"token": kl.Embedding(11, 8), "position": kl.Embedding(input_shape[-1], 8)}
        for layer in self.parts.values():
            layer.build(input_shape)

    def call(self, tokens):
        places = keras.ops.arange(tokens.shape[-1])
        return self.parts["token"](tokens) + self.parts["position"](places)


def with_random_state(model):
    rng = np.random.default_rng(3)
    for weight in model.weights:
        value = rng.normal(size=weight.shape) / 3
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value)
    return model


def text_transformer():
    tokens = keras.Input((6,), dtype="int32")
    x = Positions(name="embed")(tokens)
    x = TransformerBlock(name="block")(x)
    outputs = kl.Dense(3, name="head")(kl.GlobalAveragePooling1D()(x))
    return with_random_state(keras.Model(tokens, outputs))


def check(plain, x, **arguments):
    """Check that all conversions compute what the plain model does at spread zero."""
    expected = numpy_of(plain(x))
    assert np.ptp(expected, axis=0).max() > 1e-2
    # The estimator with the fewest operations to trace.
    model = as_bayesian(plain, "reparameterization", moped=True, delta=1e-6, **arguments)
    scale = np.abs(expected).max()
    assert_allclose(numpy_of(model(x)), expected, atol=2e-4 * scale)
    again = as_deterministic(model)
    assert_allclose(numpy_of(again(x)), expected, atol=1e-5 * scale)
    assert_allclose(numpy_of(plain(x)), expected, rtol=0)
    return model, again


def statuses(model):
    table = conversion_report(model)
    return dict(zip(table["layer"], table["status"], strict=True))


def bayesian(model):
    return {place for place, status in statuses(model).items() if status == "bayesian"}


@pytest.mark.soak
def test_the_layers_of_blocks_are_adapted_by_updates_of_low_rank(tmp_path):
    plain = text_transformer()
    model = as_bayesian(plain, estimator="lora", rank=2)
    # The second factors are zero at first.
    assert_allclose(model(TOKENS), plain(TOKENS), atol=1e-4)
    parts = plain.get_layer("embed").parts.values()
    of_block = {f"block/{layer.name}" for layer in plain.get_layer("block").feed_forward}
    embeddings = {f"embed/{part.name}" for part in parts}
    assert bayesian(model) == {*embeddings, "block/attention", *of_block, "head"}
    assert not any(norm.trainable for norm in model.get_layer("block").norms)
    assert all("lora" in w.path or "bias" in w.path for w in model.trainable_weights)
    model.compile("sgd", "mse")
    model.fit(TOKENS, np.ones((len(TOKENS), 3)), verbose=0)
    assert np.abs(numpy_of(model(TOKENS)) - numpy_of(plain(TOKENS))).max() > 1e-3
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    draws = [predict_draws(each, TOKENS, draws=2, seed=1, verbose=0) for each in (model, loaded)]
    assert np.array_equal(*draws)
    assert_allclose(as_deterministic(loaded)(TOKENS), as_deterministic(model)(TOKENS), atol=1e-5)


def test_a_text_transformer_is_converted_saved_and_loaded(tmp_path):
    plain = text_transformer()
    model, again = check(plain, TOKENS)
    dense = plain.get_layer("block").feed_forward[1].name
    embeddings = {f"embed/{part.name}" for part in plain.get_layer("embed").parts.values()}
    of_block = {"block/attention", "block/wide", f"block/{dense}"}
    assert bayesian(model) == {*embeddings, *of_block, "head"}
    assert isinstance(model.get_layer("block"), TransformerBlock)
    report = conversion_report(model).set_index("layer")
    assert report.loc["block/norm_0", "reason"] == "a normalization layer stays deterministic"
    assert report.loc["block/attention", "before"] == "MultiHeadAttention"
    assert report.loc["block/attention", "after"] == "MultiHeadAttentionReparameterization"
    assert report.loc["block", "status"] == "container"
    assert len(report) == len(set(report.index)) == 13
    scale_kl(model, 10)
    for converted in (model, again):
        converted.save(tmp_path / "m.keras")
        loaded = keras.models.load_model(tmp_path / "m.keras")
        assert_allclose(loaded(TOKENS), plain(TOKENS), atol=1e-4)
        for one, other in zip(loaded.weights, converted.weights, strict=True):
            assert_allclose(one, other, rtol=0)
        if converted is model:
            assert kl_divergence(loaded).total == kl_divergence(model).total
            table = conversion_report(loaded).drop(columns="layer")
            # Keras names the dropout that the block makes anew.
            assert table.equals(conversion_report(model).drop(columns="layer"))
    kinds = {type(layer) for layer in again._flatten_layers()}
    assert not any(kind.__module__.startswith("bayeslayers") for kind in kinds)
    assert TransformerBlock in kinds


# What is chosen.


def small():
    return keras.Sequential(
        [
            keras.Input((6, 8)),
            kl.Conv1D(4, 2, name="conv"),
            kl.BatchNormalization(name="norm"),
            keras.Sequential([kl.Dense(4, name="a"), kl.Dense(3, name="b")], name="body"),
            kl.Dense(2, name="head"),
        ]
    )


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"include": "last_layer"}, {"head"}),
        ({"include": "body"}, {"body/a", "body/b"}),
        ({"include": ["body/a", "h*"]}, {"body/a", "head"}),
        ({"include": kl.Conv1D}, {"conv"}),
        ({"include": "Dense", "exclude": "body/*"}, {"head"}),
        ({"exclude": ["body", keras.layers.Conv1D]}, {"head"}),
    ],
)
def test_only_what_is_chosen_becomes_bayesian(chosen, expected):
    model = as_bayesian(small(), **chosen)  # A warning would be an error.
    assert bayesian(model) == expected
    table = conversion_report(model).set_index("layer")
    reason = "excluded" if "include" not in chosen else "not included"
    plain = {"conv", "body/a", "body/b", "head"} - expected
    given = set(table.loc[sorted(plain), "reason"])
    assert given <= {reason, "excluded"}
    assert reason in given
    assert table.loc["norm", "reason"] == "a normalization layer stays deterministic"


@pytest.mark.parametrize(
    ("chosen", "argument"),
    [
        ({"include": "haed"}, "include"),
        ({"include": ["head", "norm"]}, "include"),
        ({"include": []}, "include"),
        ({"include": 1}, "include"),
        ({"include": kl.LSTM}, "include"),
        ({"exclude": "boddy/*"}, "exclude"),
        ({"exclude": float}, "exclude"),
        ({"exclude": "*"}, "exclude"),
        ({"include": "head", "estimator": "laplace", "x": X, "y": X}, "include"),
    ],
)
def test_entries_are_checked(chosen, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must") as caught:
        as_bayesian(small(), **chosen)
    if isinstance(chosen[argument], str):
        assert repr(chosen[argument]) in str(caught.value)


def test_laplace_takes_what_is_chosen_of_all_layers():
    plain = keras.Sequential(
        [
            keras.Input((8,)),
            kl.Dense(3, "tanh", name="a"),
            kl.Dense(2, "tanh", name="b"),
            kl.Dense(1),
        ]
    )
    settings = {"estimator": "laplace", "subset_of_weights": "all", "hessian_structure": "kron"}
    model = as_bayesian(plain, x=X[:, 0], y=X[:, 1, :1], exclude="a", noise=1.0, **settings)
    assert bayesian(model) == {"b", plain.layers[-1].name}
    reasons = conversion_report(model)["reason"].tolist()
    assert [reasons[0], reasons[-1]] == ["excluded", "was not in the plain model"]
    last = as_bayesian(plain, estimator="laplace", x=X[:, 0], y=X[:, 1, :1], noise=1.0)
    assert conversion_report(last)["reason"].tolist()[:2] == ["is not in the subset of weights"] * 2


def test_a_part_of_a_layer_can_be_excluded():
    x = keras.Input((6, 8))
    plain = keras.Model(x, kl.MultiHeadAttention(2, 4, name="attention")(x, x))
    model = as_bayesian(plain, exclude="*/query")
    names = ("key", "value", "attention_output")
    assert bayesian(model) == {f"attention/{name}" for name in names}
    table = conversion_report(model).set_index("layer")
    assert table.loc["attention", "reason"] == "a layer in it is excluded"
    assert table.loc["attention/query", "reason"] == "excluded"


def test_a_report_needs_a_conversion():
    with pytest.raises(ArgumentError, match="`model` must come from `as_bayesian\\(\\)`"):
        conversion_report(small())


# Blocks of all kinds.


@register
class Shared(kl.Layer):
    """One layer under two names, called three times; a model of it; a layer in a tuple."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = self.same = kl.Dense(8, activation="tanh", name="first")
        self.net = keras.Sequential(
            [self.dense, kl.LayerNormalization(), kl.Dense(8, name="second")]
        )
        self.pair = (kl.Dense(8, name="in_tuple"), 2.0)

    def call(self, x):
        return self.pair[0](self.same(self.dense(x))) * self.pair[1] + self.net(x)


@register
class Masked(kl.Layer):
    """A layer that is made when it is built, and called with a mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.recurrent = kl.Bidirectional(kl.GRU(4, return_sequences=True))
        self.recurrent.build(input_shape)

    def call(self, x, mask=None):
        return self.recurrent(x, mask=mask)


@register
class Nested(kl.Layer):
    """A block of a block and a wrapper, with a mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.stages = {"both": [Masked(), kl.TimeDistributed(kl.Dense(8))]}

    def call(self, x, mask=None):
        first, last = self.stages["both"]
        return last(first(x, mask=mask))


@register
class Subclassed(keras.Model):
    """A model that is written as a class, with models as parts."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Shared(name="shared")]
        self.head = kl.Dense(2, name="head")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def masked():
    tokens = keras.Input((6,), dtype="int32")
    x = kl.Embedding(11, 8, mask_zero=True)(tokens)
    return keras.Model(tokens, kl.Dense(2)(Nested(name="nested")(x)))


def subclassed():
    model = Subclassed()
    model(X)
    return model


BLOCKS = {
    "nested": (masked, TOKENS, 5),
    "subclassed": (subclassed, X, 4),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_all_kinds(name, tmp_path):
    make, x, count = BLOCKS[name]
    plain = with_random_state(make())
    model, again = check(plain, x)
    assert len(bayesian(model)) == count
    for converted in (model, again):
        converted.save(tmp_path / "m.keras")
        loaded = keras.models.load_model(tmp_path / "m.keras")
        assert_allclose(loaded(x), converted(x), atol=1e-4)
    # A further conversion finds nothing left, and keeps what is there.
    with pytest.raises(ArgumentError, match="`model` must contain") as raised:
        as_bayesian(model)
    assert "as_deterministic()" in raised.value.hint


class Captures(TransformerBlock):
    """A block that keeps functions and weights of its layers."""

    def build(self, input_shape):
        self.wide = self.feed_forward[0].__call__
        self.feed_forward[1].build((*input_shape[:-1], 16))
        self.kernel = self.feed_forward[1].kernel

    def call(self, x):
        return self.wide(x) @ self.kernel + self.attention(x, x)


def test_a_layer_that_is_also_used_otherwise_stays_and_the_others_do_not():
    plain = keras.Sequential(
        [keras.Input((6, 8)), Captures(name="block"), kl.Dense(2, name="head")]
    )
    text = r"stay.*'block/wide'.*calls the layer that it was made.*the only one with its weights"
    with pytest.warns(UserWarning, match=text):
        model = as_bayesian(with_random_state(plain), moped=True, delta=1e-6)
    assert bayesian(model) == {"block/attention", "head"}
    assert_allclose(numpy_of(model(X)), numpy_of(plain(X)), atol=1e-3)


def test_what_is_frozen_or_was_not_built_stays_so():
    plain = keras.Sequential([keras.Input((6, 8)), Shared(name="shared")])
    plain.layers[0].dense.trainable = False
    plain.layers[0].net.layers[1].trainable = False
    model = as_bayesian(plain, "reparameterization")
    for copy in (model, as_deterministic(model)):
        block = copy.layers[0]
        assert not block.same.trainable
        assert not block.net.layers[1].trainable
        assert block.pair[0].trainable
    unbuilt = keras.Sequential([Shared(name="shared"), kl.Dense(2, name="head")])
    with pytest.warns(UserWarning, match=r"'shared/first' .*Shared 'shared' has not been built"):
        assert bayesian(as_bayesian(unbuilt)) == {"head"}


# Models of Keras.


def with_statistics(model, rng, gain):
    """Give normalization layers statistics that let signals through, as training does."""
    for layer in model._flatten_layers():
        if isinstance(layer, kl.BatchNormalization):
            scale, offset, mean, variance = layer.get_weights()
            low, high = rng.uniform(0.5, 1.5, (2, *mean.shape))
            layer.set_weights(
                [scale * high, offset + low - 1, mean + low / 10, variance * low / gain]
            )
    return model


APPLICATIONS = {
    "MobileNetV2": ({"alpha": 0.35}, 8, 53),
    "EfficientNetB0": ({}, 2, 82),
    "ResNet50": ({}, 2, 54),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("MobileNetV2", marks=pytest.mark.essential),
        pytest.param("EfficientNetB0", marks=pytest.mark.soak),
        pytest.param("ResNet50", marks=pytest.mark.soak),
    ],
)
def test_models_of_keras_are_converted(name, rng):
    arguments, gain, count = APPLICATIONS[name]
    make = getattr(keras.applications, name)
    common = {"weights": None, "input_shape": (32, 32, 3), "classes": 3}
    plain = with_statistics(make(classifier_activation=None, **common, **arguments), rng, gain)
    model, _ = check(plain, rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32"))
    assert len(bayesian(model)) == count
    table = conversion_report(model)
    normal = table["after"] == "BatchNormalization"
    assert set(table.loc[normal, "reason"]) == {"a normalization layer stays deterministic"}
