"""The recipe on sequences, with weights, and beside the user's own parts: by Keras's own means."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND
from scipy.special import logsumexp
from scipy.stats import norm

from bayeslayers import (
    callback_kl_annealing,
    callback_log_score,
    fit_bayesian,
    kl_divergence,
    layers,
    log_likelihood,
    scale_kl,
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_stddev,
)
from bayeslayers.contract.errors import ArgumentError

N, STEPS = 40, 6
STILL = {"optimizer": keras.optimizers.SGD(0.0), "annealing": 0, "verbose": 0}


@pytest.fixture
def tokens(rng):
    """Sequences of tokens, which are padded by 0."""
    length = rng.integers(2, STEPS + 1, size=(N, 1))
    return np.where(np.arange(STEPS) < length, rng.integers(1, 9, size=(N, STEPS)), 0)


@pytest.fixture
def data(rng):
    x = rng.normal(size=(N, 3)).astype("float32")
    return x, (x.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(N, 1))).astype("float32")


def tagger(is_masked=True):
    """Return a model that names a class for each step."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((STEPS,)),
            keras.layers.Embedding(9, 4, mask_zero=is_masked),
            layers.GRUReparameterization(5, return_sequences=True, seed=1),
            layers.DenseFlipout(3, seed=3),
        ]
    )


def forecaster():
    """Return a model that ends in a distribution for each step, of mean 0."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((STEPS,)),
            keras.layers.Embedding(9, 4),
            layers.LSTMReparameterization(2, return_sequences=True, seed=1),
            layers.DenseReparameterization(1, seed=3),
            keras.layers.Rescaling(0.0),
            layers.HomoscedasticNormal(1),
        ]
    )


def network(units=1):
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [keras.Input((3,)), layers.DenseFlipout(units, seed=3), layers.HomoscedasticNormal(units)]
    )


def examples_behind(model):
    return 1 / kl_divergence(model).table["scale"].iloc[0]


def noise_of(model):
    """Return the standard deviation of a model's distribution, which is the same everywhere."""
    output = model(np.ones((1, *model.input_shape[1:])))
    return float(np.ravel(keras.ops.convert_to_numpy(tfd_stddev(output)))[0])


# Losses with several terms for an example.

CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("is_masked", [True, False])
def test_the_divergence_is_divided_by_the_terms_that_the_loss_is_a_mean_of(tokens, is_masked):
    """So n times the loss is minus the log-likelihood of all data, plus the divergence."""
    model = tagger(is_masked)
    history = fit_bayesian(
        model, tokens, tokens % 3, epochs=1, batch_size=N, loss=CROSSENTROPY, **STILL
    )
    counted = (tokens > 0).sum() if is_masked else tokens.size
    np.testing.assert_allclose(examples_behind(model), counted, rtol=1e-5)
    found = counted * history.history["kl_divergence"][0]
    np.testing.assert_allclose(found, kl_divergence(model).total, rtol=1e-4)


def test_a_sequence_is_trained_on_as_by_hand(tokens):
    once, by_hand = tagger(), scale_kl(tagger(), (tokens > 0).sum())
    settings = {"epochs": 2, "shuffle": False, "verbose": 0}
    found = fit_bayesian(
        once, tokens, tokens % 3, loss=CROSSENTROPY, annealing=0, decay=False, clipnorm=None,
        **settings,
    )  # fmt: skip
    by_hand.compile(keras.optimizers.Adam(0.01), CROSSENTROPY)
    expected = by_hand.fit(tokens, tokens % 3, **settings)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)


def test_steps_in_batches_are_counted_like_those_in_an_array(tokens):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return tokens[i * 10 : i * 10 + 10], tokens[i * 10 : i * 10 + 10] % 3

    model = tagger()
    fit_bayesian(model, Batches(), epochs=1, loss=CROSSENTROPY, **STILL)
    np.testing.assert_allclose(examples_behind(model), (tokens > 0).sum(), rtol=1e-5)


def test_steps_are_counted_where_their_number_differs_by_batch(rng):
    lengths = (4, 6, 5, 7)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(lengths)

        def __getitem__(self, i):
            x = np.ones((8, lengths[i], 3), "float32")
            return x, np.ones((8, lengths[i]), "int32")

    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.GRUReparameterization(4, return_sequences=True),
            layers.DenseFlipout(3),
        ]
    )
    fit_bayesian(model, Batches(), epochs=1, loss=CROSSENTROPY, **STILL)
    np.testing.assert_allclose(examples_behind(model), 8 * sum(lengths), rtol=1e-5)


def test_columns_that_are_events_count_each(data):
    x, _ = data
    model = keras.Sequential([keras.Input((3,)), layers.DenseFlipout(4)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    fit_bayesian(model, x, np.ones((N, 4)), epochs=1, loss=loss, **STILL)
    np.testing.assert_allclose(examples_behind(model), 4 * N, rtol=1e-5)


@pytest.mark.parametrize("loss", ["mse", lambda y, t: (y - t) ** 2], ids=["name", "function"])
def test_an_example_of_one_term_counts_once(data, loss):
    x, y = data
    model = keras.Sequential([keras.Input((3,)), layers.DenseFlipout(1)])
    fit_bayesian(model, x, y[:, 0], epochs=1, loss=loss, **STILL)
    np.testing.assert_allclose(examples_behind(model), N, rtol=1e-5)


def test_classes_of_steps_are_validated_by_their_loss(tokens):
    how = {"epochs": 2, "loss": CROSSENTROPY, "verbose": 0}
    model = tagger()
    history = fit_bayesian(
        model, tokens, tokens % 3, validation_data=(tokens, tokens % 3), **how
    ).history
    assert "val_log_score" not in history
    assert len(history["val_negative_log_likelihood"]) == 2


# Weights.


@pytest.mark.parametrize("trailing", [(), (1,)], ids=["steps", "column"])
def test_weights_of_steps_leave_padding_out(tokens, trailing):
    y = (tokens / 4.0)[..., None].astype("float32")
    weights = (tokens > 0).astype("float32").reshape(N, STEPS, *trailing)
    model = forecaster()
    history = fit_bayesian(model, tokens, y, epochs=1, batch_size=N, sample_weight=weights, **STILL)
    log_prob = norm.logpdf(y[..., 0], scale=noise_of(model))
    expected = -log_prob[tokens > 0].sum() / N
    np.testing.assert_allclose(history.history["negative_log_likelihood"][0], expected, rtol=1e-4)


def test_weights_of_steps_are_validated_with(tokens):
    y = (tokens / 4.0)[..., None].astype("float32")
    weights = (tokens > 0).astype("float32")
    model = forecaster()
    history = fit_bayesian(
        model, tokens, y, epochs=1, batch_size=N, validation_data=(tokens, y, weights), **STILL
    ).history
    expected = -norm.logpdf(y[..., 0], scale=noise_of(model))[tokens > 0].sum() / N
    np.testing.assert_allclose(history["val_negative_log_likelihood"][0], expected, rtol=1e-4)
    # It would be that of the padding, too.
    assert "val_log_score" not in history


def test_weights_of_the_wrong_parts_are_refused(tokens):
    y = (tokens / 4.0)[..., None].astype("float32")
    with pytest.raises(ArgumentError, match="`sample_weight` must hold a weight for each example"):
        fit_bayesian(
            forecaster(), tokens, y, epochs=1, sample_weight=np.ones((N, STEPS + 1)), **STILL
        )


@pytest.mark.parametrize("source", ["arrays", "split", "batches"])
def test_the_score_is_a_mean_with_the_weights_of_examples(data, source):
    x, y = data
    weights = np.linspace(0.0, 2.0, N).astype("float32")

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            rows = slice(20 * i, 20 * i + 20)
            return x[rows], y[rows], weights[rows]

    how = {
        "arrays": {"validation_data": (x, y, weights)},
        "split": {"validation_split": 0.5, "sample_weight": weights},
        "batches": {"validation_data": Batches()},
    }[source]
    kept = slice(N // 2 if source == "split" else 0, None)
    model = network()
    history = fit_bayesian(model, x, y, epochs=1, patience=None, **how, **STILL)
    found = log_likelihood(model, x[kept], y[kept], draws=20, seed=0, verbose=0)
    scores = logsumexp(found, axis=0) - np.log(20)
    # Draws of Flipout differ by the batches that examples come in.
    rtol = 2e-2 if source == "batches" else 1e-4
    expected = np.average(scores, weights=weights[kept])
    np.testing.assert_allclose(history.history["val_log_score"][0], expected, rtol=rtol)


def test_weights_may_be_lists_and_classes_texts(data):
    """As R's vectors and named lists come."""
    x, y = data
    weights = np.linspace(0.5, 2.0, N).astype("float32")
    classes = (y[:, 0] > 0).astype("int32")

    def losses(sample_weight, class_weight):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((3,)), layers.DenseFlipout(2, seed=3)])
        how = {"loss": CROSSENTROPY, "epochs": 2, "verbose": 0}
        by_class = fit_bayesian(model, x, classes, class_weight=class_weight, **how)
        by_example = fit_bayesian(
            model, x, classes, sample_weight=sample_weight,
            validation_data=(x, classes, sample_weight), **how,
        )  # fmt: skip
        found = by_example.history
        return [*by_class.history["loss"], *found["loss"], *found["val_log_score"]]

    found = losses(weights.tolist(), {"0": 1.0, "1": 3.0})
    np.testing.assert_allclose(found, losses(weights, {0: 1.0, 1: 3.0}), rtol=1e-6)


# Losses that are the model's own.


class Encoder(keras.Model):
    """A model that adds all of its loss itself."""

    def __init__(self):
        super().__init__()
        self.dense = layers.DenseFlipout(3, seed=1)

    def call(self, x):
        outputs = self.dense(x)
        self.add_loss(0.0 * keras.ops.mean(outputs) + 7.0)
        return outputs


def test_a_model_may_add_all_of_its_loss(data):
    x, _ = data
    with pytest.raises(ArgumentError, match=r"`loss` must be given .* by `add_loss\(\)`"):
        fit_bayesian(Encoder(), x, epochs=1, verbose=0)
    model = Encoder()
    model.compile()
    history = fit_bayesian(model, x, epochs=1, **STILL).history
    expected = 7.0 + kl_divergence(model).total / N
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)


class Configured(keras.Model):
    """A model whose `compile()` has an argument of its own, before Keras's."""

    def __init__(self):
        super().__init__()
        self.inner = network()

    def compile(self, beta=1.0, **kwargs):
        self.beta = beta
        super().compile(**kwargs)

    def fit(self, *args, **kwargs):
        return super().fit(*args, **kwargs)

    def call(self, x):
        return self.inner(x)


def test_a_model_may_have_its_own_compile_and_fit(data):
    model = Configured()
    how = {"epochs": 2, "verbose": 0, "shuffle": False}
    fit_bayesian(model, *data, beta=2.0, run_eagerly=True, optimizer="sgd", **how)
    assert model.beta == 2.0
    assert model.run_eagerly
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.0, atol=1e-9)
    with pytest.raises(ArgumentError, match="Did you mean `shuffle`"):
        fit_bayesian(model, *data, shufle=False)


def test_a_scale_of_the_layers_own_is_warned_of_once_where_the_call_stands(data):
    half = lambda q, p, ignored: tfd_kl_divergence(q, p) / N  # noqa: E731
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.DenseFlipout(1, kernel_divergence_fn=half),
            layers.HomoscedasticNormal(1),
        ]
    )
    with pytest.warns(UserWarning, match=r"which `fit_bayesian\(\)` scales once more") as caught:
        fit_bayesian(
            model, *data, epochs=1, temperature=[1.0, 0.5], validation_data=data, verbose=0
        )
    ours = [each for each in caught if "scales once more" in str(each.message)]
    assert [each.filename for each in ours] == [__file__]


# Beside the user's own callbacks.


def test_the_last_epoch_has_all_of_the_divergence(data):
    for epochs in (1, 2):
        model = network()
        history = fit_bayesian(model, *data, epochs=epochs, verbose=0, learning_rate=1e-9)
        expected = kl_divergence(model).total / N
        np.testing.assert_allclose(history.history["kl_divergence"][-1], expected, rtol=1e-3)


def test_own_annealing_takes_the_place_of_the_recipes(data):
    model = network()
    history = fit_bayesian(
        model, *data, epochs=5, callbacks=callback_kl_annealing(epochs=100), verbose=0,
        learning_rate=1e-9,
    )  # fmt: skip
    expected = np.arange(5) / 100 * kl_divergence(model).total / N
    np.testing.assert_allclose(history.history["kl_divergence"], expected, rtol=1e-3)


def test_own_score_takes_the_place_of_the_recipes(data):
    x, y = data
    model = network()
    history = fit_bayesian(
        model, x, y, epochs=1, validation_data=(x, y), verbose=0,
        callbacks=[callback_log_score(x[:7], y[:7], draws=3)],
    )  # fmt: skip
    found = log_likelihood(model, x[:7], y[:7], draws=3, seed=0, verbose=0)
    expected = np.mean(logsumexp(found, axis=0) - np.log(3))
    np.testing.assert_allclose(history.history["val_log_score"][0], expected, rtol=1e-4)


SETTERS = {
    "plateau": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1e9),
    "scheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / 2**epoch),
}


@pytest.mark.parametrize("name", SETTERS)
def test_the_learning_rate_is_set_by_one(data, name):
    how = {"epochs": 3, "verbose": 0, "callbacks": [SETTERS[name]()]}
    for schedule in (
        {},
        {"optimizer": keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9))},
    ):
        with pytest.raises(ArgumentError, match="`callbacks` must not set a learning rate"):
            fit_bayesian(network(), *data, **how, **schedule)
    model = network()
    fit_bayesian(model, *data, decay=False, **how)
    expected = {"plateau": 0.01 * 0.1**2, "scheduler": 0.025}[name]
    np.testing.assert_allclose(float(model.optimizer.learning_rate), expected, rtol=1e-5)


def test_a_training_that_begins_later_decays_to_its_end(data):
    model = network()
    fit_bayesian(model, *data, epochs=5, initial_epoch=2, verbose=0)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:The KL term of the loss")
def test_a_temperature_that_diverges_is_not_chosen(data):
    class Diverges(keras.callbacks.Callback):
        count = 0

        def on_train_end(self, logs=None):
            self.count += 1
            if self.count == 1:
                weights = self.model.get_weights()
                self.model.set_weights([weight * np.nan for weight in weights])

    model = network()
    history = fit_bayesian(
        model, *data, epochs=1, temperature=[1.0, 0.5], validation_data=data, verbose=0,
        callbacks=[Diverges()],
    )  # fmt: skip
    assert history.temperature == 0.5
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


# Optimizers.


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that is not registered, so that its class can't be found by its name."""

    def __call__(self, step):
        return 0.25

    def get_config(self):
        return {}


class Narrow(keras.optimizers.SGD):
    """An optimizer whose constructor takes less than its settings."""

    def __init__(self, rate):
        super().__init__(rate)


@pytest.mark.parametrize("make", [lambda: keras.optimizers.SGD(Constant()), lambda: Narrow(0.1)])
def test_an_optimizer_that_cannot_be_copied_is_refused(data, make):
    with pytest.raises(ArgumentError, match="`optimizer` must be one that its `get_config"):
        fit_bayesian(network(), *data, epochs=1, optimizer=make(), verbose=0)


def test_loss_scaling_is_around_clipping_and_decay(data):
    """Under float16, the model is trained as under float32 but for rounding."""

    def trained(policy):
        keras.config.set_dtype_policy(policy)
        try:
            model = network()
            history = fit_bayesian(model, *data, epochs=4, clipnorm=0.1, verbose=0)
        finally:
            keras.config.set_dtype_policy("float32")
        return model, np.array(history.history["loss"])

    (model, found), (_, expected) = trained("mixed_float16"), trained("float32")
    np.testing.assert_allclose(found, expected, rtol=2e-2)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    inner = model.optimizer.inner_optimizer
    assert inner.clipnorm == 0.1
    # A step whose gradient is too large is left out.
    done = int(inner.iterations) / (4 * 2)
    assert done > 0.5
    expected = 0.01 * 0.5 * (1 + np.cos(np.pi * done))
    np.testing.assert_allclose(float(inner.learning_rate), expected, rtol=1e-3, atol=1e-6)


# Repeated batches.


def test_repeated_examples_leave_moving_statistics_as_they_are(data):
    def statistics(samples):
        keras.utils.set_random_seed(5)
        norming = keras.layers.BatchNormalization()
        model = keras.Sequential(
            [keras.Input((3,)), norming, layers.DenseFlipout(1), layers.HomoscedasticNormal(1)]
        )
        fit_bayesian(model, *data, epochs=2, samples=samples, shuffle=False, verbose=0)
        return [
            keras.ops.convert_to_numpy(v) for v in (norming.moving_mean, norming.moving_variance)
        ]

    for once, repeated in zip(statistics(1), statistics(4), strict=True):
        np.testing.assert_allclose(once, repeated, rtol=1e-5, atol=1e-6)


# Sparse inputs.


@pytest.mark.on("tensorflow")
def test_sparse_examples_are_kept_for_validation(data):
    from scipy.sparse import csr_matrix

    x, y = data
    x = np.where(x > 0, x, 0)

    def trained(x, **kwargs):
        keras.utils.set_random_seed(5)
        model = keras.Sequential(
            [keras.Input((3,), **kwargs), layers.DenseReparameterization(1, seed=3)]
        )
        layers_of = [*model.layers, layers.HomoscedasticNormal(1)]
        model = keras.Sequential([keras.Input((3,), **kwargs), *layers_of])
        return fit_bayesian(model, x, y, epochs=2, validation_split=0.25, verbose=0).history

    found, expected = trained(csr_matrix(x), sparse=True), trained(x)
    np.testing.assert_allclose(found["val_log_score"], expected["val_log_score"], rtol=1e-5)
    assert BACKEND == "tensorflow"


# A loss of the user's, on distributions.


def test_a_mean_over_steps_of_log_likelihoods_counts_steps(tokens):
    y = (tokens / 4.0)[..., None].astype("float32")
    model = forecaster()
    fit_bayesian(model, tokens, y, epochs=1, loss=lambda y, rv: -tfd_log_prob(rv, y), **STILL)
    np.testing.assert_allclose(examples_behind(model), N * STEPS, rtol=1e-5)
