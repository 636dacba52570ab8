"""What comes back for each kind of `object`."""

import keras
import pytest
from frameworks import on
from keras import ops

from bayeslayers import ArgumentError, layer_conv_1d_flipout
from bayeslayers.layers import Conv1DFlipout


@pytest.mark.parametrize("arguments", [(), (None,)], ids=["missing", "None"])
def test_without_object_the_layer_comes_back(arguments):
    layer = layer_conv_1d_flipout(*arguments, filters=8, kernel_size=5)
    assert type(layer) is Conv1DFlipout
    assert (layer.filters, layer.kernel_size) == (8, (5,))


def test_object_may_be_given_by_name():
    assert type(layer_conv_1d_flipout(filters=8, kernel_size=5, object=None)) is Conv1DFlipout
    model = keras.Sequential()
    assert layer_conv_1d_flipout(filters=8, kernel_size=5, object=model) is model


def test_arguments_may_be_given_by_position():
    layer = layer_conv_1d_flipout(None, 8, 5, 2, "same")
    assert (layer.filters, layer.kernel_size, layer.strides, layer.padding) == (
        8,
        (5,),
        (2,),
        "same",
    )
    layer = Conv1DFlipout(8, 5, 2, "same")
    assert (layer.filters, layer.kernel_size, layer.strides, layer.padding) == (
        8,
        (5,),
        (2,),
        "same",
    )


def test_a_sequential_model_grows_and_comes_back():
    model = keras.Sequential([keras.Input((20, 3))])
    assert layer_conv_1d_flipout(model, 8, 5) is model
    assert layer_conv_1d_flipout(model, 4, 3) is model
    assert [layer.filters for layer in model.layers] == [8, 4]
    assert model.output_shape == (None, 14, 4)


def test_input_shape_builds_a_sequential_model():
    model = layer_conv_1d_flipout(keras.Sequential(), 8, 5, input_shape=(20, 3))
    assert model.built
    assert model.output_shape == (None, 16, 8)


def _of_keras_2():
    import tf_keras

    return tf_keras.Sequential()


def _native_variable(values):
    import tensorflow as tf

    return tf.Variable(values)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x,
        ops.convert_to_tensor,
        pytest.param(_native_variable, marks=on("tensorflow")),
        keras.Variable,
    ],
    ids=["array", "tensor", "tf.Variable", "keras.Variable"],
)
def test_data_is_passed_through_the_layer(convert, inputs):
    outputs = layer_conv_1d_flipout(convert(inputs), filters=8, kernel_size=5)
    assert ops.is_tensor(outputs)
    assert outputs.shape == (4, 6, 8)


def test_a_symbolic_tensor_is_extended(inputs):
    symbolic = keras.Input((10, 3))
    outputs = layer_conv_1d_flipout(symbolic, filters=8, kernel_size=5)
    assert isinstance(outputs, keras.KerasTensor)
    assert keras.Model(symbolic, outputs)(inputs).shape == (4, 6, 8)


def test_a_list_of_tensors_reaches_the_layer(inputs):
    # A convolution takes one tensor: it is the layer that refuses two, not the composition.
    with pytest.raises(ArgumentError) as caught:
        layer_conv_1d_flipout([inputs, ops.convert_to_tensor(inputs)], filters=8, kernel_size=5)
    assert caught.value.argument == "inputs"


def functional_model():
    symbolic = keras.Input((10, 3))
    return keras.Model(symbolic, keras.layers.ReLU()(symbolic))


@pytest.mark.parametrize(
    ("make", "received", "hint"),
    [
        (functional_model, "keras.src.models.functional.Functional", "pass its `output`"),
        pytest.param(
            _of_keras_2,
            "tf_keras.src.engine.sequential.Sequential",
            "Keras 2",
            marks=on("tensorflow"),
        ),
        (lambda: "model", "'model' (builtins.str)", None),
        (lambda: 8, "8 (builtins.int)", "by name"),
        (lambda: 2.5, "2.5 (builtins.float)", "by name"),
        (lambda: True, "True (builtins.bool)", None),
        (keras.layers.ReLU, "ReLU", None),
        (lambda: [[1.0, 2.0]], "builtins.list", None),
        (list, "builtins.list", None),
        (dict, "builtins.dict", None),
    ],
    ids=[
        "functional",
        "tf_keras",
        "string",
        "int",
        "float",
        "bool",
        "layer",
        "numbers",
        "[]",
        "{}",
    ],
)
def test_anything_else_is_refused(make, received, hint):
    with pytest.raises(ArgumentError, match="`object` must be a Keras 3 `Sequential`") as caught:
        layer_conv_1d_flipout(make(), filters=8, kernel_size=5)
    assert caught.value.argument == "object"
    assert received in caught.value.received["object"]
    if hint:
        assert hint in caught.value.hint


def test_object_is_refused_before_the_other_arguments():
    # `layer_conv_1d_flipout(8, 5)` is the likeliest slip, and reads best as one about `object`.
    with pytest.raises(ArgumentError) as caught:
        layer_conv_1d_flipout(8, 5)
    assert caught.value.argument == "object"


def test_a_failed_call_leaves_the_model_as_it_was():
    model = keras.Sequential([keras.Input((10, 3))])
    with pytest.raises(ArgumentError):
        layer_conv_1d_flipout(model, filters=0, kernel_size=5)
    assert model.layers == []
