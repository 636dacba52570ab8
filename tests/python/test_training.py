"""The layer inside models and loops, and what training makes of its posterior."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
from frameworks import (
    JIT,
    JIT_COMPILE,
    assert_allclose,
    assert_array_equal,
    compiled,
    numpy_of,
    on,
    total_of,
    value_and_gradients,
)
from keras import ops
from oracles import normal_kl, parameters

from bayeslayers import layer_conv_1d_flipout, layers, tfd_kl_divergence


def sequential():
    model = layer_conv_1d_flipout(keras.Sequential([keras.Input((10, 3))]), 4, 3, name="flipout")
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    return model


def functional():
    symbolic = keras.Input((10, 3))
    hidden = layer_conv_1d_flipout(symbolic, 4, 3, activation="relu", name="flipout")
    return keras.Model(symbolic, keras.layers.Dense(1)(keras.layers.Flatten()(hidden)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.flipout = layer_conv_1d_flipout(filters=4, kernel_size=3, name="flipout")
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(self.flatten(self.flipout(inputs)))


MODELS = {"sequential": sequential, "functional": functional, "subclassed": Subclassed}


def flipout_of(model):
    return next(layer for layer in model.layers if layer.name == "flipout")


@pytest.mark.parametrize(
    ("kind", "jit_compile"),
    [
        ("sequential", False),
        pytest.param("sequential", True, marks=on("tensorflow", "jax")),
        ("functional", JIT_COMPILE[-1]),
        ("subclassed", False),
    ],
)
def test_every_kind_of_model_trains(kind, jit_compile, inputs):
    targets = np.ones((4, 1), "float32")
    model = MODELS[kind]()
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    history = model.fit(inputs, targets, epochs=20, batch_size=4, verbose=0).history["loss"]
    divergence = normal_kl(*parameters(flipout_of(model).kernel_posterior))
    assert history[-1] < history[0]
    # The loss is that of the data and the divergence, no more: both are above zero.
    total = model.evaluate(inputs, targets, verbose=0)
    data = np.mean((model.predict(inputs, verbose=0) - targets) ** 2)
    assert divergence < total < divergence + data + 10
    assert model.predict(inputs, verbose=0).shape == (4, 1)


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_train_on_batch_takes_steps(jit_compile, inputs):
    model = sequential()
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    losses = [model.train_on_batch(inputs, np.ones((4, 1))) for _ in range(20)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_a_hand_written_loop_trains(jit_compile, inputs):
    model, optimizer = functional(), keras.optimizers.Adam(0.02)
    optimizer.build(model.trainable_variables)

    def loss():
        error = ops.mean(ops.square(model(inputs, training=True) - 1.0))
        divergence = total_of(model.losses)
        return error + divergence, divergence

    def step():
        found, gradients = value_and_gradients(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return found

    step = compiled(step, jit_compile)
    before = normal_kl(*parameters(flipout_of(model).kernel_posterior))
    totals, divergences = numpy_of(list(zip(*[step() for _ in range(20)], strict=True)))
    assert_allclose(divergences[0], before, rtol=1e-5)
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_every_prediction_is_a_new_draw(jit_compile, inputs):
    model = sequential()
    model.compile(jit_compile=jit_compile)
    first, second = (model.predict(inputs, verbose=0) for _ in range(2))
    assert np.all(first != second)
    # Batches of one prediction do not share their draw either.
    twice = model.predict(np.concatenate([inputs, inputs]), batch_size=4, verbose=0)
    assert np.all(twice[:4] != twice[4:])


def test_mixed_precision_trains(inputs):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = sequential()
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=JIT)
    history = model.fit(inputs, np.ones((4, 1)), epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.essential
@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_training_finds_the_posterior_of_a_linear_regression(jit_compile):
    """A kernel of width 1 on a series of length 1 is linear regression with a conjugate prior.

    With orthogonal columns and unit noise the exact posterior has independent weights of precision
    1 + examples, so the mean-field optimum is the exact posterior: without the divergence the scale
    would shrink to zero, with twice the divergence it would be sqrt(2) of the right one.
    """
    examples, weights = 64, 4
    hadamard = np.array([[1.0]])
    while len(hadamard) < examples:
        hadamard = np.kron(hadamard, [[1, 1], [1, -1]])
    columns = hadamard[:, 1 : 1 + weights]
    rng = np.random.default_rng(4)
    targets = columns @ [1.0, -0.5, 0.25, 0.0] + rng.normal(size=examples)
    precision = 1 + examples
    exact_mean, exact_scale = columns.T @ targets / precision, precision**-0.5

    model = layer_conv_1d_flipout(
        keras.Sequential([keras.Input((1, weights))]),
        filters=1,
        kernel_size=1,
        kernel_divergence_fn=lambda q, p, ignore: tfd_kl_divergence(q, p) / examples,
        bias_posterior_fn=None,
    )
    rate = keras.optimizers.schedules.PolynomialDecay(0.05, 1500, 1e-4)
    model.compile(
        keras.optimizers.Adam(rate),
        loss=lambda y, f: 0.5 * keras.ops.square(y - f),
        jit_compile=jit_compile,
    )
    inputs, targets = columns[:, None].astype("float32"), targets[:, None, None].astype("float32")
    inputs, targets = np.repeat(inputs[None], 1500, 0), np.repeat(targets[None], 1500, 0)
    inputs, targets = (x.reshape(-1, *x.shape[2:]) for x in (inputs, targets))
    model.fit(inputs, targets, batch_size=examples, shuffle=False, verbose=0)

    mean, scale = (value.ravel() for value in parameters(model.layers[0].kernel_posterior))
    # What is left is the noise of the gradient over the last, small steps.
    assert_allclose(mean, exact_mean, atol=0.3 * exact_scale)
    assert_allclose(scale, exact_scale, rtol=0.15)


def test_a_subclass_keeps_its_own_constructor_and_call(rng):
    class Doubled(layers.Conv1DFlipout):
        """Two arguments of its own, all others passed on."""

        def __init__(self, width, factor=2.0, **kwargs):
            super().__init__(filters=3, kernel_size=width, **kwargs)
            self.factor = factor

        def call(self, inputs):
            return self.factor * super().call(inputs)

    inputs = rng.normal(size=(2, 6, 2)).astype("float32")
    plain = layer_conv_1d_flipout(filters=3, kernel_size=4, seed=1)
    assert_array_equal(Doubled(4, seed=1)(inputs), 2 * plain(inputs))
    assert Doubled.__doc__ == "Two arguments of its own, all others passed on."


def test_rematerialization_changes_no_number():
    def weights_after_a_step(scope):
        keras.utils.set_random_seed(5)
        with scope:
            layer = layer_conv_1d_flipout(filters=4, kernel_size=3, activation="relu")
        layers_of_model = [keras.Input((10, 3)), layer, keras.layers.Flatten()]
        model = keras.Sequential([*layers_of_model, keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        x = np.random.default_rng(3).normal(size=(8, 10, 3)).astype("float32")
        model.fit(x, x[:, 0, :1], epochs=2, batch_size=8, shuffle=False, verbose=0)
        return model.get_weights()

    for_all = [keras.RematScope(mode=mode) for mode in ("full", "activations")]
    by_name = keras.RematScope(mode="list_of_layers", layer_names=["flipout"])
    expected = weights_after_a_step(nullcontext())
    for scope in (*for_all, by_name):
        for found, weights in zip(weights_after_a_step(scope), expected, strict=True):
            assert_allclose(found, weights, rtol=1e-5, atol=1e-6)
