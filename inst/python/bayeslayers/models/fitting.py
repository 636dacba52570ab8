"""The recipe by which Bayesian networks are trained, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from numpy.typing import ArrayLike

from bayeslayers.architecture.walk import check_model
from bayeslayers.contract.functions import public_function
from bayeslayers.models.kl import scale_layers, warn_of_own_scales
from bayeslayers.predictive.inputs import ModelInputs
from bayeslayers.training.optimizers import Schedule
from bayeslayers.training.settings import Settings, check_reports, temperatures_of
from bayeslayers.training.training import Training, noted


@public_function(r_result="as_fit_history")
def fit_bayesian(
    model: keras.Model,
    x: ModelInputs,
    y: ArrayLike | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    temperature: float | str | Sequence[float] = 1.0,
    samples: int = 1,
    annealing: float = 0.8,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: float | Schedule = 0.01,
    decay: bool = True,
    clipnorm: float | None = 1.0,
    patience: int | None = 20,
    num_examples: float | None = None,
    loss: Any = None,
    metrics: Any = None,
    callbacks: Any = None,
    verbose: str | int = "auto",
    **kwargs: Any,
) -> keras.callbacks.History:
    """Train a Bayesian network by a recipe in one call.

        loss(epoch) = mean over examples of -log p(y | x, w)
                      + a(epoch) temperature KL(q || p) / n,   w ~ q

    Take it in the place of `compile()` and `fit()`. Its defaults are a good start, and each part of
    the recipe can be set, or switched off.

    n is the number of examples, and a rises from 0 to 1 over the first epochs; in the last it is 1.
    Of a `loss` with several terms for an example, such as the crossentropy of each step of a
    sequence, Keras takes the mean over all terms: n is then the number of those that are not
    masked.

    At a constant learning rate, and with all of the divergence from the start, weights fall back to
    the prior before they have learnt anything, and many stay there. Each part also exists by
    itself. `scale_kl()` divides the divergence by `num_examples`, and multiplies it by
    `temperature`. `callback_kl_annealing()` lets it in over the part `annealing` of the epochs.
    Keras's `CosineDecay` takes the learning rate from `learning_rate` to 0, and Keras's `clipnorm`
    bounds the gradient, so that no single step throws the network off. `callback_kl_history()`
    shows likelihood and divergence apart. To switch a part off, set `annealing` to 0, `decay` to
    `False`, or `clipnorm` or `patience` to `None`.

    With validation data, `callback_log_score()` scores the model after each epoch. Once all of the
    divergence is in, Keras's `EarlyStopping` ends the training after `patience` epochs without a
    better score, and the weights of the best of these epochs come back.

    The score needs a likelihood for each output: a distribution has one, and so have Keras's
    crossentropies of one class for each example, by each of their names. Smoothed labels are scored
    as they were before, mixtures of classes are not scored. Without a likelihood, as under a
    squared error, the score is the `negative_log_likelihood` of `callback_kl_history()`.

    The loss is the negative log-likelihood where the model ends in distributions, summed over the
    outputs of an example. The steps by which sequences are padded count, too: give them 0 in a
    `sample_weight` for each step, also in `validation_data`. Where the model ends in a tensor, give
    `loss`, such as a crossentropy, or compile the model with one before; without one, if all of its
    loss comes from `add_loss()`.

    `temperature = "auto"`, or several temperatures, trains the model anew with each, from the same
    weights, and keeps the one with the best log score on the validation data. The history holds a
    table of the scores as `temperatures`, and the choice as `temperature`.

    With `samples` above 1, each step repeats the examples of its batch so many times. Layers with
    the Flipout and the local reparameterization estimators give each copy noise of its own, so that
    the gradient's variance falls. Layers with the reparameterization estimator draw once per step,
    and gain nothing. A step takes up to `samples` times as long.

    Afterwards the model is compiled with the loss and the optimizer of the training.

    Args:
        epochs: Positive whole number: how many times the examples are gone through.
        batch_size: Positive whole number: how many examples there are in a step. With `None` 32, or
            those of a batch where `x` comes in batches.
        callbacks: A Keras callback, or a list of them. They act after those of the recipe. A
            `callback_kl_annealing()`, `callback_kl_history()` or `callback_log_score()` takes the
            place of the recipe's own. With one that sets the learning
            rate, `decay` must be `False`.
        verbose: Whether Keras shows progress: 0, 1, 2 (a line for each epoch), or "auto".
        temperature: Positive number; several of them; or "auto", for 1, 0.5, 0.2 and 0.1: what the
            divergence is multiplied by.
        x: Inputs, or batches of inputs and targets, in any form that `fit()` takes.
        num_examples: Positive number: how many examples there are to learn from. With `None` they
            are counted. Copies of an example are no new examples.

    Returns:
        Keras's history, with `temperature` and `temperatures` beside the figures.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; if `model` has no layer
            with a posterior; if inputs, targets or weights of examples are missing or infinite, or
            targets are not what the loss takes, before the training, of batches when they are
            counted; or if there are several temperatures, and no validation data or a loss without
            a likelihood.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from bayeslayers import fit_bayesian, layer_dense_flipout, layer_homoscedastic_normal
        >>> rng = np.random.default_rng(1)
        >>> x = rng.normal(size=(64, 1)).astype("float32")
        >>> y = 2 * x + 0.1 * rng.normal(size=(64, 1)).astype("float32")
        >>> model = layer_dense_flipout(keras.Sequential([keras.Input((1,))]), units=1)
        >>> model = layer_homoscedastic_normal(model, event_shape=1)
        >>> history = fit_bayesian(model, x, y, epochs=5, verbose=0)
        >>> sorted(history.history)
        ['kl_divergence', 'loss', 'negative_log_likelihood']

    R example:
        library(keras3)
        x <- matrix(rnorm(64))
        y <- 2 * x + rnorm(64, sd = 0.1)
        model <- keras_model_sequential(input_shape = 1) |>
          layer_dense_flipout(units = 1) |>
          layer_homoscedastic_normal(event_shape = 1)
        history <- model |> fit_bayesian(x, y, epochs = 5, verbose = 0)
        names(history$metrics)

    Reference:
        Blundell et al. (2015). Fu et al. (2019). Wenzel et al. (2020).
    """
    settings = Settings(
        epochs,
        batch_size,
        validation_split,
        samples,
        annealing,
        learning_rate,
        decay,
        clipnorm,
        patience,
        num_examples,
    )
    temperatures = temperatures_of(temperature)
    training = Training(check_model(model), x, y, validation_data, settings, loss, kwargs)
    new_optimizer = training.optimizer(optimizer)
    check_reports(metrics, callbacks, verbose)

    warn_of_own_scales(model, "fit_bayesian()")

    def train(temperature: float) -> keras.callbacks.History:
        scale_layers(model, training.num_examples, temperature)
        return training.run(new_optimizer, metrics, callbacks, verbose)

    if len(temperatures) == 1:
        return noted(train(temperatures[0]), temperatures[0])
    chosen, history = training.best_of(temperatures, train)
    scale_layers(model, training.num_examples, chosen)
    return history
