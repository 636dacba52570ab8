"""Keras callbacks for the divergence: watch it in training, and let it in slowly."""

from __future__ import annotations

from numpy.typing import ArrayLike

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import public_function
from bayeslayers.predictive.inputs import ModelInputs, comes_once, described
from bayeslayers.predictive.kinds import OUTPUTS
from bayeslayers.training.kl_annealing import SCHEDULES, KLAnnealing
from bayeslayers.training.kl_history import KLHistory
from bayeslayers.training.log_score import DRAWS, LogScore


@public_function()
def callback_kl_history(warn_above: float = 10.0) -> KLHistory:
    """Show likelihood and KL divergence apart in training.

        loss = negative_log_likelihood + kl_divergence

    Take it in every training: it shows at once whether the divergence drowns the likelihood.

    A callback for `fit()`. Progress bar and history gain two figures, `negative_log_likelihood` and
    `kl_divergence`, and `val_` of each: means over the epoch, as the loss is, so that both are per
    example where the loss is.

    `kl_divergence` is the sum of the divergences that this package's layers added to the losses,
    and of what other layers added by `add_loss()`, such as the divergence of a variational
    autoencoder. Penalties of regularizers, on weights or on activities, are no divergences; since
    Keras adds penalties on activities by `add_loss()`, other layers with an `activity_regularizer`
    are left out. `negative_log_likelihood` is the rest of the loss, penalties included.

    A model with a `train_step()` or `test_step()` of its own must compute its loss by
    `compute_loss()`, or no figure can be shown, and must return it as "loss", or there is no
    `negative_log_likelihood`: a warning says once which is missing.

    Where the divergence outweighs the likelihood by far after an epoch, it warns once, and names
    the remedy, `scale_kl()`. A likelihood of less than one nat per example counts as one.

    It acts inside the steps of `fit()` alone. A training that is interrupted, by the user or by an
    error, leaves the model as it was before.

    Returns:
        A Keras callback.

    Raises:
        ArgumentError: If `warn_above` is not a positive number; in `fit()`, if the model has no
            layer with a posterior, and none that adds to the losses by `add_loss()`.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, scale_kl, callback_kl_history
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = scale_kl(layer_dense_flipout(model, units=1), num_examples=64)
        >>> model.compile("adam", loss="mse")
        >>> x, y = keras.ops.ones((64, 3)), keras.ops.ones((64, 1))
        >>> history = model.fit(x, y, verbose=0, callbacks=[callback_kl_history()])
        >>> sorted(history.history)
        ['kl_divergence', 'loss', 'negative_log_likelihood']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          scale_kl(num_examples = 64)
        model |> compile("adam", loss = "mse")
        history <- model |> fit(
          array(1, c(64, 3)), array(1, c(64, 1)),
          verbose = 0, callbacks = list(callback_kl_history())
        )
        history$metrics

    Reference:
        Blundell et al. (2015).
    """
    return KLHistory(checks.positive_number("warn_above", warn_above))


@public_function()
def callback_kl_annealing(epochs: int, schedule: str = "linear", cycles: int = 4) -> KLAnnealing:
    """Let the KL divergence into the loss slowly.

        loss = negative log likelihood + a(epoch) KL

    Take it where training gets stuck at the prior: few data, or many weights.

    A callback for `fit()`, which multiplies the divergences of this package's layers by a factor a
    that goes from 0 to 1 while the first `epochs` pass, and stays there. With t the part of these
    epochs that is over, a = t for `linear`; a = 1 / (1 + exp(-10 (t - 1 / 2))) for `sigmoid`; for
    `cyclical` it rises from 0 to 1 in the first half of each of `cycles` cycles, and holds in the
    second.

    It acts on top of `scale_kl()`, in the steps of training and, so that their losses can be
    compared, in those of validation during `fit()`. Between steps, when training has ended and when
    it was interrupted, by the user or by an error, the model has all of its divergence. In other
    callbacks, too, `kl_divergence()`, `evaluate()` and `losses` are without the factor. A callback
    that itself trains the model when a step begins must stand before this one. It is not saved with
    the model.

    Returns:
        A Keras callback.

    Raises:
        ArgumentError: If `epochs` or `cycles` is not a positive whole number, or `schedule` not one
            of the three.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_dense_flipout, scale_kl, callback_kl_annealing
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = scale_kl(layer_dense_flipout(model, units=1), num_examples=64)
        >>> model.compile("adam", loss="mse")
        >>> x, y = keras.ops.ones((64, 3)), keras.ops.ones((64, 1))
        >>> annealing = callback_kl_annealing(epochs=4)
        >>> [annealing.factor(epoch) for epoch in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
        >>> history = model.fit(x, y, epochs=6, verbose=0, callbacks=[annealing])

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          scale_kl(num_examples = 64)
        model |> compile("adam", loss = "mse")
        history <- model |> fit(
          array(1, c(64, 3)), array(1, c(64, 1)),
          epochs = 6, verbose = 0, callbacks = list(callback_kl_annealing(epochs = 4))
        )

    Reference:
        Fu et al. (2019).
    """
    epochs = checks.positive_integer("epochs", epochs)
    cycles = checks.positive_integer("cycles", cycles)
    return KLAnnealing(epochs, checks.choice("schedule", schedule, tuple(SCHEDULES)), cycles)


@public_function()
def callback_log_score(
    x: ModelInputs, y: ArrayLike | None = None, draws: int = DRAWS, outputs: str = "auto"
) -> LogScore:
    """Score the predictive distribution on validation data after each epoch.

        val_log_score = mean over examples of log (mean over draws of p(y | x, w_d)),   w_d ~ q

    Take it to stop training, or to choose among models, by how good the predictive distribution is:
    the loss of a single draw of the weights says less.

    A callback for `fit()`. Progress bar and history gain `val_log_score`, by which Keras's
    `EarlyStopping` can stop if it comes after: with `monitor = "val_log_score"` and `mode = "max"`.
    The draws are the same after each epoch, so that epochs compare, and they do not change those of
    training. Of a model with several outputs, the log-likelihoods are added up. Where batches bring
    weights of examples, the mean is one with these weights. Higher is better.

    Returns:
        A Keras callback.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; in `fit()`, if the model
            ends in a tensor of values, which leave no likelihood.

    Example:
        >>> import keras
        >>> from bayeslayers import callback_log_score, fit_bayesian
        >>> from bayeslayers import layer_dense_flipout, layer_homoscedastic_normal
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((3,))]), units=1)
        >>> model = layer_homoscedastic_normal(model, event_shape=1)
        >>> x, y = keras.ops.ones((64, 3)), keras.ops.ones((64, 1))
        >>> score = callback_log_score(x, y)
        >>> history = fit_bayesian(model, x, y, epochs=2, verbose=0, callbacks=[score])
        >>> len(history.history["val_log_score"])
        2

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 1) |>
          layer_homoscedastic_normal(event_shape = 1)
        x <- array(1, c(64, 3))
        y <- array(1, c(64, 1))
        history <- model |> fit_bayesian(
          x, y,
          epochs = 2, verbose = 0, callbacks = list(callback_log_score(x, y))
        )
        history$metrics$val_log_score

    Reference:
        Gneiting and Raftery (2007).
    """
    if comes_once(x):
        rule = "must be data that can be gone through more than once"
        raise ArgumentError("x", rule, {"x": described(x)})
    draws = checks.positive_integer("draws", draws)
    return LogScore(x, y, draws, checks.choice("outputs", outputs, OUTPUTS))
