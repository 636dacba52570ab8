"""Constructors of distributions and bijectors, under the names of the R package tfprobability.

What is said of each stands in `distributions/kin/`. TensorFlow Probability takes seconds to import:
it is imported when one of them is first called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from bayeslayers.backend import distribution_library, library_class
from bayeslayers.contract import binding
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.docstrings import Docstring
from bayeslayers.contract.functions import documented
from bayeslayers.contract.pages import function_page, named
from bayeslayers.contract.references import REFERENCES
from bayeslayers.distributions import values
from bayeslayers.distributions.kin import KIN_OF, Dropped, Kin, Spec, signature_of

_WIDTH = 80

CONSTRUCTORS = tuple(KIN_OF)
"""The name of every constructor."""


def constructor(name: str) -> Callable[..., Any]:
    """Make the function of that name.

    Where the backend has no such class, or TensorFlow Probability has dropped it, the function says
    so when it is called.
    """
    kin = KIN_OF[name]
    spec, signature = kin.members[name], signature_of(kin, name)
    function = _saying(name, spec) if isinstance(spec, Dropped) else _making(spec, signature)
    function.__name__ = function.__qualname__ = name
    function.__module__ = "bayeslayers"
    vars(function)["__signature__"] = signature
    written = _documentation(name, kin)
    page = function_page(
        written, name, signature, DISTRIBUTION_ARGUMENTS, group=kin.name, r_defaults=kin.r_defaults
    )
    # Registered, so that a layer that has it as an argument can be saved.
    return keras.saving.register_keras_serializable("bayeslayers")(documented(page, function))


def _making(spec: Spec, signature: inspect.Signature) -> Callable[..., Any]:
    """Return a function that makes an object of a class."""
    parameters = {name: signature.parameters[name] for name in named(signature)}
    kinds = {name: values.kind_of(each, spec.kinds) for name, each in parameters.items()}

    def make(*args: Any, **kwargs: Any) -> Any:
        binding.check(signature, args, kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        target = library_class(spec.path)
        further = bound.arguments.pop("kwargs", {})
        # For what is left empty the library has a default of its own.
        given = {
            name: values.standard(kinds[name], name, value)
            for name, value in bound.arguments.items()
            if value is not None
        }
        binding.check(_required(signature), (), given)
        if spec.translate:
            given = spec.translate(**given)
        binding.check(_required(_parameters(target)), (), given)
        return target(**given, **further)

    return make


@functools.cache
def _parameters(target: Any) -> inspect.Signature:
    # Of `__init__`, as some classes have a `__new__` that takes anything.
    signature = inspect.signature(target.__init__ if inspect.isclass(target) else target)
    return signature.replace(
        parameters=[p for p in signature.parameters.values() if p.name != "self"]
    )


def _required(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature of what must be given, and anything besides."""
    by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    required = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in signature.parameters.values()
        if parameter.kind in by_name and parameter.default is inspect.Parameter.empty
    ]
    anything = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*required, anything])


def _saying(name: str, spec: Dropped) -> Callable[..., Any]:
    """Return a function that says what there is in place of a class that was dropped."""
    message = (
        f"TensorFlow Probability has dropped the class of `{name}()`: version {spec.since} and "
        f"later do not have it. {spec.instead}"
    )

    def say(*args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        # Where it doesn't run at all, that comes first.
        distribution_library()
        raise NotImplementedError(message)

    return say


def _documentation(name: str, kin: Kin) -> Docstring:
    spec = kin.members[name]
    arguments = {
        argument: prose
        for argument, prose in kin.arguments.items()
        if argument in signature_of(kin, name).parameters
    }
    if isinstance(spec, Dropped):
        return Docstring(
            title=spec.title,
            details=(f"TensorFlow Probability {spec.since} dropped it. {spec.instead}",),
            arguments=arguments,
            returns="Nothing.",
            raises={"NotImplementedError": "Always: it says what to use instead."},
            reference=REFERENCES["Dillon et al. (2017)"],
        )
    return Docstring(
        title=spec.title,
        formula=spec.formula,
        details=(spec.note,) if spec.note else (),
        arguments={**arguments, "**kwargs": _FURTHER} if "**" in spec.formals else arguments,
        returns=f"An object of TensorFlow Probability: `tfp.{spec.path}`.",
        raises={
            "ArgumentError": "If an argument is missing, unknown or not of its kind.",
            "ValueError": "If TensorFlow Probability refuses the value of an argument.",
            "NotImplementedError": "If the backend does not have it, as PyTorch has none of them.",
        },
        python_example=_example(name, spec),
        reference=REFERENCES["Dillon et al. (2017)"],
    )


_FURTHER = "Further arguments of `tf_keras.layers.Dense`."


def _example(name: str, spec: Spec) -> str:
    call = f"{name}({spec.example})"
    used = sorted({name, *(other for other in _OTHERS if other in call)})
    lines = [f">>> from bayeslayers import {', '.join(used)}"]
    if "tf." in call:
        lines.insert(0, ">>> import tensorflow as tf")
    if len(call) <= _WIDTH:
        return "\n".join([*lines, f">>> made = {call}"])
    return "\n".join([*lines, f">>> made = {name}(", f"...     {spec.example}", "... )"])


_OTHERS = (
    "layer_autoregressive",
    "tfb_exp",
    "tfb_shift",
    "tfb_square",
    "tfd_categorical",
    "tfd_gamma",
    "tfd_independent",
    "tfd_laplace",
    "tfd_multivariate_normal_diag",
    "tfd_normal",
    "tfp",
)
"""Names that examples import."""
