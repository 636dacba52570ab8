"""Posterior and prior functions with known parameters, and ones that training can move."""

from frameworks import distributions as tfd
from keras import ops

from bayeslayers.backend import independent_point


def fixed_normal(loc, scale):
    """Return a function that makes Independent(Normal(loc, scale)), whatever the layer draws."""

    def make(dtype, shape, name, trainable, add_variable_fn):
        del name, trainable, add_variable_fn
        parameters = (_filled(value, dtype, shape) for value in (loc, scale))
        return tfd.Independent(tfd.Normal(*parameters), len(shape))

    return make


def fixed_value(value):
    """Return a function that makes a distribution with all its mass at `value`."""

    def make(dtype, shape, name, trainable, add_variable_fn):
        del name, trainable, add_variable_fn
        return independent_point(_filled(value, dtype, shape), len(shape))

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

    scale = ops.softplus(variable("rho", "zeros"))
    return tfd.Independent(tfd.Normal(variable("mu", "ones"), scale), len(shape))


def _filled(value, dtype, shape):
    return ops.broadcast_to(ops.convert_to_tensor(value, dtype=dtype), shape)
