"""Rules about the divergence of a layer: what it is, and how often and how much of it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from bayeslayers.backend import independent_normal
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.distributions.makers import default_mean_field_normal_fn
from bayeslayers.models.kl import scale_kl
from bayeslayers.testing.check import require, rule
from bayeslayers.testing.subject import Subject

_ROUNDING = 1e-4


def total(losses: list[Any]) -> float:
    """Return the sum of what a layer or a model has added to the losses."""
    return float(sum(float(ops.convert_to_numpy(each)) for each in losses))


@rule(BayesianLayer)
def check_divergence_counts_once(subject: Subject) -> None:
    """The losses are the divergences of `divergences()`, each once."""
    layer = subject.layer()
    model = subject.model(layer)
    found = layer.divergences()
    for training, call in ((False, "A call"), (True, "A call in training")):
        model(subject.inputs, training=training)
        require(
            len(model.losses) == len(found),
            f"{call} adds {len(model.losses)} losses, and there are {len(found)} divergences.",
        )
    if all(each.is_exact for each in found.values()):
        values = [each.estimate() for each in found.values()]
        expected, added = layer.own_scale * total(values), total(model.losses)
        is_same = np.isclose(added, expected, rtol=_ROUNDING)
        require(is_same, f"A call adds {added:.6g}, and the divergences sum to {expected:.6g}.")


@rule(BayesianLayer)
def check_shared_layer_counts_once(subject: Subject) -> None:
    """A layer that a model calls twice adds its divergences once."""
    layer = subject.layer()
    model = subject.model(layer, calls=2)
    model(subject.inputs)
    divergences = len(layer.divergences())
    require(
        len(model.losses) == divergences,
        f"Two calls add {len(model.losses)} losses, and there are {divergences} divergences.",
    )


@rule(VariationalLayer)
def check_divergence_is_the_closed_form(subject: Subject) -> None:
    """The divergence of normals is 0.5 sum((m / t)^2 + (s / t)^2 - 1 - 2 log(s / t))."""
    roles = subject.layer_class.roles()
    # Each weight has another prior, so that a mix-up of weights shows.
    priors = {role: (0.5 * i - 1.0, 0.3 * (i + 1)) for i, role in enumerate(roles)}
    posterior_fns = {f"{role}_posterior_fn": default_mean_field_normal_fn() for role in roles}
    prior_fns = {f"{role}_prior_fn": _fixed_normal(*priors[role]) for role in roles}
    layer = subject.built(**posterior_fns, **prior_fns)
    found = dict(zip(layer.divergences(), layer.losses, strict=False))
    # A weight without a divergence has none to be looked at.
    moments = {role: m for role, m in layer.posterior_moments().items() if _diverges(subject, role)}
    for role, (mean, stddev) in moments.items():
        prior_loc, prior_scale = priors[role]
        expected = layer.own_scale * _kl(mean, stddev, prior_loc, prior_scale)
        added = total([found[role]]) if role in found else 0.0
        # Variables of 16 bits, and a divergence of them, are rounded to that.
        rounding = 0.01 if "16" in layer.variable_dtype else _ROUNDING
        is_same = np.isclose(added, expected, rtol=rounding)
        require(is_same, f"That of `{role}` is {added:.6g} in the losses, and {expected:.6g}.")


@rule(BayesianLayer)
def check_scale_is_followed(subject: Subject) -> None:
    """`scale_kl()` scales the divergence, in compiled functions, too."""
    layer = subject.layer()
    model = subject.model(layer)
    model.compile(optimizer="sgd", loss=_nothing)
    targets = tree.map_structure(ops.convert_to_numpy, model(subject.inputs))
    if not all(each.is_exact for each in layer.divergences().values()):
        return
    called = total(model.losses)
    before = _evaluated(model, subject.inputs, targets)
    for examples in (10, 1000):
        scale_kl(model, examples)
        model(subject.inputs)
        for where, found, whole in (
            ("A call", total(model.losses), called),
            ("`evaluate()`", _evaluated(model, subject.inputs, targets), before),
        ):
            is_scaled = np.isclose(found, whole / examples, rtol=_ROUNDING)
            expected = f"and {whole / examples:.6g} is {whole:.6g} divided by {examples}"
            require(is_scaled, f"{where} has {found:.6g}, {expected}.")


def _evaluated(model: keras.Model, inputs: np.ndarray, targets: Any) -> float:
    # For a model of several outputs, Keras lists the whole loss first and then that of each output.
    losses = model.evaluate(inputs, targets, batch_size=len(inputs), verbose=0)
    return float(np.ravel(losses)[0])


def _nothing(targets: Any, outputs: Any) -> Any:
    """The loss that leaves the divergence alone."""
    del targets
    return ops.sum(ops.zeros_like(outputs))


def _diverges(subject: Subject, role: str) -> bool:
    """Whether the arguments leave a weight its divergence."""
    return subject.arguments.get(f"{role}_divergence_fn", _nothing) is not None


def _fixed_normal(loc: float, scale: float) -> Callable[..., Any]:
    def make(dtype: Any, shape: Any, name: Any, trainable: Any, add_variable_fn: Any) -> Any:
        del name, trainable, add_variable_fn
        mean = ops.full(shape, loc, keras.backend.standardize_dtype(dtype))
        return independent_normal(mean, scale, len(shape))

    return make


def _kl(mean: Any, stddev: Any, prior_loc: float, prior_scale: float) -> float:
    """Return the divergence of normals from a normal, by NumPy in double precision."""
    mean, stddev = (ops.convert_to_numpy(each).astype("float64") for each in (mean, stddev))
    ratio = (stddev / prior_scale) ** 2
    return float(0.5 * np.sum(((mean - prior_loc) / prior_scale) ** 2 + ratio - 1 - np.log(ratio)))
