"""Rules about a layer's arguments, its configuration, its file, and the shape of its outputs."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import tree

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.testing.check import require, rule
from bayeslayers.testing.subject import Subject, agree, difference, numbers


@rule()
def check_arguments_make_it(subject: Subject) -> None:
    """The layer is a subclass of a layer of bayeslayers, and its arguments make it."""
    is_ours = issubclass(subject.layer_class, BaseLayer)
    require(is_ours, "It is a subclass of none of them.")
    first, second = (subject.layer_class(**subject.arguments) for _ in range(2))
    require(first.name != second.name, f"Two layers have the same name, {first.name!r}.")
    named = subject.layer(name="of_this_name")
    require(named.name == "of_this_name", f"`name='of_this_name'` gave {named.name!r}.")


@rule(BaseLayer)
def check_unknown_arguments_are_refused(subject: Subject) -> None:
    """An argument that the layer does not have is refused with an `ArgumentError`."""
    try:
        subject.layer(no_such_argument=1)
    except ArgumentError as error:
        is_named = error.argument == "no_such_argument"
        require(is_named, f"`no_such_argument=1` was refused for `{error.argument}`.")
    except TypeError as error:
        require(False, f"`no_such_argument=1` was refused with a TypeError: {error}")
    else:
        require(False, "`no_such_argument=1` was accepted.")


@rule()
def check_config_makes_the_same_layer(subject: Subject) -> None:
    """The configuration has every argument, and makes the same layer."""
    layer = subject.layer()
    config = layer.get_config()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(subject.layer_class).parameters.values()
    names = {each.name for each in parameters if each.kind in by_name} | set(subject.arguments)
    # It is part of Keras's configuration of a built layer, in other words.
    missing = sorted(names - {"input_shape"} - set(config))
    require(not missing, f"`get_config()` lacks {', '.join(f'`{name}`' for name in missing)}.")
    text = json.dumps(keras.saving.serialize_keras_object(layer), default=repr)
    require("<lambda>" not in text, "It has a lambda, which no file can hold.")
    again = subject.layer_class.from_config(config)
    differing = sorted(n for n, value in again.get_config().items() if value != config.get(n))
    require(not differing, f"The layer that it makes has another {', '.join(differing)}.")


@rule()
def check_file_brings_it_back(subject: Subject) -> None:
    """A layer that is saved in a `.keras` file comes back with its variables and its stream."""
    model = subject.model(subject.layer())
    model(subject.inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = keras.models.load_model(path)
    is_same = again.layers[-1].get_config() == model.layers[-1].get_config()
    require(is_same, "It has other arguments.")
    pairs = zip(model.get_weights(), again.get_weights(), strict=True)
    require(all(np.array_equal(a, b) for a, b in pairs), "Its variables have other values.")
    for call in ("first", "second"):
        expected, found = model(subject.inputs), again(subject.inputs)
        require(
            agree(found, expected),
            f"The {call} call gives other outputs: {difference(found, expected)}.",
        )


@rule()
def check_outputs_are_as_inferred(subject: Subject) -> None:
    """Outputs are finite, and have the shape and the dtype that Keras infers."""
    layer = subject.layer()
    inferred = layer(keras.KerasTensor(subject.inputs.shape, subject.inputs.dtype.name))
    outputs = layer(subject.inputs)
    for of_shape, output in zip(tree.flatten(inferred), tree.flatten(outputs), strict=True):
        (values,) = numbers(output)
        shape = tuple(of_shape.shape)
        require(shape == values.shape, f"The shape is {values.shape}, and {shape} was inferred.")
        dtype = keras.backend.standardize_dtype(output.dtype)
        inferred_dtype = keras.backend.standardize_dtype(of_shape.dtype)
        require(dtype == inferred_dtype, f"The dtype is {dtype}; {inferred_dtype} was inferred.")
        require(np.all(np.isfinite(values)), "An output is not finite.")
