"""Functions that call a model: compiled, mapped over draws, and traced for the shapes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from bayeslayers.backend.common import RecordingScope
from bayeslayers.backend.jax.inputs import Specification

# Stands for the number of examples where shapes are looked for: a prime, which no other size has,
# times a number that devices can share it by.
_EXAMPLES = 64 * 1009
# Stands for it where one output's shape is looked for, which sizes are compared with others of.
_FEW_EXAMPLES = 83


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
        function: Takes a seed, a tensor of whole numbers, and returns a tuple or a dictionary of
            tensors.
        seeds: Tensor of whole numbers, (draws, numbers of a seed).
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
        for parameter in equation.params.values():
            for part in parameter if isinstance(parameter, (list, tuple)) else [parameter]:
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    yield from _results(inner)


def of_any_size(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns; zeros of its shape where sizes are not known.

    Keras asks what a layer returns for any number of examples, and hands over a symbol for their
    number, of which TensorFlow Probability can make no distribution. So the function is traced for
    numbers in the symbol's place: what they change are sizes that follow from it.

    Args:
        function: A function of tensors that returns a tensor, or a distribution that stands for
            one.
        args: Its arguments: tensors, or structures of them.
    """
    leaves = jax.tree.leaves(args)
    symbols = list({str(n): n for leaf in leaves for n in leaf.shape if _is_symbol(n)}.values())
    if not symbols:
        return function(*args)
    numbers = dict.fromkeys(map(str, symbols), _FEW_EXAMPLES)
    result = _traced(function, args, numbers)
    shape = list(result.shape)
    for symbol in symbols:
        more = _traced(function, args, {**numbers, str(symbol): _FEW_EXAMPLES + 1})
        for axis, (size, larger) in enumerate(zip(result.shape, more.shape, strict=True)):
            shape[axis] += (larger - size) * (symbol - _FEW_EXAMPLES)
    return jnp.zeros(shape, result.dtype)


def _is_symbol(size: Any) -> bool:
    return jax.export.is_symbolic_dim(size)


def _traced(function: Callable[..., Any], args: Any, numbers: dict[str, int]) -> Any:
    """Return shape and dtype of what a function returns, with numbers in the place of symbols."""

    def with_numbers(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct([numbers.get(str(n), n) for n in leaf.shape], leaf.dtype)

    def call(*args: Any) -> Any:
        # What the function changes of the model's state ends here.
        with RecordingScope():
            return jnp.asarray(function(*args))

    return jax.eval_shape(call, *jax.tree.map(with_numbers, args))


def pullback(
    function: Callable[[list[Any]], Any], values: list[Any]
) -> tuple[Any, Callable[[Any], list[Any]]]:
    """Return what a function makes of tensors, and what takes gradients back to them.

    Args:
        function: Takes the list of tensors, and returns a tensor.
        values: Tensors of floats.

    Returns:
        The tensor, and a function of a tensor of its shape, the gradient with respect to it, that
        returns the gradients with respect to the values, as often as it is called.
    """
    outputs, pull_back = jax.vjp(function, values)

    def pull(upstream: Any) -> list[Any]:
        return pull_back(upstream)[0]

    return outputs, pull
