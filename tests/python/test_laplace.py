"""Laplace's approximation, against Bayesian regression in NumPy and finite differences."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, numpy_of
from keras import layers as kl

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    fit_bayesian,
    kl_divergence,
    layer_homoscedastic_normal,
    layer_independent_logistic,
    layer_independent_normal,
    layer_one_hot_categorical,
    posterior_draws,
    posterior_summary,
    predict_draws,
    predictive_scores,
    predictive_summary,
)
from bayeslayers.layers.laplace import LAPLACE, Probe, probing

NOISE, PRECISION = 0.3, 2.0


def network(units=1, activation=None, **arguments):
    """Return a network with a hidden layer, built."""
    hidden = kl.Dense(4, activation="tanh", name="hidden", bias_initializer="normal")
    last = kl.Dense(units, activation=activation, name="last", **arguments)
    return keras.Sequential([keras.Input((2,)), hidden, last])


def features(model, x):
    """Return the inputs of the last layer with a column of ones, in double precision."""
    hidden = model.get_layer("hidden")
    kernel, bias = (numpy_of(w).astype("float64") for w in hidden.weights)
    inputs = np.tanh(x.astype("float64") @ kernel + bias)
    return np.concatenate([inputs, np.ones((len(x), 1))], axis=1)


def regression(rng, units=1, n=40):
    """Return data, a network at the ridge solution of its last layer, and its posterior."""
    x = rng.normal(size=(n, 2)).astype("float32")
    y = np.sin(x[:, :1] @ np.ones((1, units))) + NOISE * rng.normal(size=(n, units))
    model = network(units)
    phi = features(model, x)
    covariance = np.linalg.inv(phi.T @ phi / NOISE**2 + PRECISION * np.eye(5))
    mean = covariance @ phi.T @ y / NOISE**2
    model.get_layer("last").set_weights([mean[:-1], mean[-1]])
    return x, y, model, mean, covariance


def settings(**arguments):
    return {"estimator": "laplace", "prior_precision": PRECISION, "noise": NOISE, **arguments}


def covariance_of(layer):
    """Return the covariance of the matrix of weights, row by row, out of the layer's variables."""
    scale = numpy_of(layer.scale).astype("float64")
    rows, columns = scale.shape
    left = np.eye(rows) if layer.row_rotation is None else numpy_of(layer.row_rotation)
    right = np.eye(columns) if layer.column_rotation is None else numpy_of(layer.column_rotation)
    factor = np.kron(left, right).astype("float64") * scale.ravel()
    return factor @ factor.T


def laplace_layers(model):
    return [layer for layer in model.layers if type(layer).__name__.endswith("Laplace")]


def last_layer(model):
    return laplace_layers(model)[-1]


@pytest.mark.parametrize("units", [1, 3])
def test_linear_regression_on_the_inputs_of_the_last_layer_is_exact(rng, units):
    x, y, plain, mean, covariance = regression(rng, units)
    model = as_bayesian(plain, x=x, y=y, **settings())
    layer = last_layer(model)
    kernel, bias = (numpy_of(w) for w in layer.plain_weights("mean"))
    assert_allclose(np.vstack([kernel, bias]), mean, rtol=1e-5, atol=1e-6)
    # Weights of different outputs are independent, row by row of the matrix of weights.
    assert_allclose(covariance_of(layer), np.kron(covariance, np.eye(units)), rtol=1e-4, atol=1e-6)
    table = posterior_summary(model)
    sd = np.sqrt(np.repeat(np.diag(covariance), units))
    assert_allclose(table["sd"], sd, rtol=1e-4)
    assert list(table["weight"]) == ["kernel"] * 4 * units + ["bias"] * units


@pytest.mark.essential
def test_predictions_are_those_of_linear_regression(rng):
    x, y, plain, mean, covariance = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings())
    new = rng.normal(size=(20, 2)).astype("float32")
    phi = features(plain, new)
    table = predictive_summary(model, new, draws=4000, seed=1, verbose=0)
    epistemic = np.sqrt(np.einsum("nc,cd,nd->n", phi, covariance, phi))
    # Five standard errors of a mean, and of a standard deviation, of 4000 normal draws.
    assert (np.abs(table["mean"] - (phi @ mean)[:, 0]) < 5 * epistemic / 4000**0.5).all()
    assert (np.abs(table["sd_epistemic"] / epistemic - 1) < 5 / 8000**0.5).all()
    assert_allclose(table["sd_aleatoric"], NOISE, rtol=1e-5)
    assert_allclose(numpy_of(model.predict(new, verbose=0)).shape, (20, 1))


def test_draws_have_the_posterior_covariance(rng):
    x, y, plain, mean, covariance = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings())
    draws = posterior_draws(model, draws=4000, seed=1)
    weights = np.concatenate([draws["last.kernel"][..., 0], draws["last.bias"]], axis=1)
    root = np.linalg.cholesky(covariance)
    z = np.linalg.solve(root, (weights - mean[:, 0]).T)
    # Standard normal and independent: each entry has a standard error of at most 0.023.
    assert_allclose(z @ z.T / 4000, np.eye(5), atol=0.12)
    outputs = predict_draws(model, x, draws=3, seed=1, kind="mean", verbose=0)
    assert_allclose(outputs, (weights[:3] @ features(plain, x).T)[..., None], atol=1e-4)


def test_the_divergence_is_that_of_two_normal_distributions(rng):
    x, y, plain, mean, covariance = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings())
    trace, squares = PRECISION * np.trace(covariance), PRECISION * np.sum(mean**2)
    logs = 5 * np.log(PRECISION) + np.linalg.slogdet(covariance)[1]
    expected = 0.5 * (trace + squares - 5 - logs)
    kl = kl_divergence(model)
    assert_allclose(kl.total, expected, rtol=1e-4)
    assert list(kl.table["mcse"]) == [0.0]
    assert list(kl.table["parameters"]) == [5]
    model(x)
    assert_allclose(numpy_of(sum(model.losses)), expected, rtol=1e-4)


@pytest.mark.parametrize("structure", ["kron", "diagonal"])
def test_structures_of_linear_regression(rng, structure):
    x, y, plain, _, covariance = regression(rng, units=2)
    model = as_bayesian(plain, x=x, y=y, **settings(hessian_structure=structure))
    found = covariance_of(last_layer(model))
    if structure == "kron":
        # One likelihood for all examples: the Kronecker product is exact.
        assert_allclose(found, np.kron(covariance, np.eye(2)), rtol=1e-4, atol=1e-6)
    else:
        diagonal = np.diag(np.linalg.inv(np.kron(covariance, np.eye(2))))
        assert_allclose(found, np.diag(1 / diagonal), rtol=1e-4)


def log_posterior(phi, y, weights, kind):
    """Return the log posterior of the weights (5, columns) up to a constant, in NumPy."""
    f = phi @ weights
    if kind == "binary":
        f = np.concatenate([np.zeros_like(f), f], axis=1)
    log_p = f - np.log(np.exp(f).sum(axis=1, keepdims=True))
    return log_p[np.arange(len(y)), y].sum() - PRECISION * np.sum(weights**2) / 2


def hessian(function, at, step=1e-3):
    """Return the matrix of second derivatives by central differences."""
    size = at.size
    directions = step * np.eye(size).reshape(size, *at.shape)
    found = np.empty((size, size))
    for i, a in enumerate(directions):
        for j, b in enumerate(directions):
            both = function(at + a + b) - function(at + a - b)
            found[i, j] = (both - function(at - a + b) + function(at - a - b)) / (4 * step**2)
    return found


CLASSES = {
    "logits": ("many", None, {"outputs": "logits"}),
    "probabilities": ("many", "softmax", {"outputs": "probabilities"}),
    "softmax that is not compiled": ("many", "softmax", {}),
    "one logit": ("binary", None, {"outputs": "logits"}),
    "one probability": ("binary", "sigmoid", {}),
    "loss": ("many", None, {}),
    "loss of one": ("binary", None, {}),
    "distribution": ("many", None, {}),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_have_the_hessian_of_the_log_posterior(rng, case):
    kind, activation, arguments = CLASSES[case]
    classes, units = (2, 1) if kind == "binary" else (3, 3)
    plain = network(units, activation)
    x = rng.normal(size=(30, 2)).astype("float32")
    y = rng.integers(classes, size=30).astype("int32")
    if case == "loss":
        plain.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    if case == "loss of one":
        plain.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    if case == "distribution":
        layer_one_hot_categorical(plain, event_size=3)
    model = as_bayesian(plain, x=x, y=y, **settings(noise=None, **arguments))
    kernel, bias = (numpy_of(w).astype("float64") for w in plain.get_layer("last").weights)
    phi, weights = features(plain, x), np.vstack([kernel, bias])
    precision = -hessian(lambda w: log_posterior(phi, y, w, kind), weights)
    found = covariance_of(last_layer(model))
    # The product is the identity; differences are good to about six digits.
    assert_allclose(found @ precision, np.eye(weights.size), atol=1e-4)
    outputs = "auto" if case == "distribution" else "logits" if activation is None else None
    scores = predictive_scores(
        model, x, y, draws=10, outputs=outputs or "probabilities", seed=1, verbose=0
    )
    assert np.isfinite(scores["log_score"]).all()


def test_a_column_for_each_class_is_the_same(rng):
    plain = network(3)
    x = rng.normal(size=(30, 2)).astype("float32")
    y = rng.integers(3, size=30)
    found = [
        as_bayesian(plain, x=x, y=targets, **settings(noise=None, outputs="logits"))
        for targets in (y, np.eye(3)[y], y[:, None])
    ]
    for model in found[1:]:
        assert_array_equal(last_layer(model).scale, last_layer(found[0]).scale)


def test_a_normal_distribution_at_the_end_knows_its_noise(rng):
    x, y, plain, _, covariance = regression(rng)
    layer_homoscedastic_normal(plain, event_shape=1, initial_scale=NOISE)
    model = as_bayesian(plain, x=x, y=y, **settings(noise=None))
    assert_allclose(covariance_of(last_layer(model)), covariance, rtol=1e-4, atol=1e-6)
    assert [type(layer).__name__ for layer in model.layers].count("HomoscedasticNormal") == 1


def test_a_noise_of_each_example_has_the_expected_hessian(rng):
    """The Fisher information is the mean of the Hessian over outcomes of the distribution."""
    plain = network(2)
    layer_independent_normal(plain, event_shape=1)
    x = rng.normal(size=(25, 2)).astype("float32")
    model = as_bayesian(plain, x=x, y=x[:, :1], **settings(noise=None))
    kernel, bias = (numpy_of(w).astype("float64") for w in plain.get_layer("last").weights)
    phi, weights = features(plain, x), np.vstack([kernel, bias])
    at = phi @ weights
    # The mean over outcomes of the log-likelihood has a closed form, and its Hessian is the one.
    scale = np.log1p(np.exp(at[:, 1]))

    def expected_log_likelihood(w):
        loc, other = (phi @ w).T
        other = np.log1p(np.exp(other))
        squares = scale**2 + (loc - at[:, 0]) ** 2
        return np.sum(-np.log(other) - squares / (2 * other**2)) - PRECISION * np.sum(w**2) / 2

    found = covariance_of(last_layer(model))
    assert_allclose(found @ -hessian(expected_log_likelihood, weights), np.eye(10), atol=1e-4)


def test_the_noise_is_that_of_the_residuals(rng):
    x, y, plain, _, _ = regression(rng, units=2)
    y = y * [1.0, 5.0]
    residuals = y - numpy_of(plain(x))
    noise = np.sqrt(np.mean(residuals**2, axis=0))
    model = as_bayesian(plain, x=x, y=y, **settings(noise=None))
    table = predictive_summary(model, x[:1], draws=5, seed=1, verbose=0)
    assert_allclose(table["sd_aleatoric"], noise, rtol=1e-4)
    phi = features(plain, x)
    for k in range(2):
        expected = np.linalg.inv(phi.T @ phi / noise[k] ** 2 + PRECISION * np.eye(5))
        found = covariance_of(last_layer(model))[k::2, k::2]
        assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_prior_precision_has_the_largest_marginal_likelihood(rng):
    x, y, plain, mean, _ = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings(prior_precision="auto"))
    phi = features(plain, x)
    grid = np.exp(np.linspace(-8, 8, 4001))

    def evidence(precision):
        posterior = phi.T @ phi / NOISE**2 + precision * np.eye(5)
        logs = 5 * np.log(precision) - np.linalg.slogdet(posterior)[1]
        return (logs - precision * np.sum(mean**2)) / 2

    best = grid[np.argmax([evidence(precision) for precision in grid])]
    assert_allclose(last_layer(model).prior_precision, best, rtol=0.005)


def test_the_prior_precision_is_bounded_where_the_means_are_zero(rng):
    x, y, plain, _, _ = regression(rng)
    plain.get_layer("last").set_weights([np.zeros((4, 1)), np.zeros(1)])
    model = as_bayesian(plain, x=x, y=y, **settings(prior_precision="auto"))
    assert_allclose(last_layer(model).prior_precision, 1e8)


def test_files_and_plain_models_hold_the_posterior(rng, tmp_path):
    x, y, plain, _, _ = regression(rng, units=2)
    for structure in ("full", "kron", "diagonal"):
        model = as_bayesian(plain, x=x, y=y, **settings(hessian_structure=structure))
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        draws = [predict_draws(m, x, draws=3, seed=1, verbose=0) for m in (model, again)]
        assert_array_equal(*draws)
        assert_allclose(kl_divergence(again).total, kl_divergence(model).total)
        back = as_deterministic(model)
        assert [type(layer).__name__ for layer in back.layers][:2] == ["Dense", "Dense"]
        assert_allclose(numpy_of(back.predict(x, verbose=0)), numpy_of(plain(x)), atol=1e-6)
        sampled = as_deterministic(model, "sample").get_layer("last").get_weights()
        assert np.abs(sampled[0] - plain.get_layer("last").get_weights()[0]).min() > 0


def test_data_in_batches_and_in_one_array_are_the_same(rng):
    x, y, plain, _, covariance = regression(rng, n=300)

    def batches():
        yield x[:7], y[:7]
        yield x[7:], y[7:]

    for given in ({"x": batches()}, {"x": x, "y": y}):
        model = as_bayesian(plain, **given, **settings())
        assert_allclose(covariance_of(last_layer(model)), covariance, rtol=1e-4, atol=1e-7)


def test_functional_and_nested_models(rng):
    x, y, plain, _, covariance = regression(rng)
    inputs = keras.Input((2,))
    hidden, last = plain.layers
    end = keras.Sequential([keras.Input((4,)), last, kl.Flatten()], name="end")
    functional = keras.Model(inputs, end(hidden(inputs)))
    model = as_bayesian(functional, x=x, y=y, **settings())
    found = model.get_layer("end").layers[0]
    assert_allclose(covariance_of(found), covariance, rtol=1e-4, atol=1e-6)
    assert_allclose(numpy_of(model.predict(x, verbose=0)).shape, (40, 1))
    assert type(functional.get_layer("end").layers[0]) is kl.Dense


def test_without_a_bias(rng):
    x = rng.normal(size=(30, 2)).astype("float32")
    plain = network(use_bias=False)
    model = as_bayesian(plain, x=x, y=x[:, :1], **settings())
    phi = features(plain, x)[:, :-1]
    expected = np.linalg.inv(phi.T @ phi / NOISE**2 + PRECISION * np.eye(4))
    assert_allclose(covariance_of(last_layer(model)), expected, rtol=1e-4, atol=1e-6)


def test_a_call_draws_anew_and_training_goes_on(rng):
    x, y, plain, _, _ = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings())
    first, second = (numpy_of(model.predict(x, verbose=0)) for _ in range(2))
    assert np.abs(first - second).max() > 0
    before = last_layer(model).plain_weights("mean")[0]
    spread = numpy_of(last_layer(model).scale)
    fit_bayesian(model, x, y, epochs=1, verbose=0)
    assert np.abs(last_layer(model).plain_weights("mean")[0] - before).max() > 0
    assert_array_equal(last_layer(model).scale, spread)
    names = [w.path.rsplit("/", 1)[-1] for w in last_layer(model).trainable_weights]
    assert names == ["kernel", "bias"]


X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def with_last(*behind):
    return keras.Sequential([keras.Input((2,)), *behind])


def compiled_with(loss):
    model = network()
    model.compile(loss=loss)
    return model


def two_heads():
    inputs = keras.Input((2,))
    return keras.Model(inputs, [kl.Dense(1)(inputs), kl.Dense(1)(inputs)])


def called_twice():
    layer, inputs = kl.Dense(2), keras.Input((2,))
    return keras.Model(inputs, layer(layer(inputs)))


REFUSED = {
    "no data": ("x", {"x": None, "y": None}),
    "no targets": ("y", {"y": None}),
    "too few targets": ("y", {"y": Y[:3]}),
    "targets of another shape": ("y", {"y": np.ones((4, 3))}),
    "infinite targets": ("y", {"y": Y * np.inf}),
    "infinite inputs": ("x", {"x": X * np.inf}),
    "other inputs": ("x", {"x": np.ones((4, 3))}),
    "no examples": ("x", {"x": X[:0], "y": Y[:0]}),
    "a class that is not there": ("y", {"model": network(3), "y": Y + 5, "outputs": "logits"}),
    "moped": ("moped", {"moped": True}),
    "further arguments": ("kernel_prior_fn", {"kernel_prior_fn": None}),
    "structure": ("hessian_structure", {"hessian_structure": "banded"}),
    "all of all": ("hessian_structure", {"subset_of_weights": "all"}),
    "too many weights": ("hessian_structure", {"model": network(3000)}),
    "subset": ("subset_of_weights", {"subset_of_weights": "first"}),
    "precision": ("prior_precision", {"prior_precision": 0}),
    "precision in words": ("prior_precision", {"prior_precision": "best"}),
    "noise": ("noise", {"noise": -1}),
    "noise of classes": ("noise", {"noise": 1.0, "outputs": "logits"}),
    "outputs": ("outputs", {"outputs": "ranks"}),
    "loss": ("outputs", {"model": compiled_with("mae")}),
    "no dense layer": ("model", {"model": with_last(kl.ReLU())}),
    "another last layer": ("model", {"model": with_last(kl.Reshape((2, 1)), kl.LSTM(1))}),
    "not built": ("model", {"model": keras.Sequential([kl.Dense(1)])}),
    "two outputs": ("model", {"model": two_heads()}),
    "two calls": ("model", {"model": called_twice(), "y": X, "noise": 1.0}),
    "positions": ("model", {"model": with_last(kl.Reshape((2, 1)), kl.Dense(1)), "y": X}),
    "flipout has no data": ("x", {"estimator": "flipout"}),
    "flipout has no prior precision": (
        "prior_precision",
        {"estimator": "flipout", "x": None, "y": None, "prior_precision": 2},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    argument, arguments = REFUSED[case]
    given = {"model": network(), "estimator": "laplace", "x": X, "y": Y, **arguments}
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        as_bayesian(**given)


def test_other_distributions_and_layers_with_a_posterior_are_refused(rng):
    x, y, plain, _, _ = regression(rng)
    model = as_bayesian(plain, x=x, y=y, **settings())
    with pytest.raises(ArgumentError, match="no layers with a posterior"):
        as_bayesian(model, x=x, y=y, **settings(noise=None))
    other = network(2)
    layer_independent_logistic(other, event_shape=1)
    with pytest.raises(ArgumentError, match="independent normal numbers"):
        as_bayesian(other, x=x, y=y, **settings(noise=None))
    exact = network()
    with pytest.raises(ArgumentError, match="meets all targets exactly"):
        as_bayesian(exact, x=x, y=numpy_of(exact(x)), **settings(noise=None))


def convolutional():
    """Return a network of all kinds of layers that have a posterior, and its NumPy twin."""
    plain = keras.Sequential(
        [
            keras.Input((7, 2)),
            kl.Conv1D(3, 3, strides=2, activation="tanh", bias_initializer="normal"),
            kl.Flatten(),
            kl.Dense(2, activation="tanh", use_bias=False),
            kl.Dense(3, bias_initializer="normal"),
        ]
    )

    def forward(matrices, x, shifts=(0.0, 0.0, 0.0)):
        """Return the logits, and what each matrix of weights is multiplied by."""
        a = np.stack([x[:, t : t + 3].reshape(len(x), -1) for t in (0, 2, 4)], axis=1)
        a = np.concatenate([a, np.ones_like(a[..., :1])], axis=-1)
        hidden = np.tanh(a @ matrices[0] + shifts[0]).reshape(len(x), 9)
        second = np.tanh(hidden @ matrices[1] + shifts[1])
        second = np.concatenate([second, np.ones((len(x), 1))], axis=1)
        return second @ matrices[2] + shifts[2], (a, hidden[:, None], second[:, None])

    return plain, forward


def matrices_of(plain):
    weights = [w.astype("float64") for w in plain.get_weights()]
    conv = np.vstack([weights[0].reshape(6, 3), weights[1]])
    return [conv, weights[2], np.vstack(weights[3:])]


def derivatives(function, at, step=1e-5):
    """Return the derivatives of a function's values by central differences: (..., *at.shape)."""
    directions = step * np.eye(at.size).reshape(at.size, *at.shape)
    each = [(function(at + d) - function(at - d)) / (2 * step) for d in directions]
    return np.moveaxis(each, 0, -1).reshape(*each[0].shape, *at.shape)


def fisher(logits):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.einsum("nj,jk->njk", p, np.eye(p.shape[1])) - np.einsum("nj,nk->njk", p, p)


@pytest.mark.parametrize("structure", ["diagonal", "kron"])
def test_all_layers_have_the_curvature_by_finite_differences(rng, structure):
    plain, forward = convolutional()
    x = rng.normal(size=(12, 7, 2)).astype("float32")
    y = rng.integers(3, size=12)
    arguments = settings(noise=None, subset_of_weights="all", hessian_structure=structure)
    model = as_bayesian(plain, x=x, y=y, outputs="logits", **arguments)
    matrices = matrices_of(plain)
    logits, multiplied = forward(matrices, x.astype("float64"))
    assert_allclose(logits, numpy_of(plain(x)), atol=1e-5)
    found = laplace_layers(model)
    assert [type(layer).__name__ for layer in found] == [
        "Conv1DLaplace",
        "DenseLaplace",
        "DenseLaplace",
    ]
    for at, layer in enumerate(found):
        if structure == "diagonal":

            def of_weights(matrix, at=at):
                return forward([*matrices[:at], matrix, *matrices[at + 1 :]], x)[0]

            jacobian = derivatives(of_weights, matrices[at])
            curvature = np.einsum("njrc,njk,nkrc->rc", jacobian, fisher(logits), jacobian)
            expected = np.diag(1 / (curvature.ravel() + PRECISION))
        else:
            a = multiplied[at]
            shape = (*a.shape[:2], matrices[at].shape[1])

            def of_outputs(shift, at=at, shape=shape):
                shifts = [0.0, 0.0, 0.0]
                shifts[at] = shift if at == 0 else shift[:, 0]
                return forward(matrices, x, shifts)[0].sum(axis=0)

            # An example's logits depend on its own outputs alone, so sums tell them apart.
            jacobian = derivatives(of_outputs, np.zeros(shape))
            rows = np.einsum("ntc,ntd->cd", a, a)
            columns = np.einsum("jntc,njk,kntd->cd", jacobian, fisher(logits), jacobian)
            columns /= len(x) * a.shape[1]
            of_rows, left = np.linalg.eigh(rows)
            of_columns, right = np.linalg.eigh(columns)
            spread = np.clip(np.outer(of_rows, of_columns), 0, None).ravel() + PRECISION
            both = np.kron(left, right)
            expected = both / spread @ both.T
        assert_allclose(covariance_of(layer), expected, rtol=1e-4, atol=1e-5)


GEOMETRIES = [
    (kl.Dense(3), (5,)),
    (kl.Dense(3), (4, 5)),
    (kl.Conv1D(3, 2, padding="causal", dilation_rate=2), (6, 2)),
    (kl.Conv2D(3, (2, 3), strides=(1, 2), padding="same"), (5, 6, 2)),
    (kl.Conv2D(3, 2, use_bias=False), (5, 6, 2)),
    (kl.Conv3D(2, 2), (3, 4, 3, 2)),
]


@pytest.mark.parametrize(("plain", "shape"), GEOMETRIES)
def test_outputs_are_a_product_with_the_matrix_of_weights(rng, plain, shape):
    """Of the layer in Keras, and of its twin at the mean of the posterior."""
    kind = LAPLACE[type(plain).__name__]
    config = plain.get_config()
    layer = kind(**{name: config[name] for name in config if name in kind.names_of_arguments()})
    x = rng.normal(size=(3, *shape)).astype("float32")
    plain.build(x.shape)
    layer.build(x.shape)
    weights = [rng.normal(size=w.shape).astype("float32") for w in plain.get_weights()]
    plain.set_weights(weights)
    layer.set_means(weights)
    expected = numpy_of(plain(x))
    rows = weights[0].reshape(-1, weights[0].shape[-1])
    matrix = np.vstack([rows, *weights[1:]])
    multiplied = layer.multiplied(layer.geometry.prepare(x, "float32"))
    assert_allclose(numpy_of(multiplied) @ matrix, expected, rtol=1e-4, atol=1e-5)
    with probing(Probe()):
        assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


def test_layers_that_stay_plain_are_named(rng):
    inputs = keras.Input((8, 8, 4))
    grouped = kl.Conv2D(4, 3, groups=2, name="grouped")(inputs)
    plain = keras.Model(inputs, kl.Dense(1)(kl.Flatten()(grouped)))
    x = rng.normal(size=(6, 8, 8, 4)).astype("float32")
    arguments = settings(subset_of_weights="all", hessian_structure="kron")
    with pytest.warns(UserWarning, match="'grouped'"):
        model = as_bayesian(plain, x=x, y=np.ones((6, 1)), **arguments)
    assert [type(layer).__name__ for layer in model.layers][-2:] == [
        "DenseLaplace",
        "HomoscedasticNormal",
    ]


def test_one_prior_precision_for_all_layers(rng):
    plain, _ = convolutional()
    x = rng.normal(size=(12, 7, 2)).astype("float32")
    arguments = {"subset_of_weights": "all", "hessian_structure": "diagonal", "outputs": "logits"}
    given = {"model": plain, "estimator": "laplace", "x": x, "y": np.arange(12) % 3}
    model = as_bayesian(**given, **arguments, prior_precision="auto")
    found = {float(numpy_of(layer.prior_precision)) for layer in laplace_layers(model)}
    assert len(found) == 1
    one = as_bayesian(**given, **arguments, prior_precision=1)
    scales = [numpy_of(layer.scale).ravel().astype("float64") for layer in laplace_layers(one)]
    h = np.concatenate(scales) ** -2 - 1
    squares = sum(np.sum(np.square(w.astype("float64"))) for w in plain.get_weights())
    grid = np.exp(np.linspace(-8, 8, 4001))
    evidence = [(h.size * np.log(t) - t * squares - np.log(h + t).sum()) / 2 for t in grid]
    assert_allclose(found.pop(), grid[np.argmax(evidence)], rtol=0.005)


def test_penalties_of_activities_are_those_of_a_call(rng):
    plain = with_last(kl.Dense(4, activity_regularizer="l2"), kl.Dense(3))
    x = rng.normal(size=(12, 2)).astype("float32")
    arguments = settings(noise=None, subset_of_weights="all", hessian_structure="kron")
    model = as_bayesian(plain, x=x, y=np.arange(12) % 3, outputs="logits", **arguments)
    assert len(model.losses) == 1
    assert np.isfinite(numpy_of(model.losses[0]))


def test_half_precision(rng):
    x, y, plain, _, covariance = regression(rng)
    half = network()
    half.get_layer("last").dtype_policy = "mixed_bfloat16"
    half = keras.models.clone_model(half)
    half.set_weights(plain.get_weights())
    model = as_bayesian(half, x=x, y=y, **settings())
    # The inputs of the layer are rounded to 8 binary digits.
    assert_allclose(covariance_of(last_layer(model)), covariance, rtol=0.05, atol=0.005)
    assert np.isfinite(predict_draws(model, x, draws=3, seed=1, verbose=0)).all()
