"""Recalibration by one factor: against grids of NumPy's, SciPy's densities and closed forms."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_allclose, assert_array_equal, distributions, numpy_of
from scipy import special, stats

from bayeslayers import (
    ArgumentError,
    layer_independent_logistic,
    layer_independent_normal,
    layer_mixture_normal,
    layer_multivariate_normal_tri_l,
    log_likelihood,
    predict_draws,
    predictive_scores,
    predictive_summary,
    recalibrate,
    tfd_log_prob,
)
from bayeslayers.backend import widened
from bayeslayers.layers import DenseFlipout, DistributionLambda, OneHotCategorical

tfd = distributions
N, DRAWS = 150, 20
X = np.random.default_rng(5).normal(size=(N, 3)).astype("float32")
COMMON = {"draws": DRAWS, "seed": 4, "verbose": 0}


def network(units, *last):
    """Return a model whose weights leave something open, and whose logits are large.

    All such models of as many units start from the same weights.
    """
    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.Input((3,)), DenseFlipout(units), *last])
    loc, scale = model.layers[0].trainable_variables[:2]
    loc.assign(4 * np.random.default_rng(1).normal(size=(3, units)))
    scale.assign(np.full((3, units), 0.5))
    return model


def noise(*shape):
    return np.random.default_rng(8).normal(size=shape)


def factor_of(model):
    return float(numpy_of(model.layers[-1].factor))


def best_on_grid(log_score):
    """Return the factor of the highest score, on a grid and on a finer one about its best."""
    middle, width = 0.0, np.log(30)
    for _ in range(2):
        grid = middle + width * np.linspace(-1, 1, 61)
        middle = grid[np.argmax([log_score(factor) for factor in np.exp(grid)])]
        # The finer one has steps of 0.4 %.
        width /= 30
    return np.exp(middle)


def mixture_log_score(log_p):
    """Return the mean over examples of the log of the mean over draws of log-densities."""
    return (special.logsumexp(log_p, axis=0) - np.log(len(log_p))).mean()


# Classes.


def as_logits(values):
    """Return logits of two classes for those of the second one."""
    return values if values.shape[-1] > 1 else np.concatenate([0 * values, values], axis=-1)


def drawn_classes(logits, temperature):
    """Draw classes from a mixture over draws at a temperature."""
    p = special.softmax(logits / temperature, axis=-1).mean(axis=0)
    return np.array([np.random.default_rng(i).choice(len(row), p=row) for i, row in enumerate(p)])


CLASSIFIERS = {
    "logits": (3, "logits", []),
    "logits of a single column": (1, "logits", []),
    "probabilities": (3, "probabilities", [keras.layers.Softmax]),
    "probability of a single column": (
        1,
        "probabilities",
        [lambda: keras.layers.Activation("sigmoid")],
    ),
    "one-hot": (3, "auto", [lambda: OneHotCategorical(3, sample_dtype="int32")]),
    "categorical": (3, "auto", [lambda: DistributionLambda(lambda t: tfd.Categorical(logits=t))]),
    "categorical of probabilities": (
        3,
        "auto",
        [lambda: DistributionLambda(lambda t: tfd.Categorical(probs=keras.ops.softmax(t)))],
    ),
    "independent bernoulli": (
        1,
        "auto",
        [lambda: DistributionLambda(lambda t: tfd.Independent(tfd.Bernoulli(logits=t), 1))],
    ),
    "bernoulli of probabilities": (
        1,
        "auto",
        [lambda: DistributionLambda(lambda t: tfd.Bernoulli(probs=keras.ops.sigmoid(t)))],
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_temperature_is_the_best_of_a_grid(name):
    units, outputs, last = CLASSIFIERS[name]
    logits = as_logits(predict_draws(network(units), X, **COMMON).astype("float64"))
    y = drawn_classes(logits, 4.0)

    def log_score(factor):
        log_p = special.log_softmax(logits / factor, axis=-1)
        return mixture_log_score(log_p[:, np.arange(N), y])

    found = recalibrate(network(units, *(make() for make in last)), X, y, outputs=outputs, **COMMON)
    assert factor_of(found) == pytest.approx(best_on_grid(log_score), rel=0.004)
    after = predictive_scores(found, X, y, outputs=outputs, **COMMON)["log_score"].item()
    # The best is flat: what the factor is off by matters by its square.
    assert after == pytest.approx(log_score(best_on_grid(log_score)), abs=1e-4)
    assert after > log_score(1.0) + 0.1


def test_a_mixture_over_classes_has_the_logits_of_its_mean():
    first, second = np.array([[0.2, 0.3, 0.5]]), np.array([[0.7, 0.2, 0.1]])
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.array([[0.4, 0.6]], "float32")),
        tfd.OneHotCategorical(probs=np.stack([first, second], axis=1).astype("float32")),
    )
    p = (0.4 * first + 0.6 * second) ** (1 / 2.5)
    found = widened(mixture, keras.ops.convert_to_tensor(2.5))
    log_p = tfd_log_prob(found, np.eye(3, dtype="float32"))
    assert_allclose(numpy_of(log_p), np.log(p / p.sum())[0], rtol=1e-5)


# Values.


def normal(t):
    return tfd.Normal(t, 0.1)


def test_the_factor_of_one_function_is_the_root_mean_square_of_its_residuals():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), DistributionLambda(normal)])
    y = noise(N, 2)
    residuals = (y - numpy_of(model.layers[0](X))) / 0.1
    # d/ds of sum(log s + z^2 / (2 s^2)) is zero where s^2 is the mean of z^2.
    found = factor_of(recalibrate(model, X, y, **COMMON))
    assert found == pytest.approx(np.sqrt((residuals**2).mean()), rel=1e-3)


FAMILIES = {
    "normal": (lambda t: tfd.Normal(t, 0.1), lambda r, s: stats.norm.logpdf(r, 0, s)),
    "laplace": (lambda t: tfd.Laplace(t, 0.1), lambda r, s: stats.laplace.logpdf(r, 0, s)),
    "student": (lambda t: tfd.StudentT(3.0, t, 0.1), lambda r, s: stats.t.logpdf(r, 3.0, 0, s)),
    "cauchy": (lambda t: tfd.Cauchy(t, 0.1), lambda r, s: stats.cauchy.logpdf(r, 0, s)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_scale_is_the_best_of_a_grid(name):
    make, log_density = FAMILIES[name]
    locations = predict_draws(network(2), X, **COMMON).astype("float64")
    y = locations[0] + 0.3 * noise(N, 2) ** 3

    def log_score(factor):
        return mixture_log_score(log_density(y - locations, 0.1 * factor).sum(axis=-1))

    for wrap in (lambda d: d, lambda d: tfd.Independent(d, 1)):
        model = network(2, DistributionLambda(lambda t, wrap=wrap: wrap(make(t))))
        found = recalibrate(model, X, y, **COMMON)
        assert factor_of(found) == pytest.approx(best_on_grid(log_score), rel=0.004)
        after = log_likelihood(found, X, y, **COMMON)
        assert mixture_log_score(after) == pytest.approx(log_score(factor_of(found)), rel=1e-4)


LAYERS = {
    "normal": (layer_independent_normal, {"event_shape": 2}, 4),
    "logistic": (layer_independent_logistic, {"event_shape": 2}, 4),
    "multivariate normal": (layer_multivariate_normal_tri_l, {"event_size": 2}, 5),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_noise_of_a_layer_grows_by_the_factor_and_the_rest_stays(name):
    make, arguments, units = LAYERS[name]
    # Noise of the order of 0.7, and outcomes some five times as far.
    model = make(network(units, keras.layers.Rescaling(0.1)), **arguments)
    mean = predict_draws(model, X, **COMMON).mean(axis=0)
    found = recalibrate(model, X, mean + 4 * noise(N, 2), **COMMON)
    assert factor_of(found) > 2
    before, after = (predictive_summary(m, X[:5], **COMMON) for m in (model, found))
    assert_allclose(after["sd_aleatoric"], factor_of(found) * before["sd_aleatoric"], rtol=1e-4)
    assert_array_equal(after["mean"], before["mean"])
    assert_array_equal(after["sd_epistemic"], before["sd_epistemic"])


def multivariate_normal_of(loc, factor):
    if BACKEND == "torch":
        return tfd.MultivariateNormal(loc, scale_tril=factor)
    return tfd.MultivariateNormalTriL(loc, factor)


def test_the_covariance_of_a_multivariate_normal_grows_by_the_square():
    factor = np.array([[0.5, 0.0], [0.3, 0.7]], "float32")
    loc = np.array([1.0, -2.0], "float32")
    found = widened(multivariate_normal_of(loc, factor), keras.ops.convert_to_tensor(3.0))
    points = noise(4, 2).astype("float32")
    expected = stats.multivariate_normal(loc, 9 * factor @ factor.T).logpdf(points)
    assert_allclose(numpy_of(tfd_log_prob(found, points)), expected, rtol=1e-4)


# The model that comes back.


def noisy():
    model = network(1, DistributionLambda(normal))
    return model, predict_draws(model, X, **COMMON)[0] + noise(N, 1)


def test_the_model_that_is_passed_stays_as_it_is():
    model, y = noisy()
    weights, likelihood = model.get_weights(), log_likelihood(model, X, y, **COMMON)
    found = recalibrate(model, X, y, **COMMON)
    for after, before in zip(model.get_weights(), weights, strict=True):
        assert_array_equal(after, before)
    assert_array_equal(log_likelihood(model, X, y, **COMMON), likelihood)
    assert len(found.layers) == len(model.layers) + 1
    assert not {id(v) for v in found.variables} & {id(v) for v in model.variables}


def test_another_recalibration_changes_nothing():
    model, y = noisy()
    once = recalibrate(model, X, y, **COMMON)
    assert factor_of(once) > 5
    assert factor_of(recalibrate(once, X, y, **COMMON)) == pytest.approx(1, rel=1e-3)


@keras.saving.register_keras_serializable("test_recalibration")
def saved_normal(t):
    return tfd.Normal(t, 0.1)


@pytest.mark.parametrize(
    ("last", "outputs"),
    [
        (lambda: DistributionLambda(saved_normal, "mean"), "auto"),
        (lambda: keras.layers.Activation("sigmoid"), "probabilities"),
    ],
    ids=["distribution", "probabilities"],
)
def test_a_file_keeps_the_factor(tmp_path, last, outputs):
    logits = as_logits(predict_draws(network(1), X, **COMMON).astype("float64"))
    y = drawn_classes(logits, 4.0)[:, None].astype("float32")
    found = recalibrate(network(1, last()), X, y, outputs=outputs, **COMMON)
    found.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert factor_of(loaded) == factor_of(found) != 1
    expected = predictive_scores(found, X, y, outputs=outputs, **COMMON)
    assert_allclose(predictive_scores(loaded, X, y, outputs=outputs, **COMMON), expected, rtol=1e-6)


def test_the_tensor_that_the_output_is_stays_a_mean():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.add(DistributionLambda(normal, "mean"))
    found = recalibrate(model, X, noise(N, 1), **COMMON)
    assert_allclose(found.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_training_leaves_the_factor_alone():
    model, y = noisy()
    found = recalibrate(model, X, y, **COMMON)
    before, kernel = factor_of(found), numpy_of(found.layers[0].trainable_variables[0])
    found.compile("sgd", loss=lambda y, rv: -tfd_log_prob(rv, y))
    found.fit(X, y, epochs=1, verbose=0)
    assert factor_of(found) == before
    assert (numpy_of(found.layers[0].trainable_variables[0]) != kernel).any()


@pytest.mark.parametrize("nest", ["list", "dictionary"])
def test_one_of_several_outputs(nest):
    inputs = keras.Input((3,))
    hidden = DenseFlipout(4)(inputs)
    sizes = DistributionLambda(normal, name="size")(keras.layers.Dense(1)(hidden))
    kinds = keras.layers.Dense(3, name="kind")(hidden)
    outputs = {"size": sizes, "kind": kinds} if nest == "dictionary" else [sizes, kinds]
    model = keras.Model(inputs, outputs)
    y, k = noise(N, 1), predict_draws(model, X, 1, output=1, verbose=0)[0].argmax(-1)
    k[::3] = np.arange(N // 3) % 3
    of_sizes = recalibrate(model, X, y, output="size", **COMMON)
    of_kinds = recalibrate(model, X, k, output="kind", outputs="logits", **COMMON)
    layers = of_sizes.get_layer("size_recalibrated"), of_kinds.get_layer("kind_recalibrated")
    factors = [float(numpy_of(layer.factor)) for layer in layers]
    before, after = (
        {
            "size": predictive_summary(m, X[:3], output=0, **COMMON)["sd_aleatoric"],
            "kind": predict_draws(m, X[:3], output=1, **COMMON),
        }
        for m in (model, of_sizes)
    )
    assert_allclose(after["size"], factors[0] * before["size"], rtol=1e-5)
    assert_array_equal(after["kind"], before["kind"])
    found = predict_draws(of_kinds, X[:3], output=1, **COMMON)
    assert_allclose(found, before["kind"] / factors[1], rtol=1e-5)
    if nest == "dictionary":
        assert list(predict_draws(of_sizes, X[:3], **COMMON)) == ["size", "kind"]


def test_a_model_within_a_model():
    inner, y = noisy()
    inputs = keras.Input((3,))
    whole = keras.Model(inputs, inner(inputs))
    locations = predict_draws(whole, X, **COMMON)

    def log_score(factor):
        return mixture_log_score(stats.norm.logpdf(y, locations, 0.1 * factor)[..., 0])

    found = recalibrate(whole, X, y, **COMMON)
    assert factor_of(found) == pytest.approx(best_on_grid(log_score), rel=0.004)


def test_targets_may_come_with_inputs_that_come_once():
    model, y = noisy()
    expected = factor_of(recalibrate(model, X, y, **COMMON))
    batches = ((X[i : i + 40], y[i : i + 40]) for i in range(0, N, 40))
    assert factor_of(recalibrate(model, batches, **COMMON)) == pytest.approx(expected, rel=1e-3)


def test_the_search_says_where_it_ends():
    exact = np.zeros((N, 1))
    fixed = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    fixed.add(DistributionLambda(normal))
    with pytest.warns(UserWarning, match="all targets are predicted right"):
        recalibrate(fixed, X, exact, **COMMON)
    with pytest.warns(UserWarning, match="do not follow the predictions"):
        found = recalibrate(fixed, X, exact + 1000, **COMMON)
    assert factor_of(found) == pytest.approx(100, rel=0.02)


def test_what_has_no_scale_is_refused():
    y = np.abs(noise(N, 1))
    for make in (lambda t: tfd.Gamma(1 + t**2, 1 + t**2), lambda t: tfd.LogNormal(t, 0 * t + 1)):
        with pytest.raises(ArgumentError, match=r"a scale or logits.*`conformal_interval\(\)`"):
            recalibrate(network(1, DistributionLambda(make)), X, y, **COMMON)
    mixture = layer_mixture_normal(network(6), num_components=2, event_shape=1)
    with pytest.raises(ArgumentError, match="must end in a distribution with a scale"):
        recalibrate(mixture, X, y, **COMMON)
    with pytest.raises(ArgumentError, match="which ends in a tensor of values"):
        recalibrate(network(1), X, y, **COMMON)


def test_a_target_without_any_probability_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda t: 0 * t[:, :1])])
    with pytest.raises(ArgumentError, match="above zero"):
        recalibrate(model, X, np.ones(N), outputs="probabilities", **COMMON)


def test_a_model_that_cannot_be_copied_is_refused():
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ArgumentError, match="must be a `Sequential` or functional model"):
        recalibrate(Subclassed(), X, np.arange(N) % 3, outputs="logits", **COMMON)
