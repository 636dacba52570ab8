"""What the tests need of the framework below Keras, in the same words for all three.

What a test does with tensors it does by `keras.ops`, and compares as NumPy arrays: `numpy_of`.
"""

from __future__ import annotations

import functools
import weakref
from contextlib import nullcontext

import keras
import numpy as np
import pytest
from keras import ops, tree

import bayeslayers

BACKEND = keras.backend.backend()

# The values of `jit_compile` to test with. PyTorch's compiler takes a minute to start, and what JAX
# does not compile takes as long.
JIT_COMPILE = {"tensorflow": [False, True], "jax": [True], "torch": [False]}[BACKEND]
# What a model is compiled with where a test asks for neither.
JIT = JIT_COMPILE[0]


def on(*backends):
    """Mark a test that is about these backends alone: on others it is not collected."""
    return pytest.mark.on(*backends)


def double_precision():
    """Return a context in which the framework computes in double precision."""
    if BACKEND != "jax":
        return nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    # Before JAX 0.8.
    from jax.experimental import enable_x64

    return enable_x64(True)


def rounding_as_written(monkeypatch):
    """Let compiled functions round to a dtype wherever the code casts to it.

    Where XLA fuses operations for a CPU, it leaves out the rounding to bfloat16 between them.
    """
    if BACKEND == "jax":
        import jax

        options = {"xla_allow_excess_precision": False}
        monkeypatch.setattr(jax, "jit", functools.partial(jax.jit, compiler_options=options))


def numpy_of(values):
    """Return a tensor, or each of a structure of them, as a NumPy array without a gradient."""
    return tree.map_structure(ops.convert_to_numpy, values)


def assert_allclose(found, expected, **tolerances):
    """Compare tensors or arrays, as NumPy's function of that name does."""
    np.testing.assert_allclose(_arrays(found), _arrays(expected), **tolerances)


def assert_array_equal(found, expected):
    """Compare tensors or arrays bit by bit."""
    np.testing.assert_array_equal(_arrays(found), _arrays(expected))


def assert_array_less(found, expected):
    """Check that each entry is below the other."""
    np.testing.assert_array_less(_arrays(found), _arrays(expected))


def _arrays(values):
    return tree.map_structure(lambda x: numpy_of(x) if ops.is_tensor(x) else x, values)


def moment(distribution, name):
    """Return the "mean", say, as an array: a method in one library, a property in another."""
    found = getattr(distribution, name)
    return numpy_of(found() if callable(found) else found)


def total_of(losses):
    """Return the sum of losses."""
    return sum(losses[1:], start=losses[0])


# Of a layer of ours: its seeds, and on other backends than TensorFlow its scale and annealing too.
SEED_GENERATORS = 1 if BACKEND == "tensorflow" else 3


def _first(result):
    return result[0] if isinstance(result, tuple) else result


class Updates(keras.StatelessScope):
    """A scope that knows which variables were read and which were updated in it."""

    def __init__(self, state_mapping=None):
        super().__init__(state_mapping, collect_losses=True)
        self.read, self.updated = [], []

    def get_current_value(self, variable):
        _append(self.read, variable)
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            value = self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update):
        _append(self.read, update[0])
        _append(self.updated, update[0])
        super().add_update(update)


def _append(variables, variable):
    """Add a variable to a list, once: two are equal where their values are."""
    if not any(known is variable for known in variables):
        variables.append(variable)


if BACKEND != "torch":
    distributions = bayeslayers.tfp.distributions

    def multivariate_normal(loc, factor):
        """Return the normal of a mean of any shape, and a factor of its covariance."""
        flat = distributions.MultivariateNormalTriL(loc.ravel(), factor)
        reshape = bayeslayers.tfp.bijectors.Reshape(loc.shape)
        return distributions.TransformedDistribution(flat, reshape)

    class NormalWithoutSpread(distributions.Normal):
        """A distribution whose standard deviation is not known."""

        def _variance(self):
            raise NotImplementedError

        _stddev = _variance


if BACKEND == "tensorflow":
    import tensorflow as tf

    NotFiniteError = tf.errors.InvalidArgumentError

    def compiled(function, jit_compile=False):
        """Return a function of tensors, compiled in the framework's way if it has one."""
        return tf.function(function, jit_compile=jit_compile)

    def native_variable(values, name):
        """Return a variable of the framework's own, which Keras knows nothing of."""
        return tf.Variable(values, name=name)

    def sparse_of(values):
        """Return an array as a sparse tensor."""
        return tf.sparse.from_dense(values)

    def call_outside(function, values):
        """Call a function of an array in every step, from outside the graph."""
        tf.py_function(lambda x: function(x.numpy()), [values], [])

    def value_and_gradients(function, variables, eager=True):
        """Return what a function returns, and the gradient of it, or of its first part."""
        del eager
        with tf.GradientTape() as tape:
            result = function()
        return result, tape.gradient(_first(result), [v.value for v in variables])

    def second_derivatives(function, values):
        """Return the derivative of each entry of the gradient by that entry."""
        values = tf.constant(values)
        with tf.GradientTape() as outer:
            outer.watch(values)
            with tf.GradientTape() as inner:
                inner.watch(values)
                total = function(values)
            first = inner.gradient(total, values)
        return outer.gradient(first, values)

elif BACKEND == "jax":
    import jax
    from jax.experimental import sparse

    NotFiniteError = FloatingPointError

    _gradients = weakref.WeakKeyDictionary()

    def compiled(function, jit_compile=True):
        """Return a function of tensors, compiled; Keras's variables in it stay variables."""
        del jit_compile
        known, traced = [], []

        @jax.jit
        def step(values, *args):
            with Updates(zip(known, values, strict=True)) as scope:
                result = function(*args)
            return result, [scope.get_current_value(variable) for variable in known]

        def call(*args):
            if not traced:
                with Updates() as scope:
                    jax.eval_shape(function, *args)
                known.extend(scope.read)
                traced.append(True)
            result, values = step([variable.value for variable in known], *args)
            for variable, value in zip(known, values, strict=True):
                variable.assign(value)
            return result

        return call

    def native_variable(values, name):
        """Return a variable that the layer knows nothing of: JAX has none but Keras's."""
        return keras.Variable(values, name=name)

    def sparse_of(values):
        """Return an array as a sparse tensor."""
        return sparse.BCOO.fromdense(values)

    def call_outside(function, values):
        """Call a function of an array in every step, from outside the graph."""
        jax.debug.callback(lambda x: function(np.asarray(x)), values)

    def value_and_gradients(function, variables, eager=False):
        """Return what a function returns, and the gradient of it, or of its first part."""
        updated = []

        def total(values):
            with Updates(zip(variables, values, strict=True)) as scope:
                result = function()
            updated[:] = scope.updated
            states = [scope.get_current_value(variable) for variable in updated]
            return _first(result), (result, states)

        def step():
            values = [variable.value for variable in variables]
            (_, (result, states)), found = jax.value_and_grad(total, has_aux=True)(values)
            for variable, value in zip(updated, states, strict=True):
                variable.assign(value)
            return result, found

        if eager:
            return step()
        # Compiled once, where a test asks for it again and again.
        return _gradients.setdefault(function, compiled(step))()

    def second_derivatives(function, values):
        """Return the derivative of each entry of the gradient by that entry."""
        return jax.grad(lambda x: jax.grad(function)(x).sum())(jax.numpy.asarray(values))

else:
    import torch

    NotFiniteError = FloatingPointError

    class _Distributions:
        """PyTorch's distributions, called as TensorFlow Probability's are.

        They may be given arrays and lists, and check no value unless they are asked to.
        """

        def __getattr__(self, name):
            kind = getattr(torch.distributions, name)

            def make(*args, **kwargs):
                if isinstance(kind, type):
                    kwargs = {"validate_args": False, **kwargs}
                return kind(*map(_tensor_of, args), **{k: _tensor_of(v) for k, v in kwargs.items()})

            return make

    def _tensor_of(value):
        is_array = hasattr(value, "__array__") or isinstance(value, list)
        return ops.convert_to_tensor(value) if is_array else value

    distributions = _Distributions()

    def multivariate_normal(loc, factor):
        """Return the normal of a mean of any shape, and a factor of its covariance."""
        # The factor may have zeros in its diagonal, which PyTorch refuses if asked to check.
        flat = torch.distributions.MultivariateNormal(
            torch.tensor(loc.ravel()), scale_tril=torch.tensor(factor), validate_args=False
        )
        reshape = torch.distributions.transforms.ReshapeTransform((loc.size,), loc.shape)
        return torch.distributions.TransformedDistribution(flat, reshape)

    class NormalWithoutSpread(torch.distributions.Normal):
        """A distribution whose standard deviation is not known."""

        @property
        def variance(self):
            raise NotImplementedError

        stddev = variance

    def compiled(function, jit_compile=False):
        """Return a function of tensors as it is: PyTorch's own compiler is not tested."""
        del jit_compile
        return function

    def native_variable(values, name):
        """Return a variable of the framework's own, which Keras knows nothing of."""
        del name
        return torch.nn.Parameter(values)

    def call_outside(function, values):
        """Call a function of an array in every step, from outside the graph."""
        function(numpy_of(values))

    def value_and_gradients(function, variables, eager=True):
        """Return what a function returns, and the gradient of it, or of its first part."""
        del eager
        result = function()
        values = [variable.value for variable in variables]
        if not (values and _first(result).requires_grad):
            # It depends on nothing that is trained, which PyTorch refuses to differentiate.
            found = [None] * len(values)
        else:
            found = torch.autograd.grad(_first(result), values, allow_unused=True)
        return tree.map_structure(torch.Tensor.detach, result), list(found)

    def second_derivatives(function, values):
        """Return the derivative of each entry of the gradient by that entry."""
        values = ops.convert_to_tensor(values).requires_grad_()
        (first,) = torch.autograd.grad(function(values), values, create_graph=True)
        return torch.autograd.grad(first.sum(), values)[0]


def gradients(function, variables, **how):
    """Return the gradient of a function of no arguments by each variable."""
    return value_and_gradients(function, variables, **how)[1]


def parameter(values, dtype="float32"):
    """Return a variable of these values that a gradient can be taken by, such as inputs."""
    return keras.Variable(values, dtype=dtype)
