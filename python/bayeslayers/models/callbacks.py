"""Keras callbacks for the divergence: watch it in training, and let it in slowly."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.contract import checks
from bayeslayers.contract.functions import model_function
from bayeslayers.models.walk import diverging_layers

LIKELIHOOD = "negative_log_likelihood"
DIVERGENCE = "kl_divergence"

_PYTHON_TRAINING = """\
>>> import keras
>>> from bayeslayers import layer_dense_flipout, scale_kl, {name}
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = scale_kl(layer_dense_flipout(model, units=1), num_examples=64)
>>> model.compile("adam", loss="mse")
>>> x, y = keras.ops.ones((64, 3)), keras.ops.ones((64, 1))
"""
_R_TRAINING = """\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 1, input_shape = 3) |>
  scale_kl(num_examples = 64)
model$compile("adam", loss = "mse")
"""


class KLHistory(keras.callbacks.Callback):
    """Show likelihood and divergence apart; see `callback_kl_history()`."""

    def __init__(self, warn_above: float = 10.0) -> None:
        super().__init__()
        self.warn_above = warn_above
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        diverging_layers(self.model)
        self._means = {name: keras.metrics.Mean() for name in ("train_step", "test_step")}
        for name, mean in self._means.items():
            setattr(self.model, name, self._measured(getattr(self.model, name), mean))
        self._trace_anew()

    def on_train_end(self, logs: Any = None) -> None:
        for name in self._means:
            # What was set on the model; its class's own method is there again.
            delattr(self.model, name)
        self._trace_anew()

    def _trace_anew(self) -> None:
        self.model.make_train_function(force=True)
        self.model.test_function = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._means["train_step"].reset_state()

    def on_test_begin(self, logs: Any = None) -> None:
        self._means["test_step"].reset_state()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        message = None if self._warned else self._complaint(logs or {})
        if message is not None:
            self._warned = True
            warnings.warn(message, stacklevel=2)

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
        if divergence <= self.warn_above * abs(likelihood):
            return None
        return (
            f"The KL term of the loss ({divergence:.4g} per example) outweighs the likelihood "
            f"({likelihood:.4g}) by far: training will fit the prior, not the data. "
            f"{self._remedy()}"
        )

    def _remedy(self) -> str:
        layers = diverging_layers(self.model)
        if any(float(layer.divergence_scale.numpy()) == 1.0 for layer in layers):
            return (
                "Where the loss is a mean over examples, call `scale_kl(model, num_examples)` with "
                "the number of training examples."
            )
        return (
            "It is scaled already: if it does not fall soon, there are many weights for so few "
            "examples. A smaller network, a `callback_kl_annealing()`, or a prior of another "
            "spread may help."
        )

    def _measured(self, step: Callable[..., Any], mean: keras.metrics.Mean) -> Callable[..., Any]:
        """Return the step with two more figures: means over the epoch, as the loss is."""
        layers = diverging_layers(self.model)

        def measured(data: Any) -> dict[str, Any]:
            logs = step(data)
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            size = ops.shape(keras.tree.flatten(x)[0])[0]
            added = [loss for layer in layers for loss in layer.added_divergences]
            total = sum((ops.cast(loss, "float32") for loss in added), start=ops.zeros(()))
            mean.update_state(total, sample_weight=size)
            divergence = mean.result()
            return {**logs, LIKELIHOOD: logs["loss"] - divergence, DIVERGENCE: divergence}

        return measured


class KLAnnealing(keras.callbacks.Callback):
    """Let the divergence in slowly; see `callback_kl_annealing()`."""

    def __init__(self, epochs: int, schedule: str = "linear", cycles: int = 4) -> None:
        super().__init__()
        self.epochs, self.schedule, self.cycles = epochs, schedule, cycles

    def factor(self, epoch: int) -> float:
        """Return what the divergence is multiplied by in an epoch, counted from 0."""
        return _SCHEDULES[self.schedule](epoch / self.epochs, self.cycles)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        for layer in diverging_layers(self.model):
            layer.divergence_annealing.assign(self.factor(epoch))

    def on_train_end(self, logs: Any = None) -> None:
        for layer in diverging_layers(self.model):
            layer.divergence_annealing.assign(1.0)


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


@model_function(
    title="Show likelihood and KL divergence apart in training",
    formula="loss = negative_log_likelihood + kl_divergence",
    details=(
        "A callback for `fit()`. Progress bar and history gain two figures, "
        "`negative_log_likelihood` and `kl_divergence`, and `val_` of each: means over the epoch, "
        "as the loss is, so that both are per example where the loss is. The first is the loss "
        "without the divergences of this package's layers, and holds other regularization.",
        "Where the divergence outweighs the likelihood by far after an epoch, it warns once, and "
        "names the remedy, `scale_kl()`.",
    ),
    returns="A Keras callback.",
    raises="If `warn_above` is not a positive number; in `fit()`, if the model has no layer with a "
    "posterior.",
    python_example=_PYTHON_TRAINING.format(name="callback_kl_history")
    + """\
>>> history = model.fit(x, y, verbose=0, callbacks=[callback_kl_history()])
>>> sorted(history.history)
['kl_divergence', 'loss', 'negative_log_likelihood']""",
    r_example=_R_TRAINING
    + """\
history <- model$fit(
  array(1, c(64, 3)), array(1, c(64, 1)),
  verbose = 0L, callbacks = list(callback_kl_history())
)
history$history""",
    reference="Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight "
    "Uncertainty in Neural Networks. International Conference on Machine Learning. "
    "https://arxiv.org/abs/1505.05424",
)
def callback_kl_history(warn_above: float = 10.0) -> KLHistory:
    return KLHistory(checks.positive_number("warn_above", warn_above))


@model_function(
    title="Let the KL divergence into the loss slowly",
    formula="loss = negative log likelihood + a(epoch) KL",
    details=(
        "A callback for `fit()`, which multiplies the divergences of this package's layers by a "
        "factor a that goes from 0 to 1 while the first `epochs` pass, and stays there. With t the "
        "part of these epochs that is over, a = t for `linear`; a = 1 / (1 + exp(-10 (t - 1 / 2))) "
        "for `sigmoid`; for `cyclical` it rises from 0 to 1 in the first half of each of `cycles` "
        "cycles, and holds in the second.",
        "It acts on top of `scale_kl()`. It is not saved with the model, and is 1 again when "
        "training ends.",
    ),
    returns="A Keras callback.",
    raises="If `epochs` or `cycles` is not a positive whole number, or `schedule` not one of the "
    "three.",
    python_example=_PYTHON_TRAINING.format(name="callback_kl_annealing")
    + """\
>>> annealing = callback_kl_annealing(epochs=4)
>>> [annealing.factor(epoch) for epoch in range(6)]
[0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
>>> history = model.fit(x, y, epochs=6, verbose=0, callbacks=[annealing])""",
    r_example=_R_TRAINING
    + """\
history <- model$fit(
  array(1, c(64, 3)), array(1, c(64, 1)),
  epochs = 6L, verbose = 0L, callbacks = list(callback_kl_annealing(epochs = 4))
)""",
    reference="Fu, H., Li, C., Liu, X., Gao, J., Celikyilmaz, A., and Carin, L. (2019). Cyclical "
    "Annealing Schedule: A Simple Approach to Mitigating KL Vanishing. North American Chapter of "
    "the Association for Computational Linguistics. https://arxiv.org/abs/1903.10145",
)
def callback_kl_annealing(epochs: int, schedule: str = "linear", cycles: int = 4) -> KLAnnealing:
    epochs = checks.positive_integer("epochs", epochs)
    cycles = checks.positive_integer("cycles", cycles)
    return KLAnnealing(epochs, checks.choice("schedule", schedule, tuple(_SCHEDULES)), cycles)
