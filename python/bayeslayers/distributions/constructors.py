"""Constructors of distributions, under the names of the R package tfprobability.

Their signatures are TensorFlow Probability's, which takes seconds to import: each function is made
when it is first asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import distribution_library, dtype_name, library_class, native_dtype
from bayeslayers.contract import binding, checks
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.docstrings import Docstring
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import documented
from bayeslayers.contract.pages import function_page
from bayeslayers.contract.references import REFERENCES

# Arguments that tfprobability does not have: younger than it, or marked as experimental.
_LEFT_OUT = {
    "bijector_fn",
    "experimental_use_kahan_sum",
    "force_probs_to_zero_outside_support",
    "require_integer_total_count",
}

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD

# What all of them have, in tfprobability's order at the end.
_LAST = ("validate_args", "allow_nan_stats", "parameters", "name")


@dataclass(frozen=True)
class Former:
    """Arguments that tfprobability has, and the class no longer.

    Args:
        after: The argument that they follow.
        defaults: Their names, and what they are where they are not given.
        translate: Returns the arguments of the class for these and all others that are given.
    """

    after: str
    defaults: dict[str, Any]
    translate: Callable[..., dict[str, Any]]


def _shaped(
    distribution: Any, batch_shape: Any = None, event_shape: Any = None, **others: Any
) -> dict[str, Any]:
    """Draw `event_shape` numbers from a distribution of one, and that `batch_shape` times."""
    tfd = distribution_library().distributions
    event_shape = _given_shape("event_shape", event_shape, distribution.event_shape)
    batch_shape = _given_shape("batch_shape", batch_shape, distribution.batch_shape)
    if event_shape:
        distribution = tfd.Sample(distribution, event_shape)
    if batch_shape:
        distribution = tfd.BatchBroadcast(distribution, to_shape=batch_shape)
    return {"distribution": distribution, **others}


def _given_shape(argument: str, value: Any, present: Any) -> tuple[int, ...]:
    """Return the shape that is given, which must not meet one that is there."""
    value = value.as_list() if hasattr(value, "as_list") else value
    sizes = () if value is None else checks.sizes(argument, value)
    if sizes and present.rank != 0:
        rule = "must be left empty where the distribution has such a shape of its own"
        raise ArgumentError(argument, rule, {argument: value, "distribution": tuple(present)})
    return sizes


def _scaled(
    loc: Any = None, scale_diag: Any = None, scale_identity_multiplier: Any = None, **others: Any
) -> dict[str, Any]:
    """Add the same number to all standard deviations; alone, it is all of them."""
    if scale_identity_multiplier is not None:
        sizes = loc if scale_diag is None else scale_diag
        if sizes is None:
            rule = "must be given where all standard deviations are `scale_identity_multiplier`"
            raise ArgumentError("loc", rule, {"loc": loc})
        base = _as_floats(sizes)
        base = ops.zeros_like(base) if scale_diag is None else base
        scale_diag = base + ops.cast(scale_identity_multiplier, base.dtype)[..., None]
    return {"loc": loc, "scale_diag": scale_diag, **others}


def _as_floats(values: Any) -> Any:
    """Return numbers as a tensor; whole ones in single precision."""
    values = ops.convert_to_tensor(values)
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(values.dtype))
    return values if is_float else ops.cast(values, "float32")


def _on_whole_numbers(interpolate_nondiscrete: bool = True, **others: Any) -> dict[str, Any]:
    """Give other numbers than whole ones a probability, or none."""
    is_interpolated = checks.boolean("interpolate_nondiscrete", interpolate_nondiscrete)
    return {"force_probs_to_zero_outside_support": not is_interpolated, **others}


@dataclass(frozen=True)
class Constructor:
    """What is our own about the constructor of a distribution or bijector.

    Args:
        path: Where TensorFlow Probability has the class.
        title: What it is called.
        formula: Its density or probability, or what it computes.
        arguments: Arguments of an example in Python, with `{tfp}` and `{of}` for what R spells with
            a dollar sign.
        former: Arguments that the class no longer has.
    """

    path: str
    title: str
    formula: str
    arguments: str
    former: Former | None = None


CONSTRUCTORS = {
    "tfd_normal": Constructor(
        "distributions.Normal",
        "Normal distribution",
        "p(x) = exp(-((x - loc) / scale)^2 / 2) / (scale * sqrt(2 * pi))",
        "loc=0.0, scale=1.0",
    ),
    "tfd_student_t": Constructor(
        "distributions.StudentT",
        "Student's t distribution",
        "p(x) = (1 + ((x - loc) / scale)^2 / df)^(-(df + 1) / 2) / Z,\n"
        "Z = scale * sqrt(df * pi) * Gamma(df / 2) / Gamma((df + 1) / 2)",
        "df=4.0, loc=0.0, scale=1.0",
    ),
    "tfd_deterministic": Constructor(
        "distributions.Deterministic",
        "Deterministic distribution",
        "P(x = loc) = 1",
        "loc=0.0",
    ),
    "tfd_bernoulli": Constructor(
        "distributions.Bernoulli",
        "Bernoulli distribution",
        "P(x = 1) = probs = 1 / (1 + exp(-logits))",
        "probs=0.3",
    ),
    "tfd_categorical": Constructor(
        "distributions.Categorical",
        "Categorical distribution",
        "P(x = k) = probs[k] = exp(logits[k]) / sum over j of exp(logits[j]),   k from 0",
        "logits=[0.0, 1.0]",
    ),
    "tfd_poisson": Constructor(
        "distributions.Poisson",
        "Poisson distribution",
        "P(x = k) = rate^k * exp(-rate) / k!",
        "rate=2.5",
        Former("log_rate", {"interpolate_nondiscrete": True}, _on_whole_numbers),
    ),
    "tfd_negative_binomial": Constructor(
        "distributions.NegativeBinomial",
        "Negative binomial distribution",
        "P(x = k) = choose(k + total_count - 1, k) * (1 - probs)^total_count * probs^k",
        "total_count=3.0, probs=0.4",
    ),
    "tfd_multivariate_normal_diag": Constructor(
        "distributions.MultivariateNormalDiag",
        "Multivariate normal distribution with a diagonal covariance",
        "p(x) = product over i of Normal(x[i]; loc[i], scale_diag[i])",
        "loc=[0.0, 1.0], scale_diag=[1.0, 2.0]",
        Former("scale_diag", {"scale_identity_multiplier": None}, _scaled),
    ),
    "tfd_multivariate_normal_tri_l": Constructor(
        "distributions.MultivariateNormalTriL",
        "Multivariate normal distribution with a triangular scale",
        "x = loc + scale_tril z,   z ~ Normal(0, I);   covariance = scale_tril scale_tril'",
        "loc=[0.0, 1.0]",
    ),
    "tfd_independent": Constructor(
        "distributions.Independent",
        "Independent distribution",
        "p(x) = product of distribution(x[i]) over the last `reinterpreted_batch_ndims` dimensions",
        "distribution={tfp}distributions{of}Normal([0.0, 1.0], 1.0), reinterpreted_batch_ndims=1",
    ),
    "tfd_mixture_same_family": Constructor(
        "distributions.MixtureSameFamily",
        "Mixture of distributions of one family",
        "p(x) = sum over k of mixture_distribution(k) * components_distribution[k](x)",
        "mixture_distribution={tfp}distributions{of}Categorical(probs=[0.4, 0.6]),"
        " components_distribution={tfp}distributions{of}Normal([0.0, 2.0], 1.0)",
    ),
    "tfd_transformed_distribution": Constructor(
        "distributions.TransformedDistribution",
        "Transformed distribution",
        "y = bijector(x),   x ~ distribution;   "
        "log p(y) = log distribution(x) - log |det d bijector(x) / dx|",
        "distribution={tfp}distributions{of}Normal(0.0, 1.0), bijector={tfp}bijectors{of}Exp()",
        Former("bijector", {"batch_shape": None, "event_shape": None}, _shaped),
    ),
    "tfb_masked_autoregressive_flow": Constructor(
        "bijectors.MaskedAutoregressiveFlow",
        "Masked autoregressive flow",
        "y[i] = x[i] * exp(log_scale[i]) + shift[i],\n"
        "(shift[i], log_scale[i]) = shift_and_log_scale_fn(y)[i], a function of y[:i] alone",
        "shift_and_log_scale_fn=layer_autoregressive(params=2, event_shape=2)",
    ),
}
"""Every constructor by its name."""


def constructor(name: str) -> Callable[..., Any]:
    """Make the function of that name from TensorFlow Probability's class.

    Where the backend has no such class, the function says so when it is called: its name can be
    imported all the same.
    """
    spec = CONSTRUCTORS[name]
    try:
        target = library_class(spec.path)
    except NotImplementedError as error:
        return _refusing(name, str(error))
    signature = _signature(target, spec.former)

    def function(*args: Any, **kwargs: Any) -> Any:
        given = binding.given(signature, args, kwargs)
        if isinstance(given.get("dtype"), str):
            given["dtype"] = native_dtype(given["dtype"])
        if spec.former and not spec.former.defaults.keys().isdisjoint(given):
            given = spec.former.translate(**given)
        return target(**given)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "bayeslayers"
    vars(function)["__signature__"] = signature
    page = function_page(_documentation(name, spec), name, signature, DISTRIBUTION_ARGUMENTS)
    return documented(page, function)


def _refusing(name: str, message: str) -> Callable[..., Any]:
    """Return what says, when it is called, what there is instead of a class."""

    def function(*args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        raise NotImplementedError(message)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "bayeslayers"
    function.__doc__ = message
    return function


def _signature(target: Any, former: Former | None) -> inspect.Signature:
    # Of `__init__`, as some classes have a `__new__` that takes anything.
    _, *parameters = inspect.signature(target.__init__).parameters.values()
    parameters = [
        parameter.replace(default=_plain(parameter.default))
        for parameter in parameters
        if parameter.name not in _LEFT_OUT
    ]
    if former:
        place = 1 + [parameter.name for parameter in parameters].index(former.after)
        parameters[place:place] = [
            inspect.Parameter(name, _POSITIONAL, default=default)
            for name, default in former.defaults.items()
        ]
    return inspect.Signature(sorted(parameters, key=lambda parameter: _place(parameter.name)))


def _place(name: str) -> int:
    return _LAST.index(name) if name in _LAST else -1


def _plain(default: Any) -> Any:
    """Replace a default that R can't spell; what a caller does not give is not passed on."""
    if dtype_name(default):
        return dtype_name(default)
    is_function = callable(default) and default is not inspect.Parameter.empty
    return None if is_function else default


def _documentation(name: str, spec: Constructor) -> Docstring:
    imports = ["tfp", name, *(["layer_autoregressive"] if "layer_" in spec.arguments else [])]
    in_python = spec.arguments.format(tfp="tfp.", of=".")
    in_r = spec.arguments.format(tfp="tfp$", of="$")
    for python_word, r_word in (("=", " = "), ("[", "c("), ("]", ")")):
        in_r = in_r.replace(python_word, r_word)
    return Docstring(
        title=spec.title,
        formula=spec.formula,
        details=(
            "The same as the class of TensorFlow Probability, which checks the arguments. Those "
            "that are not given keep its defaults. On PyTorch, where TensorFlow Probability does "
            "not run, take the class of `torch.distributions`.",
        ),
        returns=f"An object of TensorFlow Probability: `tfp.{spec.path}`.",
        raises={"ValueError": "If TensorFlow Probability refuses an argument."},
        python_example=f">>> from bayeslayers import {', '.join(imports)}\n"
        f">>> made = {name}(\n...     {in_python}\n... )",
        r_example=f"made <- {name}(\n  {in_r}\n)",
        reference=REFERENCES["Dillon et al. (2017)"],
    )
