"""Layers that add the divergence of a posterior from a prior to the losses of a model."""

from __future__ import annotations

import contextlib
import contextvars
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from bayeslayers.backend import StateHolder, cast, finite_when_trained_on, is_sparse, method_of
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.keras_objects import as_loss
from bayeslayers.base_layers.model_draw import ModelDraw
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.compat import loss_ids
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.geometries import Geometry

_SCALE, _TEMPERATURE = "divergence_scale", "divergence_temperature"
_CONVERSION = "conversion"

_annealing: contextvars.ContextVar[float] = contextvars.ContextVar("annealing", default=1.0)


@contextlib.contextmanager
def annealing_of_new_layers(factor: float) -> Iterator[None]:
    """Let the divergences of layers that are made while the context lasts begin with a factor."""
    token = _annealing.set(factor)
    try:
        yield
    finally:
        _annealing.reset(token)


def stddev_of(distribution: Any) -> Any:
    """Return a distribution's standard deviation, or `None` where it does not know."""
    try:
        return method_of(distribution, "stddev")()
    except NotImplementedError:
        return None


@dataclass(frozen=True)
class Divergence:
    """The divergence of the posterior of one weight from its prior.

    Args:
        estimate: Returns it; where there is no closed form, from a new draw of the weight.
        is_exact: Whether it is known to have a closed form.
    """

    estimate: Callable[[], Any]
    is_exact: bool


def _values_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[Any]:
    """Return the values in the nests of some arguments."""
    # Mostly this is a single tensor: flattening a nest takes long, compared to a call.
    values = (*args, *kwargs.values())
    is_flat = all(value is None or ops.is_tensor(value) for value in values)
    return values if is_flat else tree.flatten(values)


class _ForwardPass:
    """What a layer knows of the model's current forward pass: the divergences that it has added.

    A shared layer is called more than once in a pass, and counts once: a divergence belongs to the
    weights, not to the call. Keras clears the losses when a pass begins; while ours are among them,
    this call is not the first.

    Divergences last as long as the losses. Those of a compiled step are no numbers, and nobody can
    use them when its function has been compiled.
    """

    def __init__(self) -> None:
        self._added: list[weakref.ref[Any]] = []

    @property
    def added(self) -> list[Any]:
        return [loss for reference in self._added if (loss := reference()) is not None]

    def add(self, divergences: list[Any], ids: set[int]) -> None:
        """Remember the divergences that the layer adds.

        Args:
            divergences: What it adds.
            ids: The identities by which Keras knows the layer's losses. When one of them is gone,
                another layer's loss may come to have its identity.
        """
        self._added = [_reference(divergence, ids) for divergence in divergences]

    def has_added_to(self, losses: list[Any]) -> bool:
        return any(loss is divergence for loss in losses for divergence in self.added)


def _reference(divergence: Any, ids: set[int]) -> weakref.ref[Any]:
    """Return a reference to a divergence that removes its identity when the divergence is gone."""
    identity = id(divergence)
    return weakref.ref(divergence, lambda _: ids.discard(identity))


class BayesianLayer(StochasticLayer):
    """A layer with divergences, each times `divergence_scale` and `divergence_annealing`.

    The scale is part of the layer: it is saved and cloned with it. The annealing is part of a run
    of training: it is 1 wherever no callback says otherwise.
    """

    divergence_temperature: float = 1.0
    """What part of the scale is a choice, not a mean over examples. No step reads it."""

    geometry: Geometry
    """What the layer computes."""

    conversion: tuple[tuple[str, ...], ...] | None = None
    """What the conversion of a model made of each layer, in the first one that it put in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._forward_pass = _ForwardPass()
        # In double precision, so that float64 divergences lose nothing.
        self.divergence_scale = StateHolder(1.0, _SCALE)
        # A layer that is built inside an annealed step starts annealed.
        self.divergence_annealing = StateHolder(_annealing.get())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer.

        Raises:
            ArgumentError: If inputs are sparse, and what the layer computes is not there for them.
        """
        for value in _values_among(args, kwargs):
            if is_sparse(value) and not self.geometry.takes_sparse(len(value.shape)):
                rule = "must not be sparse: sparse inputs of two dimensions go into dense layers"
                received = Described(f"a sparse tensor of shape {tuple(value.shape)}")
                hint = "`keras.ops.convert_to_tensor(inputs, sparse=False)` makes them dense."
                raise ArgumentError("inputs", rule, {"inputs": received}, hint)
        return super().__call__(*args, **kwargs)

    @abstractmethod
    def divergences(self) -> dict[str, Divergence]:
        """Return the divergence of each weight from its prior, not scaled, by the weight's name."""

    @abstractmethod
    def may_be_scaled_already(self) -> bool:
        """Whether the caller may have scaled a divergence, by an argument or in a function."""

    @abstractmethod
    def size_of(self, weight: str) -> int:
        """Return how many numbers a weight has."""

    @abstractmethod
    def plain_layer(self) -> keras.Layer:
        """Return Keras's deterministic layer with the same arguments, not built."""

    @abstractmethod
    def plain_weights(self, statistic: str) -> list[Any]:
        """Return the weights of the plain layer: the posterior's "mean" or a "sample"."""

    @abstractmethod
    def weights_in_draw(self, draw: ModelDraw) -> dict[str, Any]:
        """Return the weights in a draw of the whole model, by their names."""

    @abstractmethod
    def posterior_moments(self) -> dict[str, tuple[Any, Any]]:
        """Return mean and standard deviation of each weight's posterior, by the weight's name.

        Where a distribution does not know its standard deviation, that is `None`.
        """

    def scale_divergences(self, num_examples: float, temperature: float) -> None:
        """Let the losses hold the divergences times a temperature, for a mean over examples."""
        self.divergence_scale.assign(temperature / num_examples)
        self.divergence_temperature = temperature

    @property
    def own_scale(self) -> float:
        """The factor by which the layer's own arguments scale its divergences."""
        return 1.0

    def scale_in_losses(self) -> float:
        """Return the factor of a divergence in the losses, at present."""
        return float(self._changeable_scale()) * self.own_scale

    def _changeable_scale(self) -> Any:
        """Return the part of the factor that changes after the layer is made, as a tensor."""
        return self.divergence_scale.value * self.divergence_annealing.value

    def _saved_scale(self) -> np.ndarray:
        """Return the scale as files have it, in double precision."""
        return ops.convert_to_numpy(self.divergence_scale.value).astype("float64")

    @property
    def added_divergences(self) -> list[Any]:
        """What the layer has added to the losses in the current forward pass."""
        return self._forward_pass.added

    def _is_first_call_in_pass(self) -> bool:
        """Whether this call is the first in a forward pass: a shared layer counts once."""
        return not self._forward_pass.has_added_to(self.losses)

    def _add_to_losses(self, divergences: Mapping[str, Any]) -> None:
        """Add the divergence of each weight to the losses.

        Args:
            divergences: Scalars by the weights' names, not scaled.
        """
        scale, own_scale = self._changeable_scale(), self.own_scale
        added = [
            as_loss(
                cast(scale, value.dtype)
                * finite_when_trained_on(
                    value if own_scale == 1.0 else own_scale * value, self._overflow_message(weight)
                )
            )
            for weight, value in divergences.items()
        ]
        # A tensor of Keras's `floatx` stays the object that it is, so it is found among the losses.
        for divergence in added:
            self.add_loss(divergence)
        self._forward_pass.add(added, loss_ids(self))

    def _overflow_message(self, weight: str) -> str:
        return (
            f"The divergence of `{weight}` in layer '{self.name}' has no finite value: mean or "
            "scale of the posterior are beyond what it can be computed for."
        )

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Save the variables, and the scale of the divergences."""
        super().save_own_variables(store)
        store[_SCALE] = self._saved_scale()
        if self.divergence_temperature != 1.0:
            store[_TEMPERATURE] = np.float64(self.divergence_temperature)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load the variables, and the scale of the divergences."""
        own = serialization.without(serialization.without(store, _SCALE), _TEMPERATURE)
        super().load_own_variables(own)
        self._load_scale(store)

    def _load_scale(self, saved: Mapping[str, Any]) -> None:
        self.divergence_scale.assign(serialization.saved_numbers(self, saved, _SCALE, ()))
        # Files have none where it is 1, and those of version 0.1.0 where it is another.
        held = _TEMPERATURE in set(saved.keys())
        self.divergence_temperature = (
            float(serialization.saved_numbers(self, saved, _TEMPERATURE, ())) if held else 1.0
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, and what else is kept with the layer where there is any."""
        saved = {_SCALE: float(self._saved_scale()), _TEMPERATURE: self.divergence_temperature}
        conversion = {} if self.conversion is None else {_CONVERSION: self.conversion}
        return {
            **super().get_config(),
            **{k: v for k, v in saved.items() if v != 1.0},
            **conversion,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BayesianLayer:
        """Make the layer that `get_config` described."""
        config = dict(config)
        saved = {name: config.pop(name, 1.0) for name in (_SCALE, _TEMPERATURE)}
        conversion = config.pop(_CONVERSION, None)
        layer = super().from_config(config)
        layer._load_scale(saved)
        if conversion is not None:
            layer.conversion = tuple(map(tuple, conversion))
        return layer
