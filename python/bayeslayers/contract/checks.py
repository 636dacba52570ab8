"""One small check per rule: each returns the value in standard form or raises `ArgumentError`."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import keras

from bayeslayers.contract.errors import ArgumentError

_LARGEST_SEED = 2**31 - 1


def _is_whole(value: Any) -> bool:
    # numpy's integers are registered as Integral; bool is one too, but never meant as a number.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def positive_integer(argument: str, value: Any) -> int:
    """A whole number above zero."""
    if not _is_whole(value) or value < 1:
        raise ArgumentError(argument, "must be a positive whole number", {argument: value})
    return int(value)


def positive_integers(argument: str, value: Any, count: int) -> tuple[int, ...]:
    """One positive whole number for each of `count` dimensions; a single one stands for all."""
    if _is_whole(value) and value >= 1:
        return (int(value),) * count
    if (
        isinstance(value, Sequence)
        and len(value) == count
        and all(_is_whole(item) and item >= 1 for item in value)
    ):
        return tuple(int(item) for item in value)
    listed = "" if count == 1 else f", or {count} of them"
    raise ArgumentError(argument, f"must be one positive whole number{listed}", {argument: value})


def output_padding(argument: str, value: Any, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Fewer positions than the stride of each dimension; a single number stands for all."""
    sizes = (value,) * len(strides) if _is_whole(value) else value
    if value is None:
        return None
    if (
        isinstance(sizes, Sequence)
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


def name(argument: str, value: Any) -> str | None:
    """A layer's name."""
    if value is None or (isinstance(value, str) and value and "/" not in value):
        return value
    raise ArgumentError(argument, 'must be a string without "/"', {argument: value})


def input_shape(argument: str, value: Any) -> tuple[int | None, ...] | None:
    """A shape without its batch dimension; unknown dimensions are empty."""
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        value_is_shape = False
    else:
        value_is_shape = all(item is None or (_is_whole(item) and item >= 1) for item in value)
    if not value_is_shape:
        rule = "must list the positive sizes of one example, without the batch"
        raise ArgumentError(argument, rule, {argument: value})
    return tuple(None if item is None else int(item) for item in value)


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
