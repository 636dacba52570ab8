"""How the constructors of distributions convert their arguments for the library."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from bayeslayers.backend import native_dtype
from bayeslayers.contract import checks
from bayeslayers.contract.arguments import Coercion
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.distributions import checks as checks_of_distributions

_OF_COERCION = {
    Coercion.WHOLE: "whole",
    Coercion.SHAPE: "shape",
    Coercion.FUNCTION: "function",
}
_OF_NAME = {
    **dict.fromkeys(("distribution", "mixture_distribution", "components_distribution"), "one"),
    **dict.fromkeys(("cat", "initial_distribution", "transition_distribution"), "one"),
    **dict.fromkeys(("observation_distribution", "initial_state_prior"), "one"),
    **dict.fromkeys(("distributions", "components"), "several"),
    **dict.fromkeys(("transition_matrix", "observation_matrix"), "matrix"),
    **dict.fromkeys(("transition_noise", "observation_noise"), "noise"),
    **dict.fromkeys(("bijector", "diag_bijector"), "bijector"),
    **dict.fromkeys(("dtype", "dtype_override"), "dtype"),
    **dict.fromkeys(("name", "mode", "resnet_activation"), "text"),
    **dict.fromkeys(("is_constant_jacobian", "reuse"), "flag"),
    **dict.fromkeys(("parameters", "batchnorm_layer", "kernel_initializer"), "any"),
    "bijectors": "bijectors",
    "kernel": "kernel",
    "model": "model",
    "activation": "activation",
}


def kind_of(parameter: inspect.Parameter, own: Mapping[str, str]) -> str:
    """Return what kind of a value an argument is, by its name unless `own` says it."""
    name = parameter.name
    if name in own or name in _OF_NAME:
        return own.get(name) or _OF_NAME[name]
    if isinstance(parameter.default, bool):
        return "flag"
    return _OF_COERCION.get(DISTRIBUTION_ARGUMENTS[name].coercion, "numbers")


def standard(kind: str, argument: str, value: Any) -> Any:
    """Return a value in the form that the library takes.

    Raises:
        ArgumentError: If it isn't of that kind.
    """
    return _RULES[kind](argument, value)


def _one(argument: str, value: Any) -> Any:
    checks_of_distributions.is_distribution(argument, value)
    return value


def _several(argument: str, value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(argument, "must be a list of distributions", {argument: value})
    return [_one(argument, each) for each in value]


def _model(argument: str, value: Any) -> Any:
    if not (isinstance(value, (list, tuple, dict)) or callable(value)):
        rule = "must be a list of distributions, and of functions that return some"
        raise ArgumentError(argument, rule, {argument: value})
    return value


def _matrix(argument: str, value: Any) -> Any:
    return value if callable(value) or hasattr(value, "matvec") else _numbers(argument, value)


def _noise(argument: str, value: Any) -> Any:
    return value if callable(value) else _one(argument, value)


def _bijector(argument: str, value: Any) -> Any:
    if not (hasattr(value, "forward") and hasattr(value, "inverse_event_shape")):
        rule = "must be a bijector, such as `tfb_exp()` makes"
        raise ArgumentError(argument, rule, {argument: value})
    return value


def _bijectors(argument: str, value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(argument, "must be a list of bijectors", {argument: value})
    return [_bijector(argument, each) for each in value]


def _kernel(argument: str, value: Any) -> Any:
    if not (hasattr(value, "apply") and hasattr(value, "matrix")):
        rule = "must be a kernel of `tfp.math.psd_kernels`"
        raise ArgumentError(argument, rule, {argument: value})
    return value


def _operator(argument: str, value: Any) -> Any:
    if not hasattr(value, "matvec"):
        rule = "must be a linear operator, such as `tf.linalg.LinearOperatorDiag` makes"
        hint = "The function that ends in `_tri_l` takes a triangular matrix."
        raise ArgumentError(argument, rule, {argument: value}, hint)
    return value


def _function(argument: str, value: Any) -> Any:
    return checks.function(argument, value, optional=False)


def _text(argument: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(argument, "must be text", {argument: value})
    return value


def _dtype(argument: str, value: Any) -> Any:
    return native_dtype(checks_of_distributions.dtype(argument, value))


def _shape(argument: str, value: Any) -> Any:
    sizes = checks.whole_numbers(argument, value)
    return (sizes,) if isinstance(sizes, int) else sizes


def _numbers(argument: str, value: Any) -> Any:
    # A tensor, and what the library makes of one later, may be something that can be called.
    parts = keras.tree.flatten(value) if isinstance(value, (list, tuple, dict)) else [value]
    is_other = isinstance(value, dict) or any(
        isinstance(part, str) or (callable(part) and not hasattr(part, "dtype")) for part in parts
    )
    if is_other:
        rule = "must be a number, an array or a tensor"
        raise ArgumentError(argument, rule, {argument: value})
    return value


def _any(argument: str, value: Any) -> Any:
    del argument
    return value


_RULES: dict[str, Callable[[str, Any], Any]] = {
    "one": _one,
    "several": _several,
    "model": _model,
    "matrix": _matrix,
    "noise": _noise,
    "bijector": _bijector,
    "bijectors": _bijectors,
    "kernel": _kernel,
    "operator": _operator,
    "function": _function,
    "activation": checks.activation,
    "flag": checks.boolean,
    "text": _text,
    "dtype": _dtype,
    "whole": checks.whole_numbers,
    "shape": _shape,
    "numbers": _numbers,
    "any": _any,
}
