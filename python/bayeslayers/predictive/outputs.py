"""What a model returns: its outputs by name and place, and what kind each is of."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from bayeslayers.architecture.walk import all_layers
from bayeslayers.base_layers.weight_draw import WeightDraw, drawing
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.compiled import kept

# How many numbers a layer's outputs may have for a batch, and how many the model's outputs: draws
# of the latter are held for all examples of a batch until they are summarised.
_NUMBERS_OF_A_LAYER = 2**22
_NUMBERS_OF_OUTPUTS = 2**16
_SMALLEST_OF_LAYERS, _LARGEST = 32, 2**14


@dataclass(frozen=True)
class OutputKind:
    """What one output of a model is.

    Args:
        place: Its place among the outputs, from 0.
        name: Its name, where the model tells its outputs apart by names.
        is_distribution: Whether it is a distribution, not a tensor.
        classes: "logits" or "probabilities", which it was made from, where it is a distribution
            over one class for each example.
        count_of_classes: How many numbers, from 0, an outcome can be, where it is one of 0 and 1,
            or the number of a class.
        is_number_of_class: Whether its outcomes are the numbers of classes, which have no order.
        width: How many classes there are, if what it holds for each example is one of classes: a
            number for each, or one that stands for two.
    """

    place: int
    name: str | None
    is_distribution: bool
    classes: str | None
    count_of_classes: int | None
    is_number_of_class: bool
    width: int


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model.

    Args:
        kinds: What each is, in their order.
        structure: The nest that the model returns, with places in it.
        batch_size: For how many examples the model is computed at once where nobody says so.
    """

    kinds: tuple[OutputKind, ...]
    structure: Any
    batch_size: int

    def packed(self, values: Sequence[Any]) -> Any:
        """Return one value for each output in the nest that the model returns."""
        return _mapped(lambda place: values[place], self.structure)

    def only(self, output: Any) -> OutputKind:
        """Return the output of this name or place; `None` is that of a model of one."""
        if output is None and len(self.kinds) == 1:
            return self.kinds[0]
        is_one = isinstance(output, (str, numbers.Integral)) and not isinstance(output, bool)
        found = [kind for kind in self.kinds if is_one and output in (kind.place, kind.name)]
        if len(found) != 1:
            raise ArgumentError("output", self._rule(), {"output": output})
        return found[0]

    def target_of(self, output: OutputKind, y: Any) -> Any:
        """Take one output's targets out of those of all, where they are told apart."""
        if isinstance(y, dict):
            if output.name not in y:
                rule = f'must hold the targets of the output "{output.name}"'
                raise ArgumentError("y", rule, {"y": Described(f"targets of {list(y)}")})
            return y[output.name]
        count = len(self.kinds)
        if count > 1 and isinstance(y, (list, tuple)) and all(hasattr(v, "shape") for v in y):
            if len(y) != count:
                rule = f"must hold the targets of one output, or of all {count}"
                raise ArgumentError("y", rule, {"y": Described(f"a list of {len(y)} arrays")})
            return y[output.place]
        return y

    def _rule(self) -> str:
        return (
            f"must be the name or the place of one of the model's {len(self.kinds)} outputs"
            f"{listed(self.kinds)}"
        )


def listed(kinds: Sequence[OutputKind]) -> str:
    """Return the names of outputs as a rule lists them, behind a colon."""
    names = [f'"{kind.name}"' for kind in kinds if kind.name is not None]
    return f": {', '.join(names)}" if names else ""


def describe(model: Any, specification: Any) -> Outputs:
    """Say what a model returns for inputs like these, of which none are computed."""
    return kept(model, ("outputs", str(specification)), lambda: _described(model, specification))


def call_under(model: Any, seed: Any, batch: Any, x: Any) -> tuple[Any, WeightDraw]:
    """Call a model under one draw of its weights, and return the draw as well."""
    draw = WeightDraw(seed, batch, all_layers(model))
    with drawing(draw):
        return model(x, training=False), draw


def leaves(outputs: Any) -> list[Any]:
    """Return the outputs in a list, those of a dictionary in its own order."""
    found: list[Any] = []
    _mapped(found.append, outputs)
    return found


def _mapped(function: Callable[[Any], Any], nest: Any) -> Any:
    if isinstance(nest, dict):
        return {name: _mapped(function, value) for name, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        values = [_mapped(function, value) for value in nest]
        return tuple(values) if isinstance(nest, tuple) else values
    return function(nest)


def _described(model: Any, specification: Any) -> Outputs:
    found: list[Any] = []

    def call(seed: Any, x: Any) -> list[Any]:
        outputs, _ = call_under(model, seed, 0, x)
        found.append(_kinds(model, outputs))
        return [tf.convert_to_tensor(o) for o in leaves(outputs) if not is_distribution(o)]

    seed = tf.TensorSpec([2], tf.int32)
    signature = [seed, specification]
    traced = tf.function(call, input_signature=signature, autograph=False).get_concrete_function()
    kinds, structure, numbers = found[-1]
    layer = max(map(_numbers_of_an_example, _results(traced.graph)), default=1)
    of_layers = max(_SMALLEST_OF_LAYERS, _NUMBERS_OF_A_LAYER // max(layer, 1))
    of_outputs = max(1, _NUMBERS_OF_OUTPUTS // max(numbers, 1))
    return Outputs(kinds, structure, min(of_layers, of_outputs, _LARGEST))


def _kinds(model: Any, outputs: Any) -> tuple[tuple[OutputKind, ...], Any, int]:
    """Return the kinds of outputs, their places in the nest, and how many numbers they have."""
    flat = leaves(outputs)
    places = iter(range(len(flat)))
    structure = _mapped(lambda _: next(places), outputs)
    names = _names(model, outputs, len(flat))
    kinds = tuple(map(_kind, range(len(flat)), names, flat))
    return kinds, structure, sum(_numbers_of_an_example(output) for output in flat)


def _names(model: Any, outputs: Any, count: int) -> list[str | None]:
    """Return the names of the outputs: those of a dictionary, or Keras's own."""
    if isinstance(outputs, dict):
        names = list(outputs)
    else:
        names = list(getattr(model, "output_names", None) or [])
    are_names = len(set(names)) == count and all(isinstance(name, str) for name in names)
    return names if are_names and len(names) == count else [None] * count


def _kind(place: int, name: str | None, output: Any) -> OutputKind:
    has_noise = is_distribution(output)
    if isinstance(output, tf.RaggedTensor):
        rule = "must have outputs of one shape for all examples"
        received = Described("a ragged tensor among the outputs")
        raise ArgumentError("model", rule, {"model": received})
    return OutputKind(
        place=place,
        name=name,
        is_distribution=has_noise,
        classes=_classes(output) if has_noise else None,
        count_of_classes=_count_of_classes(output) if has_noise else None,
        is_number_of_class=has_noise and is_number_of_class(output),
        width=_width(output),
    )


def is_distribution(output: Any) -> bool:
    """Whether a model's output is a distribution."""
    return hasattr(output, "log_prob")


def over_classes(distribution: Any) -> Any:
    """Return the distribution over classes that an output is, or consists of; else `None`."""
    # TensorFlow Probability is loaded where an output is a distribution, and not by this module.
    from tensorflow_probability import distributions as tfd

    from bayeslayers.backend import inner_distribution

    distribution = inner_distribution(distribution)
    while isinstance(distribution, tfd.Independent):
        distribution = distribution.distribution
    # Counts have a probability among their parameters, too.
    kinds = (tfd.Categorical, tfd.OneHotCategorical, tfd.Bernoulli)
    return distribution if isinstance(distribution, kinds) else None


def is_number_of_class(distribution: Any) -> bool:
    """Whether outcomes of a distribution are the numbers of classes."""
    from tensorflow_probability import distributions as tfd

    return isinstance(over_classes(distribution), tfd.Categorical)


def _classes(distribution: Any) -> str | None:
    """Say what a distribution over one class for each example was made from."""
    from tensorflow_probability import distributions as tfd

    made = over_classes(distribution)
    if made is None or made.batch_shape[1:].num_elements() != 1:
        return None
    # What has a single class decides nothing; a single column is that of the second of two.
    if not isinstance(made, tfd.Bernoulli) and parameter_of_classes(made).shape[-1] == 1:
        return None
    return "probabilities" if made.logits is None else "logits"


def _count_of_classes(distribution: Any) -> int | None:
    """Return how many numbers there are, from 0, that the outcome can be; where it is a class."""
    from tensorflow_probability import distributions as tfd

    made = over_classes(distribution)
    if isinstance(made, tfd.Bernoulli):
        return 2
    return int(parameter_of_classes(made).shape[-1]) if isinstance(made, tfd.Categorical) else None


def parameter_of_classes(over_classes: Any) -> Any:
    """Return the logits or the probabilities, as they were given: each loses some of the other."""
    from tensorflow_probability import distributions as tfd

    if over_classes.logits is not None:
        return over_classes.logits
    p = over_classes.probs
    # Those of several classes need not add up to 1.
    return p if isinstance(over_classes, tfd.Bernoulli) else p / tf.reduce_sum(p, -1, keepdims=True)


def _width(output: Any) -> int:
    """Return how many classes an output has numbers for, of which a single one stands for two."""
    numbers = output
    if is_distribution(output):
        made = over_classes(output)
        # Of other distributions, which have no classes, nothing is computed.
        numbers = None if made is None else parameter_of_classes(made)
    shape = tf.TensorShape(getattr(numbers, "shape", None))
    return 2 if not shape.rank or shape.rank == 1 else max(shape[-1] or 1, 2)


def _results(graph: Any) -> list[Any]:
    """Return what is computed in a graph for each example: what is of as many rows as inputs."""
    tensors = [tensor for operation in graph.get_operations() for tensor in operation.outputs]
    is_of_examples = [t.shape.rank is not None and t.shape.rank > 0 for t in tensors]
    found = [t for t, is_one in zip(tensors, is_of_examples, strict=True) if is_one]
    return [tensor for tensor in found if tensor.shape[0] is None]


def _numbers_of_an_example(output: Any) -> int:
    """Return how many numbers an output or a layer's result has for an example."""
    if is_distribution(output):
        shape = output.batch_shape + output.event_shape
    else:
        shape = tf.TensorShape(output.shape)
    # A size that is not known, as that of a sequence, counts for one.
    return 1 if shape.rank is None else math.prod(size or 1 for size in shape[1:])
