"""The divergence of a whole model: what it is, how it is scaled, how it is shown and let in."""

import inspect
import warnings

import keras
import numpy as np
import pytest
from frameworks import JIT_COMPILE, assert_allclose, assert_array_equal, distributions, numpy_of

import bayeslayers
from bayeslayers import (
    ArgumentError,
    callback_kl_annealing,
    callback_kl_history,
    fit_bayesian,
    kl_divergence,
    layer_conv_1d_flipout,
    layer_dense_local_reparameterization,
    layer_dense_reparameterization,
    scale_kl,
    tfd_kl_divergence,
)

N = 50


def network():
    model = keras.Sequential([keras.Input((10, 3))])
    layer_conv_1d_flipout(model, filters=4, kernel_size=3, activation="relu", name="first")
    model.add(keras.layers.GlobalAveragePooling1D())
    return layer_dense_local_reparameterization(model, units=2, name="second")


def closed_form(layer):
    """KL(N(m, s) || N(0, 1)) from the variables, in NumPy, in double precision."""
    values = {v.name: np.asarray(v, "float64") for v in layer.trainable_variables}
    loc = values["kernel_posterior_loc"]
    scale = np.finfo("float32").eps + np.logaddexp(
        0, values["kernel_posterior_untransformed_scale"]
    )
    return np.sum((loc**2 + scale**2 - 1) / 2 - np.log(scale))


def data(rng, n=N):
    x = rng.normal(size=(n, 10, 3)).astype("float32")
    return x, rng.normal(size=(n, 2)).astype("float32")


def still(model, **compiled):
    """Compile so that training changes nothing, and the figures of an epoch are known."""
    model.compile(keras.optimizers.SGD(0.0), loss="mse", **compiled)
    return model


def test_total_and_table_are_the_closed_form():
    model = network()
    kl = kl_divergence(model)
    expected = [closed_form(model.get_layer(name)) for name in ("first", "second")]
    assert list(kl.table["layer"]) == ["first", "second"]
    assert list(kl.table["weight"]) == ["kernel", "kernel"]
    assert list(kl.table["parameters"]) == [3 * 3 * 4, 4 * 2]
    assert_allclose(kl.table["divergence"], expected, rtol=1e-5)
    assert_allclose([kl.total, kl.loss], [sum(expected)] * 2, rtol=1e-5)
    assert "first" in str(kl)


def test_the_figure_in_the_loss_is_what_keras_adds(rng):
    model = scale_kl(network(), N)
    model(data(rng)[0])
    added = sum(float(loss) for loss in model.losses)
    assert_allclose(kl_divergence(model).loss, added, rtol=1e-6)
    assert_allclose(added, sum(map(closed_form, model.layers[::2])) / N, rtol=1e-5)


def test_layers_within_layers_and_shared_layers_are_counted_once():
    inner = network()
    inputs = keras.Input((10, 3))
    outer = keras.Model(inputs, inner(inputs) + inner(inputs * 2.0))
    assert_allclose(kl_divergence(outer).total, kl_divergence(inner).total, rtol=1e-6)
    scale_kl(outer, N)
    outer(np.ones((2, 10, 3)))
    assert_allclose(
        sum(float(loss) for loss in outer.losses), kl_divergence(inner).total / N, rtol=1e-5
    )


def test_all_weights_with_a_prior_are_there():
    prior = bayeslayers.layers.util.default_multivariate_normal_fn
    layer = layer_dense_reparameterization(units=2, bias_prior_fn=prior, bias_posterior_fn=_wide)
    layer.build((None, 3))
    table = kl_divergence(layer).table
    assert list(table["weight"]) == ["kernel", "bias"]
    assert_allclose(table["divergence"][1], 2 * (9 / 2 - 0.5 - np.log(3)), rtol=1e-5)


def _wide(dtype, shape, name, trainable, add_variable_fn):
    tfd = distributions
    return tfd.Independent(tfd.Normal(np.zeros(shape, "float32"), 3.0), 1)


def test_scale_acts_on_a_step_that_is_compiled(rng):
    x, y = data(rng)
    model = still(network())
    keras.utils.set_random_seed(1)
    before = model.fit(x, y, batch_size=N, verbose=0).history["loss"][0]
    error = before - kl_divergence(model).total
    scale_kl(model, 1e9)
    after = model.fit(x, y, batch_size=N, verbose=0).history["loss"][0]
    # The error is that of another draw; the divergence, some two hundred, is gone.
    assert after < error + 5 < before


@pytest.mark.parametrize("way", ["keras", "weights", "clone", "config"])
def test_scale_is_kept(way, tmp_path):
    model = scale_kl(network(), N, temperature=0.5)
    if way == "keras":
        model.save(tmp_path / "m.keras")
        again = keras.models.load_model(tmp_path / "m.keras")
    elif way == "weights":
        model.save_weights(tmp_path / "m.weights.h5")
        again = network()
        again.load_weights(tmp_path / "m.weights.h5")
    elif way == "clone":
        again = keras.models.clone_model(model)
    else:
        again = keras.Sequential.from_config(model.get_config())
    table = kl_divergence(again).table
    assert_allclose(table["scale"], 0.5 / N, rtol=1e-6)
    assert (table["temperature"] == 0.5).all()


def test_files_without_a_temperature_have_one_of_1(tmp_path):
    """Files of version 0.1.0, too, which are those of a temperature of 1."""
    scale_kl(network(), N).save_weights(tmp_path / "m.weights.h5")
    again = scale_kl(network(), N, temperature=0.5)
    again.load_weights(tmp_path / "m.weights.h5")
    table = kl_divergence(again).table
    assert (table["temperature"] == 1.0).all()
    assert_allclose(table["scale"], 1 / N, rtol=1e-6)


def test_the_loss_is_that_of_the_temperature(rng):
    """The divergence of the closed form, times what the caller says."""
    model = scale_kl(network(), N, temperature=0.3)
    expected = 0.3 * kl_divergence(model).total / N
    model(rng.normal(size=(4, 10, 3)).astype("float32"))
    assert_allclose(sum(map(float, model.losses)), expected, rtol=1e-5)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), "cold", True, None])
def test_the_temperature_is_checked(bad):
    with pytest.raises(ArgumentError, match="`temperature` must be a positive number"):
        scale_kl(network(), N, temperature=bad)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16"])
def test_scale_is_not_rounded_to_what_a_layer_computes_in(policy):
    """In half precision 1 / 40 is larger by a part in a thousand."""
    layer = layer_dense_reparameterization(units=2, dtype=policy)
    model = scale_kl(keras.Sequential([keras.Input((3,)), layer]), 40)
    model(np.ones((1, 3), "float32"))
    assert_allclose(float(model.losses[0]), kl_divergence(model).total / 40, rtol=1e-5)


def test_scale_is_no_weight_of_the_layer():
    model = network()
    assert len(model.weights) == sum(len(layer.weights) for layer in model.layers) == 6
    assert "divergence_scale" not in model.layers[0].get_config()


def test_scale_is_set_anew_and_not_multiplied():
    model = scale_kl(scale_kl(network(), 10), 40)
    assert_allclose(kl_divergence(model).table["scale"], 1 / 40, rtol=1e-6)


def test_scaling_twice_over_is_said():
    model = keras.Sequential([keras.Input((3,))])
    own = bayeslayers.layers.DenseFlipout(
        2, kernel_divergence_fn=lambda q, p, _: tfd_kl_divergence(q, p) / 9
    )
    model.add(own)
    with pytest.warns(UserWarning, match="scales once more"):
        scale_kl(model, 9)


def test_the_divergence_of_a_bias_that_is_left_out_is_not_scaled_twice_over():
    model = keras.Sequential([keras.Input((3,))])
    model.add(
        bayeslayers.layers.DenseFlipout(
            2,
            bias_posterior_fn=None,
            bias_prior_fn=bayeslayers.layers.default_multivariate_normal_fn,
            bias_divergence_fn=lambda q, p, _: tfd_kl_divergence(q, p) / 9,
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scale_kl(model, 9)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "many", True, None])
def test_number_of_examples_is_checked(bad):
    with pytest.raises(ArgumentError, match="`num_examples` must be a positive number"):
        scale_kl(network(), bad)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (3, "must be a Keras 3 model"),
        (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "must contain a layer"),
        (keras.Sequential([bayeslayers.layers.DenseFlipout(2)]), "must have been built"),
    ],
)
@pytest.mark.parametrize("verb", [kl_divergence, lambda model: scale_kl(model, 3)])
def test_model_is_checked(model, rule, verb):
    with pytest.raises(ArgumentError, match=f"`model` {rule}"):
        verb(model)


@pytest.mark.parametrize("jit", JIT_COMPILE)
def test_history_splits_the_loss(rng, jit):
    x, y = data(rng)
    model = still(scale_kl(network(), N), metrics=["mse"], jit_compile=jit)
    # Batches of 16, 16, 16 and 2: the figures are means over examples, as Keras's are.
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=2,
        verbose=0,
        validation_data=(x[:20], y[:20]),
        validation_batch_size=16,
        callbacks=[callback_kl_history()],
    ).history
    for prefix in ("", "val_"):
        # Keras's own metric of the same name as the loss is the oracle of the likelihood.
        assert_allclose(
            history[f"{prefix}negative_log_likelihood"], history[f"{prefix}mse"], rtol=1e-4
        )
        assert_allclose(
            history[f"{prefix}kl_divergence"], kl_divergence(model).total / N, rtol=1e-5
        )


def test_history_leaves_the_model_as_it_was(rng):
    x, y = data(rng)
    model = still(scale_kl(network(), N))
    model.fit(x, y, verbose=0, callbacks=[callback_kl_history()])
    assert "train_step" not in vars(model)
    assert list(model.fit(x, y, verbose=0).history) == ["loss"]
    assert isinstance(model.evaluate(x, y, verbose=0), float)


def test_a_divergence_that_drowns_the_data_is_said_once(rng):
    x, y = data(rng)
    with pytest.warns(UserWarning, match="scale_kl") as caught:
        still(network()).fit(x, y, epochs=3, verbose=0, callbacks=[callback_kl_history()])
    assert len([w for w in caught if "scale_kl" in str(w.message)]) == 1


def test_a_scaled_divergence_that_drowns_the_data_has_another_remedy(rng):
    x, y = data(rng)
    with pytest.warns(UserWarning, match="scaled already") as caught:
        still(scale_kl(network(), 2)).fit(x, y, verbose=0, callbacks=[callback_kl_history(0.01)])
    assert not [w for w in caught if "scale_kl" in str(w.message)]


def test_a_scaled_divergence_is_not_complained_of(rng):
    x, y = data(rng)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*outweighs")
        model = still(scale_kl(network(), 1000))
        model.fit(x, y, verbose=0, callbacks=[callback_kl_history()])


@pytest.mark.parametrize(("annealing", "complaints"), [(0.0, [1, 1, 1]), (1.0, [0, 0, 1])])
def test_the_recipe_does_not_complain_while_it_lets_the_divergence_in(annealing, complaints, rng):
    """The last epoch always has all of it."""
    x, y = (values[:2] for values in data(rng))
    seen = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def count(epoch, logs):
            del epoch, logs
            seen.append(sum("outweighs" in str(warning.message) for warning in caught))

        watch = keras.callbacks.LambdaCallback(on_epoch_end=count)
        how = {"epochs": 3, "loss": "mse", "verbose": 0, "callbacks": [watch]}
        fit_bayesian(network(), x, y, annealing=annealing, **how)
    assert seen == complaints


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0, 0.25, 0.5, 0.75, 1, 1]),
        ("cyclical", [0, 1, 0, 1, 1, 1]),
        (
            "sigmoid",
            [1 / (1 + np.exp(5)), 1 / (1 + np.exp(2.5)), 0.5, 1 / (1 + np.exp(-2.5)), 1, 1],
        ),
    ],
)
def test_annealing_multiplies_the_divergence(rng, schedule, expected):
    x, y = data(rng)
    model = still(scale_kl(network(), N))
    annealing = callback_kl_annealing(epochs=4, schedule=schedule, cycles=2)
    callbacks = [annealing, callback_kl_history()]
    history = model.fit(x, y, epochs=6, verbose=0, callbacks=callbacks).history
    full = kl_divergence(model).total / N
    assert_allclose(history["kl_divergence"], np.multiply(expected, full), rtol=1e-4)


def test_after_an_annealed_training_all_of_the_divergence_counts(rng):
    x, y = data(rng)
    model = still(scale_kl(network(), N))
    # It stops in the middle of the warm-up.
    model.fit(x, y, epochs=2, verbose=0, callbacks=[callback_kl_annealing(epochs=4)])
    model(x)
    added = sum(float(loss) for loss in model.losses)
    assert_allclose(added, kl_divergence(model).total / N, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 2, "schedule": "steps"}, "schedule"),
        ({"epochs": 2, "cycles": 1.5}, "cycles"),
    ],
)
def test_annealing_is_checked(arguments, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must be"):
        callback_kl_annealing(**arguments)


def _estimate(q, p, sample):
    """Log q - log p, whose mean is the divergence, and whose variance is known."""
    return keras.ops.sum(q.log_prob(sample) - p.log_prob(sample))


def _wide_kernel(dtype, shape, name, trainable, add_variable_fn):
    tfd = distributions
    return tfd.Independent(tfd.Normal(np.zeros(shape, "float32"), 3.0), len(shape))


def estimated(calls=None, divergence=_estimate, channels=3):
    def counted(q, p, sample):
        calls.append(sample)
        return divergence(q, p, sample)

    layer = layer_dense_reparameterization(
        units=4,
        kernel_posterior_fn=_wide_kernel,
        kernel_divergence_fn=divergence if calls is None else counted,
        bias_posterior_fn=None,
    )
    layer.build((None, channels))
    return layer


# Of twelve weights q = N(0, 3), p = N(0, 1): log q - log p = 4 z^2 - log 3, where z is standard
# normal; so the mean of the sum is 12 (4 - log 3), and its variance 12 * 16 * 2.
_MEAN, _VARIANCE = 12 * (4 - np.log(3)), 12 * 16 * 2


def test_an_estimate_is_the_mean_over_draws_and_says_its_error():
    """Fails for correct code once in 1e6 (normal limit; the bound is 4.9 standard errors)."""
    row = kl_divergence(estimated(), draws=400).table.iloc[0]
    exact_error = np.sqrt(_VARIANCE / 400)
    assert abs(row["divergence"] - _MEAN) < 4.9 * exact_error
    # The relative standard error of a variance is sqrt((kurtosis - 1) / n), and kurtosis is 4.
    assert abs(row["mcse"] / exact_error - 1) < 4.9 * np.sqrt(3 / 400) / 2


def test_one_draw_has_no_error_that_is_known():
    assert np.isnan(kl_divergence(estimated(), draws=1).table["mcse"][0])


def test_draws_follow_from_the_seed_and_leave_training_alone():
    layer = estimated()
    state = numpy_of(layer.seed_generator.state)
    first, again, other, *fresh = (
        kl_divergence(layer, draws=5, seed=seed).total for seed in (1, 1, 2, None, None)
    )
    assert first == again != other
    assert fresh[0] != fresh[1]
    assert_array_equal(numpy_of(layer.seed_generator.state), state)


def test_two_weights_have_draws_of_their_own():
    model = keras.Sequential([keras.Input((4,)), *[estimated(channels=4) for _ in range(2)]])
    table = kl_divergence(model, draws=5, seed=1).table
    first, second = table["divergence"]
    assert first != second


@pytest.mark.parametrize(
    ("divergence", "expected"),
    [
        (lambda q, p, sample: tfd_kl_divergence(q, p) / 7, 2),
        (_estimate, 30),
    ],
)
def test_closed_forms_of_the_caller_are_not_averaged(divergence, expected):
    calls = []
    model = estimated(calls, divergence)
    # A function of a user's is looked at when a layer is built.
    calls.clear()
    table = kl_divergence(model, draws=30).table
    assert len(calls) == expected
    assert (table["mcse"][0] == 0) == (expected == 2)


def test_closed_forms_of_ours_are_computed_once_and_leave_the_streams_alone(monkeypatch):
    model = network()
    states = [numpy_of(layer.seed_generator.state) for layer in model.layers[::2]]
    calls = []
    for layer in model.layers[::2]:
        weight = layer.random_weights["kernel"]
        compute = weight.divergence
        monkeypatch.setattr(weight, "divergence", lambda *a, f=compute: calls.append(1) or f(*a))
    assert list(kl_divergence(model).table["mcse"]) == [0.0, 0.0]
    assert len(calls) == 2
    for layer, state in zip(model.layers[::2], states, strict=True):
        assert_array_equal(numpy_of(layer.seed_generator.state), state)


@pytest.mark.parametrize("bad", [0, 1.5, "a", None, True])
def test_draws_are_checked(bad):
    with pytest.raises(ArgumentError, match="`draws` must be a positive whole number"):
        kl_divergence(network(), draws=bad)


VERBS = sorted(bayeslayers.models.__all__)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_says_which_argument_is_missing_or_unknown(name):
    verb = getattr(bayeslayers, name)
    parameters = inspect.signature(verb).parameters.values()
    named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    given = {}
    for parameter in named:
        if parameter.default is parameter.empty:
            with pytest.raises(ArgumentError, match=f"`{parameter.name}` must be given") as caught:
                verb(**given)
            assert caught.value.argument == parameter.name
            given[parameter.name] = None
    if len(named) < len(parameters):
        # Further arguments are those of layers or of Keras's verbs, and are checked there.
        given["model"] = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        return assert_unknown(verb, given, "is not an argument of this (layer|function)")
    return assert_unknown(verb, given, "is not an argument of this function")


def assert_unknown(verb, given, rule):
    with pytest.raises(ArgumentError, match=f"`colour` {rule}"):
        verb(**given, colour=1)


def test_a_name_that_is_nearly_right_is_told():
    with pytest.raises(ArgumentError, match=r"Did you mean `num_examples`\?"):
        scale_kl(network(), num_example=3)
    with pytest.raises(TypeError, match=r"scale_kl\(\) takes from 2 to 3 positional"):
        scale_kl(network(), 3, 4, 5)


def test_a_joint_posterior_of_a_model_of_series_has_its_divergence():
    """Posterior and prior are models of the inputs, of any number of dimensions."""

    def normal(loc, scale):
        def make(kernel_size, bias_size, dtype):
            loc_and_scale = np.full(kernel_size + bias_size, loc, "float32"), scale
            normal = lambda _: distributions.Independent(  # noqa: E731
                distributions.Normal(*loc_and_scale), 1
            )
            return keras.Sequential([bayeslayers.layers.DistributionLambda(normal)])

        return make

    layer = bayeslayers.layers.DenseVariational(2, normal(1.0, 0.5), normal(0.0, 1.0), 1.0, True)
    model = keras.Sequential([keras.Input((6, 3)), layer])
    found = kl_divergence(model)
    assert_allclose(found.total, 8 * (0.5 * (0.25 + 1 - 1) - np.log(0.5)), rtol=1e-5)
    model(np.ones((1, 6, 3)))
    assert_allclose(sum(model.losses), found.loss, rtol=1e-5)
