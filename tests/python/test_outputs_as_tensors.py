"""A distribution that a layer returns is a tensor to NumPy, to Keras and to Python."""

import inspect
import operator
from functools import partial

import keras
import numpy as np
import pytest
from distributions_of import MODES, diagonal, independent_normal, log_normal, rounded, unit_normal
from frameworks import (
    BACKEND,
    JIT_COMPILE,
    assert_allclose,
    assert_array_equal,
    distributions,
    numpy_of,
    on,
)
from keras import ops

from bayeslayers import (
    layer_distribution_lambda,
    tfd_cdf,
    tfd_entropy,
    tfd_kl_divergence,
    tfd_log_prob,
    tfd_mean,
    tfd_mode,
    tfd_prob,
    tfd_quantile,
    tfd_sample,
    tfd_stddev,
    tfd_variance,
)
from bayeslayers.layers import DistributionLambda

# What returns no values to compare, changes what it is given, or asks for a buffer of bytes.
NO_VALUES = {
    *("custom_gradient", "custom_jvp", "empty", "empty_like", "frombuffer", "fromfile"),
    *("load", "printoptions", "put", "save", "savetxt", "show_config", "test", "info", "source"),
}
NUMPY = (np, np.linalg)
MODULES = {"keras.ops": keras.ops, "numpy": np, "numpy.linalg": np.linalg}
# Where Keras hands a value to an operation of JAX itself, that takes arrays alone, and says so.
REFUSED = {"jax": {"keras.ops.erf", "keras.ops.rsqrt", "keras.ops.sigmoid", "keras.ops.unstack"}}
# NumPy goes through a tensor of PyTorch row by row, and the rows are tensors with gradients.
BY_ROWS = {
    *("bmat", "column_stack", "concat", "concatenate", "dstack", "hstack", "isfortran"),
    *("mintypecode", "row_stack", "stack", "vstack", "from_dlpack"),
}
if BACKEND == "torch":
    NO_VALUES |= BY_ROWS


def around(t):
    return independent_normal(t, 1.0)


def functions_of_one_tensor(tensor):
    """Yield the functions that take a tensor and nothing else, with what they return."""
    # A tensor of PyTorch has methods that NumPy takes for those of an array.
    of_numpy = numpy_of(tensor) if BACKEND == "torch" else tensor
    for module, functions in MODULES.items():
        for name in dir(functions):
            function = getattr(functions, name)
            if name.startswith("_") or name in NO_VALUES or inspect.isclass(function):
                continue
            try:
                with np.errstate(all="ignore"):
                    result = function(of_numpy if functions in NUMPY else tensor)
            except Exception:
                continue
            yield f"{module}.{name}", function, result


def assert_same(got, expected):
    got, expected = (keras.tree.flatten(value) for value in (got, expected))
    assert len(got) == len(expected)
    for one, other in zip(map(as_array, got), map(as_array, expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def as_array(value):
    return numpy_of(value) if ops.is_tensor(value) else np.asarray(value)


# The decomposition of one matrix is the same twice; a logarithm may be of nothing.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("convert", ["mean", "sample"])
def test_every_function_of_one_tensor_gives_what_it_gives_of_the_tensor(convert, rng):
    square = rng.uniform(0.1, 0.9, size=(3, 3)).astype("float32")
    inputs = square @ square.T + np.eye(3, dtype="float32")
    layer = DistributionLambda(around, convert, seed=1)
    tensor = ops.convert_to_tensor(np.asarray(layer(inputs)))
    tried, failed = 0, {}
    for name, function, expected in functions_of_one_tensor(tensor):
        again = DistributionLambda(around, convert, seed=1)
        tried += 1
        try:
            with np.errstate(all="ignore"):
                assert_same(function(again(inputs)), expected)
        except Exception as error:
            failed[name] = repr(error)[:200]
    refused = REFUSED.get(BACKEND, set())
    assert {name: failed[name] for name in failed.keys() - refused} == {}
    assert all("explicitly convert your object" in failed[name] for name in refused)
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
    "condition": lambda r: keras.ops.where(r > 0.5, r, 0.0),
    "dlpack": np.from_dlpack,
    "gather": lambda r: keras.ops.take(r, [0, 2], axis=0),
}
if BACKEND == "tensorflow":
    EXPRESSIONS["set_shape"] = lambda r: r.set_shape((3, 4))
if BACKEND == "torch":
    # NumPy takes the methods of PyTorch's tensors for those of its arrays.
    for expression in ("an array first", "a list of them", "size", "mean", "std"):
        del EXPRESSIONS[expression]
    EXPRESSIONS["operators"] = lambda r: (1 - r) / (2 + r) ** 2 @ ops.ones((4, 1))
    EXPRESSIONS["comparison"] = lambda r: (r > 0.5, r <= 0.5, r == r[0])


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_asked_of_a_tensor_is_answered(name, rng):
    inputs = rng.uniform(size=(3, 4)).astype("float32")
    expected = EXPRESSIONS[name](ops.convert_to_tensor(inputs))
    got = EXPRESSIONS[name](layer_distribution_lambda(inputs, around, "mean"))
    assert_same([] if got is None else got, [] if expected is None else expected)


@pytest.mark.parametrize("function", [float, complex, bool])
def test_a_single_number_is_a_number(function):
    one = layer_distribution_lambda(rounded(0.6), unit_normal, "mean")
    assert function(one) == function(rounded(0.6))
    whole = layer_distribution_lambda(
        rounded(3.0), unit_normal, lambda d: ops.cast(tfd_mean(d), "int32")
    )
    assert [0, 1, 2, 3][whole] == operator.index(whole) == int(whole) == 3


def test_methods_of_distributions_stay_theirs(rng):
    inputs = rng.uniform(size=(3, 4)).astype("float32")
    rv = layer_distribution_lambda(inputs, around)
    assert_array_equal(tfd_mean(rv), inputs)
    assert tuple(rv.batch_shape) == (3,)
    # An index is the tensor's.
    assert ops.is_tensor(rv[0])
    assert not hasattr(rv[0], "log_prob")


@on("tensorflow")
def test_it_is_as_in_tensorflow_probability(rng):
    """An index is the tensor's, `==` compares objects."""
    import tensorflow as tf
    import tensorflow_probability

    inputs = rng.uniform(size=(3, 4)).astype("float32")
    rv = layer_distribution_lambda(inputs, around)
    theirs = tensorflow_probability.layers.DistributionLambda(around)(inputs)
    for each in (rv, theirs):
        assert tf.is_tensor(each[0])
        assert not isinstance(each[0], distributions.Distribution)
        assert (each == each) is True  # noqa: PLR0124


@on("jax", "torch")
def test_it_is_compared_by_its_numbers(rng):
    """As the arrays of the framework are: Keras's own operations rely on it."""
    inputs = rng.uniform(size=(3, 4)).astype("float32")
    rv = layer_distribution_lambda(inputs, around, "mean")
    assert_array_equal(rv == ops.convert_to_tensor(inputs), np.full((3, 4), True))
    zeros = layer_distribution_lambda(np.zeros((3, 4), "float32"), around, "mean")
    assert_array_equal(ops.divide_no_nan(rv, zeros), np.zeros((3, 4)))
    assert len({rv, rv, zeros}) == 2


DISTRIBUTIONS = {
    "normal": lambda t: distributions.Normal(t, 2.0),
    "event": around,
    "vector": lambda t: diagonal(t, rounded([1.0, 2.0])),
    "truth values": lambda t: distributions.Bernoulli(logits=t),
    "counts": lambda t: distributions.Poisson(ops.exp(t)),
    "classes": lambda t: distributions.OneHotCategorical(logits=t),
    "skewed": lambda t: log_normal(t, 1.0),
    "mixture": lambda t: distributions.MixtureSameFamily(
        distributions.Categorical(logits=t),
        distributions.Normal(ops.zeros_like(t) + rounded([0.0, 2.0]), 1.0),
    ),
}
AT_A_VALUE = ("prob", "log_prob", "cdf", "log_cdf", "survival_function", "log_survival_function")
WITHOUT = ("mean", "mode", "stddev", "variance", "covariance", "entropy")


VERBS_AT_A_VALUE = (tfd_prob, tfd_log_prob, tfd_cdf)
VERBS_WITHOUT = (tfd_mean, tfd_mode, tfd_stddev, tfd_variance, tfd_entropy)


def assert_same_of_both(calls):
    for name, of_output, of_distribution in calls:
        try:
            expected = of_distribution()
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                of_output()
        else:
            np.testing.assert_array_equal(
                numpy_of(of_output()), numpy_of(expected), err_msg=str(name)
            )


def output_and_distribution(name, rng):
    inputs = ops.convert_to_tensor(rng.normal(size=(3, 2)).astype("float32"))
    return layer_distribution_lambda(inputs, DISTRIBUTIONS[name]), DISTRIBUTIONS[name](inputs)


def value_for(name):
    # PyTorch checks that a value is one that the distribution may have.
    return {"mixture": ops.ones(()), "classes": rounded([0.0, 1.0])}.get(name, ops.ones((2,)))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_verb_gives_what_it_gives_of_the_distribution(name, rng):
    rv, alone = output_and_distribution(name, rng)
    calls = [
        *((verb, (value_for(name),)) for verb in VERBS_AT_A_VALUE),
        (tfd_quantile, (rounded(0.3),)),
        *((verb, ()) for verb in VERBS_WITHOUT),
        (tfd_kl_divergence, (alone,)),
    ]
    assert_same_of_both(
        (verb, partial(verb, rv, *arguments), partial(verb, alone, *arguments))
        for verb, arguments in calls
    )


@on("tensorflow", "jax")
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_method_gives_what_it_gives_of_the_distribution(name, rng):
    rv, alone = output_and_distribution(name, rng)
    calls = [
        *((method, (value_for(name),)) for method in AT_A_VALUE),
        ("quantile", (rounded(0.3),)),
        *((method, ()) for method in WITHOUT),
        ("kl_divergence", (alone,)),
        ("cross_entropy", (alone,)),
    ]
    assert_same_of_both(
        (
            method,
            partial(getattr(rv, method), *arguments),
            partial(getattr(alone, method), *arguments),
        )
        for method, arguments in calls
    )


@pytest.mark.parametrize("name", ["normal", "event"])
def test_the_librarys_own_divergence_takes_it(name, rng):
    rv, alone = output_and_distribution(name, rng)
    other, _ = output_and_distribution(name, rng)
    if BACKEND == "torch":
        from torch.distributions import kl_divergence
    else:
        kl_divergence = distributions.kl_divergence
    expected = tfd_kl_divergence(rv, other)
    assert_array_equal(kl_divergence(rv, other), numpy_of(expected))
    assert_array_equal(kl_divergence(alone, other), numpy_of(expected))
    assert_array_equal(kl_divergence(rv, alone), np.zeros(expected.shape))


def test_what_neither_has_is_an_error_and_draws_nothing():
    layers = [DistributionLambda(around, seed=1) for _ in range(2)]
    rv, other = (layer(np.ones((2, 3), "float32")) for layer in layers)
    assert not hasattr(rv, "no_such_attribute")
    assert rv.ndim == 2
    with pytest.raises(TypeError):
        len(layer_distribution_lambda(rounded(1.0), unit_normal))
    assert_array_equal(tfd_sample(rv), numpy_of(tfd_sample(other)))


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
    assert_array_equal(through(values), numpy_of(straight(values)))
    eager = layer(layer_distribution_lambda(values, around, "mean"))
    assert_array_equal(as_array(eager), numpy_of(straight(values)))
    for jit_compile in JIT_COMPILE if policy == "float32" else (False,):
        through.compile("sgd", "mse", jit_compile=jit_compile)
        np.testing.assert_allclose(
            through.predict(values, verbose=0).astype("float32"),
            numpy_of(straight(values)).astype("float32"),
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
        assert_array_equal(output, numpy_of(merge([values, values])))


# Where Keras hands the inputs to an operation of JAX itself, that takes arrays alone.
NEED_AN_ARRAY = {
    "convolution": lambda: keras.layers.Conv1D(2, 2),
    "pooling": lambda: keras.layers.MaxPooling1D(2),
    "sigmoid": lambda: keras.layers.Activation("sigmoid"),
}


@pytest.mark.parametrize("name", NEED_AN_ARRAY)
def test_an_operation_before_it_makes_an_array_of_it(name, rng):
    values = rng.uniform(size=(4, 6, 2)).astype("float32")
    inputs = keras.Input((6, 2))
    layer = NEED_AN_ARRAY[name]()
    rv = layer_distribution_lambda(inputs, around, "mean")
    through, straight = keras.Model(inputs, layer(rv + 0.0)), keras.Model(inputs, layer(inputs))
    assert_allclose(through.predict(values, verbose=0), numpy_of(straight(values)), rtol=1e-6)
    directly = keras.Model(inputs, layer(rv))
    if BACKEND == "jax":
        with pytest.raises(
            (TypeError, ValueError), match=r"CoercibleDistribution|explicitly convert"
        ):
            directly.predict(values, verbose=0)
    else:
        assert_allclose(directly.predict(values, verbose=0), numpy_of(straight(values)), rtol=1e-6)


# Activity regularizers ---------------------------------------------------------------------------


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def sum_of_divergences(rv):
    """The closed form of the divergence from the standard normal, summed over the batch."""
    mean, variance = tfd_mean(rv), tfd_variance(rv)
    return ops.sum(0.5 * (mean**2 + variance - 1 - ops.log(variance)))


def prior_of_scale(scale, shape=(2,)):
    return independent_normal(ops.zeros(shape), scale * ops.ones(shape))


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
class Divergence(keras.regularizers.Regularizer):
    """The divergence of the distribution from one of a certain scale, times a weight."""

    def __init__(self, weight=1.0, scale=1.0):
        self.weight, self.scale = weight, scale

    def __call__(self, rv):
        prior = prior_of_scale(self.scale, tuple(rv.event_shape))
        return self.weight * ops.sum(tfd_kl_divergence(rv, prior))

    def get_config(self):
        return {"weight": self.weight, "scale": self.scale}


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def normal_vector(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return diagonal(loc, 1e-3 + ops.softplus(rho))


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def normal_vectors(t):
    loc, rho = ops.split(t, 2, axis=-1)
    return independent_normal(loc, 1e-3 + ops.softplus(rho))


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def independent_bernoulli(t):
    return distributions.Independent(distributions.Bernoulli(logits=t), 1)


@keras.saving.register_keras_serializable("test_outputs_as_tensors")
def negative_log_likelihood(y, rv):
    return -tfd_log_prob(rv, y)


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
        lambda rv: ops.sum(tfd_kl_divergence(rv, normal_vectors(ops.zeros((1, 4))))),
        lambda t: divergence_by_hand(t, 1e-3 + np.log(2.0)).mean(),
    ),
    "one number for each row": (
        lambda rv: tfd_kl_divergence(rv, prior_of_scale(1.0)),
        lambda t: divergence_by_hand(t).mean(),
    ),
    # Of the tensor, here the mean: Keras's own regularizers know no distributions.
    "l2": ("l2", lambda t: 0.01 * (parameters_of(t)[0] ** 2).sum() / len(t)),
    "l1": (keras.regularizers.L1(0.1), lambda t: 0.1 * np.abs(parameters_of(t)[0]).sum() / len(t)),
}
if BACKEND == "tensorflow":
    import tensorflow_probability

    REGULARIZERS["TensorFlow Probability's"] = (
        tensorflow_probability.layers.KLDivergenceRegularizer(
            prior_of_scale(1.0), use_exact_kl=True
        ),
        lambda t: divergence_by_hand(t).mean(),
    )


@pytest.mark.parametrize(
    ("mode", "policy"), [*((mode, "float32") for mode in MODES), ("eager", "mixed_bfloat16")]
)
@pytest.mark.parametrize("name", REGULARIZERS)
def test_an_activity_regularizer_gets_the_distribution(name, mode, policy, rng):
    """Keras divides what it returns by the number of rows."""
    keras.config.set_dtype_policy(policy)
    regularizer, by_hand = REGULARIZERS[name]
    make = normal_vector if name == "a function" else normal_vectors
    values = rng.normal(size=(6, 4)).astype("float32")
    inputs = keras.Input((4,), dtype="float32")
    rv = layer_distribution_lambda(
        inputs, make, "mean", activity_regularizer=regularizer, dtype="float32"
    )
    model = keras.Model(inputs, rv)
    model(values)
    assert_allclose(np.sum(numpy_of(model.losses)), by_hand(values), rtol=1e-5)
    model.compile("sgd", loss=lambda y, rv: 0.0 * tfd_log_prob(rv, y), **MODES[mode])
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
    [(mode, normal_vectors if mode in ("xla", "jit") else normal_vector) for mode in MODES],
)
def test_a_variational_autoencoder_trains_on_the_negative_elbo(mode, make, rng):
    images = (rng.uniform(size=(8, 5)) < 0.3).astype("float32")
    model, twin = variational_autoencoder(make), variational_autoencoder(make)
    twin.set_weights(model.get_weights())
    model.compile("adam", negative_log_likelihood, **MODES[mode])
    history = model.fit(images, images, batch_size=8, shuffle=False, verbose=0).history
    # By hand, from the twin's weights and the code that its stream draws first.
    parameters = numpy_of(twin.get_layer("parameters")(images))
    code = first_code(twin.get_layer("code"), parameters)
    kernel, bias = twin.get_layer("logits").get_weights()
    logits = code @ kernel + bias
    log_likelihood = (images * logits - np.logaddexp(0, logits)).sum(axis=1)
    negative_elbo = np.mean(divergence_by_hand(parameters) - log_likelihood)
    np.testing.assert_allclose(history["loss"][0], negative_elbo, rtol=1e-4)


def first_code(layer, parameters):
    """Return the first draw of a layer, called as a step of training calls it."""
    if BACKEND != "jax":
        return np.asarray(layer(parameters), "float64")
    states = [layer.seed_generator.state.value]
    with keras.StatelessScope(zip([layer.seed_generator.state], states, strict=True)):
        return np.asarray(layer(parameters), "float64")


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
    layer = DistributionLambda(normal_vectors, activity_regularizer=regularizer, seed=2)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for each in (model, loaded):
        each(values)
    assert_array_equal(model.losses, numpy_of(loaded.losses))
    assert float(model.losses[0]) > 0
