"""The masked autoregressive network: which output sees which input, and the flows built on it."""

import inspect
import itertools

import keras
import numpy as np
import pytest
from frameworks import (
    BACKEND,
    JIT_COMPILE,
    assert_allclose,
    assert_array_equal,
    distributions,
    gradients,
    numpy_of,
    on,
    parameter,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from keras_contract import run_layer_test
from scipy import stats
from statistical import ERROR_RATE, assert_normal_moments

from bayeslayers import (
    ArgumentError,
    layer_autoregressive,
    layer_autoregressive_transform,
    layer_distribution_lambda,
    tfd_log_prob,
    tfd_sample,
    tfp,
)
from bayeslayers.layers import AutoregressiveNetwork
from bayeslayers.shim import Numbers, RClosure

# JAX has double precision only where it is told to.
PRECISE = "float32" if BACKEND == "jax" else "float64"
# TensorFlow Probability's flows are not there on PyTorch.
with_flows = on("tensorflow", "jax")

ORDERS = ["left-to-right", "right-to-left", "random", (3, 1, 2)]
CONDITION = {"conditional": True, "conditional_event_shape": 2}
FILLED = keras.initializers.RandomNormal(stddev=0.7)


def fill(layer, rng):
    """Set every weight that can be trained, masked ones included, to something that is not zero."""
    for variable in layer.trainable_variables:
        variable.assign(rng.choice([-1, 1], variable.shape) * rng.uniform(0.3, 1.0, variable.shape))
    return layer


def jacobian(layer, x, **conditional):
    """Return d output[i, p] / d input[j] at one point, by automatic differentiation.

    The point is repeated once for each output, so that one gradient holds a row for each.
    """
    count = x.size * layer.params
    points = parameter(np.tile(x, (count, 1)), layer.variable_dtype)

    def each():
        outputs = layer(ops.convert_to_tensor(points), **conditional)
        return ops.sum(ops.diagonal(ops.reshape(outputs, (count, count))))

    # A network of biases alone is a function of no inputs.
    (rows,) = gradients(lambda: each() + 0.0 * ops.sum(points), [points])
    return numpy_of(rows).reshape(x.size, layer.params, x.size)


def comes_before(order):
    """Return the matrix that says for (i, j) whether variable j is before variable i."""
    order = np.asarray(order)
    return order[None, :] < order[:, None]


@st.composite
def configurations(draw):
    size = draw(st.integers(1, 5))
    units = draw(st.lists(st.integers(1, 7), max_size=3))
    of_layer = [st.lists(st.integers(0, size - 1), min_size=n, max_size=n) for n in units]
    named = ["left-to-right", "right-to-left", "random"]
    return {
        "params": draw(st.integers(1, 3)),
        "event_shape": size,
        "hidden_units": units,
        "input_order": draw(st.one_of(st.sampled_from(named), st.permutations(range(1, size + 1)))),
        "hidden_degrees": draw(
            st.one_of(st.sampled_from(["equal", "random"]), st.tuples(*of_layer))
        ),
        "use_bias": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
        "activation": "tanh",
        **draw(
            st.sampled_from(
                [
                    {},
                    {**CONDITION, "conditional_input_layers": "all_layers"},
                    {**CONDITION, "conditional_input_layers": "first_layer"},
                ]
            )
        ),
    }


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(configurations())
def test_the_jacobian_is_strictly_triangular_in_the_stated_order(arguments):
    layer = layer_autoregressive(**arguments, dtype=PRECISE)
    rng, size = np.random.default_rng(arguments["seed"]), arguments["event_shape"]
    layer.build((None, size))
    fill(layer, rng)
    condition = {"conditional_input": rng.normal(size=2)} if layer.conditional else {}
    found = jacobian(layer, rng.normal(size=size), **condition)
    assert found.shape == (size, arguments["params"], size)
    order = {
        "left-to-right": np.arange(size),
        "right-to-left": -np.arange(size),
        "random": layer.degrees[0],
    }.get(str(arguments["input_order"]), arguments["input_order"])
    assert sorted(layer.degrees[0]) == list(range(1, size + 1))
    allowed = np.broadcast_to(comes_before(order)[:, None, :], found.shape)
    np.testing.assert_array_equal(found[~allowed], 0)


@pytest.mark.parametrize("conditional_input_layers", [None, "all_layers", "first_layer"])
@pytest.mark.parametrize("hidden_degrees", ["equal", "explicit"])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_all_earlier_variables_are_seen(
    order, depth, hidden_degrees, conditional_input_layers, rng
):
    # Guards the test above against a network that sees nothing.
    explicit = [[1, 2, 1, 2]] * depth
    condition = (
        {**CONDITION, "conditional_input_layers": conditional_input_layers}
        if conditional_input_layers
        else {}
    )
    layer = layer_autoregressive(
        params=2,
        hidden_units=[4] * depth,
        input_order=order,
        hidden_degrees=explicit if hidden_degrees == "explicit" else hidden_degrees,
        activation="tanh",
        dtype=PRECISE,
        **condition,
    )
    layer.build((None, 3))
    fill(layer, rng)
    inputs = {"conditional_input": rng.normal(size=2)} if condition else {}
    found = jacobian(layer, rng.normal(size=3), **inputs)
    np.testing.assert_array_equal((found != 0).any(axis=1), comes_before(layer.degrees[0]))


def of_tensorflow_probability(arguments, size, rng):
    """Return TFP's network, with biases that are not zero, and its kernels and biases by layer."""
    from tensorflow_probability import bijectors as tfb

    network = tfb.AutoregressiveNetwork(event_shape=size, **arguments)
    network.build((None, size))
    dense = [part for part in network._network.layers if hasattr(part, "kernel")]
    dense.sort(key=lambda part: int("0" + part.name.rpartition("dense")[2].strip("_")))
    for part in dense:
        if part.use_bias:
            part.bias.assign(rng.normal(size=part.bias.shape))
    masked = [part for part in dense if part.use_bias]
    return network, masked, [part for part in dense if not part.use_bias]


@on("tensorflow")
@pytest.mark.parametrize(
    "condition",
    [
        {},
        {**CONDITION, "conditional_input_layers": "all_layers"},
        {**CONDITION, "conditional_input_layers": "first_layer"},
    ],
    ids=["alone", "all layers", "first layer"],
)
@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", (3, 1, 4, 2)])
@pytest.mark.parametrize("hidden_units", [[], [2], [9, 5]])
def test_outputs_are_those_of_tensorflow_probability(hidden_units, order, condition, rng):
    arguments = {
        "params": 3,
        "hidden_units": hidden_units,
        "input_order": order,
        "activation": "tanh",
        **condition,
    }
    theirs, masked, conditional = of_tensorflow_probability(arguments, 4, rng)
    ours = layer_autoregressive(**arguments)
    ours.build((None, 4))
    for index, part in enumerate(masked):
        ours.kernels[index].assign(part.kernel.numpy())
        ours.biases[index].assign(part.bias.numpy())
    for index, part in enumerate(conditional):
        ours.conditional_kernels[index].assign(part.kernel.numpy())
    assert len(ours.conditional_kernels) == len(conditional)
    x = rng.normal(size=(2, 6, 4)).astype("float32")
    inputs = {"conditional_input": rng.normal(size=(6, 2)).astype("float32")} if condition else {}
    np.testing.assert_allclose(ours(x, **inputs), theirs(x, **inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("units", "size"), [(1, 5), (4, 5), (10, 5), (3, 2), (3, 1)])
def test_equal_degrees_are_spread_over_all_places(units, size):
    layer = layer_autoregressive(params=1, hidden_units=units)
    layer.build((None, size))
    counts = np.bincount(layer.degrees[1], minlength=size)[min(1, size - 1) :]
    if units >= size:
        assert counts.max() - counts.min() <= 1
    assert counts.sum() == units


# What may change a kernel


def leaks(layer, x):
    return np.any(jacobian(layer, x)[~np.repeat(comes_before(layer.degrees[0])[:, None], 2, 1)])


@keras.saving.register_keras_serializable("test_autoregressive")
def all_ones(kernel):
    return ops.ones_like(ops.convert_to_tensor(kernel))


@pytest.mark.parametrize("constraint", [None, all_ones])
def test_training_lets_nothing_through(constraint, rng):
    made = layer_autoregressive(
        params=2, hidden_units=[8, 8], activation="tanh", kernel_constraint=constraint
    )
    model = keras.Sequential([keras.Input((3,)), made])
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.1), "mse")
    data = rng.normal(size=(64, 3))
    model.fit(data, np.repeat(data[..., None], 2, -1), epochs=3, verbose=0)
    assert not leaks(made, rng.normal(size=3))
    if constraint is None:
        # What is not used stays at zero, and so costs a regularizer nothing.
        mask = made.degrees[0][:, None] <= made.degrees[1]
        kernel = numpy_of(made.kernels[0])
        np.testing.assert_array_equal(kernel[~mask], 0)
        assert np.all(kernel[mask] != 0)


def test_weights_that_are_set_let_nothing_through(rng):
    made = layer_autoregressive(params=2, hidden_units=[8], input_order="random")
    made.build((None, 3))
    fill(made, rng)
    assert not leaks(made, rng.normal(size=3))


def test_regularizers_see_the_kernels_and_biases_that_are_used(rng):
    made = layer_autoregressive(
        params=2,
        hidden_units=[8],
        kernel_regularizer=keras.regularizers.L1(1.0),
        bias_regularizer=keras.regularizers.L1(10.0),
        bias_initializer="ones",
        **CONDITION,
    )
    made.build((None, 3))
    first = made.degrees[0][:, None] <= made.degrees[1]
    last = made.degrees[1][:, None] < np.repeat(made.degrees[0], 2)
    used = [numpy_of(kernel) * m for kernel, m in zip(made.kernels, (first, last), strict=True)]
    used += [numpy_of(kernel) for kernel in made.conditional_kernels]
    expected = [*(np.abs(kernel).sum() for kernel in used), 80, 60]
    np.testing.assert_allclose(sorted(numpy_of(made.losses)), sorted(expected), rtol=1e-5)


def test_constraints_hold_after_training(rng):
    made = layer_autoregressive(
        params=1,
        hidden_units=[4],
        kernel_constraint="non_neg",
        bias_constraint=keras.constraints.MaxNorm(0.1),
    )
    model = keras.Sequential([keras.Input((3,)), made])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(rng.normal(size=(32, 3)), rng.normal(3, 1, size=(32, 3, 1)), verbose=0)
    assert all(numpy_of(kernel).min() >= 0 for kernel in made.kernels)
    assert all(np.linalg.norm(numpy_of(bias)) <= 0.1001 for bias in made.biases)


# Flows


def flow_of(made, **base):
    zeros = np.zeros(2, made.variable_dtype)
    return distributions.TransformedDistribution(
        distributions.MultivariateNormalDiag(zeros, zeros + 1),
        tfp.bijectors.MaskedAutoregressiveFlow(made, **base),
    )


@with_flows
@pytest.mark.parametrize("condition", [{}, CONDITION], ids=["alone", "conditional"])
@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", (2, 1)])
def test_the_density_of_a_flow_integrates_to_one(order, condition):
    made = layer_autoregressive(
        params=2,
        hidden_units=[8, 8],
        input_order=order,
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.4),
        bias_initializer=keras.initializers.RandomNormal(stddev=0.4),
        dtype=PRECISE,
        seed=3,
        **condition,
    )
    axis = np.linspace(-25, 25, 501)
    grid = np.stack(np.meshgrid(axis, axis), -1).astype(PRECISE)
    given_input = {"conditional_input": np.array([0.5, -1.0], PRECISE)}
    inputs = {"bijector_kwargs": given_input} if condition else {}
    density = np.exp(numpy_of(flow_of(made).log_prob(grid, **inputs)))
    # Nothing is lost at the border, and what is inside is no standard normal.
    assert (
        max(edge.max() for edge in (density[0], density[-1], density[:, 0], density[:, -1])) < 1e-9
    )
    assert np.abs(density - stats.multivariate_normal([0, 0]).pdf(grid)).max() > 0.01
    assert density.sum(dtype=float) * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-5)


POLICIES = ["float32", "float64", "mixed_bfloat16", "mixed_float16"]


@with_flows
@pytest.mark.parametrize("policy", [p for p in POLICIES if (BACKEND, p) != ("jax", "float64")])
def test_a_flow_inverts_itself_under_every_policy(policy):
    keras.config.set_dtype_policy(policy)
    made = layer_autoregressive(params=2, hidden_units=[8], activation="relu", seed=1)
    made.build((None, 2))
    flow = flow_of(made)
    assert_inverts_itself(flow, made, lambda: tfd_sample(flow, 5))


@on("tensorflow")
@pytest.mark.parametrize("policy", POLICIES)
def test_a_flow_in_a_graph_inverts_itself_under_every_policy(policy):
    """In a graph, the layer is built inside of it."""
    import tensorflow as tf

    keras.config.set_dtype_policy(policy)
    made = layer_autoregressive(params=2, hidden_units=[8], activation="relu", seed=1)
    flow = flow_of(made)
    assert_inverts_itself(flow, made, tf.function(lambda: flow.sample(5, seed=1)))


def assert_inverts_itself(flow, made, sample):
    # What a bijector has computed it remembers: these are other tensors.
    x = ops.copy(sample())
    for each in (flow, x):
        assert keras.backend.standardize_dtype(each.dtype) == made.variable_dtype
    forth = flow.bijector.forward(ops.copy(flow.bijector.inverse(x)))
    assert_allclose(forth, numpy_of(x), rtol=1e-4, atol=1e-5)
    assert np.all(np.isfinite(numpy_of(flow.log_prob(x))))


def banana(rng, count):
    second = rng.normal(0, 2, count)
    return np.stack([rng.normal(second**2 / 4, 1), second], -1).astype("float32")


def gaussian_log_prob(fitted_to, data):
    """Return the log density of the Gaussian with the sample's mean and covariance."""
    mean, covariance = fitted_to.mean(axis=0), np.cov(fitted_to.T)
    return stats.multivariate_normal(mean, covariance).logpdf(data)


def assert_better_than_a_gaussian(flow, train, rng):
    """Compare on new data: a flow that is only as good passes once in 1 / ERROR_RATE runs."""
    data = banana(rng, 2000)
    gain = numpy_of(tfd_log_prob(flow, data)) - gaussian_log_prob(train, data)
    assert stats.ttest_1samp(gain, 0, alternative="greater").pvalue < ERROR_RATE
    # The Gaussian is 0.3 nats from the truth, and the flow must win back most of it.
    truth = stats.norm(data[:, 1] ** 2 / 4, 1).logpdf(data[:, 0]) + stats.norm(0, 2).logpdf(
        data[:, 1]
    )
    assert gain.mean() > 0.7 * (truth - gaussian_log_prob(train, data)).mean() > 0


def made_for_the_banana():
    # The first variable is a function of the second.
    return layer_autoregressive(
        params=2, hidden_units=[16, 16], input_order="right-to-left", activation="relu", seed=5
    )


@on("tensorflow")
def test_a_flow_trains_in_a_loop(rng):
    import tensorflow as tf

    made, train = made_for_the_banana(), banana(rng, 2000)
    flow, optimizer = flow_of(made), keras.optimizers.Adam(0.01)
    made.build((None, 2))
    optimizer.build(made.trainable_variables)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(batch))
        gradients = tape.gradient(loss, made.trainable_variables)
        optimizer.apply(gradients, made.trainable_variables)

    for _ in range(300):
        step(train[rng.integers(len(train), size=200)])
    assert_better_than_a_gaussian(flow, train, rng)


class Density(keras.Model):
    """A flow as a model, whose outputs are the log densities of its inputs."""

    def __init__(self):
        super().__init__()
        self.made = made_for_the_banana()

    def build(self, input_shape):
        # Without it Keras calls the model in a scratch graph, from which TensorFlow Probability's
        # bijectors would keep tensors.
        self.made.build(input_shape)

    def call(self, inputs):
        return flow_of(self.made).log_prob(inputs)


def negative_log_likelihood(_, log_prob):
    return -log_prob


@with_flows
@pytest.mark.parametrize("jit_compile", JIT_COMPILE)
def test_a_flow_trains_in_fit(jit_compile, rng):
    model, train = Density(), banana(rng, 2000)
    model.compile(
        keras.optimizers.Adam(0.01), loss=negative_log_likelihood, jit_compile=jit_compile
    )
    model.fit(train, np.zeros(len(train)), batch_size=100, epochs=15, verbose=0)
    assert len(model.trainable_variables) == 6
    assert_better_than_a_gaussian(flow_of(model.made), train, rng)


def flow_negative_log_likelihood(x, shift_and_log_scale):
    shift, log_scale = ops.unstack(shift_and_log_scale, axis=-1)
    log_prob = tfd_log_prob(distributions.Normal(shift, ops.exp(log_scale)), x)
    return -ops.sum(log_prob, axis=-1)


@with_flows
def test_the_parameters_of_a_flow_train_as_the_outputs_of_a_sequential_model(rng):
    made, train = made_for_the_banana(), banana(rng, 2000)
    model = keras.Sequential([keras.Input((2,)), made])
    model.compile(keras.optimizers.Adam(0.01), loss=flow_negative_log_likelihood)
    model.fit(train, train, batch_size=100, epochs=15, verbose=0)
    assert_better_than_a_gaussian(flow_of(made), train, rng)


@on("tensorflow")
def test_a_conditional_flow_follows_its_condition(rng):
    import tensorflow as tf

    made = layer_autoregressive(
        params=2, event_shape=1, hidden_units=[8], activation="relu", seed=1,
        conditional=True, conditional_event_shape=1,
    )  # fmt: skip
    flow = distributions.TransformedDistribution(
        distributions.MultivariateNormalDiag([0.0], [1.0]),
        tfp.bijectors.MaskedAutoregressiveFlow(made),
    )
    condition = rng.choice([-1.0, 1.0], size=(500, 1)).astype("float32")
    data = (condition * 3 + rng.normal(size=(500, 1))).astype("float32")
    made(data, conditional_input=condition)
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(made.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            log_prob = flow.log_prob(data, bijector_kwargs={"conditional_input": condition})
            loss = -tf.reduce_mean(log_prob)
        optimizer.apply(tape.gradient(loss, made.trainable_variables), made.trainable_variables)

    for _ in range(200):
        step()
    for side in (-1.0, 1.0):
        given_side = np.full((400, 1), side, "float32")
        draws = flow.sample(400, seed=1, bijector_kwargs={"conditional_input": given_side})
        # The maximum of the likelihood is the mean of the data on this side. The sample's mean is
        # within 6 standard errors of it but for 2e-9; the rest is for the optimizer.
        expected = data[condition == side].mean()
        assert np.mean(draws) == pytest.approx(expected, abs=6 / np.sqrt(400) + 0.1)


def bernoulli_of(made):
    return distributions.Autoregressive(
        lambda x: distributions.Independent(
            distributions.Bernoulli(logits=made(x)[..., 0], dtype="float32"), 1
        ),
        sample0=ops.zeros(3),
    )


@with_flows
@pytest.mark.parametrize("order", ORDERS)
def test_the_probabilities_of_an_autoregressive_distribution_sum_to_one(order):
    made = layer_autoregressive(
        params=1, hidden_units=[8], input_order=order, activation="tanh",
        kernel_initializer=FILLED, bias_initializer=FILLED,
    )  # fmt: skip
    events = np.array(list(itertools.product([0.0, 1.0], repeat=3)), "float32")
    distribution = bernoulli_of(made)
    probabilities = numpy_of(distribution.prob(events)).astype("float64")
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    # The draws follow them: chi-squared with 7 degrees of freedom.
    draws = numpy_of(tfd_sample(distribution, 2000))
    counts = np.bincount(draws.astype(int) @ [4, 2, 1], minlength=8)
    expected = probabilities / probabilities.sum() * 2000
    assert stats.chisquare(counts, expected).pvalue > ERROR_RATE


# As a Keras layer


@pytest.mark.parametrize(
    ("arguments", "weights", "fixed", "losses"),
    [
        ({}, 2, 0, 0),
        ({"hidden_units": [5, 6], "activation": "relu", "use_bias": False}, 3, 0, 0),
        ({"hidden_units": [5], "input_order": "random", "hidden_degrees": "random"}, 4, 2, 0),
        ({"input_order": [2, 1, 3], "kernel_regularizer": "l2", "event_shape": 3}, 2, 0, 1),
        ({"hidden_units": 2, "hidden_degrees": [[0, 2]], "kernel_constraint": "non_neg"}, 4, 0, 0),
    ],
    ids=["linear", "deep", "random", "regularised", "explicit"],
)
def test_keras_layer_contract(arguments, weights, fixed, losses):
    run_layer_test(
        AutoregressiveNetwork,
        init_kwargs={"params": 2, **arguments},
        input_shape=(4, 3),
        expected_output_shape=(4, 3, 2),
        expected_num_trainable_weights=weights,
        expected_num_non_trainable_weights=fixed,
        expected_num_seed_generators=0,
        expected_num_losses=losses,
        supports_masking=False,
        # Keras expects outputs in the lower precision: parameters of distributions keep the higher.
        run_mixed_precision_check=False,
    )


def test_the_signature_is_the_ancestors():
    expected = (
        "(object, params, event_shape=None, hidden_units=None, input_order='left-to-right', "
        "hidden_degrees='equal', activation=None, use_bias=True, "
        "kernel_initializer='glorot_uniform', validate_args=False, **kwargs)"
    )
    signature = inspect.signature(layer_autoregressive)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == expected


def test_it_composes_with_models_and_tensors():
    model = keras.Sequential([keras.Input((3,))])
    assert layer_autoregressive(model, params=2) is model
    assert model.output_shape == (None, 3, 2)
    assert layer_autoregressive(keras.Input((3,)), params=2).shape == (None, 3, 2)
    assert layer_autoregressive(np.ones((4, 3), "float32"), 2).shape == (4, 3, 2)
    assert model.predict(np.ones((5, 3)), verbose=0).shape == (5, 3, 2)


def test_leading_dimensions_pass_through_and_broadcast(rng):
    made = layer_autoregressive(params=2, hidden_units=4, **CONDITION)
    x, condition = rng.normal(size=(5, 1, 3)), rng.normal(size=(4, 2))
    outputs = made(x, conditional_input=condition)
    assert outputs.shape == (5, 4, 3, 2)
    assert made.compute_output_shape((None, 1, 3), (4, 2)) == (None, 4, 3, 2)
    one = made(x[2, 0], conditional_input=condition[3])
    assert_allclose(one, numpy_of(outputs[2, 3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "float64", "bool"])
def test_inputs_of_other_dtypes_are_taken_for_numbers(dtype):
    made = layer_autoregressive(params=2)
    x = np.eye(3).astype(dtype)
    assert_array_equal(made(x), numpy_of(made(x.astype("float32"))))


def test_a_conditional_network_is_part_of_a_functional_model(rng, tmp_path):
    x, condition = keras.Input((3,)), keras.Input((2,))
    made = layer_autoregressive(
        params=2, hidden_units=[4], input_order="random", hidden_degrees="random", **CONDITION
    )
    model = keras.Model([x, condition], made(x, conditional_input=condition))
    assert model.output_shape == (None, 3, 2)
    data = [rng.normal(size=(7, 3)), rng.normal(size=(7, 2))]
    model.compile("adam", "mse")
    model.fit(data, np.zeros((7, 3, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), model.predict(data, verbose=0))


# Saving

FULL = {
    "params": 2,
    "hidden_units": [6, 6],
    "input_order": "random",
    "hidden_degrees": "random",
    "activation": "tanh",
    "kernel_initializer": keras.initializers.HeNormal(),
    "bias_regularizer": "l2",
    "kernel_constraint": all_ones,
}


def sequential(**arguments):
    return keras.Sequential([keras.Input((5,)), layer_autoregressive(**{**FULL, **arguments})])


def test_a_loaded_layer_has_the_same_masks(rng, tmp_path):
    model, x = sequential(), rng.normal(size=(4, 5))
    model.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(99)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for before, after in zip(model.layers[0].degrees, loaded.layers[0].degrees, strict=True):
        np.testing.assert_array_equal(before, after)
    assert_array_equal(loaded(x), numpy_of(model(x)))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()


def test_loaded_weights_bring_their_masks_into_a_model_that_has_run(rng, tmp_path):
    model, other, x = sequential(seed=1), sequential(seed=2), rng.normal(size=(4, 5))
    assert not np.array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_clone_has_the_arguments_and_the_weights_fit(rng):
    layer, x = sequential(event_shape=5, name="made").layers[0], rng.normal(size=(4, 5))
    clone = AutoregressiveNetwork.from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
    clone.build((None, 5))
    clone.set_weights(layer.get_weights())
    assert_array_equal(clone(x), numpy_of(layer(x)))


@pytest.mark.parametrize(
    "argument",
    ["activation", "kernel_initializer", "bias_constraint", "kernel_regularizer"],
)
def test_a_function_without_a_name_is_not_saved(argument):
    layer = layer_autoregressive(**{**FULL, argument: lambda *_: 0.0})
    with pytest.raises(ArgumentError, match=f"`{argument}` must be a registered function"):
        layer.get_config()


@on("tensorflow")
def test_an_exported_model_gives_the_same_outputs(rng, tmp_path):
    import tensorflow as tf

    model, x = sequential(), rng.normal(size=(4, 5)).astype("float32")
    model.export(tmp_path / "model", verbose=False)
    exported = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(exported.serve(x), model(x), rtol=1e-5)


def test_functions_of_r_are_called_by_position(rng):
    made = layer_autoregressive(
        params=2,
        activation=RClosure(lambda a: a * 2, "activation"),
        hidden_units=[1],
        kernel_initializer=RClosure(lambda a, b: np.ones(a), "kernel_initializer"),
        bias_initializer=RClosure(lambda a, b: np.ones(a), "bias_initializer"),
        kernel_regularizer=RClosure(lambda a: Numbers(3.0), "kernel_regularizer"),
    )
    # One hidden unit, of degree 1, sees the first of two variables.
    assert_allclose(made(np.array([[3.0, 5.0]])), [[[1, 1], [9, 9]]])
    assert [float(loss) for loss in made.losses] == [3, 3]


# Seeds


def drawn(**arguments):
    layer = layer_autoregressive(
        params=1, hidden_units=[20], input_order="random", hidden_degrees="random", **arguments
    )
    layer.build((None, 20))
    return [*layer.degrees, *layer.get_weights()]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_seed_fixes_the_order_the_degrees_and_the_weights():
    assert equal(drawn(seed=7), drawn(seed=7))
    first, second = drawn(seed=7), drawn(seed=8)
    # Two random orders of 20 are equal once in 20! draws.
    assert not any(np.array_equal(a, b) for a, b in zip(first[:3], second[:3], strict=True))


def test_a_global_seed_fixes_layers_without_one():
    results = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        results.append(drawn())
    assert equal(results[0], results[1])
    assert not np.array_equal(results[0][0], results[2][0])


def test_no_two_kernels_start_from_the_same_draw():
    made = layer_autoregressive(
        params=1,
        hidden_units=[3, 3],
        hidden_degrees=[[0, 1, 2], [2, 2, 2]],
        conditional=True,
        conditional_event_shape=3,
    )
    made.build((None, 3))
    second, *conditional = (made.kernels[1], *made.conditional_kernels)
    pairs = itertools.combinations([numpy_of(kernel) for kernel in (second, *conditional)], 2)
    assert all(np.all(first != other) for first, other in pairs)


# Bad input

PERMUTATION = (
    'must be one of "left-to-right", "right-to-left", "random", or list the place of each '
    "variable, from 1, each once"
)
DEGREES = (
    'must be one of "equal", "random", or list the degrees, whole numbers from 0, of each layer'
)
BAD = [
    *[
        ("params", value, "must be a positive whole number")
        for value in (0, -1, 2.0, "2", None, [], [2, 2], [0], ["2"])
    ],
    *[("event_shape", v, "must be one positive whole") for v in (0, (2, 2), (), 1.5, "2", True)],
    *[
        ("hidden_units", value, "must list a positive whole number for each layer")
        for value in ([0], [1.5], "10", [[3]], -1, True)
    ],
    *[("input_order", v, PERMUTATION) for v in ("left", [0, 1], [1, 1], [1, 3], [1.0, 2.0], None)],
    *[("hidden_degrees", v, DEGREES) for v in ("odd", [[-1]], [[1.5]], [["a"]], None, 1.5)],
    *[("use_bias", value, "must be true or false") for value in (1, None)],
    *[("validate_args", value, "must be true or false") for value in (0, "yes")],
    *[("conditional", value, "must be true or false") for value in (1, None)],
    ("conditional_input_layers", "last", 'must be one of "all_layers", "first_layer"'),
    *[("conditional_event_shape", v, "must be one positive whole") for v in (0, (1, 2), "2")],
    ("activation", "foo", "must be the name of a Keras activation"),
    ("kernel_initializer", "foo", "must be the name of a Keras initializer"),
    ("bias_initializer", 3, "must be the name of a Keras initializer"),
    ("kernel_regularizer", "foo", "must be the name of a Keras regularizer"),
    ("bias_regularizer", 3, "must be the name of a Keras regularizer"),
    ("kernel_constraint", "foo", "must be the name of a Keras constraint"),
    ("bias_constraint", 3, "must be the name of a Keras constraint"),
    ("seed", -1, "must be a whole number from 0"),
    ("hiden_units", [1], "is not an argument of this layer"),
]


@pytest.mark.parametrize(("argument", "value", "rule"), BAD, ids=lambda part: repr(part)[:25])
def test_a_bad_value_is_refused(argument, value, rule):
    with pytest.raises(ArgumentError) as caught:
        layer_autoregressive(**{"params": 2, argument: value})
    assert caught.value.argument == argument
    assert caught.value.rule.startswith(rule)
    assert caught.value.received[argument] == repr(value)


ONE_PLACE = "must have one place for each variable"
ONE_DEGREE = "must list one degree for each of the `hidden_units`, layer by layer"
ONLY_CONDITIONAL = "must be given where `conditional` is true, and nowhere else"
BELOW = "must be below the number of variables"


@pytest.mark.parametrize(
    ("arguments", "argument", "rule"),
    [
        ({"event_shape": 2, "input_order": [1, 2, 3]}, "input_order", ONE_PLACE),
        ({"hidden_units": [3], "hidden_degrees": [[1, 2]]}, "hidden_degrees", ONE_DEGREE),
        ({"hidden_units": [], "hidden_degrees": [[1]]}, "hidden_degrees", ONE_DEGREE),
        (
            {"hidden_units": [1], "hidden_degrees": [[3]], "event_shape": 3},
            "hidden_degrees",
            BELOW,
        ),
        ({"conditional": True, "event_shape": 2}, "conditional_event_shape", ONLY_CONDITIONAL),
        ({"conditional_event_shape": 2}, "conditional_event_shape", ONLY_CONDITIONAL),
    ],
)
def test_rules_that_join_arguments(arguments, argument, rule):
    with pytest.raises(ArgumentError) as caught:
        layer_autoregressive(params=2, **arguments)
    assert (caught.value.argument, caught.value.rule) == (argument, rule)


@pytest.mark.parametrize(
    ("arguments", "argument", "rule"),
    [
        ({"input_order": [1, 2]}, "input_order", ONE_PLACE),
        ({"hidden_units": [1], "hidden_degrees": [[3]]}, "hidden_degrees", BELOW),
        ({"event_shape": 2}, "event_shape", "must be the size of the last axis of the inputs"),
        (CONDITION, "conditional_input", ONLY_CONDITIONAL),
    ],
)
@pytest.mark.parametrize("inputs", [np.ones((4, 3)), keras.KerasTensor((None, 3))])
def test_inputs_must_fit_the_arguments(inputs, arguments, argument, rule):
    with pytest.raises(ArgumentError) as caught:
        layer_autoregressive(params=2, **arguments)(inputs)
    assert caught.value.argument == argument
    assert caught.value.rule.startswith(rule)


def test_the_number_of_variables_must_be_known():
    with pytest.raises(ArgumentError, match="`event_shape` must be given where the inputs leave"):
        layer_autoregressive(keras.Input((None,)), params=2)
    assert layer_autoregressive(keras.Input((None,)), params=2, event_shape=3).shape == (None, 3, 2)


def test_a_conditional_input_must_fit():
    x, conditional = np.ones((4, 3)), layer_autoregressive(params=2, **CONDITION)
    with pytest.raises(ArgumentError, match="must have `conditional_event_shape` as its last axis"):
        conditional(x, conditional_input=np.ones((4, 3)))
    with pytest.raises(ArgumentError, match="and nowhere else"):
        layer_autoregressive(params=2)(x, conditional_input=np.ones((4, 2)))


def test_arrays_and_single_numbers_are_lists():
    made = layer_autoregressive(
        params=np.int64(2),
        event_shape=[3],
        hidden_units=np.array([2, 1]),
        input_order=np.array([2, 1, 3]),
        hidden_degrees=[np.array([1, 2]), 2],
    )
    assert (made.params, made.event_shape, made.hidden_units) == (2, (3,), (2, 1))
    assert (made.input_order, made.hidden_degrees) == ((2, 1, 3), ((1, 2), (2,)))
    assert layer_autoregressive(params=1, hidden_units=10).hidden_units == (10,)


def test_degrees_are_there_once_the_layer_is_built():
    with pytest.raises(AttributeError, match="once layer"):
        layer_autoregressive(params=1).degrees  # noqa: B018


# The transform of a distribution


@keras.saving.register_keras_serializable("test_autoregressive")
def standard_normal(inputs):
    return distributions.MultivariateNormalDiag(keras.ops.zeros_like(inputs), [1.0, 1.0])


@keras.saving.register_keras_serializable("test_autoregressive")
def negative_log_density(targets, distribution):
    return -tfd_log_prob(distribution, targets)


def transforms(*networks):
    model = layer_distribution_lambda(keras.Sequential([keras.Input((2,))]), standard_normal)
    for made in networks:
        layer_autoregressive_transform(model, made)
    return model


def lively(**arguments):
    return layer_autoregressive(
        **{
            "params": 2,
            "hidden_units": [8],
            "activation": "tanh",
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.5),
            "bias_initializer": keras.initializers.RandomNormal(stddev=0.5),
            **arguments,
        }
    )


def inverse(made, y):
    shift, log_scale = np.moveaxis(np.asarray(numpy_of(made(y))), -1, 0)
    return (y - shift) * np.exp(-log_scale), log_scale


@with_flows
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_densities_follow_from_the_change_of_variables(policy, rng):
    keras.config.set_dtype_policy(policy)
    first, second = lively(), lively(input_order="right-to-left")
    y = rng.normal(size=(7, 2)).astype("float32")
    between, outer = inverse(second, y)
    x, inner = inverse(first, between)
    expected = stats.norm.logpdf(x).sum(-1) - (inner + outer).sum(-1)
    found = transforms(first, second)(np.zeros((7, 2))).log_prob(y)
    assert_allclose(found, expected, rtol=1e-4)


@with_flows
def test_draws_become_those_of_the_base_when_they_are_turned_back():
    made = lively()
    distribution = transforms(made)(np.zeros((1, 2)))
    x, _ = inverse(made, numpy_of(tfd_sample(distribution, 4000))[:, 0])
    assert_normal_moments(x, 0, 1)


@with_flows
def test_draws_come_from_the_seed_and_differ_from_call_to_call():
    def outputs():
        base = layer_distribution_lambda(make_distribution_fn=standard_normal, seed=1)
        layer = layer_autoregressive_transform(made=lively(seed=2), seed=3)
        return [np.asarray(numpy_of(layer(base(np.zeros((4, 2)))))) for _ in range(2)]

    (first, second), again = outputs(), outputs()
    assert np.all(first != second)
    np.testing.assert_array_equal(again, [first, second])


@with_flows
def test_a_transformed_distribution_trains_and_is_saved(rng, tmp_path):
    made, train = made_for_the_banana(), banana(rng, 2000)
    model = transforms(made)
    model.compile(keras.optimizers.Adam(0.01), loss=negative_log_density)
    model.fit(np.zeros((2000, 2)), train, batch_size=100, epochs=15, verbose=0)
    assert [w.path for w in model.trainable_variables] == [w.path for w in made.weights]
    distribution = model(np.zeros((1, 2)))
    assert_better_than_a_gaussian(distribution, train, rng)
    assert model.predict(np.zeros((5, 2)), verbose=0).shape == model.compute_output_shape((5, 2))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")(np.zeros((1, 2)))
    assert_array_equal(loaded.log_prob(train), numpy_of(distribution.log_prob(train)))


@pytest.mark.parametrize(
    "made",
    [None, "made", 3, keras.layers.Dense(2), ("layer", 1), ("conditional", 2)],
    ids=repr,
)
def test_a_transform_needs_a_network_of_two_parameters(made):
    if isinstance(made, tuple):
        condition = CONDITION if made[0] == "conditional" else {}
        made = layer_autoregressive(params=made[1], **condition)
    with pytest.raises(ArgumentError, match="`made` must be a layer of `layer_autoregressive`"):
        layer_autoregressive_transform(made=made)


@with_flows
@pytest.mark.parametrize(
    "make",
    [
        lambda x: distributions.Normal(x, 1.0),
        lambda x: distributions.Independent(distributions.Normal(x, 1.0), 2),
    ],
    ids=["numbers", "matrices"],
)
def test_a_transform_needs_a_distribution_over_vectors(make):
    layer, x = layer_autoregressive_transform(made=lively()), np.ones((4, 2))
    for inputs in (x, layer_distribution_lambda(x, make)):
        with pytest.raises(ArgumentError, match="`inputs` must be a distribution over vectors"):
            layer(inputs)


def test_the_signature_of_the_transform_is_the_ancestors():
    parameters = inspect.signature(layer_autoregressive_transform).parameters
    assert list(parameters) == ["object", "made", "kwargs"]


@pytest.mark.parametrize("params", [[2], (2,), np.int64(2)])
def test_the_number_of_parameters_may_be_the_only_one_of_a_list(params):
    made = layer_autoregressive(params=params, event_shape=3)
    assert made.params == made.get_config()["params"] == 2
    assert made(np.ones((4, 3), "float32")).shape == (4, 3, 2)
