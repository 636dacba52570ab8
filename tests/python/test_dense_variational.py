"""The dense layer with a joint posterior: outputs, divergence, training, saving."""

import keras
import numpy as np
import pytest
from distributions_of import independent_normal, rounded, triangular
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
from oracles import normal_kl
from scipy import stats
from statistical import ERROR_RATE, assert_normal_moments, draws

from bayeslayers import ArgumentError, layer_dense_variational
from bayeslayers.layers import DenseVariational, DistributionLambda, VariableLayer


@keras.saving.register_keras_serializable("tests")
def normal_of_parts(t):
    loc, rho = ops.split(t, 2)
    return independent_normal(loc, 1e-5 + ops.softplus(rho))


@keras.saving.register_keras_serializable("tests")
def model_posterior(kernel_size, bias_size, dtype):
    parameters = VariableLayer(2 * (kernel_size + bias_size), initializer="random_normal")
    return keras.Sequential([parameters, DistributionLambda(normal_of_parts)])


@keras.saving.register_keras_serializable("tests")
def standard_prior(kernel_size, bias_size, dtype):
    zeros = ops.zeros(kernel_size + bias_size, dtype)
    return lambda inputs: independent_normal(zeros, ops.ones_like(zeros))


def function_posterior(kernel_size, bias_size, dtype):
    loc = native_variable(ops.ones(kernel_size + bias_size, dtype), "loc")
    rho = keras.Variable(np.zeros(kernel_size + bias_size, "float32"))
    return lambda inputs: independent_normal(
        loc if BACKEND != "jax" else loc.value, ops.softplus(rho.value)
    )


def triangular_posterior(kernel_size, bias_size, dtype):
    size = kernel_size + bias_size

    def make(t):
        # A diagonal that may turn negative has no logarithm on PyTorch.
        diagonal = ops.eye(size) * ops.exp(t[:, 1:])
        return triangular(t[:, 0], diagonal + ops.tril(t[:, 1:], -1))

    return keras.Sequential([VariableLayer((size, size + 1)), DistributionLambda(make)])


def known_posterior(mean, factor):
    def make(kernel_size, bias_size, dtype):
        return lambda inputs: triangular(rounded(mean), rounded(factor))

    return make


POSTERIORS = [model_posterior, function_posterior, triangular_posterior]


def dense(posterior=model_posterior, prior=standard_prior, units=2, **arguments):
    return layer_dense_variational(
        units=units, make_posterior_fn=posterior, make_prior_fn=prior, **arguments
    )


@pytest.mark.parametrize("use_bias", [True, False])
def test_outputs_follow_a_known_joint_posterior(use_bias, rng):
    size = 8 if use_bias else 6
    mean = rng.normal(size=size).astype("float32")
    factor = np.tril(rng.normal(size=(size, size)) + 3 * np.eye(size)).astype("float32")
    inputs = rng.normal(size=(4, 3)).astype("float32")
    layer = dense(known_posterior(mean, factor), use_bias=use_bias, seed=3)
    # Outputs are linear in the weights: kernel rows first, then the bias.
    design = np.kron(inputs, np.eye(2))
    if use_bias:
        design = np.hstack([design, np.tile(np.eye(2), (4, 1))])
    variance = np.sum((design @ factor) ** 2, axis=1)
    # Error rate: that of `assert_normal_moments`, one in a million.
    samples = draws(layer, inputs, 400).reshape(400, -1)
    assert_normal_moments(samples, design @ mean, variance)


def test_the_exact_divergence_of_a_full_covariance(rng):
    mean = rng.normal(size=8).astype("float32")
    factor = np.tril(rng.normal(size=(8, 8)) * 0.1 + np.eye(8)).astype("float32")

    def prior(kernel_size, bias_size, dtype):
        zeros = ops.zeros(kernel_size + bias_size)
        return lambda inputs: triangular(zeros, ops.eye(kernel_size + bias_size))

    layer = dense(known_posterior(mean, factor), prior, kl_use_exact=True, kl_weight=0.25)
    layer(np.ones((5, 3), "float32"))
    covariance = (factor @ factor.T).astype("float64")
    log_determinant = np.linalg.slogdet(covariance)[1]
    exact = 0.5 * (np.trace(covariance) + mean @ mean - 8 - log_determinant)
    assert_allclose(layer.losses, [0.25 * exact], rtol=1e-5)


def test_the_estimated_divergence_has_the_exact_mean():
    layer = dense(function_posterior, seed=1)
    inputs = np.ones((1, 3), "float32")

    layer(inputs)

    def divergence():
        layer(inputs)
        return layer.losses[0]

    step = compiled(divergence)
    values = np.array([numpy_of(step()) for _ in range(2000)])
    exact = normal_kl(np.ones(8), np.log(2.0))
    z = (values.mean() - exact) / (values.std() / np.sqrt(len(values)))
    # Error rate: one in a million, by the central limit theorem.
    assert abs(z) < stats.norm.isf(ERROR_RATE / 2)


def test_the_estimate_is_taken_at_the_draw_behind_the_outputs():
    layer = dense(function_posterior, units=1)
    outputs = layer(np.vstack([np.eye(3), np.zeros(3)]).astype("float32"))
    weights = numpy_of(outputs).ravel()
    kernel, bias = weights[:3] - weights[3], weights[3:]
    draw = np.concatenate([kernel, bias])
    expected = stats.norm.logpdf(draw, 1, np.log(2)) - stats.norm.logpdf(draw)
    assert_allclose(layer.losses, [expected.sum()], rtol=1e-4)


def test_a_shared_layer_counts_once():
    layer = dense(units=3, kl_use_exact=True)
    symbolic = keras.Input((3,))
    model = keras.Model(symbolic, layer(layer(symbolic)))
    for _ in range(2):
        model(np.ones((2, 3)))
        assert len(model.losses) == 1


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_kind_of_posterior_trains(posterior, jit_compile, rng):
    inputs = rng.normal(size=(64, 3)).astype("float32")
    layer = dense(
        posterior,
        model_posterior if posterior is model_posterior else standard_prior,
        kl_weight=1e-3,
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    before = [numpy_of(weight) for weight in layer.trainable_variables]
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=jit_compile)
    losses = model.fit(inputs, inputs[:, :2] * 3, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    for old, new in zip(before, layer.trainable_variables, strict=True):
        assert np.any(old != numpy_of(new))
    assert model.predict(inputs, verbose=0).shape == (64, 2)


def test_a_saved_model_comes_back(tmp_path):
    model = keras.Sequential(
        [keras.Input((3,)), dense(kl_weight=0.5, activation="relu", prior=model_posterior)]
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    inputs = np.ones((2, 3), "float32")
    assert_array_equal(loaded(inputs), numpy_of(model(inputs)))
    assert_array_equal(loaded.losses, numpy_of(model.losses))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()


def test_lambdas_are_not_saved():
    with pytest.raises(ArgumentError, match="`make_posterior_fn` must be a registered"):
        dense(function_posterior).get_config()


GOOD = {"units": 2, "make_posterior_fn": model_posterior, "make_prior_fn": standard_prior}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("units", 0),
        ("make_posterior_fn", None),
        ("make_prior_fn", 3),
        ("kl_weight", -1.0),
        ("kl_weight", "1"),
        ("kl_use_exact", 1),
        ("use_bias", None),
        ("activation", "no such"),
    ],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ArgumentError) as caught:
        DenseVariational(**{**GOOD, argument: value})
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("posterior", "rule"),
    [
        (lambda k, b, dtype: 3, "must return a model, a layer or a function"),
        (lambda k, b, dtype: lambda inputs: inputs, "must return a distribution"),
        (
            lambda k, b, dtype: standard_prior(k, 1, dtype),
            "must return a distribution over tensors",
        ),
    ],
)
def test_bad_posteriors_are_refused(posterior, rule):
    with pytest.raises(ArgumentError, match=rule):
        dense(posterior)(np.ones((2, 3), "float32"))


def test_a_divergence_without_closed_form_is_refused():
    def student(kernel_size, bias_size, dtype):
        zeros = ops.zeros(kernel_size + bias_size)
        return lambda inputs: distributions.Independent(distributions.StudentT(3.0, zeros, 1.0), 1)

    dense(prior=student)(np.ones((2, 3), "float32"))
    with pytest.raises(ArgumentError, match="`kl_use_exact` must be false"):
        dense(prior=student, kl_use_exact=True)(np.ones((2, 3), "float32"))


def shared_variable_posterior(kernel_size, bias_size, dtype):
    scale = keras.Variable(np.zeros(kernel_size + bias_size, "float32"), name="scale")
    return lambda inputs: independent_normal(scale.value, ops.softplus(scale.value))


@on("jax")
def test_a_function_computes_with_the_values_that_are_handed_over(rng):
    """Its variables are Keras's own there."""
    layer = dense(shared_variable_posterior, kl_use_exact=True)
    inputs = rng.normal(size=(2, 3)).astype("float32")
    layer(inputs)
    assert [v.name for v in layer.trainable_variables] == ["scale"]
    outputs, _, losses = layer.stateless_call(
        [ops.full((8,), 3.0)],
        [v.value for v in layer.non_trainable_variables],
        inputs,
        return_losses=True,
    )
    assert outputs.shape == (2, 2)
    scale = np.log1p(np.exp(3.0))
    assert_allclose(losses, [8 * (0.5 * (scale**2 + 9 - 1) - np.log(scale))], rtol=1e-5)


# PyTorch's distributions take no variable of Keras's.
@on("tensorflow", "jax")
def test_a_distribution_that_keeps_the_first_values_of_a_variable_is_refused():
    """It would be the same whatever the variable is trained to."""

    def posterior(kernel_size, bias_size, dtype):
        loc = keras.Variable(ops.zeros(kernel_size + bias_size, dtype), name="loc")
        made = distributions.Independent(distributions.Normal(loc, 1.0), 1)
        return lambda inputs: made

    rule = "`make_posterior_fn` must return .* whenever it is called"
    with pytest.raises(ArgumentError, match=rule) as caught:
        dense(posterior)(np.ones((2, 3), "float32"))
    assert "'loc'" in str(caught.value)


@on("tensorflow", "jax")
def test_a_distribution_that_is_made_of_a_variable_at_each_call_is_trained(rng):
    def posterior(kernel_size, bias_size, dtype):
        loc = keras.Variable(ops.zeros(kernel_size + bias_size, dtype), name="loc")
        return lambda inputs: distributions.Independent(distributions.Normal(loc, 1.0), 1)

    model = keras.Sequential([keras.Input((3,)), dense(posterior)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(rng.normal(size=(8, 3)), np.ones((8, 1)), verbose=0)
    (loc,) = model.trainable_variables
    assert np.any(numpy_of(loc) != 0)


@on("tensorflow", "torch")
def test_a_function_that_would_go_on_with_its_own_values_is_refused(rng):
    layer = dense(function_posterior)
    inputs = rng.normal(size=(2, 3)).astype("float32")
    layer(inputs)
    values = [ops.convert_to_tensor(v) + 1.0 for v in layer.trainable_variables]
    with pytest.raises(ArgumentError, match="must return a model or a layer"):
        layer.stateless_call(values, [v.value for v in layer.non_trainable_variables], inputs)
