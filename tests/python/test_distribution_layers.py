"""The layers that put out distributions of one family: what training, files and verbs make of them.

`test_family_distributions.py` compares each with TensorFlow Probability's.
"""

import warnings

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, gradients, moment, numpy_of, on
from frameworks import distributions as tfd
from keras import ops
from scipy import stats
from statistical import ERROR_RATE

import bayeslayers
from bayeslayers import (
    ArgumentError,
    callback_kl_history,
    layer_homoscedastic_normal,
    layer_independent_bernoulli,
    layer_independent_logistic,
    layer_independent_normal,
    layer_independent_poisson,
    layer_kl_divergence_add_loss,
    layer_kl_divergence_regularizer,
    layer_mixture_logistic,
    layer_mixture_normal,
    layer_mixture_same_family,
    layer_multivariate_normal_tri_l,
    layer_one_hot_categorical,
    layer_variational_gaussian_process,
    predict_draws,
    predictive_scores,
    predictive_summary,
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_mean,
    tfd_sample,
    tfd_stddev,
)
from bayeslayers.layers import DistributionLambda, VariableLayer

X = np.random.default_rng(1).normal(size=(64, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3 * np.random.default_rng(2).normal(size=(64, 1))).astype("f4")


def negative_log_likelihood(y, rv):
    return -tfd_log_prob(rv, y)


@keras.saving.register_keras_serializable("test_distribution_layers")
def standard_normal():
    return tfd.Independent(tfd.Normal(ops.zeros(2), 1.0), 1)


def model_of(units, layer, **arguments):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), layer])
    model.compile(**{"optimizer": "adam", "loss": negative_log_likelihood, **arguments})
    return model


def test_counts_have_a_likelihood_where_their_rate_is_too_small_for_a_number():
    log_rates, counts = np.array([[-200.0], [-200.0], [1.0]], "f4"), np.array([[0], [3], [2]], "f4")
    layer = layer_independent_poisson(event_shape=1)
    # log p(k) = k log(rate) - rate - log(k!), whose derivative in log(rate) is k - rate.
    expected = [0.0, -600.0 - np.log(6.0), 2.0 - np.exp(1.0) - np.log(2.0)]
    # In single precision, JAX's log(0!) is 4.8e-7.
    assert_allclose(tfd_log_prob(layer(log_rates), counts), expected, rtol=1e-5, atol=1e-6)
    variable = keras.Variable(log_rates)
    found = gradients(lambda: ops.sum(tfd_log_prob(layer(variable), counts)), [variable])
    assert_allclose(found[0], [[0.0], [3.0], [2.0 - np.exp(1.0)]], rtol=1e-5)


def test_a_learned_scale_is_one_number_for_all_inputs():
    layer = layer_homoscedastic_normal(event_shape=2, initial_scale=0.25)
    rv = layer(X[:, :2])
    assert_allclose(tfd_stddev(rv), np.full((64, 2), 0.25), rtol=1e-5)
    assert_allclose(tfd_mean(rv), X[:, :2])
    expected = stats.norm(X[:, :2], 0.25).logpdf(0.5).sum(axis=1)
    assert_allclose(tfd_log_prob(rv, np.full((64, 2), 0.5, "float32")), expected, rtol=1e-4)


def test_a_learned_scale_becomes_that_of_the_residuals():
    x, noise = X[:, :1], 0.3 * X[:, 1:2]
    layer = layer_homoscedastic_normal(event_shape=1)
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.Adam(0.05), negative_log_likelihood)
    model.fit(x, x + noise, epochs=300, batch_size=64, verbose=0)
    # The maximum of the likelihood is the root of the mean square.
    expected = np.sqrt(np.mean(noise**2))
    assert_allclose(numpy_of(tfd_stddev(model(x)))[0], [expected], rtol=1e-3)


LOGITS = np.array([[0.5, -1.0, 0.25], [2.0, 0.0, -3.0]], "float32")


@pytest.mark.parametrize("dtype", [None, "int32", "float32"])
def test_draws_come_in_the_dtype_that_is_asked_for(dtype):
    for function, size in (
        (layer_independent_bernoulli, {"event_shape": 3}),
        (layer_one_hot_categorical, {"event_size": 3}),
    ):
        rv = function(LOGITS, **size, sample_dtype=dtype)
        drawn = tfd_sample(rv, 5)
        assert keras.backend.standardize_dtype(drawn.dtype) == (dtype or "float32")
        assert set(np.unique(numpy_of(drawn))) <= {0, 1}
        assert tuple(drawn.shape) == (5, 2, 3)


def test_a_parameter_of_a_class_is_a_tensor_to_convert_to():
    expected = 1 / (1 + np.exp(-LOGITS))
    kind = type(tfd.Bernoulli(logits=ops.zeros(1)))
    for convert, values in ((kind.logits, LOGITS), (kind.probs, expected)):
        layer = layer_independent_bernoulli(event_shape=3, convert_to_tensor_fn=convert)
        assert_allclose(ops.convert_to_numpy(layer(LOGITS)), values, rtol=1e-5)
        again = type(layer).from_config(layer.get_config())
        assert_allclose(ops.convert_to_numpy(again(LOGITS)), values, rtol=1e-5)


def test_logistic_draws_follow_the_logistic_distribution():
    rv = layer_independent_logistic(np.array([[0.5, -1.0, 0.2, 1.0]], "float32"), event_shape=2)
    drawn = numpy_of(tfd_sample(rv, 20000, seed=3))[:, 0]
    for column, (loc, untransformed) in enumerate([(0.5, 0.2), (-1.0, 1.0)]):
        expected = stats.logistic(loc, np.log1p(np.exp(untransformed)))
        assert stats.kstest(drawn[:, column], expected.cdf).pvalue > ERROR_RATE
        assert_allclose(moment(rv, "stddev")[0, column], expected.std(), rtol=1e-5)


def test_the_inputs_must_have_as_many_numbers_as_there_are_parameters():
    for layer, received in (
        (layer_independent_normal(event_shape=2), 3),
        (layer_multivariate_normal_tri_l(event_size=2), 3),
        (layer_mixture_normal(num_components=2), 3),
        (
            layer_mixture_same_family(
                num_components=2, component_layer=layer_independent_normal(event_shape=2)
            ),
            3,
        ),
    ):
        with pytest.raises(ArgumentError, match=rf"`inputs` must have .*shape=\(64, {received}\)"):
            layer(X)


def test_a_mixture_of_a_function_needs_the_same_number_of_parameters_for_each_component():
    layer = layer_mixture_same_family(num_components=2, component_layer=lambda t: t)
    for size in (2, 5):
        with pytest.raises(ArgumentError, match="`inputs` must have 2 logits and as many"):
            layer(np.ones((4, size), "float32"))


def test_a_divergence_needs_a_prior_and_a_closed_form():
    code = layer_independent_normal(np.ones((4, 4), "float32"), event_shape=2)
    tensor = keras.Sequential([VariableLayer(2)])
    layer = layer_kl_divergence_add_loss(distribution_b=tensor)
    with pytest.raises(ArgumentError, match="`distribution_b` must return a distribution"):
        layer(code)
    mixture = layer_mixture_normal(np.ones((4, 10), "float32"), num_components=2, event_shape=2)
    layer = layer_kl_divergence_add_loss(distribution_b=standard_normal, use_exact_kl=True)
    with pytest.raises(ArgumentError, match="`use_exact_kl` must be left out where"):
        layer(mixture)


def test_a_component_must_be_a_distribution():
    layer = layer_mixture_same_family(num_components=3, component_layer=lambda t: t)
    with pytest.raises(ArgumentError, match="`component_layer` must return a distribution"):
        layer(np.ones((2, 9), "float32"))


def test_the_trained_model_predicts_and_is_scored():
    layer = layer_independent_normal(event_shape=1)
    model = keras.Sequential([keras.Input((3,))])
    bayeslayers.layer_dense_flipout(model, 2, seed=1)
    model.add(layer)
    model.compile(keras.optimizers.Adam(0.05), negative_log_likelihood)
    history = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert predict_draws(model, X, draws=3, seed=1, verbose=0).shape == (3, 64, 1)
    summary = predictive_summary(model, X, draws=20, seed=1, verbose=0)
    assert len(summary) == 64
    scores = predictive_scores(model, X, Y, draws=20, seed=1, verbose=0)
    assert np.isfinite(
        np.ravel(
            list(scores.values())
            if isinstance(scores, dict)
            else scores.select_dtypes("number").to_numpy()
        )
    ).all()


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_parameters_keep_their_precision(dtype):
    layer = layer_multivariate_normal_tri_l(event_size=2, dtype=dtype)
    rv = layer(np.ones((4, 5), "float64" if dtype == "float64" else "float16"))
    expected = "float64" if dtype == "float64" else "float32"
    assert keras.backend.standardize_dtype(ops.convert_to_tensor(tfd_mean(rv)).dtype) == expected


@keras.saving.register_keras_serializable("test_distribution_layers")
class Kernel(keras.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.amplitude = self.add_weight(name="amplitude", initializer="ones")

    @property
    def kernel(self):
        return bayeslayers.tfp.math.psd_kernels.ExponentiatedQuadratic(0.0 + self.amplitude)


@on("tensorflow", "jax")
@pytest.mark.doubles
@pytest.mark.parametrize(
    ("dtype", "arguments"),
    [("float64", {}), ("float32", {"jitter": 1e-4})],
    ids=["double", "single"],
)
def test_draws_of_a_process_are_numbers_in_the_ways_that_its_page_names(dtype, arguments):
    inputs = np.linspace(-2, 2, 100).reshape(-1, 1).astype(dtype)
    layer = layer_variational_gaussian_process(
        num_inducing_points=10, kernel_provider=Kernel(dtype=dtype), **arguments
    )
    rv = layer(inputs)
    assert {variable.dtype for variable in layer.trainable_variables} == {dtype}
    assert np.isfinite(numpy_of(tfd_sample(rv, 3, seed=1))).all()


@on("tensorflow", "jax")
def test_draws_of_a_process_that_are_no_numbers_are_said_once():
    near = np.linspace(-3, 3, 500).reshape(-1, 1).astype("float32")
    far = np.linspace(-9, 9, 5).reshape(-1, 1).astype("float32")
    layer = layer_variational_gaussian_process(num_inducing_points=5, kernel_provider=Kernel())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        assert np.isfinite(numpy_of(tfd_sample(layer(far), 3, seed=1))).all()
        assert not caught
        for _ in range(2):
            assert np.isnan(numpy_of(tfd_sample(layer(near), 3, seed=1))).all()
    assert len(caught) == 1
    assert "Raise `jitter`, which is 1e-06" in str(caught[0].message)
    # Where the variables are no numbers, a larger jitter is no help.
    layer.trainable_variables[0].assign(np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(numpy_of(tfd_sample(layer(near), 3, seed=1))).all()


# The divergence of the output from a prior.


def closed_form(rv):
    """Return KL(Normal(m, C) || Normal(0, 1)) of each row, with NumPy."""
    mean, draws = numpy_of(tfd_mean(rv)), rv
    covariance = numpy_of(draws.covariance())
    sign, log_det = np.linalg.slogdet(covariance)
    assert (sign > 0).all()
    trace = np.trace(covariance, axis1=1, axis2=2)
    return (trace + (mean**2).sum(axis=1) - 2 - log_det) / 2


def encoder(**arguments):
    regularizer = layer_kl_divergence_regularizer(
        distribution_b=standard_normal, **{"use_exact_kl": True, **arguments}
    )
    return layer_multivariate_normal_tri_l(event_size=2, activity_regularizer=regularizer)


@on("tensorflow", "jax")
def test_the_divergence_of_a_code_is_the_closed_form():
    layer = encoder()
    rv = layer(np.concatenate([X, X[:, :2]], axis=1))
    assert_allclose(numpy_of(layer.losses[0]), closed_form(rv).mean(), rtol=1e-5)


def test_normal_vectors_diverge_from_independent_normals_in_closed_form():
    inputs = np.array([[0.5, -1.0, 0.2, 1.0, 0.3]], "float32")
    vector = layer_multivariate_normal_tri_l(inputs, event_size=2)
    independent = layer_independent_normal(np.array([[0.1, -0.2, 0.5, 1.0]], "float32"), 2)
    mean, factor = np.array([0.5, -1.0]), np.array([[np.log1p(np.exp(0.3)), 0], [1.0, 0]])
    factor[1, 1] = np.log1p(np.exp(0.2))
    covariance = factor @ factor.T + 0.0
    other, variances = np.array([0.1, -0.2]), np.log1p(np.exp([0.5, 1.0])) ** 2
    expected = {
        (0, 1): np.trace(covariance / variances) + ((mean - other) ** 2 / variances).sum(),
        (1, 0): np.trace(np.linalg.solve(covariance, np.diag(variances)))
        + (mean - other) @ np.linalg.solve(covariance, mean - other),
    }
    log_ratio = np.log(variances).sum() - np.linalg.slogdet(covariance)[1]
    for (q, p), terms in expected.items():
        pair = (vector, independent)[q], (vector, independent)[p]
        found = numpy_of(tfd_kl_divergence(*pair))
        assert_allclose(found, [(terms - 2 + (1 if q == 0 else -1) * log_ratio) / 2], rtol=1e-4)


def autoencoder():
    inputs = keras.Input((3,))
    code = encoder()(keras.layers.Dense(5)(inputs))
    outputs = layer_homoscedastic_normal(keras.layers.Dense(3)(code), event_shape=3)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), negative_log_likelihood)
    return model


def test_a_variational_autoencoder_trains_and_shows_its_divergence():
    model = autoencoder()
    history = model.fit(X, X, epochs=20, verbose=0, callbacks=[callback_kl_history()]).history
    assert history["loss"][-1] < history["loss"][0]
    both = np.add(history["kl_divergence"], history["negative_log_likelihood"])
    assert_allclose(both, history["loss"], rtol=1e-5)
    # One batch, and nothing changes: the figure is the divergence of the code at its weights.
    model.optimizer.learning_rate = 0.0
    figures = model.fit(X, X, batch_size=64, verbose=0, callbacks=[callback_kl_history()]).history
    code = keras.Model(model.inputs, model.layers[2].output)
    code(X)
    assert_allclose(figures["kl_divergence"], [numpy_of(code.losses[0])], rtol=1e-4)


def test_an_estimate_agrees_with_the_closed_form_within_its_error():
    inputs = np.tile(np.array([[0.5, -1.0, 0.2, 1.0, 0.3]], "float32"), (20000, 1))
    exact, estimated = encoder(), encoder(use_exact_kl=False, test_points_reduce_axis=())
    exact(inputs)
    rv = estimated(inputs)
    points = ops.convert_to_tensor(rv)
    terms = numpy_of(tfd_log_prob(rv, points) - tfd_log_prob(standard_normal(), points))
    error = terms.std() / np.sqrt(len(terms))
    quantile = stats.norm.isf(ERROR_RATE / 2)
    difference = numpy_of(estimated.losses[0]) - numpy_of(exact.losses[0])
    assert abs(difference) < quantile * error


def test_axes_and_weight_do_what_they_say():
    inputs = np.concatenate([X, X[:, :1]], axis=1)
    code = layer_independent_normal(event_shape=2, seed=1)(inputs)
    points = tfd_mean
    at_mean = tfd_log_prob(code, tfd_mean(code)) - tfd_log_prob(standard_normal(), tfd_mean(code))
    terms = numpy_of(at_mean)
    for arguments, expected in (
        ({}, terms.mean()),
        ({"test_points_reduce_axis": ()}, terms.sum()),
        ({"test_points_reduce_axis": 0, "weight": 3}, 3 * terms.mean()),
    ):
        layer = layer_kl_divergence_add_loss(
            distribution_b=standard_normal, test_points_fn=points, **arguments
        )
        assert layer(code) is code
        assert_allclose(numpy_of(layer.losses[0]), expected, rtol=1e-5)


def logistics(dtype):
    return layer_mixture_same_family(
        num_components=2,
        component_layer=layer_independent_logistic(event_shape=2, dtype=dtype),
        dtype=dtype,
    )


# Each with the number of its parameters.
NARROW = {
    "logistic": (4, lambda dtype: layer_independent_logistic(event_shape=2, dtype=dtype)),
    "poisson": (2, lambda dtype: layer_independent_poisson(event_shape=2, dtype=dtype)),
    "vector": (5, lambda dtype: layer_multivariate_normal_tri_l(event_size=2, dtype=dtype)),
    "mixture": (10, lambda dtype: layer_mixture_logistic(None, 2, 2, dtype=dtype)),
    "mixture of a layer": (10, logistics),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NARROW)
def test_what_a_backend_cannot_compute_in_16_bits_is_in_single_precision(name, dtype):
    count, make = NARROW[name]
    layer = make(dtype)
    used = layer.parameter_dtype
    assert used == "float32" or (dtype == "float16" and name != "vector")
    # Numbers that both dtypes have.
    parameters = np.linspace(-1, 1, count * 4).reshape(4, count).astype(dtype).astype("float32")
    targets = np.array([[1.0, 2.0]] * 4, "float32")
    expected = tfd_log_prob(make("float32")(parameters), targets)
    found = tfd_log_prob(layer(ops.cast(parameters, dtype)), ops.cast(targets, used))
    assert_allclose(ops.cast(found, "float32"), expected, rtol=1e-5 if used == "float32" else 0.02)

    model = model_of(count, layer)
    assert np.isfinite(model.fit(X, np.ones((64, 2)), verbose=0).history["loss"]).all()
    assert model.outputs[0].dtype == model.predict(X, verbose=0).dtype == used


def trainable_prior():
    return keras.Sequential(
        [
            VariableLayer(4, initializer="ones"),
            DistributionLambda(normal_of_halves),
        ]
    )


@keras.saving.register_keras_serializable("test_distribution_layers")
def normal_of_halves(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, ops.softplus(rho)), 1)


@pytest.mark.parametrize("kind", ["regularizer", "layer"])
def test_a_prior_with_variables_is_trained_and_saved_with_the_model(kind, tmp_path):
    prior = trainable_prior()
    if kind == "layer":
        last = [
            layer_independent_normal(event_shape=2),
            layer_kl_divergence_add_loss(distribution_b=prior, use_exact_kl=True),
        ]
    else:
        regularizer = layer_kl_divergence_regularizer(distribution_b=prior, use_exact_kl=True)
        last = [layer_independent_normal(event_shape=2, activity_regularizer=regularizer)]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), *last])
    assert len(model.trainable_variables) == 3
    model.compile("adam", negative_log_likelihood)
    model.fit(X, X[:, :2], verbose=0)
    moved = numpy_of(prior.trainable_variables[0])
    assert (moved != 1).all()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", compile=False)
    model(X)
    again(X)
    assert_allclose(numpy_of(again.losses[0]), numpy_of(model.losses[0]), rtol=1e-5)


def test_a_prior_on_variables_that_nobody_trains_is_refused():
    loc = keras.Variable(np.zeros(2, "float32"))
    with pytest.raises(ArgumentError, match="`distribution_b` must be a Keras model where it has"):
        layer_kl_divergence_regularizer(
            distribution_b=lambda: tfd.Independent(tfd.Normal(0.0 + loc, 1.0), 1)
        )


def test_what_is_no_distribution_is_refused():
    layer = layer_kl_divergence_add_loss(distribution_b=standard_normal)
    with pytest.raises(ArgumentError, match=r"`inputs` must be a distribution.* The layer before"):
        layer(X)
    with pytest.raises(ArgumentError, match="`distribution_b` must be or return a distribution"):
        layer_kl_divergence_regularizer(distribution_b=3)
    with pytest.raises(ArgumentError, match="`object` must be left out"):
        layer_kl_divergence_regularizer(keras.Sequential(), standard_normal)


@pytest.mark.parametrize("kind", ["function", "distribution", "model"])
def test_a_prior_by_position_is_told_its_name(kind):
    priors = {"function": standard_normal, "distribution": standard_normal()}
    prior = priors.get(kind) or trainable_prior()
    with pytest.raises(ArgumentError, match=r"`object` must be left out.* `distribution_b`"):
        layer_kl_divergence_regularizer(prior)
    if kind != "model":
        with pytest.raises(ArgumentError, match="pass the layer's own arguments by name"):
            layer_kl_divergence_add_loss(prior)


@on("tensorflow", "jax")
def test_a_layer_whose_kernel_is_a_matrix_provides_no_kernel():
    with pytest.raises(ArgumentError, match=r"`kernel_provider` must be .* It failed: You must"):
        bayeslayers.layer_variational_gaussian_process(X, 3, keras.layers.Dense(2))


def mixture():
    weights = tfd.Categorical(logits=ops.convert_to_tensor([0.5, 1.5]))
    components = tfd.Independent(tfd.Normal(ops.convert_to_tensor([[-1.0, 0], [1, 2]]), 0.5), 1)
    return tfd.MixtureSameFamily(weights, components)


@on("tensorflow", "jax")
@pytest.mark.doubles
def test_a_weight_of_doubles_has_all_digits():
    code, prior = (
        bayeslayers.tfd_normal(
            keras.ops.full((2,), loc, "float64"), keras.ops.ones((2,), "float64")
        )
        for loc in (1.0, 0.0)
    )
    regularizer = layer_kl_divergence_regularizer(
        distribution_b=prior, use_exact_kl=True, weight=0.1
    )
    # The divergence of either is a half.
    assert_allclose(regularizer(code), 0.1, rtol=1e-15)


@keras.saving.register_keras_serializable("test_distribution_layers")
def mean_of(distribution):
    return tfd_mean(distribution)


def autoencoder_of_prior(prior):
    """Return a model whose losses are the divergence from a prior, twice."""
    arguments = {"distribution_b": prior, "test_points_fn": mean_of}
    regularizer = layer_kl_divergence_regularizer(**arguments)
    code = layer_independent_normal(event_shape=2, activity_regularizer=regularizer)
    after = layer_kl_divergence_add_loss(weight=2, **arguments)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), code, after])


@pytest.mark.parametrize("make", [standard_normal, mixture])
def test_a_prior_of_numbers_is_kept_in_a_copy_and_comes_out_of_a_file(make, tmp_path):
    prior = make()
    model = autoencoder_of_prior(prior)
    copy = bayeslayers.as_bayesian(model)
    assert copy.layers[-1].distribution_b is prior
    assert copy.layers[-1].regularizer.weight == 2
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    # As often as one likes.
    again.save(tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras")
    point = ops.convert_to_tensor([0.3, -0.2])
    for layer in (again.layers[-1], again.layers[-2].activity_regularizer):
        assert type(layer.distribution_b) is type(prior)
        assert_allclose(tfd_log_prob(layer.distribution_b, point), tfd_log_prob(prior, point))
    model(X)
    again(X)
    assert len(again.losses) == 2
    assert_allclose(numpy_of(again.losses), numpy_of(model.losses), rtol=1e-6)


@on("tensorflow", "jax")
def test_a_prior_of_a_constructor_comes_out_of_a_file(tmp_path):
    model = autoencoder_of_prior(bayeslayers.tfd_multivariate_normal_diag([0.0, 0.0], [1.0, 2.0]))
    model.save(tmp_path / "m.keras")
    prior = keras.models.load_model(tmp_path / "m.keras").layers[-1].distribution_b
    expected = stats.norm(0, [1, 2]).logpdf([0.5, 3]).sum()
    assert_allclose(tfd_log_prob(prior, [0.5, 3.0]), expected, rtol=1e-6)


def test_a_prior_that_is_no_distribution_of_numbers_is_refused_when_it_is_saved(tmp_path):
    class Own(type(standard_normal())):
        pass

    normal = tfd.Normal(ops.zeros(2), 1.0)
    with pytest.raises(ArgumentError, match=r"`distribution_b` must be .* numbers alone"):
        autoencoder_of_prior(Own(normal, 1)).save(tmp_path / "m.keras")


def test_gradients_reach_the_code():
    dense = keras.layers.Dense(5)
    layer = encoder(use_exact_kl=False)

    def loss():
        layer(dense(X))
        return layer.losses[0]

    dense.build((None, 3))
    assert all((numpy_of(g) != 0).any() for g in gradients(loss, dense.trainable_variables))


OF_SHAPES = [[3], [[2, 3]]]
OF_COMPONENTS_AND_SHAPES = [[4, 3], [4, []], [2, [2, 3]]]
SIZES = {
    "independent_normal": ("IndependentNormal", OF_SHAPES),
    "independent_logistic": ("IndependentLogistic", OF_SHAPES),
    "independent_bernoulli": ("IndependentBernoulli", OF_SHAPES),
    "independent_poisson": ("IndependentPoisson", OF_SHAPES),
    "multivariate_normal_tri_l": ("MultivariateNormalTriL", [[3], [1]]),
    "one_hot_categorical": ("OneHotCategorical", [[3]]),
    "categorical_mixture_of_one_hot_categorical": (
        "CategoricalMixtureOfOneHotCategorical",
        [[4, 3]],
    ),
    "mixture_same_family": ("MixtureSameFamily", [[4, 3]]),
    "mixture_normal": ("MixtureNormal", OF_COMPONENTS_AND_SHAPES),
    "mixture_logistic": ("MixtureLogistic", OF_COMPONENTS_AND_SHAPES),
}


@on("tensorflow")
@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_tensorflow_probabilitys(name):
    import tensorflow_probability as tfp

    kind, cases = SIZES[name]
    for arguments in cases:
        found = getattr(bayeslayers, f"params_size_{name}")(*arguments)
        assert type(found) is int
        assert found == int(getattr(tfp.layers, kind).params_size(*arguments))


def test_bad_sizes_are_refused():
    with pytest.raises(ArgumentError, match="`event_size` must be"):
        bayeslayers.params_size_independent_normal(0)
    with pytest.raises(ArgumentError, match="`num_components` must be"):
        bayeslayers.params_size_mixture_normal(2.5, 1)
