"""The stand-in for a distribution while a model is being put together."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from bayeslayers.backend import distribution_method, method_of, of_any_size
from bayeslayers.compat import operation_behind
from bayeslayers.contract.errors import ArgumentError

# The methods of distributions that return a tensor, with what they take besides whole numbers.
_METHODS = {
    **dict.fromkeys(("mean", "mode", "stddev", "variance", "covariance", "entropy", "sample"), ""),
    **dict.fromkeys(("log_prob", "prob", "log_cdf", "cdf"), "value"),
    **dict.fromkeys(("log_survival_function", "survival_function", "quantile"), "value"),
    **dict.fromkeys(("kl_divergence", "cross_entropy"), "other"),
}


class SymbolicDistribution(keras.KerasTensor):
    """The output of a layer whose calls return a distribution, in the functional API.

    It is what Keras knows of the tensor that the distribution stands for, and has the methods of
    the distribution that return a tensor: each adds a layer to the model that will call the method.

    Args:
        tensor: Shape and dtype of the tensor that the distribution stands for.
        make: Returns the distribution. What a method will return is inferred from it.
        inputs: The symbolic tensors that `make` is a function of.
    """

    def __init__(self, tensor: keras.KerasTensor, make: Callable[[Any], Any], inputs: Any) -> None:
        super().__init__(tensor.shape, dtype=tensor.dtype)
        self.make = make
        self.inputs = inputs

    def __getattr__(self, name: str) -> Any:
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        if not name.startswith("_"):
            message = (
                f"Before a model is called, its distributions have no `{name}`, but "
                f"{', '.join(f'`{method}()`' for method in _METHODS)}. Take what else you need in "
                "a function of the distribution that is passed as `convert_to_tensor_fn`."
            )
        raise AttributeError(message)


def _method(name: str) -> Callable[..., Any]:
    def method(self: SymbolicDistribution, *args: Any, **kwargs: Any) -> Any:
        return ask(self, name, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Add a layer that returns what `{name}()` of the distribution returns."
    return method


for _name in _METHODS:
    setattr(SymbolicDistribution, _name, _method(_name))


@keras.saving.register_keras_serializable("bayeslayers")
class DistributionMethod(keras.Layer):
    """Calls a method of the distribution that comes in.

    Args:
        method: Name of the method.
        arguments: Its arguments that are no tensors, by name.
    """

    def __init__(self, method: str, arguments: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if method not in _METHODS:
            rule = f"must be one of {', '.join(_METHODS)}"
            raise ArgumentError("method", rule, {"method": method})
        # A cast would make a tensor of the distribution.
        super().__init__(autocast=False, **kwargs)
        self.method = method
        self.arguments = arguments or {}

    def build(self, *input_shapes: Any) -> None:
        """Do nothing: the layer has no variables."""

    def call(self, distribution: Any, operand: Any = None) -> Any:
        """Return what the method returns, of the distribution and what else it takes."""
        operands = {} if operand is None else {_METHODS[self.method]: operand}
        method = method_of(distribution, self.method)
        return ops.convert_to_tensor(method(**operands, **self.arguments))

    def compute_output_spec(self, distribution: Any, operand: Any = None) -> keras.KerasTensor:
        """Describe the outputs, by what the method returns in a graph that is thrown away."""
        symbolic = _checked("distribution", distribution)
        make_operand, operand_inputs = (lambda value: value), operand
        if _METHODS[self.method] == "other":
            other = _checked("other", operand)
            make_operand, operand_inputs = other.make, other.inputs

        def call(inputs: Any, operand: Any) -> Any:
            return self.call(symbolic.make(inputs), make_operand(operand))

        inferred = _Inferred(lambda *inputs: of_any_size(call, *inputs))
        try:
            return inferred.compute_output_spec(symbolic.inputs, operand_inputs)
        except NotImplementedError as error:
            message = f"There is no `{self.method}()` of this distribution."
            raise NotImplementedError(message) from error

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "method": self.method, "arguments": self.arguments}


class _Inferred(keras.Operation):
    """A function of symbolic tensors, of whose results Keras infers shape and dtype."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function

    def call(self, *args: Any) -> Any:
        """Return what the function returns."""
        return self._function(*args)


def find_symbolic(tensor: Any) -> SymbolicDistribution | None:
    """Return what stands for the distribution that a symbolic tensor will be, if it will be one."""
    if isinstance(tensor, SymbolicDistribution):
        return tensor
    # Keras describes the outputs of a model within a model by their shapes alone.
    operation, place = operation_behind(tensor) or (None, 0)
    return find_symbolic(operation.outputs[place]) if isinstance(operation, keras.Model) else None


def _checked(argument: str, tensor: Any) -> SymbolicDistribution:
    found = find_symbolic(tensor)
    if found is None:
        rule = "must be the output of a layer that returns a distribution, before a model is called"
        hint = "A divergence from a distribution that is fixed can be an `activity_regularizer`."
        raise ArgumentError(
            argument, rule, {argument: tensor}, hint if argument == "other" else None
        )
    return found


def ask(distribution: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    """Add a layer that calls a method of what a symbolic tensor will be.

    Raises:
        ArgumentError: If it will not be a distribution.
    """
    _checked("distribution", distribution)
    of_all = distribution_method(method)
    assert of_all is not None  # of all names in `_METHODS`
    signature = inspect.signature(of_all)
    bound = signature.bind(distribution, *args, **kwargs).arguments
    arguments = {**bound, **bound.pop("kwargs", {})}
    operands = [arguments.pop("self")]
    operand = _METHODS[method]
    if operand in arguments:
        operands.append(_operand(operand, arguments.pop(operand), distribution))
    return DistributionMethod(method, arguments)(*operands)


def _operand(name: str, value: Any, distribution: Any) -> Any:
    if name == "other":
        _checked(name, value)
    if keras.utils.is_keras_tensor(value) or ops.is_tensor(value):
        return value
    is_float = keras.backend.is_float_dtype(distribution.dtype)
    return ops.convert_to_tensor(value, dtype=distribution.dtype if is_float else None)
