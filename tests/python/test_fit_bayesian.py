"""The recipe in one call: what its parts are by hand, each of which can be set or left out."""

import math

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import BACKEND, distributions
from scipy.special import logsumexp
from scipy.stats import f as f_distribution
from scipy.stats import norm

from bayeslayers import (
    callback_kl_annealing,
    callback_kl_history,
    callback_log_score,
    fit_bayesian,
    kl_divergence,
    layer_dense_flipout,
    layer_dense_local_reparameterization,
    layer_distribution_lambda,
    layer_homoscedastic_normal,
    layers,
    log_likelihood,
    scale_kl,
    tfd_log_prob,
)
from bayeslayers.contract.errors import ArgumentError

N = 70


@pytest.fixture
def data(rng):
    x = rng.normal(size=(N, 3)).astype("float32")
    return x, (x.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(N, 1))).astype("float32")


def network(units=1):
    keras.utils.set_random_seed(5)
    model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=units, seed=3)
    return layer_homoscedastic_normal(model, event_shape=units)


def classifier():
    keras.utils.set_random_seed(5)
    return layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=2, seed=3)


def kept(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]


def test_it_is_what_its_parts_are_by_hand(data):
    """With Keras's own schedule, clipping and order: the same weights after as many steps."""
    x, y = data
    once = network()
    history = fit_bayesian(once, x, y, epochs=6, temperature=0.5, verbose=0)
    by_hand = scale_kl(network(), N, temperature=0.5)
    rate = keras.optimizers.schedules.CosineDecay(0.01, 6 * 3)
    by_hand.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0), loss=lambda y, rv: -tfd_log_prob(rv, y)
    )
    parts = [callback_kl_history(), callback_kl_annealing(epochs=5)]
    expected = by_hand.fit(x, y, batch_size=32, epochs=6, verbose=0, callbacks=parts)
    for figure, values in expected.history.items():
        np.testing.assert_allclose(history.history[figure], values, rtol=1e-5)
    for found, weight in zip(kept(once), kept(by_hand), strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-5)
    assert history.temperature == 0.5


def test_parts_are_left_out(data):
    x, y = data
    once = network()
    how = {"decay": False, "annealing": 0, "clipnorm": None, "learning_rate": 0.02}
    fit_bayesian(once, x, y, epochs=3, batch_size=10, num_examples=500, verbose=0, **how)
    by_hand = scale_kl(network(), 500)
    loss = lambda y, rv: -tfd_log_prob(rv, y)  # noqa: E731
    by_hand.compile(keras.optimizers.Adam(0.02), loss=loss)
    by_hand.fit(x, y, batch_size=10, epochs=3, verbose=0)
    for found, weight in zip(kept(once), kept(by_hand), strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-5)
    assert once.optimizer.clipnorm is None
    np.testing.assert_allclose(kl_divergence(once).table["scale"], 1 / 500, rtol=1e-6)


def test_an_optimizer_is_taken_as_it_is(data):
    given = keras.optimizers.SGD(0.125, clipvalue=3.0)
    model = network()
    fit_bayesian(model, *data, epochs=1, optimizer=given, verbose=0)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert model.optimizer.clipvalue == 3.0
    assert float(model.optimizer.learning_rate) == 0.125
    # A copy, so that it can be given again.
    assert model.optimizer is not given


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size):
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, i):
        rows = slice(i * self.size, (i + 1) * self.size)
        return self.x[rows], self.y[rows]


@pytest.mark.parametrize(
    ("how", "examples"),
    [
        (lambda x, y: {"x": x, "y": y}, N),
        (lambda x, y: {"x": x, "y": y, "validation_split": 0.25}, 52),
        (lambda x, y: {"x": Batches(x, y, 16)}, N),
        (lambda x, y: {"x": Batches(x, y, 16), "num_examples": 35}, 35),
        (
            lambda x, y: {
                "x": ((x, y) for _ in range(9)),
                "num_examples": 12,
                "steps_per_epoch": 2,
                "loss": lambda y, rv: -tfd_log_prob(rv, y),
            },
            12,
        ),
    ],
    ids=["arrays", "split", "batches", "said", "generator"],
)
def test_examples_are_counted(data, how, examples):
    """`math.floor` of what is left, as Keras splits."""
    model = network()
    fit_bayesian(model, **how(*data), epochs=2, verbose=0)
    np.testing.assert_allclose(kl_divergence(model).table["scale"], 1 / examples, rtol=1e-6)


def test_outputs_of_an_example_are_added_up(rng):
    """The divergence is then per example; means over outputs would weigh it by their number."""
    x = rng.normal(size=(N, 3)).astype("float32")
    y = rng.normal(size=(N, 2)).astype("float32")
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="plain")])
    model = layer_dense_flipout(model, units=2, name="last")
    # Not independent by construction: a batch of two normal distributions for each example.
    model = layer_distribution_lambda(model, lambda t: distributions.Normal(0.0 * t, 2.0))
    history = fit_bayesian(model, x, y, epochs=1, batch_size=N, verbose=0)
    expected = -norm.logpdf(y, 0, 2).sum(axis=1).mean()
    np.testing.assert_allclose(history.history["negative_log_likelihood"], expected, rtol=1e-5)


def test_targets_of_one_dimension_are_those_of_one_column(data):
    x, y = data
    column = fit_bayesian(network(), x, y, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(
        fit_bayesian(network(), x, y[:, 0], epochs=2, verbose=0).history["loss"], column, rtol=1e-6
    )


def test_categories_are_classes_in_their_order(data):
    x, y = data
    classes = (y[:, 0] > 0).astype(int)
    names = pd.Categorical.from_codes(classes, categories=["low", "high"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = fit_bayesian(classifier(), x, classes, epochs=2, loss=loss, verbose=0)
    found = fit_bayesian(classifier(), x, names, epochs=2, loss=loss, verbose=0)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-6)


def test_categories_are_validated_on_as_they_are_learnt(data):
    x, y = data
    classes = (y[:, 0] > 0).astype(int)
    names = pd.Categorical.from_codes(classes, categories=["low", "high"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    how = {"epochs": 2, "loss": loss, "verbose": 0}
    expected = fit_bayesian(classifier(), x, classes, validation_data=(x, classes), **how)
    found = fit_bayesian(classifier(), x, names, validation_data=(x, names), **how)
    for figure, values in expected.history.items():
        np.testing.assert_allclose(found.history[figure], values, rtol=1e-6)


def test_the_score_is_that_of_the_likelihood(data):
    x, y = data
    model = network()
    score = callback_log_score(x, y, draws=7)
    history = fit_bayesian(model, x, y, epochs=3, verbose=0, callbacks=score)
    found = log_likelihood(model, x, y, draws=7, seed=0, verbose=0)
    expected = np.mean(logsumexp(found, axis=0) - np.log(7))
    np.testing.assert_allclose(history.history["val_log_score"][-1], expected, rtol=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
def test_the_score_of_classes_follows_the_loss(data, from_logits):
    x, y = data
    classes = (y[:, 0] > 0).astype(int)
    model = classifier()
    if not from_logits:
        model.add(keras.layers.Softmax())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    how = {"loss": loss, "validation_data": (x, classes), "verbose": 0}
    history = fit_bayesian(model, x, classes, epochs=2, patience=None, **how)
    kind = "logits" if from_logits else "probabilities"
    found = log_likelihood(model, x, classes, draws=20, outputs=kind, seed=0, verbose=0)
    expected = np.mean(logsumexp(found, axis=0) - np.log(20))
    np.testing.assert_allclose(history.history["val_log_score"][-1], expected, rtol=1e-4)


class Worsens(keras.callbacks.Callback):
    """Makes the model worse after an epoch, and keeps its weights from before."""

    def __init__(self, after):
        super().__init__()
        self.after, self.best = after, None

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.after:
            self.best = self.model.get_weights()
        if epoch >= self.after:
            self.model.set_weights([weight + 5.0 for weight in self.model.get_weights()])


def test_training_stops_where_the_score_does(data):
    model = network()
    worse = Worsens(4)
    history = fit_bayesian(
        model, *data, epochs=40, annealing=0.05, patience=2, validation_data=data,
        callbacks=[worse], verbose=0,
    )  # fmt: skip
    assert len(history.history["loss"]) == 4 + 2
    for found, weight in zip(model.get_weights(), worse.best, strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-6)


def test_training_does_not_stop_while_the_divergence_is_let_in(data):
    worse = Worsens(2)
    history = fit_bayesian(
        network(), *data, epochs=8, annealing=1.0, patience=1, validation_data=data,
        callbacks=[worse], verbose=0,
    )  # fmt: skip
    assert len(history.history["loss"]) == 8


def test_the_best_temperature_is_kept(data):
    x, y = data
    model = network()
    temperatures = [100.0, 1.0]
    history = fit_bayesian(
        model, x, y, epochs=15, temperature=temperatures, validation_data=(x, y), verbose=0
    )
    table = history.temperatures
    assert list(table["temperature"]) == temperatures
    assert history.temperature == 1.0 == kl_divergence(model).table["temperature"][0]
    found = log_likelihood(model, x, y, draws=100, seed=0, verbose=0)
    expected = np.mean(logsumexp(found, axis=0) - np.log(100))
    np.testing.assert_allclose(table["val_log_score"].max(), expected, rtol=1e-5)
    assert table["val_log_score"].idxmax() == 1


def test_each_temperature_starts_from_the_same_weights(data):
    starts = []
    start = keras.callbacks.LambdaCallback(on_train_begin=lambda _: starts.append(kept(model)))
    model = network()
    how = {"validation_data": data, "verbose": 0, "callbacks": [start]}
    fit_bayesian(model, *data, epochs=2, temperature=[1.0, 0.1], **how)
    for first, second in zip(*starts, strict=True):
        np.testing.assert_array_equal(first, second)


def test_repeated_examples_have_less_noise():
    """One example, weights that stay: the loss varies with the noise alone.

    The variance of a mean over 8 independent draws is an eighth of that of one. Over 300 steps
    each, the ratio of the two estimates is within 0.75 and 1.35 of that but for 1 in 1000 runs by
    the F distribution; squares of normals have heavier tails, so twice that range is allowed.
    """

    def variance(samples):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((3,))])
        layer_dense_local_reparameterization(model, units=1, seed=3)
        x, y = np.ones((1, 3), "float32"), np.full((1, 1), 5.0, "float32")
        loss = lambda y, t: (y - t) ** 2  # noqa: E731
        still = keras.optimizers.SGD(0.0)
        history = fit_bayesian(
            model, x, y, epochs=300, samples=samples, loss=loss, optimizer=still, verbose=0
        )
        return np.var(history.history["negative_log_likelihood"], ddof=1)

    ratio = variance(1) / variance(8) / 8
    low, high = f_distribution.ppf([0.0005, 0.9995], 299, 299)
    assert low / 1.5 < ratio < high * 1.5


def test_a_repeating_step_stays_with_its_training(data):
    """After the call, and after one that was interrupted, the model's step is its own."""
    x, y = data
    sizes = []

    class Counting(keras.Sequential):
        def train_step(self, *args):
            sizes.append(keras.tree.flatten(args[-1])[0].shape[0])
            return super().train_step(*args)

    model = Counting([keras.Input((3,))])
    layer_homoscedastic_normal(layer_dense_flipout(model, 1), event_shape=1)
    how = {"epochs": 1, "batch_size": N, "samples": 3, "verbose": 0, "jit_compile": False}
    fit_bayesian(model, x, y, **how)
    assert sizes[-1] in (3 * N, None)
    assert "train_step" not in vars(model)

    def fail(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_bayesian(
            model, x, y, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=fail)], **how
        )
    assert "train_step" not in vars(model)
    assert model.train_function is None
    model.fit(x, y, batch_size=N, verbose=0)


def test_a_model_trained_so_is_saved_with_its_loss(data, tmp_path):
    model = network()
    fit_bayesian(model, *data, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    # On PyTorch, Keras loads no compiled model of another backend; this one is its own.
    again = keras.models.load_model(tmp_path / "m.keras")
    assert np.isfinite(again.evaluate(*data, verbose=0))


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"epochs": 0}, "`epochs` must be a positive whole number"),
        ({"batch_size": 2.5}, "`batch_size` must be a positive whole number"),
        ({"samples": 0}, "`samples` must be a positive whole number"),
        ({"annealing": 1.5}, "`annealing` must be a number from 0 to 1"),
        ({"annealing": None}, "`annealing` must be a number from 0 to 1"),
        ({"clipnorm": -1}, "`clipnorm` must be a positive number"),
        ({"learning_rate": 0}, "`learning_rate` must be a positive number"),
        ({"decay": 1}, "`decay` must be true or false"),
        ({"patience": 0}, "`patience` must be a positive whole number"),
        ({"num_examples": 0}, "`num_examples` must be a positive number"),
        ({"temperature": 0}, "`temperature` must be a positive number"),
        ({"temperature": "cold"}, "`temperature` must be a positive number, several"),
        ({"temperature": "auto"}, "`temperature` must be one number without validation data"),
        ({"validation_split": 1.0}, "`validation_split` must leave examples on both sides"),
        ({"optimizer": "adamant"}, "`optimizer` must be the name of one of Keras's optimizers"),
        ({"learning_rat": 1}, "Did you mean `learning_rate`"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_arguments_are_checked(data, bad, rule):
    with pytest.raises(ArgumentError, match=rule):
        fit_bayesian(network(), *data, **{"epochs": 1, "verbose": 0, **bad})


def test_validation_is_given_once(data):
    with pytest.raises(ArgumentError, match="`validation_split` must be 0"):
        fit_bayesian(network(), *data, validation_split=0.1, validation_data=data)


def test_a_generator_needs_its_size(data):
    with pytest.raises(ArgumentError, match="`num_examples` must be given"):
        fit_bayesian(network(), (batch for batch in [data]), verbose=0)


def test_a_model_of_values_needs_a_loss(data):
    with pytest.raises(ArgumentError, match="`loss` must be given"):
        fit_bayesian(classifier(), *data, verbose=0)


def test_a_plain_model_is_refused(data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ArgumentError, match="must contain a layer"):
        fit_bayesian(model, *data, loss="mse", verbose=0)


@pytest.mark.on("tensorflow")
def test_batches_of_tensorflow_are_counted(data):
    import tensorflow as tf

    model = network()
    batches = tf.data.Dataset.from_tensor_slices(data).batch(16)
    fit_bayesian(model, batches, epochs=1, validation_data=batches, verbose=0)
    np.testing.assert_allclose(kl_divergence(model).table["scale"], 1 / N, rtol=1e-6)
    assert BACKEND == "tensorflow"


class TwoOutputs(keras.Model):
    """A subclassed model, whose outputs Keras does not list."""

    def __init__(self):
        super().__init__()
        self.dense = layers.DenseFlipout(1, seed=3)
        self.noise = [layers.HomoscedasticNormal(1), layers.HomoscedasticNormal(1)]

    def call(self, inputs, training=False):
        hidden = self.dense(inputs)
        return tuple(noise(hidden) for noise in self.noise)


def test_the_score_counts_all_outputs_of_a_subclassed_model(data):
    x, y = data
    model = TwoOutputs()
    how = {"validation_data": (x, (y, y)), "patience": None, "verbose": 0}
    history = fit_bayesian(model, x, (y, y), epochs=1, **how)
    found = sum(
        log_likelihood(model, x, y, draws=20, seed=0, verbose=0, output=place) for place in (0, 1)
    )
    expected = np.mean(logsumexp(found, axis=0) - np.log(20))
    np.testing.assert_allclose(history.history["val_log_score"][-1], expected, rtol=1e-5)


def test_no_batch_of_a_generator_is_lost(data):
    x, y = data
    batches = ((x[i : i + 10], y[i : i + 10]) for i in range(0, N, 10))
    history = fit_bayesian(
        network(), batches, epochs=1, num_examples=N, steps_per_epoch=7, annealing=0, decay=False,
        optimizer=keras.optimizers.SGD(0.0), verbose=0,
    )  # fmt: skip
    expected = fit_bayesian(
        network(), x, y, epochs=1, batch_size=10, annealing=0, shuffle=False, decay=False,
        optimizer=keras.optimizers.SGD(0.0), verbose=0,
    )  # fmt: skip
    for figure, values in expected.history.items():
        np.testing.assert_allclose(history.history[figure], values, rtol=1e-5)


class Endless(Batches):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, i):
        return super().__getitem__(i % len(self))


def test_batches_without_an_end_are_taken_by_steps(data):
    model = network()
    batches = Endless(*data, 16)
    fit_bayesian(model, batches, epochs=1, num_examples=N, steps_per_epoch=5, verbose=0)
    np.testing.assert_allclose(kl_divergence(model).table["scale"], 1 / N, rtol=1e-6)
    with pytest.raises(ArgumentError, match="`num_examples` must be given"):
        fit_bayesian(network(), batches, epochs=1, steps_per_epoch=5, verbose=0)


@pytest.mark.parametrize("kind", ["generator", "endless"])
def test_validation_data_can_be_gone_through_again(data, kind):
    validation = (batch for batch in [data]) if kind == "generator" else Endless(*data, 16)
    with pytest.raises(ArgumentError, match="`validation_data` must be data that have an end"):
        fit_bayesian(network(), *data, epochs=1, validation_data=validation, verbose=0)


def test_one_generator_serves_one_temperature(data):
    batches = (data for _ in range(4))
    with pytest.raises(ArgumentError, match="`temperature` must be one number where `x`"):
        fit_bayesian(
            network(), batches, epochs=1, num_examples=N, steps_per_epoch=1,
            temperature=[1.0, 0.5], validation_data=data, verbose=0,
        )  # fmt: skip


def test_categories_are_refused_by_a_model_of_values(data):
    x, y = data
    names = pd.Categorical.from_codes((y[:, 0] > 0).astype(int), categories=["low", "high"])
    with pytest.raises(ArgumentError, match="`y` must hold numbers for a model of values"):
        fit_bayesian(network(), x, names, verbose=0)
    with pytest.raises(ArgumentError, match="`y` must hold numbers for a model of values"):
        fit_bayesian(classifier(), x, names, loss="mse", verbose=0)


def test_a_loss_that_is_a_sum_is_refused(data):
    summed = keras.losses.MeanSquaredError(reduction="sum")
    with pytest.raises(ArgumentError, match="`loss` must be a mean over examples"):
        fit_bayesian(classifier(), *data, loss=summed, verbose=0)


@pytest.mark.parametrize("loss", ["ignored", "columns"])
def test_a_loss_that_is_no_likelihood_of_classes_is_watched_by_itself(data, loss):
    """A class that is left out, and columns that are events of their own."""
    x, y = data
    classes = (y > 0).astype("int32")
    targets = classes if loss == "ignored" else np.concatenate([classes, 1 - classes], axis=1)
    losses = {
        "ignored": keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1),
        "columns": keras.losses.BinaryCrossentropy(from_logits=True),
    }
    history = fit_bayesian(
        classifier(), x, targets, epochs=2, loss=losses[loss], validation_split=0.2, verbose=0
    )
    assert "val_negative_log_likelihood" in history.history
    assert "val_log_score" not in history.history
