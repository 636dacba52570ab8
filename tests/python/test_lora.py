"""Bayesian low-rank adaptation, against Keras's own `enable_lora()` and closed forms in NumPy."""

import keras
import numpy as np
import pytest
from frameworks import JIT, assert_allclose, assert_array_equal, moment, numpy_of
from keras import layers as kl
from statistical import assert_normal_moments

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    fit_bayesian,
    kl_divergence,
    normal_prior_fn,
    posterior_draws,
    posterior_summary,
    predict_draws,
    predictive_scores,
    prune,
)
from bayeslayers.layers.lora import LORA

RANK, ALPHA = 2, 3.0

# For each kind of layer: Keras's layer, and the shape of one example.
CASES = {
    "dense": (lambda: kl.Dense(3, activation="tanh"), (4,)),
    "dense at positions": (lambda: kl.Dense(3, use_bias=False), (2, 4)),
    "einsum": (lambda: kl.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="de"), (5, 4)),
    "einsum of heads": (lambda: kl.EinsumDense("abcd,cde->abe", (None, 5)), (2, 3, 4)),
    "einsum of shared axes": (lambda: kl.EinsumDense("abc,bcd->abd", (2, 3)), (2, 4)),
    "embedding": (lambda: kl.Embedding(6, 3, mask_zero=True), (5,)),
    "conv 1-D": (lambda: kl.Conv1D(4, 3, strides=2, padding="causal"), (6, 4)),
    "conv in groups": (lambda: kl.Conv1D(6, 2, groups=3, padding="same"), (5, 6)),
    "conv 2-D": (lambda: kl.Conv2D(3, (2, 3), dilation_rate=2, activation="relu"), (6, 7, 2)),
    "conv 3-D": (lambda: kl.Conv3D(2, 2), (3, 3, 3, 2)),
}


def inputs_of(layer, shape, rng, n=4):
    if isinstance(layer, kl.Embedding):
        return rng.integers(6, size=(n, *shape))
    return rng.normal(size=(n, *shape)).astype("float32")


def with_random_weights(model, rng):
    for each in model.weights:
        value = rng.normal(size=each.shape)
        each.assign(np.abs(value) if "variance" in each.name else value)
    return model


def variable(layer, ending):
    """Return the variable of a layer whose name has this ending."""
    (found,) = [each for each in layer.variables if each.name.endswith(ending)]
    return found


def set_factors(layer, rng, scale=0.0, kernel=""):
    """Set the mean and the standard deviation of the first factor, and the second; return them."""
    loc = variable(layer, f"{kernel}_a_posterior_loc")
    b = variable(layer, f"{kernel}_b")
    values = [rng.normal(size=each.shape).astype("float32") for each in (loc, b)]
    for each, value in zip((loc, b), values, strict=True):
        each.assign(value)
    scales = np.full(loc.shape, -50.0)
    if scale:
        scales = np.log(np.expm1(scale * (0.5 + rng.uniform(size=loc.shape))))
    variable(layer, f"{kernel}_a_posterior_untransformed_scale").assign(scales)
    return values


def give_to_keras(layer, first, second):
    """Let a layer of Keras have an update by these factors under `ALPHA`."""
    layer.enable_lora(RANK)
    variable(layer, "_a").assign(first)
    # Not every version of Keras has an alpha of its own.
    variable(layer, "_b").assign(ALPHA / RANK * second)


@pytest.mark.parametrize("case", CASES)
def test_a_layer_starts_as_the_plain_one_and_then_is_that_of_keras(case, rng):
    make, shape = CASES[case]
    layer = make()
    plain = with_random_weights(keras.Sequential([keras.Input(shape), layer]), rng)
    x = inputs_of(layer, shape, rng)
    model = as_bayesian(plain, estimator="lora", rank=RANK, lora_alpha=ALPHA)
    ours = model.layers[-1]
    assert type(ours) is LORA[type(layer).__name__]
    assert_allclose(model(x), plain(x), rtol=1e-5, atol=1e-6)
    give_to_keras(layer, *set_factors(ours, rng))
    assert_allclose(model(x), plain(x), rtol=1e-4, atol=1e-4)
    assert_allclose(as_deterministic(model)(x), plain(x), rtol=1e-5, atol=1e-5)
    # Keras trains the factors and the bias; a posterior has a scale besides.
    scale = variable(ours, "_untransformed_scale")
    shapes = [tuple(w.shape) for w in (*layer.trainable_weights, scale)]
    assert sorted(tuple(w.shape) for w in ours.trainable_weights) == sorted(shapes)


def attention_model(**arguments):
    inputs = keras.Input((5, 4))
    attention = kl.MultiHeadAttention(num_heads=2, key_dim=3, name="attention", **arguments)
    return keras.Model(inputs, kl.LayerNormalization()(attention(inputs, inputs)))


@pytest.mark.parametrize("use_bias", [True, False])
def test_attention_has_an_update_in_each_projection(use_bias, rng):
    plain = with_random_weights(attention_model(use_bias=use_bias), rng)
    x = rng.normal(size=(3, 5, 4)).astype("float32")
    model = as_bayesian(plain, estimator="lora", rank=RANK, lora_alpha=ALPHA)
    assert_allclose(model(x), plain(x), rtol=1e-4, atol=1e-5)
    layer, theirs = model.get_layer("attention"), plain.get_layer("attention")
    for role in ("query", "key", "value", "output"):
        factors = set_factors(layer, rng, kernel=f"lora_{role}")
        give_to_keras(getattr(theirs, f"{role}_dense"), *factors)
    assert_allclose(model(x), plain(x), rtol=1e-3, atol=1e-4)
    twin = as_deterministic(model)
    assert type(twin.get_layer("attention")) is kl.MultiHeadAttention
    assert_allclose(twin(x), plain(x), rtol=1e-3, atol=1e-4)


def dense_model(rng, **arguments):
    plain = with_random_weights(keras.Sequential([keras.Input((4,)), kl.Dense(3)]), rng)
    model = as_bayesian(plain, estimator="lora", rank=RANK, lora_alpha=ALPHA, **arguments)
    return plain, model


def test_draws_have_the_moments_of_the_closed_form(rng):
    plain, model = dense_model(rng)
    layer, (w0, bias) = model.layers[0], plain.get_weights()
    mean, b = set_factors(layer, rng, scale=0.5)
    stddev = moment(layer.lora_kernel_a_posterior, "stddev")
    x = rng.normal(size=(2, 4)).astype("float32")
    found = predict_draws(model, x, draws=4000, seed=1, kind="mean", verbose=0)
    # y = x (W0 + alpha / r A B) + bias, and the entries of A are independent.
    expected = x @ (w0 + ALPHA / RANK * mean @ b) + bias
    variance = (ALPHA / RANK) ** 2 * x**2 @ stddev**2 @ b**2
    assert_normal_moments(found, expected, variance)


def test_examples_of_a_batch_have_draws_of_their_own_and_share_that_of_the_model(rng):
    _, model = dense_model(rng)
    set_factors(model.layers[0], rng, scale=0.5)
    x = np.ones((6, 4), "float32")
    # With four signs of inputs and two of the factor, few of six examples have the same draw.
    assert len(np.unique(numpy_of(model(x))[:, 0].round(4))) >= 3
    draws = predict_draws(model, x, draws=3, seed=1, verbose=0)
    assert_array_equal(draws, np.broadcast_to(draws[:, :1], draws.shape))
    assert len(np.unique(draws[:, 0, 0])) == 3


@pytest.mark.parametrize(("prior", "scale"), [({}, 0.2), ({"scale": 0.5}, 0.5)])
def test_the_divergence_is_that_of_the_first_factor_from_its_prior(prior, scale, rng):
    functions = {"kernel_prior_fn": normal_prior_fn(**prior)} if prior else {}
    _, model = dense_model(rng, **functions)
    mean, _ = set_factors(model.layers[0], rng, scale=0.1)
    stddev = moment(model.layers[0].lora_kernel_a_posterior, "stddev")
    ratio = (stddev**2 + mean**2) / (2 * scale**2)
    expected = np.sum(np.log(scale / stddev) + ratio - 0.5)
    found = kl_divergence(model)
    assert list(found.table["weight"]) == ["lora_kernel_a"]
    assert_allclose(found.total, expected, rtol=1e-4)
    model(np.ones((1, 4), "float32"))
    assert_allclose(numpy_of(sum(model.losses)), expected, rtol=1e-4)


def network():
    """Return a network with a nested model, all of which is frozen, and a head."""
    inner = keras.Sequential(
        [keras.Input((6, 3)), kl.Conv1D(4, 3, name="conv"), kl.BatchNormalization(name="norm")],
        name="inner",
    )
    inner.trainable = False
    inputs = keras.Input((6, 3))
    outputs = kl.Dense(2, name="head")(kl.GlobalAveragePooling1D()(inner(inputs)))
    return keras.Model(inputs, outputs)


def test_training_changes_the_updates_and_biases_alone(rng, tmp_path):
    plain = with_random_weights(network(), rng)
    model = as_bayesian(plain, estimator="lora", rank=RANK)
    conv = model.get_layer("inner").get_layer("conv")
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=JIT)
    x, y = rng.normal(size=(8, 6, 3)).astype("float32"), np.ones((8, 2), "float32")
    before = {id(w): numpy_of(w) for w in model.weights}
    model.fit(x, y, epochs=2, verbose=0)
    changed = {id(w) for w in model.weights if np.any(numpy_of(w) != before[id(w)])}
    head = model.get_layer("head")
    # B is zero in the first step, and A's gradient is with it.
    assert changed == {id(w) for layer in (conv, head) for w in layer.trainable_weights}
    assert len(conv.trainable_weights) == len(head.trainable_weights) == 4
    assert not model.get_layer("inner").get_layer("norm").trainable
    # A file has all of it.
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    names = [w.name for w in model.trainable_weights]
    assert [w.name for w in loaded.trainable_weights] == names
    draws = [predict_draws(m, x, draws=2, seed=1, verbose=0) for m in (model, loaded)]
    assert_array_equal(*draws)
    twins = [as_deterministic(each) for each in (model, loaded)]
    assert_array_equal(twins[0](x), twins[1](x))
    assert type(twins[1].get_layer("inner").get_layer("conv")) is kl.Conv1D


def test_functions_of_models_take_it(rng):
    plain = with_random_weights(network(), rng)
    model = as_bayesian(plain, estimator="lora", rank=RANK)
    x, y = rng.normal(size=(8, 6, 3)).astype("float32"), rng.integers(2, size=8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fit_bayesian(model, x, y, epochs=2, loss=loss, verbose=0)
    table = posterior_summary(model)
    assert set(table["layer"]) == {"conv", "head"}
    assert set(table["weight"]) == {"lora_kernel_a", "bias"}
    draws = posterior_draws(model, draws=3, seed=1)
    assert draws["head.lora_kernel_a"].shape == (3, 4, RANK)
    scores = predictive_scores(model, x, y, draws=5, outputs="logits", seed=1, verbose=0)
    assert scores["log_score"][0] < 0
    # Half of the entries of the first factors are zero.
    pruned = prune(model, share=0.5)
    a = variable(pruned.get_layer("head"), "_a_posterior_loc")
    b = variable(pruned.get_layer("inner").get_layer("conv"), "_a_posterior_loc")
    zeros = [np.sum(numpy_of(each) == 0) for each in (a, b)]
    assert sum(zeros) == (4 * RANK + 9 * RANK) // 2
    sampled = [as_deterministic(model, "sample")(x) for _ in range(2)]
    assert np.any(numpy_of(sampled[0]) != numpy_of(sampled[1]))


def test_two_layers_start_from_draws_of_their_own(rng):
    plain = keras.Sequential([keras.Input((4,)), kl.Dense(4), kl.Dense(4)])
    first, second = as_bayesian(plain, estimator="lora", rank=RANK).layers
    means = [numpy_of(variable(each, "_a_posterior_loc")) for each in (first, second)]
    assert np.all(means[0] != means[1])


def test_updates_that_are_there_already_are_added_first(rng):
    plain = keras.Sequential([keras.Input((4,)), kl.Dense(3)])
    plain.layers[0].enable_lora(1)
    with_random_weights(plain, rng)
    x = rng.normal(size=(3, 4)).astype("float32")
    model = as_bayesian(plain, estimator="lora")
    assert_allclose(model(x), plain(x), rtol=1e-4, atol=1e-5)


def test_layers_without_a_counterpart_stay_and_are_frozen(rng):
    # The factor that inputs are multiplied by would have the axis of the inputs twice.
    backwards = kl.EinsumDense("abc,dc->abd", (None, 3), name="backwards")
    gru = kl.GRU(2, name="gru")
    plain = keras.Sequential([keras.Input((5, 4)), kl.Dense(3), backwards, gru])
    says = r"stay as they are, and are frozen: 'backwards' \(EinsumDense\).*; 'gru"
    with pytest.warns(UserWarning, match=says):
        model = as_bayesian(plain, estimator="lora")
    assert [w.path for w in model.trainable_weights] == [
        w.path for w in model.layers[0].trainable_weights
    ]


def test_layers_with_a_posterior_are_trained_as_before(rng):
    plain = keras.Sequential([keras.Input((4,)), kl.Dense(3), kl.Dense(2)])
    model = as_bayesian(plain)
    mixed = keras.Sequential([keras.Input((4,)), kl.Dense(4), *model.layers])
    model.layers[0].trainable = False
    lora = as_bayesian(mixed, estimator="lora")
    assert [type(layer).__name__ for layer in lora.layers] == [
        "DenseLora",
        "DenseFlipout",
        "DenseFlipout",
    ]
    assert [layer.trainable for layer in lora.layers] == [True, False, True]


def test_arguments_are_checked(rng):
    plain = keras.Sequential([keras.Input((4,)), kl.Dense(3)])
    for rank in (0, 1.5, "two"):
        with pytest.raises(ArgumentError, match="`rank` must be a positive whole number"):
            as_bayesian(plain, estimator="lora", rank=rank)
    with pytest.raises(ArgumentError, match="`lora_alpha` must be"):
        as_bayesian(plain, estimator="lora", lora_alpha=-1)
    for name, value in {"rank": 4, "lora_alpha": 1.0}.items():
        rule = f'`{name}` must be left out unless `estimator` is "lora"'
        for estimator in ("flipout", "laplace"):
            with pytest.raises(ArgumentError, match=rule):
                as_bayesian(plain, estimator=estimator, **{name: value})
    with pytest.raises(ArgumentError, match=r'`moped` must be left out where.*"lora"'):
        as_bayesian(plain, estimator="lora", moped=True)
    with pytest.raises(ArgumentError, match=r'`noise` must be left out unless.*"laplace"'):
        as_bayesian(plain, estimator="lora", noise=1.0)
    with pytest.raises(ArgumentError, match="`estimator` must not be"):
        as_bayesian(keras.Sequential([kl.Dense(3)]), estimator="lora")
    gru = keras.Sequential([keras.Input((5, 4)), kl.GRU(3)])
    with pytest.raises(ArgumentError, match="dense, einsum, convolution, embedding or attention"):
        as_bayesian(gru, estimator="lora")
    with pytest.raises(ArgumentError, match=r"lora_kernel_a_posterior_fn.*Independent"):
        as_bayesian(plain, estimator="lora", kernel_posterior_fn="full_covariance_normal")
    plain.layers[0].quantize("int8")
    with pytest.raises(ArgumentError, match="must not have quantized layers"):
        as_bayesian(plain, estimator="lora")


def test_mixed_precision_and_float16(rng):
    for dtype, tolerance in (("mixed_bfloat16", 0.05), ("float16", 0.01)):
        layer = kl.Dense(3, dtype=dtype)
        plain = with_random_weights(keras.Sequential([keras.Input((4,)), layer]), rng)
        model = as_bayesian(plain, estimator="lora", rank=RANK, lora_alpha=ALPHA)
        set_factors(model.layers[0], rng)
        x = rng.normal(size=(3, 4)).astype("float32")
        found, expected = (
            numpy_of(m(x)).astype("float32") for m in (model, as_deterministic(model))
        )
        assert_allclose(found, expected, atol=30 * tolerance, rtol=tolerance)


def test_layers_that_are_left_out_are_frozen_until_they_are_told_to_train(rng):
    model = as_bayesian(network(), estimator="lora", exclude="head")
    head = model.get_layer("head")
    assert type(head) is kl.Dense
    assert not head.trainable_weights
    head.trainable = True
    assert len(head.trainable_weights) == 2
