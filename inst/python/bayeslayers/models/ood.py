"""Examples that are unlike those that a model was trained on: scores, and how well they tell."""

from __future__ import annotations

import pandas as pd

from bayeslayers.contract import checks
from bayeslayers.contract.errors import renaming
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.input_checks import check_inputs
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.predictive.kinds import check_order, kind_of_output
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.ood import detection, scores_of_examples


@public_function(DRAW_ARGUMENTS, r_result="as_scores")
def ood_scores(
    model: Models,
    x: ModelInputs,
    draws: int = 100,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """Scores that say how unusual each example looks to a model.

        classes:  H[E_w p(y | x, w)] = E_w H[p(y | x, w)] + I(y, w | x)
                       entropy         expected_entropy   mutual_information
        values:   sd^2 = sd_epistemic^2 + sd_aleatoric^2

    Take it to find examples that are out of distribution (OOD), unlike those that the model was
    trained on: what the weights leave open grows there, if the model is any good at it.
    `ood_detection()` measures how good.

    For a classifier: `probability`, that of the most probable class; `entropy` of the mean
    probabilities, in nats; `mutual_information`, the part of it that the weights leave open
    (epistemic); and `expected_entropy`, the other part, the noise of the outcome (aleatoric).
    `probability` is low where an example is unusual, all others are high.

    For values: the standard deviations `sd`, `sd_epistemic`, which the weights leave open, and
    `sd_aleatoric`, the noise of the data, which is not a number where the model ends in a tensor.
    Of several outputs, it is the root of the mean variance: give them the same units.

    Returns:
        A data frame with a row for each example.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; see
            `predictive_summary()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, ood_scores
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=4)
        >>> list(ood_scores(model, keras.ops.ones((5, 3)), outputs="logits", verbose=0))
        ['example', 'probability', 'entropy', 'mutual_information', 'expected_entropy']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 4)
        ood_scores(model, array(1, c(5, 3)), outputs = "logits", verbose = 0)

    Reference:
        Depeweg et al. (2018).
    """
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    check_inputs(evaluation.inputs)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        check_order(evaluation.model, selected)
    return scores_of_examples(evaluation, selected, kind)


@public_function(DRAW_ARGUMENTS, r_result="as_data_frame")
def ood_detection(
    model: Models,
    x: ModelInputs,
    x_ood: ModelInputs,
    draws: int = 100,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """How well a model's scores detect examples that are out of distribution (OOD).

        auroc = P(s(x_ood) > s(x)) + P(s(x_ood) = s(x)) / 2
        aupr = mean over x_ood of the share of x_ood among all scores >= s(x_ood)
        fpr95 = P(s(x) >= t),   t: 95 % of s(x_ood) are >= t

    Take it to choose the score by which a model should refuse to decide, and to compare models.

    The scores s are those of `ood_scores()`, with 1 - `probability` in the place of `probability`,
    so that all are high where an example is unusual. A score that is not known, such as
    `sd_aleatoric` of a model that ends in a tensor, is left out. The examples in `x_ood` are to be
    found among those in `x`, which are like the examples that the model was trained on. `auroc`,
    the area under the ROC curve, is 0.5 for a score that says nothing, and 1 for one that makes no
    error. `aupr`, the area under the curve of precision and recall (average precision), depends on
    how many examples of each kind there are. `fpr95` is the share of `x` that is taken for OOD
    where 95 % of `x_ood` are found: lower is better. The draws of the weights are the same for both
    sets.

    Returns:
        A data frame with a row for each score: `score`, `auroc`, `aupr` and `fpr95`.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; see
            `predictive_summary()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, ood_detection
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> near, far = keras.random.normal((50, 3)), 9 + keras.random.normal((50, 3))
        >>> list(ood_detection(model, near, far, verbose=0))
        ['score', 'auroc', 'aupr', 'fpr95']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1)
        near <- array(rnorm(150), c(50, 3))
        ood_detection(model, near, near + 9, verbose = 0)

    Reference:
        Hendrycks, D., and Gimpel, K. (2017). A Baseline for Detecting Misclassified and
            Out-of-Distribution Examples in Neural Networks. International Conference on Learning
            Representations. https://arxiv.org/abs/1610.02136
    """
    # One seed, so that both sets have the same draws of the weights.
    seed = checks.seed_or_drawn("seed", seed)
    common = (draws, outputs, batch_size, seed, verbose, output, dropout)
    with renaming(x="x_ood"):
        outside = ood_scores(model, x_ood, *common)
    return detection(ood_scores(model, x, *common), outside)
