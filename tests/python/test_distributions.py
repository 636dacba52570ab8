"""The makers of posteriors and priors, the verbs, and the `tfp` handle."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability
from scipy import stats
from statistical import ERROR_RATE
from tensorflow_probability import distributions as tfd

import bayeslayers.tfp as handle
from bayeslayers import (
    ArgumentError,
    layer_conv_1d_flipout,
    layers,
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_sample,
)
from bayeslayers.layers.util import default_mean_field_normal_fn, default_multivariate_normal_fn


def built(posterior_fn=None, filters=4):
    arguments = {} if posterior_fn is None else {"kernel_posterior_fn": posterior_fn}
    layer = layer_conv_1d_flipout(filters=filters, kernel_size=5, **arguments)
    layer.build((None, 10, 10))
    return layer


def test_the_default_starts_where_tensorflow_probabilitys_does():
    """Kolmogorov-Smirnov against Normal(0, 0.1) and Normal(-3, 0.1), with a stated error rate."""
    loc, untransformed, bias = built(filters=100).get_weights()
    standard = [loc / 0.1, (untransformed + 3) / 0.1]
    for values in standard:
        assert stats.kstest(values.ravel(), "norm").pvalue > ERROR_RATE / 2
    assert bias.shape == (100,)


def test_the_scale_is_tensorflow_probabilitys_function_of_its_variable():
    layer = built()
    values = np.linspace(-30, 10, 200, dtype="float32").reshape(5, 10, 4)
    layer.weights[1].assign(values)

    def variable(name, shape, initializer, dtype, **_):
        return tf.Variable(values if "untransformed" in name else tf.zeros(shape), dtype=dtype)

    theirs = tensorflow_probability.layers.util.default_mean_field_normal_fn()(
        tf.float32, (5, 10, 4), "kernel", True, variable
    )
    np.testing.assert_array_equal(layer.kernel_posterior.stddev(), theirs.stddev())
    # However low the variable, the scale stays above zero.
    assert layer.kernel_posterior.stddev().numpy().min() > 0


def test_the_singular_posterior_is_a_point():
    layer = built()
    bias = layer.bias_posterior
    assert isinstance(bias.distribution, tfd.Deterministic)
    np.testing.assert_array_equal(bias.sample(), layer.weights[2])


def test_initializers_regularizers_and_constraints_reach_the_variables():
    loc, untransformed = built(
        default_mean_field_normal_fn(
            loc_initializer="ones",
            untransformed_scale_initializer=keras.initializers.Constant(-5.0),
            loc_regularizer="l1",
            untransformed_scale_regularizer=keras.regularizers.L2(0.5),
            loc_constraint="non_neg",
            untransformed_scale_constraint=keras.constraints.MaxNorm(2.0),
        )
    ).weights[:2]
    assert np.all(loc.numpy() == 1)
    assert np.all(untransformed.numpy() == -5)
    assert isinstance(loc.regularizer, keras.regularizers.L1)
    assert isinstance(untransformed.regularizer, keras.regularizers.L2)
    assert isinstance(loc.constraint, keras.constraints.NonNeg)
    assert isinstance(untransformed.constraint, keras.constraints.MaxNorm)


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("is_singular", 1, "must be true or false"),
        ("loc_initializer", "foo", "must be the name of a Keras initializer"),
        ("untransformed_scale_initializer", 3, "must be the name of a Keras initializer"),
        ("loc_regularizer", "foo", "must be the name of a Keras regularizer"),
        ("untransformed_scale_regularizer", 3, "must be the name of a Keras regularizer"),
        ("loc_constraint", "foo", "must be the name of a Keras constraint"),
        ("untransformed_scale_constraint", 3, "must be the name of a Keras constraint"),
    ],
)
def test_a_bad_argument_of_the_maker_is_refused(argument, value, rule):
    with pytest.raises(ArgumentError) as caught:
        default_mean_field_normal_fn(**{argument: value})
    assert caught.value.argument == argument
    assert caught.value.rule.startswith(rule)
    assert caught.value.received == {argument: repr(value)}


def test_makers_are_equal_when_their_arguments_are():
    assert default_mean_field_normal_fn() == default_mean_field_normal_fn()
    assert hash(default_mean_field_normal_fn()) == hash(default_mean_field_normal_fn())
    assert default_mean_field_normal_fn() != default_mean_field_normal_fn(is_singular=True)
    assert default_mean_field_normal_fn(loc_initializer="ones") != default_mean_field_normal_fn()


def test_a_maker_is_printed_as_the_call_that_makes_it():
    assert repr(default_mean_field_normal_fn()) == "default_mean_field_normal_fn()"
    singular = default_mean_field_normal_fn(is_singular=True)
    assert repr(singular) == "default_mean_field_normal_fn(is_singular=True)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_default_prior_is_standard_normal(dtype):
    prior = default_multivariate_normal_fn(tf.as_dtype(dtype), (5, 2), "prior", True, None)
    values = np.linspace(-3, 3, 10).reshape(5, 2).astype(dtype)
    np.testing.assert_allclose(prior.log_prob(values), stats.norm.logpdf(values).sum(), rtol=1e-6)
    assert prior.dtype == dtype


def test_the_verbs_are_the_methods():
    q, p = tfd.Normal(1.0, 2.0), tfd.Normal(0.0, 1.0)
    assert tfd_sample(q, (2, 3)).shape == (2, 3)
    assert tfd_sample(q).shape == ()
    np.testing.assert_array_equal(tfd_sample(q, 5, seed=(1, 2)), q.sample(5, seed=(1, 2)))
    np.testing.assert_allclose(tfd_log_prob(q, 3.0), stats.norm.logpdf(3, 1, 2), rtol=1e-6)
    expected = 0.5 * (4 + 1 - 1) - np.log(2)
    np.testing.assert_allclose(tfd_kl_divergence(q, p), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [2.5, (2, 2.5), -1, True, np.array(1.5)])
def test_the_shape_of_a_sample_is_of_whole_numbers(shape):
    """TensorFlow cuts off what is behind the point."""
    with pytest.raises(ArgumentError, match="`sample_shape` must be a whole number from 0"):
        tfd_sample(tfd.Normal(1.0, 2.0), shape)


@pytest.mark.parametrize(
    "shape", [3, (3,), [3], np.array(3), np.int64(3), tf.constant([3]), tf.TensorShape([3])]
)
def test_the_shape_of_a_sample_may_come_in_any_form(shape):
    assert tfd_sample(tfd.Normal(1.0, 2.0), shape).shape == (3,)
    sampled = tf.function(lambda size: tfd_sample(tfd.Normal(1.0, 2.0), size))
    assert sampled(tf.constant(3)).shape == (3,)


def test_the_handle_has_our_layers_and_their_distributions():
    assert handle.layers is layers
    assert handle.layers.util.default_mean_field_normal_fn is default_mean_field_normal_fn
    assert handle.distributions is tensorflow_probability.distributions
    assert handle.bijectors is tensorflow_probability.bijectors
    assert {"layers", "distributions"} <= set(dir(handle))
    with pytest.raises(AttributeError):
        _ = handle.no_such_module
