"""Arguments that tfprobability has, and TensorFlow Probability's classes no longer.

Each function returns the arguments of the class for those that are given.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from bayeslayers.backend import distribution_library
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError


def shaped(
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


def scaled(
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
        added = ops.convert_to_tensor(scale_identity_multiplier, dtype=base.dtype)
        scale_diag = base + added[..., None]
    return {"loc": loc, "scale_diag": scale_diag, **others}


def _as_floats(values: Any) -> Any:
    """Return numbers as a tensor; whole ones in single precision."""
    values = ops.convert_to_tensor(values)
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(values.dtype))
    return values if is_float else ops.cast(values, "float32")


def on_whole_numbers(interpolate_nondiscrete: bool, **others: Any) -> dict[str, Any]:
    """Give other numbers than whole ones a probability, or none."""
    return {"force_probs_to_zero_outside_support": not interpolate_nondiscrete, **others}


def factored(scale: Any = None, scale_tril: Any = None, **others: Any) -> dict[str, Any]:
    """Take the Cholesky factor of a scale matrix, where that is given in its place."""
    if (scale is None) == (scale_tril is None):
        rule = "must be given, or else `scale_tril`, but not both"
        raise ArgumentError("scale", rule, {"scale": scale, "scale_tril": scale_tril})
    factor = ops.cholesky(_as_floats(scale)) if scale_tril is None else scale_tril
    return {"scale_tril": factor, **others}


def shifted_and_scaled(
    shift: Any = None, scale: Any = None, validate_args: bool = False, **others: Any
) -> dict[str, Any]:
    """Scale, and then shift, by what is given of the two."""
    tfb = distribution_library().bijectors
    made = []
    if shift is not None:
        made.append(tfb.Shift(shift, validate_args=validate_args))
    if scale is not None:
        made.append(tfb.Scale(scale, validate_args=validate_args))
    return {"bijectors": made, "validate_args": validate_args, **others}
