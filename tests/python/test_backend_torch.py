"""What PyTorch's room has of its own: streams, its library of distributions, loops, foreign ones.

What holds on every backend stands in the tests of what it is about.
"""

import threading
from functools import partial

import keras
import numpy as np
import pytest
import torch
from frameworks import assert_array_equal, numpy_of
from keras import ops
from oracles import normal_kl
from statistical import assert_fair_signs, assert_normal_moments
from torch import distributions as tfd

from bayeslayers import (
    ArgumentError,
    backend,
    layer_dense_flipout,
    layer_dense_reparameterization,
    layer_distribution_lambda,
    layer_gru_flipout,
    layer_lstm_reparameterization,
    predict_draws,
    tfd_kl_divergence,
    tfd_log_prob,
    tfp,
)
from bayeslayers.backend import (
    SeedStream,
    Sliding,
    StateHolder,
    conv,
    fold_in,
    foreign_variables,
    kl_from_standard_normal,
    method_of,
    random_signs,
    standard_normal,
    sum_over_draws,
    with_seeds,
)
from bayeslayers.backend.torch import compat
from bayeslayers.layers import DistributionLambda


@pytest.fixture(autouse=True)
def tensors_beside_those_of_keras():
    """Make tensors where Keras makes its own, which on a machine with a GPU is there."""
    with torch.device(compat.get_device()):
        yield


def seed_of(*numbers):
    return torch.tensor(numbers)


def first_draws(seeds):
    """Return two draws of each seed, as one number: equal where both are."""
    pairs = [numpy_of(standard_normal((2,), "float32", seed)) for seed in seeds]
    return np.stack(pairs).view(np.uint64).ravel()


def seeds_of(stream, count):
    return [tuple(stream.next().tolist()) for _ in range(count)]


# Random numbers.


def test_a_hundred_thousand_seeds_give_as_many_draws():
    """Of a seed, PyTorch's generator looks at 32 bits: two of these would be equal, mostly."""
    seeds = (seed_of(i % 11, i // 11) for i in range(100_000))
    # Pairs of draws are equal by chance once in some 10^5 runs.
    assert len(np.unique(first_draws(seeds))) == 100_000


def test_both_halves_of_a_hash_count():
    """Seeds of which one number is the same, or which are equal but for their order."""
    seeds = [seed_of(a, b) for a in range(40) for b in range(40)]
    far = [seed_of(2**31 - 1 - a, 0) for a in range(40)]
    assert len(np.unique(first_draws([*seeds, *far]))) == len(seeds) + len(far)


def test_folded_seeds_never_meet():
    """Of 90,000 seeds of 64 bits, two are equal once in 10^9 runs."""
    found = {
        tuple(fold_in(seed_of(a, b), number).tolist())
        for a in range(30)
        for b in range(30)
        for number in range(100)
    }
    assert len(found) == 30 * 30 * 100


def test_the_number_that_is_folded_in_may_be_a_tensor():
    seed = seed_of(3, 4)
    assert fold_in(seed, torch.tensor(7, dtype=torch.int32)).equal(fold_in(seed, 7))


def test_draws_have_the_moments_of_the_normal_distribution():
    """4,000 seeds, four draws each: fails once in a million runs."""
    samples = [numpy_of(standard_normal((4,), "float32", seed_of(5, i))) for i in range(4_000)]
    assert_normal_moments(np.stack(samples), 0.0, 1.0)


def test_signs_of_all_seeds_and_places_are_fair():
    signs = [numpy_of(random_signs((3, 7), "float32", seed_of(i, 1))) for i in range(4_000)]
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert_fair_signs(np.stack(signs))
    # So are the products of those at the distance of a byte, and of eight.
    many = numpy_of(random_signs((80_000,), "float32", seed_of(1, 2)))
    for distance in (1, 7, 8, 9, 64):
        assert_fair_signs((many[:-distance] * many[distance:])[:, None])


@pytest.mark.parametrize("draw", [standard_normal, random_signs])
def test_no_value_is_made_where_keras_infers_shapes(draw):
    with keras.device("meta"):
        drawn = draw((3, 2), "float16", SeedStream(1).next())
        assert fold_in(SeedStream(1).next(), torch.tensor(1, device="meta")).shape == (2,)
    assert (drawn.device.type, drawn.dtype, drawn.shape) == ("meta", torch.float16, (3, 2))


def test_pytorchs_own_generator_stays_where_it_is():
    """Also where a distribution of its library draws from it, from a seed of ours."""
    torch.manual_seed(1)
    expected = torch.rand(4)
    torch.manual_seed(1)
    standard_normal((3,), "float32", seed_of(1, 2))
    random_signs((3,), "float32", seed_of(1, 2))
    with_seeds(tfd.Gamma(torch.ones(3), torch.ones(3)), SeedStream(1)).sample()
    assert torch.rand(4).equal(expected)


# Streams of seeds.


def test_streams_of_neighbouring_seeds_never_meet():
    """Keras adds seed and count: the second seed of one stream is the first of the next."""
    found = [seed for first in range(50) for seed in seeds_of(SeedStream(first), 50)]
    assert len(np.unique(first_draws(map(torch.tensor, found)))) == 50 * 50


def test_layers_of_neighbouring_seeds_share_no_noise():
    inputs = np.ones((1, 1), "float32")
    outputs = []
    for seed in range(20):
        layer = layer_dense_reparameterization(units=2, seed=seed, bias_posterior_fn=None)
        layer.build((None, 1))
        # So the outputs are the noise.
        loc, untransformed = layer.trainable_variables
        loc.assign(ops.zeros_like(loc))
        untransformed.assign(ops.zeros_like(untransformed))
        outputs.extend(numpy_of(layer(inputs)) for _ in range(20))
    pairs = np.concatenate(outputs).view(np.uint64)
    assert len(np.unique(pairs)) == 20 * 20


def test_no_two_threads_are_handed_the_same_seed():
    stream, found = SeedStream(3), []
    start = threading.Barrier(8)

    def take():
        start.wait()
        found.extend(seeds_of(stream, 500))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == seeds_of(SeedStream(3), 8 * 500)


def test_threads_that_draw_at_once_draw_what_one_draws():
    """Each has a generator of its own."""
    expected = {i: numpy_of(standard_normal((50,), "float32", seed_of(i, 0))) for i in range(400)}
    found, start = {}, threading.Barrier(4)

    def draw(places):
        start.wait()
        for i in places:
            found[i] = numpy_of(standard_normal((50,), "float32", seed_of(i, 0)))

    threads = [threading.Thread(target=draw, args=(range(k, 400, 4),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], expected[i]) for i in expected)


def test_in_a_stateless_scope_the_scope_moves_on_and_the_stream_does_not():
    stream = SeedStream(5)
    with keras.StatelessScope() as scope:
        inside = seeds_of(stream, 3)
        moved = scope.get_current_value(stream.state)
    assert inside == seeds_of(SeedStream(5), 3)
    assert stream.saved_state().tolist() == [0, 0, 5]
    assert moved.tolist() == [3 * 256, 0, 5]
    assert seeds_of(stream, 1) == inside[:1]


def test_a_stream_is_counted_among_no_layers_weights():
    layer = layer_dense_flipout(units=2)
    layer.build((None, 3))
    assert len(layer.weights) == 3
    assert {value.path for value in layer.variables} > {value.path for value in layer.weights}


def test_state_is_in_double_precision_and_follows_assignments_in_a_scope():
    holder = StateHolder(0.1)
    assert float(holder.value) == 0.1
    with keras.StatelessScope():
        holder.assign(2.0)
        assert float(holder.value) == 2.0
    assert float(holder.value) == 0.1


# PyTorch's library of distributions.


def test_draws_of_a_users_function_carry_gradients():
    """PyTorch's `sample` has none: training would leave the posterior as it is."""
    scale = torch.tensor([1.0, 2.0], requires_grad=True)
    for distribution in (tfd.Normal(torch.zeros(2), scale), tfd.Gamma(scale, torch.ones(2))):
        seeded = with_seeds(distribution, SeedStream(1))
        assert torch.autograd.grad(seeded.sample().sum(), scale)[0].abs().min() > 0
    assert with_seeds(tfd.Poisson(scale), SeedStream(1)).sample().requires_grad is False


def test_a_seeded_distribution_draws_from_its_stream_and_leaves_its_original_alone():
    gamma = tfd.Independent(tfd.Gamma(torch.full((5,), 3.0), torch.ones(5)), 1)
    first, second = (with_seeds(gamma, SeedStream(4)) for _ in range(2))
    drawn = first.sample()
    assert drawn.equal(second.rsample())
    assert not drawn.equal(second.sample())
    assert first.sample((7,)).shape == (7, 5)
    assert "sample" not in vars(gamma)


@pytest.mark.parametrize(
    "distribution",
    [tfd.Normal(torch.tensor([1.0]), torch.tensor([2.0])), tfd.Gumbel(torch.zeros(1), 1.0)],
    ids=["our own draws", "PyTorch's"],
)
def test_seeded_draws_follow_the_distribution(distribution):
    """4,000 draws against mean and variance: of the Gumbel distribution, in the limit of many."""
    stream = SeedStream(6)
    samples = torch.stack([with_seeds(distribution, stream).sample() for _ in range(4_000)])
    deviation = (samples.mean() - distribution.mean) / distribution.stddev * len(samples) ** 0.5
    assert abs(float(deviation)) < 5.5  # once in 10^7
    assert 0.8 < float(samples.var() / distribution.variance) < 1.2


def test_the_point_has_all_of_its_mass_on_its_value():
    loc = torch.tensor([1.0, -2.0], requires_grad=True)
    point = backend.independent_point(loc, 1)
    assert (point.batch_shape, point.event_shape) == ((), (2,))
    assert point.log_prob(loc).tolist() == 0.0
    assert point.log_prob(torch.tensor([1.0, 2.0])).tolist() == -np.inf
    for moment, expected in (("mean", [1.0, -2.0]), ("mode", [1.0, -2.0]), ("stddev", [0.0, 0.0])):
        assert method_of(point, moment)().tolist() == expected
    drawn = point.rsample((3,))
    assert drawn.shape == (3, 2)
    assert torch.autograd.grad(drawn.sum(), loc)[0].tolist() == [3.0, 3.0]
    # As in TensorFlow Probability: that of the value under the other.
    other = backend.independent_normal(torch.zeros(2), torch.ones(2), 1)
    expected = -float(other.log_prob(loc.detach()))
    assert float(backend.kl_divergence(point, other).detach()) == pytest.approx(expected)


def test_methods_have_the_names_of_tensorflow_probability():
    one, other = tfd.Normal(1.0, 2.0), tfd.Normal(0.0, 1.0)
    value = 0.5
    expected = {
        "mean": 1.0,
        "stddev": 2.0,
        "variance": 4.0,
        "mode": 1.0,
        "log_prob": float(one.log_prob(torch.tensor(value))),
        "prob": float(one.log_prob(torch.tensor(value)).exp()),
        "cdf": float(one.cdf(torch.tensor(value))),
        "log_cdf": np.log(float(one.cdf(torch.tensor(value)))),
        "survival_function": 1 - float(one.cdf(torch.tensor(value))),
        "log_survival_function": np.log1p(-float(one.cdf(torch.tensor(value)))),
        "quantile": 1.0,
        "entropy": float(one.entropy()),
        "kl_divergence": normal_kl(1.0, 2.0),
    }
    takes_value = {"log_prob", "prob", "cdf", "log_cdf", "quantile"}
    takes_value |= {"survival_function", "log_survival_function"}
    for name, number in expected.items():
        args = {"kl_divergence": (other,)}.get(name, (value,) if name in takes_value else ())
        assert float(method_of(one, name)(*args)) == pytest.approx(number, rel=1e-5), name


def test_what_the_library_lacks_is_said():
    with pytest.raises(NotImplementedError, match="PyTorch has no `mode` of the distribution Expo"):
        method_of(_WithoutMode(1.0), "mode")()
    with pytest.raises(NotImplementedError, match="`cdf` of the distribution StudentT"):
        method_of(tfd.StudentT(3.0), "cdf")(0.0)
    # It has it in single precision.
    scale = torch.eye(2, dtype=torch.float16)
    half = tfd.MultivariateNormal(torch.zeros(2).half(), scale_tril=scale, validate_args=False)
    with pytest.raises(NotImplementedError, match="in float16: take parameters in s"):
        method_of(half, "log_prob")(torch.zeros(2))


class _WithoutMode(tfd.Exponential):
    mode = property(lambda self: super(tfd.Exponential, self).mode)


_WithoutMode.__name__ = "Exponential"


def test_tensorflow_probability_says_what_to_use_instead():
    with pytest.raises((AttributeError, NotImplementedError), match=r"torch[. ]"):
        tfp.distributions.Normal(0.0, 1.0)


# Outputs that check their values, as PyTorch's distributions do by default.

SHARES = np.random.default_rng(1).dirichlet(np.ones(3), 8).astype("float32")
NOT_ONE = {
    "columns of classes": (
        lambda t: tfd.OneHotCategorical(logits=t, validate_args=True),
        np.eye(3)[[0, 1, 2, 1] * 2],
    ),
    "shares": (lambda t: tfd.Dirichlet(1.0 + ops.exp(t), validate_args=True), SHARES),
    "numbers below one": (
        lambda t: tfd.Independent(tfd.Uniform(t - 9.0, 0.9, validate_args=True), 1),
        SHARES * 0.5,
    ),
}


@pytest.mark.parametrize("name", NOT_ONE)
def test_values_need_not_include_the_ones_that_keras_infers_shapes_with(name, rng):
    make, targets = NOT_ONE[name]
    inputs, targets = rng.normal(size=(8, 2)).astype("float32"), targets.astype("float32")
    dense = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((2,)), dense, DistributionLambda(make)])
    model.compile("sgd", loss=lambda y, rv: -tfd_log_prob(rv, y))
    expected = -numpy_of(make(dense(inputs)).log_prob(torch.tensor(targets))).mean()
    assert model.evaluate(inputs, targets, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_values_that_a_distribution_cannot_have_are_still_refused_in_training():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    layer_distribution_lambda(model, lambda t: tfd.Dirichlet(1.0 + ops.exp(t), validate_args=True))
    model.compile("sgd", loss=lambda y, rv: -tfd_log_prob(rv, y))
    with pytest.raises(ValueError, match="within the support"):
        model.fit(np.zeros((4, 2)), np.ones((4, 3)), verbose=0)


# Variables of a user's function.


def test_parameters_of_a_users_own_are_refused():
    own = torch.nn.Parameter(torch.zeros(3, 2))

    def posterior(dtype, shape, name, trainable, add_variable_fn):
        loc = add_variable_fn(name="loc", shape=shape, dtype=dtype, initializer="zeros")
        return tfd.Independent(tfd.Normal(loc, torch.nn.functional.softplus(own)), 2)

    layer = layer_dense_flipout(units=2, kernel_posterior_fn=posterior)
    with pytest.raises(ArgumentError, match=r"add_variable_fn.*Parameter of shape \(3, 2\)"):
        layer(np.ones((1, 3), "float32"))


def test_parameters_are_found_wherever_a_distribution_has_them():
    own = torch.nn.Parameter(torch.ones(2))
    makers = {
        "in a base": lambda: tfd.Independent(tfd.Normal(own, 1.0), 1),
        "through a function": lambda: tfd.Gamma(own.exp(), torch.ones(2)),
        "in a transform": lambda: tfd.TransformedDistribution(
            tfd.Normal(torch.zeros(2), 1.0), [tfd.AffineTransform(0.0, own)]
        ),
        "in a mixture": lambda: tfd.MixtureSameFamily(
            tfd.Categorical(logits=own), tfd.Normal(torch.zeros(2), torch.ones(2))
        ),
        "as they are": lambda: backend.independent_point(own, 1),
    }
    for where, make in makers.items():
        # Whatever the caller says of gradients.
        with torch.no_grad():
            _, names = foreign_variables(make, ())
        assert names == ["Parameter of shape (2,)"], where


def test_what_a_function_reads_without_depending_on_it_is_not_foreign():
    own, frozen = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), False)
    _, names = foreign_variables(lambda: tfd.Normal(own.detach() + own.sum().item(), frozen), ())
    assert names == []


def test_inputs_may_depend_on_parameters():
    """Those of the layers before."""
    own = torch.nn.Parameter(torch.ones(2))
    inputs = own * 2.0
    _, names = foreign_variables(lambda: tfd.Normal(inputs + 1.0, 1.0), ())
    assert names == []
    layer = layer_distribution_lambda(make_distribution_fn=lambda t: tfd.Normal(t, own.exp()))
    with pytest.raises(ArgumentError, match="variables would not be trained"):
        layer(inputs)


def test_known_variables_are_not_foreign():
    known = keras.Variable(np.ones(2), dtype="float32")
    made, names = foreign_variables(lambda: tfd.Normal(known.value, known.value.exp()), [known])
    assert isinstance(made, tfd.Normal)
    assert names == []


# Training.


def scale_from_a_variable(dtype, shape, name, trainable, add_variable_fn):
    def variable(part):
        return add_variable_fn(name=f"{name}_{part}", shape=shape, dtype=dtype, initializer="zeros")

    scale = torch.nn.functional.softplus(variable("rho"))
    return tfd.Independent(tfd.Laplace(variable("mu"), scale), len(shape))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layer_dense_flipout(units=1, seed=1),
        lambda: layer_dense_reparameterization(
            units=1, seed=1, kernel_posterior_fn=scale_from_a_variable, kernel_prior_fn=None
        ),
    ],
    ids=["default", "user's function"],
)
def test_a_loop_of_pytorchs_own_trains_a_layer(layer, rng):
    """`loss.backward()` and an optimizer of PyTorch's: the layer finds the slope that made y."""
    model = keras.Sequential([keras.Input((2,)), layer()])
    x = torch.as_tensor(rng.normal(size=(64, 2)).astype("float32"))
    y = x @ torch.tensor([[1.0], [-2.0]])
    optimizer = torch.optim.Adam([v.value for v in model.trainable_variables], 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((model(x, training=True) - y) ** 2).mean() + sum(model.losses) / 1e4
        loss.backward()
        optimizer.step()
    draws = predict_draws(model, np.eye(2, dtype="float32"), draws=200, seed=1)
    np.testing.assert_allclose(draws.mean(axis=0), [[1.0], [-2.0]], atol=0.2)
    assert all(v.value.grad.abs().sum() > 0 for v in model.trainable_variables[:2])


def test_predictions_keep_no_graph_of_gradients():
    model = keras.Sequential([keras.Input((2,)), layer_dense_flipout(units=1)])
    assert isinstance(predict_draws(model, np.ones((3, 2)), draws=2), np.ndarray)
    assert all(variable.value.grad is None for variable in model.trainable_variables)


def test_a_layer_that_pytorch_moves_to_another_dtype_or_device_still_draws():
    """`Module.to()` moves the streams, too, which Python then reads from there."""
    layer = layer_dense_flipout(units=2, seed=1)
    layer.build((None, 3))
    before = numpy_of(layer(np.ones((1, 3), "float32")))
    layer.seed_generator.restore([0, 0, 1])
    layer.to(compat.get_device())
    np.testing.assert_array_equal(numpy_of(layer(np.ones((1, 3), "float32"))), before)


def test_doubles_are_summed_on_the_cpu_whatever_device_keras_has():
    """As where Keras is on a GPU, and the sum makes tensors by Keras."""
    shifted = sum_over_draws(lambda tensors, points: tensors[0] + ops.convert_to_tensor(points))
    with keras.device("meta"):
        found = shifted([np.array([[1.0, 2.0], [3.0, 4.0]])], np.array([10.0, 20.0]))
    np.testing.assert_array_equal(found, [24.0, 46.0])


# Operations.


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("width", [2, 3])
def test_convolution_is_that_of_keras(rng, rank, width, groups, dilation_rate, strides, padding):
    inputs = torch.as_tensor(rng.normal(size=(2, *(7, 6, 8)[:rank], 4)), dtype=torch.float32)
    kernel = torch.as_tensor(
        rng.normal(size=(*[width] * rank, 4 // groups, 6)), dtype=torch.float32
    )
    sliding = Sliding((strides,) * rank, padding, (dilation_rate,) * rank)
    arguments = {
        "strides": strides,
        "padding": padding,
        "data_format": "channels_last",
        "dilation_rate": dilation_rate,
    }
    functions = (partial(conv, sliding=sliding), partial(ops.conv, **arguments))
    results = []
    for function in functions:
        leaves = [value.clone().requires_grad_() for value in (inputs, kernel)]
        outputs = function(*leaves)
        gradients = torch.autograd.grad((outputs**2).sum(), leaves)
        results.append([outputs, *gradients])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_divergence_in_closed_form_is_that_of_pytorchs_library():
    """With its gradients, and those of its gradients."""
    loc = torch.randn(7, dtype=torch.float64, requires_grad=True)
    scale = torch.rand(7, dtype=torch.float64).add(0.1).requires_grad_()
    library = tfd.kl_divergence(tfd.Normal(loc, scale), tfd.Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(kl_from_standard_normal(loc, scale), library)
    assert torch.autograd.gradcheck(kl_from_standard_normal, (loc, scale))
    assert torch.autograd.gradgradcheck(kl_from_standard_normal, (loc, scale))


def test_a_divergence_of_events_of_other_shapes_is_refused():
    """PyTorch broadcasts them, and counts the divergence of each number four times here."""
    q, p = (tfd.Independent(tfd.Normal(torch.zeros(rows, 3), 1.0), 2) for rows in (1, 4))
    with pytest.raises(ValueError, match=r"\(1, 3\) and \(4, 3\)"):
        tfd_kl_divergence(q, p)
    layer = layer_dense_flipout(units=3, kernel_prior_fn=lambda *_: p)
    with pytest.raises(ArgumentError, match=r"`kernel_prior_fn` .*\(1, 3\)\. .*shape=\(4, 3\)"):
        layer(np.ones((2, 1), "float32"))


def test_a_value_that_is_not_finite_is_refused_where_its_gradient_is_taken():
    value = torch.tensor(1.0, requires_grad=True)
    checked = backend.finite_when_trained_on(value * torch.inf, "no finite value")
    with pytest.raises(FloatingPointError, match="no finite value"):
        checked.backward()
    # Neither a leaf nor a value without a gradient is changed by the check.
    backend.finite_when_trained_on(value, "no finite value")
    assert not value._backward_hooks
    assert backend.finite_when_trained_on(torch.tensor(torch.inf), "").isinf()


def test_saturated_casts_have_the_largest_number():
    for name in ("float16", "bfloat16"):
        dtype = getattr(torch, name)
        largest = torch.finfo(dtype).max
        cast = backend.saturating_cast(torch.tensor([1e39, -3.4e38, 1.0]), name)
        assert cast.dtype == dtype
        assert cast.tolist() == [largest, -largest, 1.0]
    # Of float16, also where it comes in float16.
    infinite = torch.tensor([torch.inf, -torch.inf], dtype=torch.float16)
    assert backend.saturating_cast(infinite, "float16").tolist() == [65504.0, -65504.0]


# PyTorch's compiler.


@pytest.mark.parametrize("function", [layer_lstm_reparameterization, layer_gru_flipout])
def test_recurrent_layers_are_compiled_around_their_loop(function):
    """The layer that Keras's loop is, made in each call, stopped the compiler with an error."""
    layer = function(units=2)
    inputs = np.random.default_rng(1).normal(size=(4, 3, 2)).astype("float32")
    layer(inputs)
    layer.seed_generator.start_at(5, 0)
    expected = numpy_of(layer(inputs))
    layer.seed_generator.start_at(5, 0)
    compiled = torch.compile(layer, backend="eager")
    found = numpy_of(compiled(torch.from_numpy(inputs)))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Names that are not public.


def test_a_generators_state_has_the_words_of_the_mersenne_twister():
    """As Matsumoto and Nishimura start it, from the lower 32 bits of the seed."""
    expected = [12345]
    for place in range(1, 624):
        last = expected[-1]
        expected.append((1812433253 * (last ^ (last >> 30)) + place) % 2**32)
    state = torch.Generator().manual_seed(12345 + 2**40).get_state()
    assert state.numpy().view(np.uint32)[compat._WORDS].tolist() == expected


def test_all_bits_of_a_number_count_for_a_state():
    states = [compat.CPUState().following_from(2**n).clone() for n in range(64) if n != 32]
    assert len({tuple(state.tolist()) for state in states}) == 63


def test_keras_device_is_asked_for():
    assert compat.get_device() == ops.ones(1).device.type
    with keras.device("meta"):
        assert compat.get_device() == "meta"


def test_get_device_is_still_needed():
    places = (keras, keras.backend, keras.config)
    assert not any(hasattr(place, name) for place in places for name in ("get_device", "device_of"))


@pytest.mark.parametrize("kind", [tfd.Categorical, tfd.OneHotCategorical, tfd.Bernoulli])
def test_distributions_over_classes_know_what_they_were_made_from(kind):
    values = torch.tensor([0.25, 0.75])
    for given in ("logits", "probs"):
        distribution = kind(**{given: values})
        # Both are there then.
        assert distribution.logits.shape == distribution.probs.shape
        assert compat.given_parameter(distribution) == given


def test_a_distribution_of_any_value_checks_none_and_its_original_does():
    # Said explicitly: where PyTorch's compiler has run, its distributions check nothing by default.
    uniform = tfd.Uniform(torch.zeros(2), 1.0, validate_args=True)
    classes = tfd.Categorical(torch.ones(2))
    made = {
        "itself": uniform,
        "inside": tfd.Independent(uniform, 1, validate_args=True),
        "mixed": tfd.MixtureSameFamily(classes, uniform, validate_args=True),
    }
    for name, distribution in made.items():
        value = torch.full(distribution.batch_shape + distribution.event_shape, 0.5)
        found = compat.of_any_value(distribution)
        assert found.log_prob(value).tolist() == distribution.log_prob(value).tolist(), name
        assert torch.isinf(found.log_prob(value + 9.0)).all(), name
        with pytest.raises(ValueError, match="within the support"):
            distribution.log_prob(value + 9.0)


def test_checks_of_values_still_cannot_be_turned_off_in_public():
    assert not hasattr(tfd.Normal(0.0, 1.0), "validate_args")


def test_the_state_of_every_layer_is_in_the_modules_own_dictionary():
    def network():
        keras.backend.clear_session()
        layers = [layer_dense_flipout(units=2), layer_dense_flipout(units=2)]
        model = keras.Sequential([keras.Input((3,)), *layers])
        return model, layers

    model, layers = network()
    for layer, scale in zip(layers, (0.5, 0.25), strict=True):
        layer.divergence_scale.assign(scale)
    loaded, others = network()
    loaded.load_state_dict(model.state_dict())
    assert [float(layer.divergence_scale.value) for layer in others] == [0.5, 0.25]
    states = [numpy_of(layer.stream.state) for layer in layers]
    assert_array_equal([numpy_of(layer.stream.state) for layer in others], states)
    assert len({variable.path for variable in model.variables}) == len(model.variables)


def test_a_layer_that_would_draw_anew_in_a_checkpoint_is_refused():
    layer = layer_dense_flipout(units=2)
    inputs = torch.ones((4, 3))
    layer(inputs)
    outputs = torch.utils.checkpoint.checkpoint(layer, inputs, use_reentrant=False)
    with pytest.raises(ArgumentError, match="must leave out what has layers that draw"):
        outputs.sum().backward()


def test_whether_a_gradient_is_being_computed_is_still_not_public():
    assert not hasattr(torch.autograd, "is_in_backward")
    number = torch.ones((), requires_grad=True)
    asked = []
    doubled = 2 * number
    doubled.register_hook(lambda _: asked.append(compat.is_in_backward()))
    doubled.backward()
    assert asked == [True]
    assert not compat.is_in_backward()
