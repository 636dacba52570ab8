"""Calls without side effects: the state goes in and comes out, as with Keras's layers that draw."""

import keras
import numpy as np
import pytest
from family import every, is_representative
from frameworks import (
    JIT_COMPILE,
    SEED_GENERATORS,
    assert_allclose,
    assert_array_equal,
    compiled,
    native_variable,
    numpy_of,
    on,
)
from frameworks import distributions as tfd
from keras import ops
from posteriors import fixed_normal
from statistical import assert_uncorrelated

import bayeslayers
from bayeslayers import ArgumentError, layers, scale_kl
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn

N = 10


def state_of(layer):
    """Return the values of a layer's variables, as a caller keeps them."""
    return [
        [ops.copy(variable.value) for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    ]


def as_arrays(nest):
    return [np.array(value) for value in numpy_of(keras.tree.flatten(nest))]


def assert_equal(first, second):
    for a, b in zip(as_arrays(first), as_arrays(second), strict=True):
        assert_array_equal(a, b)


def equal(first, second):
    pairs = zip(as_arrays(first), as_arrays(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def differ(first, second):
    pairs = zip(as_arrays(first), as_arrays(second), strict=True)
    return all(np.any(a != b) for a, b in pairs)


def as_tensors(nest):
    return keras.tree.map_structure(ops.convert_to_tensor, nest)


def stateless(layer, jit_compile):
    """Return the call without side effects: eager, or compiled with XLA or without."""

    def call(trainable, state, inputs):
        outputs, *rest = layer.stateless_call(trainable, state, inputs, return_losses=True)
        # A distribution is drawn from: it does not leave a graph.
        return (as_tensors(outputs), *rest)

    return call if jit_compile is None else compiled(call, jit_compile)


def assert_contract(layer, inputs, jit_compile, *, draws_as_plain=True):
    """Compare with plain calls from the same state, which tests elsewhere compare with oracles.

    Args:
        draws_as_plain: Whether a plain call draws the same, and ends in the same state. A
            distribution that comes out of a call without side effects has a stream of its own.
    """
    layer(inputs)
    trainable, state = state_of(layer)
    before = as_arrays(state)
    call = stateless(layer, jit_compile)
    first, moved, losses = call(trainable, state, inputs)
    again, moved_again, _ = call(trainable, state, inputs)
    second, moved_twice, _ = call(trainable, moved, inputs)
    # The same state is the same draw, and the state that comes back is another one.
    assert_equal(first, again)
    assert_equal(moved, moved_again)
    assert differ(first, second)
    assert not equal(moved, state)
    assert not equal(moved, moved_twice)
    # Nothing of the caller's, or of the layer's, has changed.
    assert_equal(state, before)
    assert_equal(state_of(layer)[1], before)
    # A plain call ends in the same state, draws the same and has the same losses.
    plain = as_tensors(layer(inputs))
    if draws_as_plain:
        assert_equal(moved, state_of(layer)[1])
        for a, b in zip(as_arrays([plain, layer.losses]), as_arrays([first, losses]), strict=True):
            assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def modes(*values):
    return pytest.mark.parametrize("jit_compile", values, ids=str)


def with_random_bias(row, **further):
    bias = {
        "bias_posterior_fn": default_mean_field_normal_fn(),
        "bias_prior_fn": default_multivariate_normal_fn,
    }
    return row.layer(**(bias if row.geometry.bias else {}), **further)


@modes(None, *JIT_COMPILE[:1])
@every(soon=is_representative)
def test_every_layer_hands_its_state_on(row, rng, jit_compile):
    assert_contract(with_random_bias(row), row.geometry.inputs(rng), jit_compile)


def normal_of_halves(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, 1e-5 + ops.softplus(rho)), 1)


def joint_posterior(kernel_size, bias_size, dtype):
    del dtype
    parameters = layers.VariableLayer(2 * (kernel_size + bias_size))
    return keras.Sequential([parameters, layers.DistributionLambda(normal_of_halves)])


def joint_prior(kernel_size, bias_size, dtype=None):
    make = fixed_normal(-1.0, 2.0)
    return lambda inputs: make(dtype, (kernel_size + bias_size,), "", False, None)


def flow(inputs):
    base = layers.DistributionLambda(lambda t: tfd.Independent(tfd.Normal(t, ops.ones_like(t)), 1))
    made = layers.AutoregressiveNetwork(2, event_shape=3)
    return layers.AutoregressiveTransform(made)(base(inputs))


def functional(*chain):
    inputs = keras.Input((3,))
    outputs = inputs
    for layer in chain:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def shared():
    layer = layers.DenseFlipout(3)
    return functional(layer, layer, layers.DenseLocalReparameterization(2))


def nested():
    inner = functional(layers.DenseReparameterization(3), keras.layers.Dropout(0.5))
    return keras.Sequential([keras.Input((3,)), inner, layers.DenseFlipout(2)])


def wrapped():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Reshape((3, 1)),
            keras.layers.Bidirectional(layers.GRUFlipout(2)),
        ]
    )


MODELS = {
    "dense variational": lambda: layers.DenseVariational(2, joint_posterior, joint_prior),
    "distribution": lambda: layers.DistributionLambda(lambda t: tfd.Normal(t, 1.0)),
    "distribution of a model": lambda: functional(
        layers.DenseFlipout(4), layers.DistributionLambda(normal_of_halves)
    ),
    "flow": lambda: keras.Model(inputs := keras.Input((3,)), flow(inputs)),
    "shared": shared,
    "nested": nested,
    "wrapped": wrapped,
}


@modes(None, *JIT_COMPILE)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=on("tensorflow", "jax")) if n == "flow" else n for n in MODELS],
)
def test_every_model_hands_its_state_on(name, rng, jit_compile):
    inputs = rng.normal(size=(4, 3)).astype("float32")
    holds_distribution = name.startswith(("d", "f"))
    assert_contract(MODELS[name](), inputs, jit_compile, draws_as_plain=not holds_distribution)


def test_variables_that_the_caller_hands_over_stay_as_they_are(inputs):
    layer = bayeslayers.layer_conv_1d_flipout(filters=2, kernel_size=3)
    layer(inputs)
    trainable, state = state_of(layer)
    # PyTorch trains no whole numbers.
    own = [
        [keras.Variable(v, dtype=v.dtype, trainable=is_trainable) for v in values]
        for is_trainable, values in ((True, trainable), (False, state))
    ]
    before = as_arrays(own)
    _, moved = layer.stateless_call(*own, inputs)
    assert_equal(own, before)
    assert np.any(numpy_of(moved[0]) != before[-1])


def test_a_scope_by_hand_moves_nothing_either(inputs):
    layer = bayeslayers.layer_conv_1d_flipout(filters=2, kernel_size=3)
    layer(inputs)
    state = layer.seed_generator.state
    before = numpy_of(state)
    with keras.StatelessScope() as scope:
        first, second = layer.call(inputs), layer.call(inputs)
        moved = scope.get_current_value(state)
    assert_array_equal(numpy_of(state), before)
    assert differ(first, second)
    with keras.StatelessScope([(state, moved)]):
        third = layer.call(inputs)
    assert_array_equal(first, layer(inputs))
    assert_array_equal(second, layer(inputs))
    assert_array_equal(third, layer(inputs))


def test_a_symbolic_call_moves_nothing():
    layer = bayeslayers.layer_dense_flipout(units=2)
    layer.build((None, 3))
    before = numpy_of(layer.seed_generator.state)
    layer(keras.Input((3,)))
    assert_array_equal(numpy_of(layer.seed_generator.state), before)


def test_no_divergence_is_lost_in_many_calls():
    """Keras knows losses by where they are in memory, which a later one may take over."""
    model = keras.Sequential([keras.Input((3,)), *(layers.DenseFlipout(3) for _ in range(6))])
    trainable, state = state_of(model)
    inputs, lengths = np.ones((2, 3), "float32"), set()
    for _ in range(60):
        _, _, losses = model.stateless_call(trainable, state, inputs, return_losses=True)
        lengths.add(len(losses))
        del losses
    assert lengths == {6}


@pytest.mark.parametrize("kind", ["LSTMReparameterization", "GRUReparameterization"])
def test_the_weights_of_one_call_share_no_noise(kind):
    """The two kernels of a recurrent layer, of one shape, had one draw: a correlation of one."""
    found = []

    def keep(q, p, sample):
        found.append(sample)
        return ops.zeros(())

    layer = getattr(layers, kind)(
        3,
        **{f"{role}_posterior_fn": fixed_normal(0.0, 1.0) for role in ("kernel", "recurrent")},
        kernel_divergence_fn=keep,
        recurrent_divergence_fn=keep,
    )
    inputs = np.ones((1, 2, 3), "float32")
    layer(inputs)
    trainable, state = state_of(layer)

    def call(state):
        found.clear()
        _, state, _ = layer.stateless_call(trainable, state, inputs, return_losses=True)
        return state, list(found)

    call = compiled(call)
    draws = []
    for _ in range(400):
        state, pair = call(state)
        draws.append(as_arrays(pair))
    kernels, recurrent = (np.array(values) for values in zip(*draws, strict=True))
    assert kernels.shape == recurrent.shape
    assert_uncorrelated(kernels, recurrent)
    assert_uncorrelated(kernels[:-1], kernels[1:])
    assert_uncorrelated(kernels[:-1], recurrent[1:])


def test_a_distribution_is_sampled_from_the_state_whenever_it_is_asked(inputs):
    layer = layers.DistributionLambda(lambda t: tfd.Normal(t, 1.0))
    layer(inputs)
    _, state = state_of(layer)
    before = as_arrays(state)
    first, moved = layer.stateless_call([], state, inputs)
    again, _ = layer.stateless_call([], state, inputs)
    other, _ = layer.stateless_call([], moved, inputs)
    samples = [[d.sample(), d.sample()] for d in (first, again, other)]
    assert_equal(samples[0], samples[1])
    assert differ(samples[0][0], samples[0][1])
    assert differ(samples[0], samples[2])
    assert_equal(state_of(layer)[1], before)


def test_the_scale_of_the_divergence_is_in_the_losses(inputs):
    model = keras.Sequential([keras.Input((10, 3))])
    model = bayeslayers.layer_conv_1d_flipout(model, filters=2, kernel_size=3)
    trainable, state = state_of(model)
    call = compiled(stateless(model, None))
    _, _, (full,) = call(trainable, state, inputs)
    scale_kl(model, N)
    # On other backends than TensorFlow the scale is part of the state.
    _, state = state_of(model)
    _, _, (scaled,) = call(trainable, state, inputs)
    assert_allclose(N * scaled, full, rtol=1e-6)


def test_the_state_between_batches_is_kept_as_in_keras():
    """Keras's own recurrent layers do not hand it on; a call without side effects leaves it."""
    inputs = np.ones((2, 4, 3), "float32")
    theirs = keras.layers.LSTM(3, stateful=True, dropout=0.1)
    ours = layers.LSTMFlipout(3, stateful=True)
    for layer in (theirs, ours):
        layer(inputs)
    assert len(theirs.non_trainable_variables) == 1
    assert len(ours.non_trainable_variables) == SEED_GENERATORS
    before = as_arrays([variable.value for variable in ours._state.variables])
    ours.stateless_call(*state_of(ours), inputs)
    assert_equal([variable.value for variable in ours._state.variables], before)


@on("tensorflow", "torch")
def test_a_function_that_keeps_to_its_own_variables_is_refused():
    """It would go on with them, whatever values are handed over, and the gradient would be zero."""

    def posterior(kernel_size, bias_size, dtype):
        loc = native_variable(ops.zeros(kernel_size + bias_size, dtype), "loc")
        return lambda inputs: tfd.Independent(tfd.Normal(loc, 1.0), 1)

    layer = layers.DenseVariational(2, posterior, joint_prior)
    inputs = np.ones((1, 3), "float32")
    layer(inputs)
    with pytest.raises(ArgumentError, match="`make_posterior_fn` must return a model or a layer"):
        layer.stateless_call(*state_of(layer), inputs)


@on("jax")
def test_a_function_goes_on_with_the_values_that_are_handed_over():
    """JAX has no variables but Keras's, which have those values wherever they are read."""

    def posterior(kernel_size, bias_size, dtype):
        loc = native_variable(ops.zeros(kernel_size + bias_size, dtype), "loc")
        return lambda inputs: tfd.Independent(tfd.Normal(loc, 1e-6), 1)

    layer = layers.DenseVariational(2, posterior, joint_prior)
    inputs = np.ones((1, 3), "float32")
    layer(inputs)
    (loc,), state = state_of(layer)
    outputs, _ = layer.stateless_call([loc + 2.0], state, inputs)
    # Three weights and a bias of two each.
    assert_allclose(outputs, [[8.0, 8.0]], rtol=1e-4)
