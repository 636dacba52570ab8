"""A distribution that a layer returns is a tensor to NumPy, to Keras and to Python."""

import inspect
import operator

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from bayeslayers import layer_distribution_lambda
from bayeslayers.layers import DistributionLambda

MODES = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
}

# What returns no values to compare, changes what it is given, or asks for a buffer of bytes.
NO_VALUES = {
    *("custom_gradient", "custom_jvp", "empty", "empty_like", "frombuffer", "fromfile"),
    *("load", "printoptions", "put", "save", "savetxt", "show_config", "test", "info", "source"),
}
MODULES = {"keras.ops": keras.ops, "numpy": np, "numpy.linalg": np.linalg}


def around(t):
    return tfd.Independent(tfd.Normal(t, 1.0), 1)


def functions_of_one_tensor(tensor):
    """Yield the functions that take a tensor and nothing else, with what they return."""
    for module, functions in MODULES.items():
        for name in dir(functions):
            function = getattr(functions, name)
            if name.startswith("_") or name in NO_VALUES or inspect.isclass(function):
                continue
            try:
                with np.errstate(all="ignore"):
                    result = function(tensor)
            except Exception:
                continue
            yield f"{module}.{name}", function, result


def assert_same(got, expected):
    got, expected = (keras.tree.flatten(value) for value in (got, expected))
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


# The decomposition of one matrix is the same twice; a logarithm may be of nothing.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("convert", ["mean", "sample"])
def test_every_function_of_one_tensor_gives_what_it_gives_of_the_tensor(convert, rng):
    square = rng.uniform(0.1, 0.9, size=(3, 3)).astype("float32")
    inputs = square @ square.T + np.eye(3, dtype="float32")
    layer = DistributionLambda(around, convert, seed=1)
    tensor = tf.convert_to_tensor(layer(inputs))
    tried, failed = 0, {}
    for name, function, expected in functions_of_one_tensor(tensor):
        again = DistributionLambda(around, convert, seed=1)
        tried += 1
        try:
            with np.errstate(all="ignore"):
                assert_same(function(again(inputs)), expected)
        except Exception as error:
            failed[name] = repr(error)[:200]
    assert failed == {}
    assert tried > 300


EXPRESSIONS = {
    "ndim": lambda r: r.ndim,
    "shape": lambda r: tuple(r.shape),
    "dtype": lambda r: r.dtype,
    "len": len,
    "size": np.size,
    "mean": lambda r: np.mean(r, axis=0),
    "std": lambda r: np.std(r, axis=1),
    "asarray": lambda r: np.asarray(r, "float64"),
    "a list of them": lambda r: np.concatenate([r, np.asarray(r)], axis=1),
    "iteration": list,
    "index": lambda r: r[1],
    "slice": lambda r: r[..., :2],
    "operators": lambda r: (1 - r) / (2 + r) ** 2 @ np.ones((4, 1), "float32"),
    "an array first": lambda r: np.ones((3, 4), "float32") * r,
    "comparison": lambda r: (r > 0.5, r <= 0.5, r < np.float32(0.1)),
    "cast": lambda r: keras.ops.cast(r, "int32"),
    "number": lambda r: float(r[0, 0]),
    "condition": tf.where,
    "dlpack": np.from_dlpack,
    "gather": lambda r: keras.ops.take(r, [0, 2], axis=0),
    "set_shape": lambda r: r.set_shape((3, 4)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_asked_of_a_tensor_is_answered(name, rng):
    inputs = rng.uniform(size=(3, 4)).astype("float32")
    expected = EXPRESSIONS[name](tf.constant(inputs))
    got = EXPRESSIONS[name](layer_distribution_lambda(inputs, around, "mean"))
    assert_same([] if got is None else got, [] if expected is None else expected)


@pytest.mark.parametrize("function", [float, complex, bool])
def test_a_single_number_is_a_number(function):
    one = layer_distribution_lambda(tf.constant(0.6), lambda t: tfd.Normal(t, 1.0), "mean")
    assert function(one) == function(tf.constant(0.6))
    whole = layer_distribution_lambda(
        tf.constant(3.0), tfd.Deterministic, lambda d: tf.cast(d.loc, tf.int32)
    )
    assert [0, 1, 2, 3][whole] == operator.index(whole) == int(whole) == 3


def test_methods_of_distributions_stay_theirs(rng):
    inputs = rng.uniform(size=(3, 4)).astype("float32")
    rv = layer_distribution_lambda(inputs, around)
    np.testing.assert_array_equal(rv.mean(), inputs)
    assert rv.batch_shape == (3,)
    # As in TensorFlow Probability: an index is the tensor's, `==` compares objects.
    theirs = tfp.layers.DistributionLambda(around)(inputs)
    for each in (rv, theirs):
        assert tf.is_tensor(each[0])
        assert not isinstance(each[0], tfd.Distribution)
        assert (each == each) is True  # noqa: PLR0124


DISTRIBUTIONS = {
    "normal": lambda t: tfd.Normal(t, 2.0),
    "event": around,
    "vector": lambda t: tfd.MultivariateNormalDiag(t, [1.0, 2.0]),
    "truth values": lambda t: tfd.Bernoulli(logits=t),
    "counts": lambda t: tfd.Poisson(log_rate=t),
    "classes": lambda t: tfd.OneHotCategorical(logits=t),
    "skewed": lambda t: tfd.TransformedDistribution(tfd.Normal(t, 1.0), tfp.bijectors.Exp()),
    "mixture": lambda t: tfd.MixtureSameFamily(
        tfd.Categorical(logits=t), tfd.Normal([0.0, 2.0], 1.0)
    ),
}
AT_A_VALUE = ("prob", "log_prob", "cdf", "log_cdf", "survival_function", "log_survival_function")
WITHOUT = ("mean", "mode", "stddev", "variance", "covariance", "entropy")


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_method_gives_what_it_gives_of_the_distribution(name, rng):
    inputs = rng.normal(size=(3, 2)).astype("float32")
    rv, alone = layer_distribution_lambda(inputs, DISTRIBUTIONS[name]), DISTRIBUTIONS[name](inputs)
    value = tf.ones((2,)) if name != "mixture" else tf.ones(())
    calls = [
        *((method, (value,)) for method in AT_A_VALUE),
        ("quantile", (tf.constant(0.3),)),
        *((method, ()) for method in WITHOUT),
        ("kl_divergence", (alone,)),
        ("cross_entropy", (alone,)),
    ]
    for method, arguments in calls:
        try:
            expected = getattr(alone, method)(*arguments)
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                getattr(rv, method)(*arguments)
        else:
            np.testing.assert_array_equal(getattr(rv, method)(*arguments), expected, err_msg=method)


def test_what_neither_has_is_an_error_and_draws_nothing():
    layers = [DistributionLambda(around, seed=1) for _ in range(2)]
    rv, other = (layer(np.ones((2, 3), "float32")) for layer in layers)
    assert not hasattr(rv, "no_such_attribute")
    assert rv.ndim == 2
    with pytest.raises(TypeError):
        len(layer_distribution_lambda(tf.constant(1.0), lambda t: tfd.Normal(t, 1.0)))
    np.testing.assert_array_equal(rv.sample(), other.sample())


BEHIND = {
    "dense": lambda: keras.layers.Dense(2),
    "flatten": keras.layers.Flatten,
    "reshape": lambda: keras.layers.Reshape((2, 2)),
    "activation": lambda: keras.layers.Activation("relu"),
    "batch normalization": keras.layers.BatchNormalization,
    "layer normalization": keras.layers.LayerNormalization,
    "dropout": lambda: keras.layers.Dropout(0.5),
    "noise": lambda: keras.layers.GaussianNoise(0.1),
    "softmax": keras.layers.Softmax,
    "repeat": lambda: keras.layers.RepeatVector(3),
    "permute": lambda: keras.layers.Permute((1,)),
    "rescaling": lambda: keras.layers.Rescaling(2.0),
    "discretization": lambda: keras.layers.Discretization([0.0, 0.5]),
    "lambda": lambda: keras.layers.Lambda(lambda t: t[:, :2] * t.ndim),
    "embedding": lambda: keras.layers.Embedding(3, 2),
    "activity regularization": lambda: keras.layers.ActivityRegularization(l2=0.1),
    "unit normalization": keras.layers.UnitNormalization,
    "identity": keras.layers.Identity,
}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", BEHIND)
def test_any_layer_may_stand_behind_it(name, policy, rng):
    """The oracle is the same model with the inputs in the place of a mean that they are."""
    keras.config.set_dtype_policy(policy)
    values = rng.uniform(0.0, 0.9, size=(4, 4)).astype("float32")
    inputs = keras.Input((4,))
    layer = BEHIND[name]()
    through = keras.Model(inputs, layer(layer_distribution_lambda(inputs, around, "mean")))
    straight = keras.Model(inputs, layer(inputs))
    np.testing.assert_array_equal(through(values), straight(values))
    eager = layer(layer_distribution_lambda(values, around, "mean"))
    np.testing.assert_array_equal(eager, straight(values))
    for jit_compile in (False, True) if policy == "float32" else (False,):
        through.compile("sgd", "mse", jit_compile=jit_compile)
        np.testing.assert_allclose(
            through.predict(values, verbose=0).astype("float32"),
            np.asarray(straight(values), "float32"),
            rtol=1e-2 if policy != "float32" else 1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize(
    "name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate"]
)
def test_it_merges_with_other_tensors(name, rng):
    values = rng.uniform(size=(4, 4)).astype("float32")
    inputs = keras.Input((4,))
    merge = getattr(keras.layers, name)()
    rv = layer_distribution_lambda(inputs, around, "mean")
    through = keras.Model(inputs, [merge([rv, inputs]), merge([inputs, rv])])
    for output in through(values):
        np.testing.assert_array_equal(output, merge([values, values]))


# Activity regularizers ---------------------------------------------------------------------------


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def sum_of_divergences(rv):
    """The closed form of the divergence from the standard normal, summed over the batch."""
    mean, variance = rv.mean(), rv.variance()
    return tf.reduce_sum(0.5 * (mean**2 + variance - 1 - tf.math.log(variance)))


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
class Divergence(keras.regularizers.Regularizer):
    """The divergence of the distribution from one of a certain scale, times a weight."""

    def __init__(self, weight=1.0, scale=1.0):
        self.weight, self.scale = weight, scale

    def __call__(self, rv):
        prior = tfd.Independent(tfd.Normal(tf.zeros(rv.event_shape), self.scale), 1)
        return self.weight * tf.reduce_sum(rv.kl_divergence(prior))

    def get_config(self):
        return {"weight": self.weight, "scale": self.scale}


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def normal_vector(t):
    loc, rho = tf.split(t, 2, axis=-1)
    return tfd.MultivariateNormalDiag(loc, 1e-3 + tf.math.softplus(rho))


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def independent_normal(t):
    loc, rho = tf.split(t, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, 1e-3 + tf.math.softplus(rho)), 1)


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def independent_bernoulli(t):
    return tfd.Independent(tfd.Bernoulli(logits=t), 1)


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def negative_log_likelihood(y, rv):
    return -rv.log_prob(y)


def parameters_of(t):
    loc, rho = np.split(np.asarray(t, "float64"), 2, axis=-1)
    return loc, 1e-3 + np.log1p(np.exp(rho))


def divergence_by_hand(t, scale=1.0):
    """KL(Normal(loc, s) || Normal(0, scale)), summed over dimensions: one number for a row."""
    loc, stddev = parameters_of(t)
    terms = np.log(scale / stddev) + (stddev**2 + loc**2) / (2 * scale**2) - 0.5
    return terms.sum(axis=-1)


REGULARIZERS = {
    "a function": (sum_of_divergences, lambda t: divergence_by_hand(t).mean()),
    "a regularizer": (Divergence(0.5, 2.0), lambda t: 0.5 * divergence_by_hand(t, 2.0).mean()),
    "a lambda": (
        lambda rv: tf.reduce_sum(rv.kl_divergence(independent_normal(tf.zeros((1, 4))))),
        lambda t: divergence_by_hand(t, 1e-3 + np.log(2.0)).mean(),
    ),
    "TensorFlow Probability's": (
        tfp.layers.KLDivergenceRegularizer(
            tfd.Independent(tfd.Normal([0.0, 0.0], 1.0), 1), use_exact_kl=True
        ),
        lambda t: divergence_by_hand(t).mean(),
    ),
    "one number for each row": (
        lambda rv: rv.kl_divergence(tfd.Independent(tfd.Normal([0.0, 0.0], 1.0), 1)),
        lambda t: divergence_by_hand(t).mean(),
    ),
    # Of the tensor, here the mean: Keras's own regularizers know no distributions.
    "l2": ("l2", lambda t: 0.01 * (parameters_of(t)[0] ** 2).sum() / len(t)),
    "l1": (keras.regularizers.L1(0.1), lambda t: 0.1 * np.abs(parameters_of(t)[0]).sum() / len(t)),
}


@pytest.mark.parametrize(
    ("mode", "policy"), [*((mode, "float32") for mode in MODES), ("graph", "mixed_bfloat16")]
)
@pytest.mark.parametrize("name", REGULARIZERS)
def test_an_activity_regularizer_gets_the_distribution(name, mode, policy, rng):
    """Keras divides what it returns by the number of rows."""
    keras.config.set_dtype_policy(policy)
    regularizer, by_hand = REGULARIZERS[name]
    make = normal_vector if name == "a function" else independent_normal
    values = rng.normal(size=(6, 4)).astype("float32")
    inputs = keras.Input((4,), dtype="float32")
    rv = layer_distribution_lambda(
        inputs, make, "mean", activity_regularizer=regularizer, dtype="float32"
    )
    model = keras.Model(inputs, rv)
    model(values)
    np.testing.assert_allclose(np.sum(model.losses), by_hand(values), rtol=1e-5)
    model.compile("sgd", loss=lambda y, rv: 0.0 * rv.log_prob(y), **MODES[mode])
    targets = np.zeros((6, 2), "float32")
    loss = model.evaluate(values, targets, batch_size=6, verbose=0)
    np.testing.assert_allclose(loss, by_hand(values), rtol=1e-5)


def variational_autoencoder(make):
    image = keras.Input((5,))
    parameters = keras.layers.Dense(4, kernel_initializer="random_normal", name="parameters")(image)
    code = layer_distribution_lambda(
        parameters, make, activity_regularizer=sum_of_divergences, seed=3, name="code"
    )
    logits = keras.layers.Dense(5, name="logits")(code)
    return keras.Model(image, layer_distribution_lambda(logits, independent_bernoulli))


# XLA draws from a multivariate normal with its own generators: no numbers to compare with.
@pytest.mark.parametrize(
    ("mode", "make"),
    [("eager", normal_vector), ("graph", normal_vector), ("xla", independent_normal)],
)
def test_a_variational_autoencoder_trains_on_the_negative_elbo(mode, make, rng):
    images = (rng.uniform(size=(8, 5)) < 0.3).astype("float32")
    model, twin = variational_autoencoder(make), variational_autoencoder(make)
    twin.set_weights(model.get_weights())
    model.compile("adam", negative_log_likelihood, **MODES[mode])
    history = model.fit(images, images, batch_size=8, shuffle=False, verbose=0).history
    # By hand, from the twin's weights and the code that its stream draws first.
    parameters = keras.ops.convert_to_numpy(twin.get_layer("parameters")(images))
    code = np.asarray(twin.get_layer("code")(parameters), "float64")
    kernel, bias = twin.get_layer("logits").get_weights()
    logits = code @ kernel + bias
    log_likelihood = (images * logits - np.logaddexp(0, logits)).sum(axis=1)
    negative_elbo = np.mean(divergence_by_hand(parameters) - log_likelihood)
    np.testing.assert_allclose(history["loss"][0], negative_elbo, rtol=1e-4)


def test_a_variational_autoencoder_learns_and_is_saved(rng, tmp_path):
    images = np.repeat([[0.0, 0, 0, 1, 1], [1, 1, 1, 0, 0]], 16, axis=0)
    model = variational_autoencoder(normal_vector)
    model.compile(keras.optimizers.Adam(0.1), negative_log_likelihood)
    history = model.fit(images, images, batch_size=32, epochs=60, verbose=0).history["loss"]
    # Knowing which of the two images it is leaves log(2) nats, and independent pixels 5 log(2).
    assert np.log(2) - 0.2 < np.mean(history[-20:]) < 3 * np.log(2)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    losses = [each.evaluate(images, images, verbose=0) for each in (model, loaded)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("regularizer", ["l2", sum_of_divergences, Divergence(0.5, 2.0)])
def test_regularizers_are_saved_and_loaded(regularizer, rng, tmp_path):
    values = rng.normal(size=(6, 4)).astype("float32")
    layer = DistributionLambda(independent_normal, activity_regularizer=regularizer, seed=2)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for each in (model, loaded):
        each(values)
    np.testing.assert_array_equal(model.losses, loaded.losses)
    assert float(model.losses[0]) > 0
