"""Models that hold distributions: training on their density, conversion, saving."""

import keras
import numpy as np
import pytest
from distributions_of import (
    MODES,
    normal_of_columns,
    normal_of_halves,
    rounded,
    triangular,
    unit_normal,
)
from frameworks import (
    BACKEND,
    JIT_COMPILE,
    assert_allclose,
    assert_array_equal,
    compiled,
    distributions,
    native_variable,
    numpy_of,
    on,
)
from keras import ops
from scipy import stats
from statistical import assert_normal_moments, draws

from bayeslayers import (
    ArgumentError,
    layer_distribution_lambda,
    tfd_log_prob,
    tfd_mean,
    tfd_sample,
    tfd_stddev,
)
from bayeslayers.layers import DistributionLambda, VariableLayer

keras.saving.register_keras_serializable("tests")(normal_of_halves)


@keras.saving.register_keras_serializable("tests")
def negative_log_likelihood(y, rv):
    return -tfd_log_prob(rv, y)


def dense_model(make, units, **arguments):
    hidden = [keras.Input((3,)), keras.layers.Dense(units, kernel_initializer="glorot_normal")]
    return keras.Sequential([*hidden, DistributionLambda(make, **arguments)])


def test_the_output_is_the_distribution_and_its_draw(rng):
    inputs = rng.normal(size=(5, 2)).astype("float32")
    rv = layer_distribution_lambda(inputs, normal_of_columns)
    assert ops.is_tensor(rv)
    assert rv.shape == (5,)
    assert_allclose(tfd_mean(rv), inputs[:, 0])
    values = np.zeros(5, "float32")
    scale = 1e-3 + np.log1p(np.exp(inputs[:, 1]))
    expected = stats.norm.logpdf(values, inputs[:, 0], scale)
    for found in (tfd_log_prob(rv, values), rv.log_prob(ops.convert_to_tensor(values))):
        assert_allclose(found, expected, rtol=1e-4)
    # One output stands for one draw, however often it is looked at.
    assert_array_equal(np.asarray(rv), numpy_of(ops.convert_to_tensor(rv)))
    assert_array_equal(rv + 1, np.asarray(rv) + 1)


@on("tensorflow", "jax")
def test_the_mean_is_the_distributions(rng):
    rv = layer_distribution_lambda(rng.normal(size=(5, 2)), unit_normal)
    assert_array_equal(rv.mean(), tfd_mean(rv))


@on("torch")
def test_the_mean_is_the_distributions_property(rng):
    rv = layer_distribution_lambda(rng.normal(size=(5, 2)), unit_normal)
    assert_array_equal(rv.mean, tfd_mean(rv))


@on("tensorflow")
def test_it_is_one_of_the_librarys(rng):
    rv = layer_distribution_lambda(rng.normal(size=(5, 2)), unit_normal)
    assert isinstance(rv, distributions.Distribution)


def test_draws_follow_the_distribution():
    layer = DistributionLambda(lambda t: distributions.Normal(t, 3.0), seed=2)
    # Error rate: that of `assert_normal_moments`, one in a million.
    samples = draws(layer, np.array([[1.0, -2.0]], "float32"), 500)
    assert_normal_moments(samples, np.array([[1.0, -2.0]]), 9.0)


def test_a_seed_repeats_the_draws_and_two_layers_share_none():
    inputs = np.zeros((1, 8), "float32")
    one, same, other = (DistributionLambda(unit_normal, seed=seed) for seed in (1, 1, None))
    assert_array_equal(np.asarray(one(inputs)), np.asarray(same(inputs)))
    assert np.all(np.asarray(one(inputs)) != np.asarray(other(inputs)))
    np.asarray(same(inputs))
    # A sample that the caller takes follows from the same seed.
    assert_array_equal(tfd_sample(one(inputs)), tfd_sample(same(inputs)))


def test_samples_of_one_output_are_new_each_time():
    rv = DistributionLambda(unit_normal, seed=1)(np.zeros((1, 8), "float32"))
    taken = [numpy_of(tfd_sample(rv)) for _ in range(2)]
    assert np.all(np.asarray(rv) != taken[0])
    assert np.all(taken[0] != taken[1])


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_a_sample_that_the_caller_takes_compiles(jit_compile):
    inputs = np.zeros((1, 8), "float32")

    def sampler():
        layer = DistributionLambda(unit_normal, seed=1)
        return compiled(lambda: tfd_sample(layer(inputs)), jit_compile)

    sample, same = sampler(), sampler()
    first, second = (numpy_of(sample()) for _ in range(2))
    assert np.all(first != second)
    assert_array_equal(same(), first)


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        ("mean", 2.0),
        ("stddev", 1.0),
        (lambda d: tfd_mean(d) + 5, 7.0),
    ],
)
def test_other_conversions(convert, expected):
    layer = DistributionLambda(unit_normal, convert)
    found = layer(np.full((2, 3), 2.0, "float32"))
    np.testing.assert_allclose(np.asarray(found), np.full((2, 3), expected))


@on("tensorflow", "jax")
def test_a_method_of_all_distributions_is_a_conversion():
    layer = DistributionLambda(unit_normal, distributions.Distribution.stddev)
    assert_array_equal(np.asarray(layer(np.zeros((2, 3), "float32"))), np.ones((2, 3)))
    assert layer.convert_to_tensor_fn == "stddev"


def test_distribution_sample_takes_the_layers_seeds():
    inputs = np.zeros((1, 4), "float32")
    default, named = (
        DistributionLambda(unit_normal, seed=1),
        DistributionLambda(unit_normal, "sample", seed=1),
    )
    assert_array_equal(np.asarray(default(inputs)), np.asarray(named(inputs)))
    several = DistributionLambda(unit_normal, lambda d: tfd_sample(d, 5), seed=1)
    assert several(inputs).shape == (5, 1, 4)
    assert several(keras.Input((4,))).shape == (5, None, 4)


FAMILIES = {
    "numbers": (normal_of_columns, 2, lambda s: s),
    "a column of targets": (normal_of_columns, 2, lambda s: s[:, None]),
    "a column of distributions": (lambda t: distributions.Normal(t[..., :1], 1.0), 1, lambda s: s),
    "an event": (normal_of_halves, 4, lambda s: np.stack([s, -s], 1)),
    "a triangle": (
        lambda t: triangular(t, rounded([[1.0, 0.0], [0.5, 2.0]])),
        2,
        lambda s: np.stack([s, -s], 1),
    ),
    "truth values": (
        lambda t: distributions.Bernoulli(logits=t[..., 0]),
        1,
        lambda s: (s > 0).astype(int),
    ),
    "categories": (
        lambda t: distributions.Categorical(logits=t),
        3,
        lambda s: (s > 0).astype("int64"),
    ),
    "counts": (
        lambda t: distributions.Poisson(ops.exp(t[..., 0])),
        1,
        lambda s: np.round(np.exp(s / 3)),
    ),
}


COLUMN_OF_TARGETS = "a column of targets"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "family", [n for n in FAMILIES if (BACKEND, n) != ("jax", COLUMN_OF_TARGETS)]
)
def test_a_plain_loss_receives_the_distribution(family, mode, rng):
    make, units, targets_of = FAMILIES[family]
    inputs = rng.normal(size=(32, 3)).astype("float32")
    targets = targets_of(inputs.sum(axis=1))
    model = dense_model(make, units)
    sgd = keras.optimizers.SGD(0.0)
    model.compile(sgd, loss=lambda y, rv: -tfd_log_prob(rv, y), **MODES[mode])
    loss = model.fit(inputs, targets, batch_size=32, verbose=0).history["loss"][0]
    # The distribution that the weights give, in a shape that can't broadcast by accident.
    distribution = make(model.layers[0](inputs))
    shape = (*distribution.batch_shape, *distribution.event_shape)
    found = tfd_log_prob(distribution, targets.reshape(shape).astype("float32"))
    expected = -np.mean(numpy_of(found))
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    np.testing.assert_allclose(model.evaluate(inputs, targets, verbose=0), expected, rtol=1e-4)


@on("jax")
def test_a_shape_that_keras_would_change_is_an_error_that_says_so(rng):
    make, units, targets_of = FAMILIES[COLUMN_OF_TARGETS]
    inputs = rng.normal(size=(32, 3)).astype("float32")
    model = dense_model(make, units)
    model.compile("sgd", loss=negative_log_likelihood)
    with pytest.raises(ArgumentError, match="targets in the shape of the model's outputs"):
        model.fit(inputs, targets_of(inputs.sum(axis=1)), verbose=0)


@pytest.mark.parametrize("mode", MODES)
def test_metrics_and_weights_of_examples_go_with_it(mode, rng):
    inputs = rng.normal(size=(32, 3)).astype("float32")
    targets, weights = inputs.sum(axis=1), rng.uniform(size=32).astype("float32")
    model = dense_model(normal_of_columns, 2, convert_to_tensor_fn="mean")
    model.compile(
        keras.optimizers.SGD(0.0),
        loss=lambda y, rv: -tfd_log_prob(rv, y),
        metrics=["mse", lambda y, rv: tfd_stddev(rv)],
        **MODES[mode],
    )
    loss, mse, stddev = model.evaluate(inputs, targets, sample_weight=weights, verbose=0)
    t = numpy_of(model.layers[0](inputs)).astype("float64")
    scale = 1e-3 + np.log1p(np.exp(t[:, 1]))
    log_prob = stats.norm.logpdf(targets, t[:, 0], scale)
    np.testing.assert_allclose(loss, -np.mean(weights * log_prob), rtol=1e-4)
    np.testing.assert_allclose(mse, np.mean((targets - t[:, 0]) ** 2), rtol=1e-4)
    np.testing.assert_allclose(stddev, scale.mean(), rtol=1e-4)
    on_batch = model.train_on_batch(inputs, targets, sample_weight=weights)
    np.testing.assert_allclose(on_batch[0], loss, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_training_finds_the_exact_maximum_of_the_likelihood(mode, rng):
    targets = rng.normal(2.0, 0.5, size=(200, 3)).astype("float32")
    model = keras.Sequential(
        [keras.Input((1,)), VariableLayer(6), DistributionLambda(normal_of_halves)]
    )
    model.compile(keras.optimizers.Adam(0.1), negative_log_likelihood, **MODES[mode])
    inputs = np.zeros((200, 1), "float32")
    model.fit(inputs, targets, batch_size=200, epochs=150, verbose=0)
    rv = model(inputs)
    assert_allclose(tfd_mean(rv), targets.mean(axis=0), atol=0.01)
    assert_allclose(tfd_stddev(rv), targets.std(axis=0), rtol=0.03)


@pytest.mark.parametrize("mode", MODES)
def test_prediction_returns_new_draws(mode, rng):
    inputs = rng.normal(size=(40, 3)).astype("float32")
    model = dense_model(normal_of_columns, 2)
    model.compile(**MODES[mode])
    first, second = (model.predict(inputs, verbose=0) for _ in range(2))
    assert isinstance(first, np.ndarray)
    assert first.shape == (40,)
    assert np.all(first != second)


@pytest.mark.parametrize("mode", MODES)
def test_layers_losses_and_metrics_take_the_tensor(mode, rng):
    inputs = rng.normal(size=(16, 3)).astype("float32")
    symbolic = keras.Input((3,))
    rv = layer_distribution_lambda(keras.layers.Dense(4)(symbolic), unit_normal, "mean")
    hidden = keras.layers.BatchNormalization()(keras.layers.Concatenate()([rv, symbolic]))
    outputs = keras.layers.Dense(1)(keras.layers.Activation("relu")(hidden))
    model = keras.Model(symbolic, [outputs, rv])
    model.compile("adam", ["mse", "mse"], metrics=[["mae"], ["mae"]], **MODES[mode])
    targets = [np.ones((16, 1)), np.ones((16, 4))]
    assert np.isfinite(model.fit(inputs, targets, verbose=0).history["loss"][0])
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    assert_allclose(model.predict(inputs, verbose=0)[1], numpy_of(dense(inputs)), rtol=1e-5)


def test_distributions_keep_their_precision():
    layer = DistributionLambda(unit_normal, dtype="mixed_bfloat16")
    rv = layer(np.ones((2, 1), "float32"))
    assert keras.backend.standardize_dtype(rv.dtype) == "float32"
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = dense_model(normal_of_columns, 2)
    model.compile("adam", negative_log_likelihood)
    history = model.fit(np.ones((8, 3)), np.ones(8), verbose=0).history
    assert np.isfinite(history["loss"][0])


@on("tensorflow", "torch")
def test_another_dtype_than_the_losses_keeps_the_distribution():
    model = keras.Sequential(
        [
            keras.Input((1,)),
            VariableLayer(2, "float64"),
            DistributionLambda(unit_normal, dtype="float64"),
        ]
    )
    model.compile("sgd", negative_log_likelihood)
    loss = model.evaluate(np.zeros((3, 1)), np.ones((3, 2)), verbose=0)
    np.testing.assert_allclose(loss, -stats.norm.logpdf(1.0), rtol=1e-6)


def test_a_saved_model_comes_back_and_goes_on_with_its_stream(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            DistributionLambda(normal_of_halves, "sample"),
        ]
    )
    model.compile("adam", negative_log_likelihood)
    inputs, targets = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
    model.fit(inputs, targets, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(loaded(inputs)), np.asarray(model(inputs)))
    expected = model.evaluate(inputs, targets, verbose=0)
    np.testing.assert_allclose(loaded.evaluate(inputs, targets, verbose=0), expected, rtol=1e-6)
    assert loaded.layers[1].get_config()["convert_to_tensor_fn"] == "sample"


def test_lambdas_are_not_saved(tmp_path):
    model = dense_model(lambda t: distributions.Normal(t, 1.0), 1)
    with pytest.raises(ArgumentError, match="`make_distribution_fn` must be a registered"):
        model.save(tmp_path / "m.keras")
    layer = DistributionLambda(normal_of_halves, lambda d: tfd_mean(d) + 1)
    with pytest.raises(ArgumentError, match="`convert_to_tensor_fn` must be a registered"):
        layer.get_config()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "make_distribution_fn"),
        ({"make_distribution_fn": 3}, "make_distribution_fn"),
        (
            {"make_distribution_fn": unit_normal, "convert_to_tensor_fn": "median"},
            "convert_to_tensor_fn",
        ),
        (
            {"make_distribution_fn": unit_normal, "convert_to_tensor_fn": None},
            "convert_to_tensor_fn",
        ),
        ({"make_distribution_fn": unit_normal, "seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, named):
    with pytest.raises(ArgumentError) as caught:
        layer_distribution_lambda(**arguments)
    assert caught.value.argument == named


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ArgumentError, match="must return a distribution"):
        DistributionLambda(lambda t: t)(np.ones((2, 1)))


def test_variables_that_no_layer_would_train_are_refused():
    scale = native_variable(ops.ones(()), name="scale")
    with pytest.raises(ArgumentError, match="variables would not be trained"):
        DistributionLambda(lambda t: distributions.Normal(t, scale))(np.ones((2, 1), "float32"))


def test_what_is_no_distribution_is_refused_by_name_in_any_model():
    """Keras cannot make an error of an argument anew, where it infers the outputs' shape."""
    for model in (keras.Input((3,)), keras.Sequential([keras.Input((3,))])):
        with pytest.raises(ArgumentError, match="`make_distribution_fn` must return") as caught:
            layer_distribution_lambda(model, lambda t: t)
        assert caught.value.argument == "make_distribution_fn"


def test_an_output_outlives_a_step_of_training():
    """JAX gives the memory of variables away to the step."""
    model = keras.Sequential([keras.Input((1,)), VariableLayer(3), DistributionLambda(unit_normal)])
    model.compile(keras.optimizers.SGD(0.1), negative_log_likelihood)
    inputs, targets = np.zeros((4, 1), "float32"), np.ones((4, 3), "float32")
    rv = model(inputs)
    model.fit(inputs, targets, verbose=0)
    model.predict(inputs, verbose=0)
    assert_array_equal(tfd_mean(rv), np.zeros(3))
    assert np.all(numpy_of(tfd_mean(model(inputs))) > 0)
