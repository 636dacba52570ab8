"""One training by the recipe of `fit_bayesian()`, or several, of which the best is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd

from bayeslayers.contract.errors import ArgumentError
from bayeslayers.predictive.input_checks import check_shapes
from bayeslayers.predictive.inputs import described
from bayeslayers.training import recipe
from bayeslayers.training.examples import Examples, check_class_weights, validation_of
from bayeslayers.training.likelihoods import check_mean, losses_of
from bayeslayers.training.optimizers import optimizer_for
from bayeslayers.training.repeated_batches import repeated_batches
from bayeslayers.training.settings import Settings
from bayeslayers.training.targets import TargetForms, computes_its_loss_by_keras
from bayeslayers.training.terms import terms_per_example

# To choose among trained models takes less noise than to watch one.
_DRAWS_TO_CHOOSE = 100
_BATCH_SIZE = 32


class Training:
    """What is learnt from, and how.

    Args:
        model: The model.
        x: Inputs, or batches of inputs and targets.
        y: The targets, or `None` where they come with the inputs.
        validation: What the model is validated on, or `None`.
        settings: How it is trained.
        loss: The caller's loss, or `None`.
        further: Further arguments of Keras's `compile()` and `fit()`.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any,
        validation: Any,
        settings: Settings,
        loss: Any,
        further: Mapping[str, Any],
    ) -> None:
        self._model, self._settings = model, settings
        self._compiling, self._fitting = recipe.arguments_of(model, further)
        split = settings.validation_split
        if split and validation is not None:
            rule = "must be 0 where `validation_data` is given"
            raise ArgumentError("validation_split", rule, {"validation_split": split})
        examples = Examples(x, y, self._fitting.get("sample_weight"))
        self.num_examples, self._steps = examples.size_of_epoch(
            settings.batch_size or _BATCH_SIZE,
            split,
            settings.num_examples,
            self._fitting.get("steps_per_epoch"),
        )
        outputs = recipe.outputs_for(model, examples.first.x, settings.samples)
        self._loss = recipe.loss_for(model, loss, outputs.kinds)
        losses = losses_of(self._loss, outputs.kinds)
        check_mean(losses or [])
        # A model that has no loss adds all of it itself.
        is_keras_own = self._loss is not None and computes_its_loss_by_keras(model)
        forms = TargetForms(outputs, losses, is_keras_own)
        check_class_weights(self._fitting.get("class_weight"), forms.count_of_classes())
        examples.y = forms.checked(examples)
        self._examples = examples
        # Keras's mean is one over these.
        self.num_examples *= terms_per_example(model, examples, losses)
        targets = None

        def check(found: Examples) -> Any:
            check_shapes(model, found.first.x)
            return forms.checked(found)

        if split:
            validation = examples.last_part(self._fitting.get("sample_weight"), split)
            targets = validation[1]
        elif validation is not None:
            validation = recipe.with_weights_in_array(validation)
            validation, targets = validation_of(validation, check, needs_targets=forms.are_needed)
        self._validation = validation
        likelihoods = recipe.likelihoods_of(losses, outputs)
        self._score = None
        if likelihoods is not None and forms.are_classes(targets):
            self._score = recipe.scorer(validation, likelihoods)

    def optimizer(self, optimizer: Any) -> Callable[[], keras.optimizers.Optimizer]:
        """Return a function that makes the optimizer of a training."""
        settings = self._settings
        epochs = max(settings.epochs - (self._fitting.get("initial_epoch") or 0), 1)
        rate, steps = settings.learning_rate, epochs * self._steps
        return lambda: optimizer_for(optimizer, rate, settings.decay, settings.clipnorm, steps)

    def run(
        self,
        optimizer: Callable[[], keras.optimizers.Optimizer],
        metrics: Any,
        callbacks: Any,
        verbose: Any,
    ) -> keras.callbacks.History:
        """Compile the model and train it."""
        settings, model = self._settings, self._model
        given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
        given = [callback for callback in given if callback is not None]
        new_optimizer = optimizer()
        recipe.check_rate(given, new_optimizer)
        is_validated = self._validation is not None
        # A model's own `compile()` may have other arguments, too, and in another order.
        shown = {} if metrics is None else {"metrics": metrics}
        model.compile(optimizer=new_optimizer, loss=self._loss, **shown, **self._compiling)
        with repeated_batches(model, settings.samples):
            return model.fit(
                self._examples.x,
                self._examples.y,
                batch_size=settings.batch_size,
                epochs=settings.epochs,
                verbose=verbose,
                callbacks=recipe.callbacks_for(
                    given,
                    settings.epochs,
                    settings.annealing,
                    settings.patience if is_validated else None,
                    self._score,
                ),
                validation_split=settings.validation_split,
                validation_data=None if settings.validation_split else self._validation,
                **self._fitting,
            )

    def best_of(
        self, temperatures: Sequence[float], train: Callable[[float], keras.callbacks.History]
    ) -> tuple[float, keras.callbacks.History]:
        """Train from the same weights at each temperature; return the best, and its history."""
        if self._validation is None:
            rule = (
                "must be one number without validation data, as several are chosen among by the "
                "log score"
            )
            raise ArgumentError("temperature", rule, {"temperature": list(temperatures)})
        if self._score is None:
            rule = (
                "must be one number where the loss is no likelihood of the targets, as several are "
                "chosen among by the log score"
            )
            received = {"temperature": list(temperatures), "loss": self._loss}
            hint = "A model that ends in a distribution has a likelihood."
            raise ArgumentError("temperature", rule, received, hint)
        if self._examples.comes_once:
            rule = "must be one number where `x` can be gone through once, as each trains anew"
            received = {"temperature": list(temperatures), "x": described(self._examples.x)}
            raise ArgumentError("temperature", rule, received)
        start = self._model.get_weights()
        scores: list[float] = []
        for temperature in temperatures:
            self._model.set_weights(start)
            history = train(temperature)
            scores.append(self._score.score(_DRAWS_TO_CHOOSE))
            # A training whose weights are no longer finite is the worst.
            comparable = np.nan_to_num(scores, nan=-np.inf, neginf=-np.inf)
            if comparable[-1] == comparable.max():
                best = temperature, history, self._model.get_weights()
        chosen, history, weights = best
        self._model.set_weights(weights)
        table = pd.DataFrame({"temperature": list(temperatures), "val_log_score": scores})
        return chosen, noted(history, chosen, table)


def noted(
    history: keras.callbacks.History, temperature: float, table: pd.DataFrame | None = None
) -> keras.callbacks.History:
    """Return a history that says of which temperature it is, and what others scored."""
    vars(history).update(temperature=temperature, temperatures=table)
    return history
