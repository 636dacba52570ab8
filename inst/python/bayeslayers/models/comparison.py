"""Several models side by side: how good their predictions are, and what these cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import keras
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described, also_received, renaming
from bayeslayers.contract.functions import public_function
from bayeslayers.models.scores import LEVELS, predictive_scores
from bayeslayers.predictive.classes import CLASSES
from bayeslayers.predictive.cost import parameters, seconds
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.inputs import ModelInputs, repeatable
from bayeslayers.predictive.kinds import kind_of_output
from bayeslayers.predictive.members import Models

_Value = TypeVar("_Value")


@public_function(r_result="as_comparison")
def compare_predictive(
    models: Mapping[str, Models],
    x: ModelInputs,
    y: ArrayLike | None = None,
    draws: int = 200,
    levels: Sequence[float] = LEVELS,
    outputs: str | Mapping[str, str] = "auto",
    bins: int = 10,
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool | Mapping[str, bool] = False,
) -> pd.DataFrame:
    """Comparison of predictive distributions: scores and cost.

        p_k(y | x) = 1/M sum_m E_w[p(y | x, w)],   w ~ q_m,   m = 1, ..., M_k
        log_score = 1/n sum_i log p_k(y_i | x_i)

    Take it to choose between a Bayesian network, an ensemble and dropout, on data that none has
    seen. M_k is the number of members of model k, and q_m the posterior of the weights of the m-th:
    a point for a plain network, the masks for one with dropout.

    There is a row for each model, with its name in `model` and the scores by model of
    `predictive_scores()`: for values `n`, `rmse`, `crps`, `log_score` and the coverage of each of
    `levels`; for classes `n`, `accuracy`, `brier`, `log_score` and `calibration_error`. Higher is
    better for `log_score` and `accuracy`, lower for the other scores, and a coverage shall be its
    level.

    The columns of cost follow. `parameters` is how many numbers all weights have together: a
    mean-field posterior has two for each weight, an ensemble those of all its members. `draws` is
    how many draws a prediction takes: one of each member that is plain. `seconds` is how long it
    took to compute the means, or the probabilities of classes, of all examples under these draws,
    after they had been computed once before, so that compiling does not count. It depends on the
    machine, and on what else runs there.

    All models must end in values with noise, or all in classes. `plot_comparison()` in Python, and
    `autoplot()` in R, draw the table.

    Args:
        models: Models by name: a dictionary, each value of which is a Keras 3 model, or a list of
            them, an ensemble.
        outputs: What the numbers in an output are, where it is a tensor: "auto", "values", or
            "probabilities" or "logits" of classes. A dictionary has it for models by name, where
            "auto" stands for all others.
        dropout: `True` or `False`: whether dropout acts, in all models, or by name in a dictionary,
            where `False` stands for all others; see `predict_draws()`.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If a model has no name; if some end in values and some in classes; or in the
            same cases as `predictive_scores()`, with the name of the model.

    Example:
        >>> import keras
        >>> from bayeslayers import compare_predictive, layer_homoscedastic_normal
        >>> def network(*hidden):
        ...     model = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1)])
        ...     return layer_homoscedastic_normal(model, event_shape=1)
        >>> models = {
        ...     "dropout": network(keras.layers.Dropout(0.1)),
        ...     "ensemble": [network(), network(), network()],
        ... }
        >>> x, y = keras.random.normal((50, 3)), keras.random.normal((50, 1))
        >>> table = compare_predictive(models, x, y, dropout={"dropout": True}, verbose=0)
        >>> list(table)[-3:]
        ['parameters', 'draws', 'seconds']

    R example:
        library(keras3)
        network <- function(rate = 0) {
          keras_model_sequential(input_shape = 3) |>
            layer_dropout(rate) |>
            layer_dense(1) |>
            layer_homoscedastic_normal(event_shape = 1)
        }
        models <- list(dropout = network(0.1), ensemble = list(network(), network(), network()))
        x <- array(rnorm(150), c(50, 3))
        y <- array(rnorm(50), c(50, 1))
        table <- compare_predictive(models, x, y, dropout = list(dropout = TRUE), verbose = 0)
        table
        if (rlang::is_installed("ggplot2")) plot(table)

    Reference:
        Lakshminarayanan et al. (2017). Gal and Ghahramani (2016).
    """
    names = _names(models)
    outputs_of = _by_name("outputs", outputs, names, "auto")
    dropout_of = _by_name("dropout", dropout, names, default=False)
    inputs: Any = repeatable(x)
    # One seed, so that a model that is there twice has the same row.
    seed = checks.seed_or_drawn("seed", seed)
    rows = []
    for name in names:
        model, kind, drops = models[name], outputs_of[name], dropout_of[name]
        with renaming(model="models"), also_received(name=name):
            scores = predictive_scores(
                model,
                inputs,
                y,
                draws,
                levels,
                kind,
                bins,
                "model",
                batch_size,
                seed,
                verbose,
                output,
                drops,
            )
            # As an ensemble of one: a network without a posterior answers once.
            members = [model] if isinstance(model, keras.Layer) else model
            evaluation = Evaluation(members, inputs, draws, batch_size, seed, 0, dropout=drops)
            rows.append(scores.assign(**_cost(evaluation, output, kind)))
    _check_kinds(names, rows)
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "model", names)
    return table


def _names(models: Any) -> list[str]:
    names = list(models) if isinstance(models, Mapping) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        rule = "must hold models, or lists of models, each with a name"
        received = Described(f"a {type(models).__name__} with the names {names}")
        raise ArgumentError("models", rule, {"models": received})
    return names


def _by_name(
    argument: str, value: _Value | Mapping[str, _Value], names: Sequence[str], default: _Value
) -> dict[str, _Value]:
    """Return the value of an argument for each model: the same, or as a dictionary has it."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    unknown = [name for name in value if name not in names]
    if unknown:
        listed = ", ".join(f'"{name}"' for name in names)
        rule = f"must name none but the models, {listed}"
        raise ArgumentError(argument, rule, {"names": unknown})
    return {**dict.fromkeys(names, default), **value}


def _cost(evaluation: Evaluation, output: Any, outputs: str) -> dict[str, float]:
    selected = evaluation.outputs.select(output)
    statistics = ("mean",) if kind_of_output(selected, outputs) == "values" else CLASSES
    wanted = [(selected.place, name) for name in statistics]
    return {
        "parameters": parameters(evaluation),
        "draws": evaluation.members.count * evaluation.draws_of_each(wanted),
        "seconds": seconds(evaluation, wanted),
    }


def _check_kinds(names: Sequence[str], rows: Sequence[pd.DataFrame]) -> None:
    """Raise an error where some models have scores of values, and some those of classes."""
    kinds = ["classes" if "accuracy" in row else "values" for row in rows]
    for name, kind in zip(names, kinds, strict=True):
        if kind != kinds[0]:
            received = {names[0]: Described(kinds[0]), name: Described(kind)}
            hint = "`outputs` says which outputs are the probabilities or logits of classes."
            raise ArgumentError("models", "must all end in values, or in classes", received, hint)
