"""Numbers at the edge: whatever the scale and the precision, nothing turns into NaN or infinity."""

import keras
import numpy as np
import pytest
from family import LOCAL, ROWS, every, is_representative, takes_vectors
from frameworks import (
    JIT,
    NotFiniteError,
    assert_allclose,
    assert_array_equal,
    gradients,
    numpy_of,
    on,
    total_of,
    value_and_gradients,
)
from keras import ops
from oracles import normal_kl
from posteriors import fixed_normal
from scipy import stats

from bayeslayers import (
    callback_kl_history,
    layer_dense_flipout,
    layer_dense_local_reparameterization,
    layer_dense_reparameterization,
)
from bayeslayers.layers import default_mean_field_normal_fn

POLICIES = ("float32", "float64", "bfloat16", "float16", "mixed_bfloat16", "mixed_float16")
SCALES = (1e-30, 1e-10, 1e10, 1e30)
LARGEST = {"float16": 65504.0}
# Above it the square of a scale is no number of single precision.
LARGEST_WITH_DIVERGENCE = 1e18


def spread(scale, dtype):
    """Return the posterior whose scale is this one, or the nearest that the variables can hold."""
    scale = min(scale, LARGEST.get(dtype, np.inf))
    # The inverse of softplus: for small scales its logarithm, for large ones the scale itself.
    untransformed = np.log(np.expm1(scale)) if 1e-8 < scale < 100 else max(np.log(scale), scale)
    return default_mean_field_normal_fn(
        untransformed_scale_initializer=keras.initializers.Constant(untransformed)
    )


def spread_everywhere(row, scale, dtype):
    return {f"{role}_posterior_fn": spread(scale, dtype) for role in row.roles}


def assert_finite(values, what):
    for value in keras.tree.flatten(values):
        array = keras.ops.convert_to_numpy(keras.ops.cast(value, "float64"))
        assert np.all(np.isfinite(array)), what


@pytest.mark.parametrize("policy", POLICIES)
@every(soon=is_representative)
def test_outputs_and_gradients_are_finite_for_every_scale(row, policy, rng):
    inputs = row.geometry.inputs(rng)
    dtype = keras.DTypePolicy(policy).variable_dtype
    for outer in SCALES:
        # Outputs are of the size of the kernels' product, where one follows the other, and of that
        # of a kernel's factors.
        in_turn = len(row.geometry.kernels) if row.geometry.is_chain else 1
        scale = outer ** (1 / (2 * in_turn if row.has_factors else in_turn))
        layer = row.layer(dtype=policy, **spread_everywhere(row, scale, dtype))
        layer.build(inputs.shape)

        def total(layer=layer):
            outputs = keras.tree.flatten(layer(inputs))
            # The gradient must be a number of the dtype itself: a mean, and small.
            means = [ops.mean(ops.cast(part, "float32")) for part in outputs]
            return total_of(means) / 64, outputs, layer.losses

        (_, outputs, losses), found = value_and_gradients(total, layer.trainable_variables)
        assert_finite(outputs, (scale, "outputs"))
        # From step to step, or from one projection to the next, a gradient is multiplied by a
        # kernel, which soon leaves float16: an optimizer that scales the loss leaves such steps
        # out.
        multiplies = row.geometry.recurrent or row.geometry.squares_inputs
        if not (multiplies and policy in ("float16", "mixed_float16")):
            assert_finite(found, (scale, "gradients"))
        if scale < LARGEST_WITH_DIVERGENCE:
            assert_finite(losses, (scale, "divergence"))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.name.startswith("Dense")], ids=lambda row: row.name
)
def test_a_posterior_of_the_callers_is_finite_for_every_scale(row, policy, rng):
    """The general path, through TensorFlow Probability's own distributions."""
    inputs, dtype = row.geometry.inputs(rng), keras.DTypePolicy(policy).variable_dtype
    for scale in SCALES:
        largest = min(scale, LARGEST.get(dtype, np.inf))
        posterior = fixed_normal(0.5, max(largest, 1e-7 if dtype == "float16" else 0))
        role = next(iter(row.random))
        functions = {f"{role}_posterior_fn": posterior, f"{role}_prior_fn": None}
        assert_finite(row.layer(dtype=policy, **functions)(inputs), scale)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_a_draw_beyond_float16_is_the_largest_number_there_is(policy):
    """The difference of two infinite numbers would be none."""
    dtype = keras.DTypePolicy(policy).variable_dtype
    layer = layer_dense_reparameterization(
        units=1,
        kernel_posterior_fn=fixed_normal(0.0, 1.0),
        kernel_posterior_tensor_fn=lambda q: ops.full((2, 1), np.inf, dtype),
        kernel_prior_fn=None,
        bias_posterior_fn=None,
        dtype=policy,
    )
    assert_array_equal(layer(np.array([[1, -1], [1, 0]])), np.array([[0], [65504]], "float16"))


@pytest.mark.parametrize(
    ("policy", "scale"),
    [
        ("float32", 1e-30),
        ("float32", 1e30),
        ("bfloat16", 1e-30),
        ("bfloat16", 1e30),
        ("mixed_float16", 1e-4),
        ("mixed_float16", 1e3),
    ],
)
def test_local_reparameterization_keeps_the_spread_of_scales_without_a_square(policy, scale, rng):
    """Squared, each is 0 or infinite in the dtype that is computed in."""
    inputs = rng.uniform(1.0, 2.0, size=(4000, 1)).astype("float32")
    layer = layer_dense_local_reparameterization(
        units=1,
        dtype=policy,
        kernel_posterior_fn=fixed_normal(0.0, scale),
        kernel_prior_fn=None,
        bias_posterior_fn=None,
    )
    outputs = numpy_of(layer(inputs)).astype("float64")
    standard = np.sort(np.abs(outputs / inputs / scale).ravel())
    # The median of 4,000 sizes of standard normals; it leaves 0.6745 by a tenth once in 1e6 runs.
    assert abs(standard[2000] - stats.norm.ppf(0.75)) < 0.1 * stats.norm.ppf(0.75)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_the_divergence_of_many_weights_leaves_no_dtype(policy):
    """100,000 weights have a divergence of some 250,000, and float16 ends at 65504."""
    layer = layer_dense_reparameterization(units=1000, dtype=policy)
    layer(np.ones((1, 100), "float32"))
    loc, untransformed = (numpy_of(v).astype("float64") for v in layer.trainable_variables[:2])
    epsilon = {"bfloat16": 2.0**-7, "float16": 2.0**-10}[policy]
    expected = normal_kl(loc, epsilon + np.log1p(np.exp(untransformed)))
    # The scale itself is of the variables' precision.
    assert_allclose(float(layer.losses[0]), expected, rtol=4 * epsilon)
    assert expected > 65504


def overflowing(**arguments):
    model = keras.Sequential([keras.Input((3,))])
    return layer_dense_flipout(
        model,
        units=1,
        name="wide",
        kernel_posterior_fn=spread(1e30, "float32"),
        **arguments,
    )


SAYS = "divergence of `kernel` in layer 'wide' has no finite value"


def test_a_divergence_that_overflows_is_said_when_it_is_trained_on():
    model = overflowing()
    model.compile("sgd", "mse", jit_compile=False)
    with pytest.raises(NotFiniteError, match=SAYS):
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)


def test_a_divergence_that_overflows_is_said_in_an_eager_loop():
    model = overflowing()

    def total():
        model(np.ones((4, 3), "float32"))
        return total_of(model.losses)

    with pytest.raises(NotFiniteError, match=SAYS):
        gradients(total, model.trainable_variables, eager=True)


# PyTorch has no XLA, and says it in steps that it compiles, too.
@on("tensorflow", "jax")
def test_a_divergence_that_overflows_under_xla_is_said_by_the_callback():
    model = overflowing()
    model.compile(keras.optimizers.SGD(1e-30), "mse", jit_compile=True)
    with pytest.warns(UserWarning, match="KL term of the loss is inf"):
        history = model.fit(
            np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=[callback_kl_history()]
        )
    assert history.history["loss"] == [np.inf]


def test_predictions_do_not_depend_on_the_divergence():
    assert_finite(overflowing().predict(np.ones((4, 3)), verbose=0), "predictions")


@pytest.mark.parametrize(
    ("policy", "normalized"),
    [("float32", False), ("mixed_bfloat16", True), ("mixed_float16", False)],
)
def test_a_network_of_twenty_layers_trains(policy, normalized, rng):
    keras.config.set_dtype_policy(policy)
    inputs = rng.normal(size=(256, 8)).astype("float32")
    targets = np.sin(inputs[:, :1]) + 0.5 * inputs[:, 1:2]
    maker = default_mean_field_normal_fn(
        loc_initializer="he_normal",
        untransformed_scale_initializer=keras.initializers.Constant(-5.0),
    )
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(20):
        layer_dense_flipout(model, 32, activation="relu", kernel_posterior_fn=maker)
        if normalized:
            model.add(keras.layers.BatchNormalization())
    layer_dense_flipout(model, 1, kernel_posterior_fn=maker, dtype="float32")
    for layer in model.layers:
        if hasattr(layer, "divergence_scale"):
            layer.divergence_scale.assign(1e-6)
    model.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=JIT)
    losses = model.fit(inputs, targets, batch_size=64, epochs=30, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < 0.7 * losses[0]
    assert_finite(model.get_weights(), "weights")


@every(where=takes_vectors)
def test_large_and_small_inputs_are_finite(row, rng):
    inputs = row.geometry.inputs(rng)
    # Local reparameterization squares them, and so do the scores of attention.
    is_squared = row.estimator == LOCAL or row.geometry.squares_inputs
    for size in (1e-30, 1e15 if is_squared else 1e30):
        assert_finite(row.layer()(size * inputs), size)
