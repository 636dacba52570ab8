"""The verbs of models: R and Python get the same numbers, each in the words of the language."""

import keras
import numpy as np
import pytest
from languages import example_inputs

from bayeslayers import (
    as_deterministic,
    conformal_interval,
    fit_bayesian,
    kl_divergence,
    log_likelihood,
    ood_detection,
    ood_scores,
    posterior_draws,
    posterior_summary,
    predict_draws,
    predictive_scores,
    predictive_summary,
    prune,
    pruning_curve,
    recalibrate,
    reliability_curve,
    tfp,
    training_history,
)
from bayeslayers.layers import Conv1DFlipout, DenseFlipout, DistributionLambda

X = example_inputs((4, 6, 3))


def network(activation=None):
    return keras.Sequential(
        [
            keras.Input((6, 3)),
            Conv1DFlipout(2, 3, activation="relu", seed=1, name="first"),
            keras.layers.Flatten(),
            DenseFlipout(2, activation=activation, seed=2, name="second"),
        ]
    )


@pytest.fixture
def model(r):
    made = network()
    r.assign("model", made)
    r.assign("x", X)
    return made


def test_the_recipe_trains_alike(r):
    y = np.ones((4, 2), "float32")
    how = {"epochs": 3, "batch_size": 2, "loss": "mse", "shuffle": False, "num_examples": 400}
    keras.utils.set_random_seed(7)
    expected = fit_bayesian(network(), X, y, temperature=0.5, verbose=0, **how).history["loss"]
    keras.utils.set_random_seed(7)
    r.assign("model", network())
    r.assign("x", X)
    r.assign("y", y)
    arguments = 'epochs = 3, batch_size = 2, loss = "mse", shuffle = FALSE, num_examples = 400'
    call = f"fit_bayesian(model, x, y, temperature = 0.5, verbose = 0, {arguments})$metrics$loss"
    np.testing.assert_allclose(r.numbers(call), expected, rtol=1e-5)


def test_draws(r, model):
    found = r.numbers("predict_draws(model, x, draws = 5, seed = 3, verbose = 0)")
    np.testing.assert_allclose(found, predict_draws(model, X, 5, seed=3, verbose=0), rtol=1e-6)


def test_outputs_by_name_and_by_place_from_one_in_r(r):
    inputs = keras.Input((6, 3))
    hidden = keras.layers.Flatten()(Conv1DFlipout(2, 3, seed=1)(inputs))
    noisy = DistributionLambda(lambda t: tfp.distributions.Normal(t, 0.5), name="size")
    outputs = {"size": noisy(keras.layers.Dense(1)(hidden)), "kind": keras.layers.Dense(3)(hidden)}
    made = keras.Model(inputs, outputs)
    r.assign("model", made)
    r.assign("x", X)
    in_r = "model, x, draws = 5, seed = 3, verbose = 0"
    arguments = {"draws": 5, "seed": 3, "verbose": 0}
    expected = predict_draws(made, X, **arguments)
    r.run(f"draws <- predict_draws({in_r})")
    assert r.json("names(draws)") == list(expected) == ["size", "kind"]
    for place, name in enumerate(expected):
        np.testing.assert_allclose(r.numbers(f"draws${name}"), expected[name], rtol=1e-5)
        for code in (f"{place + 1}", f"{place + 1}L", f"'{name}'"):
            found = r.numbers(f"predict_draws({in_r}, output = {code})")
            np.testing.assert_allclose(found, expected[name], rtol=1e-5)
    r.run(f"table <- predictive_summary({in_r}, output = 1)")
    table = predictive_summary(made, X, output="size", **arguments)
    np.testing.assert_allclose(r.numbers("table$mean"), table["mean"], rtol=1e-5)
    assert '2 outputs: "size", "kind"' in r.error(f"predictive_summary({in_r})")
    for code in ("0", "3", "-1", "1.5", "TRUE", "NA", "c(1, 2)", "'no'"):
        assert "`output` must be" in r.error(f"predictive_summary({in_r}, output = {code})")


def test_batches_of_a_dataset(r, model):
    import tensorflow as tf

    r.assign("data", tf.data.Dataset.from_tensor_slices((X, np.zeros(4))).batch(3))
    found = r.numbers("predict_draws(model, data, draws = 5, seed = 3, verbose = 0)")
    np.testing.assert_allclose(found, predict_draws(model, X, 5, seed=3, verbose=0), rtol=1e-5)
    message = r.error("predict_draws(model, data, draws = 5, batch_size = 2)")
    assert "`batch_size` must be left empty" in message


def test_divergence_and_its_scale(r, model):
    r.run("scale_kl(model, num_examples = 50); kl <- kl_divergence(model)")
    kl = kl_divergence(model)
    np.testing.assert_allclose(r.numbers("kl$total"), kl.total, rtol=1e-6)
    np.testing.assert_allclose(r.numbers("kl$loss"), kl.total / 50, rtol=1e-6)
    assert r.json("kl$table$layer") == ["first", "second"]
    np.testing.assert_allclose(r.numbers("kl$table$divergence"), kl.table["divergence"], rtol=1e-6)
    np.testing.assert_allclose(r.numbers("kl$table$scale"), [1 / 50] * 2, rtol=1e-6)


def test_summary_of_values_counts_from_one_in_r(r, model):
    table = predictive_summary(model, X, draws=20, seed=3, verbose=0)
    r.run("s <- predictive_summary(model, x, draws = 20, seed = 3, verbose = 0)")
    assert r.json("names(s)") == list(table.columns)
    assert r.json("s$example") == [1, 1, 2, 2, 3, 3, 4, 4]
    assert r.json("s$variable") == ["y[1]", "y[2]"] * 4
    for column in ("mean", "sd", "q5", "q95", "mad"):
        np.testing.assert_allclose(r.numbers(f"s${column}"), table[column], rtol=1e-6)


def test_summary_of_classes_counts_from_one_in_r(r):
    model = network("softmax")
    r.assign("model", model)
    r.assign("x", X)
    arguments = {"draws": 20, "seed": 3, "verbose": 0, "outputs": "probabilities"}
    table = predictive_summary(model, X, **arguments)
    r.run(
        "s <- predictive_summary("
        "model, x, draws = 20, seed = 3, verbose = 0, outputs = 'probabilities')"
    )
    assert r.json("names(s)")[-2:] == ["p[1]", "p[2]"]
    assert r.json("s$class") == [k + 1 for k in table["class"]]
    np.testing.assert_allclose(r.numbers("s$entropy"), table["entropy"], rtol=1e-6)


def test_conformal_intervals_count_from_one_in_r(r, model):
    new, y = X[:2], np.arange(8.0).reshape(4, 2)
    r.assign("new", new)
    r.assign("y", y)
    found = conformal_interval(model, new, X, y, 0.7, draws=20, seed=3, verbose=0)
    r.run("i <- conformal_interval(model, new, x, y, 0.7, draws = 20, seed = 3, verbose = 0)")
    assert r.json("names(i)") == list(found)
    assert r.json("i$example") == [1, 1, 2, 2]
    assert r.json("i$variable") == ["y[1]", "y[2]"] * 2
    for column in ("mean", "lower", "upper"):
        np.testing.assert_allclose(r.numbers(f"i${column}"), found[column], rtol=1e-5)
    message = r.error("conformal_interval(model, new, x, y)")
    assert "`x_calibration` must hold at least 9 examples" in message
    arguments = {"draws": 20, "seed": 3, "verbose": 0, "outputs": "logits"}
    found = conformal_interval(model, X, X, [0, 1, 1, 0], 0.5, **arguments)
    r.run(
        "i <- conformal_interval(model, x, x, factor(c('a', 'b', 'b', 'a')), 0.5, "
        "draws = 20, seed = 3, verbose = 0, outputs = 'logits')"
    )
    assert r.json("names(i)")[-3:] == ["size", "in[1]", "in[2]"]
    assert r.json("i$class") == [k + 1 for k in found["class"]]
    assert r.json("i[['in[1]']]") == list(map(bool, found["in[0]"]))


def test_recalibration(r, model):
    y = np.array([0, 1, 1, 0])
    arguments = {"draws": 20, "seed": 3, "verbose": 0, "outputs": "logits"}
    factor = recalibrate(model, X, y, **arguments).layers[-1].factor.numpy()
    r.run(
        "y <- c(0, 1, 1, 0); "
        "again <- recalibrate(model, x, y, 20, outputs = 'logits', seed = 3, verbose = 0)"
    )
    found = r.numbers("as.numeric(again$layers[[length(again$layers)]]$factor$numpy())")
    np.testing.assert_allclose(found, factor, rtol=1e-5)


def test_scores_out_of_distribution(r, model):
    r.assign("far", 9 * X)
    arguments = {"draws": 20, "seed": 3, "verbose": 0}
    scores = ood_scores(model, X, **arguments)
    r.run("s <- ood_scores(model, x, draws = 20, seed = 3, verbose = 0)")
    assert r.json("names(s)") == list(scores)
    assert r.json("s$example") == [1, 2, 3, 4]
    np.testing.assert_allclose(r.numbers("s$sd"), scores["sd"], rtol=1e-5)
    table = ood_detection(model, X, 9 * X, **arguments)
    r.run("d <- ood_detection(model, x, far, draws = 20, seed = 3, verbose = 0)")
    assert r.json("names(d)") == list(table)
    assert r.json("d$score") == list(table["score"])
    np.testing.assert_allclose(r.numbers("d$auroc"), table["auroc"])
    assert "`x_ood` must be" in r.error("ood_detection(model, x, 'no', draws = 20)")


def test_conversions(r, model):
    r.run("plain <- as_deterministic(model); again <- as_bayesian(plain, moped = TRUE)")
    expected = as_deterministic(model)(X.astype("float32"))
    np.testing.assert_allclose(r.python_object("plain(x)"), expected, rtol=1e-5, atol=1e-6)
    kinds = r.json("vapply(again$layers, function(layer) class(layer)[[1]], '')")
    assert [kind.split(".")[-1] for kind in kinds] == ["Conv1DFlipout", "Flatten", "DenseFlipout"]


def test_callbacks(r, model):
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = r.numbers("""
        model$fit(
          x, array(0, c(4, 2)), epochs = 3L, verbose = 0L,
          callbacks = list(callback_kl_history(1e9), callback_kl_annealing(epochs = 2))
        )$history$kl_divergence
    """)
    total = kl_divergence(model).total
    np.testing.assert_allclose(history, [0, total / 2, total], rtol=1e-4)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("predict_draws(model, x, draws = 0)", "`draws` must be a positive whole number"),
        ("scale_kl(model, num_examples = -1)", "`num_examples` must be a positive number"),
        ("as_bayesian(model)", "`model` must contain a dense"),
        ("callback_kl_annealing(epochs = 2, schedule = 'no')", "`schedule` must be one of"),
    ],
)
def test_errors_are_r_s(r, model, code, message):
    assert message in r.error(code)


def test_pruning(r, model):
    found = r.numbers("prune(model, share = 0.5)$layers[[1]]$kernel_posterior$mean()$numpy()")
    expected = prune(model, share=0.5).layers[0].kernel_posterior.mean()
    np.testing.assert_array_equal(found, expected)
    y = np.ones((4, 2))
    table = pruning_curve(model, X, y, "mean_squared_error", shares=(0.0, 0.5))
    r.assign("y", y)
    r.run('curve <- pruning_curve(model, x, y, metric = "mean_squared_error", shares = c(0, 0.5))')
    assert r.json("names(curve)") == list(table.columns)
    for column in table.columns:
        np.testing.assert_allclose(r.numbers(f"curve${column}"), table[column], rtol=1e-5)


@pytest.fixture
def noisy(r):
    made = network()
    made.add(DistributionLambda(lambda t: tfp.distributions.Normal(t, 0.5)))
    r.assign("model", made)
    r.assign("x", X)
    r.assign("y", Y)
    return made


Y = np.arange(8.0).reshape(4, 2) / 8


def assert_same_tables(r, name, table, *, texts=()):
    assert r.json(f"names({name})") == list(table.columns)
    for column in set(table.columns) - set(texts):
        found = r.numbers(f'as.numeric({name}[["{column}"]])')
        np.testing.assert_allclose(found, table[column], rtol=1e-5, err_msg=column)


def test_scores(r, noisy):
    r.run("whole <- predictive_scores(model, x, y, draws = 50, seed = 3, verbose = 0)")
    assert_same_tables(r, "whole", predictive_scores(noisy, X, Y, 50, seed=3, verbose=0))
    r.run("rows <- predictive_scores(model, x, y, draws = 50, seed = 3, by = 'example')")
    table = predictive_scores(noisy, X, Y, 50, seed=3, by="example")
    table["example"] += 1
    assert_same_tables(r, "rows", table, texts=["variable"])
    assert r.json("rows$variable") == ["y[1]", "y[2]"] * 4
    r.run("curve <- reliability_curve(model, x, y, draws = 50, bins = 4, seed = 3)")
    assert_same_tables(r, "curve", reliability_curve(noisy, X, Y, 50, bins=4, seed=3))


def test_intervals_of_counts(r):
    made = network()
    made.add(DistributionLambda(lambda t: tfp.distributions.Poisson(keras.ops.exp(t))))
    y = np.arange(8.0).reshape(4, 2)
    for name, value in (("model", made), ("x", X), ("y", y)):
        r.assign(name, value)
    arguments = {"draws": 101, "seed": 3, "verbose": 0}
    table = predictive_scores(made, X, y, by="example", **arguments)
    in_r = "draws = 101, seed = 3, verbose = 0"
    r.run(f"rows <- predictive_scores(model, x, y, by = 'example', {in_r})")
    np.testing.assert_array_equal(r.numbers("as.numeric(rows$covered_90)"), table["covered_90"])
    r.run(f"s <- predictive_summary(model, x, {in_r})")
    found = r.numbers("as.numeric(s$q5 <= rows$y & rows$y <= s$q95)")
    np.testing.assert_array_equal(found, table["covered_90"])
    assert 0 < table["covered_90"].mean() < 1
    if r.has("rstantools"):
        ends = r.numbers(f"rstantools::predictive_interval(model, x, prob = 0.9, {in_r})")
        inside = (ends[..., 0] <= y) & (y <= ends[..., 1])
        np.testing.assert_array_equal(inside.ravel(), table["covered_90"])


def test_likelihood_of_draws(r, noisy):
    found = r.numbers("log_likelihood(model, x, y, draws = 5, seed = 3, verbose = 0)")
    expected = log_likelihood(noisy, X, Y, draws=5, seed=3, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_posterior(r, model):
    r.run("weights <- posterior_draws(model, draws = 5, seed = 3)")
    expected = posterior_draws(model, draws=5, seed=3)
    assert r.json("names(weights)") == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(r.numbers(f'weights[["{name}"]]'), values, rtol=1e-6)
    r.run("summary <- posterior_summary(model)")
    table = posterior_summary(model)
    assert_same_tables(r, "summary", table, texts=["layer", "weight", "variable"])
    assert r.json("summary$variable")[:3] == ["kernel[1,1,1]", "kernel[1,1,2]", "kernel[1,2,1]"]


def test_history_of_a_training(r, model):
    model.compile(keras.optimizers.SGD(0.0), "mse")
    r.run("history <- model$fit(x, array(0, c(4, 2)), epochs = 2L, verbose = 0L)")
    r.run("table <- training_history(history)")
    table = training_history(r.python_object("history"))
    assert_same_tables(r, "table", table, texts=["data", "figure"])
    assert r.json("unique(table$figure)") == "loss"


def test_rstantools_generics(r, noisy):
    if not r.has("rstantools"):
        pytest.skip("no rstantools")
    r.run("library(rstantools)")
    arguments = {"draws": 50, "seed": 3, "verbose": 0}
    in_r = "model, x, draws = 50, seed = 3, verbose = 0"
    means = predict_draws(noisy, X, **arguments)
    np.testing.assert_allclose(r.numbers(f"posterior_epred({in_r})"), means, rtol=1e-5)
    outcomes = predict_draws(noisy, X, kind="sample", **arguments)
    np.testing.assert_allclose(r.numbers(f"posterior_predict({in_r})"), outcomes, rtol=1e-5)
    found = r.numbers(f"predictive_interval({in_r}, prob = 0.8)")
    expected = np.moveaxis(np.quantile(outcomes, [0.1, 0.9], axis=0), 0, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    found = r.numbers("log_lik(model, x, y, draws = 50, seed = 3, verbose = 0)")
    np.testing.assert_allclose(found, log_likelihood(noisy, X, Y, **arguments), rtol=1e-5)


def test_generics_of_a_classifier(r):
    if not r.has("rstantools"):
        pytest.skip("no rstantools")
    made = network()
    made.add(DistributionLambda(lambda t: tfp.distributions.Categorical(logits=t)))
    r.assign("model", made)
    r.assign("x", X)
    in_r = "model, x, draws = 200, seed = 3, verbose = 0"
    classes = predict_draws(made, X, 200, kind="sample", seed=3, verbose=0)
    found = r.numbers(f"rstantools::posterior_predict({in_r})")
    np.testing.assert_array_equal(found, classes)
    table = predictive_summary(made, X, draws=200, seed=3, verbose=0)
    found = r.numbers(f"rstantools::posterior_epred({in_r})").mean(axis=0)
    np.testing.assert_allclose(found, table[["p[0]", "p[1]"]], rtol=1e-5)


def test_posterior_formats(r, model):
    if not r.has("posterior"):
        pytest.skip("no posterior")
    r.run("rvars <- posterior::as_draws_rvars(model, draws = 5, seed = 3)")
    expected = posterior_draws(model, draws=5, seed=3)
    assert sorted(r.json("names(rvars)")) == sorted(expected)
    for name, values in expected.items():
        found = r.numbers(f'posterior::draws_of(rvars[["{name}"]])')
        np.testing.assert_allclose(found, values, rtol=1e-6)
    r.run("draws <- predict_draws(model, x, draws = 5, seed = 3, verbose = 0)")
    found = r.numbers("posterior::draws_of(posterior::as_draws_rvars(draws)$y)")
    np.testing.assert_allclose(found, predict_draws(model, X, 5, seed=3, verbose=0), rtol=1e-6)
