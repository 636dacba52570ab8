"""The posterior of the weights: draws that belong to those of the predictions, and moments."""

import keras
import numpy as np
import pytest
from frameworks import (
    NormalWithoutSpread,
    assert_allclose,
    assert_array_equal,
    distributions,
    moment,
)
from models import X
from statistical import assert_normal_moments, assert_uncorrelated

from bayeslayers import ArgumentError, posterior_draws, posterior_summary, predict_draws
from bayeslayers.layers import (
    DenseFlipout,
    DenseReparameterization,
    DenseVariational,
    LSTMFlipout,
)


def network():
    keras.utils.set_random_seed(3)
    layers = [DenseFlipout(5, activation="relu", name="first"), DenseFlipout(2, name="second")]
    return keras.Sequential([keras.Input((3,)), *layers])


def test_weights_and_predictions_of_a_seed_belong_together():
    model = network()
    weights = posterior_draws(model, draws=20, seed=7)
    shapes = {name: values.shape for name, values in weights.items()}
    assert shapes == {
        "first.kernel": (20, 3, 5),
        "first.bias": (20, 5),
        "second.kernel": (20, 5, 2),
        "second.bias": (20, 2),
    }
    hidden = X @ weights["first.kernel"] + weights["first.bias"][:, None]
    outputs = np.maximum(hidden, 0) @ weights["second.kernel"] + weights["second.bias"][:, None]
    predicted = predict_draws(model, X, draws=20, seed=7, batch_size=3, verbose=0)
    assert_allclose(predicted, outputs, rtol=1e-4, atol=1e-5)


def test_layers_that_share_a_shape_do_not_share_a_draw():
    inputs = keras.Input((3,))
    names = ("a", "b")
    model = keras.Model(inputs, [DenseFlipout(2, seed=1, name=name)(inputs) for name in names])
    found = posterior_draws(model, draws=500, seed=1)
    noise = [found[f"{name}.kernel"] - found[f"{name}.kernel"].mean(axis=0) for name in names]
    assert_uncorrelated(*noise)


def test_weights_of_one_layer_do_not_share_a_draw():
    # As many inputs as units: both kernels have one shape.
    model = keras.Sequential([keras.Input((4, 3)), LSTMFlipout(3, name="lstm")])
    found = posterior_draws(model, draws=500, seed=1)
    kernels = (found[f"lstm.{name}"] for name in ("kernel", "recurrent"))
    assert_uncorrelated(*(kernel - kernel.mean(axis=0) for kernel in kernels))


def test_draws_follow_the_posterior_and_the_seed():
    model = network()
    posterior = model.layers[0].kernel_posterior
    found = posterior_draws(model, draws=3000, seed=1)["first.kernel"]
    assert_normal_moments(found, moment(posterior, "mean"), moment(posterior, "variance"))
    assert_array_equal(posterior_draws(model, 5, seed=1)["first.kernel"], found[:5])
    keras.utils.set_random_seed(1)
    first, second = (posterior_draws(model, 5)["first.kernel"] for _ in range(2))
    assert not np.allclose(first, second)


def test_moments_are_the_posterior_s():
    model = network()
    table = posterior_summary(model)
    assert len(table) == 15 + 5 + 10 + 2
    kernel = table[(table["layer"] == "first") & (table["weight"] == "kernel")]
    posterior = model.layers[0].kernel_posterior
    loc, scale = moment(posterior, "mean"), moment(posterior, "stddev")
    assert kernel["variable"].tolist()[:6] == [
        *(f"kernel[0,{j}]" for j in range(5)),
        "kernel[1,0]",
    ]
    assert_allclose(kernel["mean"], loc.ravel(), rtol=1e-6)
    assert_allclose(kernel["sd"], scale.ravel(), rtol=1e-5)
    assert_allclose(kernel["snr"], np.abs(loc / scale).ravel(), rtol=1e-5)
    bias = table[(table["layer"] == "first") & (table["weight"] == "bias")]
    assert (bias["sd"] == 0).all()
    assert bias["variable"].tolist()[0] == "bias[0]"


def test_a_spread_of_zero_leaves_no_doubt_or_nothing():
    model = network()
    moment(model.layers[0].bias_posterior, "mean")
    bias = model.layers[0].trainable_variables[2]
    bias.assign([0.0, 1.0, -2.0, 0.0, 3.0])
    table = posterior_summary(model)
    snr = table.loc[(table["layer"] == "first") & (table["weight"] == "bias"), "snr"]
    assert_array_equal(snr, [0.0, np.inf, np.inf, 0.0, np.inf])


def test_joint_and_foreign_posteriors_have_theirs():
    tfd = distributions

    def joint(kernel_size, bias_size, dtype):
        n = kernel_size + bias_size
        loc = np.arange(n, dtype="float32")
        return lambda _: tfd.Independent(tfd.Normal(loc, 0.5), 1)

    def cauchy(dtype, shape, name, trainable, add_variable_fn):
        loc = add_variable_fn(name=f"{name}_loc", shape=shape, initializer="ones")
        return tfd.Independent(NormalWithoutSpread(loc, 0.3), len(shape))

    layers = [
        DenseVariational(2, joint, joint, name="joint"),
        DenseReparameterization(1, kernel_posterior_fn=cauchy, name="foreign"),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    table = posterior_summary(model).set_index(["layer", "variable"])
    assert table.loc[("joint", "kernel[2,1]"), "mean"] == 5.0
    assert table.loc[("joint", "bias[1]"), "mean"] == 7.0
    assert (table.loc["joint", "sd"] == 0.5).all()
    assert table.loc[("foreign", "kernel[0,0]"), "mean"] == 1.0
    assert table.loc[[("foreign", "kernel[0,0]")], ["sd", "snr"]].isna().all(axis=None)
    weights = posterior_draws(model, draws=10, seed=1)
    hidden = X @ weights["joint.kernel"] + weights["joint.bias"][:, None]
    outputs = hidden @ weights["foreign.kernel"] + weights["foreign.bias"][:, None]
    assert_allclose(
        predict_draws(model, X, draws=10, seed=1, verbose=0), outputs, rtol=1e-4, atol=1e-4
    )


def test_arguments_are_checked():
    for arguments, argument in (({"draws": 0}, "draws"), ({"seed": 1.5}, "seed")):
        with pytest.raises(ArgumentError, match=f"`{argument}` must"):
            posterior_draws(network(), **arguments)
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    for function in (posterior_draws, posterior_summary):
        with pytest.raises(ArgumentError, match="must contain a layer with a posterior"):
            function(plain)


def test_layers_of_one_name_are_not_mixed_up():
    nested = keras.Sequential([keras.Input((3,)), DenseFlipout(3, name="same")])
    model = keras.Sequential([keras.Input((3,)), nested, DenseFlipout(2, name="same")])
    with pytest.raises(ArgumentError, match="different names"):
        posterior_draws(model)
