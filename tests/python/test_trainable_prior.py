"""A prior with a mean and a scale that are trained, one each for a weight."""

import functools

import keras
import numpy as np
import pytest
from frameworks import (
    assert_allclose,
    assert_array_equal,
    distributions,
    moment,
    numpy_of,
    on,
    value_and_gradients,
)
from keras import ops
from scipy import stats

from bayeslayers import ArgumentError, as_bayesian, kl_divergence, layer_dense_flipout, layers, tfp
from bayeslayers.layers.util import (
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
    trainable_normal_fn,
)

ROWS = {
    "dense": (lambda **a: layers.DenseFlipout(3, **a), (4,)),
    "dense, local": (lambda **a: layers.DenseLocalReparameterization(3, **a), (4,)),
    "convolution": (lambda **a: layers.Conv1DReparameterization(2, 3, **a), (6, 4)),
}


def closed_form(layer):
    """KL(Normal(m, s) || Normal(loc, scale)), summed over the kernel, in double precision."""
    values = {w.path.rsplit("/", 1)[1]: np.asarray(w, "float64") for w in layer.weights}
    m = values["kernel_posterior_loc"]
    s = np.log1p(np.exp(values["kernel_posterior_untransformed_scale"]))
    loc = values.get("kernel_prior_loc", 0.0)
    scale = np.log1p(np.exp(values["kernel_prior_untransformed_scale"]))
    return np.sum(np.log(scale / s) + (s**2 + (m - loc) ** 2) / (2 * scale**2) - 0.5)


def test_it_is_where_the_other_makers_are():
    assert tfp.layers.util.trainable_normal_fn is trainable_normal_fn
    assert repr(trainable_normal_fn(is_centred=True)) == "trainable_normal_fn(is_centred=True)"
    assert trainable_normal_fn() == trainable_normal_fn() != trainable_normal_fn(is_centred=True)
    assert trainable_normal_fn() != default_mean_field_normal_fn()


@pytest.mark.parametrize("is_centred", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_the_divergence_is_the_closed_form_and_trains_the_prior(name, is_centred, rng):
    make, shape = ROWS[name]
    layer = make(kernel_prior_fn=trainable_normal_fn(is_centred=is_centred))
    layer.build((None, *shape))
    prior = [w for w in layer.trainable_variables if "prior" in w.path]
    assert [tuple(w.shape) for w in prior] == [()] * (1 if is_centred else 2)
    # It starts at the standard normal distribution.
    values = rng.normal(size=layer.kernel_prior.event_shape).astype("float32")
    found = layer.kernel_prior.log_prob(ops.convert_to_tensor(values))
    assert_allclose(found, stats.norm.logpdf(values).sum(), rtol=1e-5)
    for variable, value in zip(prior, (0.7, -0.3), strict=False):
        variable.assign(value)
    inputs = rng.normal(size=(5, *shape)).astype("float32")

    def divergence():
        layer(inputs)
        (loss,) = layer.losses
        return loss

    loss, found = value_and_gradients(divergence, prior)
    assert_allclose(loss, closed_form(layer), rtol=1e-5)
    for variable, gradient in zip(prior, found, strict=True):
        start = numpy_of(variable)
        ends = []
        for step in (-1e-3, 1e-3):
            variable.assign(start + step)
            ends.append(closed_form(layer))
        variable.assign(start)
        assert_allclose(gradient, (ends[1] - ends[0]) / 2e-3, rtol=1e-3)


def test_training_finds_the_best_prior():
    """The divergence of a posterior that stays is least at its own moments."""
    layer = layers.DenseReparameterization(
        8, kernel_prior_fn=trainable_normal_fn(loc_initializer="ones"), seed=1
    )
    model = keras.Sequential([keras.Input((6,)), layer])
    m, untransformed, _ = (np.asarray(w, "float64") for w in layer.weights[:3])
    s = np.log1p(np.exp(untransformed))
    for variable in layer.trainable_variables:
        variable.trainable = "prior" in variable.path
    model.compile(keras.optimizers.Adam(0.05), lambda y, p: 0.0 * p)
    # One step for each four examples.
    model.fit(np.zeros((1600, 6)), np.zeros((1600, 8)), batch_size=4, verbose=0)
    prior = layer.kernel_prior
    assert_allclose(moment(prior, "mean"), np.full((6, 8), m.mean()), atol=1e-3)
    scale = np.sqrt(np.mean((m - m.mean()) ** 2 + s**2))
    assert_allclose(moment(prior, "stddev"), np.full((6, 8), scale), rtol=1e-2)


# Elsewhere a distribution is one of values; the layer's property makes it anew.
@on("tensorflow")
def test_a_distribution_in_hand_follows_its_variables():
    layer = layers.DenseFlipout(2, kernel_prior_fn=trainable_normal_fn())
    layer.build((None, 3))
    prior = layer.kernel_prior
    next(w for w in layer.weights if w.path.endswith("kernel_prior_loc")).assign(2.0)
    assert_array_equal(moment(prior, "mean"), np.full((3, 2), 2.0))


def test_it_is_saved_and_loaded(rng, tmp_path):
    make = trainable_normal_fn(loc_regularizer="l2", untransformed_scale_constraint="non_neg")
    model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), 2, kernel_prior_fn=make)
    model.compile("adam", "mse")
    model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.layers[0].kernel_prior_fn == make
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert_array_equal(one, other)
    assert repr(kl_divergence(model)) == repr(kl_divergence(loaded))


@pytest.mark.parametrize("moped", [False, True])
def test_conversion_takes_it(moped):
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = as_bayesian(plain, moped=moped, kernel_prior_fn=trainable_normal_fn())
    assert len([w for w in model.trainable_variables if "prior" in w.path]) == 2
    # The mean is one for all entries: it is not centred on each.
    assert_array_equal(moment(model.layers[0].kernel_prior, "mean"), np.zeros((3, 2)))
    model(np.ones((1, 3)))
    assert_allclose(model.losses[0], closed_form(model.layers[0]), rtol=1e-4)


def test_bad_arguments_are_refused():
    with pytest.raises(ArgumentError, match="`is_centred` must be true or false"):
        trainable_normal_fn(is_centred=1)
    with pytest.raises(ArgumentError, match="`loc_constraint` must be the name of a Keras"):
        trainable_normal_fn(loc_constraint="foo")


@pytest.mark.parametrize("argument", ["kernel_prior_fn", "kernel_posterior_fn", "bias_prior_fn"])
def test_a_function_of_other_arguments_is_refused_by_the_argument(argument):
    """The contract's arguments come by position: a partial function must leave them open."""
    for function in (
        functools.partial(default_multivariate_normal_fn, trainable=True),
        lambda dtype, shape: None,
    ):
        layer = layers.DenseFlipout(2, **{argument: function})
        with pytest.raises(ArgumentError, match=r"must be a function of `.dtype, shape, name"):
            layer.build((None, 3))
    with pytest.raises(ArgumentError) as caught:
        layers.DenseFlipout(
            2, **{argument: functools.partial(default_multivariate_normal_fn, trainable=True)}
        ).build((None, 3))
    assert caught.value.argument == argument
    assert "trainable_normal_fn" in caught.value.hint


def test_an_error_of_the_function_itself_stays():
    def broken(dtype, shape, name, trainable, add_variable_fn):
        return len(3)

    with pytest.raises(TypeError, match="len"):
        layers.DenseFlipout(2, kernel_prior_fn=broken).build((None, 3))

    # Other arguments of a partial function are its own business.
    def maker(dtype, shape, name, trainable, add_variable_fn, scale):
        return distributions.Independent(distributions.Normal(ops.zeros(shape), scale), 2)

    layer = layers.DenseFlipout(2, kernel_prior_fn=functools.partial(maker, scale=2.0))
    layer.build((None, 3))
    assert_array_equal(moment(layer.kernel_prior, "stddev"), np.full((3, 2), 2.0))
