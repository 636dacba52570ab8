"""The targets of a training: in the form that each output's loss takes, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import is_ragged, is_sparse
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.classes import check_labels
from bayeslayers.predictive.input_checks import check_finite
from bayeslayers.predictive.inputs import described, is_array
from bayeslayers.predictive.outputs import OutputKind, Outputs, listed
from bayeslayers.predictive.targets import as_numbers, check_length, class_numbers
from bayeslayers.training.examples import Examples
from bayeslayers.training.likelihoods import form_of_targets, likelihood_of, takes_columns

# By how much probabilities in half precision may miss a sum of 1.
_ROUNDING = 0.01
_LABELS_FOR_COLUMNS = "The loss `sparse_categorical_crossentropy` takes the numbers of classes."
_COLUMNS_FOR_LABELS = "The loss `categorical_crossentropy` takes a column for each class."
_ONE_OUTPUT = "A model of two classes with one output takes the loss `binary_crossentropy`."


class TargetForms:
    """What targets a model's outputs and losses take.

    Args:
        outputs: The model's outputs.
        losses: The loss of each, or `None` where it is not known.
        is_keras_own: Whether the model computes its loss of outputs and targets, as Keras does.
    """

    def __init__(self, outputs: Outputs, losses: Sequence[Any] | None, is_keras_own: bool) -> None:
        self._kinds = outputs.kinds
        self._is_dict = isinstance(outputs.structure, dict)
        self._losses = losses
        self.are_needed = is_keras_own

    def checked(self, examples: Examples) -> Any:
        """Return targets beside inputs, with numbers or columns in the place of categories.

        Raises:
            ArgumentError: If the losses can't take them.
        """
        y = examples.targets
        if y is None:
            if self.are_needed and examples.count is None:
                rule = "must hold batches of inputs and targets"
                raise ArgumentError("x", rule, {"x": Described("batches without targets")})
            if self.are_needed:
                rule = "must be given where `x` does not hold the targets"
                raise ArgumentError("y", rule, {"y": None})
            return None
        if self._are_known or (len(self._kinds) == 1 and not keras.tree.is_nested(y)):
            checked = self._mapped(y, lambda leaf, place: self._checked(leaf, place, examples.size))
        else:
            # The model's own affair, but for what no model can learn from.
            check_finite("y", y)
            checked = y
        # Those of the batches stay with them.
        return None if examples.count is None else checked

    def are_classes(self, y: Any) -> bool:
        """Whether there are targets, and those of classes are classes, no mixtures of them."""
        if y is None:
            return False
        found: list[bool] = []

        def look(leaf: Any, place: int) -> None:
            form = self._form(place)
            kind = self._kinds[place]
            if form in ("columns", "events") or kind.classes or kind.count_of_classes:
                values = as_numbers(leaf)
                found.append(bool((values == np.round(values)).all()))

        if self._are_known:
            self._mapped(y, look)
        return all(found)

    def count_of_classes(self) -> int | None:
        """How many classes the only output tells apart; `None` where that is not known."""
        if len(self._kinds) != 1:
            return None
        kind, form = self._kinds[0], self._form(0)
        # One event decides between two classes; several are no classes.
        is_event = form == "events" and kind.shape == (1,)
        return kind.width if is_event or form in ("numbers", "columns") else None

    @property
    def _are_known(self) -> bool:
        """Whether each output has targets, and a loss that is known."""
        return self._losses is not None and self.are_needed

    def _form(self, place: int) -> str | None:
        if self._losses is None or not self.are_needed:
            return None
        return form_of_targets(self._losses[place], self._kinds[place])

    def _mapped(self, y: Any, function: Callable[[Any, int], Any]) -> Any:
        """Return what a function makes of the targets of each output, in the nest that y is."""
        kinds = self._kinds
        names = [kind.name for kind in kinds]
        is_single = len(kinds) == 1 and not self._is_dict
        if isinstance(y, dict) and self._losses is not None and self.are_needed:
            needed = [kind.name for kind, loss in zip(kinds, self._losses, strict=True) if loss]
            if is_single and set(y) != set(names):
                rule = "must be an array or a tensor for a model of one output"
                raise ArgumentError("y", rule, {"y": Described(f"targets of {list(y)}")})
            if not set(needed) <= set(y) and None not in needed:
                rule = f"must hold the targets of each of the model's {len(kinds)} outputs"
                received = Described(f"targets of {list(y)}")
                raise ArgumentError("y", f"{rule}{listed(kinds)}", {"y": received})
        if isinstance(y, dict):
            return {
                name: function(leaf, names.index(name)) if name in names else leaf
                for name, leaf in y.items()
            }
        if isinstance(y, (list, tuple)) and not _is_nested(y):
            if len(y) != len(kinds):
                rule = f"must hold the targets of each of the model's {len(kinds)} outputs"
                received = Described(f"a {type(y).__name__} of {len(y)}")
                raise ArgumentError("y", f"{rule}{listed(kinds)}", {"y": received})
            return type(y)(function(leaf, place) for place, leaf in enumerate(y))
        if not isinstance(y, (list, tuple)) and len(kinds) > 1:
            rule = f"must hold the targets of each of the model's {len(kinds)} outputs"
            raise ArgumentError("y", f"{rule}{listed(kinds)}", {"y": described(y)})
        return y if isinstance(y, (list, tuple)) else function(y, 0)

    def _checked(self, y: Any, place: int, count: int) -> Any:
        """Return the targets of one output, if its loss can take them."""
        if y is None or is_ragged(y) or is_sparse(y) or hasattr(y, "tocoo"):
            return y
        kind, form = self._kinds[place], self._form(place)
        loss = None if self._losses is None else self._losses[place]
        y = self._without_categories(y, kind, loss)
        values = as_numbers(y)
        check_length(values, count)
        if form is not None and kind.shape is not None:
            _CHECKS[form](values, kind, loss)
        return y

    def _without_categories(self, y: Any, kind: OutputKind, loss: Any) -> Any:
        if not checks.is_categorical(y):
            return y
        of_classes = likelihood_of(loss, kind) in ("logits", "probabilities")
        has_numbers = form_of_targets(loss, kind) == "numbers"
        if not (of_classes or has_numbers or kind.count_of_classes or kind.classes):
            rule = "must hold numbers for a model of values, and no categories"
            raise ArgumentError("y", rule, {"y": Described("categories")})
        numbers = class_numbers(y, kind.width)
        if not takes_columns(loss, kind):
            return numbers
        return np.eye(kind.width, dtype=keras.config.floatx())[numbers]


def computes_its_loss_by_keras(model: keras.Model) -> bool:
    """Whether a model computes its loss as Keras's own do, of outputs and targets alone."""
    return all(
        getattr(type(model), name) is getattr(keras.Model, name)
        for name in ("train_step", "compute_loss", "fit")
    )


def _is_nested(y: Any) -> bool:
    return not all(leaf is None or is_array(leaf) or checks.is_categorical(leaf) for leaf in y)


def _check_shape(y: np.ndarray, shape: tuple[int | None, ...], hint: str | None = None) -> None:
    """Raise an error unless targets have the shape of outputs, but for a last dimension of 1."""
    given = y.shape[1:]
    if not any(_fits(given, expected) for expected in _with_and_without_one(shape)):
        of = "one number" if shape == () else f"a target of shape {_text(shape)}, as the outputs do"
        rule = f"must hold for each example {of}"
        raise ArgumentError("y", rule, {"shape of each target": given}, hint)


def _with_and_without_one(shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
    return [shape, (*shape, 1), *([shape[:-1]] if shape[-1:] == (1,) else [])]


def _fits(given: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(given) == len(expected) and all(
        size in (None, found) for found, size in zip(given, expected, strict=True)
    )


def _text(shape: tuple[int | None, ...]) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def _range(y: np.ndarray) -> Described:
    return Described(f"numbers from {y.min():g} to {y.max():g}")


def _check_outcomes(y: np.ndarray, kind: OutputKind, loss: Any) -> None:
    del loss
    shape = kind.shape or ()
    is_one_hot = kind.classes is not None and kind.count_of_classes is None
    if is_one_hot:
        _check_shape(y, shape, "Each class has a column, with a single 1 among zeros.")
        _check_columns(y)
        return
    _check_shape(y, shape)
    if kind.is_number_of_class:
        check_labels(kind, y)
    elif kind.count_of_classes is not None:
        # Shades of grey, as pixels have them, lie between.
        _check_events(y, kind, None)


def _check_numbers(y: np.ndarray, kind: OutputKind, loss: Any) -> None:
    """Check the numbers of classes, of which one may be left out."""
    shape = kind.shape or (1,)
    classes = shape[-1]
    is_in_columns = classes not in (None, 1) and _fits(y.shape[1:], shape)
    _check_shape(y, shape[:-1], _COLUMNS_FOR_LABELS if is_in_columns else None)
    if classes is None:
        return
    left_out = getattr(loss, "ignore_class", None)
    is_class = (y >= 0) & (y < classes) & (y == np.round(y))
    if not (is_class if left_out is None else is_class | (y == left_out)).all():
        rule = f"must hold for each example a whole number from 0 to {classes - 1}, its class"
        raise ArgumentError("y", rule, {"y": _range(y)}, _ONE_OUTPUT if classes == 1 else None)


def _check_one_hot(y: np.ndarray, kind: OutputKind, loss: Any) -> None:
    del loss
    shape = kind.shape or ()
    given = y.shape[1:]
    is_of_numbers = any(_fits(given, each) for each in _with_and_without_one(shape[:-1]))
    if is_of_numbers or not _fits(given, shape):
        rule = (
            f"must hold for each example a target of shape {_text(shape)}, a column for each class"
        )
        hint = _LABELS_FOR_COLUMNS if is_of_numbers else None
        raise ArgumentError("y", rule, {"shape of each target": given}, hint)
    _check_columns(y)


def _check_columns(y: np.ndarray) -> None:
    sums = y.sum(axis=-1)
    if (y < 0).any() or (abs(sums - 1) > _ROUNDING).any():
        rule = "must hold for each example numbers from 0 to 1, which add up to 1 over the classes"
        received = Described(f"{_range(y)}, sums from {sums.min():g} to {sums.max():g}")
        raise ArgumentError("y", rule, {"y": received})


def _check_events(y: np.ndarray, kind: OutputKind, loss: Any) -> None:
    del loss
    _check_shape(y, kind.shape or ())
    if (y < 0).any() or (y > 1).any():
        rule = "must hold numbers from 0 to 1, each of which says whether an event happened"
        raise ArgumentError("y", rule, {"y": _range(y)})


def _check_values(y: np.ndarray, kind: OutputKind, loss: Any) -> None:
    _check_shape(y, kind.shape or ())
    is_of_counts = isinstance(loss, keras.losses.Poisson) or loss is keras.losses.poisson
    if is_of_counts and (y < 0).any():
        raise ArgumentError("y", "must hold numbers from 0, which are counts", {"y": _range(y)})


_CHECKS: dict[str, Callable[[np.ndarray, OutputKind, Any], None]] = {
    "outcomes": _check_outcomes,
    "numbers": _check_numbers,
    "columns": _check_one_hot,
    "events": _check_events,
    "values": _check_values,
}
