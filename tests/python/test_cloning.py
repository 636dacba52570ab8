"""Conversion of models of any architecture: layers inside layers, operations, functions, state."""

import functools
import gc
import re
import warnings
import weakref

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, distributions, moment, numpy_of, on
from keras import layers as kl
from keras import ops

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    kl_divergence,
    layer_distribution_lambda,
    prune,
    pruning_curve,
    scale_kl,
)
from bayeslayers.layers import (
    AutoregressiveNetwork,
    AutoregressiveTransform,
    DenseFlipout,
    DenseReparameterization,
    DistributionLambda,
    LSTMFlipout,
    VariationalLayer,
)
from bayeslayers.shim import RClosure

tfd = distributions
X = np.random.default_rng(1).normal(size=(4, 6, 3)).astype("float32")
FACTOR = 0.5


def sequential(*layers):
    return keras.Sequential([keras.Input((6, 3)), *layers])


def functional(function):
    inputs = keras.Input((6, 3))
    return keras.Model(inputs, function(inputs))


def arrays(outputs):
    return [np.asarray(part) for part in numpy_of(keras.tree.flatten(outputs))]


def assert_close(found, expected, **tolerance):
    for one, other in zip(arrays(found), arrays(expected), strict=True):
        assert_allclose(one, other, **tolerance)


def bayesian_layers(model):
    layers = model._flatten_layers(include_self=False)
    return [type(layer).__name__ for layer in layers if isinstance(layer, VariationalLayer)]


def with_random_weights(model):
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


def check(plain, count, x=X):
    """Check that all conversions compute what the plain model does, and that this one stays.

    The posteriors are so narrow that a draw of theirs is the plain weight.

    Args:
        plain: A model of Keras's layers.
        count: How many of them become Bayesian.
        x: Inputs.
    """
    expected = plain(x)
    bayesian = as_bayesian(plain, moped=True, delta=1e-6)
    assert len(bayesian_layers(bayesian)) == count
    assert_close(bayesian(x), expected, rtol=1e-4, atol=1e-4)
    again = as_deterministic(bayesian)
    assert not bayesian_layers(again)
    found = again(x)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert_close(again(x), found, rtol=0)
    assert_close(prune(bayesian, share=0)(x), expected, rtol=1e-4, atol=1e-4)
    assert_close(plain(x), expected, rtol=0)
    for model in (plain, bayesian, again):
        assert not any("get_config" in vars(layer) for layer in model._flatten_layers())
    return bayesian


class Around(keras.layers.Layer):
    """A user's layer with a layer and a function as arguments."""

    def __init__(self, inner, function, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.function = function

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, x):
        return self.function(self.inner(x))

    def get_config(self):
        return {**super().get_config(), "inner": self.inner, "function": self.function}


class SerializedAround(Around):
    """The same, as Keras's pages advise to write it."""

    def get_config(self):
        values = {"inner": self.inner, "function": self.function}
        return {**super().get_config(), **keras.saving.serialize_keras_object(values)}

    @classmethod
    def from_config(cls, config):
        for name in ("inner", "function"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def twice(x):
    return FACTOR * 4 * x


def sequential_in_functional_in_sequential():
    inner = functional(
        lambda x: kl.Dense(3, activation="relu")(
            keras.Sequential([kl.Dense(5), kl.LayerNormalization()])(x)
        )
    )
    return sequential(kl.Conv1D(3, 2, padding="same"), inner, kl.Flatten(), kl.Dense(2))


def shared():
    inner, dense = sequential(kl.Dense(3, activation="tanh")), kl.Dense(3)
    return functional(lambda x: inner(inner(x)) + dense(x) * kl.TimeDistributed(dense)(x))


def several_inputs_and_outputs():
    first, second = keras.Input((6, 3), name="first"), keras.Input((6, 3), name="second")
    dense = kl.Dense(2)
    outputs = {"u": dense(first) * 2, "v": [dense(second)[:, 0], keras.ops.max(first, axis=1)]}
    return keras.Model({"first": first, "second": second}, outputs)


def arguments_of_calls():
    inputs, state = keras.Input((6, 3)), keras.Input((4,))
    outputs = kl.GRU(4, return_sequences=True)(inputs, initial_state=state)
    return keras.Model([inputs, state], kl.Dropout(0.5)(outputs, training=False))


def operations():
    def network(x):
        x = kl.Dense(3)(x) + x
        x = -x[:, 1:, ::2] / 3 + 1
        # A NumPy number is not in the configuration of an operation.
        x = keras.ops.clip(x, np.float32(-1), 1)
        return keras.ops.concatenate([x, keras.ops.squeeze(x[..., :1])[..., None]], axis=-1)

    return functional(network)


def residual():
    def network(x):
        for _ in range(2):
            x = kl.Activation("relu")(x + kl.Conv1D(3, 3, padding="same")(x))
        return kl.Dense(1)(kl.GlobalAveragePooling1D()(x))

    return functional(network)


ARCHITECTURES = {
    "time_distributed": (lambda: sequential(kl.TimeDistributed(kl.Dense(2))), 1),
    "time_distributed_model": (
        lambda: sequential(kl.TimeDistributed(sequential_of_dense())),
        2,
    ),
    "bidirectional": (lambda: sequential(kl.Bidirectional(kl.GRU(2), merge_mode="sum")), 2),
    "bidirectional_lstm": (
        lambda: sequential(kl.Bidirectional(kl.LSTM(2))),
        2,
    ),
    "bidirectional_of_two": (
        lambda: sequential(
            kl.Bidirectional(
                kl.GRU(2), backward_layer=kl.GRU(2, activation="relu", go_backwards=True)
            )
        ),
        2,
    ),
    "own_layer": (lambda: sequential(Around(kl.Dense(2), twice), kl.Dense(1)), 2),
    "own_layer_serialized": (
        lambda: sequential(SerializedAround(kl.Dense(2), lambda x: FACTOR * x), kl.Dense(1)),
        2,
    ),
    "models_in_models": (sequential_in_functional_in_sequential, 4),
    "shared": (shared, 2),
    "operations": (operations, 1),
    "residual": (residual, 3),
}


def sequential_of_dense():
    return keras.Sequential([kl.Dense(4, activation="relu"), kl.BatchNormalization(), kl.Dense(2)])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_are_converted_wherever_they_are(name):
    make, count = ARCHITECTURES[name]
    check(with_random_weights(make()), count)


@pytest.mark.parametrize("estimator", ["flipout", "reparameterization", "local_reparameterization"])
def test_every_estimator_goes_into_wrappers_and_models(estimator):
    plain = sequential(
        kl.Bidirectional(kl.GRU(2, return_sequences=True)),
        kl.TimeDistributed(kl.Dense(4)),
        keras.Sequential([kl.Conv1D(2, 2), kl.SeparableConv1D(2, 2)]),
    )
    bayesian = as_bayesian(with_random_weights(plain), estimator, moped=True, delta=1e-6)
    assert len(bayesian_layers(bayesian)) == 5
    assert_close(bayesian(X), plain(X), rtol=1e-4, atol=1e-4)
    assert_close(as_deterministic(bayesian)(X), plain(X), rtol=1e-5, atol=1e-5)


def test_inputs_and_outputs_keep_their_structure():
    check(several_inputs_and_outputs(), 1, {"first": X, "second": X + 1})
    state = np.ones((4, 4), "float32")
    check(arguments_of_calls(), 1, [X, state])


@on("tensorflow")
def test_inputs_keep_what_they_are():
    import tensorflow as tf

    inputs = keras.Input((3,), sparse=True)
    plain = keras.Model(inputs, kl.Dense(2)(inputs))
    assert check(plain, 1, tf.sparse.from_dense(X[:, 0])).inputs[0].sparse


@pytest.mark.parametrize(
    "recurrent",
    [
        lambda: kl.GRU(2),
        lambda: kl.LSTM(2, return_sequences=True, zero_output_for_mask=True),
        # It asks the layers in it for zeros where there is no input.
        lambda: kl.Bidirectional(kl.LSTM(2, return_sequences=True)),
    ],
)
def test_masks_reach_layers_in_the_copy(recurrent):
    tokens = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    layers = [kl.Embedding(4, 3, mask_zero=True), recurrent()]
    plain = with_random_weights(keras.Sequential([keras.Input((4,)), *layers]))
    check(plain, 3 if isinstance(layers[1], kl.Bidirectional) else 2, tokens)


def at_scale_zero(model):
    for variable in model.trainable_variables:
        if variable.name.endswith("untransformed_scale"):
            variable.assign(keras.ops.full(variable.shape, -50.0))
    return model


OURS = {
    "bidirectional": lambda: sequential(kl.Bidirectional(LSTMFlipout(2))),
    "time_distributed": lambda: sequential(kl.TimeDistributed(DenseFlipout(2))),
    "own": lambda: sequential(Around(DenseReparameterization(2), lambda x: FACTOR * x)),
    "lambda": lambda: layer_distribution_lambda(
        sequential(DenseFlipout(2)), lambda t: tfd.Normal(FACTOR * t, 1e-9)
    ),
    "operations": lambda: functional(lambda x: DenseFlipout(3)(x) * 2 - x[:, :1]),
}


@pytest.mark.parametrize("name", OURS)
def test_the_plain_model_is_the_model_at_scale_zero(name):
    model = with_random_weights(OURS[name]())
    plain = as_deterministic(model)
    assert not bayesian_layers(plain)
    assert_close(plain(X), plain(X), rtol=1e-6, atol=1e-8)
    sample = as_deterministic(model, "sample")
    assert np.abs(arrays(sample(X))[0] - arrays(plain(X))[0]).max() > 1e-3
    at_scale_zero(model)
    assert_close(plain(X), model(X), rtol=1e-4, atol=1e-5)


def test_operations_are_pruned_and_give_a_curve():
    model = at_scale_zero(with_random_weights(OURS["operations"]()))
    assert_close(prune(model, share=0)(X), model(X), rtol=1e-5, atol=1e-6)
    # Without the kernel, what is left of the network is its bias.
    bias = moment(model.layers[1].bias_posterior, "mean")
    assert_close(prune(model, share=1)(X), 2 * bias - X[:, :1] + np.zeros_like(X), atol=1e-5)
    curve = pruning_curve(model, X, model(X), metric="mean_squared_error", shares=(0.0, 1.0))
    expected = np.mean((arrays(model(X))[0] - (2 * np.asarray(bias) - X[:, :1])) ** 2)
    assert_allclose(curve["mean_squared_error"], [0, expected], rtol=1e-4, atol=1e-8)


def test_a_model_does_not_keep_its_copies_alive():
    plain = operations()
    layers = [weakref.ref(as_bayesian(plain).layers[-1]) for _ in range(2)]
    gc.collect()
    assert [layer() for layer in layers] == [None, None]


@pytest.mark.parametrize("make", [sequential, lambda *layers: functional(chained(layers))])
def test_what_is_frozen_stays_frozen(make):
    inner = make(kl.Dense(3), kl.BatchNormalization())
    inner.trainable = False
    plain = make(inner, kl.Dense(3, trainable=False), kl.Dense(2))
    model = as_bayesian(plain)
    assert [layer.trainable for layer in model.layers[-3:]] == [False, False, True]
    # The head's own: two of the kernel, one of the bias.
    assert len(model.trainable_variables) == 3
    assert len(as_deterministic(model).trainable_variables) == 2


def chained(layers):
    return lambda x: functools.reduce(lambda value, layer: layer(value), layers, x)


class OwnStep(keras.Model):
    def train_step(self, data):
        return {"own": keras.ops.zeros(())}


def test_a_model_keeps_its_class_and_is_not_compiled():
    inputs = keras.Input((6, 3))
    plain = OwnStep(inputs, kl.Dense(1)(inputs), name="mine")
    plain.compile("sgd", loss=lambda y, p: keras.ops.mean(p))
    model = as_bayesian(plain)
    assert isinstance(model, OwnStep)
    assert model.name == "mine"
    assert not model.compiled


# What stays as it is.


class Block(keras.layers.Layer):
    """A user's layer that makes its layers by itself."""

    def __init__(self, kind=kl.Dense, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.inner = kind(3, name="inner")

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable("test_cloning")
class SavedBlock(Block):
    """The same, whose class can be saved."""

    @classmethod
    def from_config(cls, config):
        kinds = {kind.__name__: kind for kind in (kl.Dense, DenseFlipout)}
        return cls(**{**config, "kind": kinds[config["kind"]]})

    def get_config(self):
        return {**super().get_config(), "kind": self.kind.__name__}


class NeedsKernel(Around):
    def call(self, x):
        return self.inner(x) + keras.ops.sum(self.inner.kernel)


class OwnNeedsKernel(Block):
    def call(self, x):
        return self.inner(x) + keras.ops.sum(self.inner.kernel)


def attention(x):
    return kl.GroupQueryAttention(3, 2, 1, name="attention")(x, x, use_causal_mask=True)


def test_layers_that_others_make_are_converted():
    check(with_random_weights(sequential(Block(name="block"), kl.Dense(1))), 2)
    check(with_random_weights(functional(lambda x: kl.Dense(1)(attention(x) + x))), 2)


STAYING = {
    "cells": (
        lambda: sequential(
            kl.RNN([kl.LSTMCell(2, name="one"), kl.GRUCell(2, name="two")], name="rnn"), kl.Dense(1)
        ),
        [
            r"'rnn/[a-z_0-9]*/one' \(LSTMCell\): there is no Bayesian layer for it",
            r"'rnn/[a-z_0-9]*/two' \(GRUCell\): there is no Bayesian layer for it",
        ],
    ),
    "spectral": (
        lambda: sequential(
            kl.SpectralNormalization(kl.Dense(3, name="inner"), name="spectral"), kl.Dense(1)
        ),
        [r"'spectral/inner' \(Dense\): the layer around it takes no other: .*'kernel'"],
    ),
    "kernel": (
        lambda: sequential(NeedsKernel(kl.Dense(3, name="inner"), None, name="needs"), kl.Dense(1)),
        [r"'needs/inner' \(Dense\): the layer around it takes no other: .*'kernel'"],
    ),
    "own": (
        lambda: sequential(OwnNeedsKernel(name="needs"), kl.Dense(1)),
        [r"'needs/inner' \(Dense\): the layer around it takes no other: .*'kernel'"],
    ),
}


@pytest.mark.parametrize("name", STAYING)
def test_one_message_says_which_layers_stay_and_why(name):
    make, texts = STAYING[name]
    plain = with_random_weights(make())
    with pytest.warns(UserWarning, match="These layers stay as they are") as caught:
        model = as_bayesian(plain, moped=True, delta=1e-6)
    (message,) = [str(w.message) for w in caught if "stay as they are" in str(w.message)]
    assert [text for text in texts if not re.search(text, message)] == []
    assert bayesian_layers(model) == ["DenseFlipout"]
    assert_close(model(X), plain(X), rtol=1e-4, atol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert_close(as_deterministic(model)(X), plain(X), rtol=1e-5, atol=1e-5)


def test_a_model_of_only_such_layers_is_refused_with_the_same_words():
    text = r"must contain a dense.*'needs/inner' \(Dense\): the layer around it takes no other"
    with pytest.raises(ArgumentError, match=text):
        as_bayesian(sequential(OwnNeedsKernel(name="needs")))


class NeedsPosterior(Block):
    def call(self, x):
        assert callable(self.inner.bias_posterior_fn)
        return self.inner(x)


def test_a_posterior_that_would_remain_is_an_error():
    model = sequential(NeedsPosterior(DenseFlipout, name="block"), DenseFlipout(1))
    text = r"'block/inner' \(DenseFlipout\): .*bias_posterior_fn"
    with pytest.raises(ArgumentError, match=f"`model` must have its layers.*{text}"):
        as_deterministic(model)
    # A copy keeps it, with its weights.
    pruned = prune(model, share=0)
    inner = pruned.layers[0].inner.kernel_posterior
    assert_close(
        moment(inner, "mean"), moment(model.layers[0].inner.kernel_posterior, "mean"), rtol=0
    )


def test_layers_of_ours_that_others_make_become_plain_and_are_saved(tmp_path):
    model = with_random_weights(sequential(SavedBlock(DenseFlipout, name="block"), kl.Dense(1)))
    plain = as_deterministic(at_scale_zero(model))
    assert_close(plain(X), model(X), rtol=1e-4, atol=1e-5)
    plain.save(tmp_path / "m.keras")
    assert_close(keras.models.load_model(tmp_path / "m.keras")(X), plain(X), rtol=1e-6)


# Functions without a registered name.


@pytest.mark.parametrize(
    "activation",
    [
        lambda t: ops.tanh(FACTOR * t),
        RClosure(ops.tanh, "activation"),
        functools.partial(keras.activations.relu, negative_slope=0.1),
        keras.ops.sin,
    ],
    ids=["lambda", "R", "partial", "operation"],
)
def test_activations_are_themselves_in_the_copy(activation):
    plain = sequential(
        kl.Dense(3, activation=activation),
        kl.LSTM(3, activation=activation, return_sequences=True),
        kl.Conv1D(2, 2, activation=activation),
        kl.Activation(activation),
    )
    model = check(with_random_weights(plain), 3)
    assert model.layers[0].activation is activation
    assert as_deterministic(model).layers[1].cell.activation is activation


def test_lambdas_of_keras_s_layers_keep_what_is_around_them():
    offset = 2.0
    plain = sequential(
        kl.Lambda(lambda t: FACTOR * ops.square(t) + offset),
        kl.Dense(2, activity_regularizer=lambda t: FACTOR * keras.ops.sum(t)),
    )
    model = check(with_random_weights(plain), 1)
    assert model.layers[1].activity_regularizer is plain.layers[1].activity_regularizer


@pytest.mark.parametrize(
    "make", [lambda f: f, lambda f: RClosure(f, "make_distribution_fn")], ids=["Python", "R"]
)
def test_a_model_that_ends_in_a_lambda(make):
    make_normal = make(lambda t: tfd.Normal(t, FACTOR))
    model = layer_distribution_lambda(sequential(DenseFlipout(2)), make_normal, "mean")
    model.compile("sgd", loss=lambda y, rv: -rv.log_prob(y))
    plain, pruned = as_deterministic(model), prune(model, share=0)
    kernel, bias = model.layers[0].kernel_posterior, model.layers[0].bias_posterior
    expected = X @ moment(kernel, "mean") + moment(bias, "mean")
    assert_close(moment(plain(X), "mean"), expected, rtol=1e-5, atol=1e-6)
    assert_close(moment(plain(X), "stddev"), np.full((4, 6, 2), FACTOR, "float32"), rtol=0)
    for copy in (plain, pruned):
        assert isinstance(copy.layers[-1], DistributionLambda)
        assert copy.layers[-1].make_distribution_fn is make_normal
        assert not copy.compiled


def test_functions_of_a_posterior_are_themselves_in_the_copy():
    prior = lambda dtype, shape, name, trainable, add: tfd.Independent(  # noqa: E731
        tfd.Normal(ops.zeros(shape, dtype), FACTOR), len(shape)
    )
    divergence = lambda q, p, _: FACTOR * tfd.kl_divergence(q, p)  # noqa: E731
    plain = sequential(kl.Bidirectional(kl.GRU(2)), kl.Dense(2))
    model = as_bayesian(plain, kernel_prior_fn=prior, kernel_divergence_fn=divergence)
    pruned = prune(model, share=0)
    for layer in (pruned.layers[0].forward_layer, pruned.layers[1]):
        assert layer.kernel_prior_fn is prior
        assert layer.kernel_divergence_fn is divergence
    assert kl_divergence(pruned).total == kl_divergence(model).total


def test_a_file_can_not_name_what_is_kept_of_a_copy():
    config = {
        "module": "bayeslayers.architecture.configurations",
        "class_name": "Kept",
        "registered_name": "bayeslayers>Kept",
        "config": {"bayeslayers_kept": id(X)},
    }
    with pytest.raises(ArgumentError, match="only exists while a model is copied"):
        keras.saving.deserialize_keras_object(config)


# State: the oracle is the model, saved and loaded.

WORDS = np.array([["b a"], ["c a"], ["Z"]])


@keras.saving.register_keras_serializable("test_cloning")
def lower(text):
    import tensorflow as tf

    return tf.strings.lower(text)


def adapted(layer, data):
    layer.adapt(data)
    return layer


PREPROCESSING = {
    "normalization": lambda: (adapted(kl.Normalization(), X * 5 + 3), X),
    "normalization_of_all": lambda: (adapted(kl.Normalization(axis=None), X * 5 + 3), X),
    "normalization_inside": lambda: (
        kl.TimeDistributed(adapted(kl.Normalization(), X[:, 0] * 5 + 3)),
        X,
    ),
    "string": lambda: (adapted(kl.StringLookup(output_mode="multi_hot"), WORDS[:, 0]), WORDS),
    "integer": lambda: (
        adapted(kl.IntegerLookup(output_mode="multi_hot"), np.array([1, 5, 5, 9])),
        np.array([[5], [1], [0]]),
    ),
    "text": lambda: (
        adapted(kl.TextVectorization(output_mode="count", standardize=lower), WORDS),
        WORDS,
    ),
    "text_of_a_size": lambda: (
        adapted(kl.TextVectorization(8, output_mode="multi_hot", pad_to_max_tokens=True), WORDS),
        WORDS,
    ),
    "bins": lambda: (
        adapted(kl.Discretization(num_bins=3), np.array([1.0, 5, 5, 9])),
        np.array([[5.0], [1], [0]]),
    ),
    "vocabulary": lambda: (
        kl.StringLookup(vocabulary=["Z", "b a"], output_mode="multi_hot"),
        WORDS,
    ),
    "hashing": lambda: (kl.Hashing(5, output_mode="multi_hot"), WORDS),
}


# The others are made of TensorFlow's operations.
@pytest.mark.parametrize(
    "name",
    [
        name if name.startswith("normalization") else pytest.param(name, marks=on("tensorflow"))
        for name in PREPROCESSING
    ],
)
def test_what_a_layer_has_learnt_from_data_is_in_the_copy(name, tmp_path):
    layer, x = PREPROCESSING[name]()
    dtype = "string" if x.dtype.kind == "U" else x.dtype.name
    x = ops.convert_to_tensor(x)
    plain = keras.Sequential([keras.Input(x.shape[1:], dtype=dtype), layer, kl.Dense(2)])
    plain.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    model = as_bayesian(plain, moped=True, delta=1e-6)
    for copy in (as_deterministic(model), as_deterministic(prune(model, share=0))):
        assert_close(copy(x), loaded(x), rtol=1e-5, atol=1e-6)
    assert_close(model(x), loaded(x), rtol=1e-4, atol=1e-4)


def test_a_model_that_is_not_built_keeps_what_was_learnt():
    normalization = adapted(kl.Normalization(), X * 5 + 3)
    model = as_bayesian(keras.Sequential([normalization, kl.Dense(2)]))
    assert not model.built
    assert_close(model.layers[0](X), normalization(X), rtol=0)


@on("tensorflow", "jax")
def test_a_flow_keeps_its_network():
    model = layer_distribution_lambda(
        keras.Sequential([keras.Input((3,)), DenseFlipout(2)]),
        lambda t: tfd.MultivariateNormalDiag(t, [FACTOR, 1.0]),
    )
    made = AutoregressiveNetwork(2, hidden_units=[4], input_order="random", activation=ops.tanh)
    model.add(AutoregressiveTransform(made))
    at_scale_zero(with_random_weights(model))
    expected = model(X[:, 0]).log_prob(X[:, 0, :2])
    for copy in (as_deterministic(model), prune(model, share=0)):
        assert copy.layers[-1].made is not made
        assert_close(copy(X[:, 0]).log_prob(X[:, 0, :2]), expected, rtol=1e-4, atol=1e-4)


def test_a_copy_draws_as_the_model_saved_and_loaded(tmp_path):
    model = sequential(kl.TimeDistributed(DenseFlipout(2)), DenseReparameterization(2, seed=3))
    scale_kl(model, num_examples=10)
    model(X)
    model.save(tmp_path / "m.keras")
    pruned = prune(model, share=0)
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert kl_divergence(pruned).total == kl_divergence(loaded).total
    first = pruned(X)
    assert_close(first, loaded(X), rtol=0)
    assert_close(sum(pruned.losses), sum(model.losses), rtol=1e-6)
    assert np.abs(arrays(first)[0] - arrays(pruned(X))[0]).max() > 0


# Layers with other weights than they compute with.


def with_low_rank(layer, inputs=None):
    inputs = keras.Input((6, 3)) if inputs is None else inputs
    model = keras.Sequential([inputs, layer])
    layer.enable_lora(2)
    return with_random_weights(model)


def test_low_rank_updates_are_part_of_the_kernel():
    check(with_low_rank(kl.Dense(2)), 1)
    check(with_low_rank(kl.Conv1D(2, 2)), 1)
    tokens = np.array([[1, 2, 0], [3, 1, 2]])
    embedding = with_low_rank(kl.Embedding(4, 3), keras.Input((3,)))
    check(embedding, 1, tokens)


def test_moped_centres_on_the_updated_kernel():
    plain = with_low_rank(kl.Dense(2))
    layer = plain.layers[0]
    weights = {w.name: numpy_of(w) for w in layer.weights}
    updates = weights["lora_kernel_a"] @ weights["lora_kernel_b"]
    alpha = getattr(layer, "lora_alpha", layer.lora_rank)
    expected = weights["kernel"] + alpha / layer.lora_rank * updates
    model = as_bayesian(plain, moped=True)
    assert_close(moment(model.layers[0].kernel_posterior, "mean"), expected, rtol=1e-5)
    assert_close(moment(model.layers[0].kernel_prior, "mean"), expected, rtol=1e-5)


def test_low_rank_updates_stay_beside_a_layer_that_is_converted():
    einsum = kl.EinsumDense("abc,cd->abd", (None, 2))
    model = sequential(kl.Dense(3), einsum, DenseReparameterization(2))
    model.layers[0].enable_lora(2)
    einsum.enable_lora(1)
    at_scale_zero(with_random_weights(model))
    assert_close(as_deterministic(model)(X), model(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "mode"),
    [
        (lambda: kl.Dense(3), "int8"),
        (lambda: kl.Dense(3), "float8"),
        (lambda: kl.Embedding(4, 3), "int8"),
    ],
    ids=["dense_int8", "dense_float8", "embedding_int8"],
)
def test_quantized_layers_are_refused_by_name(make, mode):
    layer = make()
    plain = sequential(layer, kl.Dense(1))
    layer.quantize(mode)
    with pytest.raises(ArgumentError, match=f"`model` must not.*'{layer.name}' in {mode}"):
        as_bayesian(plain)


def test_a_quantized_layer_stays_beside_one_that_is_converted():
    model = with_random_weights(sequential(kl.Dense(3), DenseReparameterization(2)))
    at_scale_zero(model).layers[0].quantize("int8")
    assert_close(as_deterministic(model)(X), model(X), rtol=1e-4, atol=1e-5)
    assert_close(prune(model, share=0)(X), model(X), rtol=1e-4, atol=1e-5)
