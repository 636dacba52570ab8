"""The predictive distribution in figures: location, spread, and what the spread is made of."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.predictive.classes import CLASSES, class_log_probabilities
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.predictive.kinds import check_order, kind_of_output
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.summaries import summarise_classes, summarise_values


@public_function(DRAW_ARGUMENTS, r_result="as_summary")
def predictive_summary(
    model: Models,
    x: ModelInputs,
    draws: int = 200,
    probs: Sequence[float] = (0.05, 0.95),
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """Summary of a model's predictive distribution.

        Var[y | x] = E_w[Var(y | x, w)] + Var_w[E(y | x, w)]
                        aleatoric          epistemic
        H[E_w p(y | x, w)] = E_w H[p(y | x, w)] + I(y, w | x)

    Take it for predictions as a table, with the two sources of doubt apart: the noise of the outcome
    (aleatoric), and what the weights do not know (epistemic).

    For outputs that are values, a row for each example and each output, with the columns that the R
    package posterior gives to a summary of draws: `variable`, `mean`, `median`, `sd`, `mad` and a
    quantile for each of `probs` (`q5`, `q95`); and with the two parts of the spread, `sd_epistemic`
    (what the weights leave open) and `sd_aleatoric` (the noise of the data), whose squares add up
    to that of `sd`. Where the model ends in a tensor, the noise is not known: `sd_aleatoric` is not
    a number, and the other columns are those of the model's mean.

    Where the model ends in a distribution whose cdf is known, quantiles, `median` and `mad` are
    those of the mixture over draws of the weights, whose cdf is the mean of theirs: it is inverted,
    to single precision. The quantile of a count is the smallest outcome whose cdf reaches the
    probability. Of several outputs, each has its own. Of 0 and 1, which no cdf reaches at a number,
    quantiles are those of 1e-12 from them.

    All other quantiles are those of draws of the outcome, one for each draw of the weights, as R
    computes them by default (type 7): of a tensor, and of a distribution without a cdf, such as
    PyTorch's Student's t, or one of several numbers at once that is neither normal nor independent.

    From the quantile at (1 - level) / 2 to that at (1 + level) / 2, ends included, is
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
    much again for their variances and for samples where there is noise, and for each parameter of
    a distribution whose cdf is known.

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
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1)
        predictive_summary(model, array(1, c(5, 3)), draws = 10, verbose = 0)

    Reference:
        Depeweg et al. (2018).
    """  # noqa: E501
    probs = checks.probabilities("probs", probs)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        check_order(evaluation.model, selected)
        statistics = ("mean", "variance", "sample") if selected.is_distribution else ("mean",)
    else:
        statistics = CLASSES

    def table(block: Block) -> pd.DataFrame:
        if kind == "values":
            return summarise_values(block, statistics, selected.cdf, probs)
        rows = summarise_classes(class_log_probabilities(kind, *block.values))
        rows["example"] += block.start
        return rows

    wanted = [(selected.place, name) for name in statistics]
    if kind == "values" and selected.cdf is not None:
        wanted.append((selected.place, "cdf"))
    tables = evaluation.reduce(wanted, table, in_pieces=kind != "values")
    return pd.concat(tables, ignore_index=True)
