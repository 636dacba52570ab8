"""How a Bayesian network is trained: what `fit_bayesian()` passes to `compile()` and `fit()`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import is_ragged, is_sparse
from bayeslayers.contract import binding, checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.inputs import (
    ArrayInputs,
    as_array,
    as_inputs,
    comes_once,
    described,
    first_batch,
    first_row,
    is_endless,
    specification,
)
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.outputs import describe as describe_outputs
from bayeslayers.predictive.targets import class_numbers
from bayeslayers.training.kl_annealing import KLAnnealing
from bayeslayers.training.kl_history import LIKELIHOOD, KLHistory
from bayeslayers.training.log_score import FIGURE, LogScore
from bayeslayers.training.losses import negative_log_likelihood
from bayeslayers.training.settings import Settings

_ENTROPIES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.SparseCategoricalCrossentropy,
)
# As `compile()` takes them, too: they are of probabilities.
_NAMES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
_DRAWS = 20


def size_of_epoch(
    x: Any, batch_size: int, split: float, num_examples: float | None, steps: int | None
) -> tuple[float, int]:
    """Return how many examples are learnt from, and how many steps an epoch has.

    Batches are counted by going through them once, unless the caller says how many there are.

    Args:
        x: What `fit()` takes.
        batch_size: How many examples of an array a step takes.
        split: The part of an array that is kept for validation.
        num_examples: How many examples there are, if the caller says.
        steps: How many steps an epoch has, if the caller says.
    """
    if num_examples is not None and steps is not None:
        return num_examples, steps
    if comes_once(x) or is_endless(x):
        rule = (
            "must be given, and `steps_per_epoch` as well, where `x` can be gone through once, or "
            "has no end"
        )
        raise ArgumentError("num_examples", rule, {"num_examples": num_examples, "x": described(x)})
    inputs = as_inputs(x)
    if isinstance(inputs, ArrayInputs):
        examples = math.floor(inputs.count * (1 - split))
        counted = math.ceil(examples / batch_size)
    else:
        sizes = [batch.size for batch in inputs.batches(None)]
        examples, counted = sum(sizes), len(sizes)
    return num_examples or examples, max(steps or counted, 1)


def last_part(x: Any, y: Any, split: float) -> tuple[Any, Any]:
    """Return the inputs and targets that Keras keeps for validation, as it tells nobody which."""
    count = as_inputs(x).count
    if count is None or y is None:
        rule = "must be 0 where `x` comes in batches"
        raise ArgumentError("validation_split", rule, {"validation_split": split})
    at = math.floor(count * (1 - split))
    if not 0 < at < count:
        rule = "must leave examples on both sides"
        received = {"validation_split": split, "examples": Described(str(count))}
        raise ArgumentError("validation_split", rule, received)
    x, y = keras.tree.map_structure(lambda leaf: np.asarray(as_array(leaf))[at:], (x, y))
    return x, y


def peeked(x: Any) -> tuple[Any, Any]:
    """Return the first batch, and what `fit()` takes: with that batch still to come."""
    if not comes_once(x):
        return first_batch(x), x
    first = next(x, None)
    if first is None:
        raise ArgumentError("x", "must hold at least one batch", {"x": described(x)})

    def batches() -> Iterator[Any]:
        yield first
        yield from x

    return first_batch(iter([first])), batches()


def kinds_of_outputs(model: keras.Model, first: Any, samples: int) -> tuple[OutputKind, ...]:
    """Return what the model returns for its first inputs; it is built if it is not."""
    if samples > 1 and any(is_sparse(v) or is_ragged(v) for v in keras.tree.flatten(first)):
        rule = "must be 1 where inputs are sparse or ragged, whose examples can't be repeated"
        raise ArgumentError("samples", rule, {"samples": samples})
    if not model.built:
        model(first_row(first), training=False)
    return describe_outputs(model, specification(first)).kinds


def loss_for(model: keras.Model, loss: Any, kinds: Sequence[OutputKind]) -> Any:
    """Return the loss: the caller's, that of the distributions, or that of `compile()`."""
    if loss is not None:
        return loss
    if all(kind.is_distribution for kind in kinds):
        # Keras wants one for each of several outputs.
        return (
            negative_log_likelihood if len(kinds) == 1 else [negative_log_likelihood] * len(kinds)
        )
    if model.compiled and getattr(model, "loss", None) is not None:
        return model.loss
    rule = "must be given where the model ends in a tensor, and has not been compiled with a loss"
    raise ArgumentError("loss", rule, {"loss": loss})


def check_mean(loss: Any) -> None:
    """Check that a loss is a mean over examples, as the divergence is scaled for one."""
    losses = keras.tree.flatten(loss)
    if any(getattr(each, "reduction", None) == "sum" for each in losses):
        rule = "must be a mean over examples, which the divergence is scaled for"
        raise ArgumentError("loss", rule, {"reduction": "sum"})


def likelihood_of(model: keras.Model, loss: Any, kinds: Sequence[OutputKind]) -> str | None:
    """Return what `log_likelihood()` takes the outputs for under a loss, `None` without one."""
    if all(kind.is_distribution for kind in kinds):
        return "auto"
    if len(kinds) > 1:
        return None
    if isinstance(loss, _ENTROPIES):
        settings = loss.get_config()
        is_binary = isinstance(loss, keras.losses.BinaryCrossentropy)
        kind = "logits" if settings["from_logits"] else "probabilities"
        is_left_out = settings.get("ignore_class") is not None
    else:
        is_binary = loss in (_NAMES[0], keras.losses.binary_crossentropy)
        kind = "probabilities"
        is_left_out = not any(loss in (name, getattr(keras.losses, name)) for name in _NAMES)
    # Several columns of a binary loss are events of their own, and no classes.
    is_left_out |= is_binary and getattr(model, "output_shape", (1,))[-1] != 1
    return None if is_left_out else kind


def with_class_numbers(y: Any, kinds: Sequence[OutputKind], likelihood: str | None) -> Any:
    """Return targets with the numbers of classes in the place of categories.

    Raises:
        ArgumentError: If there are categories, and the model is not about classes.
    """
    if not checks.is_categorical(y):
        return y
    of_classes = likelihood in ("logits", "probabilities")
    if len(kinds) > 1 or not (of_classes or kinds[0].count_of_classes or kinds[0].classes):
        rule = "must hold numbers for a model of values, and no categories"
        raise ArgumentError("y", rule, {"y": Described("categories")})
    return class_numbers(y, kinds[0].width)


def arguments_of(
    model: keras.Model, kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the further arguments of `compile()` and those of `fit()`."""
    named = [list(inspect.signature(verb).parameters) for verb in (model.compile, model.fit)]
    own = [field.name for field in fields(Settings)]
    binding.refuse_unknown([*own, *named[0], *named[1]], kwargs, of="function")
    compiling, fitting = ({name: kwargs[name] for name in kwargs if name in of} for of in named)
    return compiling, fitting


def scorer(validation: Any, outputs: str | None) -> LogScore | None:
    """Return the callback that scores the model on validation data, where there can be one."""
    if validation is None or outputs is None:
        return None
    x, y, _ = (
        keras.utils.unpack_x_y_sample_weight(validation)
        if isinstance(validation, (tuple, list))
        else (validation, None, None)
    )
    if comes_once(x) or is_endless(x):
        rule = (
            "must be data that have an end and can be gone through more than once, as they are "
            "scored after each epoch"
        )
        raise ArgumentError("validation_data", rule, {"validation_data": described(x)})
    return LogScore(x, y, _DRAWS, outputs)


def callbacks_for(
    given: Sequence[Any],
    epochs: int,
    annealing: float,
    patience: int | None,
    score: LogScore | None,
) -> list[Any]:
    """Return the callbacks of the recipe, and then the caller's.

    Args:
        given: The caller's.
        epochs: How many epochs there are.
        annealing: The part of them in which the divergence is let in.
        patience: After how many epochs without a better validation training stops, or `None`.
        score: What scores the model on validation data, or `None`.
    """
    warm_up = round(annealing * epochs)
    found: list[Any] = []
    if not any(isinstance(callback, KLHistory) for callback in given):
        found.append(KLHistory())
    if warm_up > 0:
        found.append(KLAnnealing(warm_up))
    if score is not None:
        found.append(score)
    if patience is not None:
        figure, mode = (f"val_{LIKELIHOOD}", "min") if score is None else (FIGURE, "max")
        # While the divergence is let in, the weights are not yet those of the posterior.
        stop = keras.callbacks.EarlyStopping(
            figure,
            patience=patience,
            mode=mode,
            restore_best_weights=True,
            start_from_epoch=warm_up,
        )
        found.append(stop)
    return [*found, *given]
