"""What a model returns: its outputs by name and place, and the kind of each."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bayeslayers import backend
from bayeslayers.architecture.walk import all_layers
from bayeslayers.backend import ClassDistribution
from bayeslayers.base_layers.model_draw import ModelDraw, drawing
from bayeslayers.compat import in_order_of_outputs
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.compiled import kept
from bayeslayers.predictive.dropout import dropping
from bayeslayers.predictive.mixtures import Cdf, Cdfs

# How many numbers what a layer returns for a batch may have, and how many what the model returns,
# of which all draws for a batch are held until they are summarised.
_LAYER_NUMBERS = 2**22
_OUTPUT_NUMBERS = 2**16
# The batch size goes below the smallest for the model's outputs alone.
_SMALLEST_BATCH, _LARGEST_BATCH = 32, 2**14


@dataclass(frozen=True)
class OutputKind:
    """One output of a model, and what is known of it before it is computed.

    Args:
        place: Its place among the outputs, from 0.
        name: Its name, where the model tells its outputs apart by names.
        is_distribution: Whether it is a distribution, not a tensor.
        classes: "logits" or "probabilities", which it was made from, where it is a distribution
            over one class for each example.
        count_of_classes: How many whole numbers from 0 an outcome can be, where it is 0 or 1, or
            the number of a class.
        is_number_of_class: Whether its outcomes are the numbers of classes, which have no order.
        width: How many classes it tells apart, if it is about classes: it has a number for each
            class, or a single number that stands for two classes.
        cdf: The cdf of its numbers, where it is a distribution that may have one.
        shape: The sizes of an example's numbers, `None` for those that are not known, or for all.
    """

    place: int
    name: str | None
    is_distribution: bool
    classes: str | None
    count_of_classes: int | None
    is_number_of_class: bool
    width: int
    cdf: Cdfs | None
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model.

    Args:
        kinds: What each is, in their order.
        structure: The nest that the model returns, with places in it.
        batch_size: For how many examples the model is computed at once, unless the caller says.
    """

    kinds: tuple[OutputKind, ...]
    structure: Any
    batch_size: int

    def packed(self, values: Sequence[Any]) -> Any:
        """Return the values, one for each output, in the nest that the model returns."""
        return _mapped(lambda place: values[place], self.structure)

    def select(self, output: Any) -> OutputKind:
        """Return the output of this name or place; with `None`, a model's only output."""
        if output is None and len(self.kinds) == 1:
            return self.kinds[0]
        is_key = isinstance(output, (str, numbers.Integral)) and not isinstance(output, bool)
        found = [kind for kind in self.kinds if is_key and output in (kind.place, kind.name)]
        if len(found) != 1:
            raise ArgumentError("output", self._rule(), {"output": output})
        return found[0]

    def target_of(self, output: OutputKind, y: Any) -> Any:
        """Return the targets of one output, out of those of all where `y` tells them apart."""
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
    """Return the names of outputs for the end of a sentence, behind a colon."""
    names = [f'"{kind.name}"' for kind in kinds if kind.name is not None]
    return f": {', '.join(names)}" if names else ""


def describe(model: Any, specification: Any) -> Outputs:
    """Return what a model returns for inputs of these specifications, without computing it."""
    return kept(model, ("outputs", str(specification)), lambda: _described(model, specification))


def call_under(
    model: Any, seed: Any, batch: Any, x: Any, *, dropout: bool = False
) -> tuple[Any, ModelDraw]:
    """Call a model under one draw of its weights, and return the draw as well."""
    layers = all_layers(model)
    draw = ModelDraw(seed, batch, layers, dropout=dropout)
    with drawing(draw), dropping(layers, draw):
        return in_order_of_outputs(model, model(x, training=False)), draw


def leaves(outputs: Any) -> list[Any]:
    """Return the outputs as a list; those of a dictionary come in its own order."""
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

    def call(seed: Any, x: Any) -> None:
        outputs, _ = call_under(model, seed, 0, x)
        found.append(_kinds(model, outputs))

    seed = backend.tensor_specification((2,), "int32")
    shapes = backend.result_shapes(call, [seed, specification])
    kinds, structure, numbers = found[-1]
    layer = max(map(_numbers_of_an_example, shapes), default=1)
    size_for_layers = max(_SMALLEST_BATCH, _LAYER_NUMBERS // max(layer, 1))
    size_for_outputs = max(1, _OUTPUT_NUMBERS // max(numbers, 1))
    return Outputs(kinds, structure, min(size_for_layers, size_for_outputs, _LARGEST_BATCH))


def _kinds(model: Any, outputs: Any) -> tuple[tuple[OutputKind, ...], Any, int]:
    """Return the kinds of outputs, their places in the nest, and their numbers for an example."""
    flat = leaves(outputs)
    places = iter(range(len(flat)))
    structure = _mapped(lambda _: next(places), outputs)
    names = _names(model, outputs, len(flat))
    kinds = tuple(map(_kind, range(len(flat)), names, flat))
    return kinds, structure, sum(map(_numbers_of_an_example, map(shape_of, flat)))


def _names(model: Any, outputs: Any, count: int) -> list[str | None]:
    """Return the names of the outputs: those of a dictionary, or Keras's own."""
    if isinstance(outputs, dict):
        names = list(outputs)
    else:
        names = list(getattr(model, "output_names", None) or [])
    are_names = len(set(names)) == count and all(isinstance(name, str) for name in names)
    return names if are_names and len(names) == count else [None] * count


def _kind(place: int, name: str | None, output: Any) -> OutputKind:
    if backend.is_ragged(output):
        rule = "must have outputs of one shape for all examples"
        received = Described("a ragged tensor among the outputs")
        raise ArgumentError("model", rule, {"model": received})
    has_noise = is_distribution(output)
    over_classes = backend.class_distribution(output) if has_noise else None
    sizes = _sizes(shape_of(output))
    kind = OutputKind(
        place=place,
        name=name,
        is_distribution=has_noise,
        classes=None,
        count_of_classes=None,
        is_number_of_class=False,
        width=2 if has_noise else _width(output),
        cdf=_cdf(output) if has_noise else None,
        shape=None if sizes is None else sizes[1:],
    )
    return kind if over_classes is None else _kind_over_classes(kind, over_classes)


def _cdf(output: Any) -> Cdfs | None:
    found = backend.marginal_cdf(output)
    return None if found is None else Cdfs([Cdf(found)])


def _kind_over_classes(kind: OutputKind, over_classes: ClassDistribution) -> OutputKind:
    """Return the kind of an output that is a distribution over classes."""
    batch = _sizes(over_classes.batch_shape)
    is_one = batch is not None and all(size == 1 for size in batch[1:])
    made_from = "logits" if over_classes.is_logits else "probabilities"
    has_numbers = over_classes.outcome != "columns"
    return dataclasses.replace(
        kind,
        # A single class decides nothing.
        classes=made_from if is_one and over_classes.count != 1 else None,
        count_of_classes=over_classes.count if has_numbers else None,
        is_number_of_class=over_classes.outcome == "numbers",
        width=_width(over_classes.given),
    )


def is_distribution(output: Any) -> bool:
    """Whether a model's output is a distribution."""
    return hasattr(output, "log_prob")


def shape_of(output: Any) -> Any:
    """Return the shape of an output: of a distribution, that of its outcomes."""
    return backend.draw_shape(output) if is_distribution(output) else output.shape


def _width(numbers: Any) -> int:
    """Return how many classes there are numbers for, where a single number stands for two."""
    sizes = _sizes(getattr(numbers, "shape", None))
    return 2 if not sizes or len(sizes) == 1 else max(sizes[-1] or 1, 2)


def _sizes(shape: Any) -> tuple[int | None, ...] | None:
    """Return a shape's sizes, `None` for those that are not known, or for all of them."""
    return None if getattr(shape, "rank", shape) is None else tuple(shape)


def _numbers_of_an_example(shape: Any) -> int:
    """Return how many numbers there are for an example in a tensor of this shape."""
    sizes = _sizes(shape)
    # A size that is not known, as that of a sequence, counts for one.
    return 1 if sizes is None else math.prod(size or 1 for size in sizes[1:])
