"""Every argument's rule: the error names the argument, the rule and what was received."""

import inspect

import keras
import numpy as np
import pytest
from frameworks import BACKEND, on
from keras import ops

from bayeslayers import (
    ArgumentError,
    layer_autoregressive,
    layer_conv_1d_flipout,
    layer_conv_2d_flipout,
    layer_dense_flipout,
    layer_variable,
)
from bayeslayers.layers import (
    AutoregressiveNetwork,
    Conv1DFlipout,
    Convolution1DFlipout,
    DenseVariational,
    DistributionLambda,
    VariableLayer,
    default_mean_field_normal_fn,
)

POSITIVE = "must be a positive whole number"
ONE_POSITIVE = "must be one positive whole number"
PADDING = 'must be one of "valid", "same", "causal", in upper or lower case'
DATA_FORMAT = 'must be one of "channels_last", "channels_first"'
FUNCTION = "must be a function"
SEED = "must be a whole number from 0 to 2147483647, or left empty"

BAD = [
    *[("filters", value, POSITIVE) for value in (0, -1, 1.5, 8.0, "8", True, None, [8])],
    *[("kernel_size", value, ONE_POSITIVE) for value in ((3, 3), 0, -1, 1.5, "3", (), None, True)],
    *[("strides", value, ONE_POSITIVE) for value in (0, (1, 1), 1.5, "1")],
    *[("dilation_rate", value, ONE_POSITIVE) for value in (0, (1, 1), 1.5)],
    *[("padding", value, PADDING) for value in ("foo", 1, None, "")],
    *[("data_format", value, DATA_FORMAT) for value in ("foo", None, "NWC", 1)],
    *[("groups", value, POSITIVE) for value in (0, 1.5, "2")],
    ("activation", "foo", "must be the name of a Keras activation"),
    ("activation", 3, "must be the name of a Keras activation"),
    ("activity_regularizer", "foo", "must be the name of a Keras regularizer"),
    ("activity_regularizer", 0.1, "must be the name of a Keras regularizer"),
    *[("trainable", value, "must be true or false") for value in (1, "yes", None)],
    *[("kernel_posterior_fn", value, FUNCTION) for value in (None, 3, "normal")],
    *[("kernel_posterior_tensor_fn", value, FUNCTION) for value in (None, 3)],
    *[("bias_posterior_tensor_fn", value, FUNCTION) for value in (None, 3)],
    ("kernel_prior_fn", 3, FUNCTION),
    ("kernel_divergence_fn", "kl", FUNCTION),
    ("bias_posterior_fn", 0, FUNCTION),
    ("bias_prior_fn", [], FUNCTION),
    ("bias_divergence_fn", 1.0, FUNCTION),
    *[("seed", value, SEED) for value in (-1, 1.5, "1", 2**31, True)],
    *[("name", value, 'must be a string without "/"') for value in (3, "a/b", "")],
    *[("dtype", value, "must be a Keras dtype") for value in ("foo", 3)],
    *[
        ("input_shape", value, "must list the positive sizes")
        for value in (10, (10, 0), "10", (1.5,))
    ],
]


@pytest.mark.parametrize(("argument", "value", "rule"), BAD, ids=lambda part: repr(part)[:25])
def test_a_bad_value_is_refused(argument, value, rule):
    arguments = {"filters": 8, "kernel_size": 3, argument: value}
    with pytest.raises(ArgumentError) as caught:
        layer_conv_1d_flipout(**arguments)
    error = caught.value
    assert error.argument == argument
    assert error.rule.startswith(rule)
    assert error.received == {argument: repr(value)}
    assert f"`{argument}` {rule}" in str(error)
    assert f"Received: {argument}={value!r}" in str(error)


@pytest.mark.parametrize(
    ("arguments", "argument", "rule", "received"),
    [
        (
            {"strides": 2, "dilation_rate": 3},
            "strides",
            "must be 1 where `dilation_rate` is above 1",
            {"strides": "(2,)", "dilation_rate": "(3,)"},
        ),
        ({"groups": 3}, "groups", "must divide `filters`", {"groups": "3", "filters": "8"}),
        ({"filters": None}, "filters", POSITIVE, {"filters": "None"}),
    ],
    ids=["strides and dilation", "groups and filters", "filters"],
)
def test_rules_that_join_arguments_show_all_of_them(arguments, argument, rule, received):
    with pytest.raises(ArgumentError) as caught:
        layer_conv_1d_flipout(**{"filters": 8, "kernel_size": 3, **arguments})
    assert (caught.value.argument, caught.value.rule) == (argument, rule)
    assert caught.value.received == received


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("filter", "filters"),
        ("kernelsize", "kernel_size"),
        ("stride", "strides"),
        ("dilation_rates", "dilation_rate"),
        ("kernel_posterior", "kernel_posterior_fn"),
        ("kernel_divergence", "kernel_divergence_fn"),
        ("bias_prior", "bias_prior_fn"),
        ("input_shapes", "input_shape"),
        ("Seed", "seed"),
        ("objekt", "object"),
    ],
)
@pytest.mark.parametrize("make", [layer_conv_1d_flipout, Conv1DFlipout])
def test_a_misspelt_name_gets_a_suggestion(make, misspelt, meant):
    with pytest.raises(ArgumentError, match=f"Did you mean `{meant}`?") as caught:
        make(filters=8, kernel_size=3, **{misspelt: 7})
    assert caught.value.argument == misspelt
    assert caught.value.received == {misspelt: "7"}


@pytest.mark.parametrize(
    ("layer", "good", "bad"),
    [
        (Conv1DFlipout, {"filters": 8, "kernel_size": 3}, {"filters": 0}),
        (Conv1DFlipout, {"filters": 8, "kernel_size": 3}, {"activation": "foo"}),
        (Conv1DFlipout, {"filters": 8, "kernel_size": 3}, {"kernel_prior_fn": 3}),
        (
            DenseVariational,
            {"units": 2, "make_posterior_fn": print, "make_prior_fn": print},
            {"units": 0},
        ),
        (DistributionLambda, {"make_distribution_fn": print}, {"make_distribution_fn": 3}),
        (VariableLayer, {"shape": 2}, {"shape": -1}),
        (AutoregressiveNetwork, {"params": 2}, {"params": 0}),
    ],
    ids=lambda part: part.__name__ if isinstance(part, type) else "-".join(part),
)
def test_a_refused_layer_takes_no_automatic_name(layer, good, bad):
    keras.backend.clear_session()
    name = layer(**good).name
    keras.backend.clear_session()
    with pytest.raises(ArgumentError):
        layer(**{**good, **bad})
    assert layer(**good).name == name


def test_an_unknown_name_far_from_all_others_gets_none():
    with pytest.raises(ArgumentError, match="`xyz` is not an argument of this layer") as caught:
        layer_conv_1d_flipout(filters=8, kernel_size=3, xyz=1)
    assert caught.value.hint is None


@pytest.mark.parametrize("missing", ["filters", "kernel_size"])
def test_required_arguments_are_required(missing):
    given = {name: 3 for name in ("filters", "kernel_size") if name != missing}
    with pytest.raises(ArgumentError, match=f"`{missing}` must be given") as caught:
        layer_conv_1d_flipout(**given)
    assert caught.value.argument == missing


@pytest.mark.parametrize(
    "call",
    [
        lambda: layer_conv_1d_flipout(None, 8, 3, filters=8),
        lambda: layer_conv_1d_flipout(None, 8, 3, *[None] * 30),
    ],
    ids=["twice", "too many"],
)
def test_a_call_that_fits_no_signature_is_a_type_error(call):
    with pytest.raises(TypeError):
        call()


def test_an_argument_error_is_what_callers_of_keras_catch():
    assert issubclass(ArgumentError, ValueError)


@pytest.mark.parametrize(
    ("shape", "arguments", "argument", "rule"),
    [
        ((10, 3), {}, "inputs", "must have 3 dimensions"),
        ((2, 10, 3, 1), {}, "inputs", "must have 3 dimensions"),
        ((2, 10, 3), {"groups": 2}, "groups", "must divide the number of input channels"),
    ],
    ids=["rank 2", "rank 4", "groups"],
)
def test_inputs_that_do_not_fit_are_refused(shape, arguments, argument, rule):
    layer = layer_conv_1d_flipout(filters=4, kernel_size=3, **arguments)
    with pytest.raises(ArgumentError, match=rule) as caught:
        layer(np.ones(shape, "float32"))
    assert caught.value.argument == argument


def test_inputs_without_a_known_number_of_channels_are_refused():
    with pytest.raises(ArgumentError, match="must have a known number of channels"):
        layer_conv_1d_flipout(keras.Input((10, None)), filters=4, kernel_size=3)


def test_a_kernel_longer_than_the_series_is_refused():
    with pytest.raises(ArgumentError, match="must span no more positions") as caught:
        layer_conv_1d_flipout(keras.Input((4, 3)), filters=4, kernel_size=3, dilation_rate=2)
    assert caught.value.argument == "kernel_size"
    assert caught.value.received == {"kernel_size": "(3,)", "span": "5", "positions": "4"}


def test_later_inputs_must_have_the_same_channels(inputs):
    layer = layer_conv_1d_flipout(filters=4, kernel_size=3)
    layer(inputs)
    with pytest.raises(ValueError, match="to have value 3"):
        layer(inputs[..., :2])


@pytest.mark.parametrize("value", [8, np.int32(8), np.int64(8)], ids=repr)
def test_whole_numbers_of_numpy_are_whole_numbers(value):
    layer = layer_conv_1d_flipout(filters=value, kernel_size=value, seed=value)
    assert type(layer.filters) is int
    assert layer.get_config()["kernel_size"] == (8,)


@pytest.mark.parametrize("value", [3, (3,), [3]], ids=repr)
def test_a_size_may_stand_alone_or_in_a_sequence(value):
    layer = layer_conv_1d_flipout(filters=8, kernel_size=value, dilation_rate=value)
    assert (layer.kernel_size, layer.dilation_rate) == ((3,), (3,))


def test_the_signature_is_the_ancestors():
    names = """
        object filters kernel_size strides padding data_format dilation_rate activation
        activity_regularizer trainable kernel_posterior_fn kernel_posterior_tensor_fn
        kernel_prior_fn kernel_divergence_fn bias_posterior_fn bias_posterior_tensor_fn
        bias_prior_fn bias_divergence_fn kwargs
    """
    signature = inspect.signature(layer_conv_1d_flipout)
    assert list(signature.parameters) == names.split()
    assert list(inspect.signature(Conv1DFlipout).parameters) == names.split()[1:]
    empty = inspect.Parameter.empty
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    assert defaults["object"] is defaults["filters"] is defaults["kernel_size"] is empty
    assert [defaults[name] for name in names.split()[3:10]] == [
        *(1, "valid", "channels_last", 1, None, None, True)
    ]
    assert defaults["bias_prior_fn"] is None
    assert defaults["kernel_posterior_fn"] == default_mean_field_normal_fn()
    assert defaults["bias_posterior_fn"] == default_mean_field_normal_fn(is_singular=True)


def test_tensorflow_probabilitys_other_name_is_the_same_class():
    assert Convolution1DFlipout is Conv1DFlipout


def test_name_and_input_shape_reach_keras():
    layer = layer_conv_1d_flipout(filters=4, kernel_size=3, name="series", input_shape=(10, 3))
    assert layer.name == "series"
    assert keras.Sequential([layer]).input_shape == (None, 10, 3)


def _tensor_shape(sizes):
    import tensorflow as tf

    return tf.TensorShape(sizes)


SHAPES = [
    pytest.param(shape, id=kind)
    for kind, shape in {
        "list": [12, 2],
        "range": range(2, 13, 10)[::-1],
        **({"TensorFlow": _tensor_shape([12, 2])} if BACKEND == "tensorflow" else {}),
        "array": np.array([12, 2]),
        "tensor": ops.convert_to_tensor([12, 2]),
        "list of tensors": [ops.convert_to_tensor(12), 2],
    }.items()
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_a_shape_wherever_it_comes_from(shape):
    model = layer_dense_flipout(keras.Sequential(), 1, input_shape=shape)
    assert model.input_shape == (None, 12, 2)
    assert layer_variable(shape=shape).get_config()["shape"] == (12, 2)
    conv = layer_conv_2d_flipout(filters=1, kernel_size=shape, strides=shape).get_config()
    assert (conv["kernel_size"], conv["strides"]) == ((12, 2), (12, 2))
    made = layer_autoregressive(params=2, event_shape=3, hidden_units=shape).get_config()
    assert made["hidden_units"] == (12, 2)


@on("tensorflow")
def test_unknown_sizes_are_for_inputs_alone():
    shape = _tensor_shape([None, 2])
    model = layer_dense_flipout(keras.Sequential(), 1, input_shape=shape)
    assert model.input_shape == (None, None, 2)
    with pytest.raises(ArgumentError, match="`shape`"):
        layer_variable(shape=shape)
    with pytest.raises(ArgumentError, match="`input_shape`"):
        layer_dense_flipout(keras.Sequential(), 1, input_shape=_tensor_shape(None))
