"""The total of the divergences: the same in every mode, every kind of model and every verb."""

import keras
import numpy as np
import pytest
from family import BATCH, every, is_representative
from frameworks import JIT, assert_allclose, compiled, total_of, value_and_gradients
from models import conv
from oracles import normal_kl, parameters

from bayeslayers import kl_divergence, layer_conv_1d_flipout, layer_dense_flipout
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn


def exact(layer, roles):
    return sum(normal_kl(*parameters(getattr(layer, f"{role}_posterior"))) for role in roles)


def with_priors(row, **further):
    bias = {
        "bias_posterior_fn": default_mean_field_normal_fn(),
        "bias_prior_fn": default_multivariate_normal_fn,
    }
    return row.layer(**(bias if row.bias else {}), **row.standard, **further)


def compiled_total(layer, inputs, jit_compile):
    def call(x):
        layer(x)
        return total_of(layer.losses)

    return float(compiled(call, jit_compile)(inputs))


@every(soon=is_representative)
def test_the_total_is_the_same_in_every_mode(row, rng, tmp_path):
    inputs, layer = row.geometry.inputs(rng), with_priors(row)
    model = row.geometry.model_of(layer)
    expected = exact(layer, row.roles)
    layer(inputs)
    found = {
        "eager": float(total_of(layer.losses)),
        "graph": compiled_total(layer, inputs, False),
        "XLA": compiled_total(layer, inputs, True),
        "verb": kl_divergence(model).total,
    }
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    again(inputs)
    found["loaded"] = float(total_of(again.losses))
    mixed = with_priors(row, dtype="mixed_bfloat16")
    mixed(inputs)
    mixed.set_weights(layer.get_weights())
    mixed(inputs)
    found["mixed"] = float(total_of(mixed.losses))
    for mode, total in found.items():
        assert_allclose(total, expected, rtol=1e-5, err_msg=mode)


def dense(**arguments):
    return layer_dense_flipout(units=2, **arguments)


def sequential():
    return keras.Sequential([keras.Input((10, 3)), conv(), keras.layers.Flatten(), dense()])


def functional():
    inputs = keras.Input((10, 3))
    return keras.Model(inputs, dense()(keras.layers.Flatten()(conv()(inputs))))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.flatten, self.second = conv(), keras.layers.Flatten(), dense()

    def call(self, inputs):
        return self.second(self.flatten(self.first(inputs)))


def nested():
    inputs = keras.Input((10, 3))
    inner = keras.Sequential([keras.Input((10, 3)), conv(), keras.layers.Flatten()])
    outer = keras.Model(inputs, inner(inputs))
    return keras.Sequential([keras.Input((10, 3)), outer, dense()])


def shared():
    inputs, layer = keras.Input((10, 3)), layer_conv_1d_flipout(filters=3, kernel_size=3)
    return keras.Model(inputs, dense()(keras.layers.Flatten()(layer(layer(inputs)))))


def frozen():
    model = sequential()
    model.layers[0].trainable = False
    return model


def frozen_whole():
    model = functional()
    model.trainable = False
    return model


def by_fit(model, x, y):
    return model.fit(x, y, batch_size=2, epochs=2, verbose=0).history["loss"][-1]


def by_evaluate(model, x, y):
    return model.evaluate(x, y, batch_size=2, verbose=0)


def by_train_on_batch(model, x, y):
    return model.train_on_batch(x, y)


def by_test_on_batch(model, x, y):
    return model.test_on_batch(x, y)


def by_tape(model, x, y):
    del y
    variables = model.trainable_variables or model.non_trainable_weights

    def total():
        model(x, training=True)
        return total_of(model.losses)

    return float(value_and_gradients(total, variables)[0])


def by_eager_fit(model, x, y):
    model.run_eagerly = True
    return by_fit(model, x, y)


MODELS = (sequential, functional, Subclassed, nested, shared, frozen, frozen_whole)
WAYS = (by_fit, by_evaluate, by_train_on_batch, by_test_on_batch, by_tape, by_eager_fit)


# Keras says so of a model without anything to train.
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_the_total_is_the_same_for_every_verb(make, way, inputs):
    """With a loss of zero and a rate of zero, the figure is the divergence and stays so."""
    model = make()
    model(inputs)
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel_posterior")]
    assert len(layers) == 2
    expected = sum(exact(layer, ["kernel"]) for layer in layers)
    model.compile(keras.optimizers.SGD(0.0), lambda y, f: 0.0 * f, jit_compile=JIT)
    found = way(model, inputs, np.ones((4, 2), "float32"))
    assert_allclose(found, expected, rtol=1e-5)


@every(soon=is_representative)
def test_trained_on_the_divergence_alone_the_posterior_becomes_the_prior(row, rng):
    inputs, layer = row.geometry.inputs(rng), with_priors(row)
    model = row.geometry.model_of(layer)
    model.compile(keras.optimizers.Adam(0.05), lambda y, f: 0.0 * f, jit_compile=JIT)
    targets = np.zeros((len(inputs), *row.geometry.outputs), "float32")
    inputs, targets = (np.tile(x, (60, *[1] * (x.ndim - 1))) for x in (inputs, targets))
    history = model.fit(inputs, targets, batch_size=BATCH, epochs=10, shuffle=False, verbose=0)
    history = history.history["loss"]
    assert history[-1] < 1e-3 * history[0]
    for role in row.roles:
        loc, scale = parameters(getattr(layer, f"{role}_posterior"))
        assert_allclose(loc, 0.0, atol=0.01)
        assert_allclose(scale, 1.0, atol=0.01)
