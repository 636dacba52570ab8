"""The callback that shows likelihood and divergence separately."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import keras
from keras import ops

from bayeslayers.architecture.walk import added_divergences, all_layers
from bayeslayers.backend import step_with_logs, step_with_variables
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.training.steps import StepCallback, StepFunction, overridden

LIKELIHOOD = "negative_log_likelihood"
DIVERGENCE = "kl_divergence"


class KLHistory(StepCallback):
    """Show likelihood and divergence separately; see `callback_kl_history()`.

    Args:
        warn_above: From what ratio on the divergence outweighs the likelihood.
        warn_from: The first epoch that a ratio is complained of: while the divergence is let in,
            it has not yet drawn the weights to where they stay.
    """

    has_own_function = True

    def __init__(self, warn_above: float = 10.0, warn_from: int = 0) -> None:
        super().__init__()
        self.warn_above, self.warn_from = warn_above, warn_from
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
        message = None if self._has_complained else self._complaint(epoch, logs or {})
        if message is not None:
            self._has_complained = True
            warnings.warn(message, stacklevel=2)

    def acting(self, kind: str, function: StepFunction) -> AbstractContextManager[StepFunction]:
        """See `StepCallback.acting`."""
        return self._measured[kind].measuring(function)

    def _complaint(self, epoch: int, logs: dict[str, float]) -> str | None:
        """Return what is wrong with the figures of an epoch, if anything is."""
        divergence, likelihood = logs.get(DIVERGENCE), logs.get(LIKELIHOOD)
        if divergence is None:
            return None
        if not math.isfinite(divergence):
            return (
                f"The KL term of the loss is {divergence}: mean or scale of a posterior are beyond "
                "what it can be computed for. `kl_divergence(model)` tells which."
            )
        if epoch < self.warn_from:
            return None
        # The log of a density may be 0, where any divergence would outweigh it.
        if likelihood is None or divergence <= self.warn_above * max(abs(likelihood), 1.0):
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
        if any(float(ops.convert_to_numpy(layer.divergence_scale.value)) == 1.0 for layer in ours):
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
        self._was_called = self._has_counted = self._has_warned = False
        # A weak reference: if we held the function, JAX would reuse its trace after a compile().
        self._made_for: weakref.ref[StepFunction] | None = None

    @contextmanager
    def measuring(self, function: StepFunction) -> Iterator[StepFunction]:
        """Return a context for a step, with a function that computes it as `function` does."""
        # Another callback may have remade the model's function, for example to train other layers.
        if self._made_for is None or self._made_for() is not function:
            made = step_with_variables(self._make, self._model, self.mean.variables)
            self._made = step_with_logs(made, self._with_figures)
            self._made_for = weakref.ref(function)
        measured = partial(self._compute_loss, self._model.compute_loss)
        with overridden(self._model, "compute_loss", measured):
            yield self._made

    def _make(self) -> StepFunction:
        """Let the model make a function that is not its own."""
        name, step = f"{self._kind}_function", f"{self._kind}_step"
        # The step is a function object of its own, as JAX finds its traces by the object.
        own_step = partial(getattr(self._model, step))
        with overridden(self._model, name, None), overridden(self._model, step, own_step):
            getattr(self._model, f"make_{name}")(force=True)
            return getattr(self._model, name)

    def _compute_loss(self, compute_loss: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the loss, and record the divergence in it."""
        loss = compute_loss(*args, **kwargs)
        added = added_divergences(self._model)
        if added is None:
            rule = (
                "must contain a layer with a posterior, such as `layer_dense_flipout()`, or one "
                "that adds a divergence by `add_loss()`"
            )
            received = Described(f"{self._model.name!r} without one")
            raise ArgumentError("model", rule, {"model": received})
        # A mean over examples, like Keras's loss.
        data = keras.tree.flatten((args, kwargs))
        sizes = (ops.shape(value)[0] for value in data if len(getattr(value, "shape", ())) > 0)
        self.mean.update_state(sum(added, ops.zeros(())), sample_weight=next(sizes, None))
        self._was_called = True
        return loss

    def _with_figures(self, logs: Any) -> Any:
        """Return the logs of a step, with two more figures."""
        # Only after the first step, as reading the value waits for the step to end.
        self._has_counted = self._has_counted or (self._was_called and self._counts())
        self._warn_of_missing(logs)
        if not self._has_counted:
            return logs
        divergence = self.mean.result()
        likelihood = {LIKELIHOOD: logs["loss"] - divergence} if "loss" in logs else {}
        return {**logs, **likelihood, DIVERGENCE: divergence}

    def _counts(self) -> bool:
        """Whether the mean has any examples."""
        return bool(ops.convert_to_numpy(self.mean.count) > 0)

    def _warn_of_missing(self, logs: Any) -> None:
        """Say once what can't be shown of a step that is the user's own, and why."""
        hidden = "so what of its loss is divergence can't be shown"
        if not self._was_called:
            reason = f"does not call `compute_loss()`, {hidden}"
        elif not self._has_counted:
            reason = (
                f"calls `compute_loss()` where metrics can't follow, {hidden}: on JAX, it must "
                "call `stateless_compute_loss()`"
            )
        elif "loss" not in logs:
            reason = f'returns no "loss", so `{LIKELIHOOD}` can\'t be shown'
        else:
            return
        if not self._has_warned:
            self._has_warned = True
            step = f"The model's own `{self._kind}_step()`"
            warnings.warn(f"`callback_kl_history()`: {step} {reason}.", stacklevel=2)
