"""The predictive distribution in figures: location, spread, and what the spread is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import model_function
from bayeslayers.models.outputs import OutputKind
from bayeslayers.models.statistics import Block, DrawsOfModel

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from numpy.typing import ArrayLike

OUTPUTS = ("auto", "values", "probabilities", "logits")
# The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_OF_NORMAL = 1.482602218505602


@model_function(
    title="Summary of a model's predictive distribution",
    formula="Var[y | x] = E_w[Var(y | x, w)] + Var_w[E(y | x, w)]\n"
    "                aleatoric          epistemic\n"
    "H[E_w p(y | x, w)] = E_w H[p(y | x, w)] + I(y, w | x)",
    details=(
        "For outputs that are values, a row for each example and each output, with the columns "
        "that the R package posterior gives to a summary of draws: `variable`, `mean`, `median`, "
        "`sd`, `mad` and a quantile for each of `probs` (`q5`, `q95`); and with the two parts of "
        "the spread, `sd_epistemic` (what the weights leave open) and `sd_aleatoric` (the noise of "
        "the data), whose squares add up to that of `sd`. Where the model ends in a tensor, the "
        "noise is not known: `sd_aleatoric` is not a number, and the other columns are those of "
        "the model's mean.",
        "For a classifier, a row for each example: `class`, the most probable; `probability`, "
        "that class's; `entropy` of the mean probabilities, in nats; `mutual_information`, the "
        "part of the entropy that the weights leave open; and `p[...]`, the mean probability of "
        "each class.",
        '"auto" takes a model that ends in a categorical or Bernoulli distribution for a '
        "classifier, and all others for values.",
        "The examples are summarised batch by batch. The draws of one batch are held in memory: "
        "`draws` times `batch_size` numbers for each number that the model returns, in single "
        "precision, and as much again for their variances and for samples where there is noise.",
    ),
    returns="A data frame.",
    raises="If an argument breaks a rule that is stated here, or the model has several outputs and "
    "`output` does not name one.",
    python_example="""\
>>> import keras
>>> from bayeslayers import layer_dense_flipout, predictive_summary
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = layer_dense_flipout(model, units=1)
>>> list(predictive_summary(model, keras.ops.ones((5, 3)), draws=10, verbose=0))
['example', 'variable', 'mean', 'median', 'sd', 'mad', 'q5', 'q95', 'sd_epistemic', 'sd_aleatoric']
""".rstrip(),
    r_example="""\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 1, input_shape = 3)
predictive_summary(model, array(1, c(5, 3)), draws = 10, verbose = 0)""",
    reference="Depeweg, S., Hernandez-Lobato, J. M., Doshi-Velez, F., and Udluft, S. (2018). "
    "Decomposition of Uncertainty in Bayesian Deep Learning for Efficient and Risk-sensitive "
    "Learning. International Conference on Machine Learning. https://arxiv.org/abs/1710.07283",
    r_result="as_summary",
)
def predictive_summary(
    model: keras.Model,
    x: ArrayLike,
    draws: int = 1000,
    probs: tuple[float, ...] = (0.05, 0.95),
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
) -> pd.DataFrame:
    import pandas as pd

    probs = checks.probabilities("probs", probs)
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    of_model = DrawsOfModel(model, x, draws, batch_size, seed, verbose)
    only = of_model.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind != "values":
        statistics = class_statistics(kind)
    else:
        statistics = ("mean", "variance", "sample") if only.is_distribution else ("mean",)

    def table(block: Block) -> pd.DataFrame:
        found = dict(zip(statistics, block.values, strict=True))
        if kind == "values":
            rows = summarise_values(found, probs)
        else:
            rows = summarise_classes(class_probabilities(kind, found))
        rows["example"] += block.start
        return rows

    tables = of_model.reduce([(only.place, name) for name in statistics], table)
    return pd.concat(tables, ignore_index=True)


def kind_of_output(output: OutputKind, outputs: str) -> str:
    """Return what an output of a model is.

    Args:
        output: The output.
        outputs: What the caller says of it.

    Returns:
        "values", "probabilities", "logits", or "distribution" for one over classes.
    """
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    if output.is_distribution:
        return _kind_of_distribution(output, outputs)
    return "values" if outputs == "auto" else outputs


def _kind_of_distribution(output: OutputKind, outputs: str) -> str:
    if outputs in ("probabilities", "logits"):
        rule = 'must be "auto" or "values" for a model that ends in a distribution'
        raise ArgumentError("outputs", rule, {"outputs": outputs})
    if outputs == "values" and output.is_number_of_class:
        rule = 'must be "auto" for a model that ends in a distribution over classes'
        raise ArgumentError("outputs", rule, {"outputs": outputs})
    return "distribution" if outputs == "auto" and output.is_class else "values"


def class_statistics(kind: str) -> tuple[str, ...]:
    """Return the statistic of a model's output that `class_probabilities()` is computed from."""
    return ("probs_parameter",) if kind == "distribution" else ("mean",)


def class_probabilities(kind: str, found: dict[str, np.ndarray]) -> np.ndarray:
    """Return the classes' probabilities (draws, n, classes); a single column is the second's."""
    (values,) = found.values()
    if kind == "distribution":
        return values if values.ndim == 3 and values.shape[-1] > 1 else _both(values)  # noqa: PLR2004
    if kind == "probabilities":
        return values if values.shape[-1] > 1 else _both(values)
    if values.shape[-1] == 1:
        return _both(1.0 / (1.0 + np.exp(-values.astype("float64"))))
    odds = np.exp(values - values.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def _both(of_second: np.ndarray) -> np.ndarray:
    of_second = of_second.reshape(*of_second.shape[:2], 1)
    return np.concatenate([1.0 - of_second, of_second], axis=-1)


def summarise_values(found: dict[str, np.ndarray], probs: tuple[float, ...]) -> pd.DataFrame:
    """Summarise draws (draws, n, ...) of "mean", and of "variance" and "sample" where known."""
    import pandas as pd

    means = found["mean"].astype("float64")
    samples = found.get("sample", found["mean"]).astype("float64")
    mean, epistemic = means.mean(axis=0), means.var(axis=0)
    unknown = np.full(mean.shape, np.nan)
    aleatoric = found["variance"].astype("float64").mean(axis=0) if "variance" in found else unknown
    total = np.where(np.isnan(aleatoric), epistemic, epistemic + aleatoric)
    median = np.median(samples, axis=0)
    columns = {
        "mean": mean,
        "median": median,
        "sd": np.sqrt(total),
        "mad": _MAD_OF_NORMAL * np.median(np.abs(samples - median), axis=0),
        **{f"q{100 * prob:g}": np.quantile(samples, prob, axis=0) for prob in probs},
        "sd_epistemic": np.sqrt(epistemic),
        "sd_aleatoric": np.sqrt(aleatoric),
    }
    rows = rows_of_values(mean.shape)
    return pd.DataFrame({**rows, **{name: values.ravel() for name, values in columns.items()}})


def rows_of_values(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the columns that name each number in an array (n, ...): `example` and `variable`."""
    examples, *indices = np.indices(shape).reshape(len(shape), -1)
    names = [f"y{indexed(index)}" for index in zip(*indices, strict=True)]
    return {"example": examples, "variable": names or ["y"] * len(examples)}


def indexed(index: tuple[int, ...]) -> str:
    """Write the place of a number in an array as in "y[0,2]"; one without a place has no index."""
    return f"[{','.join(map(str, index))}]" if index else ""


def summarise_classes(probabilities: np.ndarray) -> pd.DataFrame:
    """Summarise draws (draws, n, classes) of the classes' probabilities."""
    import pandas as pd

    mean = probabilities.astype("float64").mean(axis=0)
    entropy = _entropy(mean)
    table = {
        "example": np.arange(len(mean)),
        "class": mean.argmax(axis=-1),
        "probability": mean.max(axis=-1),
        "entropy": entropy,
        # Not below zero, but for rounding.
        "mutual_information": np.maximum(entropy - _entropy(probabilities).mean(axis=0), 0.0),
        **{f"p[{k}]": mean[:, k] for k in range(mean.shape[-1])},
    }
    return pd.DataFrame(table)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy over the last dimension, to which a probability of 0 adds nothing."""
    p = probabilities.astype("float64")
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)
