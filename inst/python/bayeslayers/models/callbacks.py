"""Keras callbacks for the divergence: watch it in training, and let it in slowly."""

from __future__ import annotations

from bayeslayers.contract import checks
from bayeslayers.contract.functions import public_function
from bayeslayers.training.kl_annealing import SCHEDULES, KLAnnealing
from bayeslayers.training.kl_history import KLHistory


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
    the remedy, `scale_kl()`.

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
        Fu, H., Li, C., Liu, X., Gao, J., Celikyilmaz, A., and Carin, L. (2019). Cyclical Annealing
            Schedule: A Simple Approach to Mitigating KL Vanishing. North American Chapter of the
            Association for Computational Linguistics. https://arxiv.org/abs/1903.10145
    """
    epochs = checks.positive_integer("epochs", epochs)
    cycles = checks.positive_integer("cycles", cycles)
    return KLAnnealing(epochs, checks.choice("schedule", schedule, tuple(SCHEDULES)), cycles)
