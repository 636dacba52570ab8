"""What `fit_bayesian()` and its kin refuse before they compute anything, and in which words."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from bayeslayers import (
    callback_log_score,
    conformal_interval,
    fit_bayesian,
    layer_dense_flipout,
    layer_homoscedastic_normal,
    layer_independent_bernoulli,
    layer_one_hot_categorical,
    layers,
    ood_detection,
    ood_scores,
    predict_draws,
    recalibrate,
    tfd_log_prob,
)
from bayeslayers.contract.errors import ArgumentError

N = 20
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
LABELS = (Y[:, 0] > 0).astype(int) + (X[:, 0] > 0)
NAMES = np.array(["a"] * N)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
IN_COLUMNS = keras.losses.CategoricalCrossentropy(from_logits=True)
BINARY = keras.losses.BinaryCrossentropy(from_logits=True)


def network(units=1):
    model = keras.Sequential([keras.Input((3,))])
    return layer_dense_flipout(model, units=units, seed=3)


def values(units=1):
    return layer_homoscedastic_normal(network(units), event_shape=units)


def with_gap(array, gap, at=2):
    array = np.array(array, "float32")
    array[at] = gap
    return array


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 2

    def __getitem__(self, i):
        rows = slice(10 * i, 10 * i + 10)
        found = tuple(array[rows] for array in self.arrays)
        return found if len(found) > 1 else found[0]


class NotTrained(keras.callbacks.Callback):
    """Fails where a training begins, so that an error that comes later is not the one asked for."""

    def on_epoch_begin(self, epoch, logs=None):
        pytest.fail("The training has begun.")


def fit(model, *data, **arguments):
    callbacks = [*arguments.pop("callbacks", []), NotTrained()]
    return fit_bayesian(model, *data, epochs=1, verbose=0, callbacks=callbacks, **arguments)


@pytest.mark.parametrize(
    ("x", "rule"),
    [
        (NAMES[:, None], "`x` must hold numbers. Received: x=an array of dtype <U1"),
        (X.astype(object), "`x` must hold numbers. Received: x=an array of dtype object"),
        (pd.DataFrame(X).assign(a="b"), "each column. Received: columns without numbers=['a']"),
        (X[:, :2], "of shape (3,) for each example, as the model takes them. Received: shape of"),
        ([X, X], "`x` must hold an array for each input of the model, of which there are 1"),
        (X[:0], "`x` must hold at least one example"),
        (
            with_gap(X, np.nan),
            "missing values. Received: missing=3 of 60, first in the 3rd example",
        ),
        (
            with_gap(X, np.inf),
            "finite numbers. Received: infinite=3 of 60, first in the 3rd example",
        ),
        (keras.ops.convert_to_tensor(with_gap(X, -np.inf)), "`x` must hold finite numbers"),
    ],
)
def test_inputs_are_checked(x, rule):
    with pytest.raises(ArgumentError) as error:
        fit(values(), x, Y[: len(x)])
    assert rule in str(error.value)


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (NAMES, "in numbers. Received: y=str"),
        (list(NAMES), "in numbers. Received: y=str"),
        (Y.astype(object), "in numbers. Received: y=object"),
        (Y.astype(complex), "in numbers. Received: y=complex"),
        (None, "`y` must be given where `x` does not hold the targets"),
        (3.0, "`y` must be an array or a tensor that holds a target for each example"),
        (Y[:5], "target for each example. Received: y=shape (5, 1) for 20 examples"),
        (np.ones((N, 2)), "a target of shape (1,), as the outputs do. Received: shape of each"),
        (with_gap(Y, np.nan, 11), "missing=1 of 20, first in the 12th example"),
        (with_gap(Y, np.inf, 0), "infinite=1 of 20, first in the 1st example"),
        ([Y, Y], "`y` must hold the targets of each of the model's 1 outputs"),
        ({"a": Y}, "`y` must be an array or a tensor for a model of one output"),
    ],
)
def test_targets_are_checked(y, rule):
    with pytest.raises(ArgumentError) as error:
        fit(values(), X, y)
    assert rule in str(error.value)


@pytest.mark.parametrize("y", [Y, Y[:, 0], np.ones((N, 3))], ids=["column", "row", "wider"])
@pytest.mark.parametrize("ends_in", ["distribution", "tensor"])
def test_targets_have_the_shape_of_the_outputs(y, ends_in):
    """Where they are broadcast, a network learns something else than what was observed."""
    model, loss = (values(2), None) if ends_in == "distribution" else (network(2), "mse")
    with pytest.raises(ArgumentError, match=r"must hold for each example a target of shape \(2,\)"):
        fit(model, X, y, loss=loss)


@pytest.mark.parametrize(
    ("units", "loss", "y", "rule"),
    [
        (
            3,
            SPARSE,
            LABELS - 1,
            "a whole number from 0 to 2, its class. Received: y=numbers from -1",
        ),
        (3, SPARSE, LABELS + 0.5, "a whole number from 0 to 2"),
        (3, "sparse_categorical_crossentropy", LABELS + 1, "a whole number from 0 to 2"),
        (3, SPARSE, np.eye(3)[LABELS], "`categorical_crossentropy` takes a column for each class"),
        (3, IN_COLUMNS, LABELS, "`sparse_categorical_crossentropy` takes the numbers of classes"),
        (3, "CategoricalCrossentropy", LABELS[:, None], "a column for each class"),
        (3, IN_COLUMNS, np.ones((N, 3)), "which add up to 1 over the classes"),
        (1, BINARY, LABELS, "numbers from 0 to 1, each of which says whether an event happened"),
        (1, "bce", 2 * (LABELS > 0) - 1, "numbers from 0 to 1"),
        (1, SPARSE, LABELS > 0, "A model of two classes with one output takes the loss `binary"),
        (1, "poisson", Y, "`y` must hold numbers from 0, which are counts"),
        (4, SPARSE, pd.Categorical(LABELS), "as many categories (levels) as the model has classes"),
    ],
)
def test_targets_are_classes_of_the_loss(units, loss, y, rule):
    with pytest.raises(ArgumentError) as error:
        fit(network(units), X, y, loss=loss)
    assert rule in str(error.value)


def test_targets_are_classes_of_the_distribution():
    events = layer_independent_bernoulli(network(), event_shape=1)
    with pytest.raises(ArgumentError, match="numbers from 0 to 1, each of which says whether"):
        fit(events, X, LABELS)
    classes = layer_one_hot_categorical(network(3), event_size=3)
    with pytest.raises(ArgumentError, match="Each class has a column"):
        fit(classes, X, LABELS)
    categories = fit_bayesian(classes, X, pd.Categorical(LABELS), epochs=1, verbose=0)
    assert np.isfinite(categories.history["loss"]).all()


def test_a_class_that_is_left_out_is_a_label():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    labels = np.where(LABELS == 1, -1, LABELS)
    fit_bayesian(network(3), X, labels, loss=loss, epochs=1, verbose=0)
    with pytest.raises(ArgumentError, match="a whole number from 0 to 2"):
        fit(network(3), X, labels - 1, loss=loss)


PAIR = "`validation_data` must be a pair of inputs and targets"


@pytest.mark.parametrize(
    ("validation", "rule"),
    [
        (X, PAIR),
        ((X,), PAIR),
        ((X, Y, Y, Y), PAIR),
        ((X, None), PAIR),
        ("abc", PAIR),
        (3, PAIR),
        (
            (X[:, :2], Y),
            "`validation_data` must hold inputs as `x` does, which must hold inputs of",
        ),
        ((X, Y[:3]), "`validation_data` must hold targets as `y` does, which must be an array"),
        ((X, NAMES), "in numbers. Received: y=str"),
        (
            (X, with_gap(Y, np.nan)),
            "as `y` does, which must hold no missing values. Received: miss",
        ),
        ((with_gap(X, np.nan), Y), "as `x` does, which must hold no missing values"),
        ((X, Y, -np.ones(N)), "must hold weights of examples as `sample_weight` does"),
        (Batches(X), "as `x` does, which must hold batches of inputs and targets"),
    ],
)
def test_validation_data_are_checked(validation, rule):
    with pytest.raises(ArgumentError) as error:
        fit(values(), X, Y, validation_data=validation)
    assert error.value.argument == "validation_data"
    assert rule in str(error.value)


@pytest.mark.parametrize(
    ("further", "rule"),
    [
        ({"sample_weight": with_gap(np.ones(N), np.nan)}, "`sample_weight` must hold no missing"),
        (
            {"sample_weight": np.ones(3)},
            "`sample_weight` must hold a number from 0 for each example",
        ),
        ({"sample_weight": with_gap(np.ones(N), -1)}, "sample_weight=1 of 20 below 0"),
        ({"sample_weight": "a"}, "`sample_weight` must hold a number from 0 for each example"),
        (
            {"class_weight": {0: 1.0, 1: float("nan")}},
            "`class_weight` must hold a finite number from 0 for each class",
        ),
        ({"metrics": ["nometric"]}, "`metrics` must be the names of Keras metrics"),
        ({"callbacks": ["abc"]}, "`callbacks` must be a Keras callback, or a list of them"),
    ],
)
def test_further_arguments_are_checked(further, rule):
    with pytest.raises(ArgumentError, match=rule):
        fit(values(), X, Y, **further)
    with pytest.raises(ArgumentError, match='`verbose` must be "auto", 0, 1 or 2'):
        fit_bayesian(values(), X, Y, epochs=1, verbose="loud")


@pytest.mark.parametrize(
    ("units", "loss", "y"),
    [
        (3, SPARSE, np.arange(N) % 3),
        (3, IN_COLUMNS, np.eye(3)[np.arange(N) % 3]),
        (1, BINARY, np.arange(N) % 2),
    ],
)
def test_weights_are_those_of_classes_that_there_are(units, loss, y):
    last = max(units, 2) - 1
    how = {"loss": loss, "epochs": 1, "verbose": 0}
    fit_bayesian(network(units), X, y, class_weight={0: 1.0, last: 2.0}, **how)
    rule = f"`class_weight` must have no names but the numbers of the classes, from 0 to {last}"
    for other in (last + 1, -1, "a", 0.5):
        with pytest.raises(ArgumentError, match=rule) as raised:
            fit_bayesian(network(units), X, y, class_weight={0: 1.0, other: 2.0}, **how)
        assert raised.value.received == {"names": f"[{other!r}]"}


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ((Batches(X, Y), Y), "`y` must be left empty where `x` comes in batches"),
        ((Batches(X),), "`x` must hold batches of inputs and targets"),
        (
            (Batches(X, np.ones((N, 2))),),
            r"`y` must hold for each example a target of shape \(1,\)",
        ),
        (
            (Batches(X, with_gap(Y, np.nan, 14)),),
            "missing=1 of 10, first in the 5th example, batch=",
        ),
        ((Batches(with_gap(X, np.inf, 14), Y),), "first in the 5th example, batch=the 2nd"),
    ],
    ids=["beside", "without", "shape", "missing", "infinite"],
)
def test_batches_are_checked_when_they_are_counted(data, rule):
    with pytest.raises(ArgumentError, match=rule):
        fit(values(), *data)


def test_inputs_are_looked_at_once():
    looked = []

    class Counted(Batches):
        def __getitem__(self, i):
            looked.append(i)
            return super().__getitem__(i)

    # Keras has not yet been asked.
    with pytest.raises(ArgumentError, match="`loss` must be"):
        fit_bayesian(values(), Counted(X, Y), loss="nolikelihood", verbose=0)
    assert looked == [0, 1]


def test_lists_of_numbers_are_arrays():
    """At a learning rate of 0 without noise of their order, the losses are the same."""

    def loss(x, y):
        keras.utils.set_random_seed(5)
        how = {"optimizer": keras.optimizers.SGD(0.0), "shuffle": False, "annealing": 0}
        return fit_bayesian(values(), x, y, epochs=1, verbose=0, **how).history["loss"]

    for x, y in [(X.tolist(), Y.tolist()), (X.tolist(), Y[:, 0].tolist())]:
        np.testing.assert_allclose(loss(x, y), loss(X, Y), rtol=1e-6)


@pytest.mark.parametrize(
    ("callback", "rule"),
    [
        (lambda: callback_log_score(X, np.ones((N, 2))), "`y` must hold for each example a target"),
        (
            lambda: callback_log_score(X, Y[:3]),
            "`y` must be an array or a tensor that holds a target",
        ),
        (lambda: callback_log_score(with_gap(X, np.nan), Y), "`x` must hold no missing values"),
        (lambda: callback_log_score(X, with_gap(Y, np.inf)), "`y` must hold finite numbers"),
        (lambda: callback_log_score(X), "`y` must be given where `x` does not hold the targets"),
        (lambda: callback_log_score(Batches(X)), "`y` must be given where"),
        (lambda: callback_log_score(X, Y, outputs="logits"), "`outputs` must be"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_the_first_epoch(callback, rule):
    with pytest.raises(ArgumentError, match=rule):
        fit(values(), X, Y, callbacks=[callback()])


def test_a_tensor_of_values_is_not_scored():
    with pytest.raises(ArgumentError, match="`model` must end in a distribution"):
        fit(network(), X, Y, loss="mse", callbacks=[callback_log_score(X, Y)])
    labels = callback_log_score(X, LABELS + 1, outputs="logits")
    with pytest.raises(ArgumentError, match="a whole number from 0 to 2"):
        fit(network(3), X, LABELS, loss=SPARSE, callbacks=[labels])


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: recalibrate(values(), with_gap(X, np.nan), Y), "`x` must hold no missing values"),
        (lambda: recalibrate(values(), X, with_gap(Y, np.inf)), "`y` must hold finite numbers"),
        (lambda: recalibrate(values(), X[:0], Y[:0]), "`x` must hold at least one example"),
        (lambda: recalibrate(values(), X[:, :2], Y), r"`x` must hold inputs of shape \(3,\)"),
        (
            lambda: conformal_interval(values(), X, with_gap(X, np.inf), Y),
            "`x_calibration` must hold finite numbers",
        ),
        (
            lambda: conformal_interval(values(), X, X[:0], Y[:0]),
            "`x_calibration` must hold at least",
        ),
        (
            lambda: conformal_interval(values(), X, X[:, :2], Y),
            "`x_calibration` must hold inputs of",
        ),
        (lambda: ood_scores(values(), with_gap(X, np.nan)), "`x` must hold no missing values"),
        (lambda: ood_detection(values(), X, with_gap(X, np.nan)), "`x_ood` must hold no missing"),
        (lambda: ood_detection(values(), X, X[:0]), "`x_ood` must hold at least one example"),
        (lambda: predict_draws(values(), X[:, :2]), r"`x` must hold inputs of shape \(3,\)"),
    ],
)
def test_verbs_say_which_argument_is_wrong(call, rule):
    with pytest.raises(ArgumentError, match=rule):
        call()


def test_inputs_that_keras_fits_to_a_model_are_taken():
    """A column that is a row, and a model that learns from its first inputs what they are."""
    one = layer_dense_flipout(keras.Sequential([keras.Input((1,))]), units=1, seed=3)
    assert predict_draws(one, X[:, 0], draws=2, verbose=0).shape == (2, N, 1)
    late = layer_dense_flipout(keras.Sequential(), units=1, seed=3)
    history = fit_bayesian(late, X, Y, loss="mse", epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


class OwnLoss(keras.Model):
    """A model that computes its loss of its inputs alone."""

    def __init__(self):
        super().__init__()
        self.dense, self.noise = layers.DenseFlipout(3, seed=3), layers.HomoscedasticNormal(3)

    def call(self, inputs, training=False):
        return self.noise(self.dense(inputs))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return -keras.ops.mean(tfd_log_prob(y_pred, x)) + sum(self.losses)


@pytest.mark.parametrize("validation", [None, (X,), (X, None)], ids=["none", "inputs", "pair"])
def test_a_model_with_a_loss_of_its_own_needs_no_targets(validation):
    history = fit_bayesian(OwnLoss(), X, epochs=1, validation_data=validation, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(ArgumentError, match="`y` must hold no missing values"):
        fit(OwnLoss(), X, {"any": Y, "other": with_gap(Y, np.nan)})


def test_shades_of_grey_are_learnt_and_not_scored():
    """As pixels between black and white are, under a Bernoulli distribution."""
    model, grey = layer_independent_bernoulli(network(3), event_shape=3), RNG.uniform(size=(N, 3))
    history = fit_bayesian(model, X, grey, epochs=1, validation_data=(X, grey), verbose=0)
    assert "val_log_score" not in history.history
    scored = fit_bayesian(model, X, grey.round(), epochs=1, validation_split=0.5, verbose=0)
    assert "val_log_score" in scored.history


def test_labels_of_sequences_are_checked():
    inputs, labels = np.ones((N, 6, 3), "float32"), RNG.integers(0, 3, size=(N, 6))
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(4, return_sequences=True)])
    model = layer_dense_flipout(model, units=3, seed=3)
    history = fit_bayesian(model, inputs, labels, epochs=1, loss=SPARSE, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(ArgumentError, match="a whole number from 0 to 2"):
        fit(model, inputs, labels + 1, loss=SPARSE)
    with pytest.raises(ArgumentError, match="`y` must hold for each example a target of shape"):
        fit(model, inputs, labels[:, 0], loss=SPARSE)


def test_data_frames_of_numbers_that_may_be_missing_are_taken():
    x, y = pd.DataFrame(X).convert_dtypes(), pd.Series(Y[:, 0], dtype="Float64")
    history = fit_bayesian(values(), x, y, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    y.iloc[4] = pd.NA
    with pytest.raises(ArgumentError, match="missing=1 of 20, first in the 5th example"):
        fit(values(), x, y)


@pytest.mark.on("tensorflow", "jax")
def test_a_gap_in_a_sparse_matrix_is_found_in_its_row():
    with pytest.raises(
        ArgumentError, match=r"`x` must hold no missing values. .*in the 3rd example"
    ):
        fit(values(), csr_matrix(with_gap(X, np.nan)), Y)
