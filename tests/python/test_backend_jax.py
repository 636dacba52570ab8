"""What JAX's room does in its own way: bits and keys, state in compiled functions, precision."""

import gc
import threading
import weakref

import jax
import jax.export
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from frameworks import assert_allclose, assert_array_equal, numpy_of
from jax.experimental import sparse
from jax.extend import random
from processes import output_of, run_python
from scipy import stats
from statistical import ERROR_RATE

import bayeslayers
from bayeslayers import ArgumentError, backend, kl_divergence, layers, predict_draws
from bayeslayers.backend.jax import compat
from bayeslayers.backend.jax.graphs import compiled, map_draws, result_shapes

X = np.random.default_rng(3).normal(size=(12, 5)).astype("float32")


def dense_model():
    return keras.Sequential([keras.Input((5,)), layers.DenseFlipout(4), layers.DenseFlipout(1)])


# Random numbers.


def test_draws_are_the_transform_of_the_bits_of_their_key():
    """Box and Muller in NumPy, from the words that JAX's generator has, in double precision."""
    count, seed = 50_000, jnp.array([3, 4], "uint32")
    # Of each counter the first word says what the draws are for, the second numbers them.
    pairs = jnp.arange(count // 2, dtype="uint32")
    counters = jnp.concatenate([jnp.ones_like(pairs), pairs])
    first, second = np.split(np.asarray(random.threefry_2x32(seed, counters)), 2)
    # A number in single precision: near one, where draws are near zero, its rounding is seen.
    u = (first >> 1).astype("float32") * np.float32(2.0**-31) + np.float32(2.0**-32)
    u = u.astype("float64")
    angle = np.pi * second.view("int32").astype("float64") * 2.0**-31
    found = backend.standard_normal((count,), "float32", seed).reshape(-1, 2)
    expected = np.sqrt(-2 * np.log(u)) * np.stack([np.cos(angle), np.sin(angle)])
    assert_allclose(found, expected.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("draw", [backend.standard_normal, backend.random_signs])
@pytest.mark.parametrize("count", [50_003, 50_004])
def test_draws_without_a_loop_are_the_same(draw, count, monkeypatch):
    """As on a GPU, where a loop takes longer than the numbers."""
    seed = jnp.array([3, 4], "uint32")
    in_a_loop = numpy_of(draw((count,), "float32", seed))
    jax.clear_caches()
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *, cpu, default: default())
    at_once = numpy_of(jax.jit(lambda seed: draw((count,), "float32", seed))(seed))
    jax.clear_caches()
    assert_allclose(at_once, in_a_loop, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_of_draws_are_those_of_the_normal(dtype):
    """Mean and variance, exact; skewness and kurtosis, normal in the limit: one error in 1e6."""
    count = 1_000_001
    with jax.enable_x64(dtype == "float64"):
        draws = numpy_of(backend.standard_normal((count,), dtype, jnp.array([8, 1])))
    assert draws.dtype == dtype
    draws = draws.astype("float64")
    limit = stats.norm.isf(ERROR_RATE / 8)
    assert abs(draws.mean()) * np.sqrt(count) < limit
    low, high = stats.chi2.ppf([ERROR_RATE / 8, 1 - ERROR_RATE / 8], count)
    assert low < (draws**2).sum() < high
    assert abs((draws**3).mean()) * np.sqrt(count / 15) < limit
    assert abs((draws**4).mean() - 3) * np.sqrt(count / 96) < limit


def test_draws_in_double_precision_have_its_digits():
    with jax.enable_x64(True):
        draws = numpy_of(backend.standard_normal((1000,), "float64", jnp.array([8, 1])))
    assert np.mean(draws == draws.astype("float32")) < 0.01
    assert stats.kstest(draws, "norm").pvalue > ERROR_RATE


def test_a_seed_is_taken_in_every_dtype():
    unsigned = jnp.array([2**32 - 3, 5], "uint32")
    signed = jnp.array([-3, 5], "int32")
    draws = [numpy_of(backend.standard_normal((9,), "float32", s)) for s in (unsigned, signed)]
    assert_array_equal(*draws)
    folded = [numpy_of(backend.fold_in(seed, 7)) for seed in (unsigned, signed)]
    assert_array_equal(*folded)
    assert_array_equal(numpy_of(backend.fold_in(signed, jnp.asarray(7))), folded[0])


def test_noise_does_not_depend_on_the_generator_that_jax_is_configured_to_use():
    layer = layers.DenseFlipout(2, seed=1)
    layer.build((None, 5))
    state = layer.seed_generator.saved_state()
    expected = numpy_of(layer(X))
    layer.seed_generator.restore(state)
    with jax.default_prng_impl("rbg"):
        assert_array_equal(numpy_of(layer(X)), expected)


# Seeds.


def test_streams_of_neighbouring_seeds_and_of_layers_never_meet():
    """No number of 64 bits comes twice; by chance it would once in 1e9 runs."""
    first = [backend.SeedStream(seed) for seed in range(60)]
    model = dense_model()
    streams = [*first, *(layer.seed_generator for layer in model.layers)]
    seeds = np.stack([numpy_of(stream.next()) for stream in streams for _ in range(40)])
    assert len(np.unique(seeds, axis=0)) == len(seeds)
    bits = jax.vmap(lambda seed: jax.random.bits(seed, (4,), "uint32"))(jnp.asarray(seeds))
    pairs = np.asarray(bits).reshape(-1, 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    folded = [numpy_of(backend.fold_in(seed, n)) for seed in seeds[:40] for n in range(40)]
    assert len(np.unique(folded, axis=0)) == len(folded)


def test_no_two_threads_are_handed_one_seed():
    stream = backend.SeedStream(11)
    found, start = [], threading.Barrier(8)

    def draw():
        start.wait()
        found.extend([stream.next() for _ in range(200)])

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = sorted(int(seed[1]) for seed in found)
    assert places == list(range(8 * 200))


def test_the_saved_form_of_a_stream_is_that_of_released_files():
    stream = backend.SeedStream(2**31 - 1)
    for _ in range(3):
        stream.next()
    saved = stream.saved_state()
    assert saved.dtype == "int64"
    assert saved.tolist() == [3 * 256, 0, 2**31 - 1]
    following = numpy_of(stream.next())
    other = backend.SeedStream(0)
    other.restore(saved)
    assert_array_equal(numpy_of(other.next()), following)
    # A stream may begin at a place of 31 bits, whose count has more than 32.
    other.start_at(5, 2**31 - 1)
    assert other.saved_state().tolist() == [256 * (2**31 - 1), 0, 5]


def test_a_layer_does_not_draw_in_a_compiled_function_without_its_state():
    layer = layers.DenseFlipout(2)
    layer.build((None, 5))
    with pytest.raises(RuntimeError, match=r"hand the function its variables"):
        jax.jit(layer)(X)
    # The state is still a number.
    assert layer.seed_generator.saved_state().shape == (3,)


# State.


def test_a_number_that_steps_follow_is_a_variable_and_no_weight():
    layer = layers.DenseFlipout(2)
    layer.build((None, 5))
    holders = [layer.divergence_scale.state, layer.divergence_annealing.state]
    variables, weights = map(id, layer.variables), map(id, layer.weights)
    assert set(map(id, holders)) <= set(variables)
    assert not set(map(id, holders)) & set(weights)
    assert len(layer.weights) == 3


def test_nothing_of_a_compiled_step_stays_on_a_layer():
    inputs = keras.Input((5,))
    shared = layers.DenseFlipout(5)
    model = keras.Model(inputs, shared(shared(inputs)))
    model.compile("adam", "mse")
    with jax.checking_leaks():
        model.fit(X, X, verbose=0)
    assert model.losses == []
    assert shared.added_divergences == []
    model(X)
    np.testing.assert_allclose(
        [float(value) for value in shared.added_divergences], kl_divergence(model).total, rtol=1e-6
    )


# Convolutions by places in the window.


def both_convolutions(padding="same"):
    """Return the package's convolution of two or three dimensions, and Keras's."""

    def ours(inputs, kernel):
        ones = (1,) * (kernel.ndim - 2)
        return backend.conv(inputs, kernel, backend.Sliding(ones, padding, ones))

    def keras_own(inputs, kernel):
        return keras.ops.conv(inputs, kernel, padding=padding)

    return ours, keras_own


def images_and_kernel(rank):
    rng = np.random.default_rng(5)
    shapes = (3, *(7, 6, 5)[:rank], 2), (*(3, 2, 2)[:rank], 2, 4)
    return [jnp.asarray(rng.normal(size=shape), "float32") for shape in shapes]


@pytest.mark.parametrize("rank", [2, 3])
def test_derivatives_of_a_convolution_are_those_of_keras_in_every_mode(rank):
    inputs, kernel = images_and_kernel(rank)

    def in_all_modes(conv):
        def total(kernel):
            return jnp.sum(jnp.tanh(conv(inputs, kernel)))

        def of_example(example):
            return jax.grad(lambda kernel: jnp.sum(conv(example[None], kernel) ** 2))(kernel)

        _, forward = jax.jvp(conv, (inputs, kernel), (inputs + 1, kernel - 1))
        _, of_kernel_alone = jax.jvp(total, (kernel,), (kernel,))
        of_examples = jax.vmap(of_example)(inputs)
        second = jax.jvp(jax.grad(total), (kernel,), (kernel + 1,))[1]
        return forward, of_kernel_alone, of_examples, second

    ours, keras_own = both_convolutions()
    for found, expected in zip(in_all_modes(ours), in_all_modes(keras_own), strict=True):
        assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prior", [{}, {"kernel_prior_fn": None}])
@pytest.mark.parametrize("name", ["DenseFlipout", "DenseReparameterization"])
def test_outputs_and_divergence_have_a_derivative_in_forward_mode(name, prior):
    layer = getattr(layers, name)(4, **prior)
    layer.build((None, 5))
    trained, others = (
        [variable.value for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )

    def total(trained):
        outputs, _, losses = layer.stateless_call(trained, others, X, return_losses=True)
        return jnp.sum(jnp.tanh(outputs)) + sum(losses)

    tangents = [
        jnp.cos(jnp.arange(each.size, dtype="float32")).reshape(each.shape) for each in trained
    ]
    _, found = jax.jvp(total, (trained,), (tangents,))
    backward = zip(jax.grad(total)(trained), tangents, strict=True)
    assert_allclose(found, sum(jnp.vdot(*pair) for pair in backward), rtol=1e-4)
    curvature = jax.jvp(jax.grad(total), (trained,), (tangents,))[1]
    expected = jax.grad(lambda at: jax.jvp(total, (at,), (tangents,))[1])(trained)
    for one, other in zip(curvature, expected, strict=True):
        assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("rank", [2, 3])
def test_a_convolution_is_exported_for_any_size(rank):
    inputs, kernel = images_and_kernel(rank)
    ours, keras_own = both_convolutions()
    sizes = jax.export.symbolic_shape(", ".join("abcd"[: rank + 1]))
    anything = jax.ShapeDtypeStruct((*sizes, 2), "float32")
    exported = jax.export.export(jax.jit(lambda inputs: ours(inputs, kernel)))(anything)
    expected = keras_own(inputs, kernel)
    assert_allclose(exported.call(inputs), expected, rtol=1e-5, atol=1e-5)


def test_the_gradient_of_a_kernel_holds_the_inputs_at_one_place_at_a_time():
    images, kernel = jnp.ones((4, 40, 40, 8)), jnp.ones((5, 5, 8, 8))
    ours, _ = both_convolutions("valid")

    def gradient(images, kernel, upstream):
        return jax.vjp(lambda kernel: ours(images, kernel), kernel)[1](upstream)

    lowered = jax.jit(gradient).lower(images, kernel, jnp.ones((4, 36, 36, 8)))
    # Of 25 places.
    assert lowered.compile().memory_analysis().temp_size_in_bytes < 4 * images.nbytes


def test_a_float64_policy_is_refused_where_jax_has_single_precision_alone():
    for make in (lambda: layers.DenseFlipout(2, dtype="float64"), _under_a_global_policy):
        with pytest.raises(ArgumentError, match="jax_enable_x64") as caught:
            make()
        assert caught.value.argument == "dtype"


def _under_a_global_policy():
    keras.config.set_dtype_policy("float64")
    return layers.DenseFlipout(2)


def test_with_double_precision_a_float64_layer_has_its_digits():
    """The divergence against the closed form in NumPy, and the gradient's sum in a step."""
    output = output_of(
        """
        import keras, numpy as np
        from bayeslayers import kl_divergence, layers, predict_draws, scale_kl

        keras.config.set_floatx("float64")
        x = np.random.default_rng(1).normal(size=(8, 5))
        model = keras.Sequential([keras.Input((5,)), layers.DenseFlipout(3, seed=1)])
        loc, rho = map(np.asarray, model.layers[0].get_weights()[:2])
        scale = 2.0**-52 + np.logaddexp(0, rho)
        expected = np.sum((loc**2 + scale**2 - 1) / 2 - np.log(scale))
        print(kl_divergence(model).total / expected - 1)
        scale_kl(model, num_examples=3)
        print(float(model.layers[0].divergence_scale.value) * 3 - 1)
        model.compile("sgd", "mse")
        model.fit(x, x[:, :3], verbose=0)
        print({w.dtype.name for w in model.get_weights()})
        print(predict_draws(model, x, draws=2, verbose=0).dtype, model(x).dtype)
        """,
        JAX_ENABLE_X64="1",
    )
    divergence, scale, *dtypes = output.split("\n")[:4]
    assert abs(float(divergence)) < 1e-14
    assert abs(float(scale)) < 1e-15
    assert dtypes == ["{'float64'}", "float64 float64"]


def test_an_infinite_divergence_is_told_of_where_steps_are_not_compiled():
    model = dense_model()
    model.layers[0].trainable_variables[0].assign(np.full((5, 4), np.inf))
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(FloatingPointError, match=r"`kernel` in layer 'dense_flipout\w*' has no"):
        model.fit(X, X[:, :1], verbose=0)


# Compiled functions.


def test_a_compiled_function_follows_variables_and_leaves_them_as_they_are():
    model = dense_model()
    function = compiled(lambda x: model(x, training=False), [], weakref.ref(model))
    before = [layer.seed_generator.saved_state() for layer in model.layers]
    first, again = numpy_of(function(X)), numpy_of(function(X))
    assert_array_equal(first, again)
    for layer, state in zip(model.layers, before, strict=True):
        assert_array_equal(layer.seed_generator.saved_state(), state)
    bias = model.layers[-1].trainable_variables[-1]
    bias.assign(bias + 2.0)
    assert_allclose(function(X), first + 2.0, rtol=1e-5, atol=1e-5)


def test_draws_follow_the_variables_of_a_layer_that_keras_does_not_know_of():
    hidden = layers.DenseFlipout(3)
    hidden.build((None, 5))
    held = {"layer": hidden}

    class Calls(keras.Layer):
        def call(self, x):
            return held["layer"](x)

    model = keras.Sequential([keras.Input((5,)), Calls(), layers.DenseFlipout(1, seed=2)])
    first = predict_draws(model, X, draws=2, seed=1, verbose=0)
    bias = hidden.trainable_variables[-1]
    bias.assign(bias + 10.0)
    second = predict_draws(model, X, draws=2, seed=1, verbose=0)
    assert np.abs(second - first).max() > 0.1


def test_a_compiled_function_does_not_keep_the_model_alive():
    model = dense_model()
    predict_draws(model, X, draws=2, seed=1, verbose=0)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_draws_are_computed_one_after_the_other():
    """Sixteen times the draws take hardly more memory beside their results."""
    kernel = jnp.ones((256, 256))

    def draw(seed):
        noise = backend.standard_normal((256, 256), "float32", seed)
        return (jnp.sum((kernel + noise) @ kernel),)

    def memory(count):
        traced = jax.jit(lambda seeds: map_draws(draw, seeds))
        seeds = jax.ShapeDtypeStruct((count, 2), "int32")
        return traced.lower(seeds).compile().memory_analysis().temp_size_in_bytes

    assert memory(64) < 1.5 * memory(4)


def test_shapes_are_found_with_the_number_of_examples_left_open():
    model = keras.Sequential(
        [keras.Input((7, 3)), keras.layers.LSTM(11, return_sequences=True), keras.layers.Flatten()]
    )
    specification = backend.tensor_specification((None, 7, 3), "float32")
    shapes = result_shapes(model, [specification])
    assert all(shape[0] is None for shape in shapes)
    # Inside of the loop over steps, and at the end.
    assert (None, 11) in shapes
    assert shapes[-1] == (None, 77)


# Values.


def test_log_probabilities_are_summed_in_double_precision():
    tfd = bayeslayers.tfp.distributions
    loc = np.random.default_rng(2).normal(0, 1e3, (3, 200_000)).astype("float32")
    targets = np.zeros_like(loc)
    each = numpy_of(tfd.Normal(loc, 1.0).log_prob(targets)).astype("float64")
    total = jax.jit(lambda x: backend.log_prob_by_example(tfd.Normal(x, 1.0), targets))(loc)
    assert total.dtype == "float64"
    assert_allclose(total, each.sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 65504.0), ("bfloat16", 3.3895314e38)])
def test_a_cast_stops_at_the_largest_number(dtype, largest):
    values = jnp.array([1.5, -3.4e38, 3.4e38, np.nan])
    found = backend.saturating_cast(values, dtype)
    assert found.dtype == dtype
    expected = [1.5, -largest, largest, np.nan]
    np.testing.assert_allclose(numpy_of(found).astype("float64"), expected, rtol=1e-6)


def test_dtypes_have_their_names():
    assert backend.native_dtype("bfloat16") == jnp.bfloat16
    assert backend.dtype_name(jnp.bfloat16) == backend.dtype_name(jnp.dtype("bfloat16"))
    assert backend.dtype_name(jnp.bfloat16) == "bfloat16"
    assert backend.dtype_name("float32") is None
    assert backend.dtype_name(float) is None
    for unknown in ("float31", None):
        with pytest.raises(TypeError):
            backend.native_dtype(unknown)


def test_a_distribution_made_before_of_a_variable_is_refused():
    """It keeps the values of then, and the variable would not be trained."""
    loc = keras.Variable(np.zeros((5, 2)), name="loc")
    tfd = backend.distribution_library().distributions
    made = tfd.Independent(tfd.Normal(loc, 1.0), 2)
    assert backend.foreign_variables(lambda: made, []) == (made, ["loc"])
    assert backend.foreign_variables(lambda: made, [loc]) == (made, [])
    layer = layers.DenseFlipout(2, kernel_posterior_fn=lambda *args: made)
    with pytest.raises(ArgumentError, match="must make its variables with `add_variable_fn`"):
        layer(X)


def test_sparse_entries_are_those_that_are_there():
    dense = np.where(np.random.default_rng(4).random((6, 5)) < 0.4, X[:6], 0).astype("float32")
    tensor = sparse.BCOO.fromdense(dense, nse=25)
    indices, values, shape = backend.sparse_entries(tensor)
    assert (len(values), shape) == (np.count_nonzero(dense), (6, 5))
    assert_array_equal(values, dense[tuple(indices.T)])
    order = np.lexsort(indices.T[::-1])
    again = backend.sparse_tensor(indices[order], values[order], shape)
    assert_array_equal(again.todense(), dense)
    # Few numbers of entries, or a function would be compiled for each batch.
    assert again.nse & (again.nse - 1) == 0
    assert backend.sparse_tensor(indices[:0], values[:0], shape).todense().any() == False  # noqa: E712


def test_draws_of_sparse_inputs_are_those_of_dense_ones():
    dense = np.maximum(X, 0)
    layer = layers.DenseFlipout(3)
    models = [keras.Sequential([keras.Input((5,), sparse=kind), layer]) for kind in (True, False)]
    found = [
        predict_draws(model, x, draws=3, seed=1, batch_size=5, verbose=0)
        for model, x in zip(models, [sparse.BCOO.fromdense(dense), dense], strict=True)
    ]
    assert_allclose(*found, rtol=1e-5, atol=1e-6)


# Names that are not public.


def test_tensorflow_probability_is_imported_under_the_present_jax():
    tfp = compat.tensorflow_probability()
    assert tfp is backend.distribution_library()
    assert tfp.distributions.Normal(0.0, 1.0).sample(seed=jnp.array([1, 2], "uint32")).shape == ()


def test_the_line_before_the_import_is_still_needed():
    process = run_python("import tensorflow_probability.substrates.jax.distributions")
    assert "pytype_aval_mappings" in process.stderr


def test_double_precision_ends_with_its_context():
    with compat.double_precision():
        assert jnp.ones((), "float64").dtype == "float64"
    assert not jax.config.jax_enable_x64
