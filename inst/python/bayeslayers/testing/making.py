"""Rules about a layer's arguments, its configuration, its file, and the shape of its outputs."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    unnamed = {name: value for name, value in subject.arguments.items() if name != "name"}
    first, second = (subject.layer_class(**unnamed) for _ in range(2))
    require(first.name != second.name, f"Two layers have the same name, {first.name!r}.")
    named = subject.layer(name="of_this_name")
    require(named.name == "of_this_name", f"`name='of_this_name'` gave {named.name!r}.")
    policy = subject.layer(dtype="mixed_bfloat16").dtype_policy.name
    require(policy == "mixed_bfloat16", f"`dtype='mixed_bfloat16'` gave {policy!r}.")


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
    parameters = list(inspect.signature(subject.layer_class).parameters.values())
    names = {each.name for each in parameters if each.kind in by_name} | set(subject.arguments)
    # It is part of Keras's configuration of a built layer, in other words.
    missing = sorted(names - {"input_shape"} - set(config))
    require(not missing, f"`get_config()` lacks {', '.join(f'`{name}`' for name in missing)}.")
    text = json.dumps(keras.saving.serialize_keras_object(layer), default=repr)
    require("<lambda>" not in text, "It has a lambda, which no file can hold.")
    again = subject.layer_class.from_config(config).get_config()
    differing = sorted(n for n, value in again.items() if not _are_same(value, config.get(n)))
    require(not differing, f"The layer that it makes has another {', '.join(differing)}.")
    defaults = {each.name: each.default for each in parameters}
    for name, value in subject.arguments.items():
        # Of numbers alone it is certain that they mean something else than the default.
        if all(isinstance(each, (int, float)) for each in (value, defaults.get(name))):
            is_lost = value != defaults[name] and config[name] == defaults[name]
            require(not is_lost, f"`{name}={value!r}` is {config[name]!r} in `get_config()`.")


@rule()
def check_file_brings_it_back(subject: Subject) -> None:
    """A layer that is saved in a `.keras` file comes back with its variables and its stream."""
    model = subject.model(subject.layer())
    model(subject.inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = keras.models.load_model(path)
    is_same = _are_same(again.layers[-1].get_config(), model.layers[-1].get_config())
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


def _are_same(found: Any, expected: Any) -> bool:
    """Whether parts of two configurations are the same, in a file or not: lists may be tuples."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        keys = found.keys() == expected.keys()
        return keys and all(_are_same(found[key], expected[key]) for key in found)
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        is_as_long = len(found) == len(expected)
        return is_as_long and all(map(_are_same, found, expected))
    if isinstance(found, np.ndarray) or isinstance(expected, np.ndarray):
        return np.array_equal(found, expected)
    return bool(found == expected)
