"""How a Bayesian network is trained: what `fit_bayesian()` passes to `compile()` and `fit()`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import is_ragged, is_sparse
from bayeslayers.contract import binding
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.predictive.input_checks import check_shapes
from bayeslayers.predictive.inputs import first_batch, first_row, specification
from bayeslayers.predictive.outputs import OutputKind, Outputs
from bayeslayers.predictive.outputs import describe as describe_outputs
from bayeslayers.training.kl_annealing import KLAnnealing
from bayeslayers.training.kl_history import LIKELIHOOD, KLHistory
from bayeslayers.training.likelihoods import likelihood_of
from bayeslayers.training.log_score import DRAWS, FIGURE, LogScore, weights_of_examples
from bayeslayers.training.losses import NegativeLogLikelihood
from bayeslayers.training.optimizers import has_schedule
from bayeslayers.training.settings import Settings

_SETTERS_OF_RATE = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)


def outputs_for(model: keras.Model, first: Any, samples: int) -> Outputs:
    """Return what the model returns for its first inputs; it is built if it is not."""
    if samples > 1 and any(is_sparse(v) or is_ragged(v) for v in keras.tree.flatten(first)):
        rule = "must be 1 where inputs are sparse or ragged, whose examples can't be repeated"
        raise ArgumentError("samples", rule, {"samples": samples})
    check_shapes(model, first)
    if not model.built:
        model(first_row(first), training=False)
    return describe_outputs(model, specification(first))


def loss_for(model: keras.Model, loss: Any, kinds: Sequence[OutputKind]) -> Any:
    """Return the loss: the caller's, that of the distributions, or that of `compile()`."""
    if loss is not None:
        return loss
    if all(kind.is_distribution for kind in kinds):
        losses = [NegativeLogLikelihood() for _ in kinds]
        # Keras wants one for each of several outputs.
        return losses[0] if len(losses) == 1 else losses
    if model.compiled:
        # None where the model adds all of its loss itself.
        return getattr(model, "loss", None)
    rule = (
        "must be given where the model ends in a tensor and has not been compiled before, with a "
        "loss or, if it adds all of it by `add_loss()`, without one"
    )
    raise ArgumentError("loss", rule, {"loss": loss})


def arguments_of(
    model: keras.Model, kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the further arguments of `compile()` and those of `fit()`."""
    named = [_names_taken(model, verb) for verb in ("compile", "fit")]
    own = [field.name for field in fields(Settings)]
    binding.refuse_unknown([*own, *named[0], *named[1]], kwargs, of="function")
    compiling, fitting = ({name: kwargs[name] for name in kwargs if name in of} for of in named)
    by_class = fitting.get("class_weight")
    if isinstance(by_class, dict) and all(str(number).isdigit() for number in by_class):
        # R names classes by texts.
        fitting["class_weight"] = {int(number): weight for number, weight in by_class.items()}
    if "sample_weight" in fitting:
        fitting["sample_weight"] = as_weights(fitting["sample_weight"])
    return compiling, fitting


def as_weights(weights: Any) -> Any:
    """Return weights as an array where they are a list of numbers, as R's vectors come."""
    is_list = isinstance(weights, (list, tuple)) and len(weights) > 0
    is_of_numbers = is_list and all(isinstance(weight, (int, float)) for weight in weights)
    return np.asarray(weights, keras.config.floatx()) if is_of_numbers else weights


def with_weights_in_array(validation: Any) -> Any:
    """Return validation data whose weights, where it has any, are an array."""
    if isinstance(validation, (tuple, list)) and len(validation) == 3:  # noqa: PLR2004
        return (*validation[:2], as_weights(validation[2]))
    return validation


def _names_taken(model: keras.Model, verb: str) -> list[str]:
    """Return the names of the arguments that a model's `compile()` or `fit()` takes."""
    parameters = inspect.signature(getattr(model, verb)).parameters
    names = [name for name, each in parameters.items() if each.kind is not each.VAR_KEYWORD]
    if len(names) < len(parameters):
        # The model's own passes them on to Keras's.
        names += [
            n for n in inspect.signature(getattr(keras.Model, verb)).parameters if n != "self"
        ]
    return names


def likelihoods_of(losses: Sequence[Any] | None, outputs: Outputs) -> list[str] | None:
    """Return what `log_likelihood()` takes each output for, `None` where one has no likelihood."""
    kinds = outputs.kinds
    found = [
        likelihood_of(loss, kind)
        for loss, kind in zip(losses or [None] * len(kinds), kinds, strict=True)
    ]
    return None if None in found else [each for each in found if each is not None]


def scorer(validation: Any, likelihoods: Sequence[str]) -> LogScore | None:
    """Return the callback that scores the model on validation data, where there can be one.

    Args:
        validation: What `fit()` takes.
        likelihoods: What `log_likelihood()` takes each output for.
    """
    if not isinstance(validation, (tuple, list)):
        weights = first_batch(validation).weights
        # Those of all batches are taken where they are scored.
        score = LogScore(validation, None, DRAWS, likelihoods)
    else:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(tuple(validation))
        score = LogScore(x, y, DRAWS, likelihoods, weights_of_examples(weights))
    # The likelihood of an example is that of all its parts, and Keras's loss has their weights.
    is_of_parts = weights is not None and weights_of_examples(weights) is None
    return None if is_of_parts else score


def check_rate(given: Sequence[Any], optimizer: keras.optimizers.Optimizer) -> None:
    """Check that the caller's callbacks set no learning rate that follows a schedule.

    Keras fails when they do, which may be late in the training.
    """
    setting = [type(each).__name__ for each in given if isinstance(each, _SETTERS_OF_RATE)]
    if setting and has_schedule(optimizer):
        rule = (
            "must not set a learning rate that follows a schedule: with `decay = False`, and a "
            "number as `learning_rate`, it follows none"
        )
        raise ArgumentError("callbacks", rule, {"callbacks": setting})


def callbacks_for(
    given: Sequence[Any],
    epochs: int,
    annealing: float,
    patience: int | None,
    score: LogScore | None,
) -> list[Any]:
    """Return the callbacks of the recipe, and then the caller's, which may stand for one of them.

    Args:
        given: The caller's.
        epochs: How many epochs there are.
        annealing: The part of them in which the divergence is let in.
        patience: After how many epochs without a better validation training stops, or `None`.
        score: What scores the model on validation data, or `None`.
    """
    own = [callback.epochs for callback in given if isinstance(callback, KLAnnealing)]
    # The last epoch has all of the divergence, also where it is the only one.
    warm_up = max(own) if own else min(round(annealing * epochs), epochs - 1)
    found: list[Any] = []
    if not any(isinstance(callback, KLHistory) for callback in given):
        found.append(KLHistory(warn_from=warm_up))
    if warm_up > 0 and not own:
        found.append(KLAnnealing(warm_up))
    # Before what stops the training by the score.
    scores = [callback for callback in given if isinstance(callback, LogScore)]
    found += scores or ([] if score is None else [score])
    if patience is not None:
        is_scored = scores or score is not None
        figure, mode = (FIGURE, "max") if is_scored else (f"val_{LIKELIHOOD}", "min")
        # While the divergence is let in, the weights are not yet those of the posterior.
        stop = keras.callbacks.EarlyStopping(
            figure,
            patience=patience,
            mode=mode,
            restore_best_weights=True,
            start_from_epoch=warm_up,
        )
        found.append(stop)
    return [*found, *(callback for callback in given if not isinstance(callback, LogScore))]
