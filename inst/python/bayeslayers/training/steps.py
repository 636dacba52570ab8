"""Act inside the steps of `fit()`, and change nothing outside of them.

Keras tells a callback when a step begins, and nothing when the step, the data or another callback
fails. What a callback changes for longer than a step would stay after an interrupted training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import keras

StepFunction = Callable[..., Any]


class StepCallback(keras.callbacks.Callback):
    """A callback that acts inside the steps of training, and of validation within training.

    A subclass says in `acting` what it does. Where it does nothing else, the model that its user
    sees between steps, in other callbacks and after an error, is the model as it was.
    """

    has_own_function = False
    """Whether it has a function for the step in place of the model's, and none around that."""

    stepping_model: keras.Model
    """The model. On JAX, Keras brings its state back in `self.model`, which is slow in a step."""

    _is_training = False

    def acting(self, kind: str, function: StepFunction) -> AbstractContextManager[StepFunction]:
        """Return a context for one step, which gives the function that computes the step.

        Args:
            kind: "train" or "test".
            function: What the model computes the step with: Keras's `train_function` or
                `test_function`, which may take several steps at once.
        """
        raise NotImplementedError

    def set_model(self, model: keras.Model) -> None:
        """Keep the model, of which a training or an evaluation begins."""
        super().set_model(model)
        self.stepping_model = model
        # After an interrupted training, too: Keras does not say that it has ended.
        self._is_training = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._is_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self._is_training = False

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        _next_step(self.stepping_model, "train").callbacks.append(self)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._is_training:
            _next_step(self.stepping_model, "test").callbacks.append(self)


def _next_step(model: keras.Model, kind: str) -> _NextStep:
    """Return what stands for the function of the model's next step, put there if need be."""
    function = getattr(model, f"{kind}_function")
    return function if isinstance(function, _NextStep) else _NextStep(model, kind)


class _NextStep:
    """The function of one step in a model's place for it, where it stays until it is called.

    If another callback fails before that, it stays longer. Whoever uses the model next asks it to
    make its function first, as all of Keras's verbs do: then it goes, too, without having acted.
    """

    def __init__(self, model: keras.Model, kind: str) -> None:
        self.callbacks: list[StepCallback] = []
        self._model, self._kind = model, kind
        self._function = getattr(model, f"{kind}_function")
        setattr(model, f"{kind}_function", self)
        self._maker = _Override(model, f"make_{kind}_function", self._leave_and_make)

    def __call__(self, *args: Any) -> Any:
        self._leave()
        with ExitStack() as stack:
            function = self._function
            # Sorting is stable: it keeps the order of the others.
            for callback in sorted(self.callbacks, key=lambda c: not c.has_own_function):
                function = stack.enter_context(callback.acting(self._kind, function))
            return function(*args)

    def _leave(self) -> None:
        self._maker.undo()
        if getattr(self._model, f"{self._kind}_function") is self:
            setattr(self._model, f"{self._kind}_function", self._function)

    def _leave_and_make(self, *args: Any, **kwargs: Any) -> Any:
        self._leave()
        # As long as the function exists, JAX would reuse its trace.
        del self._function
        return getattr(self._model, f"make_{self._kind}_function")(*args, **kwargs)


class _Override:
    """An attribute of an object that stands before that of its class."""

    def __init__(self, owner: Any, name: str, value: Any) -> None:
        self._owner, self._name = owner, name
        # Most objects have no such attribute of their own.
        self._before = {name: vars(owner)[name]} if name in vars(owner) else {}
        vars(owner)[name] = value

    def undo(self) -> None:
        vars(self._owner).pop(self._name, None)
        vars(self._owner).update(self._before)


@contextmanager
def overridden(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let an attribute of an object have a value while the context lasts."""
    override = _Override(owner, name, value)
    try:
        yield
    finally:
        override.undo()
