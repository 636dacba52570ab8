"""The recurrent layers, beyond the family's contract: one draw for all steps, states and masks."""

import keras
import numpy as np
import pytest
from family import FLIPOUT, LSTM, RANK1, REPARAMETERIZATION, ROWS, random_normal
from frameworks import JIT_COMPILE, assert_allclose, assert_array_equal, numpy_of
from keras import ops
from posteriors import fixed_normal, fixed_value
from statistical import assert_fair_signs, draws

from bayeslayers import (
    ArgumentError,
    layer_embedding_reparameterization,
    layer_gru_reparameterization,
    layer_lstm_flipout,
)

RECURRENT = [row for row in ROWS if row.geometry.recurrent and row.estimator != RANK1]
LSTMS = [row for row in RECURRENT if row.geometry is LSTM]
FLIPOUTS = [row for row in RECURRENT if row.estimator == FLIPOUT]


def every(rows=RECURRENT):
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])


def adding(row, **further):
    """Make an LSTM without gates: each step adds the map of inputs and state to the state.

    h[t] = h[t - 1] + x[t] K[:, g] + h[t - 1] R[:, g], where g are the columns of the candidate.
    """
    always_open = {"recurrent_activation": ops.ones_like, "activation": "linear"}
    return row.layer(**{"bias_posterior_fn": None, "units": 1, **always_open, **further})


ZERO = fixed_value(0.0)
WITHOUT_PRIORS = {"kernel_prior_fn": None, "recurrent_prior_fn": None}


@every(LSTMS)
def test_all_steps_see_the_same_inputs_kernel(row, rng):
    """With equal inputs at all steps, and nothing from the state, all steps add the same."""
    layer = adding(
        row,
        kernel_posterior_fn=fixed_normal(*random_normal((2, 4))),
        recurrent_posterior_fn=fixed_normal(0.0, 1.0),
        recurrent_posterior_tensor_fn=lambda q: ops.zeros((*q.batch_shape, *q.event_shape)),
        return_sequences=True,
    )
    inputs = np.broadcast_to(rng.uniform(1, 2, size=(1, 1, 2)), (3, 5, 2)).astype("float32")
    outputs = numpy_of(layer(inputs))
    steps = np.diff(outputs, axis=1, prepend=0.0)
    assert_allclose(steps, steps[:, :1] + np.zeros_like(steps), rtol=1e-4, atol=1e-5)
    assert np.abs(steps).min() > 1e-3


@every(LSTMS)
def test_all_steps_see_the_same_recurrent_kernel(row):
    """A state that each step multiplies by one plus the kernel grows by the same factor."""
    layer = adding(
        row,
        recurrent_posterior_fn=fixed_normal(0.2, 0.3),
        kernel_posterior_fn=fixed_normal(0.0, 1.0),
        return_sequences=True,
    )
    state = [np.ones((4, 1), "float32")] * 2
    outputs = numpy_of(layer(np.zeros((4, 5, 2), "float32"), initial_state=state))
    growth = outputs[:, 1:] / outputs[:, :-1]
    assert_allclose(growth, growth[:, :1] + np.zeros_like(growth), rtol=1e-4)
    factors = np.unique(np.round(growth[:, 0, 0], 4))
    # One draw for all examples, or under Flipout two that lie around the mean.
    assert len(factors) == 1 or (len(factors) == 2 and abs(factors.mean() - 1.2) < 1e-3)


@every(FLIPOUTS)
def test_examples_have_signs_of_their_own(row):
    """At the first step, with open gates, the deviation is linear in each kernel."""
    if row.geometry is not LSTM:
        # Of the update gate, nothing of the state is left; the candidate is all.
        gates = {"recurrent_activation": ops.zeros_like, "activation": "linear"}
        layer = row.layer(
            kernel_posterior_fn=fixed_normal(0.0, 1.0), bias_posterior_fn=None, **gates
        )
        mean = 0.0
    else:
        layer = adding(row, kernel_posterior_fn=fixed_normal(0.5, 1.0), units=2)
        mean = 1.0
    inputs = np.ones((2, 1, 2), "float32")
    found = draws(layer, inputs, 400) - mean
    assert_fair_signs(found[:, 0] * found[:, 1])


def deterministic_pair(row, rng, shape=(3, None, 2), **further):
    """Return a layer without spread, and Keras's layer of the same weights."""
    shapes = row.geometry.shapes_of()
    weights = {role: rng.normal(size=shape).astype("float32") for role, shape in shapes.items()}
    fixed = {f"{role}_posterior_fn": fixed_normal(value, 0.0) for role, value in weights.items()}
    layer = row.layer(**fixed, **WITHOUT_PRIORS, **further)
    oracle = row.geometry.oracle(**row.geometry.arguments, **further)
    oracle.build(shape)
    oracle.set_weights(list(weights.values()))
    return layer, oracle


@every()
@pytest.mark.parametrize("zero", [False, True])
def test_masks_and_initial_states_are_those_of_keras(row, zero, rng):
    returned = {"return_sequences": True, "return_state": True, "zero_output_for_mask": zero}
    layer, oracle = deterministic_pair(row, rng, **returned)
    inputs = row.geometry.inputs(rng)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
    states = [rng.normal(size=(3, 2)).astype("float32")] * (len(layer(inputs)) - 1)
    for given in (
        {"mask": mask},
        {"initial_state": states},
        {"mask": mask, "initial_state": states},
    ):
        ours, theirs = layer(inputs, **given), list(oracle(inputs, **given))
        assert len(ours) == len(theirs)
        # On JAX, Keras's layer shows the initial state before the first step that is not masked.
        is_shown = np.cumsum(given.get("mask", [True]), axis=-1) > 0
        theirs[0] = numpy_of(theirs[0]) * is_shown[..., np.newaxis]
        for output, expected in zip(ours, theirs, strict=True):
            assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


# Unrolled, Keras's own sets other steps to zero, on JAX none at all, and is an error on PyTorch.
@every()
@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "backwards"])
@pytest.mark.parametrize("unroll", [False, True], ids=["loop", "unrolled"])
@pytest.mark.parametrize("zero", [False, True], ids=["kept", "zero"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
def test_unrolled_and_backwards_it_is_the_loop(row, backwards, unroll, zero, sequences, rng):
    seed = int(rng.integers(2**31))
    returned = {"return_sequences": sequences, "return_state": True, "zero_output_for_mask": zero}
    way = {"go_backwards": backwards, "unroll": unroll}
    layer, _ = deterministic_pair(row, np.random.default_rng(seed), **returned, **way)
    _, forward = deterministic_pair(row, np.random.default_rng(seed), **returned)
    inputs = row.geometry.inputs(rng)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
    for given in (None, mask):
        turn = slice(None, None, -1 if backwards else 1)
        expected = forward(inputs[:, turn], mask=None if given is None else given[:, turn])
        for output, value in zip(layer(inputs, mask=given), expected, strict=True):
            assert_allclose(output, value, rtol=1e-4, atol=1e-5)


@every()
def test_a_stateful_layer_goes_on_where_it_stood(row, rng):
    inputs = row.geometry.inputs(rng)
    layer, oracle = deterministic_pair(row, rng, shape=inputs.shape, stateful=True)
    for _ in range(3):
        assert_allclose(layer(inputs), oracle(inputs), rtol=1e-4, atol=1e-5)
    oracle.reset_state()
    for reset in (layer.reset_state, layer.reset_states):
        reset()
        first = numpy_of(layer(inputs))
        assert not np.allclose(numpy_of(layer(inputs)), first)
    assert_allclose(first, oracle(inputs), rtol=1e-4, atol=1e-5)


def test_a_stateful_layer_needs_a_batch_size():
    with pytest.raises(ArgumentError, match="`stateful` must be false where the batch size"):
        layer_lstm_flipout(keras.Input((5, 2)), 3, stateful=True)


def test_a_wrong_number_of_states_is_refused(rng):
    layer = layer_lstm_flipout(units=2)
    with pytest.raises(ArgumentError, match=r"must be 2 tensor\(s\) of shape"):
        layer(np.ones((1, 3, 2), "float32"), initial_state=np.ones((1, 2), "float32"))


@every()
def test_it_trains_in_fit_with_and_without_xla(row, rng):
    inputs = rng.normal(size=(64, 4, 2)).astype("float32")
    targets = inputs[:, 0]
    for compiled in JIT_COMPILE:
        layer = row.layer(units=8, **WITHOUT_PRIORS)
        model = keras.Sequential([keras.Input((4, 2)), layer, keras.layers.Dense(2)])
        model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=compiled)
        losses = model.fit(inputs, targets, epochs=30, verbose=0).history["loss"]
        assert losses[-1] < 0.7 * losses[0]


@every()
def test_dropout_is_for_training_alone_and_the_same_at_all_steps(row, rng):
    inputs = rng.normal(size=(3, 4, 2)).astype("float32")
    layer, oracle = deterministic_pair(row, rng, dropout=0.5, recurrent_dropout=0.5)
    assert_allclose(layer(inputs), oracle(inputs), rtol=1e-4, atol=1e-5)
    dropped = np.stack([numpy_of(layer(inputs, training=True)) for _ in range(5)])
    assert np.abs(np.diff(dropped, axis=0)).max() > 1e-3


def test_dropout_leaves_out_a_channel_at_all_steps(rng):
    """Each example sees its inputs times 0 or 2, channel by channel, whatever the step."""
    row = next(row for row in LSTMS if row.estimator == REPARAMETERIZATION)
    kernel = np.array([[0, 0, 1, 0], [0, 0, 10, 0]], "float32")
    layer = adding(
        row,
        kernel_posterior_fn=fixed_value(kernel),
        recurrent_posterior_fn=ZERO,
        dropout=0.5,
        return_sequences=True,
        **WITHOUT_PRIORS,
    )
    outputs = numpy_of(layer(np.ones((200, 3, 2), "float32"), training=True))[..., 0]
    steps = np.diff(outputs, axis=1, prepend=0.0)
    assert_allclose(steps, steps[:, :1] + np.zeros_like(steps), atol=1e-4)
    assert set(np.unique(np.round(steps[:, 0]))) == {0, 2, 20, 22}


def test_a_bidirectional_wrapper_takes_the_layer(rng, tmp_path):
    inputs = rng.normal(size=(3, 4, 2)).astype("float32")
    layer = layer_lstm_flipout(units=3, return_sequences=True)
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Bidirectional(layer)])
    assert model(inputs).shape == (3, 4, 6)
    assert len(model.losses) == 4
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert_array_equal(model(inputs), again(inputs))


def test_a_masking_embedding_is_heard_by_recurrent_layers(rng):
    """What follows a word that stands for nothing does not change with it."""
    words = np.array([[1, 2, 0, 0], [1, 2, 3, 0]])
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layer_embedding_reparameterization(input_dim=4, output_dim=3, mask_zero=True, seed=1),
            layer_gru_reparameterization(units=2, seed=2),
        ]
    )
    padded = numpy_of(model(words))
    layers = [
        layer_embedding_reparameterization(input_dim=4, output_dim=3, seed=1),
        layer_gru_reparameterization(units=2, seed=2),
    ]
    short = numpy_of(keras.Sequential([keras.Input((2,)), *layers])(words[:1, :2]))
    assert_allclose(padded[:1], short, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_words_may_come_as_floats_in_any_precision(dtype):
    layer = layer_embedding_reparameterization(
        input_dim=1000,
        output_dim=2,
        dtype=dtype,
        embeddings_posterior_fn=fixed_normal(np.arange(1000.0)[:, None] / 1000, 0.0),
        embeddings_prior_fn=None,
    )
    outputs = layer(np.array([[999.0, 771.0]]))
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert_allclose(numpy_of(outputs).astype("float32")[0, :, 0], [0.999, 0.771], rtol=5e-3)
