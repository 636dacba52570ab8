"""Posterior and prior functions with known parameters, and ones that training can move."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd


def fixed_normal(loc, scale):
    """Return a function that makes Independent(Normal(loc, scale)), whatever the layer draws."""

    def make(dtype, shape, name, trainable, add_variable_fn):
        del name, trainable, add_variable_fn
        parameters = (tf.broadcast_to(tf.cast(value, dtype), shape) for value in (loc, scale))
        return tfd.Independent(tfd.Normal(*parameters), len(shape))

    return make


def fixed_value(value):
    """Return a function that makes a distribution with all its mass at `value`."""

    def make(dtype, shape, name, trainable, add_variable_fn):
        del name, trainable, add_variable_fn
        loc = tf.broadcast_to(tf.cast(value, dtype), shape)
        return tfd.Independent(tfd.Deterministic(loc), len(shape))

    return make


def trainable_normal(dtype, shape, name, trainable, add_variable_fn):
    """Make a normal distribution whose scale is computed from a variable on the spot."""

    def variable(part, initializer):
        return add_variable_fn(
            name=f"{name}_{part}",
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
        )

    scale = tf.math.softplus(variable("rho", "zeros"))
    return tfd.Independent(tfd.Normal(variable("mu", "ones"), scale), len(shape))
