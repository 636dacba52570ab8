"""Functions that call a model: compiled, mapped over draws, and traced for the shapes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

from bayeslayers.backend.common import RecordingScope
from bayeslayers.backend.jax.inputs import Specification

# Stands for the number of examples where shapes are looked for: a prime, which no other size has,
# times a number that devices can share it by.
_EXAMPLES = 64 * 1009


def compiled(
    function: Callable[..., Any], specifications: list[Any], model: Callable[[], Any]
) -> Callable[..., Any]:
    """Return a function that is compiled once for all arguments of one shape.

    Args:
        function: The function. What it would change of the model's state is left out.
        specifications: The specifications of its arguments.
        model: Returns the model that it calls, whose variables the compiled function is handed
            whenever it runs.
    """
    del specifications
    # Variables of layers that Keras does not know of; they, too, are to be followed.
    others: list[keras.Variable] = []

    def variables() -> list[keras.Variable]:
        return [*model().variables, *others]

    @jax.jit
    def run(values: list[Any], args: tuple[Any, ...]) -> Any:
        found = variables()
        with RecordingScope(zip(found, values, strict=True)) as scope:
            outputs = function(*args)
        known = {id(variable) for variable in found}
        others.extend(variable for variable in scope.read if id(variable) not in known)
        return outputs

    def call(*args: Any) -> Any:
        while True:
            found = variables()
            outputs = run([variable.value for variable in found], args)
            if len(variables()) == len(found):
                return outputs

    return call


def map_draws(function: Callable[[Any], Any], seeds: Any) -> Any:
    """Return what a function makes of each seed, one after the other: (draws, ...) each.

    Args:
        function: Takes a seed, a tensor of two whole numbers, and returns a tuple or a dictionary
            of tensors.
        seeds: Tensor of whole numbers, (draws, 2).
    """

    def tensors(seed: Any) -> Any:
        # What the function changes of the model's state ends with the draw.
        with RecordingScope():
            return jax.tree.map(keras.ops.convert_to_tensor, function(seed))

    return jax.lax.map(tensors, seeds)


def result_shapes(
    function: Callable[..., Any], specifications: list[Any]
) -> list[tuple[int | None, ...]]:
    """Return the shapes of all that a function would compute for each example.

    Args:
        function: Is called once, with abstract tensors. What it returns is not looked at.
        specifications: The specifications of its arguments, of any number of examples.

    Returns:
        Shapes whose first size is the number of examples, `None`.
    """

    def call(*args: Any) -> None:
        with RecordingScope():
            function(*args)

    args = keras.tree.map_structure(_abstract, specifications)
    traced = jax.make_jaxpr(call)(*args)
    shapes = [variable.aval.shape for variable in _results(traced.jaxpr)]
    return [_of_example(shape) for shape in shapes if shape and shape[0] % _EXAMPLES == 0]


def _abstract(specification: Specification) -> Any:
    """Return an argument to trace a function with."""
    first, *rest = specification.shape or (1,)
    shape = [_EXAMPLES if first is None else first, *(size or 1 for size in rest)]
    shape = shape if specification.shape else []
    if not specification.is_sparse:
        return jax.ShapeDtypeStruct(tuple(shape), specification.dtype)
    entries = jax.ShapeDtypeStruct((_EXAMPLES,), specification.dtype)
    indices = jax.ShapeDtypeStruct((_EXAMPLES, len(shape)), np.dtype("int32"))
    # Its constructor takes arrays alone.
    return jax.eval_shape(
        lambda *arrays: jax.experimental.sparse.BCOO(arrays, shape=tuple(shape)), entries, indices
    )


def _of_example(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return a shape with `None` for the number of examples; there may be several rows of each."""
    rows = shape[0] // _EXAMPLES
    return (None, *([rows] if rows > 1 else []), *shape[1:])


def _results(jaxpr: Any) -> Iterator[Any]:
    """Go through the results of all operations, those inside of others among them."""
    for equation in jaxpr.eqns:
        yield from equation.outvars
        for inner in jax.core.jaxprs_in_params(equation.params):
            yield from _results(inner)
