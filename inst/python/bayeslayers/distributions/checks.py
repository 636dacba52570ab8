"""The rules about distributions, as `contract/checks.py` has those about all other values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from bayeslayers.backend import (
    distribution_method,
    dtype_name,
    is_of_other_library,
    name_of_library,
)
from bayeslayers.contract.errors import ArgumentError, Described

CONVERSIONS = ("mean", "mode", "sample", "stddev", "variance")
"""Methods of distributions that make a tensor."""
PARAMETERS = ("logits", "probs")
"""Parameters of distributions over classes, which are properties of them."""


def conversion(argument: str, value: Any) -> str | Callable[[Any], Any]:
    """A function of a distribution that returns a tensor, or the name of one of its methods."""
    parameter = getattr(getattr(value, "fget", None), "__name__", None)
    if parameter in PARAMETERS:
        return parameter
    if callable(value) and getattr(value, "__qualname__", "").startswith("Distribution."):
        return method_name(value)
    if callable(value) or value in (*CONVERSIONS, *PARAMETERS):
        return value
    named = ", ".join(f'"{item}"' for item in (*CONVERSIONS, *PARAMETERS))
    rule = f"must be a function of a distribution, or one of {named}"
    raise ArgumentError(argument, rule, {argument: value})


def parameter_of(distribution: Any, name: str) -> Any:
    """Return the logits or probabilities of a distribution over classes, or of those within it.

    Raises:
        NotImplementedError: If it has none.
    """
    found = distribution
    while found is not None:
        # TensorFlow Probability has a method besides, which computes one from the other.
        if hasattr(found, f"{name}_parameter"):
            return getattr(found, f"{name}_parameter")()
        if hasattr(found, name):
            return getattr(found, name)
        found = getattr(found, "distribution", getattr(found, "base_dist", None))
    raise NotImplementedError(f"There is no {name!r} of {class_names(distribution)}.")


def method_name(function: Any) -> Any:
    """Return the name of a method of all distributions, such as `Distribution.sample`.

    By its name it is found again in a saved file, and is each distribution's own: called on one, it
    takes its seeds from the layer. All else comes back as it is.
    """
    name = getattr(function, "__name__", "")
    return name if distribution_method(name) is function else function


def class_names(distribution: Any) -> str:
    """Return the name of a distribution's class, and of the one that it is made from."""
    # PyTorch has another name for it.
    inner = getattr(distribution, "distribution", getattr(distribution, "base_dist", None))
    name = type(distribution).__name__
    return name if inner is None else f"{name}({class_names(inner)})"


def dtype(argument: str, value: Any) -> str | None:
    """The name of a dtype, which comes by its name or as the framework's own, or nothing."""
    if value is None:
        return None
    try:
        return keras.backend.standardize_dtype(dtype_name(value) or value)
    except (ValueError, TypeError) as error:
        rule = 'must be a dtype, such as "int32" or "float32", or left empty'
        raise ArgumentError(argument, rule, {argument: value}) from error


def distribution(argument: str, value: Any, verb: str = "return") -> None:
    """What a function returned that makes distributions; or, by another verb, what was given."""
    rule = f"must {verb} a distribution of {name_of_library()}"
    if not all(hasattr(value, name) for name in ("sample", "batch_shape", "event_shape")):
        raise ArgumentError(argument, rule, {argument: value})
    if is_of_other_library(value):
        kind = type(value)
        received = Described(f"a {kind.__module__}.{kind.__qualname__}")
        raise ArgumentError(argument, rule, {argument: received})


_OF_A_LOSS = (
    "Keras hands a loss the tensor alone where it had to change its shape: targets in the "
    "shape of the model's outputs leave the distribution as it is."
)


def is_distribution(argument: str, value: Any, hint: str = _OF_A_LOSS) -> None:
    """What a method of distributions is asked of."""
    if not hasattr(value, "log_prob"):
        raise ArgumentError(argument, "must be a distribution", {argument: value}, hint)


def may_be(shape: Any, expected: tuple[int | None, ...] | None) -> bool:
    """Whether a shape is the expected one as far as both are known."""
    if expected is None or getattr(shape, "rank", 0) is None:
        return True
    pairs = list(zip(shape, expected, strict=False))
    return len(shape) == len(expected) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def shape_of_draw(argument: str, shape: Any, expected: tuple[int, ...]) -> None:
    """The shape of what is drawn from the distribution that a function returned, if it is known."""
    if shape is not None and not may_be(shape, expected):
        rule = f"must return a distribution over tensors of shape {expected}"
        raise ArgumentError(argument, rule, {"shape": tuple(shape)})


def without_variables(argument: str, foreign: list[str]) -> None:
    """A distribution made of tensors, where no layer would train the variables of these names."""
    if foreign:
        rule = "must make its distribution from its inputs, or variables would not be trained"
        received = {argument: Described(f"a distribution on the variables {foreign}")}
        raise ArgumentError(argument, rule, received)
