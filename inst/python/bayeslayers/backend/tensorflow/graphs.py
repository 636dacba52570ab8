"""Functions that call a model: compiled, mapped over draws, and traced for the shapes in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(
    function: Callable[..., Any], specifications: list[Any], model: Callable[[], Any]
) -> Callable[..., Any]:
    """Return a function that is compiled once for all arguments of these specifications.

    Args:
        function: An object of its own each time: of functions that share their code TensorFlow
            counts the traces together, and warns.
        specifications: The specifications of its arguments.
        model: Returns the model that it calls, whose variables a graph reads whenever it runs.
    """
    del model
    return tf.function(function, input_signature=specifications, autograph=False)


def map_draws(function: Callable[[Any], Any], seeds: Any) -> Any:
    """Return what a function makes of each seed, one after the other: (draws, ...) each.

    Args:
        function: Takes a seed, a tensor of int32, and returns a tuple or a dictionary of tensors.
        seeds: Tensor of int32, (draws, numbers of a seed).
    """

    def tensors(seed: Any) -> Any:
        return tf.nest.map_structure(tf.convert_to_tensor, function(seed))

    # A loop must know the dtypes of its results before it starts, and they are known when the
    # function has been traced.
    signature = [tf.TensorSpec(seeds.shape[1:], tf.int32)]
    traced = tf.function(tensors, input_signature=signature, autograph=False)
    traced = traced.get_concrete_function()
    dtypes = tf.nest.map_structure(lambda tensor: tensor.dtype, traced.structured_outputs)
    return tf.map_fn(traced, seeds, fn_output_signature=dtypes)


def result_shapes(
    function: Callable[..., Any], specifications: list[Any]
) -> list[tuple[int | None, ...]]:
    """Return the shapes of all that a function would compute for each example.

    Args:
        function: Is called once, with symbolic tensors. What it returns is not looked at.
        specifications: The specifications of its arguments, of any number of examples.

    Returns:
        Shapes whose first size is the number of examples, `None`.
    """

    def call(*args: Any) -> None:
        function(*args)

    traced = tf.function(call, input_signature=specifications, autograph=False)
    operations = traced.get_concrete_function().graph.get_operations()
    shapes = [tensor.shape for operation in operations for tensor in operation.outputs]
    known = [tuple(shape) for shape in shapes if shape.rank]
    return [shape for shape in known if shape[0] is None]


def of_any_size(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns, which knows no sizes where there are none."""
    return function(*args)


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
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(values)
        outputs = function(values)

    def pull(upstream: Any) -> list[Any]:
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(outputs, values, upstream, unconnected_gradients=zero)

    return outputs, pull
