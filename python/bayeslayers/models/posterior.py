"""The posterior of a model's weights: draws of it, and its moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from bayeslayers.architecture.walk import bayesian_layers
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import model_function
from bayeslayers.predictive.tables import indexed
from bayeslayers.predictive.weights import draws_of_weights

if TYPE_CHECKING:
    import pandas as pd

_REFERENCE = (
    "Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight Uncertainty in "
    "Neural Networks. International Conference on Machine Learning. "
    "https://arxiv.org/abs/1505.05424"
)
_PYTHON_MODEL = """\
>>> import keras
>>> from bayeslayers import layer_dense_flipout, {name}
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = layer_dense_flipout(model, units=2, name="out")
"""
_R_MODEL = """\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 2, name = "out", input_shape = 3)
"""


@model_function(
    title="Draws of a model's weights",
    formula="w_d ~ q,   d = 1, ..., draws",
    details=(
        "Weights are named after their layer: `out.kernel`. The same `seed` gives the weights that "
        "`predict_draws()` has under it, draw by draw: what a prediction and a weight have to do "
        "with one another can be seen.",
    ),
    returns="A {dictionary} of arrays (draws, ...), one for each weight.",
    raises="If an argument breaks a rule that is stated here.",
    python_example=_PYTHON_MODEL.format(name="posterior_draws")
    + """\
>>> {name: draws.shape for name, draws in posterior_draws(model, draws=10).items()}
{'out.kernel': (10, 3, 2), 'out.bias': (10, 2)}""",
    r_example=_R_MODEL + "lapply(posterior_draws(model, draws = 10), dim)",
    reference=_REFERENCE,
)
def posterior_draws(
    model: keras.Model, draws: int = 100, seed: int | None = None
) -> dict[str, np.ndarray]:
    _check_names(bayesian_layers(model))
    draws = checks.positive_integer("draws", draws)
    seed = checks.seed_or_drawn("seed", seed)
    return draws_of_weights(model, draws, seed)


def _check_names(layers: list[keras.Layer]) -> None:
    names = [layer.name for layer in layers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        rule = "must have layers of different names, by which their weights are told apart"
        raise ArgumentError("model", rule, {"names that come twice": twice})


@model_function(
    title="Summary of the posterior of a model's weights",
    formula="snr = |mean| / sd",
    details=(
        "A row for each number in a weight: `layer`, `weight`, `variable` (`kernel[0,1]`, counted "
        "from 0 in Python and from 1 in R), `mean` and `sd` of its posterior, and `snr`, their "
        "ratio, by which `prune()` removes weights. Where a posterior does not know its standard "
        "deviation, `sd` and `snr` are not numbers. A bias is as a rule one number without a "
        "spread: its `sd` is 0, its `snr` infinite.",
    ),
    returns="A data frame.",
    raises="If `model` is no Keras 3 model, or has no layer with a posterior that is built.",
    python_example=_PYTHON_MODEL.format(name="posterior_summary")
    + """\
>>> table = posterior_summary(model)
>>> list(table)
['layer', 'weight', 'variable', 'mean', 'sd', 'snr']
>>> list(table["variable"][:3])
['kernel[0,0]', 'kernel[0,1]', 'kernel[1,0]']""",
    r_example=_R_MODEL + "posterior_summary(model)",
    reference=_REFERENCE,
    r_result="as_posterior_summary",
)
def posterior_summary(model: keras.Model) -> pd.DataFrame:
    import pandas as pd

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
