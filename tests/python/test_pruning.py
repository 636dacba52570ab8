"""Weights of low signal-to-noise set to zero."""

import keras
import numpy as np
import pandas as pd
import pytest
from frameworks import BACKEND, assert_allclose, assert_array_equal, distributions, moment, numpy_of
from oracles import parameters
from posteriors import fixed_normal

from bayeslayers import ArgumentError, as_deterministic, predict_draws, prune, pruning_curve
from bayeslayers.layers import Conv1DFlipout, DenseFlipout, DistributionLambda


def network():
    model = keras.Sequential(
        [
            keras.Input((10, 3)),
            Conv1DFlipout(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            DenseFlipout(5),
        ]
    )
    rng = np.random.default_rng(1)
    for layer in (model.layers[0], model.layers[2]):
        loc, scale = layer.trainable_variables[:2]
        loc.assign(rng.normal(size=loc.shape))
        scale.assign(rng.normal(size=scale.shape))
    return model


def kernels(model):
    return [model.layers[0].kernel_posterior, model.layers[2].kernel_posterior]


def ratios(model):
    return [np.abs(mean / stddev) for mean, stddev in map(parameters, kernels(model))]


@pytest.mark.parametrize("snr", [0.5, 2.0, 1e9])
def test_just_the_weights_below_the_ratio_are_zero(snr):
    model = network()
    pruned = prune(model, snr=snr)
    for old, new, ratio in zip(kernels(model), kernels(pruned), ratios(model), strict=True):
        (old_mean, old_stddev), (new_mean, new_stddev) = parameters(old), parameters(new)
        assert_array_equal(new_mean, np.where(ratio < snr, 0, old_mean))
        assert_allclose(new_stddev, np.where(ratio < snr, 0, old_stddev), atol=1e-6)
    # The model that was passed is as it was.
    assert_array_equal(*(moment(kernels(each)[0], "mean") for each in (model, network())))


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_a_share_is_that_of_all_weights_together(share):
    model = network()
    pruned = prune(model, share=share)
    removed = np.concatenate([np.ravel(moment(q, "mean")) == 0 for q in kernels(pruned)])
    assert removed.sum() == round(share * (36 + 20))
    flat = np.concatenate([ratio.ravel() for ratio in ratios(model)])
    if 0 < share < 1:
        assert flat[removed].max() <= flat[~removed].min()


def test_biases_stay_and_draws_agree(rng):
    model = network()
    model.layers[2].trainable_variables[2].assign(np.arange(5.0))
    x = rng.normal(size=(4, 10, 3))
    draws = predict_draws(prune(model, share=1), x, draws=3, verbose=0)
    assert_allclose(draws, np.broadcast_to(np.arange(5.0), (3, 4, 5)), atol=1e-5)


@pytest.mark.parametrize("is_the_copy_trained", [True, False])
def test_the_model_and_its_copy_are_trained_each_without_the_other(is_the_copy_trained, rng):
    inputs = rng.normal(size=(8, 10, 3)).astype("float32")
    model = network()
    copy = prune(model, share=0.5)
    trained, kept = (copy, model) if is_the_copy_trained else (model, copy)
    before = kept.get_weights()
    trained.compile("adam", loss="mean_squared_error")
    trained.fit(inputs, np.zeros((8, 5)), verbose=0)
    for weight, value in zip(kept.get_weights(), before, strict=True):
        assert_array_equal(weight, value)
    assert kept.predict(inputs, verbose=0).shape == (8, 5)


def test_the_curve_is_the_metric_of_the_means(rng):
    model = network()
    x = rng.normal(size=(30, 10, 3)).astype("float32")
    y = as_deterministic(model).predict(x, verbose=0).argmax(axis=1)
    curve = pruning_curve(model, x, y, metric="sparse_categorical_accuracy", shares=[0, 0.5, 1])
    outputs = as_deterministic(prune(model, share=0.5)).predict(x, verbose=0)
    expected = [1, np.mean(outputs.argmax(axis=1) == y)]
    assert_allclose(curve["sparse_categorical_accuracy"][:2], expected, rtol=1e-6)
    assert list(curve["removed"]) == [0, 28, 56]
    flat = np.sort(np.concatenate([ratio.ravel() for ratio in ratios(model)]))
    assert_allclose(curve["snr"], [flat[0], flat[28], np.inf], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({}, "snr"),
        ({"snr": 1, "share": 0.5}, "snr"),
        ({"snr": -1}, "snr"),
        ({"share": 1.5}, "share"),
        ({"model": 3, "snr": 1}, "model"),
    ],
)
def test_arguments_are_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        prune(**{"model": network(), **arguments})


def test_other_posteriors_are_refused():
    layer = DenseFlipout(2, kernel_posterior_fn=fixed_normal(1.0, 1.0))
    model = keras.Sequential([keras.Input((3,)), layer])
    with pytest.raises(ArgumentError, match="default posterior"):
        prune(model, snr=1)


def test_an_unknown_metric_is_refused(rng):
    with pytest.raises(ArgumentError, match="`metric` must"):
        pruning_curve(network(), np.ones((2, 10, 3)), np.ones(2), metric="beauty")


SHARES = (0, 0.4, 0.7)


def two_outputs(names=("rates", "classes")):
    """Return a model of a Poisson distribution and of the logits of three classes."""
    inputs = keras.Input((3,))
    made = [DenseFlipout(1, name="log_rate"), DenseFlipout(3, name="logits")]
    log_rate, logits = (layer(inputs) for layer in made)
    rates = DistributionLambda(lambda t: distributions.Poisson(keras.ops.exp(t)))(log_rate)
    outputs = dict(zip(names, (rates, logits), strict=True))
    return with_normal_weights(keras.Model(inputs, outputs)), made


def one_output():
    model = with_normal_weights(keras.Sequential([keras.Input((3,)), DenseFlipout(3)]))
    return model, model.layers


def with_normal_weights(model):
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


def linear_maps_by_hand(layers, x, share):
    """Return what layers return at their means, without the weights of the lowest ratios."""
    parameters = [[numpy_of(v) for v in layer.trainable_variables] for layer in layers]
    ratios = [np.abs(loc) / np.log1p(np.exp(rho)) for loc, rho, _ in parameters]
    lowest = np.sort(np.concatenate([ratio.ravel() for ratio in ratios]))
    limit = lowest[round(share * len(lowest))]
    pruned = [np.where(r >= limit, p[0], 0) for r, p in zip(ratios, parameters, strict=True)]
    return [x @ kernel + p[2] for kernel, p in zip(pruned, parameters, strict=True)]


def data_of_two(rng):
    x = rng.normal(size=(50, 3)).astype("float32")
    return x, rng.poisson(1.0, 50).astype("float32"), rng.integers(0, 3, 50)


# The names in both orders. A place counts in the model's own, where Keras sorts on some backends.
@pytest.mark.parametrize("names", [("rates", "classes"), ("a", "b")])
def test_an_output_is_picked_by_name_or_place(names, rng):
    model, layers = two_outputs(names)
    x, counts, labels = data_of_two(rng)
    log_rates, logits = zip(*(linear_maps_by_hand(layers, x, s) for s in SHARES), strict=True)
    errors = [np.mean((np.exp(found[:, 0]) - counts) ** 2) for found in log_rates]
    right = [np.mean(found.argmax(axis=1) == labels) for found in logits]
    both = dict(zip(names, (counts, labels), strict=True))
    for place, output in enumerate(names):
        metric, expected, y = (
            ("sparse_categorical_accuracy", right, labels)
            if output == names[1]
            else ("mean_squared_error", errors, counts)
        )
        for which, targets in ((output, y), (place, y), (output, both), (place, both)):
            curve = pruning_curve(model, x, targets, metric, SHARES, output=which)
            assert_allclose(curve[metric], expected, rtol=1e-4)
    with pytest.raises(ArgumentError, match=f'one of the model\'s 2 outputs: "{names[0]}"'):
        pruning_curve(model, x, counts, "mean_squared_error", SHARES)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return self.x[20 * i : 20 * (i + 1)], self.y[20 * i : 20 * (i + 1)]


def datasets(x, labels):
    """Return what TensorFlow has for batches, in order and in another at every pass."""
    if BACKEND != "tensorflow":
        return []
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((x, labels))
    return [data.batch(20), data.shuffle(50).batch(20)]


def test_targets_come_with_batches_that_all_shares_go_through(rng):
    model, layers = one_output()
    x, _, labels = data_of_two(rng)
    right = [
        np.mean(linear_maps_by_hand(layers, x, share)[0].argmax(axis=1) == labels)
        for share in SHARES
    ]
    assert len(set(right)) == len(SHARES)
    pairs = Batches(x, labels)
    metric = "sparse_categorical_accuracy"
    for batches in (pairs, *datasets(x, labels), (pairs[i] for i in range(3))):
        curve = pruning_curve(model, batches, None, metric, SHARES)
        assert_allclose(curve[metric], right, rtol=1e-6)
    inputs_alone = (pairs[i][0] for i in range(3))
    curve = pruning_curve(model, inputs_alone, labels, metric, SHARES)
    assert_allclose(curve[metric], right, rtol=1e-6)
    categories = pd.Categorical.from_codes(labels, ["a", "b", "c"])
    curve = pruning_curve(model, x, categories, metric, SHARES)
    assert_allclose(curve[metric], right, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (None, "be given where `x` does not hold"),
        (np.array([0.0, np.nan, 1.0, 2.0]), "hold no missing"),
        (pd.Categorical(["a", "b", None, "c"]), "hold no missing"),
        (pd.Categorical(["a", "b", "a", "b"]), "have as many categories"),
        (np.zeros(3), "a target for each example"),
        # A metric would broadcast them.
        (np.zeros((4, 2)), "of the output's shape"),
    ],
)
def test_targets_are_checked(y, rule):
    with pytest.raises(ArgumentError, match=f"`y` must .*{rule}"):
        pruning_curve(one_output()[0], np.ones((4, 3)), y, "mean_squared_error", (0,))


def test_targets_are_not_given_twice(rng):
    model, _ = one_output()
    x, _, labels = data_of_two(rng)
    with pytest.raises(ArgumentError, match="`y` must be left empty"):
        pruning_curve(model, Batches(x, labels), labels, "mean_squared_error", (0,))


def test_no_metric_is_refused():
    with pytest.raises(ArgumentError, match="`metric` must be the name"):
        pruning_curve(network(), np.ones((2, 10, 3)), np.ones(2), metric=None)
