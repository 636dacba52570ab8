"""Methods of a distribution before a model is called: in the functional API, and by the verbs."""

import keras
import numpy as np
import pytest
from distributions_of import diagonal, normal_of_columns, rounded
from frameworks import (
    BACKEND,
    JIT_COMPILE,
    assert_allclose,
    assert_array_equal,
    distributions,
    numpy_of,
    on,
)
from keras import ops
from scipy import stats

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    layer_autoregressive,
    layer_autoregressive_transform,
    layer_distribution_lambda,
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_mean,
    tfd_quantile,
    tfd_sample,
)
from bayeslayers.layers import DistributionLambda

keras.saving.register_keras_serializable("test_symbolic_distribution")(normal_of_columns)


@keras.saving.register_keras_serializable("test_symbolic_distribution")
def normal_vector(t):
    return diagonal(t, rounded([1.0, 2.0]))


def scipy_normal(t):
    t = np.asarray(t, "float64")
    return stats.norm(t[:, 0], 1e-3 + np.log1p(np.exp(t[:, 1])))


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(5, 2)).astype("float32")


@pytest.fixture
def symbolic():
    symbol = keras.Input((2,))
    return symbol, layer_distribution_lambda(symbol, normal_of_columns, seed=1)


METHODS = {
    "mean": (lambda rv: rv.mean(), lambda d: d.mean()),
    "mode": (lambda rv: rv.mode(), lambda d: d.mean()),
    "stddev": (lambda rv: rv.stddev(), lambda d: d.std()),
    "variance": (lambda rv: rv.variance(name="v"), lambda d: d.var()),
    "entropy": (lambda rv: rv.entropy(), lambda d: d.entropy()),
    "log_prob": (lambda rv: rv.log_prob(0.5), lambda d: d.logpdf(0.5)),
    "prob": (lambda rv: rv.prob(value=[[0.5], [1]]), lambda d: d.pdf([[0.5], [1]])),
    "cdf": (lambda rv: rv.cdf(np.float64(0.5)), lambda d: d.cdf(0.5)),
    "log_cdf": (lambda rv: rv.log_cdf(0.5), lambda d: d.logcdf(0.5)),
    "survival_function": (lambda rv: rv.survival_function(0.5), lambda d: d.sf(0.5)),
    "log_survival_function": (lambda rv: rv.log_survival_function(0.5), lambda d: d.logsf(0.5)),
    "quantile": (lambda rv: rv.quantile(0.9), lambda d: d.ppf(0.9)),
    "kl_divergence": (lambda rv: rv.kl_divergence(rv), lambda d: 0 * d.mean()),
    "cross_entropy": (lambda rv: rv.cross_entropy(rv), lambda d: d.entropy()),
    "arithmetic": (lambda rv: 2 * rv.mean() + rv.stddev(), lambda d: 2 * d.mean() + d.std()),
    "verbs": (lambda rv: tfd_quantile(rv, 0.9) - tfd_mean(rv), lambda d: d.ppf(0.9) - d.mean()),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_part_of_the_model(name, symbolic, inputs, tmp_path):
    symbol, rv = symbolic
    ask, reference = METHODS[name]
    output = ask(rv)
    model = keras.Model(symbol, output)
    expected = reference(scipy_normal(inputs))
    assert output.shape == (*expected.shape[:-1], None)
    assert_allclose(model(inputs), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, rtol=1e-4, atol=1e-6)
    model.save(tmp_path / "m.keras")
    for again in (keras.models.load_model(tmp_path / "m.keras"), keras.models.clone_model(model)):
        assert_array_equal(again(inputs), numpy_of(model(inputs)))


def test_samples_are_new_draws_from_the_layers_stream(symbolic, inputs):
    symbol, rv = symbolic
    several = rv.sample(4)
    assert several.shape == (4, None)
    model = keras.Model(symbol, [rv, several, rv.sample(sample_shape=(2, 3)), tfd_sample(rv)])
    drawn = model.predict(inputs, verbose=0)
    assert [each.shape for each in drawn] == [(5,), (4, 5), (2, 3, 5), (5,)]
    values = np.concatenate([each.reshape(-1, 5) for each in drawn])
    assert len(np.unique(values)) == values.size
    # Error rate: below one in a million.
    many = keras.Model(symbol, rv.sample(20000)).predict(inputs, verbose=0)
    reference = scipy_normal(inputs)
    assert np.all(np.abs(many.mean(axis=0) - reference.mean()) < 5.5 * reference.std() / 20000**0.5)


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_a_model_trains_on_what_a_method_returns(jit_compile, rng):
    """Least squares of a mean: the oracle is the model of the first column itself."""
    values, targets = rng.normal(size=(2, 32, 1)).astype("float32")
    symbol = keras.Input((1,))
    parameters = keras.layers.Dense(2, kernel_initializer="ones")(symbol)
    rv = layer_distribution_lambda(parameters, normal_of_columns)
    plain = parameters[..., 0]
    results = []
    for output in (rv.mean(), plain):
        model = keras.models.clone_model(keras.Model(symbol, output))
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        model.fit(values, targets[:, 0], epochs=5, shuffle=False, verbose=0)
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_a_model_that_ends_in_a_distribution_is_asked_by_the_verbs(symbolic, inputs, tmp_path):
    """Keras describes the output of a model within a model as a plain tensor."""
    inner = keras.Model(*symbolic)
    sequential = keras.Sequential([keras.Input((2,)), DistributionLambda(normal_of_columns)])
    outer = keras.Input((2,))
    for each in (inner, sequential, keras.Sequential([keras.Input((2,)), sequential])):
        outputs = [tfd_mean(each(outer)), tfd_log_prob(each(outer), 0.5)]
        model = keras.Model(outer, outputs)
        reference = scipy_normal(inputs)
        assert_allclose(model(inputs)[0], reference.mean(), rtol=1e-5)
        assert_allclose(model(inputs)[1], reference.logpdf(0.5), rtol=1e-4)
        model.save(tmp_path / "m.keras")
        loaded = keras.models.load_model(tmp_path / "m.keras")
        assert_array_equal(loaded(inputs)[1], numpy_of(model(inputs)[1]))


def test_the_divergence_between_two_outputs(inputs):
    symbols = [keras.Input((2,)) for _ in range(2)]
    q, p = (layer_distribution_lambda(symbol, normal_of_columns) for symbol in symbols)
    model = keras.Model(symbols, tfd_kl_divergence(q, p))
    others = inputs[::-1]
    q, p = scipy_normal(inputs), scipy_normal(others)
    expected = (
        np.log(p.std() / q.std()) + (q.var() + (q.mean() - p.mean()) ** 2) / (2 * p.var()) - 0.5
    )
    assert_allclose(model([inputs, others]), expected, rtol=1e-4, atol=1e-6)


def test_the_density_at_another_output(inputs):
    """Where a value is asked for, a distribution is the tensor that it stands for."""
    symbol = keras.Input((2,))
    at = layer_distribution_lambda(symbol, lambda t: distributions.Normal(t[..., 1], 1.0), "mean")
    rv = layer_distribution_lambda(symbol, normal_of_columns)
    model = keras.Model(symbol, rv.log_prob(at))
    expected = scipy_normal(inputs).logpdf(inputs[:, 1].astype("float64"))
    assert_allclose(model(inputs), expected, rtol=1e-4)


def test_events_have_the_shapes_of_their_distributions(inputs):
    symbol = keras.Input((2,))
    rv = layer_distribution_lambda(symbol, normal_vector)
    assert rv.shape == rv.mean().shape == (None, 2)
    assert rv.log_prob(np.zeros(2)).shape == (None,)
    if BACKEND != "torch":
        assert rv.covariance().shape == (None, 2, 2)


@on("tensorflow", "jax")
def test_flows_have_the_shapes_of_their_distributions(inputs):
    symbol = keras.Input((2,))
    rv = layer_distribution_lambda(symbol, normal_vector)
    flow = layer_autoregressive_transform(rv, layer_autoregressive(params=2, hidden_units=4))
    assert flow.log_prob(np.zeros(2)).shape == (None,)
    model = keras.Model(symbol, [flow, flow.log_prob(np.zeros(2))])
    found, expected = model(inputs)[1], model(inputs)[0].log_prob(np.zeros(2, "float32"))
    assert_allclose(found, numpy_of(expected), rtol=1e-5)


def poisson(t):
    return distributions.Poisson(ops.softplus(t))


def test_dtypes_are_those_of_the_methods():
    keras.config.set_dtype_policy("mixed_bfloat16")
    symbol = keras.Input((3,))
    rv = layer_distribution_lambda(keras.layers.Dense(1)(symbol), poisson)
    assert rv.mean().dtype == "float32"
    model = keras.Model(symbol, [rv.mean(), rv.log_prob(2.0)])
    dtypes = [keras.backend.standardize_dtype(each.dtype) for each in model(np.ones((2, 3)))]
    assert dtypes == ["float32", "float32"]


def test_it_goes_through_conversion(inputs):
    symbol = keras.Input((2,))
    rv = layer_distribution_lambda(keras.layers.Dense(2)(symbol), normal_of_columns)
    model = as_bayesian(keras.Model(symbol, rv.stddev()))
    assert np.all(model.predict(inputs, verbose=0) > 0)


def test_what_cannot_be_asked_says_what_can(symbolic):
    symbol, rv = symbolic
    with pytest.raises(AttributeError, match=r"no `loc`, but `mean\(\)`.*`convert_to_tensor_fn`"):
        _ = rv.loc
    with pytest.raises(ArgumentError, match="`distribution` must be the output of a layer"):
        tfd_mean(symbol)
    with pytest.raises(ArgumentError, match=r"`other` must be.*`activity_regularizer`"):
        rv.kl_divergence(distributions.Normal(0.0, 1.0))
    with pytest.raises(NotImplementedError, match=r"no `covariance\(\)` of this distribution"):
        rv.covariance()
    with pytest.raises(TypeError, match="value"):
        rv.log_prob()
