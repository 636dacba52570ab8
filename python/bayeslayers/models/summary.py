"""The predictive distribution in figures: location, spread, and what the spread is made of."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import verb
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.outputs import OutputKind

OUTPUTS = ("auto", "values", "probabilities", "logits")
# What classes are computed from: of a tensor itself, of a distribution its parameter.
CLASSES = ("classes",)
# By how much the sum of half precision probabilities may miss 1.
_ROUNDING = 0.01
# The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_OF_NORMAL = 1.482602218505602


@verb(r_result="as_summary")
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
    """Summary of a model's predictive distribution.

        Var[y | x] = E_w[Var(y | x, w)] + Var_w[E(y | x, w)]
                        aleatoric          epistemic
        H[E_w p(y | x, w)] = E_w H[p(y | x, w)] + I(y, w | x)

    For outputs that are values, a row for each example and each output, with the columns that the R
    package posterior gives to a summary of draws: `variable`, `mean`, `median`, `sd`, `mad` and a
    quantile for each of `probs` (`q5`, `q95`); and with the two parts of the spread, `sd_epistemic`
    (what the weights leave open) and `sd_aleatoric` (the noise of the data), whose squares add up
    to that of `sd`. Where the model ends in a tensor, the noise is not known: `sd_aleatoric` is not
    a number, and the other columns are those of the model's mean.

    Quantiles are those of the draws, as R computes them by default (type 7): between two draws they
    interpolate. From the quantile at (1 - level) / 2 to that at (1 + level) / 2, ends included, is
    the central interval of a level, here and wherever there is one: in `predictive_scores()`, in
    `reliability_curve()` and in pictures.

    For a classifier, a row for each example: `class`, the most probable; `probability`, that
    class's; `entropy` of the mean probabilities, in nats; `mutual_information`, the part of the
    entropy that the weights leave open; and `p[...]`, the mean probability of each class. They are
    computed in double precision from the logits, where there are any. Several outcomes of 0 and 1
    for each example are values.

    "auto" takes a model that ends in a categorical or Bernoulli distribution for a classifier, and
    all others for values.

    The examples are summarised batch by batch. The draws of one batch are held in memory: `draws`
    times `batch_size` numbers for each number that the model returns, in single precision, and as
    much again for their variances and for samples where there is noise.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here, the model has several
            outputs of which `output` names none, or it ends in several classes for each example, or
            in numbers that are not the probabilities that `outputs` says they are.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, predictive_summary
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=1)
        >>> list(predictive_summary(model, keras.ops.ones((5, 3)), draws=10, verbose=0))
        ['example', 'variable', 'mean', 'median', 'sd', 'mad', 'q5', 'q95', 'sd_epistemic', 'sd_aleatoric']

    R example:
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3)
        predictive_summary(model, array(1, c(5, 3)), draws = 10, verbose = 0)

    Reference:
        Depeweg, S., Hernandez-Lobato, J. M., Doshi-Velez, F., and Udluft, S. (2018). Decomposition
            of Uncertainty in Bayesian Deep Learning for Efficient and Risk-sensitive Learning.
            International Conference on Machine Learning. https://arxiv.org/abs/1710.07283
    """  # noqa: E501
    probs = checks.probabilities("probs", probs)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose)
    only = evaluation.outputs.only(output)
    kind = kind_of_output(only, outputs)
    if kind == "values":
        check_order(model, only)
        statistics = ("mean", "variance", "sample") if only.is_distribution else ("mean",)
    else:
        statistics = CLASSES

    def table(block: Block) -> pd.DataFrame:
        if kind == "values":
            rows = summarise_values(dict(zip(statistics, block.values, strict=True)), probs)
        else:
            rows = summarise_classes(class_log_probabilities(kind, *block.values))
        rows["example"] += block.start
        return rows

    tables = evaluation.reduce([(only.place, name) for name in statistics], table)
    return pd.concat(tables, ignore_index=True)


def kind_of_output(output: OutputKind, outputs: str) -> str:
    """Return what an output of a model is.

    Args:
        output: The output.
        outputs: What the caller says of it.

    Returns:
        "values"; or "probabilities" or "logits" of classes, which the model returns, or makes its
        distribution from.
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
    return output.classes if outputs == "auto" and output.classes else "values"


def check_order(model: keras.Model, output: OutputKind) -> None:
    """Raise an error where outcomes are numbers of classes, which have neither order nor mean."""
    if output.is_number_of_class:
        rule = "must end in values, or in a distribution over one class for each example"
        received = Described(f"{model.name!r}, which ends in numbers of classes")
        raise ArgumentError("model", rule, {"model": received})


def class_log_probabilities(kind: str, values: np.ndarray) -> np.ndarray:
    """Return the logarithms of the classes' probabilities, in double precision.

    Args:
        kind: "logits" or "probabilities".
        values: Them, (draws, n, classes); a single column, or none, is the second class's.

    Returns:
        An array (draws, n, classes). What is unlikely keeps its logarithm, which a probability,
        rounded to 0 or 1, has lost.
    """
    from scipy.special import log_softmax

    values = _columns_of_classes(values).astype("float64")
    if kind == "probabilities":
        values = _checked_probabilities(values)
    # The logarithm of a probability of exactly 0 is minus infinity, and no reason for a warning.
    with np.errstate(divide="ignore"):
        if values.shape[-1] > 1:
            return log_softmax(values if kind == "logits" else np.log(values), axis=-1)
        if kind == "logits":
            both = -np.logaddexp(0.0, values), -np.logaddexp(0.0, -values)
        else:
            both = np.log1p(-values), np.log(values)
    return np.concatenate(both, axis=-1)


def _columns_of_classes(values: np.ndarray) -> np.ndarray:
    """Return draws of a model's output in the shape (draws, n, classes)."""
    of_example = values.shape[2:]
    classes = of_example[-1] if of_example else 1
    if math.prod(of_example) != classes:
        rule = "must have an output for each class, of one class for each example"
        received = Described(f"an output of shape {of_example} for each example")
        raise ArgumentError("model", rule, {"model": received})
    return values.reshape(*values.shape[:2], classes)


def _checked_probabilities(p: np.ndarray) -> np.ndarray:
    """Return probabilities, which rounding may have made a little larger than 1."""
    sums = p.sum(axis=-1) if p.shape[-1] > 1 else np.ones(1)
    is_wrong = (np.abs(p - 0.5) > 0.5 + _ROUNDING).any() or (np.abs(sums - 1) > _ROUNDING).any()
    if is_wrong:
        rule = "must return probabilities of classes, from 0 to 1, which add up to 1"
        received = Described(
            f"numbers from {p.min():g} to {p.max():g}, sums from {sums.min():g} to {sums.max():g}"
        )
        hint = '`outputs = "logits"` takes their logarithms up to a constant.'
        raise ArgumentError("model", rule, {"model": received}, hint)
    return np.clip(p, 0.0, 1.0)


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Return log mean exp over the first dimension, which does not leave the logarithms."""
    from scipy.special import logsumexp

    return logsumexp(values, axis=0) - np.log(len(values))


def quantiles_of_draws(samples: np.ndarray, probs: tuple[float, ...]) -> np.ndarray:
    """Return quantiles over the first dimension, (probs, ...): one definition for all verbs.

    It is R's and NumPy's default, which interpolates between the draws.
    """
    return np.quantile(samples, probs, axis=0)


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
    quantiles = quantiles_of_draws(samples, probs)
    columns = {
        "mean": mean,
        "median": median,
        "sd": np.sqrt(total),
        "mad": _MAD_OF_NORMAL * np.median(np.abs(samples - median), axis=0),
        **dict(zip(map(_name_of_quantile, probs), quantiles, strict=True)),
        "sd_epistemic": np.sqrt(epistemic),
        "sd_aleatoric": np.sqrt(aleatoric),
    }
    rows = rows_of_values(mean.shape)
    return pd.DataFrame({**rows, **{name: values.ravel() for name, values in columns.items()}})


def _name_of_quantile(prob: float) -> str:
    return f"q{100 * prob:g}"


def rows_of_values(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the columns that name each number in an array (n, ...): `example` and `variable`."""
    examples, *indices = np.indices(shape).reshape(len(shape), -1)
    names = [f"y{indexed(index)}" for index in zip(*indices, strict=True)]
    return {"example": examples, "variable": names or ["y"] * len(examples)}


def indexed(index: tuple[int, ...]) -> str:
    """Write the place of a number in an array as in "y[0,2]"; one without a place has no index."""
    return f"[{','.join(map(str, index))}]" if index else ""


def summarise_classes(log_p: np.ndarray) -> pd.DataFrame:
    """Summarise draws (draws, n, classes) of the logarithms of the classes' probabilities."""
    import pandas as pd
    from scipy.special import kl_div

    log_mean = log_mean_exp(log_p)
    mean = np.exp(log_mean)
    # The mean divergence of a draw from the mean: no difference of entropies that are nearly equal.
    information = kl_div(np.exp(log_p), mean).sum(axis=-1).mean(axis=0)
    table = {
        "example": np.arange(len(mean)),
        "class": log_mean.argmax(axis=-1),
        "probability": mean.max(axis=-1),
        "entropy": _entropy(log_mean),
        # Not below zero, but for rounding.
        "mutual_information": np.maximum(information, 0.0),
        **{f"p[{k}]": mean[:, k] for k in range(mean.shape[-1])},
    }
    return pd.DataFrame(table)


def _entropy(log_p: np.ndarray) -> np.ndarray:
    """Return the entropy over the last dimension, to which a probability of 0 adds nothing."""
    p = np.exp(log_p)
    return (p * np.where(p > 0, -log_p, 0.0)).sum(axis=-1)
