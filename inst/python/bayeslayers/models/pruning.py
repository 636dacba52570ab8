"""Remove the weights that the posterior is least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.architecture.cloning import copy_of
from bayeslayers.architecture.walk import bayesian_layers
from bayeslayers.backend import method_of
from bayeslayers.base_layers.random_weight import RandomWeight
from bayeslayers.base_layers.rank1_layer import Rank1Layer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.models.deterministic import as_deterministic
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.inputs import Inputs, ModelInputs, repeatable
from bayeslayers.predictive.outputs import OutputKind
from bayeslayers.predictive.results import Results
from bayeslayers.predictive.targets import Targets

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)


@public_function()
def prune(model: keras.Model, snr: float | None = None, share: float | None = None) -> keras.Model:
    """Prune a Bayesian model by signal-to-noise ratio.

        w[i] = 0   where   |loc[i]| / scale[i] < snr

    Take it for a smaller model: weights that are as likely positive as negative can be removed.
    `loc[i]` and `scale[i]` are the mean and the standard deviation of weight `w[i]`.

    It returns a copy of the model in which the weights that the posterior is least sure of are
    zero: their mean is zero, and their standard deviation is the smallest possible, 1e-7 in single
    precision. Give either the ratio `snr`, or the `share` of all random weights to remove. Biases,
    and the model that is passed, do not change. Functions need not be registered, as no file is
    written.

    The copy is for prediction. The divergence of a weight that is almost certain is large, and
    training would make the weight uncertain again.

    Args:
        model: A Keras 3 model, sequential or functional.

    Returns:
        A Keras model of the same layers, not compiled.

    Raises:
        ArgumentError: If not just one of `snr` and `share` is given, or breaks its rule; if a
            posterior is not the default; or if `model` can't be made from its configuration.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, prune
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=4)
        >>> pruned = prune(model, share=0.5)
        >>> int((pruned.layers[0].kernel_posterior.mean().numpy() == 0).sum())
        6

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 4)
        pruned <- prune(model, share = 0.5)
        pruned$layers[[1]]$kernel_posterior

    Reference:
        Blundell et al. (2015).
    """
    if (snr is None) == (share is None):
        rule = "must be given, or `share`, and not both"
        raise ArgumentError("snr", rule, {"snr": snr, "share": share})
    if snr is not None:
        limit = checks.positive_number("snr", snr)
    else:
        (limit,) = checks.probabilities("share", share)
    ratios = [_signal_to_noise(weight) for weight in _kernels(model)]
    keep = _largest(ratios, limit) if snr is None else [ratio >= limit for ratio in ratios]
    pruned = copy_of(model).model
    for weight, kept in zip(_kernels(pruned), keep, strict=True):
        weight.keep_only(kept)
    return pruned


@public_function(r_result="as_data_frame")
def pruning_curve(
    model: keras.Model,
    x: ModelInputs,
    y: ArrayLike | None,
    metric: str,
    shares: Sequence[float] = SHARES,
    output: str | int | None = None,
) -> pd.DataFrame:
    """A metric against the share of weights removed by pruning.

        metric(y, f(x; w)),   w = E_q[w], and 0 where |loc| / scale is lowest

    Take it before `prune()`, to see how many weights can be removed.

    For each share the model is pruned (see `prune()`) and evaluated at the means of its posteriors,
    as in Blundell et al. (2015). A distribution at the end of the model is evaluated by its mean, a
    distribution over classes by its probabilities. In the formula, f is the model, x and y are the
    data, and q is the posterior.

    `y` may be `None` where the targets come with `x`. Inputs that come in batches are kept in
    memory, as they are used for every share.

    Args:
        model: A Keras 3 model, sequential or functional.

    Returns:
        A data frame with the columns `share`, `snr` (the ratio below which weights were removed),
        `removed` (how many), and one named after the metric.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; see also `prune()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, pruning_curve
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=4)
        >>> x, y = keras.ops.ones((8, 3)), keras.ops.ones((8, 4))
        >>> list(pruning_curve(model, x, y, metric="mean_squared_error", shares=(0.0, 0.5)))
        ['share', 'snr', 'removed', 'mean_squared_error']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 4)
        pruning_curve(
          model, array(1, c(8, 3)), array(1, c(8, 4)),
          metric = "mean_squared_error", shares = c(0, 0.5)
        )

    Reference:
        Blundell et al. (2015).
    """
    shares = checks.probabilities("shares", shares)
    found = _metric(metric)
    evaluation = Evaluation(model, repeatable(x), draws=1, seed=0)
    selected = evaluation.outputs.select(output)
    # What the numbers mean, values or classes, is the metric's to say.
    targets = evaluation.targets(y, selected, classes=selected.width)
    ratios = np.sort(np.concatenate([_signal_to_noise(w).ravel() for w in _kernels(model)]))
    rows = []
    for share in shares:
        removed = _count(share, len(ratios))
        snr = ratios[removed] if removed < len(ratios) else np.inf
        twin = as_deterministic(prune(model, share=share))
        figure = _evaluate(found, *_observed_and_mean(twin, evaluation.inputs, selected, targets))
        rows.append((share, snr, removed, figure))
    name = metric if isinstance(metric, str) else "metric"
    return pd.DataFrame(rows, columns=["share", "snr", "removed", name])


def _metric(metric: Any) -> keras.Metric:
    rule = "must be the name of a Keras metric, or a metric"
    try:
        found = keras.metrics.get(metric)
    except ValueError as error:
        raise ArgumentError("metric", rule, {"metric": metric}) from error
    if found is None:
        raise ArgumentError("metric", rule, {"metric": metric})
    is_metric = isinstance(found, keras.Metric)
    return found if is_metric else keras.metrics.MeanMetricWrapper(found)


def _observed_and_mean(
    model: keras.Model, inputs: Inputs, output: OutputKind, targets: Targets
) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets of an output, and what a deterministic model returns or expects."""
    evaluation = Evaluation(model, inputs, draws=1, seed=0, verbose=0)
    means = Results(inputs.count)
    observed: list[np.ndarray] = []

    def add(block: Block) -> None:
        means.add(block)
        observed.append(block.observed)

    evaluation.reduce([(output.place, "mean")], add, targets, in_pieces=False)
    return np.concatenate(observed), means.values()[0][0]


def _evaluate(metric: keras.Metric, y: np.ndarray, outputs: np.ndarray) -> float:
    _check_shape(y, outputs)
    metric.reset_state()
    metric.update_state(y, outputs)
    return float(metric.result())


def _check_shape(y: np.ndarray, outputs: np.ndarray) -> None:
    """Raise an error where a metric would broadcast."""
    target, *allowed = (
        [size for size in shape if size != 1]
        for shape in (y.shape[1:], outputs.shape[1:], outputs.shape[1:-1])
    )
    if target not in allowed:
        rule = (
            "must hold for each example a target of the output's shape, or of the shape without "
            "the last dimension, which is that of classes"
        )
        received = Described(f"shape {y.shape} for outputs of shape {outputs.shape}")
        raise ArgumentError("y", rule, {"y": received})


def _kernels(model: keras.Model) -> list[RandomWeight]:
    """Return the random kernels of a model, whose posteriors must be the default."""
    kernels = []
    for layer in bayesian_layers(model):
        if isinstance(layer, Rank1Layer):
            rule = "must have random kernels: a layer with rank-1 factors has a trained one"
            raise ArgumentError("model", rule, {"layer": Described(repr(layer.name))})
        weights = layer.random_weights.values() if isinstance(layer, VariationalLayer) else ()
        found = [weight for weight in weights if weight.exists and weight.role != "bias"]
        if not found or not all(weight.is_independent_normal for weight in found):
            rule = "must have the default posterior, independent normals, in all layers"
            raise ArgumentError("model", rule, {"layer": Described(repr(layer.name))})
        kernels.extend(found)
    return kernels


def _signal_to_noise(weight: RandomWeight) -> np.ndarray:
    posterior = weight.posterior
    mean, stddev = (method_of(posterior, name)() for name in ("mean", "stddev"))
    return np.abs(keras.ops.convert_to_numpy(mean)) / keras.ops.convert_to_numpy(stddev)


def _largest(ratios: list[np.ndarray], share: float) -> list[np.ndarray]:
    """Return which entries of the arrays are kept, when this share of the lowest is not."""
    flat = np.concatenate([ratio.ravel() for ratio in ratios])
    kept = np.ones(len(flat), bool)
    kept[np.argsort(flat, kind="stable")[: _count(share, len(flat))]] = False
    parts = np.split(kept, np.cumsum([ratio.size for ratio in ratios])[:-1])
    return [part.reshape(ratio.shape) for part, ratio in zip(parts, ratios, strict=True)]


def _count(share: float, size: int) -> int:
    return round(share * size)
