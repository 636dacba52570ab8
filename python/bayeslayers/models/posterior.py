"""The posterior of a model's weights: draws of it, and its moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from bayeslayers.architecture.walk import all_layers, bayesian_layers
from bayeslayers.base_layers.weight_draw import WeightDraw, drawing
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import verb
from bayeslayers.models.summary import indexed
from bayeslayers.predictive.compiled import compiled_once
from bayeslayers.predictive.evaluation import DRAWS_AT_ONCE


@verb()
def posterior_draws(
    model: keras.Model, draws: int = 100, seed: int | None = None
) -> dict[str, np.ndarray]:
    """Draws of a model's weights.

        w_d ~ q,   d = 1, ..., draws

    Weights are named after their layer: `out.kernel`. The same `seed` gives the weights that
    `predict_draws()` has under it, draw by draw: what a prediction and a weight have to do with one
    another can be seen.

    Returns:
        A dictionary of arrays (draws, ...), one for each weight.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, posterior_draws
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> {name: draws.shape for name, draws in posterior_draws(model, draws=10).items()}
        {'out.kernel': (10, 3, 2), 'out.bias': (10, 2)}

    R example:
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 2, name = "out", input_shape = 3)
        lapply(posterior_draws(model, draws = 10), dim)

    Reference:
        Blundell et al. (2015).
    """
    _check_names(bayesian_layers(model))
    draws = checks.positive_integer("draws", draws)
    seed = checks.seed_or_drawn("seed", seed)
    signature = [tf.TensorSpec([None, 2], tf.int32)]
    function = compiled_once(model, "weights", _Draws, signature)
    weights: dict[str, np.ndarray] = {}
    # A few draws at a time, so that there are not two copies of all.
    for low in range(0, draws, DRAWS_AT_ONCE):
        high = min(low + DRAWS_AT_ONCE, draws)
        found = function(tf.constant([(seed, draw) for draw in range(low, high)], tf.int32))
        for name, weight in found.items():
            part = weight.numpy()
            whole = weights.setdefault(name, np.empty((draws, *part.shape[1:]), part.dtype))
            whole[low:high] = part
    return weights


def _check_names(layers: list[keras.Layer]) -> None:
    names = [layer.name for layer in layers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        rule = "must have layers of different names, by which their weights are told apart"
        raise ArgumentError("model", rule, {"names that come twice": twice})


@dataclass(frozen=True)
class _Draws:
    """Draws of all random weights of a model."""

    model: Callable[[], keras.Model]

    def __call__(self, seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return each weight for all seeds: (draws, ...)."""
        dtypes = {name: weight.dtype for name, weight in self._one(seeds[0]).items()}
        return tf.map_fn(self._one, seeds, fn_output_signature=dtypes)

    def _one(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        model = self.model()
        draw = WeightDraw(seed, 0, all_layers(model))
        with drawing(draw):
            return {
                f"{layer.name}.{name}": tf.convert_to_tensor(weight)
                for layer in bayesian_layers(model)
                for name, weight in layer.drawn_weights(draw).items()
            }


@verb(r_result="as_posterior_summary")
def posterior_summary(model: keras.Model) -> pd.DataFrame:
    """Summary of the posterior of a model's weights.

        snr = |mean| / sd

    A row for each number in a weight: `layer`, `weight`, `variable` (`kernel[0,1]`, counted from 0
    in Python and from 1 in R), `mean` and `sd` of its posterior, and `snr`, their ratio, by which
    `prune()` removes weights. Where a posterior does not know its standard deviation, `sd` and
    `snr` are not numbers. A bias is as a rule one number without a spread: its `sd` is 0, its `snr`
    infinite.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If `model` is no Keras 3 model, or has no layer with a posterior that is
            built.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, posterior_summary
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> table = posterior_summary(model)
        >>> list(table)
        ['layer', 'weight', 'variable', 'mean', 'sd', 'snr']
        >>> list(table["variable"][:3])
        ['kernel[0,0]', 'kernel[0,1]', 'kernel[1,0]']

    R example:
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 2, name = "out", input_shape = 3)
        posterior_summary(model)

    Reference:
        Blundell et al. (2015).
    """
    parts = [
        _summary_of_weight(layer.name, weight, *moments)
        for layer in bayesian_layers(model)
        for weight, moments in layer.posterior_moments().items()
    ]
    return pd.concat(parts, ignore_index=True)


def _summary_of_weight(
    layer: str, weight: str, mean: keras.KerasTensor, sd: keras.KerasTensor | None
) -> pd.DataFrame:
    import pandas as pd

    mean = keras.ops.convert_to_numpy(mean).astype("float64")
    if sd is None:
        sd = np.full(mean.shape, np.nan)
    else:
        sd = np.broadcast_to(keras.ops.convert_to_numpy(sd).astype("float64"), mean.shape)
    with np.errstate(divide="ignore"):
        known = (mean != 0) | (sd != 0)
        snr = np.divide(np.abs(mean), sd, where=known, out=np.zeros_like(mean))
    table = {
        "layer": layer,
        "weight": weight,
        "variable": [f"{weight}{indexed(index)}" for index in np.ndindex(mean.shape)],
        "mean": mean.ravel(),
        "sd": sd.ravel(),
        "snr": snr.ravel(),
    }
    return pd.DataFrame(table)
