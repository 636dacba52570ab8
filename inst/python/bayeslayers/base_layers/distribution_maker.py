"""Calls a user's posterior or prior function, and keeps its variables for all later calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, ValuesView
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import foreign_variables, native_dtype, native_variable
from bayeslayers.base_layers.keras_objects import as_constraint, as_regularizer, freshly_seeded
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions import checks
from bayeslayers.distributions.correlated_posteriors import CorrelatedMaker
from bayeslayers.distributions.fixed_priors import default_multivariate_normal_fn
from bayeslayers.distributions.makers import MeanFieldNormal
from bayeslayers.distributions.priors import EstimatedPrior, NormalPrior

_MAKER_ARGUMENTS = ("dtype", "shape", "name", "trainable", "add_variable_fn")


class DistributionMaker:
    """A posterior or prior function of a caller, bound to the variables it asked for.

    The function is called again for each use, and is handed the variables of the first call. So
    its distribution always follows the current values, even where the function computes a scale
    from a variable on the spot; kept from the first call, such a scale would never train.

    Args:
        argument: Name of the argument that the function came by.
        function: Called as `fn(dtype, shape, name, trainable, add_variable_fn)`.
        name: Beginning of the variables' names.
    """

    def __init__(self, argument: str, function: Callable[..., Any], name: str) -> None:
        self.argument = argument
        self.function = function
        self.name = name
        # A subclass may make another distribution of the same variables.
        self.is_mean_field = type(function) is MeanFieldNormal
        self.fixed_normal = _fixed_normal(function)
        self.is_correlated = isinstance(function, CorrelatedMaker)
        self.is_estimated = isinstance(function, EstimatedPrior)
        self._location = f"{name}_loc"
        self._untransformed_scale = f"{name}_untransformed_scale"
        self._variables: dict[str, keras.Variable] = {}
        self._built = False

    def build(
        self, layer: keras.Layer, shape: tuple[int, ...], seed: int, start: np.ndarray | None = None
    ) -> None:
        """Call the function for the first time, and let it add variables to the layer.

        Args:
            layer: The layer that the variables belong to.
            shape: The shape of the weight.
            seed: What the initial values follow from.
            start: What is added to the initial value of the location, of the weight's shape.
        """
        self._layer, self._shape, self._seed, self._start = layer, tuple(shape), seed, start
        # Our own functions are not checked: a check would import a library of distributions, which
        # takes seconds and some 50 MB, and a layer with all defaults does not need it.
        if self.is_mean_field:
            self.parameters()
        elif self.fixed_normal is None:
            self._check()
        self._built = True

    def make(self, dtype: str | None = None) -> Any:
        """Return the distribution at the variables' current values.

        Args:
            dtype: The dtype of one without variables. `None`: that of the layer's variables.
        """
        return self._call(self.function, dtype)

    def parameters(self) -> tuple[Any, Any]:
        """Return mean and untransformed scale, where the function is our own."""
        assert isinstance(self.function, MeanFieldNormal)
        if not self._built:
            return self._call(self.function.parameters)
        # Read without a call of the function, which would make initializers. Where steps are not
        # compiled, as on PyTorch, that takes time.
        loc = native_variable(self._variables[self._location])
        scale = self._variables.get(self._untransformed_scale)
        return loc, None if scale is None else native_variable(scale)

    @property
    def variables(self) -> ValuesView[keras.Variable]:
        """The variables that the function has asked for: more may come while it runs."""
        return self._variables.values()

    def move(self, by: np.ndarray) -> None:
        """Add to the location, where there is one."""
        if self.location is not None:
            self.location.assign_add(by)

    def assign_if_present(self, parameter: str, value: Any) -> None:
        """Set the variable that is this parameter, such as "loc", if there is one."""
        variable = self._variable(parameter)
        if variable is not None:
            variable.assign(value)

    @property
    def location(self) -> keras.Variable | None:
        """The variable that is the location, if there is one."""
        return self._variable("loc")

    def _variable(self, parameter: str) -> keras.Variable | None:
        """Return the variable that is a parameter by its name and its shape, if there is one."""
        variable = self._variables.get(f"{self.name}_{parameter}")
        # A mean that all entries of a weight share has another shape.
        has_shape = variable is not None and tuple(variable.shape) == self._shape
        return variable if has_shape else None

    def _call(self, function: Callable[..., Any], dtype: str | None = None) -> Any:
        dtype = native_dtype(dtype or self._layer.variable_dtype)
        self._unnamed = 0
        try:
            # Always trainable: a layer that is not trainable freezes all its variables, until it is
            # made trainable.
            return function(dtype, self._shape, self.name, True, self._add_variable)
        except TypeError as error:
            self._refuse_other_arguments(error)
            raise

    def _add_variable(
        self,
        name: str | None = None,
        shape: Any = (),
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        trainable: bool = True,
    ) -> Any:
        """What the function is handed as `add_variable_fn`."""
        if name is None:
            name = f"{self.name}_{self._unnamed}"
            self._unnamed += 1
        if name not in self._variables:
            self._refuse_late(name)
            shape = tuple(int(size) for size in shape)
            initializer = freshly_seeded(initializer, self._seed, name)
            if self._start is not None and name == self._location and shape == self._shape:
                initializer = _shifted(initializer, self._start)
            self._variables[name] = self._layer.add_weight(
                name=name,
                shape=shape,
                dtype=keras.backend.standardize_dtype(dtype or self._layer.variable_dtype),
                initializer=initializer,
                regularizer=as_regularizer(regularizer, dtype or self._layer.variable_dtype),
                constraint=as_constraint(constraint),
                trainable=bool(trainable),
                # Parameters of a distribution keep their precision under mixed precision.
                autocast=False,
            )
        return native_variable(self._variables[name])

    def _refuse_other_arguments(self, error: TypeError) -> None:
        """Raise an error that says so if the function does not take the contract's arguments.

        They are handed over by position: a partial function must leave each of them open.
        """
        try:
            inspect.signature(self.function).bind(*_MAKER_ARGUMENTS)
        except TypeError:
            rule = (
                f"must be a function of `({', '.join(_MAKER_ARGUMENTS)})`, which come by position"
            )
            is_fixed = getattr(self.function, "func", None) is default_multivariate_normal_fn
            hint = (
                "A prior whose parameters are trained is `tfp.layers.util.trainable_normal_fn()`."
            )
            received = {self.argument: self.function}
            raise ArgumentError(
                self.argument, rule, received, hint if is_fixed else None
            ) from error

    def _refuse_late(self, name: str) -> None:
        if self._built:
            rule = "must ask for the same variables whenever it is called"
            received = {self.argument: Described(f"a request for the new variable {name!r}")}
            raise ArgumentError(self.argument, rule, received)

    def _check(self) -> None:
        # The function may add variables to the layer's while it runs: they are looked up then. So
        # are those that a derived layer has besides.
        known = (variable for layer in (self._layer,) for variable in layer.variables)
        distribution, foreign = foreign_variables(self.make, known)
        checks.distribution(self.argument, distribution)
        if foreign:
            rule = "must make its variables with `add_variable_fn`, or they would not be trained"
            received = {self.argument: Described(f"a distribution on the variables {foreign}")}
            raise ArgumentError(self.argument, rule, received)


def _fixed_normal(function: Callable[..., Any]) -> tuple[float, float] | None:
    """Return mean and scale of the normal prior that a function of ours makes, or `None`."""
    if function is default_multivariate_normal_fn:
        return 0.0, 1.0
    # A subclass may make another distribution.
    if type(function) is NormalPrior:
        return function.loc, function.scale
    return None


def _shifted(initializer: Callable[..., Any], start: np.ndarray) -> Callable[..., Any]:
    """Return the initializer whose values are larger by `start`."""

    def initialize(shape: Any, dtype: Any = None) -> Any:
        value = ops.convert_to_tensor(initializer(shape, dtype=dtype), dtype)
        return value + ops.convert_to_tensor(start, dtype)

    return initialize
