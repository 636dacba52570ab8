"""Draws of a model's predictive distribution: one function after the other."""

from __future__ import annotations

from typing import Any

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function
from bayeslayers.contract.model_arguments import DRAW_ARGUMENTS
from bayeslayers.predictive.evaluation import Evaluation
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.predictive.members import Models
from bayeslayers.predictive.outputs import OutputKind, Outputs, listed
from bayeslayers.predictive.results import all_draws

_KINDS = ("mean", "sample")


@public_function(DRAW_ARGUMENTS, r_result="as_predictive_draws")
def predict_draws(
    model: Models,
    x: ModelInputs,
    draws: int = 100,
    kind: str = "mean",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
    output: str | int | None = None,
    dropout: bool = False,
) -> Any:
    """Draw from a model's predictive distribution.

        f_d(x) = model(x; w_d),   w_d ~ q,   d = 1, ..., draws

    Take it for predictions with their doubt, to plot them or to compute anything else from them;
    `predictive_summary()` is a table of them.

    Each draw is one function: one sample of every weight, the same for all inputs. So draws can be
    plotted as curves, and what is computed from a draw is a draw of what is computed. Whatever
    their estimator, layers take the sampled kernel once, which costs one linear map. Layers other
    than this package's do what they do in prediction. Stateful layers are refused, here and in the
    other functions of predictions: each draw would go on from the state of another.

    Where the model ends in a distribution, `mean` is that distribution's mean under each draw of
    the weights, and `sample` a draw of the outcome from it, so that the "samples" hold the noise of
    the data as well. The mean of a distribution over classes is their probabilities. Where the
    model ends in a tensor, only `mean` is there: the outputs.

    The same `seed` gives the same draws of the weights, and so the same `mean`, whatever the batch
    size; the first of many draws are those of few. The noise of a `sample` follows from the seed
    and from the batch that an example is in: it is the same where the batches are.

    `model` may be a list of models, as a deep ensemble is: networks that were trained from
    different starts. Draws come from its members in turn, as many from each, so that `draws` is
    rounded up to a multiple of their number. The predictive distribution is the mixture of theirs,
    in which each has the same weight. Members without random weights are one function each: there
    is one draw of each of them, whatever `draws` says, but for samples of the outcome. Members may
    be Bayesian, plain, or end in distributions; they must take the same inputs, and their outputs
    must be of the same shapes and kinds.

    With `dropout`, Keras's layers of dropout act as they do in training, and all others as in
    prediction: batch normalization uses its moving averages, and leaves them as they are. So a
    network that was trained with dropout gives draws of an approximate posterior. These layers are
    `Dropout`, `SpatialDropout1D` and its like, `GaussianDropout`, `AlphaDropout`, those of
    attention, and recurrent layers with a rate of dropout, ours among them. `GaussianNoise` does
    not act: it is noise of the data, and no draw of weights. A model without a rate above 0 is
    refused. Each example has a mask of its own, and so a draw is no longer one function. Masks
    follow from the seed and from the batch that an example is in, as the noise of a `sample` does.

    All draws are returned, and take as much memory as the array that holds them. The draws of one
    batch are held beside it.

    Returns:
        A NumPy array of shape (draws, n, ...); for a model of several outputs, one for each, in a
        list or a dictionary as the model returns them.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, predict_draws
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2)
        >>> predict_draws(model, keras.ops.ones((5, 3)), draws=10, verbose=0).shape
        (10, 5, 2)
        >>> ensemble = [
        ...     keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]) for _ in range(3)
        ... ]
        >>> predict_draws(ensemble, keras.ops.ones((5, 3)), verbose=0).shape
        (3, 5, 2)

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2)
        dim(predict_draws(model, array(1, c(5, 3)), draws = 10, verbose = 0))

        member <- function() {
          keras_model_sequential(input_shape = 3) |> layer_dense(2)
        }
        ensemble <- list(member(), member(), member())
        dim(predict_draws(ensemble, array(1, c(5, 3)), verbose = 0))

    Reference:
        Wilson, A. G., and Izmailov, P. (2020). Bayesian Deep Learning and a Probabilistic
            Perspective of Generalization. Advances in Neural Information Processing Systems 33.
            https://arxiv.org/abs/2002.08791
        Lakshminarayanan et al. (2017). Gal and Ghahramani (2016).
    """
    kind = checks.choice("kind", kind, _KINDS)
    evaluation = Evaluation(model, x, draws, batch_size, seed, verbose, dropout=dropout)
    outputs = evaluation.outputs
    kinds = outputs.kinds if output is None else (outputs.select(output),)
    _check_kind(kind, kinds, outputs)
    found = all_draws(evaluation, [(output_kind.place, kind) for output_kind in kinds])
    return outputs.packed(found) if output is None else found[0]


def _check_kind(kind: str, asked: tuple[OutputKind, ...], outputs: Outputs) -> None:
    noisy = [each for each in outputs.kinds if each.is_distribution]
    if kind == "sample" and not set(asked) <= set(noisy):
        rule = 'must be "mean" for a model whose output is a tensor, not a distribution'
        hint = f"`output` picks one that is a distribution{listed(noisy)}." if noisy else None
        raise ArgumentError("kind", rule, {"kind": kind}, hint)
