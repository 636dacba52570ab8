"""One small check per rule: each returns the value in standard form or raises `ArgumentError`."""

from __future__ import annotations

import math
import numbers
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeGuard, overload

import keras
import numpy as np

from bayeslayers.contract.errors import ArgumentError, Described

_LARGEST_SEED = 2**31 - 1


def _is_whole(value: Any) -> TypeGuard[int]:
    # numpy's integers are registered as Integral; bool is one too, but never meant as a number.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _listed(value: Any) -> Any:
    """Turn arrays, shapes and tensors into lists, and leave everything else as it is."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_listed(item) for item in value]
    if hasattr(value, "numpy"):
        # Not by that method, which PyTorch's tensors on other devices refuse.
        value = keras.ops.convert_to_numpy(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    # TensorFlow's shape, whose number of dimensions may not be known.
    return value.as_list() if getattr(value, "rank", None) is not None else value


def _positive_list(argument: str, value: Any, rule: str) -> tuple[int, ...]:
    """Positive whole numbers, however many; a single one is a list of one."""
    listed = _listed(value)
    listed = (listed,) if _is_whole(listed) else listed
    if not isinstance(listed, (list, tuple)) or not all(_is_whole(n) and n >= 1 for n in listed):
        raise ArgumentError(argument, rule, {argument: value})
    return tuple(int(item) for item in listed)


def positive_integer(argument: str, value: Any) -> int:
    """A whole number above zero."""
    if not _is_whole(value) or value < 1:
        raise ArgumentError(argument, "must be a positive whole number", {argument: value})
    return int(value)


def only_positive_integer(argument: str, value: Any) -> int:
    """A whole number above zero, alone or as the only one of a list."""
    is_list_of_one = isinstance(value, (list, tuple)) and len(value) == 1
    is_found = is_list_of_one and _is_whole(value[0]) and value[0] >= 1
    return positive_integer(argument, value[0] if is_found else value)


def positive_integers(argument: str, value: Any, count: int) -> tuple[int, ...]:
    """One positive whole number for each of `count` dimensions; a single one stands for all."""
    sizes = _listed(value)
    sizes = [sizes] * count if _is_whole(sizes) else sizes
    if (
        isinstance(sizes, list)
        and len(sizes) == count
        and all(_is_whole(item) and item >= 1 for item in sizes)
    ):
        return tuple(int(item) for item in sizes)
    listed = "" if count == 1 else f", or {count} of them"
    raise ArgumentError(argument, f"must be one positive whole number{listed}", {argument: value})


def output_padding(argument: str, value: Any, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Fewer positions than the stride of each dimension; a single number stands for all."""
    sizes = _listed(value)
    sizes = [sizes] * len(strides) if _is_whole(sizes) else sizes
    if sizes is None:
        return None
    if (
        isinstance(sizes, list)
        and len(sizes) == len(strides)
        and all(_is_whole(s) and 0 <= s < n for s, n in zip(sizes, strides, strict=True))
    ):
        return tuple(int(size) for size in sizes)
    rule = "must be a whole number from 0 to below `strides`, or left empty"
    raise ArgumentError(argument, rule, {argument: value, "strides": strides})


def choice(argument: str, value: Any, choices: Sequence[str], *, any_case: bool = False) -> str:
    """One of a few strings."""
    spelt = value.lower() if any_case and isinstance(value, str) else value
    if not isinstance(spelt, str) or spelt not in choices:
        listed = ", ".join(f'"{item}"' for item in choices)
        case = ", in upper or lower case" if any_case else ""
        raise ArgumentError(argument, f"must be one of {listed}{case}", {argument: value})
    return spelt


def boolean(argument: str, value: Any) -> bool:
    """A truth value, not a number that could stand for one."""
    if not isinstance(value, bool):
        raise ArgumentError(argument, "must be true or false", {argument: value})
    return value


@overload
def function(argument: str, value: Any, *, optional: Literal[False]) -> Callable[..., Any]: ...
@overload
def function(argument: str, value: Any, *, optional: bool) -> Callable[..., Any] | None: ...
def function(argument: str, value: Any, *, optional: bool) -> Callable[..., Any] | None:
    """Something that can be called; where the argument is optional, nothing as well."""
    if callable(value) or (optional and value is None):
        return value
    rule = "must be a function" if not optional else "must be a function, or left empty"
    raise ArgumentError(argument, rule, {argument: value})


def seed(argument: str, value: Any) -> int | None:
    """A seed that every generator in use takes."""
    if value is None:
        return None
    if not _is_whole(value) or not 0 <= value <= _LARGEST_SEED:
        rule = f"must be a whole number from 0 to {_LARGEST_SEED}, or left empty"
        raise ArgumentError(argument, rule, {argument: value})
    return int(value)


def seed_or_drawn(argument: str, value: Any) -> int:
    """A seed that every generator in use takes; where none is given, a random one."""
    given = seed(argument, value)
    # Keras draws its default seeds from the same generator, which `set_random_seed` sets.
    return random.randint(1, 10**9) if given is None else given


def sizes(argument: str, value: Any) -> tuple[int, ...]:
    """The shape of a variable, of which all sizes are known; a single number is a shape."""
    return _positive_list(argument, value, "must be a positive whole number, or a list of them")


def shape(argument: str, value: Any) -> tuple[int, ...]:
    """A shape of which all sizes are known: none of a single number, one of a vector."""
    rule = "must be a positive whole number, or a list of them, which may be empty"
    return _positive_list(argument, () if value is None else value, rule)


def axes(argument: str, value: Any) -> tuple[int, ...] | None:
    """Axes of a tensor, of which there may be none; empty for all of them."""
    if value is None:
        return None
    listed = _listed(value)
    listed = [listed] if _is_whole(listed) else listed
    if not isinstance(listed, (list, tuple)) or not all(map(_is_whole, listed)):
        rule = "must be whole numbers, of which there may be none, or left empty for all axes"
        raise ArgumentError(argument, rule, {argument: value})
    return tuple(map(int, listed))


def sample_shape(argument: str, value: Any) -> Any:
    """The shape of a sample: sizes that are known are whole numbers, of which there may be none."""
    sizes = keras.tree.flatten(_listed(value))
    # TensorFlow would cut off what is behind the point. What a graph computes is left to it.
    if any(isinstance(n, numbers.Real) and not (_is_whole(n) and n >= 0) for n in sizes):
        rule = "must be a whole number from 0, or a list of them"
        raise ArgumentError(argument, rule, {argument: value})
    return value


def whole_numbers(argument: str, value: Any) -> Any:
    """Whole numbers, alone or however deep in lists; a float that is whole stands for one.

    Tensors of whole numbers stay as they are.
    """
    if keras.ops.is_tensor(value) and keras.backend.is_int_dtype(
        keras.backend.standardize_dtype(value.dtype)
    ):
        return value

    def whole(item: Any) -> Any:
        if isinstance(item, list):
            return tuple(map(whole, item))
        if _is_whole(item) or (isinstance(item, float) and item.is_integer()):
            return int(item)
        rule = "must be a whole number, or a list of them"
        raise ArgumentError(argument, rule, {argument: value})

    return whole(_listed(value))


def weight(argument: str, value: Any) -> float | None:
    """A number from zero."""
    if value is None:
        return None
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value < float("inf"):
        raise ArgumentError(argument, "must be a number from 0, or left empty", {argument: value})
    return float(value)


def positive_number(argument: str, value: Any) -> float:
    """A finite number above zero."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ArgumentError(argument, "must be a positive number", {argument: value})
    return float(value)


def positive_numbers(argument: str, value: Any, count: int) -> tuple[float, ...]:
    """So many finite numbers above zero."""
    listed = _listed(value)
    is_listed = isinstance(listed, (list, tuple)) and len(listed) == count
    if not is_listed or not all(_is_number(item) and 0 < item < math.inf for item in listed):
        raise ArgumentError(argument, f"must be {count} positive numbers", {argument: value})
    return tuple(map(float, listed))


def finite_number(argument: str, value: Any) -> float:
    """A finite number."""
    if not _is_number(value) or not math.isfinite(value):
        raise ArgumentError(argument, "must be a finite number", {argument: value})
    return float(value)


def probabilities(argument: str, value: Any) -> tuple[float, ...]:
    """Numbers from 0 to 1; a single one is a list of one."""
    listed = _listed(value)
    listed = [listed] if _is_number(listed) else listed
    if not isinstance(listed, (list, tuple)) or not all(
        _is_number(item) and 0 <= item <= 1 for item in listed
    ):
        raise ArgumentError(argument, "must be numbers from 0 to 1", {argument: value})
    return tuple(map(float, listed))


def share(argument: str, value: Any) -> float:
    """A number from 0 to 1."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ArgumentError(argument, "must be a number from 0 to 1", {argument: value})
    return float(value)


def level(argument: str, value: Any) -> float:
    """A number between 0 and 1, and neither of them."""
    if not _is_number(value) or not 0 < value < 1:
        raise ArgumentError(argument, "must be a number between 0 and 1", {argument: value})
    return float(value)


def is_categorical(values: Any) -> bool:
    """Whether values are a pandas categorical, alone, in a series or in a column of a frame."""
    dtypes: Any = getattr(values, "dtypes", None)
    found = list(dtypes) if hasattr(dtypes, "__iter__") else [getattr(values, "dtype", None)]
    # By name: pandas is loaded where somebody has made a categorical, and not by this module.
    return any(type(dtype).__name__ == "CategoricalDtype" for dtype in found)


def not_categorical(argument: str, values: Any) -> None:
    """Values that are numbers, and not the names of categories."""
    if is_categorical(values):
        rule = "must hold numbers, and no categories (factors)"
        hint = "Give the number of each category, or a column of 0 and 1 for each of them."
        raise ArgumentError(argument, rule, {}, hint)


def complete(argument: str, is_missing: Any) -> None:
    """Values of which none is missing; `is_missing` is an array that says which are."""
    _none("missing", argument, "must hold no missing values", is_missing)


def finite(argument: str, values: Any, examples: Any = None) -> None:
    """Numbers of an array, of which none is missing or infinite.

    Without `examples`, the first dimension is that of the examples; else it says whose each is.
    """
    # What is whole is finite. Half precision of Keras is of a kind of its own.
    if values.dtype.kind in "biu" or np.isfinite(values).all():
        return
    missing, rule = np.isnan(values), "must hold no missing values"
    _none("missing", argument, rule, missing, examples)
    _none("infinite", argument, "must hold finite numbers", ~np.isfinite(values), examples)


def _none(what: str, argument: str, rule: str, is_so: Any, examples: Any = None) -> None:
    """Values of which none is so; `is_so` is an array that says which are."""
    if is_so.any():
        place = int(np.argmax(is_so.reshape(len(is_so), -1).any(axis=1)))
        # People count from 1, and R does.
        first = 1 + (place if examples is None else int(examples[place]))
        received = Described(
            f"{is_so.sum()} of {is_so.size}, first in the {ordinal(first)} example"
        )
        raise ArgumentError(argument, rule, {what: received})


def ordinal(number: int) -> str:
    """Return a number as people count, such as "2nd"."""
    is_teen = number % 100 in (11, 12, 13)
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def rate(argument: str, value: Any) -> float:
    """A share of what is there, which leaves something."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1:
        raise ArgumentError(argument, "must be a number from 0 to below 1", {argument: value})
    return float(value)


def name(argument: str, value: Any) -> str | None:
    """A layer's name."""
    if value is None or (isinstance(value, str) and value and "/" not in value):
        return value
    raise ArgumentError(argument, 'must be a string without "/"', {argument: value})


def input_shape(argument: str, value: Any) -> tuple[int | None, ...] | None:
    """A shape without its batch dimension; unknown dimensions are empty."""
    sizes = _listed(value)
    if sizes is None:
        return None
    if not isinstance(sizes, list) or not all(
        size is None or (_is_whole(size) and size >= 1) for size in sizes
    ):
        rule = "must list the positive sizes of one example, without the batch"
        raise ArgumentError(argument, rule, {argument: value})
    return tuple(None if size is None else int(size) for size in sizes)


def event_shape(argument: str, value: Any) -> tuple[int, ...] | None:
    """The number of variables, alone or as the only size of a shape."""
    return None if value is None else positive_integers(argument, value, 1)


def layer_sizes(argument: str, value: Any) -> tuple[int, ...]:
    """A positive whole number for each layer, of which there may be none."""
    rule = "must list a positive whole number for each layer"
    return _positive_list(argument, () if value is None else value, rule)


def order(argument: str, value: Any, choices: Sequence[str]) -> str | tuple[int, ...]:
    """The name of an order, or the place of each variable in it, from 1."""
    places = _listed(value)
    places = (places,) if _is_whole(places) else places
    if isinstance(places, str) and places in choices:
        return places
    if (
        isinstance(places, (list, tuple))
        and all(map(_is_whole, places))
        and sorted(places) == list(range(1, len(places) + 1))
    ):
        return tuple(int(place) for place in places)
    named = ", ".join(f'"{item}"' for item in choices)
    rule = f"must be one of {named}, or list the place of each variable, from 1, each once"
    raise ArgumentError(argument, rule, {argument: value})


def degrees(argument: str, value: Any, choices: Sequence[str]) -> str | tuple[tuple[int, ...], ...]:
    """The name of a way to choose degrees, or those of the units of each layer."""
    if isinstance(value, str) and value in choices:
        return value
    layers = _listed(value)
    if isinstance(layers, (list, tuple)):
        layers = [(layer,) if _is_whole(layer) else layer for layer in layers]
        if all(
            isinstance(layer, (list, tuple)) and all(_is_whole(d) and d >= 0 for d in layer)
            for layer in layers
        ):
            return tuple(tuple(int(degree) for degree in layer) for layer in layers)
    named = ", ".join(f'"{item}"' for item in choices)
    rule = f"must be one of {named}, or list the degrees, whole numbers from 0, of each layer"
    raise ArgumentError(argument, rule, {argument: value})


def activation(argument: str, value: Any) -> Callable[..., Any]:
    """The name of a Keras activation, or a function of one tensor."""
    rule = "must be the name of a Keras activation, or a function of one tensor"
    return _from_keras(keras.activations.get, argument, value, rule)


def regularizer(argument: str, value: Any) -> Callable[..., Any] | None:
    """The name of a Keras regularizer, or a function of one tensor."""
    rule = "must be the name of a Keras regularizer, or a function of one tensor"
    return _from_keras(keras.regularizers.get, argument, value, rule)


def initializer(argument: str, value: Any) -> Callable[..., Any] | None:
    """The name of a Keras initializer, or a function of a shape and a dtype."""
    rule = "must be the name of a Keras initializer, or a function of a shape and a dtype"
    return _from_keras(keras.initializers.get, argument, value, rule)


def constraint(argument: str, value: Any) -> Callable[..., Any] | None:
    """The name of a Keras constraint, or a function of one tensor."""
    rule = "must be the name of a Keras constraint, or a function of one tensor"
    return _from_keras(keras.constraints.get, argument, value, rule)


def dtype(argument: str, value: Any) -> keras.DTypePolicy | None:
    """A dtype or a dtype policy that Keras knows."""
    rule = 'must be a Keras dtype or dtype policy, such as "float32" or "mixed_bfloat16"'
    if value is None:
        return None
    policy = _from_keras(keras.dtype_policies.get, argument, value, rule)
    if not keras.backend.is_float_dtype(policy.compute_dtype):
        raise ArgumentError(argument, f"{rule}, and a float", {argument: value})
    return policy


def _from_keras(get: Callable[[Any], Any], argument: str, value: Any, rule: str) -> Any:
    try:
        return get(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArgumentError(argument, rule, {argument: value}) from error
