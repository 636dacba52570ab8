"""Draws in the form that ArviZ reads."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from bayeslayers.architecture.walk import all_layers, check_model
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.models.posterior import posterior_draws
from bayeslayers.predictive.classes import (
    CLASSES,
    check_labels,
    class_log_probabilities,
    likelihood_of_classes,
)
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.predictive.kinds import check_noise, kind_of_output
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.results import Results


@public_function(DRAW_ARGUMENTS)
def as_inference_data(
    model: Models,
    x: ModelInputs | None = None,
    y: ArrayLike | None = None,
    draws: int = 1000,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    output: str | int | None = None,
    dropout: bool = False,
) -> Any:
    """Draws of a model as ArviZ's InferenceData.

        posterior: w_d ~ q;   posterior_predictive: y_d ~ p(y | x, w_d);   d = 1, ..., draws

    Take it to use ArviZ: its plots, its diagnostics and its comparison of models. w_d is draw d of
    the weights, q their posterior, and y_d a draw of the outcome.

    There is one chain of draws. Draw d comes from the same weights in each of the
    groups. The group `posterior` holds the weights, named after their layer (`dense.kernel`). With
    `x` there is `posterior_predictive`, in which the outcome is `y`, and for an array
    `constant_data`. With `y` as well there are `log_likelihood` and `observed_data`.

    There is no group `posterior` for a list of models, whose weights differ, and none for a network
    whose weights are random by `dropout` alone.

    Args:
        x: Inputs in any form that `predict()` takes, or `None`.

    Returns:
        ArviZ's InferenceData, which from ArviZ 1.0 on is a DataTree of xarray.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; or if there is `x`, and the
            model ends in a tensor of values, which say nothing of their noise.
        ImportError: If ArviZ is not installed.

    Example:
        >>> import keras
        >>> from bayeslayers import as_inference_data, layer_dense_flipout
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> data = as_inference_data(model, draws=10)
        >>> data["posterior"]["out.kernel"].shape
        (1, 10, 3, 2)

    Reference:
        Kumar, R., Carroll, C., Hartikainen, A., and Martin, O. (2019). ArviZ: a unified library for
            exploratory analysis of Bayesian models in Python. Journal of Open Source Software
            4(33), 1143. https://doi.org/10.21105/joss.01143
    """
    seed = checks.seed_or_drawn("seed", seed)
    if x is None and y is not None:
        raise ArgumentError("x", "must be given where `y` is", {"x": x})
    groups = {}
    only: Any = model
    if not _is_without_posterior(model, x, dropout=dropout):
        groups["posterior"] = posterior_draws(only, draws, seed)
    if x is not None:
        common = (draws, outputs, batch_size, seed, output)
        groups.update(_outcome_groups(model, x, y, *common, dropout=dropout))
    # One chain, in front of the draws.
    hold_draws = ("posterior", "posterior_predictive", "log_likelihood")
    groups = {
        name: {key: value[None] if name in hold_draws else value for key, value in group.items()}
        for name, group in groups.items()
    }
    return _from_dict(groups)


def _is_without_posterior(model: Any, x: Any, *, dropout: bool) -> bool:
    """Whether weights have no posterior that could be shown; there must be inputs then."""
    is_ensemble = isinstance(model, (list, tuple, Mapping))
    if not is_ensemble and not dropout:
        return False
    is_without = is_ensemble or not any(
        isinstance(layer, BayesianLayer) for layer in all_layers(check_model(model))
    )
    if is_without and x is None:
        rule = "must be given where `model` is a list, or has no posterior but by dropout"
        raise ArgumentError("x", rule, {"x": x})
    return is_without


def _outcome_groups(
    model: Models,
    x: Any,
    y: Any,
    draws: int,
    outputs: str,
    batch_size: int | None,
    seed: int,
    output: str | int | None,
    *,
    dropout: bool,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the groups that are about the outcome, computed in one pass through the inputs."""
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose=0, dropout=dropout)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    has_targets = y is not None or evaluation.inputs.first.y is not None
    check = functools.partial(check_labels, selected) if kind == "values" else lambda _: None
    classes = None if kind == "values" else selected.width
    targets = evaluation.targets(y, selected, check, classes) if has_targets else None
    if kind == "values":
        check_noise(selected, evaluation.model)
        wanted = ("sample", "log_prob") if has_targets else ("sample",)
    else:
        wanted = ("sample", *CLASSES) if selected.is_distribution else CLASSES
    numbers = np.random.default_rng(seed)
    results = Results(evaluation.inputs.count)
    observed: list[np.ndarray] = []

    def add(block: Block) -> None:
        if kind == "values":
            outcomes, *likelihood = block.values
        else:
            log_p = class_log_probabilities(kind, block.values[-1])
            outcomes = block.values[0] if selected.is_distribution else _drawn(log_p, numbers)
            likelihood = [likelihood_of_classes(log_p, block.observed)] if has_targets else []
        results.add(Block(block.start, block.size, [outcomes, *likelihood], None))
        if has_targets:
            observed.append(block.observed)

    evaluation.reduce([(selected.place, name) for name in wanted], add, targets, in_pieces=False)
    groups = ("posterior_predictive", "log_likelihood")
    found = {name: {"y": value} for name, value in zip(groups, results.values(), strict=False)}
    if has_targets:
        shape = found["posterior_predictive"]["y"].shape[1:]
        found["observed_data"] = {"y": _observed(np.concatenate(observed), shape)}
    if hasattr(x, "__array__"):
        found["constant_data"] = {"x": keras.ops.convert_to_numpy(x)}
    return found


def _drawn(log_p: np.ndarray, numbers: np.random.Generator) -> np.ndarray:
    """Return classes that are drawn with these log-probabilities, (draws, n)."""
    # One example after the other, so that it does not matter how they are cut into blocks.
    places = numbers.random((log_p.shape[1], len(log_p), 1)).swapaxes(0, 1)
    # The first class whose cumulative probability reaches the place, the last despite rounding.
    return (places > np.exp(log_p).cumsum(axis=-1)[..., :-1]).sum(axis=-1)


def _observed(y: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the targets in the shape of the outcomes, where they are the same numbers."""
    observed = keras.ops.convert_to_numpy(y)
    return observed.reshape(shape) if observed.size == np.prod(shape) else observed


def _from_dict(groups: dict[str, Any]) -> Any:
    try:
        import arviz
    except ImportError as error:
        message = "as_inference_data() needs ArviZ: pip install 'bayeslayers[arviz]'"
        raise ImportError(message) from error
    if int(arviz.__version__.split(".")[0]) >= 1:
        return arviz.from_dict(groups)
    return arviz.from_dict(**groups)
