"""Layers with rank-1 factors: their members, their divergences, and what is predicted with them."""

import keras
import numpy as np
import pytest
from family import ATTENTION, GROUPED_ATTENTION, LSTM, RANK1, ROWS, Fixed
from frameworks import assert_allclose, assert_array_equal, moment, numpy_of, total_of
from posteriors import fixed_normal
from scipy import integrate, stats
from statistical import assert_normal_moments, assert_uncorrelated, draws

import bayeslayers
from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    fit_bayesian,
    half_cauchy_prior_fn,
    kl_divergence,
    layer_dense_flipout,
    layer_dense_rank1,
    layer_gru_rank1,
    log_normal_fn,
    normal_prior_fn,
    posterior_draws,
    posterior_summary,
    predict_draws,
    predictive_summary,
    prune,
)
from bayeslayers.layers import DenseRank1, default_mean_field_normal_fn
from bayeslayers.layers.util import trainable_normal_fn

MEMBERS = 3
DETERMINISTIC = {"alpha_posterior_fn": "deterministic", "gamma_posterior_fn": "deterministic"}
each_layer = pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.name) for row in ROWS if row.estimator == RANK1]
)


def point(values):
    """Return a posterior that is always these values."""
    return default_mean_field_normal_fn(is_singular=True, loc_initializer=Fixed(values))


def scaled_by_hand(row, name, kernel, alpha, gamma):
    """Multiply each number of a kernel by the factors of its input and its output channel."""
    if row.geometry in (ATTENTION, GROUPED_ATTENTION):
        count = 2 if name == "output" else 1
        outer = np.multiply.outer(alpha, gamma)
        return kernel * outer.reshape(*kernel.shape[:count], *kernel.shape[count:])
    scaled = np.empty_like(kernel)
    for index in np.ndindex(kernel.shape):
        *_, into, out = index
        if "Transpose" in row.name:
            into, out = out, into
        elif name == "depthwise" or row.name.startswith("Depthwise"):
            out = into * kernel.shape[-1] + out
        scaled[index] = kernel[index] * alpha[into] * gamma[out]
    return scaled


@each_layer
def test_a_batch_of_tiles_is_seen_by_one_member_after_the_other(row, rng):
    kernels = {name: rng.normal(size=shape) for name, shape in row.geometry.kernels.items()}
    factors = {role: rng.normal(size=(MEMBERS, size)) for role, (_, size) in row.random.items()}
    biases = rng.normal(size=(MEMBERS, *row.geometry.bias))
    # Else the bias of the forget gate starts higher by 1.
    further = {"unit_forget_bias": False} if row.geometry is LSTM else {}
    layer = row.layer(
        ensemble_size=MEMBERS,
        **further,
        **{f"{name}_initializer": Fixed(value) for name, value in kernels.items()},
        **{f"{role}_posterior_fn": point(value) for role, value in factors.items()},
        bias_posterior_fn=point(biases),
    )
    inputs = row.geometry.inputs(rng, 2)
    tiles = np.concatenate([inputs] * MEMBERS)
    model = row.geometry.model_of(layer)
    found = np.split(numpy_of(model(tiles)), MEMBERS)
    for member, outputs in enumerate(found):
        of_member = [value[member] for value in factors.values()]
        pairs = zip(of_member[::2], of_member[1::2], strict=True)
        scaled = {
            name: scaled_by_hand(row, name, kernel, *pair)
            for (name, kernel), pair in zip(kernels.items(), pairs, strict=True)
        }
        expected = row.geometry.deterministic(inputs, scaled, biases[member])
        assert_allclose(outputs, expected, rtol=1e-4, atol=2e-5)
    assert np.abs(found[0] - found[1]).max() > 0.01


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("conv_1d", {"filters": 4, "kernel_size": 2, "groups": 2}, (5, 6)),
        ("einsum_dense", {"equation": "abc,dce->abed", "output_shape": (None, 3, 2)}, (4, 3)),
        ("einsum_dense", {"equation": "abc,bcd->abd", "output_shape": (4, 2)}, (4, 3)),
    ],
    ids=["groups", "axes in another order", "a kernel for each position"],
)
def test_the_plain_kernel_has_the_factors_of_its_channels(name, arguments, shape, rng):
    """Keras's layer multiplies once by the whole kernel, ours by its factors one after another."""
    fixed = {"alpha_posterior_fn": fixed_in(rng), "gamma_posterior_fn": fixed_in(rng)}
    layer = getattr(bayeslayers, f"layer_{name}_rank1")(**arguments, **fixed)
    model = keras.Sequential([keras.Input(shape), layer])
    inputs = rng.normal(size=(2, *shape)).astype("float32")
    assert_allclose(model(inputs), as_deterministic(model)(inputs), rtol=1e-4, atol=1e-5)
    assert np.std(numpy_of(layer.variables[1])) > 0.1


def fixed_in(rng):
    start = keras.initializers.RandomNormal(seed=int(rng.integers(1000)))
    start.stddev = 1.0
    return default_mean_field_normal_fn(is_singular=True, loc_initializer=start)


def test_a_batch_of_any_size_is_cut_into_parts_of_members(rng):
    """Example i of B belongs to member floor(i M / B), also where M does not divide B."""
    start = point(np.arange(1.0, 5.0)[:, None] * np.ones((4, 2)))
    layer = layer_dense_rank1(
        units=1, ensemble_size=4, alpha_posterior_fn=start, gamma_posterior_fn="deterministic"
    )
    layer.build((None, 2))
    gamma = numpy_of(layer.variables[2])
    kernel = numpy_of(layer.kernel)
    bias = numpy_of(layer.variables[3])
    for size in (0, 1, 3, 4, 6, 9):
        inputs = rng.normal(size=(size, 2)).astype("float32")
        members = [i * 4 // size for i in range(size)]
        expected = [
            x @ kernel * (m + 1) * gamma[m] + bias[m] for x, m in zip(inputs, members, strict=True)
        ]
        expected = np.reshape(expected, (size, 1))
        assert_allclose(layer(inputs), expected, rtol=1e-5, atol=1e-6)


def test_normal_factors_are_drawn_for_each_example(rng):
    """With gamma fixed the outputs are normal: A(x E[alpha], W), and A(x^2 Var(alpha), W^2)."""
    loc, scale = rng.normal(size=(2, 3)), rng.uniform(0.2, 1.0, size=(2, 3))
    kernel, inputs = rng.normal(size=(3, 2)), rng.normal(size=(4, 3)).astype("float32")
    for posterior in (fixed_normal(loc, scale), normal_of(loc, scale)):
        layer = layer_dense_rank1(
            units=2,
            ensemble_size=2,
            kernel_initializer=Fixed(kernel),
            alpha_posterior_fn=posterior,
            gamma_posterior_fn=point(np.ones((2, 2))),
            bias_posterior_fn=None,
        )
        found = draws(layer, inputs, 800)
        of_example = [0, 0, 1, 1]
        variance = (inputs * scale[of_example]) ** 2 @ kernel**2
        assert_normal_moments(found, inputs * loc[of_example] @ kernel, variance)
        # Two examples of one member.
        assert_uncorrelated(found[:, 0, 0], found[:, 1, 0])


def normal_of(loc, scale):
    """Return the default posterior with these parameters."""
    return default_mean_field_normal_fn(
        loc_initializer=Fixed(loc),
        untransformed_scale_initializer=Fixed(np.log(np.expm1(scale))),
    )


def test_the_divergence_is_summed_over_members_and_factors(rng):
    """KL(N(m, s) || N(1, 1)) = ((m - 1)^2 + s^2 - 1) / 2 - log s, of each number."""
    shapes = {"alpha": (MEMBERS, 4), "gamma": (MEMBERS, 2)}
    loc = {role: rng.normal(size=shape) for role, shape in shapes.items()}
    scale = {role: rng.uniform(0.1, 2.0, size=shape) for role, shape in shapes.items()}
    posteriors = {f"{role}_posterior_fn": normal_of(loc[role], scale[role]) for role in shapes}
    layer = layer_dense_rank1(units=2, ensemble_size=MEMBERS, **posteriors)
    layer(np.ones((3, 4), "float32"))
    expected = [
        np.sum(((loc[role] - 1) ** 2 + scale[role] ** 2 - 1) / 2 - np.log(scale[role]))
        for role in shapes
    ]
    assert_allclose(numpy_of(layer.losses), expected, rtol=1e-4)
    assert layer.alpha_prior_fn == normal_prior_fn(loc=1.0)


def test_the_divergence_from_a_half_cauchy_prior_is_the_integral():
    """Its estimate at one draw of so many equal factors is near the mean over draws of each."""
    loc, scale, prior_scale, count = 0.4, 0.5, 0.3, 5000
    posterior = log_normal_fn(
        keras.initializers.Constant(loc), keras.initializers.Constant(np.log(np.expm1(scale)))
    )
    layer = layer_dense_rank1(
        units=1,
        alpha_posterior_fn=posterior,
        alpha_prior_fn=half_cauchy_prior_fn(prior_scale),
        gamma_posterior_fn="deterministic",
        seed=3,
    )
    layer(np.ones((2, count), "float32"))

    def moment_of_ratio(power):
        def integrand(w):
            log_q = stats.lognorm.logpdf(w, scale, scale=np.exp(loc))
            return np.exp(log_q) * (log_q - stats.halfcauchy.logpdf(w, scale=prior_scale)) ** power

        return integrate.quad(integrand, 0, np.inf, epsabs=0, limit=200)[0]

    mean = moment_of_ratio(1)
    stddev = np.sqrt(moment_of_ratio(2) - mean**2)
    (found,) = numpy_of(layer.losses)
    # Five standard errors: it fails by chance once in two million runs.
    assert abs(found / count - mean) < 5 * stddev / np.sqrt(count)
    assert 5 * stddev / np.sqrt(count) < 0.2 * mean
    assert_allclose(
        moment(layer.alpha_posterior, "mean"),
        np.full((1, count), np.exp(loc + scale**2 / 2)),
        rtol=1e-4,
    )


def test_a_prior_of_positive_numbers_is_refused_where_the_posterior_is_not_positive():
    with pytest.raises(ArgumentError, match="the posterior is normal") as caught:
        layer_dense_rank1(units=1, alpha_prior_fn="half_cauchy")
    assert caught.value.argument == "alpha_prior_fn"
    with pytest.raises(ArgumentError, match="the posterior is normal"):
        layer_dense_flipout(units=1, kernel_prior_fn=half_cauchy_prior_fn())
    names = '"mean_field_normal", "log_normal", "deterministic"'
    with pytest.raises(ArgumentError, match=f"must be a function, or one of {names}"):
        layer_dense_rank1(units=1, gamma_posterior_fn="normal")
    with pytest.raises(ArgumentError, match="`ensemble_size` must be a positive whole number"):
        layer_dense_rank1(units=1, ensemble_size=0)


def batch_ensemble(members, *more, **further):
    """Return a model of two layers whose factors are plain trained numbers."""
    layers = [
        layer_dense_rank1(
            units=units, activation=activation, ensemble_size=members, **DETERMINISTIC, **further
        )
        for units, activation in ((8, "tanh"), (1, None))
    ]
    return keras.Sequential([keras.Input((2,)), *layers, *more])


def test_a_batch_ensemble_is_predicted_as_the_mixture_of_its_members(rng):
    """All layers take the same member, and draws go through the members in turn."""
    model, inputs = batch_ensemble(MEMBERS), rng.normal(size=(5, 2)).astype("float32")
    found = predict_draws(model, inputs, draws=2 * MEMBERS, batch_size=2, seed=1, verbose=0)
    tiles = np.concatenate([inputs] * MEMBERS)
    members = np.split(numpy_of(model(tiles)), MEMBERS)
    assert_allclose(found, np.stack([*members, *members]), rtol=1e-5, atol=1e-6)
    assert len(np.unique(np.round(found[:, 0, 0], 4))) == MEMBERS
    assert model.losses == []
    mean = predictive_summary(model, inputs, draws=MEMBERS, verbose=0)["mean"]
    assert_allclose(mean, np.mean(members, axis=0)[:, 0], rtol=1e-5, atol=1e-6)
    weights = posterior_draws(model, draws=MEMBERS + 1, seed=1)
    name = f"{model.layers[0].name}.alpha"
    alphas = numpy_of(model.layers[0].variables[1])
    assert_array_equal(weights[name], alphas[[*range(MEMBERS), 0]])


def test_an_ensemble_of_such_models_goes_through_the_members_of_each(rng):
    models, inputs = [batch_ensemble(2), batch_ensemble(2)], rng.normal(size=(3, 2))
    found = predict_draws(models, inputs, draws=8, verbose=0)
    assert len(np.unique(np.round(found[:, 0, 0], 5))) == 4


def test_one_draw_of_factors_is_the_same_for_all_examples(rng):
    model = keras.Sequential([keras.Input((2,)), layer_dense_rank1(units=1, ensemble_size=2)])
    inputs = np.ones((5, 2), "float32")
    found = predict_draws(model, inputs, draws=4, batch_size=2, verbose=0)
    assert_array_equal(found, found[:, :1] + np.zeros_like(found))
    assert len(np.unique(found)) == 4


def test_a_sample_is_one_member_in_all_layers(rng):
    model, inputs = batch_ensemble(MEMBERS), rng.normal(size=(4, 2)).astype("float32")
    members = np.split(numpy_of(model(np.concatenate([inputs] * MEMBERS))), MEMBERS)
    for _ in range(5):
        sample = numpy_of(as_deterministic(model, "sample")(inputs))
        assert min(np.abs(sample - outputs).max() for outputs in members) < 1e-5


def test_kernels_keep_what_keras_calls_otherwise(recwarn):
    images, words = keras.Input((4, 4, 2)), keras.Input((5, 6))
    depthwise = keras.layers.DepthwiseConv2D(
        2, depthwise_regularizer="l2", depthwise_constraint="non_neg"
    )
    attention = keras.layers.MultiHeadAttention(2, 3, kernel_regularizer=keras.regularizers.L1(0.3))
    plain = keras.Model([images, words], [depthwise(images), attention(words, words)])
    model = as_bayesian(plain, "rank1", ensemble_size=2)
    by_name = {type(layer).__name__: layer for layer in model.layers}
    kernel = by_name["DepthwiseConv2DRank1"].kernel
    assert isinstance(kernel.regularizer, keras.regularizers.L2)
    assert isinstance(kernel.constraint, keras.constraints.NonNeg)
    penalties = [
        getattr(by_name["MultiHeadAttentionRank1"], f"{name}_regularizer").l1
        for name in ("query", "key", "value", "output")
    ]
    assert_allclose(penalties, 0.3, rtol=1e-6)
    assert not [each for each in recwarn if "loses" in str(each.message)]


def test_a_bias_has_a_prior_and_loses_its_regularizer():
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, bias_regularizer="l2")])
    with pytest.warns(UserWarning, match="loses .*bias_regularizer"):
        as_bayesian(plain, "rank1")


def test_moped_starts_members_around_a_trained_network(rng):
    plain = keras.Sequential(
        [
            keras.Input((4, 2)),
            keras.layers.LSTM(3, kernel_regularizer="l2", return_sequences=True),
            keras.layers.Dense(200, kernel_constraint="non_neg"),
        ]
    )
    model = as_bayesian(
        plain, "rank1", moped=True, delta=0.05, ensemble_size=2, alpha_prior_fn="trainable_normal"
    )
    for layer, before in zip(model.layers, plain.layers, strict=True):
        assert layer.ensemble_size == 2
        assert_array_equal(layer.kernel, before.get_weights()[0])
    lstm, dense = model.layers
    assert_array_equal(lstm.recurrent_kernel, plain.layers[0].get_weights()[1])
    assert isinstance(lstm.kernel_regularizer, keras.regularizers.L2)
    assert dense.kernel.constraint is not None
    means = numpy_of(moment(dense.gamma_posterior, "mean"))
    assert_allclose(moment(dense.gamma_posterior, "stddev"), 0.05 + np.zeros((2, 200)), rtol=1e-3)
    # Six standard errors of the spread of 400 numbers: it fails by chance once in 5e8 runs.
    assert abs(np.std(means - 1) / 0.05 - 1) < 6 / np.sqrt(800)
    assert type(lstm.recurrent_alpha_prior_fn) is type(dense.alpha_prior_fn) is trainable_normal_fn


def test_moped_centres_positive_factors_on_one():
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    arguments = {"alpha_posterior_fn": "log_normal", "alpha_prior_fn": "half_cauchy"}
    layer = as_bayesian(plain, "rank1", moped=True, delta=0.2, **arguments).layers[0]
    assert_allclose(moment(layer.alpha_posterior, "mean"), np.ones((1, 2)), rtol=1e-5)
    assert_allclose(moment(layer.alpha_posterior, "stddev"), 0.2 + np.zeros((1, 2)), rtol=1e-4)


def test_layers_without_a_rank1_counterpart_are_reparameterized():
    plain = keras.Sequential(
        [keras.Input((3,)), keras.layers.Embedding(4, 2), keras.layers.Dense(1)]
    )
    model = as_bayesian(plain, "rank1", ensemble_size=2)
    names = [type(layer).__name__ for layer in model.layers]
    assert names == ["EmbeddingReparameterization", "DenseRank1"]


def test_the_factors_of_a_single_member_begin_at_one_and_of_several_at_signs():
    single, several = DenseRank1(3), DenseRank1(50, ensemble_size=4)
    for layer in (single, several):
        layer.build((None, 60))
    assert_array_equal(moment(single.alpha_posterior, "mean"), np.ones((1, 60)))
    signs = numpy_of(moment(several.alpha_posterior, "mean"))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert not np.array_equal(signs[0], signs[1])
    other = DenseRank1(50, ensemble_size=4)
    other.build((None, 60))
    assert not np.array_equal(signs, numpy_of(moment(other.alpha_posterior, "mean")))


def test_a_single_member_has_hardly_more_weights_than_a_plain_layer():
    ours, plain = DenseRank1(128), keras.layers.Dense(128)
    for layer in (ours, plain):
        layer.build((None, 128))
    assert plain.count_params() < ours.count_params() < 1.05 * plain.count_params()


def test_the_kernel_has_the_regularizer_and_the_constraint_of_a_plain_one():
    layer = layer_dense_rank1(
        units=3, kernel_regularizer="l2", kernel_constraint="non_neg", **DETERMINISTIC
    )
    layer(np.ones((2, 4), "float32"))
    assert_allclose(total_of(layer.losses), 0.01 * np.sum(numpy_of(layer.kernel) ** 2), rtol=1e-5)
    assert isinstance(layer.kernel.constraint, keras.constraints.NonNeg)
    again = DenseRank1.from_config(layer.get_config())
    assert isinstance(again.kernel_regularizer, keras.regularizers.L2)


def test_the_posterior_has_a_row_for_each_factor_of_each_member():
    model = keras.Sequential(
        [keras.Input((2,)), layer_dense_rank1(units=1, ensemble_size=2, name="out")]
    )
    table = posterior_summary(model)
    names = ["alpha[0,0]", "alpha[0,1]", "alpha[1,0]", "alpha[1,1]", "gamma[0,0]", "gamma[1,0]"]
    assert list(table["variable"]) == [*names, "bias[0,0]", "bias[1,0]"]
    assert list(kl_divergence(model).table["parameters"]) == [4, 2]


def test_pruning_is_refused():
    with pytest.raises(ArgumentError, match="must have random kernels") as caught:
        prune(keras.Sequential([keras.Input((2,)), layer_dense_rank1(units=1)]), share=0.5)
    assert caught.value.argument == "model"


def test_members_that_see_every_example_learn_it(rng):
    """With tiles, each member has the loss of a network of its own, on all examples."""
    x = rng.normal(size=(64, 2)).astype("float32")
    y = x @ np.array([[1.0], [-2.0]], "float32")
    batches = [(np.tile(x[i::4], (2, 1)), np.tile(y[i::4], (2, 1))) for i in range(4)]
    model = keras.Sequential([keras.Input((2,)), layer_dense_rank1(units=1, ensemble_size=2)])
    tiles = [np.concatenate(part) for part in zip(*batches, strict=True)]
    fit_bayesian(
        model,
        *tiles,
        loss="mse",
        epochs=20,
        batch_size=32,
        learning_rate=0.2,
        shuffle=False,
        verbose=0,
    )
    found = predict_draws(model, x, draws=20, seed=1, verbose=0)
    for member in (0, 1):
        error = np.mean((found[member::2].mean(axis=0) - y) ** 2)
        assert error < 0.1 * np.var(y)


def test_recurrent_layers_keep_a_bias_for_each_member(rng):
    layer = layer_gru_rank1(units=2, ensemble_size=2, return_sequences=True)
    model = keras.Sequential([keras.Input((3, 2)), layer])
    model.compile("sgd", "mse", jit_compile=False)
    x = rng.normal(size=(4, 3, 2)).astype("float32")
    before = [numpy_of(v) for v in layer.trainable_variables]
    model.fit(x, np.ones((4, 3, 2)), verbose=0)
    after = [numpy_of(v) for v in layer.trainable_variables]
    assert all(np.any(old != new) for old, new in zip(before, after, strict=True))
    assert np.all(before[-1] != after[-1])
    assert after[-1].shape == (2, 2, 6)
