"""Draws of the predictive distribution: coherent functions, of the right distribution."""

import keras
import numpy as np
import pytest
from family import ROWS
from frameworks import assert_allclose, assert_array_equal, distributions, moment, on
from models import X, linear
from statistical import assert_normal_moments, assert_uncorrelated

import bayeslayers
from bayeslayers import ArgumentError, predict_draws, predictive_summary, tfp
from bayeslayers.layers import (
    DenseFlipout,
    DenseLocalReparameterization,
    DistributionLambda,
    LSTMFlipout,
)


def dense(last=None, **arguments):
    """Return a model without a bias."""
    return linear(last=last, bias_posterior_fn=None, **arguments)


def draws_of(model, x=X, draws=8, seed=3, **arguments):
    return predict_draws(model, x, draws=draws, seed=seed, verbose=0, **arguments)


@pytest.mark.parametrize("layer", [DenseFlipout, DenseLocalReparameterization])
def test_a_draw_is_one_function(layer):
    # Signs or noise for each example would make it anything but linear.
    model = dense(layer=layer)
    once, twice = draws_of(model, X), draws_of(model, 2 * X)
    both = draws_of(model, X[:2] + X[2:])
    assert_allclose(twice, 2 * once, rtol=1e-5, atol=1e-6)
    assert_allclose(both, once[:, :2] + once[:, 2:], rtol=1e-4, atol=1e-6)
    assert np.std(once, axis=0).min() > 0


def test_draws_have_the_posterior_s_moments():
    model = dense()
    layer = model.layers[0]
    loc = moment(layer.kernel_posterior, "mean")
    scale = np.full(loc.shape, 0.3)
    layer.trainable_variables[1].assign(np.log(np.expm1(scale)))
    found = draws_of(model, X[:1], draws=3000)
    # Outputs of one example are independent: each has a column of the kernel of its own.
    assert_normal_moments(found, X[:1] @ loc, X[:1] ** 2 @ scale**2)
    assert_uncorrelated(found[:-1], found[1:])


@pytest.mark.parametrize("row", [pytest.param(row, id=row.function) for row in ROWS])
def test_every_layer_draws_coherently(row, rng):
    inputs = row.geometry.inputs(rng, batch=5)
    layer = getattr(bayeslayers, row.function)(**row.geometry.arguments)
    model = keras.Sequential([layer])
    model(inputs)
    state = np.asarray(layer.seed_generator.state)
    whole = draws_of(model, inputs)
    # The same weights in every batch, and for the same example wherever it stands.
    assert_allclose(draws_of(model, inputs, batch_size=2), whole, rtol=1e-5, atol=1e-6)
    backwards = draws_of(model, inputs[::-1].copy())[:, ::-1]
    assert_allclose(backwards, whole, rtol=1e-5, atol=1e-6)
    assert np.std(whole, axis=0).max() > 0
    # Training goes on as if nothing had been drawn.
    assert_array_equal(layer.seed_generator.state, state)


def test_few_draws_are_the_first_of_many_and_follow_from_the_seed():
    model = dense()
    many = draws_of(model, draws=40)
    assert_array_equal(draws_of(model, draws=7), many[:7])
    assert not np.allclose(draws_of(model, seed=4), many[:8])
    assert len(np.unique(many.reshape(40, -1), axis=0)) == 40
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        found.append(predict_draws(model, X, draws=3, verbose=0))
    assert_array_equal(*found)
    assert not np.allclose(predict_draws(model, X, draws=3, verbose=0), found[0])


def test_a_shared_layer_has_one_draw():
    inputs = keras.Input((3,))
    layer = DenseFlipout(2)
    model = keras.Model(inputs, layer(inputs) - layer(inputs))
    assert_array_equal(draws_of(model), np.zeros((8, 4, 2)))


def test_layers_of_one_shape_have_draws_of_their_own():
    inputs = keras.Input((3,))
    first, second = (DenseFlipout(2, seed=1) for _ in range(2))
    model = keras.Model(inputs, [first(inputs), second(inputs)])
    found = draws_of(model)
    means = [X @ moment(layer.kernel_posterior, "mean") for layer in (first, second)]
    assert not np.allclose(found[0] - means[0], found[1] - means[1], atol=1e-3)


def test_weights_that_have_changed_are_the_ones_that_are_drawn():
    model = dense()
    before = draws_of(model)
    model.layers[0].trainable_variables[0].assign_add(np.ones((3, 2)))
    assert_allclose(draws_of(model), before + X.sum(axis=1)[:, None], rtol=1e-4, atol=1e-5)


def test_layers_of_keras_do_what_they_do_in_prediction():
    model = dense()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), *model.layers])
    assert_allclose(draws_of(model, 2 * X), 2 * draws_of(model, X), rtol=1e-5, atol=1e-6)


def _normal(t):
    return distributions.Normal(t[..., :1], 0.5)


def test_a_distribution_has_a_mean_and_samples():
    model = dense(_normal)
    means = draws_of(model, draws=2000)
    samples = draws_of(model, draws=2000, kind="sample")
    assert means.shape == samples.shape == (2000, 4, 1)
    noise = samples - means
    assert_normal_moments(noise, 0.0, 0.25)
    # Of each example its own, between batches too.
    assert_uncorrelated(noise[:, 0], noise[:, 3])
    in_batches = draws_of(model, draws=2000, kind="sample", batch_size=1) - means
    assert_uncorrelated(in_batches[:, 0], in_batches[:, 3])


def test_the_mean_of_classes_is_their_probabilities():
    model = dense(units=3)
    logits = draws_of(model)
    model.add(DistributionLambda(lambda t: distributions.Categorical(logits=t)))
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert_allclose(draws_of(model), expected, rtol=1e-4)
    samples = draws_of(model, kind="sample")
    assert samples.shape == (8, 4)
    assert set(samples.ravel()) <= {0, 1, 2}


def test_counts_are_no_classes_though_they_have_a_probability():
    model = dense(units=1)
    odds = np.exp(draws_of(model))
    model.add(DistributionLambda(lambda t: distributions.NegativeBinomial(3.0, logits=t)))
    assert_allclose(draws_of(model), 3 * odds, rtol=1e-4)
    assert "sd_aleatoric" in bayeslayers.predictive_summary(model, X, draws=8, verbose=0)


def test_a_joint_posterior_is_drawn_once(rng):
    def posterior(kernel_size, bias_size, dtype):
        n = kernel_size + bias_size
        tfd = distributions
        return keras.Sequential(
            [
                bayeslayers.layers.VariableLayer(n),
                DistributionLambda(lambda t: tfd.Independent(tfd.Normal(t, 0.5), 1)),
            ]
        )

    def prior(kernel_size, bias_size, dtype):
        tfd = distributions
        standard = tfd.Normal(np.zeros(kernel_size + bias_size, "float32"), 1.0)
        return lambda _: tfd.Independent(standard, 1)

    model = keras.Sequential(
        [
            keras.Input((3,)),
            bayeslayers.layers.DenseVariational(2, posterior, prior, use_bias=False),
        ]
    )
    once, twice = draws_of(model, X), draws_of(model, 2 * X)
    assert_allclose(twice, 2 * once, rtol=1e-5, atol=1e-6)
    assert len(np.unique(once.reshape(8, -1), axis=0)) == 8


def test_a_posterior_of_the_caller_s_is_drawn_coherently():
    def posterior(dtype, shape, name, trainable, add_variable_fn):
        loc = add_variable_fn(name=f"{name}_loc", shape=shape, initializer="glorot_uniform")
        tfd = distributions
        return tfd.Independent(tfd.Laplace(loc, 0.3), len(shape))

    model = dense(layer=bayeslayers.layers.DenseReparameterization, kernel_posterior_fn=posterior)
    once, twice = draws_of(model, X), draws_of(model, 2 * X, batch_size=1)
    assert_allclose(twice, 2 * once, rtol=1e-5, atol=1e-6)


def test_inputs_may_be_nested_and_outputs_several():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model({"a": a, "b": b}, [DenseFlipout(2)(a), DenseFlipout(1)(b)])
    first, second = draws_of(model, {"a": X, "b": X})
    assert (first.shape, second.shape) == ((8, 4, 2), (8, 4, 1))


def test_subclassed_models_and_lower_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = DenseFlipout(2)

        def call(self, x):
            return self.dense(x)

    assert draws_of(Net()).shape == (8, 4, 2)


@pytest.mark.parametrize(
    "layer",
    [
        LSTMFlipout(2, stateful=True, name="stateful"),
        keras.layers.GRU(2, stateful=True, name="stateful"),
        keras.layers.Bidirectional(LSTMFlipout(2, stateful=True, name="stateful"), name="around"),
    ],
    ids=["ours", "theirs", "wrapped"],
)
def test_a_state_that_one_draw_would_hand_to_the_next_is_refused(layer):
    model = keras.Sequential([keras.Input((4, 3), batch_size=2), layer, DenseFlipout(1)])
    with pytest.raises(ArgumentError, match=r"`model` must have no stateful layers.*stateful"):
        draws_of(model, np.ones((2, 4, 3), "float32"))


# The bijectors are TensorFlow Probability's.
@on("tensorflow", "jax")
def test_what_a_distribution_does_not_know_is_said():
    softplus, normal = tfp.bijectors.Softplus(), distributions.Normal
    model = dense(lambda t: softplus(normal(t, 1.0)), units=1)
    for verb in (draws_of, predictive_summary):
        with pytest.raises(ArgumentError, match=r"`model` must end in a distribution whose `mean"):
            verb(model, X)
    assert draws_of(model, kind="sample").min() > 0


def test_no_examples_are_no_error():
    assert draws_of(dense(), X[:0]).shape == (8, 0, 2)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"model": "m"}, "model"),
        ({"draws": 0}, "draws"),
        ({"draws": 2.5}, "draws"),
        ({"kind": "median"}, "kind"),
        ({"kind": "sample"}, "kind"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": "one"}, "seed"),
        ({"verbose": "loud"}, "verbose"),
        ({"x": [X, X[:2]]}, "x"),
        ({"x": object()}, "x"),
        ({"x": 3.0}, "x"),
    ],
)
def test_arguments_are_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must be"):
        predict_draws(**{"model": dense(), "x": X, "verbose": 0, **arguments})


def test_progress_is_shown(capsys):
    model = dense()
    predict_draws(model, X, draws=40, batch_size=2)
    assert "6/6" in capsys.readouterr().out
    predict_draws(model, X, draws=40, batch_size=2, verbose=0)
    assert not capsys.readouterr().out
