"""Calibration after the fact: one factor of the doubt, and intervals that hold what they say.

Conformal intervals are our own: crepes takes absolute residuals alone and MAPIE an estimator of
scikit-learn, where quantiles of draws leave no more to do than to sort the scores.
"""

from __future__ import annotations

from typing import Any

import keras
import pandas as pd
from numpy.typing import ArrayLike

from bayeslayers.architecture.walk import check_model
from bayeslayers.contract import checks
from bayeslayers.contract.errors import renaming
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.models.summary import predictive_summary
from bayeslayers.predictive.conformal import (
    METHODS,
    intervals,
    method_for,
    observed,
    sets,
    threshold_rank,
)
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.input_checks import check_inputs
from bayeslayers.predictive.inputs import ModelInputs, repeatable
from bayeslayers.predictive.kinds import check_noise, check_order, kind_of_output
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.recalibration import (
    factor_of_classes,
    factor_of_values,
    recalibrated,
)


@public_function()
def recalibrate(
    model: keras.Model,
    x: ModelInputs,
    y: ArrayLike | None = None,
    draws: int = 100,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> keras.Model:
    """Model whose doubt is recalibrated by one factor.

        classes:  p(k | x, w) = softmax(f(x; w) / factor)[k]
        values:   y = m + factor (Y - m),   Y ~ p(y | x, w) with the location m
        factor = argmax sum_i log E_w[p(y_i | x_i, w)]

    Take it after training, with examples that the model has not seen, where `predictive_scores()`
    or `reliability_curve()` say that the model is too sure, or not sure enough.

    The model that comes back is a copy with one more layer, and the other verbs take it as any
    model. Its factor is a weight that is not trained: `layers[-1].factor` of a sequential model.
    Above 1, the model was too sure. For classes it is the temperature of the logits, also where the
    model returns probabilities or ends in a distribution over classes; the most probable class
    under each draw of the weights stays what it is. For values it multiplies the scale of the
    noise, the same for all outputs of an example, and leaves what the weights do not know. The
    distribution is normal, logistic, Laplace, Student-t, Cauchy or Gumbel, independent or alone, or
    a multivariate normal; `conformal_interval()` takes all others.

    The factor has the highest log score of the examples, that of the mixture over draws, between
    0.01 and 100. The draws are the same for all factors. For classes they are kept: `draws` times
    examples times classes numbers in single precision. For values the model is evaluated some
    twenty times. The same `seed` stands for the same draws of the weights in both models.

    The model that is passed stays as it is. Functions need not be registered, as no file is
    written.

    Args:
        model: A Keras 3 model, sequential or functional.

    Returns:
        A Keras model, not compiled.

    Raises:
        ArgumentError: If `model` is not sequential or functional; if it ends in values without
            noise, or in a distribution of another family; if a target has no probability at all; or
            if an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, layer_distribution_lambda
        >>> from bayeslayers import recalibrate, tfp
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> model = layer_distribution_lambda(model, lambda t: tfp.distributions.Normal(t, 0.1))
        >>> x, y = keras.random.normal((50, 3)), keras.random.normal((50, 1))
        >>> wider = recalibrate(model, x, y, seed=1, verbose=0)
        >>> bool(wider.layers[-1].factor > 3)
        True

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          layer_distribution_lambda(function(t) tfd_normal(t, 0.1))
        x <- array(rnorm(150), c(50, 3))
        y <- array(rnorm(50), c(50, 1))
        wider <- recalibrate(model, x, y, verbose = 0)
        wider$layers[[length(wider$layers)]]$factor

    Reference:
        Guo et al. (2017).
    """
    # A list of models is none that could be copied.
    check_model(model)
    inputs = repeatable(x)
    evaluation = Evaluation(model, inputs, draws, batch_size, seed, verbose, dropout=dropout)
    check_inputs(inputs)
    selected = evaluation.outputs.select(output)
    kind = kind_of_output(selected, outputs)
    if kind == "values":
        check_noise(selected, model)
        check_order(model, selected)
    found, layer = recalibrated(model, evaluation.outputs, selected, kind)
    if kind != "values":
        layer.factor.assign(factor_of_classes(evaluation, selected, kind, y))
        return found
    # The same seed: were it drawn again, each factor would have draws of its own.
    again = Evaluation(
        found, inputs, draws, batch_size, evaluation.seed, verbose=0, dropout=dropout
    )
    layer.factor.assign(factor_of_values(again, again.outputs.kinds[selected.place], layer, y))
    return found


@public_function(DRAW_ARGUMENTS, r_result="as_interval")
def conformal_interval(
    model: Models,
    x: ModelInputs,
    x_calibration: ModelInputs,
    y_calibration: ArrayLike | None = None,
    level: float = 0.9,
    method: str = "auto",
    draws: int = 200,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> pd.DataFrame:
    """Conformal intervals: they hold the outcome as often as they say, whatever the model.

        P(lower <= y <= upper) >= level
        s_i = max(low(x_i) - y_i, y_i - high(x_i)),   i = 1, ..., n
        [lower, upper] = [low(x) - s, high(x) + s],   s = the ceil((n + 1) level)-th smallest s_i

    Take it where intervals must hold: the model's own intervals are only as right as the model.

    The examples in `x_calibration` and those in `x` must be exchangeable, as those of a random
    split are, and the model must have been trained on neither. Then the share of outcomes inside
    the intervals, on average over calibration sets, is at least `level`, and at most 1 / (n + 1)
    more where scores have no ties. It holds over all x, and for each output of an example by
    itself; it need not hold for each x, nor for all outputs together.

    For values, the method "quantiles" takes as low and high the model's own quantiles at
    (1 - level) / 2 and (1 + level) / 2, those of `predictive_summary()` (conformalized quantile
    regression): all intervals of an output are widened, or narrowed, by the same amount. It is what
    "auto" stands for, as it keeps the shape of the model's intervals, and needs no noise: a model
    that ends in a tensor of values will do. With "sd" it is `s_i = |y_i - mean(x_i)| / sd(x_i)`,
    and the interval is mean(x) -+ s sd(x): all are stretched by the same factor, and symmetric.

    For classes, there is a set of classes for each example instead of an interval, made from the
    mean probabilities p of the classes k. With "lac", what "auto" stands for, s_i is
    1 - p(y_i | x_i), and the set holds all classes with 1 - p(k | x) <= s: such sets are the
    smallest on average. With "aps", s_i is the probability of all classes that are no less probable
    than y_i: such sets are larger, but hold the classes of hard examples more often.

    A set always holds the most probable class. So no set is empty, and the sets hold the outcome
    more often rather than less.

    For values there is a row for each example and each output, as in `predictive_summary()`, with
    `variable`, `mean`, `lower` and `upper`. For classes there is a row for each example: `class`,
    the most probable; `probability`, that class's; `size`, how many classes there are in the set;
    and a column `in[...]` for each class, which says whether the set holds it.

    At least level / (1 - level) calibration examples are needed, 9 for 90 %. With n of them, the
    coverage given the calibration set varies about its mean with a standard deviation of about
    sqrt(level (1 - level) / n): some hundreds are better.

    Args:
        x: Inputs to predict for, in any form that `predict()` takes: see `predictive_summary()`.
            Targets among them are ignored.

    Returns:
        A data frame.

    Raises:
        ArgumentError: If there are too few calibration examples for `level`; if `y_calibration`
            does not hold a target for each of the model's numbers; if a standard deviation is zero
            where `method` is "sd"; or if an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import conformal_interval, layer_dense_flipout
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> x, y = keras.random.normal((50, 3)), keras.random.normal((50, 1))
        >>> new = keras.ops.ones((5, 3))
        >>> list(conformal_interval(model, new, x, y, draws=10, verbose=0))
        ['example', 'variable', 'mean', 'lower', 'upper']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1)
        x <- array(rnorm(150), c(50, 3))
        y <- array(rnorm(50), c(50, 1))
        conformal_interval(model, array(1, c(5, 3)), x, y, draws = 10, verbose = 0)

    Reference:
        Romano, Y., Patterson, E., and Candes, E. (2019). Conformalized Quantile Regression.
            Advances in Neural Information Processing Systems 32. https://arxiv.org/abs/1905.03222
        Angelopoulos, A. N., and Bates, S. (2023). Conformal Prediction: A Gentle Introduction.
            Foundations and Trends in Machine Learning 16(4), 494-591.
            https://arxiv.org/abs/2107.07511
    """
    level = checks.level("level", level)
    method = checks.choice("method", method, METHODS)
    # Rounded, as (1 - 0.9) / 2 is not 0.05, which a caller of `predictive_summary()` writes.
    probs = tuple(round((1 + sign * level) / 2, 12) for sign in (-1, 1))
    # One seed, so that both summaries have the same draws of the weights.
    seed = checks.seed_or_drawn("seed", seed)

    def summary(inputs: Any) -> pd.DataFrame:
        common = (draws, probs, outputs, batch_size, seed, verbose, output, dropout)
        return predictive_summary(model, inputs, *common)

    with renaming(x="x_calibration", y="y_calibration"):
        calibration = repeatable(x_calibration)
        evaluation = Evaluation(
            model, calibration, draws, batch_size, seed, verbose, dropout=dropout
        )
        check_inputs(calibration)
        selected = evaluation.outputs.select(output)
        kind = kind_of_output(selected, outputs)
        method = method_for(kind, method)
        y = observed(evaluation, selected, y_calibration, kind)
        rank = threshold_rank(level, len(y))
        seen = summary(calibration)
    make = intervals if kind == "values" else sets
    return make(seen, summary(x), y, rank, method)
