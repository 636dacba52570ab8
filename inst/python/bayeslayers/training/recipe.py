"""How a Bayesian network is trained: what `fit_bayesian()` passes to `compile()` and `fit()`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import keras

from bayeslayers.backend import is_ragged, is_sparse
from bayeslayers.contract import binding
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.predictive.input_checks import check_shapes
from bayeslayers.predictive.inputs import first_row, specification
from bayeslayers.predictive.outputs import OutputKind, Outputs
from bayeslayers.predictive.outputs import describe as describe_outputs
from bayeslayers.training.kl_annealing import KLAnnealing
from bayeslayers.training.kl_history import LIKELIHOOD, KLHistory
from bayeslayers.training.likelihoods import likelihood_of
from bayeslayers.training.log_score import DRAWS, FIGURE, LogScore
from bayeslayers.training.losses import negative_log_likelihood
from bayeslayers.training.settings import Settings


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
        # Keras wants one for each of several outputs.
        return (
            negative_log_likelihood if len(kinds) == 1 else [negative_log_likelihood] * len(kinds)
        )
    if model.compiled and getattr(model, "loss", None) is not None:
        return model.loss
    rule = "must be given where the model ends in a tensor, and has not been compiled with a loss"
    raise ArgumentError("loss", rule, {"loss": loss})


def arguments_of(
    model: keras.Model, kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the further arguments of `compile()` and those of `fit()`."""
    named = [list(inspect.signature(verb).parameters) for verb in (model.compile, model.fit)]
    own = [field.name for field in fields(Settings)]
    binding.refuse_unknown([*own, *named[0], *named[1]], kwargs, of="function")
    compiling, fitting = ({name: kwargs[name] for name in kwargs if name in of} for of in named)
    return compiling, fitting


def likelihoods_of(losses: Sequence[Any] | None, outputs: Outputs) -> list[str] | None:
    """Return what `log_likelihood()` takes each output for, `None` where one has no likelihood."""
    kinds = outputs.kinds
    found = [
        likelihood_of(loss, kind)
        for loss, kind in zip(losses or [None] * len(kinds), kinds, strict=True)
    ]
    return None if None in found else [each for each in found if each is not None]


def scorer(validation: Any, likelihoods: Sequence[str]) -> LogScore:
    """Return the callback that scores the model on validation data.

    Args:
        validation: What `fit()` takes.
        likelihoods: What `log_likelihood()` takes each output for.
    """
    is_pair = isinstance(validation, (tuple, list))
    x, y = validation[:2] if is_pair else (validation, None)
    return LogScore(x, y, DRAWS, likelihoods)


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
        found.append(KLHistory(warn_from=warm_up))
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
