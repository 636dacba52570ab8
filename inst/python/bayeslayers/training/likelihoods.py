"""What a loss says about an output: which targets it takes, and what it is the likelihood of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from bayeslayers.contract.errors import ArgumentError
from bayeslayers.predictive.outputs import OutputKind, listed
from bayeslayers.training.losses import NegativeLogLikelihood

_BINARY = (keras.losses.BinaryCrossentropy, keras.losses.binary_crossentropy)
_COLUMNS = (keras.losses.CategoricalCrossentropy, keras.losses.categorical_crossentropy)
_NUMBERS = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.sparse_categorical_crossentropy,
)
# Their targets are sequences of labels, of a length of their own.
_OF_SEQUENCES = (keras.losses.CTC, keras.losses.ctc)


def losses_of(loss: Any, kinds: Sequence[OutputKind]) -> list[Any] | None:
    """Return the loss of each output, as Keras looks them up.

    Args:
        loss: What `compile()` takes: a loss, or a list or dictionary of them.
        kinds: The outputs.

    Returns:
        A list with `None` for outputs without a loss; `None` where losses are nested deeper.
    """
    if isinstance(loss, dict):
        names = [kind.name for kind in kinds]
        if not set(loss) <= set(names):
            rule = f"must be one loss, or one for each output, by a name it has{listed(kinds)}"
            raise ArgumentError("loss", rule, {"loss": list(loss)})
        found = [loss.get(name) for name in names]
    elif isinstance(loss, (list, tuple)):
        if len(keras.tree.flatten(list(loss))) != len(kinds):
            rule = f"must be one loss, or one for each of the model's {len(kinds)} outputs"
            raise ArgumentError("loss", rule, {"loss": loss})
        found = list(loss)
    else:
        found = [loss] * len(kinds)
    if any(isinstance(each, (list, tuple)) for each in found):
        return None
    return [_looked_up(each) for each in found]


def _looked_up(loss: Any) -> Any:
    try:
        return keras.losses.get(loss)
    except (ValueError, TypeError, KeyError) as error:
        rule = "must be the name of a Keras loss, a loss, or a function of targets and outputs"
        raise ArgumentError("loss", rule, {"loss": loss}) from error


def check_mean(losses: Sequence[Any]) -> None:
    """Check that losses are means over examples, as the divergence is scaled for them."""
    # Keras adds up what a loss without a reduction returns.
    for loss in losses:
        reduction = getattr(loss, "reduction", "sum_over_batch_size")
        if reduction in ("sum", "none", None):
            rule = "must be a mean over examples, which the divergence is scaled for"
            raise ArgumentError("loss", rule, {"reduction": reduction})


def likelihood_of(loss: Any, kind: OutputKind) -> str | None:
    """Return what `log_likelihood()` takes an output for under a loss, `None` without a likelihood.

    A distribution has its likelihood whatever the loss is. For a tensor, a crossentropy says what
    the numbers are, also where it smooths the labels: the score is that of the labels themselves.
    Others do not: the squared error is normal with a noise that nobody knows, and Keras's Poisson
    loss leaves out the constant.
    """
    if kind.is_distribution:
        return "auto"
    form = form_of_targets(loss, kind)
    if form not in ("numbers", "columns", "events"):
        return None
    has_one_column = kind.shape is not None and kind.shape[-1:] in ((), (1,))
    # Several columns of a binary loss are events of their own; one decides among two classes.
    if (form == "events") != has_one_column or not _is_of_one_class(kind):
        return None
    if getattr(loss, "ignore_class", None) is not None:
        return None
    return "logits" if getattr(loss, "from_logits", False) else "probabilities"


def _is_of_one_class(kind: OutputKind) -> bool:
    """Whether there is one class for each example, and not one for each step of a sequence."""
    return kind.shape is not None and all(size == 1 for size in kind.shape[:-1])


def form_of_targets(loss: Any, kind: OutputKind) -> str | None:
    """Return what targets a loss takes, `None` where that is the loss's own affair.

    Returns:
        "outcomes" of a distribution, "numbers" of classes, "columns" for each class, "events" with
        a probability each, or "values" of the outputs' shape.
    """
    if kind.is_distribution:
        return "outcomes" if isinstance(loss, NegativeLogLikelihood) else None
    if _is_one_of(loss, _NUMBERS):
        return "numbers"
    if _is_one_of(loss, _COLUMNS):
        return "columns" if getattr(loss, "axis", -1) == -1 else None
    if _is_one_of(loss, _BINARY):
        return "events"
    # By identity, as a loss may compare itself in its own way.
    public = set(map(id, vars(keras.losses).values()))
    is_public = id(loss) in public or id(type(loss)) in public
    is_keras_own = is_public and not _is_one_of(loss, _OF_SEQUENCES)
    return "values" if is_keras_own else None


def takes_columns(loss: Any, kind: OutputKind) -> bool:
    """Whether targets have a column for each class, and a single 1 among them."""
    form = form_of_targets(loss, kind)
    is_one_hot = kind.classes is not None and kind.count_of_classes is None
    return form == "columns" or (form == "outcomes" and is_one_hot)


def _is_one_of(loss: Any, pair: tuple[type, Any]) -> bool:
    return isinstance(loss, pair[0]) or loss is pair[1]
