"""The checks that users run: all of one layer, or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from bayeslayers.testing import divergence, drawing, making, training
from bayeslayers.testing.check import LayerCheck, Rule
from bayeslayers.testing.subject import Subject

_BATCH = 4


def check_layer(
    layer_class: type[keras.Layer],
    arguments: Mapping[str, Any] | None = None,
    input_shape: Sequence[int] = (3,),
    inputs: Any = None,
) -> None:
    """Check that a layer keeps the contract that all layers of this package keep.

    All rules about layers of this kind are checked: those about draws for a layer with a seed, and
    those about divergences for a layer with posteriors. The checks call and train layers, which
    takes some seconds. A layer that takes a seed gets one, so that the result is always the same.

    Args:
        layer_class: The class of the layer: a subclass of one of `bayeslayers.layers`.
        arguments: The arguments that a layer is made with: at least those without a default.
            With `None` there are none.
        input_shape: The shape of one example, without the number of examples.
        inputs: A batch of inputs as an array, for a layer that can't take arbitrary numbers, such
            as an embedding. With `None` these are four examples of standard normal numbers.

    Raises:
        LayerCheckError: If the layer breaks a rule. The error names the check and the rule, and
            says how it is broken. It is an `AssertionError`.

    Example:
        >>> from bayeslayers.testing import check_layer
        >>> import bayeslayers, keras
        >>> @keras.saving.register_keras_serializable("mine")
        ... class TwiceDense(bayeslayers.layers.DenseFlipout):
        ...     pass
        >>> check_layer(TwiceDense, {"units": 2}, input_shape=(3,))
    """
    for check in layer_checks(layer_class, arguments, input_shape, inputs):
        check()


def layer_checks(
    layer_class: type[keras.Layer],
    arguments: Mapping[str, Any] | None = None,
    input_shape: Sequence[int] = (3,),
    inputs: Any = None,
) -> list[LayerCheck]:
    """Return the checks of a layer, each a function without arguments that has a name.

    Args:
        layer_class: See `check_layer()`.
        arguments: See `check_layer()`.
        input_shape: See `check_layer()`.
        inputs: See `check_layer()`.

    Example:
        >>> import pytest
        >>> from bayeslayers.layers import DenseFlipout
        >>> from bayeslayers.testing import layer_checks
        >>> @pytest.mark.parametrize("check", layer_checks(DenseFlipout, {"units": 2}), ids=str)
        ... def test_my_layer(check):
        ...     check()
    """
    if inputs is None:
        inputs = np.random.default_rng(7).normal(size=(_BATCH, *input_shape))
    numbers = np.asarray(inputs)
    # Single precision, as some backends lack double precision.
    numbers = numbers.astype("int32" if numbers.dtype.kind in "iu" else "float32")
    subject = Subject(layer_class, dict(arguments or {}), numbers)
    return [LayerCheck(rule, subject) for rule in RULES if issubclass(layer_class, rule.kind)]


RULES: tuple[Rule, ...] = tuple(
    member
    for module in (making, drawing, divergence, training)
    for member in vars(module).values()
    if isinstance(member, Rule)
)
"""All rules, in the order in which they are checked."""
