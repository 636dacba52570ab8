"""Models of several outputs: each verb is asked about one, by its name or its place."""

import inspect

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import BACKEND, assert_allclose, assert_array_equal, distributions, on
from statistical import assert_uncorrelated

from bayeslayers import (
    ArgumentError,
    as_bayesian,
    as_deterministic,
    as_inference_data,
    log_likelihood,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

RNG = np.random.default_rng(3)
X = RNG.normal(size=(9, 3)).astype("float32")
SIZES = RNG.normal(size=(9, 1)).astype("float32")
CLASSES = RNG.integers(0, 3, 9)
SCALE = 0.5
ARGUMENTS = {"draws": 40, "seed": 5, "verbose": 0}


@keras.saving.register_keras_serializable("test_outputs")
def normal(t):
    return distributions.Normal(t, SCALE)


@keras.saving.register_keras_serializable("test_outputs")
def categorical(t):
    return distributions.Categorical(logits=t)


@pytest.fixture
def parts():
    """One layer that is drawn, and the two heads that end in a distribution."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((3,))
    hidden = DenseFlipout(4)(inputs)
    sizes = DistributionLambda(normal, name="size")(keras.layers.Dense(1)(hidden))
    kinds = DistributionLambda(categorical, name="kind")(keras.layers.Dense(3)(hidden))
    return inputs, sizes, kinds


NESTS = {
    "list": lambda sizes, kinds: [sizes, kinds],
    "tuple": lambda sizes, kinds: (sizes, kinds),
    "dictionary": lambda sizes, kinds: {"size": sizes, "kind": kinds},
    # Keras sorts the names where it flattens a dictionary, and on PyTorch in `predict()` as well.
    "other order": lambda sizes, kinds: {"size": sizes, "a kind": kinds},
}


@pytest.mark.parametrize("nest", NESTS)
def test_draws_come_in_the_nest_of_the_outputs(parts, nest):
    inputs, *outputs = parts
    model = keras.Model(inputs, NESTS[nest](*outputs))
    predicted = model.predict(X, verbose=0)
    found = predict_draws(model, X, **ARGUMENTS)
    assert type(found) is type(predicted) or nest == "tuple"
    if isinstance(predicted, dict):
        assert set(found) == set(predicted)
        assert list(found) == list(NESTS[nest](*outputs))
        found = list(found.values())
    assert [draws.shape for draws in found] == [(40, 9, 1), (40, 9, 3)]
    assert_allclose(found[1].sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["mean", "sample"])
def test_one_output_is_picked_by_name_or_place(parts, kind):
    inputs, *outputs = parts
    for nest, names in (("list", ["size", "kind"]), ("other order", ["size", "a kind"])):
        model = keras.Model(inputs, NESTS[nest](*outputs))
        both = predict_draws(model, X, kind=kind, **ARGUMENTS)
        both = list(both.values()) if isinstance(both, dict) else both
        for place, name in enumerate(names):
            for output in (place, name, np.int64(place)):
                found = predict_draws(model, X, kind=kind, output=output, **ARGUMENTS)
                assert_array_equal(found, both[place])


ALIKE = {
    "loaded": lambda model, path: (model.save(path), keras.models.load_model(path))[1],
    "by its configuration": lambda model, _: keras.Model.from_config(model.get_config()),
    "copied": lambda model, _: as_bayesian(as_deterministic(model)),
    "in a sequential model": lambda model, _: keras.Sequential([keras.Input((3,)), model]),
}


@pytest.mark.parametrize("how", ALIKE)
def test_the_first_output_is_that_of_the_same_name_in_a_model_like_this(parts, how, tmp_path):
    inputs, sizes, kinds = parts
    nest = {"size": sizes, "a pair": {"kind": kinds, "again": [sizes]}}
    model = ALIKE[how](keras.Model(inputs, nest), tmp_path / "model.keras")
    found = predict_draws(model, X, **ARGUMENTS)
    assert [list(found), list(found["a pair"])] == [["size", "a pair"], ["kind", "again"]]
    assert_array_equal(predict_draws(model, X, output=0, **ARGUMENTS), found["size"])
    assert_array_equal(predict_draws(model, X, output=1, **ARGUMENTS), found["a pair"]["kind"])


def test_outputs_have_noise_of_their_own(parts):
    inputs, sizes, _ = parts
    other = DistributionLambda(normal)(keras.layers.Dense(1)(inputs))
    model = keras.Model(inputs, [sizes, other])
    arguments = {"draws": 1000, "seed": 5, "verbose": 0}
    means, samples = (
        predict_draws(model, X, kind=kind, **arguments) for kind in ("mean", "sample")
    )
    assert_uncorrelated(samples[0] - means[0], samples[1] - means[1])


def test_summaries_are_those_of_the_draws(parts):
    inputs, *outputs = parts
    model = keras.Model(inputs, list(outputs))
    draws = predict_draws(model, X, **ARGUMENTS)
    sizes = predictive_summary(model, X, output="size", **ARGUMENTS)
    assert_allclose(sizes["mean"], draws[0].mean(axis=0)[:, 0], rtol=1e-4, atol=1e-6)
    assert_allclose(sizes["sd_aleatoric"], 0.5, rtol=1e-5)
    kinds = predictive_summary(model, X, output=1, **ARGUMENTS)
    mean = draws[1].mean(axis=0)
    assert_allclose(kinds[["p[0]", "p[1]", "p[2]"]], mean, rtol=1e-4)


def frame(found):
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame(found)


@pytest.mark.parametrize("verb", [log_likelihood, predictive_scores, reliability_curve])
def test_scores_are_those_of_a_model_of_this_output(parts, verb, monkeypatch):
    if BACKEND != "tensorflow":
        # Each distribution draws the tensor that it stands for, so that the noise of one output
        # depends on how many there are: here it is lost in rounding.
        monkeypatch.setitem(globals(), "SCALE", 1e-9)
    inputs, *outputs = parts
    whole = keras.Model(inputs, NESTS["dictionary"](*outputs))
    targets = {"size": SIZES, "kind": CLASSES}
    for place, (name, y) in enumerate(targets.items()):
        # Its one layer with a posterior stands at the same place, and has the same draws.
        only = keras.Model(inputs, outputs[place])
        expected = frame(verb(only, X, y, **ARGUMENTS))
        for output in (name, place):
            for given in (y, targets):
                found = frame(verb(whole, X, given, output=output, **ARGUMENTS))
                pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
    listed = keras.Model(inputs, list(outputs))
    expected = frame(verb(whole, X, CLASSES, output="kind", **ARGUMENTS))
    found = frame(verb(listed, X, [SIZES, CLASSES], output="kind", **ARGUMENTS))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def test_arviz_is_told_which(parts):
    inputs, *outputs = parts
    model = keras.Model(inputs, list(outputs))
    data = as_inference_data(model, X, SIZES, draws=40, seed=5, output="size")
    samples = predict_draws(model, X, kind="sample", output="size", **ARGUMENTS)
    assert_array_equal(data["posterior_predictive"]["y"].to_numpy()[0], samples)
    expected = log_likelihood(model, X, SIZES, output="size", **ARGUMENTS)
    assert_array_equal(data["log_likelihood"]["y"].to_numpy()[0], expected)
    with pytest.raises(ArgumentError, match="`output` must"):
        as_inference_data(model, X, draws=40)


def test_a_model_of_one_output_needs_no_name_and_has_one():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, DenseFlipout(2, name="out")(inputs))
    expected = predict_draws(model, X, **ARGUMENTS)
    for output in (None, 0, "out"):
        found = predict_draws(model, X, output=output, **ARGUMENTS)
        assert_array_equal(found, expected)


VERBS = {
    "summary": lambda model, output: predictive_summary(model, X, output=output),
    "scores": lambda model, output: predictive_scores(model, X, SIZES, output=output),
    "likelihood": lambda model, output: log_likelihood(model, X, SIZES, output=output),
    "reliability": lambda model, output: reliability_curve(model, X, SIZES, output=output),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("output", [None, "weight", 2, -1, True, 1.5, ["size"], np.ones(2)])
def test_an_output_must_be_one_of_them(parts, verb, output):
    inputs, *outputs = parts
    model = keras.Model(inputs, list(outputs))
    with pytest.raises(ArgumentError, match=r'`output` must .* 2 outputs: "size", "kind"'):
        VERBS[verb](model, output)


def test_a_tensor_among_distributions_has_no_samples(parts):
    inputs, sizes, _ = parts
    model = keras.Model(inputs, {"size": sizes, "shape": DenseFlipout(2)(inputs)})
    with pytest.raises(ArgumentError, match=r'`kind` must.*`output` picks .* distribution: "size"'):
        predict_draws(model, X, kind="sample", **ARGUMENTS)
    found = predict_draws(model, X, kind="sample", output=0, **ARGUMENTS)
    assert found.shape == (40, 9, 1)


@pytest.mark.parametrize("y", [{"weight": SIZES}, [SIZES, SIZES, SIZES]])
def test_targets_must_hold_those_of_the_output(parts, y):
    inputs, *outputs = parts
    model = keras.Model(inputs, NESTS["dictionary"](*outputs))
    with pytest.raises(ArgumentError, match="`y` must hold the targets"):
        predictive_scores(model, X, y, output="size", **ARGUMENTS)


@pytest.mark.skipif(
    "ragged" not in inspect.signature(keras.Input).parameters, reason="Keras without ragged inputs"
)
@on("tensorflow")
def test_outputs_without_a_common_length_are_refused():
    import tensorflow as tf

    words = keras.Input((None,), dtype="int64", ragged=True)
    model = keras.Model(words, keras.layers.Embedding(5, 2)(words))
    with pytest.raises(ArgumentError, match="`model` must have outputs of one shape"):
        predict_draws(model, tf.ragged.constant([[1, 2], [3]]), draws=2)
