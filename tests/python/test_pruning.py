"""Weights of low signal-to-noise set to zero."""

import keras
import numpy as np
import pytest
from posteriors import fixed_normal

from bayeslayers import ArgumentError, as_deterministic, predict_draws, prune, pruning_curve
from bayeslayers.layers import Conv1DFlipout, DenseFlipout


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
    return [np.abs(q.mean() / q.stddev()) for q in kernels(model)]


@pytest.mark.parametrize("snr", [0.5, 2.0, 1e9])
def test_just_the_weights_below_the_ratio_are_zero(snr):
    model = network()
    pruned = prune(model, snr=snr)
    for old, new, ratio in zip(kernels(model), kernels(pruned), ratios(model), strict=True):
        np.testing.assert_array_equal(new.mean(), np.where(ratio < snr, 0, old.mean()))
        np.testing.assert_allclose(new.stddev(), np.where(ratio < snr, 0, old.stddev()), atol=1e-6)
    # The model that was passed is as it was.
    np.testing.assert_array_equal(kernels(model)[0].mean(), kernels(network())[0].mean())


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_a_share_is_that_of_all_weights_together(share):
    model = network()
    pruned = prune(model, share=share)
    removed = np.concatenate([np.ravel(q.mean()) == 0 for q in kernels(pruned)])
    assert removed.sum() == round(share * (36 + 20))
    flat = np.concatenate([ratio.ravel() for ratio in ratios(model)])
    if 0 < share < 1:
        assert flat[removed].max() <= flat[~removed].min()


def test_biases_stay_and_draws_agree(rng):
    model = network()
    model.layers[2].trainable_variables[2].assign(np.arange(5.0))
    x = rng.normal(size=(4, 10, 3))
    draws = predict_draws(prune(model, share=1), x, draws=3, verbose=0)
    np.testing.assert_allclose(draws, np.broadcast_to(np.arange(5.0), (3, 4, 5)), atol=1e-5)


def test_the_curve_is_the_metric_of_the_means(rng):
    model = network()
    x = rng.normal(size=(30, 10, 3)).astype("float32")
    y = as_deterministic(model).predict(x, verbose=0).argmax(axis=1)
    curve = pruning_curve(model, x, y, metric="sparse_categorical_accuracy", shares=[0, 0.5, 1])
    outputs = as_deterministic(prune(model, share=0.5)).predict(x, verbose=0)
    expected = [1, np.mean(outputs.argmax(axis=1) == y)]
    np.testing.assert_allclose(curve["sparse_categorical_accuracy"][:2], expected, rtol=1e-6)
    assert list(curve["removed"]) == [0, 28, 56]
    flat = np.sort(np.concatenate([ratio.ravel() for ratio in ratios(model)]))
    np.testing.assert_allclose(curve["snr"], [flat[0], flat[28], np.inf], rtol=1e-6)


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
