"""Keras callbacks for the divergence: watch it in training, and let it in slowly."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import keras
from keras import ops

from bayeslayers.architecture.walk import added_divergences, all_layers, bayesian_layers
from bayeslayers.base_layers.bayesian_layer import BayesianLayer, annealing
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import verb
from bayeslayers.training.steps import StepCallback, StepFunction, overridden

LIKELIHOOD = "negative_log_likelihood"
DIVERGENCE = "kl_divergence"


class KLHistory(StepCallback):
    """Show likelihood and divergence apart; see `callback_kl_history()`."""

    def __init__(self, warn_above: float = 10.0) -> None:
        super().__init__()
        self.warn_above = warn_above
        self._has_complained = False

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self._measured = {kind: _Measured(self.model, kind) for kind in ("train", "test")}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._measured["train"].mean.reset_state()

    def on_test_begin(self, logs: Any = None) -> None:
        if self._is_training:
            self._measured["test"].mean.reset_state()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        message = None if self._has_complained else self._complaint(logs or {})
        if message is not None:
            self._has_complained = True
            warnings.warn(message, stacklevel=2)

    def acting(self, kind: str, function: StepFunction) -> AbstractContextManager[StepFunction]:
        """See `StepCallback.acting`."""
        return self._measured[kind].measuring(function)

    def _complaint(self, logs: dict[str, float]) -> str | None:
        """Return what is wrong with the figures of an epoch, if anything is."""
        divergence, likelihood = logs.get(DIVERGENCE), logs.get(LIKELIHOOD)
        if divergence is None:
            return None
        if not math.isfinite(divergence):
            return (
                f"The KL term of the loss is {divergence}: mean or scale of a posterior are beyond "
                "what it can be computed for. `kl_divergence(model)` tells which."
            )
        if likelihood is None or divergence <= self.warn_above * abs(likelihood):
            return None
        return (
            f"The KL term of the loss ({divergence:.4g} per example) outweighs the likelihood "
            f"({likelihood:.4g}) by far: training will fit the prior, not the data. "
            f"{self._remedy()}"
        )

    def _remedy(self) -> str:
        ours = [layer for layer in all_layers(self.model) if isinstance(layer, BayesianLayer)]
        if not ours:
            return (
                "Where the loss is a mean over examples, the layers must divide what they add to "
                "it by the number of training examples."
            )
        if any(float(layer.divergence_scale.numpy()) == 1.0 for layer in ours):
            return (
                "Where the loss is a mean over examples, call `scale_kl(model, num_examples)` with "
                "the number of training examples."
            )
        return (
            "It is scaled already: if it does not fall soon, there are many weights for so few "
            "examples. A smaller network, a `callback_kl_annealing()`, or a prior of another "
            "spread may help."
        )


class _Measured:
    """The mean over an epoch of the divergences in the losses of a model's steps.

    It is taken where Keras adds them up, in `compute_loss`, while the function of the step is
    traced: so in a function of its own, as the model's own is to stay as it is.

    Args:
        model: The model.
        kind: "train" or "test".
    """

    def __init__(self, model: keras.Model, kind: str) -> None:
        self._model, self._kind = model, kind
        self.mean = keras.metrics.Mean()
        self._was_called = self._has_warned = False
        self._made: tuple[StepFunction, StepFunction] | None = None

    @contextmanager
    def measuring(self, function: StepFunction) -> Iterator[StepFunction]:
        """Return a context for a step, with a function that computes it as `function` does."""
        # Another callback may have let the model make its function anew: of other layers to train.
        if self._made is None or self._made[0] is not function:
            self._made = (function, partial(self._with_figures, self._make()))
        measured = partial(self._compute_loss, self._model.compute_loss)
        with overridden(self._model, "compute_loss", measured):
            yield self._made[1]

    def _make(self) -> StepFunction:
        """Let the model make a function that is not its own."""
        name = f"{self._kind}_function"
        with overridden(self._model, name, None):
            getattr(self._model, f"make_{name}")(force=True)
            return getattr(self._model, name)

    def _compute_loss(self, compute_loss: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the loss, and note what of it is divergence."""
        loss = compute_loss(*args, **kwargs)
        added = added_divergences(self._model)
        if added is None:
            rule = (
                "must contain a layer with a posterior, such as `layer_dense_flipout()`, or one "
                "that adds a divergence by `add_loss()`"
            )
            received = Described(f"{self._model.name!r} without one")
            raise ArgumentError("model", rule, {"model": received})
        # A mean over examples, as that of Keras's loss.
        data = keras.tree.flatten((args, kwargs))
        sizes = (ops.shape(value)[0] for value in data if len(getattr(value, "shape", ())) > 0)
        self.mean.update_state(sum(added, ops.zeros(())), sample_weight=next(sizes, None))
        self._was_called = True
        return loss

    def _with_figures(self, step: StepFunction, *args: Any) -> Any:
        """Return what a step returns, with two more figures."""
        logs = step(*args)
        self._warn_of_missing(logs)
        if not self._was_called:
            return logs
        divergence = self.mean.result()
        likelihood = {LIKELIHOOD: logs["loss"] - divergence} if "loss" in logs else {}
        return {**logs, **likelihood, DIVERGENCE: divergence}

    def _warn_of_missing(self, logs: Any) -> None:
        """Say once what can't be shown of a step that is the user's own, and why."""
        if not self._was_called:
            reason = (
                "does not call `compute_loss()`, so what of its loss is divergence can't be shown"
            )
        elif "loss" not in logs:
            reason = f'returns no "loss", so `{LIKELIHOOD}` can\'t be shown'
        else:
            return
        if not self._has_warned:
            self._has_warned = True
            step = f"The model's own `{self._kind}_step()`"
            warnings.warn(f"`callback_kl_history()`: {step} {reason}.", stacklevel=2)


class KLAnnealing(StepCallback):
    """Let the divergence in slowly; see `callback_kl_annealing()`."""

    def __init__(self, epochs: int, schedule: str = "linear", cycles: int = 4) -> None:
        super().__init__()
        self.epochs, self.schedule, self.cycles = epochs, schedule, cycles

    def factor(self, epoch: int) -> float:
        """Return what the divergence is multiplied by in an epoch, counted from 0."""
        return _SCHEDULES[self.schedule](epoch / self.epochs, self.cycles)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._factor = self.factor(epoch)
        # Before it is built, a model may have layers yet to make.
        self._layers = bayesian_layers(self.model, built=False) if self.model.built else None

    @contextmanager
    def acting(self, kind: str, function: StepFunction) -> Iterator[StepFunction]:
        """See `StepCallback.acting`."""
        del kind
        with annealing(self._found, self._factor) if self._factor != 1.0 else nullcontext():
            yield function

    def _found(self) -> list[BayesianLayer]:
        if self._layers is not None:
            return self._layers
        return [layer for layer in all_layers(self.model) if isinstance(layer, BayesianLayer)]


def _linear(progress: float, cycles: int) -> float:
    del cycles
    return min(1.0, progress)


def _sigmoid(progress: float, cycles: int) -> float:
    del cycles
    # From below 0.01 at the start to above 0.99 at the end of the warm-up.
    return 1.0 / (1.0 + math.exp(-10.0 * (progress - 0.5))) if progress < 1.0 else 1.0


def _cyclical(progress: float, cycles: int) -> float:
    # Half of each cycle rises, the other half holds.
    return min(1.0, 2.0 * ((progress * cycles) % 1.0)) if progress < 1.0 else 1.0


_SCHEDULES = {"linear": _linear, "cyclical": _cyclical, "sigmoid": _sigmoid}


@verb()
def callback_kl_history(warn_above: float = 10.0) -> KLHistory:
    """Show likelihood and KL divergence apart in training.

        loss = negative_log_likelihood + kl_divergence

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
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3) |>
          scale_kl(num_examples = 64)
        model$compile("adam", loss = "mse")
        history <- model$fit(
          array(1, c(64, 3)), array(1, c(64, 1)),
          verbose = 0L, callbacks = list(callback_kl_history())
        )
        history$history

    Reference:
        Blundell et al. (2015).
    """
    return KLHistory(checks.positive_number("warn_above", warn_above))


@verb()
def callback_kl_annealing(epochs: int, schedule: str = "linear", cycles: int = 4) -> KLAnnealing:
    """Let the KL divergence into the loss slowly.

        loss = negative log likelihood + a(epoch) KL

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
        keras <- reticulate::import("keras")
        model <- keras$Sequential() |>
          layer_dense_flipout(units = 1, input_shape = 3) |>
          scale_kl(num_examples = 64)
        model$compile("adam", loss = "mse")
        history <- model$fit(
          array(1, c(64, 3)), array(1, c(64, 1)),
          epochs = 6L, verbose = 0L, callbacks = list(callback_kl_annealing(epochs = 4))
        )

    Reference:
        Fu, H., Li, C., Liu, X., Gao, J., Celikyilmaz, A., and Carin, L. (2019). Cyclical Annealing
            Schedule: A Simple Approach to Mitigating KL Vanishing. North American Chapter of the
            Association for Computational Linguistics. https://arxiv.org/abs/1903.10145
    """
    epochs = checks.positive_integer("epochs", epochs)
    cycles = checks.positive_integer("cycles", cycles)
    return KLAnnealing(epochs, checks.choice("schedule", schedule, tuple(_SCHEDULES)), cycles)
