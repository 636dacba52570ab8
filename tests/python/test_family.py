"""One contract over every layer of the family. Adding a layer means adding a row to `family.py`."""

import doctest
import inspect

import keras
import numpy as np
import pytest
from family import (
    CHANNELS,
    FLIPOUT,
    LOCAL,
    REPARAMETERIZATION,
    ROWS,
    every,
    is_linear,
    is_linear_in_both,
    is_representative,
    random_normal,
    takes_vectors,
)
from frameworks import (
    SEED_GENERATORS,
    assert_allclose,
    compiled,
    distributions,
    gradients,
    multivariate_normal,
    numpy_of,
    on,
    parameter,
    value_and_gradients,
)
from keras import ops
from keras_contract import run_layer_test
from oracles import parameters

import bayeslayers
from bayeslayers import ArgumentError
from bayeslayers.distributions.constructors import CONSTRUCTORS
from bayeslayers.distributions.kin import KIN_OF, Dropped
from bayeslayers.layers import (
    FAMILY,
    VariationalLayer,
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
)
from bayeslayers.testing import divergence, making

KERNELS = (
    *("kernel", "depthwise", "pointwise", "recurrent", "embeddings"),
    *("query", "key", "value", "output"),
)
# Names that the geometries share have the same default in all of them.
DEFAULTS = {
    **{"strides": 1, "padding": "valid", "data_format": "channels_last", "dilation_rate": 1},
    **{"output_padding": None, "depth_multiplier": 1, "seed": None},
    **{"activity_regularizer": None, "trainable": True, "bias_prior_fn": None},
    **{"mask_zero": False, "recurrent_activation": "sigmoid", "unit_forget_bias": True},
    **{"dropout": 0.0, "recurrent_dropout": 0.0, "return_sequences": False, "return_state": False},
    **{"go_backwards": False, "stateful": False, "unroll": False, "reset_after": True},
    **{f"{kernel}_posterior_fn": default_mean_field_normal_fn() for kernel in KERNELS},
    **{f"{kernel}_prior_fn": default_multivariate_normal_fn for kernel in KERNELS},
    **{"ensemble_size": 1, "kernel_initializer": "glorot_uniform", "kernel_regularizer": None},
    **{"alpha_posterior_fn": "mean_field_normal", "gamma_prior_fn": "normal"},
    "bias_posterior_fn": default_mean_field_normal_fn(is_singular=True),
}
REQUIRED = {
    *("filters", "kernel_size", "units", "input_dim", "output_dim", "equation"),
    *("num_heads", "key_dim", "head_dim", "num_query_heads", "num_key_value_heads"),
}


def random_bias(row):
    """Return the arguments that give the bias a distribution, where there is a bias."""
    return (
        {
            "bias_posterior_fn": default_mean_field_normal_fn(),
            "bias_prior_fn": default_multivariate_normal_fn,
        }
        if row.geometry.bias
        else {}
    )


PUBLIC = [
    name
    for name in bayeslayers.__all__
    if name in CONSTRUCTORS or inspect.isfunction(getattr(bayeslayers, name))
]
DROPPED = {name for name, kin in KIN_OF.items() if isinstance(kin.members[name], Dropped)}


def test_every_layer_has_a_row():
    """A layer that is no estimator of a linear map has a contract of its own, elsewhere."""
    family = {name: kind for name, kind in FAMILY.items() if issubclass(kind, VariationalLayer)}
    assert sorted(row.name for row in ROWS) == sorted(family)
    assert {row.function for row in ROWS} == {kind.function_name for kind in family.values()}
    assert {row.function for row in ROWS} <= set(PUBLIC)


@every(thin=True)
def test_function_and_class_are_one_layer(row):
    layer = row.layer()
    assert type(layer) is row.layer_class is getattr(bayeslayers.layers, row.name)
    assert row.layer_class.__name__ == row.name
    assert row.layer_class.function_name == row.function


@every(thin=True)
def test_the_signature_is_the_ancestors(row):
    geometry = row.geometry
    names = [*geometry.named.split(), *row.variational, *row.named.split(), "kwargs"]
    signature = inspect.signature(getattr(bayeslayers, row.function))
    assert list(signature.parameters) == ["object", *names]
    assert list(inspect.signature(row.layer_class).parameters) == names
    activation = {"activation": "tanh" if geometry.recurrent else None}
    for name in names[:-1]:
        default = signature.parameters[name].default
        is_required = name in REQUIRED or (name == "output_shape" and "equation" in names)
        assert (default is inspect.Parameter.empty) == is_required
        if name in DEFAULTS | activation:
            assert default == (DEFAULTS | activation)[name]


@every()
def test_its_own_arguments_follow_the_keras_layer_of_the_same_name(row):
    named = row.geometry.named.split()
    of_keras = [n for n in inspect.signature(row.geometry.oracle).parameters if n in named]
    if "output_padding" in named:
        # Its place is not the same in all of Keras's classes and versions; ours agree.
        assert named.index("output_padding") == named.index("padding") + 1
        named, of_keras = ([n for n in x if n != "output_padding"] for x in (named, of_keras))
    assert of_keras == named


@every(soon=is_representative)
def test_keras_layer_contract(row):
    geometry, whole_numbers = row.geometry, row.geometry.vocabulary is not None
    activation = {"activation": "tanh"} if geometry.applies_activation else {}
    run_layer_test(
        row.layer_class,
        init_kwargs={**geometry.arguments, **random_bias(row), **activation},
        input_shape=(2, *geometry.example),
        input_dtype="int32" if whole_numbers else "float32",
        expected_output_shape=(2, *geometry.outputs),
        expected_num_trainable_weights=2 * len(row.roles) + row.trained,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=SEED_GENERATORS,
        expected_num_losses=len(row.roles),
        supports_masking=geometry.supports_masking,
    )


@every()
def test_posterior_and_prior_have_the_shape_of_the_weight(row, rng):
    layer = row.layer(**random_bias(row))
    layer(row.geometry.inputs(rng))
    shapes = {**row.random, **({"bias": row.bias} if random_bias(row) else {})}
    for role, shape in shapes.items():
        for what in ("posterior", "prior"):
            assert tuple(getattr(layer, f"{role}_{what}").event_shape) == shape


@every()
def test_the_divergences_are_the_closed_form(row, rng):
    divergence.check_divergence_is_the_closed_form(row.subject(rng))


@every()
def test_the_divergence_is_handed_a_draw_of_the_kernel(row, rng):
    for role, shape in row.random.items():
        seen = []

        def divergence(q, p, sample, seen=seen):
            seen.append((q, p, numpy_of(sample)))
            return 0.0

        layer = row.layer(**{f"{role}_divergence_fn": divergence})
        layer(row.geometry.inputs(rng))
        q, p, sample = seen[-1]
        loc, scale = parameters(q)
        assert sample.shape == loc.shape == shape
        assert np.all(np.abs(sample - loc) > 0)
        # Eight standard deviations: it fails by chance once in 1e13 runs.
        assert np.all(np.abs(sample - loc) < 8 * scale)
        assert type(p).__name__ == "Independent"


@every(where=takes_vectors)
def test_gradients_reach_every_parameter_of_the_posterior(row, rng):
    layer = row.layer(**random_bias(row))
    inputs = parameter(row.geometry.inputs(rng))
    layer.build(inputs.shape)
    variables = [inputs, *layer.trainable_variables]
    found = numpy_of(gradients(lambda: ops.sum(ops.square(layer(inputs))), variables))
    roles = ["inputs", *(role for role in row.roles for _ in ("loc", "scale"))]
    # A trained kernel comes before its factors, with two parameters each.
    places = {1 + 5 * i for i in range(row.trained)}
    assert len(found) == len(roles) + len(places)
    assert all(np.all(found[place] != 0) for place in places)
    of_roles = [gradient for place, gradient in enumerate(found) if place not in places]
    for role, gradient in zip(roles, of_roles, strict=True):
        assert np.all(np.isfinite(gradient))
        assert np.all(row.geometry.moved(role, gradient) != 0)


def test_gradients_reach_the_embeddings_that_were_looked_up():
    layer = bayeslayers.layer_embedding_reparameterization(input_dim=4, output_dim=2)
    layer.build((1, 2))

    def total():
        return ops.sum(ops.square(layer(np.array([[0, 2]]))))

    for gradient in numpy_of(gradients(total, layer.trainable_variables)):
        assert np.all(np.isfinite(gradient))
        assert np.all((gradient != 0).any(axis=1) == [True, False, True, False])


@every(where=takes_vectors)
def test_zero_inputs_have_finite_gradients(row, rng):
    layer = row.layer(**random_bias(row))
    inputs = parameter(np.zeros_like(row.geometry.inputs(rng)))
    layer.build(inputs.shape)
    variables = [inputs, *layer.trainable_variables]
    for gradient in gradients(lambda: ops.sum(ops.square(layer(inputs) - 1.0)), variables):
        assert np.all(np.isfinite(numpy_of(gradient)))


@on("tensorflow")
@every(LOCAL)
def test_zero_inputs_have_finite_gradients_when_compiled(row, rng):
    """The gradient of a square root at zero: XLA, unlike TensorFlow itself, multiplies it out."""
    layer = row.layer(bias_posterior_fn=None)
    inputs = np.zeros_like(row.geometry.inputs(rng))
    layer.build(inputs.shape)

    def total():
        return ops.sum(ops.square(layer(inputs) - 1.0))

    found = compiled(lambda: gradients(total, layer.trainable_variables), jit_compile=True)
    for gradient in found():
        assert np.all(np.isfinite(gradient))


@every(REPARAMETERIZATION, where=is_linear_in_both)
def test_the_gradient_of_the_mean_is_that_of_the_deterministic_layer(row, rng):
    """The outputs are linear in the kernel: its gradient does not depend on the draw."""
    geometry = row.geometry
    layer, inputs = row.layer(bias_posterior_fn=None), geometry.inputs(rng)
    oracle = geometry.keras_layer(use_bias=False)
    weight = rng.normal(size=(len(inputs), *geometry.outputs))
    weight = ops.convert_to_tensor(weight, "float32")
    found = []
    for of_keras in (layer, oracle):
        of_keras.build(inputs.shape)
        of_loc = of_keras.trainable_variables[:1]
        found += gradients(lambda of=of_keras: ops.sum(ops.multiply(weight, of(inputs))), of_loc)
    assert_allclose(*numpy_of(found), rtol=1e-4, atol=1e-4)


@every()
def test_a_saved_model_comes_back_to_the_bit(row, rng):
    further = {**random_bias(row), **row.geometry.variations[0]}
    making.check_file_brings_it_back(row.subject(rng, **further))


@every()
def test_training_follows_the_data(row, rng):
    inputs = row.geometry.inputs(rng)
    layer, optimizer = row.layer(), keras.optimizers.SGD(0.1)
    layer.build(inputs.shape)
    errors = []

    def error():
        # Within what a recurrent layer can give.
        return ops.mean(ops.square(layer(inputs) - 0.8))

    for _ in range(8):
        value, found = value_and_gradients(error, layer.trainable_variables)
        optimizer.apply(found, layer.trainable_variables)
        errors.append(value)
    assert errors[-1] < 0.8 * errors[0]


@every()
def test_bad_arguments_are_refused(row):
    for further, argument, rule in row.geometry.bad:
        with pytest.raises(ArgumentError) as caught:
            row.layer(**further)
        assert caught.value.argument == argument, further
        assert caught.value.rule.startswith(rule), further
        assert argument in caught.value.received


@every()
def test_missing_arguments_are_refused(row):
    for missing in REQUIRED & set(row.geometry.arguments):
        given = {name: v for name, v in row.geometry.arguments.items() if name != missing}
        with pytest.raises(ArgumentError, match=f"`{missing}` must be given"):
            row.layer_class(**given)


@every()
def test_inputs_that_do_not_fit_are_refused(row):
    for shape, rule in row.geometry.bad_inputs:
        with pytest.raises(ArgumentError, match=rule):
            row.layer()(np.ones(shape, "float32"))


@every(where=takes_vectors)
def test_inputs_without_a_known_number_of_channels_are_refused(row):
    unknown = keras.Input((*row.geometry.example[:-1], None))
    with pytest.raises(ArgumentError, match="a known number of channels"):
        row.layer()(unknown)


@every(where=takes_vectors)
def test_later_inputs_must_have_the_same_channels(row, rng):
    layer, inputs = row.layer(), row.geometry.inputs(rng)
    layer(inputs)
    with pytest.raises(ValueError, match=f"to have value {CHANNELS}"):
        layer(inputs[..., :1])


def laplace(dtype, shape, name, trainable, add_variable_fn):
    del name, trainable, add_variable_fn
    of_weight = distributions.Laplace(ops.zeros(shape, dtype), ops.ones([], dtype))
    return distributions.Independent(of_weight, len(shape))


@every(FLIPOUT, LOCAL)
def test_a_posterior_that_is_not_normal_is_refused(row, rng):
    for kernel in row.geometry.kernels:
        argument = f"{kernel}_posterior_fn"
        with pytest.raises(ArgumentError, match=r"must return an Independent\(Normal\)") as caught:
            row.layer(**{argument: laplace})(row.geometry.inputs(rng))
        assert caught.value.argument == argument
        assert caught.value.received == {argument: "Independent(Laplace)"}


@every(REPARAMETERIZATION)
def test_any_posterior_will_do(row, rng):
    def monte_carlo(q, p, sample):
        return q.log_prob(sample) - p.log_prob(sample)

    functions = {"posterior_fn": laplace, "divergence_fn": monte_carlo}
    kernels = row.geometry.kernels
    layer = row.layer(**{f"{k}_{what}": fn for k in kernels for what, fn in functions.items()})
    assert np.all(np.isfinite(numpy_of(layer(row.geometry.inputs(rng)))))
    assert len(layer.losses) == len(kernels)
    assert np.all(np.isfinite([float(loss) for loss in layer.losses]))


@every(REPARAMETERIZATION, where=is_linear)
def test_a_posterior_with_full_covariance_moves_all_weights_at_once(row, rng):
    """With a covariance of rank one, all draws lie on a line through the mean."""
    geometry = row.geometry
    loc, direction = random_normal(geometry.kernel)

    def along_a_line(dtype, shape, name, trainable, add_variable_fn):
        del dtype, name, trainable, add_variable_fn
        factor = np.zeros((loc.size, loc.size), "float32")
        factor[:, 0] = direction.ravel()
        return multivariate_normal(loc, factor)

    inputs = geometry.inputs(rng)
    (role,) = geometry.kernels
    arguments = {f"{role}_posterior_fn": along_a_line, f"{role}_prior_fn": None}
    without_bias = {"bias_posterior_fn": None} if geometry.bias else {}
    outputs = numpy_of(row.layer(**arguments, **without_bias)(inputs))
    centre = geometry.deterministic(inputs, loc)
    slope = geometry.deterministic(inputs, direction)
    step = np.sum((outputs - centre) * slope) / np.sum(slope**2)
    assert abs(step) > 1e-3
    assert_allclose(outputs, centre + step * slope, rtol=1e-3, atol=1e-4)


# They show what TensorFlow prints, and make distributions of TensorFlow Probability.
@on("tensorflow")
@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_in_the_documentation_runs(name):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    text = inspect.getdoc(getattr(bayeslayers, name))
    example = parser.get_doctest(text, {}, name, None, None)
    # A class that the library has dropped has none.
    assert (len(example.examples) > 1) == (name not in DROPPED)
    said = []
    results = runner.run(example, out=said.append)
    assert results.failed == 0, "".join(said)
