"""The eight functions: what they are handed, what they may return, and how it trains."""

import keras
import numpy as np
import pytest
from frameworks import (
    BACKEND,
    assert_allclose,
    assert_array_equal,
    assert_array_less,
    gradients,
    moment,
    native_variable,
    numpy_of,
    on,
)
from frameworks import distributions as tfd
from keras import ops
from models import conv
from oracles import convolve, parameters
from posteriors import fixed_normal, fixed_value, trainable_normal

from bayeslayers import ArgumentError, tfd_kl_divergence, tfd_mean, tfd_sample
from bayeslayers.backend import native_dtype
from bayeslayers.layers import (
    DenseReparameterization,
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
)

SHAPES = {"kernel": (3, 3, 4), "bias": (4,)}
OWN = "must make its variables with `add_variable_fn`"
POINT = f"Independent({'Point' if BACKEND == 'torch' else 'Deterministic'})"
MINE = "Parameter" if BACKEND == "torch" else "mine"  # PyTorch's have no names.
TENSOR = {"tensorflow": "tf.Tensor", "jax": "Array(", "torch": "tensor("}[BACKEND]


def gradients_of(layer, inputs):
    layer.build(inputs.shape)

    def loss():
        return ops.sum(ops.square(layer(inputs))) + sum(layer.losses)

    return gradients(loss, layer.trainable_variables)


def test_a_posterior_function_is_called_as_in_tensorflow_probability(inputs):
    calls = []

    def posterior(dtype, shape, name, trainable, add_variable_fn):
        calls.append((dtype, tuple(shape), name, trainable, callable(add_variable_fn)))
        return trainable_normal(dtype, shape, name, trainable, add_variable_fn)

    arguments = {
        f"{role}_{what}_fn": posterior
        for role in ("kernel", "bias")
        for what in ("posterior", "prior")
    }
    conv(**arguments)(inputs)
    assert set(calls) == {
        (native_dtype("float32"), shape, f"{role}_{what}", True, True)
        for role, shape in (("kernel", (3, 3, 4)), ("bias", (4,)))
        for what in ("posterior", "prior")
    }


def test_gradients_reach_every_parameter_of_the_default(inputs):
    layer = conv(
        bias_posterior_fn=default_mean_field_normal_fn(),
        bias_prior_fn=default_multivariate_normal_fn,
    )
    found = gradients_of(layer, inputs)
    assert len(found) == 4
    assert all(np.all(numpy_of(gradient) != 0) for gradient in found)


def test_gradients_reach_variables_that_a_function_transforms_on_the_spot(inputs):
    functions = {
        f"{role}_{what}_fn": trainable_normal
        for role in ("kernel", "bias")
        for what in ("posterior", "prior")
    }
    layer = conv(**functions)
    layer(inputs)
    # Apart from each other: where posterior and prior are equal, the divergence is flat.
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    found = gradients_of(layer, inputs)
    assert len(found) == 8
    assert all(np.all(numpy_of(gradient) != 0) for gradient in found)


def test_a_scale_computed_on_the_spot_follows_its_variable(inputs):
    layer = conv(kernel_posterior_fn=trainable_normal)
    layer(inputs)
    rho = next(v for v in layer.trainable_variables if "rho" in v.path)
    rho.assign(np.full(rho.shape, 2.0))
    assert_allclose(moment(layer.kernel_posterior, "stddev"), np.log1p(np.exp(2.0)), rtol=1e-6)


# Elsewhere a distribution is one of values; the layer's property makes it anew.
@on("tensorflow")
def test_a_posterior_held_from_before_an_update_follows_it(inputs):
    layer = conv(bias_posterior_fn=default_mean_field_normal_fn())
    layer(inputs)
    held = [layer.kernel_posterior, layer.bias_posterior]
    before = [parameters(posterior) for posterior in held]
    layer.set_weights([weight + 1 for weight in layer.get_weights()])
    for posterior, (loc, scale) in zip(held, before, strict=True):
        assert_allclose(moment(posterior, "mean"), loc + 1, rtol=1e-5)
        assert_array_less(scale, moment(posterior, "stddev"))


def test_training_moves_every_parameter(inputs):
    model = keras.Sequential([conv(bias_posterior_fn=default_mean_field_normal_fn())])
    model(inputs)
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(inputs, np.ones((4, 8, 4)), verbose=0)
    assert all(np.all(a != b) for a, b in zip(before, model.get_weights(), strict=True))


def test_an_untrainable_layer_has_no_trainable_weights(inputs):
    layer = conv(trainable=False)
    layer(inputs)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 3
    assert gradients_of(layer, inputs) == []


@pytest.mark.parametrize("at_first", [True, False])
def test_freezing_and_thawing_a_built_layer(inputs, at_first):
    layer = conv(trainable=at_first)
    layer(inputs)
    layer.trainable = False
    assert layer.trainable_weights == []
    layer.trainable = True
    assert len(layer.trainable_weights) == 3
    assert all(gradient is not None for gradient in gradients_of(layer, inputs))


def test_a_variable_that_asks_not_to_be_trained_is_not(inputs):
    def posterior(dtype, shape, name, trainable, add_variable_fn):
        return trainable_normal(dtype, shape, name, False, add_variable_fn)

    layer = conv(kernel_posterior_fn=posterior)
    layer(inputs)
    assert [variable.name for variable in layer.trainable_weights] == ["bias_posterior_loc"]


def test_the_bias_may_be_left_out(inputs):
    layer = conv(bias_posterior_fn=None, bias_posterior_tensor_fn=None)
    layer(inputs)
    assert len(layer.weights) == 2
    assert layer.bias_posterior is None
    assert layer.bias_prior is None


def test_the_posterior_tensor_functions_choose_the_draw(inputs):
    kernel = np.random.default_rng(2).normal(size=(3, 3, 4)).astype("float32")
    layer = conv(
        kernel_posterior_fn=fixed_normal(kernel, 1.0),
        kernel_posterior_tensor_fn=lambda q: ops.zeros_like(moment(q, "mean")),
        bias_posterior_fn=fixed_normal([1.0, 2.0, 3.0, 4.0], 5.0),
        bias_posterior_tensor_fn=tfd_mean,
    )
    expected = convolve(inputs, kernel, np.array([1.0, 2.0, 3.0, 4.0]))
    assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)


# PyTorch's distributions take no seed.
@on("tensorflow", "jax")
def test_a_draw_may_have_a_seed_of_its_own(inputs):
    seed = ops.convert_to_tensor([3, 4], "uint32" if BACKEND == "jax" else "int32")
    layer = conv(
        kernel_posterior_tensor_fn=lambda q: ops.zeros_like(moment(q, "mean")),
        bias_posterior_fn=fixed_normal(0.0, 1.0),
        bias_posterior_tensor_fn=lambda q: q.sample(seed=seed),
    )
    assert_array_equal(layer(inputs), layer(inputs))


@pytest.mark.parametrize(
    ("argument", "shape"),
    [("kernel_posterior_tensor_fn", (3, 3, 4)), ("bias_posterior_tensor_fn", (4,))],
)
@pytest.mark.parametrize(
    ("draw", "received"),
    [(lambda q: q.sample((2,)), "(2, "), (lambda q: 0.0, "()"), (lambda q: None, "None")],
    ids=["two draws", "number", "None"],
)
def test_a_draw_of_another_shape_is_refused(argument, shape, draw, received, inputs):
    with pytest.raises(ArgumentError) as caught:
        conv(**{argument: draw})(inputs)
    assert caught.value.argument == argument
    assert caught.value.rule == f"must return a tensor of shape {shape}"
    assert received in caught.value.received[argument]


def test_functions_of_a_users_own_leave_the_seeds_of_later_layers_as_they_are(inputs):
    def next_seed(**functions):
        keras.utils.set_random_seed(3)
        conv(**functions).build(inputs.shape)
        return keras.initializers.RandomNormal().seed

    functions = {
        "kernel_divergence_fn": lambda q, p, _: tfd_kl_divergence(q, p) / 2,
        "kernel_posterior_tensor_fn": lambda posterior: posterior.sample(),
    }
    assert next_seed(**functions) == next_seed()
    # A prior with variables makes initializers, too; without a divergence nothing looks at it.
    prior = {"kernel_prior_fn": default_mean_field_normal_fn()}
    assert next_seed(**prior) == next_seed(**prior, kernel_divergence_fn=None)


def test_functions_may_be_objects_with_a_call_method(inputs):
    class Zero:
        def __call__(self, q, p, sample):
            return 0.0

    layer = conv(kernel_divergence_fn=Zero())
    layer(inputs)
    assert [float(loss) for loss in layer.losses] == [0.0]


def own_variable(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    loc = native_variable(ops.zeros(shape, dtype), "mine")
    return tfd.Independent(tfd.Normal(loc, 1.0), len(shape))


BEFORE = {
    shape: keras.Variable(np.zeros(shape, "float32"), name="mine") for shape in SHAPES.values()
}


def variable_made_before(dtype, shape, name, trainable, add_variable_fn):
    del dtype, name, trainable, add_variable_fn
    return tfd.Independent(tfd.Normal(BEFORE[tuple(shape)].value, 1.0), len(shape))


def wrong_shape(dtype, shape, name, trainable, add_variable_fn):
    del shape, name, trainable, add_variable_fn
    return tfd.Independent(tfd.Normal(ops.zeros((2, 2), dtype), 1.0), 2)


def not_independent(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    return tfd.Normal(ops.zeros(shape, dtype), 1.0)


def laplace(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    return tfd.Independent(tfd.Laplace(ops.zeros(shape, dtype), 1.0), len(shape))


def no_distribution(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    return ops.zeros(shape, dtype)


def new_variable_each_time():
    count = iter(range(1000))

    def posterior(dtype, shape, name, trainable, add_variable_fn):
        loc = add_variable_fn(name=f"{name}_{next(count)}", shape=shape, initializer="zeros")
        return tfd.Independent(tfd.Normal(loc, 1.0), len(shape))

    return posterior


@pytest.mark.parametrize(
    ("posterior", "rule", "received"),
    [
        pytest.param(own_variable, OWN, MINE, marks=on("tensorflow", "torch")),
        (variable_made_before, OWN, MINE),
        (not_independent, "must return an Independent(Normal) distribution", "Normal"),
        (laplace, "must return an Independent(Normal)", "Independent(Laplace)"),
        (fixed_value(0.0), "must return an Independent(Normal)", POINT),
        (no_distribution, "must return a distribution", TENSOR),
        (new_variable_each_time(), "must ask for the same variables", "new variable"),
    ],
    ids=[
        "own variable",
        "variable made before",
        "Normal",
        "Laplace",
        "Deterministic",
        "tensor",
        "new variables",
    ],
)
def test_a_posterior_that_flipout_can_not_use_is_refused(posterior, rule, received, inputs):
    with pytest.raises(ArgumentError) as caught:
        conv(kernel_posterior_fn=posterior)(inputs)
    assert caught.value.argument == "kernel_posterior_fn"
    assert caught.value.rule.startswith(rule)
    assert received in caught.value.received["kernel_posterior_fn"]


@pytest.mark.parametrize(
    ("argument", "shape"), [("kernel_posterior_fn", (3, 3, 4)), ("bias_posterior_fn", (4,))]
)
def test_a_posterior_of_another_shape_is_refused(argument, shape, inputs):
    with pytest.raises(ArgumentError) as caught:
        conv(**{argument: wrong_shape})(inputs)
    assert caught.value.argument == argument
    assert str(shape) in caught.value.rule
    assert caught.value.received == {"shape": "(2, 2)"}


def test_a_prior_of_another_shape_is_refused(inputs):
    with pytest.raises(ArgumentError, match=r"kernel_prior_fn` .*tensors of shape \(3, 3, 4\)"):
        conv(kernel_prior_fn=wrong_shape)(inputs)


@pytest.mark.parametrize("role", ["kernel", "bias"])
@pytest.mark.parametrize("form", ["as it is", "as part of a number"])
def test_functions_on_variables_of_their_own_are_refused(role, form, inputs):
    variable = native_variable(ops.ones(()), "mine")
    forms = {"as it is": lambda: variable, "as part of a number": lambda: 1 + ops.exp(variable)}
    scale = forms[form]
    functions = {
        "posterior_tensor_fn": lambda posterior: posterior.sample() * scale(),
        "divergence_fn": lambda q, p, _: scale() * tfd_kl_divergence(q, p),
    }
    priors = {f"{role}_prior_fn": default_multivariate_normal_fn for role in ("kernel", "bias")}
    for name, function in functions.items():
        argument = f"{role}_{name}"
        bias = {"bias_posterior_fn": default_mean_field_normal_fn()}
        layer = conv(**priors, **bias, **{argument: function})
        with pytest.raises(ArgumentError, match=f"`{argument}` must use no variables .*{MINE}"):
            layer(inputs)


class WithAVariable(DenseReparameterization):
    """A layer with a variable besides those of its distributions."""

    def __init__(self, trainable, **functions):
        super().__init__(2, **functions)
        self.temperature = self.add_weight(
            name="temperature", shape=(), initializer="ones", trainable=trainable
        )


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("argument", ["divergence_fn", "posterior_tensor_fn", "prior_fn"])
def test_functions_may_use_the_variables_of_a_derived_layer(argument, trainable):
    functions = {
        "divergence_fn": lambda q, p, _: layer.temperature.value * tfd_kl_divergence(q, p),
        "posterior_tensor_fn": lambda q: layer.temperature.value * tfd_sample(q),
        "prior_fn": lambda dtype, shape, *_: tfd.Independent(
            tfd.Normal(ops.zeros(shape), layer.temperature.value * ops.ones(shape)), 2
        ),
    }
    layer = WithAVariable(trainable, **{f"kernel_{argument}": functions[argument]})
    layer(np.ones((4, 3), "float32"))
    before = numpy_of(layer.losses[0])
    layer.temperature.assign(2.0)
    layer(np.ones((4, 3), "float32"))
    expected = {"divergence_fn": 2.0 * before}.get(argument)
    if expected is not None:
        assert_allclose(layer.losses[0], expected, rtol=1e-5)
    if trainable:
        (gradient,) = gradients(
            lambda: ops.sum(layer(np.ones((4, 3), "float32"))) + layer.losses[0],
            [layer.temperature],
        )
        assert numpy_of(gradient) != 0


@on("tensorflow", "torch")
def test_functions_may_use_what_is_frozen():
    """On JAX a compiled step would keep the first values."""
    frozen = keras.layers.Dense(1)
    frozen.build((None, 2))
    frozen.trainable = False

    def divergence(q, p, sample):
        return tfd_kl_divergence(q, p) + ops.sum(ops.square(frozen(sample)))

    layer = DenseReparameterization(2, kernel_divergence_fn=divergence)
    layer(np.ones((4, 3), "float32"))
    assert len(layer.losses) == 1


def test_a_prior_on_a_variable_of_its_own_is_refused(inputs):
    with pytest.raises(ArgumentError) as caught:
        conv(kernel_prior_fn=variable_made_before if BACKEND == "jax" else own_variable)(inputs)
    assert caught.value.argument == "kernel_prior_fn"


@pytest.mark.parametrize(
    "name", ["kernel_posterior", "kernel_prior", "bias_posterior", "bias_prior"]
)
def test_distributions_are_there_after_build(name):
    layer = conv(bias_prior_fn=default_multivariate_normal_fn)
    with pytest.raises(AttributeError, match=f"`{name}` is there once layer"):
        getattr(layer, name)
    layer.build((None, 10, 3))
    shape = (3, 3, 4) if "kernel" in name else (4,)
    assert tuple(getattr(layer, name).event_shape) == shape
