"""Divergences: exact, once per prior, and the same wherever the layer runs."""

import keras
import numpy as np
import pytest
from frameworks import JIT_COMPILE, assert_allclose, compiled, numpy_of, total_of
from frameworks import distributions as tfd
from keras import ops
from models import conv
from oracles import normal_kl, parameters
from posteriors import fixed_normal, fixed_value
from scipy import stats
from statistical import ERROR_RATE

from bayeslayers import ArgumentError, layer_conv_1d_flipout, tfd_kl_divergence
from bayeslayers.layers import default_mean_field_normal_fn, default_multivariate_normal_fn


def losses_of(layer, inputs):
    layer(inputs)
    return [float(loss) for loss in layer.losses]


def student_prior(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    return tfd.Independent(tfd.StudentT(ops.cast(3, dtype), ops.zeros(shape, dtype), 1), len(shape))


def monte_carlo(q, p, sample):
    return q.log_prob(sample) - p.log_prob(sample)


def test_a_point_estimate_of_the_bias_is_penalised_by_the_prior_density(inputs):
    layer = conv(
        kernel_prior_fn=None,
        bias_posterior_fn=fixed_value([0.0, 1.0, 2.0, 3.0]),
        bias_prior_fn=default_multivariate_normal_fn,
    )
    expected = -stats.norm.logpdf([0.0, 1.0, 2.0, 3.0]).sum()
    assert_allclose(losses_of(layer, inputs), [expected], rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [{"kernel_prior_fn": None}, {"kernel_divergence_fn": None}, {"bias_posterior_fn": None}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_is_not_there_adds_nothing(arguments, inputs):
    both = {
        "bias_posterior_fn": default_mean_field_normal_fn(),
        "bias_prior_fn": default_multivariate_normal_fn,
    }
    layer = conv(**{**both, **arguments})
    kept = "kernel" if "bias_posterior_fn" in arguments else "bias"
    losses = losses_of(layer, inputs)
    expected = [normal_kl(*parameters(getattr(layer, f"{kept}_posterior")))]
    assert_allclose(losses, expected, rtol=1e-5)


def test_without_any_prior_there_are_no_losses(inputs):
    layer = conv(kernel_prior_fn=None)
    assert losses_of(layer, inputs) == []
    assert layer.kernel_prior is None
    assert layer.bias_prior is None


def test_a_scaled_divergence_is_scaled(inputs):
    layer = conv(kernel_divergence_fn=lambda q, p, ignore: tfd_kl_divergence(q, p) / 1000.0)
    losses = losses_of(layer, inputs)
    expected = normal_kl(*parameters(layer.kernel_posterior)) / 1000
    assert_allclose(losses, [expected], rtol=1e-5)


def test_a_python_number_is_a_divergence(inputs):
    assert losses_of(conv(kernel_divergence_fn=lambda q, p, sample: 2.5), inputs) == [2.5]


def test_a_monte_carlo_divergence_is_unbiased(inputs):
    """The threshold is for a normal mean: 500 terms of 36 squared normals each are close to it."""
    loc, scale, count = 0.3, 0.5, 500
    layer = conv(kernel_posterior_fn=fixed_normal(loc, scale), kernel_divergence_fn=monte_carlo)

    layer.build(inputs.shape)

    def estimate():
        layer(inputs)
        return layer.losses[0]

    estimate = compiled(estimate)
    estimates = np.array([numpy_of(estimate()) for _ in range(count)])
    exact = normal_kl(np.full((3, 3, 4), loc), np.full((3, 3, 4), scale))
    # log q - log p of a draw w = loc + scale e has the random part loc scale e + (scale^2 - 1) e^2
    # / 2, whose variance is loc^2 scale^2 + (scale^2 - 1)^2 / 2.
    variance = 36 * (loc**2 * scale**2 + (scale**2 - 1) ** 2 / 2)
    z = (estimates.mean() - exact) / np.sqrt(variance / count)
    assert abs(z) < stats.norm.isf(ERROR_RATE / 2)
    # A draw, not the mean: the estimates spread as they must.
    assert 0.5 * variance < estimates.var() < 2 * variance


def test_a_pair_without_a_closed_form_is_refused(inputs):
    with pytest.raises(ArgumentError, match="must have a closed form") as caught:
        conv(kernel_prior_fn=student_prior)(inputs)
    assert caught.value.argument == "kernel_divergence_fn"
    received = caught.value.received["posterior and prior"]
    assert received == "Independent(Normal) and Independent(StudentT)"


def test_a_pair_without_a_closed_form_can_be_estimated(inputs):
    layer = conv(kernel_prior_fn=student_prior, kernel_divergence_fn=monte_carlo)
    assert np.isfinite(losses_of(layer, inputs)[0])


def test_a_divergence_per_weight_is_refused(inputs):
    layer = conv(kernel_divergence_fn=lambda q, p, sample: sample**2)
    with pytest.raises(ArgumentError, match="must return a single number") as caught:
        layer(inputs)
    assert caught.value.argument == "kernel_divergence_fn"
    assert "(3, 3, 4)" in caught.value.received["kernel_divergence_fn"]


def test_an_eager_layer_shows_the_divergence_of_its_last_call(inputs):
    layer = conv()
    first = losses_of(layer, inputs)
    layer.trainable_variables[0].assign(layer.trainable_variables[0] + 1.0)
    second = losses_of(layer, inputs)
    assert len(first) == len(second) == 1
    assert second[0] > first[0]


def shared_model(**arguments):
    """Return a model that calls one layer twice, and the layer."""
    layer = layer_conv_1d_flipout(filters=3, kernel_size=3, padding="same", **arguments)
    symbolic = keras.Input((10, 3))
    return keras.Model(symbolic, layer(layer(symbolic))), layer


class SharedLayer(keras.Model):
    def __init__(self):
        super().__init__()
        self.shared = layer_conv_1d_flipout(filters=3, kernel_size=3, padding="same")

    def call(self, inputs):
        return self.shared(self.shared(inputs))


@pytest.mark.parametrize("in_a_graph", [False, True])
def test_a_shared_layer_counts_once_in_a_subclassed_model(in_a_graph, inputs):
    model = SharedLayer()
    model(inputs)

    def total():
        model(inputs)
        return len(model.losses), total_of(model.losses)

    run = compiled(total) if in_a_graph else total
    for _ in range(2):
        count, value = run()
        assert int(count) == 1
        expected = normal_kl(*parameters(model.shared.kernel_posterior))
        assert_allclose(numpy_of(value), expected, rtol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_a_compiled_fit_adds_the_divergence_once(shared, inputs):
    model, layer = shared_model() if shared else (keras.Sequential([conv()]), None)
    model(inputs)
    layer = layer or model.layers[0]
    expected = normal_kl(*parameters(layer.kernel_posterior))
    # A loss of zero leaves the divergence alone; a rate of zero leaves the posterior where it was.
    optimizer = keras.optimizers.SGD(learning_rate=0.0)
    model.compile(optimizer, loss=lambda y, p: 0.0 * p[:, 0, 0], jit_compile=JIT_COMPILE[-1])
    history = model.fit(inputs, np.zeros(4), batch_size=2, epochs=2, verbose=0)
    assert_allclose(history.history["loss"], [expected] * 2, rtol=1e-5)
    loss = model.evaluate(inputs, np.zeros(4), verbose=0)
    assert_allclose(loss, expected, rtol=1e-5)


def test_regularizers_of_a_posterior_come_on_top(inputs):
    layer = conv(
        kernel_posterior_fn=default_mean_field_normal_fn(loc_regularizer=keras.regularizers.L2(0.5))
    )
    losses = losses_of(layer, inputs)
    loc, scale = parameters(layer.kernel_posterior)
    expected = [0.5 * np.sum(loc**2), normal_kl(loc, scale)]
    assert_allclose(sorted(losses), sorted(expected), rtol=1e-5)
