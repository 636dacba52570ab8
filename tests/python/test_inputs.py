"""The verbs take what `predict()` takes: the oracle is Keras's own `predict()` of a plain model."""

import inspect
import re

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from frameworks import BACKEND, assert_allclose, assert_array_equal, distributions, on
from keras import ops

from bayeslayers import (
    ArgumentError,
    as_inference_data,
    log_likelihood,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

RNG = np.random.default_rng(3)
X = np.where(RNG.random((7, 3)) < 0.6, RNG.normal(size=(7, 3)), 0).astype("float32")
Y = RNG.normal(size=(7, 1)).astype("float32")


class Batches(keras.utils.PyDataset):
    """Batches of the inputs, and of the targets if there shall be any."""

    def __init__(self, *arrays, size=3):
        super().__init__()
        self.arrays, self.size = arrays, size

    def __len__(self):
        return len(range(0, len(self.arrays[0]), self.size))

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return tuple(array[rows] for array in self.arrays)


def generator(*arrays, size=3):
    return iter(list(Batches(*arrays, size=size)))


def dataset(*arrays, size=3):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays).batch(size)


def dataset_of_arrays(arrays, size=2):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays).batch(size)


def sparse(array):
    import tensorflow as tf

    return tf.sparse.from_dense(array)


# A source of batches that can be gone through again, as each backend has one.
batches_of = dataset if BACKEND == "tensorflow" else Batches


def true_generator(*arrays):
    yield from generator(*arrays)


class Loader:
    """What data loaders of other libraries have in common: they are gone through."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __iter__(self):
        return (
            [ops.convert_to_tensor(part) for part in batch] for batch in generator(*self.arrays)
        )


FORMS = {
    "tensor": ops.convert_to_tensor,
    "float64": lambda x: x.astype("float64"),
    "float16": lambda x: ops.cast(x, "float16"),
    "integers": lambda x: np.round(x).astype("int64"),
    "booleans": lambda x: x > 0,
    "Fortran order": np.asfortranarray,
    "list of numbers": lambda x: x.tolist(),
    "data frame": pd.DataFrame,
    "mixed data frame": lambda x: pd.DataFrame({"a": x[:, 0], "b": x[:, 1] > 0, "c": range(7)}),
    "sparse tensor": sparse,
    "csr matrix": scipy.sparse.csr_matrix,
    "coo matrix": scipy.sparse.coo_matrix,
    "csc array": scipy.sparse.csc_array,
    "variable": keras.Variable,
    "list of one": lambda x: [x],
    "dataset": dataset,
    "dataset of arrays": dataset_of_arrays,
    "dataset without length": lambda x: dataset(x).filter(lambda _: True),
    "sparse dataset": lambda x: dataset_of_arrays(sparse(x), 3),
    "pairs": lambda x: dataset(x, Y),
    "weighted pairs": lambda x: dataset(x, Y, Y[:, 0]),
    "PyDataset": Batches,
    "generator": true_generator,
    "generator of pairs": lambda x: true_generator(x, Y),
    "iterator": generator,
    "loader": Loader,
    "loader of pairs": lambda x: Loader(x, Y),
}
# Forms that TensorFlow alone has, by words in their names.
TENSORFLOWS = re.compile("dataset|sparse tensor|pairs$|weighted$")
BATCHES_OF_OTHERS = {"generator of pairs", "loader of pairs"}


def forms(table):
    """Parametrize a test over the forms that this backend has."""
    return pytest.mark.parametrize(
        "form",
        [
            pytest.param(form, marks=on("tensorflow"))
            if TENSORFLOWS.search(form) and form not in BATCHES_OF_OTHERS
            else form
            for form in table
        ],
    )


# What Keras does not take, or takes wrongly, is compared with the array that it stands for.
AS_ARRAY = {
    "list of numbers",
    "mixed data frame",
    "csc array",
    "sparse dataset",
    "loader",
    "loader of pairs",
    "iterator",
}
ARRAYS = {
    "integers": np.round(X),
    "booleans": (X > 0).astype("float32"),
    "mixed data frame": np.column_stack([X[:, 0], X[:, 1] > 0, range(7)]).astype("float32"),
    "float16": X.astype("float16").astype("float32"),
}


@forms(FORMS)
def test_every_form_that_keras_predicts_from(form):
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(4, activation="tanh")
    plain = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(2)])
    array, make = ARRAYS.get(form, X), FORMS[form]
    expected = plain.predict(array if form in AS_ARRAY else make(X), verbose=0)
    found = predict_draws(plain, make(X), draws=2, verbose=0)
    assert found.shape == (2, 7, 2)
    assert_allclose(found, np.stack([expected] * 2), rtol=1e-5, atol=1e-6)


@forms(FORMS)
def test_every_form_has_the_same_draws(form):
    model = keras.Sequential([keras.Input((3,)), DenseFlipout(4, "tanh"), DenseFlipout(2)])
    expected = predict_draws(model, ARRAYS.get(form, X), draws=5, seed=2, verbose=0)
    found = predict_draws(model, FORMS[form](X), draws=5, seed=2, verbose=0)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_vector_and_a_series_are_a_column():
    model = keras.Sequential([keras.Input((1,)), DenseFlipout(2)])
    expected = predict_draws(model, X[:, :1], draws=5, seed=2, verbose=0)
    for x in (X[:, 0], X[:, 0].tolist(), pd.Series(X[:, 0]), ops.convert_to_tensor(X[:, 0])):
        found = predict_draws(model, x, draws=5, seed=2, verbose=0, batch_size=2)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nest", [dict, list])
def test_nests_may_hold_different_forms(nest):
    a, b = keras.Input((3,), name="a"), keras.Input((1,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    inputs = {"a": a, "b": b} if nest is dict else [a, b]
    model = keras.Model(inputs, DenseFlipout(2)(joined))
    parts = {"a": X, "b": Y}
    expected = predict_draws(model, parts if nest is dict else [X, Y], draws=5, seed=2, verbose=0)
    forms = {"a": pd.DataFrame(X), "b": pd.Series(Y[:, 0])}
    batches = (
        [dataset_of_arrays(parts if nest is dict else ((X, Y),), 3)]
        if BACKEND == "tensorflow"
        else []
    )
    for x in (forms if nest is dict else list(forms.values()), *batches):
        found = predict_draws(model, x, draws=5, seed=2, verbose=0)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@on("tensorflow")
@pytest.mark.parametrize(
    "strings", [np.array, lambda x: np.array(x, object), list, ops.convert_to_tensor]
)
def test_text(strings):
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    text = keras.Input((1,), dtype="string")
    model = keras.Model(text, DenseFlipout(2, bias_posterior_fn=None)(lookup(text)))
    found = predict_draws(model, strings([["b"], ["a"], ["b"]]), draws=5, verbose=0)
    assert_array_equal(found[:, 0], found[:, 2])
    assert not np.allclose(found[:, 0], found[:, 1])


@pytest.mark.skipif(
    "ragged" not in inspect.signature(keras.Input).parameters, reason="Keras without ragged inputs"
)
@on("tensorflow")
def test_ragged_tensors():
    import tensorflow as tf

    words = keras.Input((None,), dtype="int64", ragged=True)
    pooled = keras.layers.Lambda(lambda x: tf.reduce_sum(tf.cast(x, "float32"), 1)[:, None])
    model = keras.Model(words, DenseFlipout(2)(pooled(words)))
    x = tf.ragged.constant([[1, 2], [3], [1, 2, 3], []], dtype="int64")
    found = predict_draws(model, x, draws=5, seed=1, batch_size=3, verbose=0)
    assert found.shape == (5, 4, 2)
    # A draw is linear in the sums, which are 3, 3, 6 and 0.
    assert_allclose(found[:, 0], found[:, 1], rtol=1e-5)
    slopes = found[:, 2] - found[:, 3], 2 * (found[:, 0] - found[:, 3])
    assert_allclose(*slopes, rtol=1e-4, atol=1e-5)


def test_batches_may_differ_in_length_of_their_sequences():
    words = keras.Input((None,), dtype="int64")
    hidden = keras.layers.Embedding(10, 3)(words)
    model = keras.Model(words, DenseFlipout(2)(keras.layers.GlobalMaxPooling1D()(hidden)))
    rows = [RNG.integers(0, 10, (2, length)) for length in (3, 5, 4, 6)]
    found = predict_draws(model, ((row,) for row in rows), draws=5, seed=1, verbose=0)
    one_by_one = [predict_draws(model, row, draws=5, seed=1, verbose=0) for row in rows]
    assert_allclose(found, np.concatenate(one_by_one, axis=1), rtol=1e-5, atol=1e-6)


def noisy():
    keras.utils.set_random_seed(1)
    normal = DistributionLambda(lambda t: distributions.Normal(t, 0.5))
    return keras.Sequential([keras.Input((3,)), DenseFlipout(1), normal])


PAIRS = {
    "dataset": lambda: dataset(X, Y),
    "weighted": lambda: dataset(X, Y, Y[:, 0]),
    "PyDataset": lambda: Batches(X, Y),
    "generator": lambda: true_generator(X, Y),
    "loader": lambda: Loader(X, Y),
}


@forms(PAIRS)
@pytest.mark.parametrize("verb", [log_likelihood, predictive_scores, reliability_curve])
def test_targets_come_with_the_inputs(verb, form):
    model = noisy()
    # In the same batches, whose noise is the same.
    arguments = {"draws": 30, "seed": 4, "verbose": 0}
    expected = verb(model, X, Y, batch_size=3, **arguments)
    found = verb(model, PAIRS[form](), **arguments)
    assert_allclose(found, expected, rtol=1e-5)
    # Or beside inputs alone.
    found = verb(model, batches_of(X), pd.Series(Y[:, 0]), **arguments)
    assert_allclose(found, expected, rtol=1e-5)


def test_a_summary_leaves_targets_alone():
    arguments = {"draws": 30, "seed": 4, "verbose": 0}
    expected = predictive_summary(noisy(), X, batch_size=3, **arguments)
    found = predictive_summary(noisy(), true_generator(X, Y), **arguments)
    assert found["example"].tolist() == list(range(7))
    pd.testing.assert_frame_equal(found, expected)


def test_arviz_goes_through_a_generator_once():
    expected = as_inference_data(noisy(), X, Y, draws=30, seed=4, batch_size=3)
    found = as_inference_data(noisy(), true_generator(X, Y), draws=30, seed=4)
    for group in ("posterior_predictive", "log_likelihood", "observed_data"):
        assert_allclose(found[group]["y"], expected[group]["y"], rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "argument"),
    [
        (X, None, "y"),
        (batches_of(X), None, "y"),
        (batches_of(X, Y), Y, "y"),
        (batches_of(X), Y[:5], "y"),
        (batches_of(X), np.concatenate([Y, Y]), "y"),
        (Batches(X, Y[:4]), None, "y"),
        (batches_of(X, Y.astype(str)), None, "y"),
    ],
)
def test_targets_are_there_once(x, y, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        predictive_scores(noisy(), x, y, draws=5, verbose=0)


class Endless(Batches):
    @property
    def num_batches(self):
        return None


REFUSED = {
    "no batch": lambda: iter([]),
    "no number": object,
    "a number": lambda: 3.0,
    "a NumPy number": lambda: np.float32(3),
    "text": lambda: "x",
    "nothing": lambda: None,
    "a function": lambda: true_generator,
    "an empty list": list,
    "objects": lambda: np.array([object()]),
    "texts in a frame": lambda: pd.DataFrame({"a": [1, 2], "b": ["1", object()]}),
    "a set": lambda: {1, 2},
    "different lengths": lambda: {"a": X, "b": X[:2]},
    "different lengths in a batch": lambda: iter([((X, X[:2]),)]),
    "numbers in a dataset": lambda: dataset_of_arrays(np.arange(3)).unbatch(),
    "four parts": lambda: iter([(X, Y, Y, Y)]),
    "endless dataset": lambda: dataset(X).repeat(),
    "endless PyDataset": lambda: Endless(X),
    "batches of two forms": lambda: iter([(X,), (X[:, :, None],)]),
    "batches of two nests": lambda: iter([(X,), ({"a": X},)]),
}


@forms(REFUSED)
def test_what_cannot_be_taken_is_said(form):
    with pytest.raises(ArgumentError, match="`x` must"):
        predict_draws(noisy(), REFUSED[form](), draws=2, verbose=0)


def test_batches_have_a_size_already():
    for x in (batches_of(X), Batches(X), true_generator(X)):
        with pytest.raises(ArgumentError, match="`batch_size` must be left empty"):
            predict_draws(noisy(), x, draws=2, batch_size=2, verbose=0)


def test_batches_of_one_form_are_traced_once():
    calls = []

    class Counted(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = DenseFlipout(1)

        def call(self, x):
            calls.append(x.shape)
            return self.dense(x)

    model = Counted()
    predict_draws(model, batches_of(X), draws=2, verbose=0)
    before = len(calls)
    sizes = (1, 2, 5)
    for size in sizes:
        predict_draws(model, batches_of(X, size=size), draws=40, verbose=0)
        predict_draws(model, X, draws=40, batch_size=size, verbose=0)
    batches = 2 * sum(-(-len(X) // size) for size in sizes)
    calls_again = {
        "tensorflow": 0,
        # JAX traces each size once, of batches and of the two parts that 40 draws come in.
        "jax": len(sizes) * 2,
        # PyTorch traces nothing: 40 draws call the model with each batch, and nothing else does.
        "torch": 40 * batches,
    }
    assert len(calls) - before == calls_again[BACKEND]
