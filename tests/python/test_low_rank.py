"""Posteriors whose numbers are correlated: low-rank plus diagonal, and any covariance."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, compiled, distributions, numpy_of, on, value_and_gradients
from keras import ops
from scipy import stats
from statistical import ERROR_RATE

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    full_covariance_normal_fn,
    horseshoe_prior_fn,
    kl_divergence,
    layer_dense_reparameterization,
    layers,
    low_rank_normal_fn,
    normal_prior_fn,
    posterior_draws,
    posterior_summary,
    scale_kl,
    tfd_covariance,
    tfp,
)
from bayeslayers.backend import method_of

MAKERS = {"low rank": low_rank_normal_fn(2), "full covariance": full_covariance_normal_fn()}
SHAPE = (3, 2)
SIZE = 6
STEPS = 2500
VARIABLES = ("loc", "untransformed_scale", "factor", "lower")


def built(posterior_fn, rng, **arguments):
    """Return a layer whose posterior is strongly correlated, and its variables by their names."""
    layer = layers.DenseReparameterization(
        2, kernel_posterior_fn=posterior_fn, bias_posterior_fn=None, seed=4, **arguments
    )
    layer.build((None, 3))
    variables = {v.name.removeprefix("kernel_posterior_"): v for v in layer.trainable_variables}
    for part, spread in (("loc", 1.0), ("factor", 1.0), ("lower", 1.0)):
        if part in variables:
            variables[part].assign(spread * rng.normal(size=variables[part].shape))
    variables["untransformed_scale"].assign(rng.normal(-1, 0.5, size=SHAPE))
    return layer, variables


def moments(values, smallest=0.0):
    """Return mean and covariance of the variables' values, by NumPy in double precision."""
    values = {name: np.asarray(value, "float64") for name, value in values.items()}
    scale = smallest + np.log1p(np.exp(values["untransformed_scale"])).ravel()
    if "factor" in values:
        shared = scale[:, None] * values["factor"]
        covariance = np.diag(scale**2) + shared @ shared.T
    else:
        root = np.eye(len(scale))
        root[np.tril_indices(len(scale), -1)] = values["lower"]
        root = scale[:, None] * root
        covariance = root @ root.T
    return values["loc"].ravel(), covariance


def normal_divergence(mean, covariance, loc=0.0, scale=1.0):
    """KL(Normal(mean, covariance) || Normal(loc, scale^2 I)), by log-determinant and trace."""
    distance = np.sum((mean - loc) ** 2) / scale**2
    trace = np.trace(covariance) / scale**2
    log_det = np.linalg.slogdet(covariance)[1] - 2 * len(mean) * np.log(scale)
    return 0.5 * (trace + distance - len(mean) - log_det)


def asked(distribution, method, *args, **kwargs):
    return numpy_of(method_of(distribution, method)(*args, **kwargs)).astype("float64")


@pytest.mark.parametrize("name", MAKERS)
def test_its_moments_and_its_density_are_those_of_the_variables(name, rng):
    layer, variables = built(MAKERS[name], rng)
    mean, covariance = moments(variables)
    posterior = layer.kernel_posterior
    assert_allclose(asked(posterior, "mean"), mean.reshape(SHAPE), rtol=1e-6)
    assert_allclose(asked(posterior, "mode"), mean.reshape(SHAPE), rtol=1e-6)
    assert_allclose(asked(posterior, "covariance"), covariance, rtol=1e-4, atol=1e-6)
    assert_allclose(numpy_of(tfd_covariance(posterior)), covariance, rtol=1e-4, atol=1e-6)
    stddev = np.sqrt(np.diag(covariance)).reshape(SHAPE)
    assert_allclose(asked(posterior, "stddev"), stddev, rtol=1e-5)
    assert_allclose(asked(posterior, "variance"), stddev**2, rtol=1e-5)
    oracle = stats.multivariate_normal(mean, covariance)
    values = rng.multivariate_normal(mean, covariance, size=4)
    found = asked(posterior, "log_prob", ops.array(values.reshape(4, *SHAPE), "float32"))
    assert_allclose(found, oracle.logpdf(values), rtol=1e-4, atol=1e-4)
    found = asked(posterior, "log_prob", ops.array(values[0].reshape(SHAPE), "float32"))
    assert_allclose(found, oracle.logpdf(values[0]), rtol=1e-4, atol=1e-4)
    # Its terms, of the size of 8, cancel.
    assert_allclose(asked(posterior, "entropy"), oracle.entropy(), atol=2e-5)
    # The summary of a model and its plain twin show the same.
    model = keras.Sequential([keras.Input((3,)), layer])
    table = posterior_summary(model)
    assert_allclose(table["mean"], mean, rtol=1e-5)
    assert_allclose(table["sd"], stddev.ravel(), rtol=1e-5)
    assert_allclose(as_deterministic(model).get_weights()[0], mean.reshape(SHAPE), rtol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_draws_have_its_mean_and_covariance(name, rng):
    """By the chi-squared distributions of standardised draws: once in a million runs it fails.

    With n draws, n (mean of u)' (mean of u) has k degrees of freedom, where u = L^-1 (w - mean) is
    standard normal, and n times the sample covariance of u follows a Wishart distribution: its
    trace has n k degrees of freedom, and each entry off the diagonal is (chi2_n - chi2_n) / 2.
    """
    layer, variables = built(MAKERS[name], rng)
    mean, covariance = moments(variables)
    count = 2000
    model = keras.Sequential([keras.Input((3,)), layer])
    of_the_library = asked(layer.kernel_posterior, "sample", (count,), seed=7)
    of_the_model = next(iter(posterior_draws(model, draws=count, seed=1).values()))
    call = compiled(lambda: layer(np.eye(3, dtype="float32")))
    of_calls = np.stack([numpy_of(call()) for _ in range(300)])
    for drawn in (of_the_library, of_the_model, of_calls):
        n = len(drawn)
        white = np.linalg.solve(
            np.linalg.cholesky(covariance), (drawn.reshape(n, SIZE) - mean).T.astype("float64")
        )
        rate = ERROR_RATE / 60
        assert n * np.sum(white.mean(axis=1) ** 2) < stats.chi2.isf(rate, SIZE)
        squares = white @ white.T
        low, high = stats.chi2.ppf(rate, n * SIZE), stats.chi2.isf(rate, n * SIZE)
        assert low < np.trace(squares) < high
        diagonal = np.diag(squares)
        assert stats.chi2.ppf(rate, n) < diagonal.min()
        assert diagonal.max() < stats.chi2.isf(rate, n)
        # ((u + v)' (u + v) - (u - v)' (u - v)) / 4, each square twice a chi-squared number.
        off = squares[np.tril_indices(SIZE, -1)]
        bound = (stats.chi2.isf(rate, n) - stats.chi2.ppf(rate, n)) / 2
        assert np.abs(off).max() < bound


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (0.5, 0.3)])
@pytest.mark.parametrize("name", MAKERS)
def test_the_divergence_and_its_gradient_are_exact(name, loc, scale, rng):
    layer, variables = built(MAKERS[name], rng, kernel_prior_fn=normal_prior_fn(scale, loc))

    def divergence():
        layer(np.eye(3, dtype="float32"))
        (loss,) = layer.losses
        return loss

    value, found = value_and_gradients(divergence, list(variables.values()))
    values = {part: np.asarray(v, "float64") for part, v in variables.items()}
    assert_allclose(value, normal_divergence(*moments(values), loc, scale), rtol=1e-5)
    for part, gradient in zip(values, found, strict=True):
        expected = np.zeros(values[part].shape)
        for place in np.ndindex(*expected.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = {name: each.copy() for name, each in values.items()}
                moved[part][place] += step
                ends.append(normal_divergence(*moments(moved), loc, scale))
            expected[place] = (ends[0] - ends[1]) / 2e-5
        assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    table = kl_divergence(keras.Sequential([keras.Input((3,)), layer])).table
    assert list(table["mcse"]) == [0.0]


@pytest.mark.parametrize("name", MAKERS)
def test_other_priors(name, rng):
    """The default, one that is trained, one of the caller's, and one that takes draws."""
    layer, variables = built(MAKERS[name], rng)
    layer(np.eye(3, dtype="float32"))
    assert_allclose(layer.losses[0], normal_divergence(*moments(variables)), rtol=1e-5)
    layer, variables = built(MAKERS[name], rng, kernel_prior_fn="trainable_normal")
    layer(np.eye(3, dtype="float32"))
    posterior = {part: v for part, v in variables.items() if part in VARIABLES}
    assert_allclose(layer.losses[0], normal_divergence(*moments(posterior)), rtol=1e-5)
    layer, variables = built(MAKERS[name], rng, kernel_prior_fn=horseshoe_prior_fn())
    kernel = numpy_of(layer(np.eye(3, dtype="float32"))).astype("float64")
    log_prior = asked(layer.kernel_prior, "log_prob", ops.array(kernel, "float32"))
    log_ratio = stats.multivariate_normal(*moments(variables)).logpdf(kernel.ravel()) - log_prior
    assert_allclose(layer.losses[0], log_ratio, rtol=1e-3, atol=1e-3)

    def laplace(dtype, shape, name, trainable, add_variable_fn):
        each = distributions.Laplace(ops.zeros(shape), ops.ones(shape))
        return distributions.Independent(each, len(shape))

    layer, _ = built(MAKERS[name], rng, kernel_prior_fn=laplace)
    with pytest.raises(ArgumentError, match="must have a closed form"):
        layer(np.eye(3, dtype="float32"))


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_trained_saved_and_loaded(name, rng, tmp_path):
    posterior_fn = MAKERS[name]
    model = keras.Sequential([keras.Input((3,))])
    model = layer_dense_reparameterization(
        model, 2, kernel_posterior_fn=posterior_fn, bias_posterior_fn=posterior_fn, seed=1
    )
    before = [np.array(w) for w in model.trainable_variables]
    model.compile("adam", "mse")
    x = rng.normal(size=(32, 3))
    model.fit(x, x[:, :2], epochs=2, verbose=0)
    for start, variable in zip(before, model.trainable_variables, strict=True):
        assert not np.allclose(start, numpy_of(variable))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.layers[0].kernel_posterior_fn == posterior_fn
    assert repr(kl_divergence(loaded)) == repr(kl_divergence(model))
    assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)


def test_its_variables_are_as_many_as_is_said():
    for posterior_fn, count in (
        (low_rank_normal_fn(2), SIZE * (2 + 2)),
        (full_covariance_normal_fn(), SIZE + SIZE * (SIZE + 1) // 2),
    ):
        layer = layers.DenseReparameterization(
            2, kernel_posterior_fn=posterior_fn, bias_posterior_fn=None
        )
        layer.build((None, 3))
        assert layer.count_params() == count
    layer = layers.DenseReparameterization(1, kernel_posterior_fn="full_covariance_normal")
    assert layer.kernel_posterior_fn == full_covariance_normal_fn()
    layer(np.ones((2, 1), "float32"))
    assert [v.name for v in layer.trainable_variables] == [
        "kernel_posterior_loc",
        "kernel_posterior_untransformed_scale",
        "bias_posterior_loc",
    ]
    assert repr(low_rank_normal_fn(3)) == "low_rank_normal_fn(rank=3)"
    assert repr(full_covariance_normal_fn(max_size=9)) == "full_covariance_normal_fn(max_size=9)"
    assert tfp.layers.util.low_rank_normal_fn(3) == low_rank_normal_fn(3) != low_rank_normal_fn(2)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("estimator", ["Flipout", "LocalReparameterization"])
def test_other_estimators_refuse_it_and_say_which_takes_it(estimator, name):
    layer = getattr(layers, f"Dense{estimator}")(2, kernel_posterior_fn=MAKERS[name])
    with pytest.raises(ArgumentError, match="The reparameterization estimator takes") as caught:
        layer.build((None, 3))
    assert caught.value.argument == "kernel_posterior_fn"
    assert "Independent(Normal)" in caught.value.rule


@pytest.mark.parametrize("name", MAKERS)
def test_moped_centres_it_with_the_spread_that_was_asked_for(name):
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = as_bayesian(
        plain, "reparameterization", moped=True, delta=0.2, kernel_posterior_fn=MAKERS[name]
    )
    kernel = numpy_of(plain.layers[0].kernel)
    posterior = model.layers[0].kernel_posterior
    assert_allclose(asked(posterior, "mean"), kernel, rtol=1e-6)
    assert_allclose(asked(posterior, "stddev"), 0.2 * np.abs(kernel), rtol=1e-4)


@pytest.mark.parametrize(
    ("posterior_fn", "message"),
    [
        (low_rank_normal_fn(7), "`rank` must be no more than the weight has numbers.*rank=7"),
        (full_covariance_normal_fn(max_size=5), "`max_size` must be no less.* 21 numbers"),
    ],
)
def test_a_weight_of_the_wrong_size_is_refused(posterior_fn, message):
    layer = layers.DenseReparameterization(2, kernel_posterior_fn=posterior_fn)
    with pytest.raises(ArgumentError, match=message):
        layer.build((None, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: low_rank_normal_fn(0), "`rank` must be a positive whole number"),
        (low_rank_normal_fn, "`rank` is missing|rank"),
        (lambda: low_rank_normal_fn(1, factor_initializer="foo"), "`factor_initializer` must be"),
        (lambda: full_covariance_normal_fn(max_size=2.5), "`max_size` must be a positive whole"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("name", MAKERS)
def test_lower_precisions_compute_it_in_single(name, dtype, rng):
    layer, variables = built(MAKERS[name], rng, dtype=dtype)
    outputs = layer(np.eye(3, dtype="float32"))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    values = {part: numpy_of(ops.cast(v.value, "float32")) for part, v in variables.items()}
    # The smallest step from 1 in 16 bits, to which the scale is rounded.
    is_mixed = dtype.startswith("mixed")
    expected = normal_divergence(*moments(values, 0.0 if is_mixed else 2.0**-7))
    assert_allclose(layer.losses[0], expected, rtol=1e-5 if is_mixed else 0.01)


@pytest.mark.parametrize("name", MAKERS)
def test_convolutions_and_embeddings_take_it(name, rng):
    model = keras.Sequential([keras.Input((8,), dtype="int32")])
    model.add(layers.EmbeddingReparameterization(5, 3, embeddings_posterior_fn=MAKERS[name]))
    model.add(layers.Conv1DReparameterization(2, 3, kernel_posterior_fn=MAKERS[name]))
    model.compile("adam", "mse")
    x = rng.integers(0, 5, size=(16, 8))
    model.fit(x, np.zeros((16, 6, 2)), verbose=0)
    for layer in model.layers:
        role = layer.roles()[0]
        variables = {
            v.name.removeprefix(f"{role}_posterior_"): v
            for v in layer.trainable_variables
            if v.name.startswith(role)
        }
        (divergence,) = kl_divergence(model).table.query("layer == @layer.name")["divergence"]
        assert_allclose(divergence, normal_divergence(*moments(variables)), rtol=1e-4)


@pytest.mark.soak
@on("tensorflow", "jax")
def test_the_exact_posterior_of_a_linear_regression_is_reached(rng):
    """Which is why one would take it: independent normals miss the covariance by far.

    On PyTorch so many small steps take five minutes; draws and divergence have tests of their own.
    """
    noise, count = 0.5, 30
    # Three inputs, of which the last two are nearly the same.
    x = rng.normal(size=(count, 3))
    x[:, 2] = x[:, 1] + 0.5 * x[:, 2]
    y = x @ [[1.0], [-0.5], [0.8]] + noise * rng.normal(size=(count, 1))
    covariance = np.linalg.inv(x.T @ x / noise**2 + np.eye(3))
    mean = covariance @ x.T @ y.ravel() / noise**2
    off = {}
    for name, posterior_fn in (
        ("full", full_covariance_normal_fn()),
        ("low rank", low_rank_normal_fn(2)),
        ("independent", layers.default_mean_field_normal_fn()),
    ):
        layer = layers.DenseReparameterization(
            1, kernel_posterior_fn=posterior_fn, bias_posterior_fn=None, seed=1
        )
        # Each call draws anew: a step takes the mean over eight draws, and the divergence once.
        inputs = keras.Input((3,))
        outputs = keras.layers.Concatenate()([layer(inputs) for _ in range(8)])
        model = scale_kl(keras.Model(inputs, outputs), count)
        rate = keras.optimizers.schedules.CosineDecay(0.03, STEPS)
        model.compile(
            keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.995),
            lambda y, mean: 0.5 * ops.square((y - mean) / noise),
        )
        many = np.tile(x, (STEPS, 1)), np.tile(y, (STEPS, 1))
        model.fit(*many, batch_size=count, shuffle=False, verbose=0)
        posterior = layer.kernel_posterior
        assert_allclose(asked(posterior, "mean").ravel(), mean, atol=0.02 * np.abs(mean).max())
        found = np.diag(asked(posterior, "variance").ravel())
        if name != "independent":
            found = asked(posterior, "covariance")
        off[name] = np.linalg.norm(found - covariance) / np.linalg.norm(covariance)
    assert off["full"] < 0.02, off
    assert off["low rank"] < 0.05, off
    assert off["independent"] > 0.5, off
