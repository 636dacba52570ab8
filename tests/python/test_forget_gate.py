"""The bias of an LSTM's forget gate: where it starts, what it is, and files that say less of it."""

import h5py
import keras
import numpy as np
import pytest
from family import LSTM, ROWS
from frameworks import assert_allclose, assert_array_equal, moment
from frameworks import distributions as tfd
from keras import ops
from posteriors import fixed_normal, fixed_value

from bayeslayers import layer_lstm_flipout, layer_lstm_reparameterization
from bayeslayers.distributions.fixed_priors import NormalAround
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn

UNITS = 3
# The gates in Keras's order: input, forget, candidate, output.
FORGET = np.repeat([0.0, 1.0, 0.0, 0.0], UNITS)
# Those with a bias for each member have no files of earlier versions.
LSTMS = [row for row in ROWS if row.geometry is LSTM and not row.has_factors]
LATER = "unit_forget_bias_included"
KERNEL = default_mean_field_normal_fn(
    untransformed_scale_initializer=keras.initializers.Constant(-50.0)
)

every = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in LSTMS])


def normal_at(loc, scale):
    return tfd.Independent(tfd.Normal(loc, scale), 1)


def laplace(loc):
    return tfd.Independent(tfd.Laplace(loc, 0.1), 1)


def log_normal(loc):
    return tfd.Independent(tfd.LogNormal(loc, ops.cast(1e-6, loc.dtype)), 1)


def scaled_by_location(loc):
    return normal_at(loc, 0.1 + ops.abs(loc))


def own(part, distribution, size=None):
    """Return a posterior function of a caller's, with one variable."""

    def make(dtype, shape, name, trainable, add_variable_fn):
        variable = add_variable_fn(
            name=f"{name}_{part}",
            shape=size or shape,
            dtype=dtype,
            initializer=keras.initializers.RandomNormal(),
            trainable=trainable,
        )
        return distribution(ops.broadcast_to(variable, shape))

    return make


def narrow(loc):
    return normal_at(loc, ops.cast(1e-6, loc.dtype))


def layer_of(row, **further):
    kernels = {"kernel_posterior_fn": KERNEL, "recurrent_posterior_fn": KERNEL}
    priors = {"kernel_prior_fn": None, "recurrent_prior_fn": None}
    layer = row.layer(units=UNITS, **{**kernels, **priors, **further})
    return keras.Sequential([keras.Input((4, 2)), layer])


def start_of(row, posterior_fn, **further):
    """Return the mean of the bias of a new layer, in double precision."""
    layer = row.layer(units=UNITS, bias_posterior_fn=posterior_fn, seed=1, **further)
    layer.build((None, 4, 2))
    return np.asarray(moment(layer.bias_posterior, "mean"), "float64")


@every
@pytest.mark.parametrize(
    "posterior_fn",
    [
        default_mean_field_normal_fn(is_singular=True),
        default_mean_field_normal_fn(),
        own("loc", narrow),
        own("loc", laplace),
    ],
    ids=["singular", "mean field", "own normal", "own Laplace"],
)
def test_the_forget_gate_starts_one_higher(row, posterior_fn):
    start, without = (start_of(row, posterior_fn, unit_forget_bias=flag) for flag in (True, False))
    assert_allclose(start, without + FORGET, rtol=1e-6)
    assert len(np.unique(without)) == without.size


@every
@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]
)
def test_it_does_in_every_precision(row, dtype):
    maker = default_mean_field_normal_fn(loc_initializer="zeros")
    assert_array_equal(start_of(row, maker, dtype=dtype), FORGET)


@every
def test_it_starts_where_keras_s_does(row):
    zeros = default_mean_field_normal_fn(is_singular=True, loc_initializer="zeros")
    for flag in (True, False):
        oracle = keras.layers.LSTM(UNITS, unit_forget_bias=flag)
        oracle.build((None, 4, 2))
        start = start_of(row, zeros, unit_forget_bias=flag)
        assert_array_equal(start, oracle.get_weights()[2])


@every
@pytest.mark.parametrize("posterior_fn", [own("mu", narrow), own("loc", narrow, size=[1])])
def test_another_posterior_starts_where_it_says_itself(row, posterior_fn):
    """Its variable has another name, or another shape."""
    start, without = (start_of(row, posterior_fn, unit_forget_bias=flag) for flag in (True, False))
    assert_array_equal(start, without)


@every
@pytest.mark.parametrize("flag", [True, False])
def test_the_bias_is_used_as_it_is(row, flag, rng):
    shapes = row.geometry.shapes_of()
    weights = {role: rng.normal(size=shape).astype("float32") for role, shape in shapes.items()}
    inputs = row.geometry.inputs(rng)
    oracle = keras.layers.LSTM(2)
    oracle.build(inputs.shape)
    oracle.set_weights(list(weights.values()))
    kernels = {f"{role}_posterior_fn": fixed_normal(w, 0.0) for role, w in weights.items()}
    bias = {"bias_posterior_fn": fixed_value(weights["bias"])}
    priors = {"kernel_prior_fn": None, "recurrent_prior_fn": None}
    layer = row.layer(unit_forget_bias=flag, **{**kernels, **bias}, **priors)
    assert_allclose(layer(inputs), oracle(inputs), rtol=1e-4, atol=1e-5)


@every
def test_copies_within_a_version_start_nothing_anew(row, rng, tmp_path):
    """A clone with its weights set, weights alone, and the whole file are the same function."""
    inputs = row.geometry.inputs(rng)
    for flag in (True, False):
        model = layer_of(row, unit_forget_bias=flag)
        expected = model(inputs)
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        model.save_weights(tmp_path / "m.weights.h5")
        model.save(tmp_path / "m.keras")
        copies = [clone, keras.models.load_model(tmp_path / "m.keras")]
        for other in (True, False):
            copies.append(layer_of(row, unit_forget_bias=other))
            copies[-1].load_weights(tmp_path / "m.weights.h5")
        for copy in copies:
            assert_allclose(copy(inputs), expected, rtol=1e-4, atol=1e-5)


def saved_by_0_1_0(model, path, *locations):
    """Save weights as version 0.1.0 did: the 1 of the forget gate is in no variable.

    Args:
        locations: Numbers of the variables, of posterior and prior, that have it in them now.
    """
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        (layer,) = file["layers"].values()
        del layer["vars"][LATER]
        for number in locations:
            layer["vars"][str(number)][...] -= FORGET
    return path


BIAS = 4  # After location and scale of the two kernels.


@every
@pytest.mark.parametrize(
    "posterior_fn",
    [default_mean_field_normal_fn(is_singular=True), KERNEL, own("loc", narrow)],
    ids=["singular", "mean field", "own"],
)
def test_weights_of_0_1_0_are_the_same_function(row, posterior_fn, rng, tmp_path):
    inputs = row.geometry.inputs(rng)
    model, other = (layer_of(row, bias_posterior_fn=posterior_fn) for _ in range(2))
    expected = model(inputs)
    path = saved_by_0_1_0(model, tmp_path / "m.weights.h5", BIAS)
    other.predict(inputs, verbose=0)
    other.load_weights(path)
    assert_allclose(other(inputs), expected, rtol=1e-4, atol=1e-5)
    # Also in what was compiled before.
    found = other.predict(inputs, verbose=0)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@every
def test_weights_of_0_1_0_without_what_was_added_stay(row, rng, tmp_path):
    inputs = row.geometry.inputs(rng)
    for further in ({"unit_forget_bias": False}, {"bias_posterior_fn": None}):
        model, other = (layer_of(row, **further) for _ in range(2))
        other.load_weights(saved_by_0_1_0(model, tmp_path / "m.weights.h5"))
        assert_allclose(other(inputs), model(inputs), rtol=1e-4, atol=1e-5)


@every
@pytest.mark.parametrize(
    "posterior_fn",
    [
        own("mu", narrow),
        own("loc", narrow, size=[1]),
        own("loc", log_normal),
        own("loc", scaled_by_location),
    ],
    ids=["another name", "another shape", "no location", "also a scale"],
)
def test_a_posterior_that_the_one_cannot_be_put_into_is_refused(row, posterior_fn, tmp_path):
    model, other = (layer_of(row, bias_posterior_fn=posterior_fn) for _ in range(2))
    path = saved_by_0_1_0(model, tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="`bias_posterior_fn` of layer 'lstm") as caught:
        other.load_weights(path)
    assert "0.1.0" in str(caught.value)
    assert "unit_forget_bias=False" in str(caught.value)


@every
def test_the_way_out_is_the_same_function(row, rng, tmp_path):
    inputs = row.geometry.inputs(rng)
    model = layer_of(row, bias_posterior_fn=own("mu", lambda mu: narrow(ops.add(mu, FORGET))))
    expected = model(inputs)
    path = saved_by_0_1_0(model, tmp_path / "m.weights.h5")
    other = layer_of(
        row,
        bias_posterior_fn=own("mu", lambda mu: narrow(ops.add(mu, FORGET))),
        unit_forget_bias=False,
    )
    other.load_weights(path)
    assert_allclose(other(inputs), expected, rtol=1e-4, atol=1e-5)


def kl_of_bias(model, inputs):
    model(inputs)
    (loss,) = model.losses
    return float(loss)


@every
def test_a_prior_moves_along_or_it_is_said_that_it_does_not(row, rng, tmp_path):
    inputs, path = row.geometry.inputs(rng), tmp_path / "m.weights.h5"
    wide = default_mean_field_normal_fn()
    movable, fixed = NormalAround(), default_multivariate_normal_fn
    model, other = (layer_of(row, bias_posterior_fn=wide, bias_prior_fn=movable) for _ in range(2))
    model.layers[0].random_weights["bias"].centre_on(FORGET, 0.1)
    expected = kl_of_bias(model, inputs)
    # The prior's location is not trained, and stands behind all that is.
    other.load_weights(saved_by_0_1_0(model, path, BIAS, BIAS + 2))
    assert_allclose(kl_of_bias(other, inputs), expected, rtol=1e-5)
    model, other = (layer_of(row, bias_posterior_fn=wide, bias_prior_fn=fixed) for _ in range(2))
    expected = kl_of_bias(model, inputs)
    saved_by_0_1_0(model, path, BIAS)
    with pytest.warns(UserWarning, match="The outputs are the same; prior, regularizer"):
        other.load_weights(path)
    assert_allclose(kl_of_bias(other, inputs), expected, rtol=1e-5)
    mean = moment(other.layers[0].bias_posterior, "mean")
    assert_allclose(mean, moment(model.layers[0].bias_posterior, "mean"), atol=1e-6)


@every
@pytest.mark.parametrize("held", [{"loc_regularizer": "l2"}, {"loc_constraint": "max_norm"}])
def test_it_is_said_what_a_regularizer_or_a_constraint_now_sees(row, held, tmp_path):
    posterior_fn = default_mean_field_normal_fn(is_singular=True, **held)
    model, other = (layer_of(row, bias_posterior_fn=posterior_fn) for _ in range(2))
    path = saved_by_0_1_0(model, tmp_path / "m.weights.h5", BIAS)
    with pytest.warns(UserWarning, match="The outputs are the same; prior, regularizer"):
        other.load_weights(path)


@pytest.mark.parametrize("value", [0.0, 2.0, -1.0, np.nan, "a"])
@pytest.mark.parametrize("make", [layer_lstm_flipout, layer_lstm_reparameterization])
def test_a_file_that_says_something_else_of_the_bias_is_refused(make, value, tmp_path):
    def model_of():
        return make(keras.Sequential([keras.Input((4, 2))]), 2)

    model_of().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        (layer,) = file["layers"].values()
        del layer["vars"][LATER]
        layer["vars"][LATER] = value
    with pytest.raises(ValueError, match=f"`{LATER}` must be"):
        model_of().load_weights(tmp_path / "m.weights.h5")
