"""The base class of the layers whose output is a distribution."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import keras
from keras import ops, tree

from bayeslayers.backend import native_dtype, of_any_size, to_coercible
from bayeslayers.base_layers.stochastic_layer import StochasticLayer
from bayeslayers.compat import divides_penalties
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.distributions import checks as distribution_checks
from bayeslayers.distributions.defaults import sample_posterior
from bayeslayers.distributions.symbolic import SymbolicDistribution

EVENT_SHAPE = (
    "Positive whole number, or a list of them, which may be empty: the shape of one outcome."
)
"""The argument `event_shape` of a layer whose output is a distribution."""


class DistributionLayer(StochasticLayer):
    """A layer whose output is a distribution, and a tensor wherever one is needed.

    A subclass makes the distribution of the inputs, and names those of its arguments that are not
    functions.
    """

    family_arguments: ClassVar[tuple[str, ...]] = ()
    """The names of its own arguments that are not functions, which are also its attributes."""
    too_narrow: ClassVar[tuple[str, ...]] = ()
    """Dtypes in which a backend can't compute the distribution: it is then in single precision."""
    argument_prose = MappingProxyType(
        {
            "seed": (
                "Whole number from which the layer draws all its samples. With `None` it is drawn "
                "from the generator that `keras.utils.set_random_seed()` sets. A file keeps the "
                "state of the layer's stream, so two models loaded from one file draw the same "
                "samples: see `reseed()`."
            ),
            "activity_regularizer": (
                "Keras regularizer, its name, or a function of the distribution that returns a "
                "number: a penalty, which Keras divides by the number of rows and adds to the "
                "losses. With `None` there is none."
            ),
            "dtype": (
                'Keras dtype or dtype policy, such as "float32". Under a mixed policy the '
                "parameters of the distribution keep the higher precision."
            ),
        }
    )

    def __init__(
        self,
        *,
        convert_to_tensor_fn: str | Callable[[Any], Any] = sample_posterior,
        **kwargs: Any,
    ) -> None:
        # Checked first: a layer that is refused takes none of Keras's automatic names.
        convert = distribution_checks.conversion("convert_to_tensor_fn", convert_to_tensor_fn)
        super().__init__(**kwargs)
        self.convert_to_tensor_fn = convert
        # Keras tracks the variables of a layer inside a layer, but not of one inside a regularizer.
        prior = getattr(self.activity_regularizer, "distribution_b", None)
        self._prior = prior if isinstance(prior, keras.Layer) else None
        # Parameters of a distribution keep their precision under mixed precision.
        self.autocast = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer: what its regularizer returns is divided by the number of rows."""
        regularizer = self.activity_regularizer
        if regularizer is None or divides_penalties():
            return super().__call__(*args, **kwargs)
        self.activity_regularizer = partial(_penalty_by_row, regularizer)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            self.activity_regularizer = regularizer

    @abstractmethod
    def make_distribution(self, inputs: Any) -> Any:
        """Return the distribution at these inputs, which are of the dtype of parameters."""

    @property
    def parameter_dtype(self) -> str:
        """The dtype of the parameters: that of variables, unless that is too narrow."""
        return "float32" if self.variable_dtype in self.too_narrow else self.variable_dtype

    def build(self, input_shape: Any) -> None:
        """Do nothing: the layer has no variables."""

    def call(self, inputs: Any) -> Any:
        """Return the distribution at these inputs."""
        return of_any_size(self._distribution_at, inputs)

    def _distribution_at(self, inputs: Any) -> Any:
        return self.coercible(
            self.make_distribution(tree.map_structure(self._with_precision, inputs))
        )

    def coercible(self, distribution: Any) -> Any:
        """Return a distribution as the layer's output, which is a tensor wherever one is needed."""
        convert = self.convert_to_tensor_fn
        to_tensor = None if convert is sample_posterior else convert
        if convert in distribution_checks.PARAMETERS:
            to_tensor = partial(distribution_checks.parameter_of, name=convert)
        return to_coercible(distribution, self.stream_of_outputs, to_tensor)

    def compute_output_spec(self, inputs: Any) -> SymbolicDistribution:
        """Describe the outputs: a tensor, with the methods of a distribution."""
        tensor = super().compute_output_spec(inputs)
        return SymbolicDistribution(tensor, self.call, inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        own = {name: getattr(self, name) for name in self.family_arguments}
        return {**super().get_config(), **own}

    @classmethod
    def _function_arguments(cls) -> list[str]:
        return [*super()._function_arguments(), "convert_to_tensor_fn"]

    def _with_precision(self, inputs: Any) -> Any:
        is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(inputs.dtype))
        return ops.cast(inputs, self.parameter_dtype) if is_float else inputs


def _penalty_by_row(regularizer: Callable[[Any], Any], outputs: Any) -> Any:
    """Return a penalty divided by the number of rows, as later versions of Keras divide it."""
    penalty = ops.convert_to_tensor(regularizer(outputs))
    if len(outputs.shape) == 0:
        return penalty
    return ops.divide_no_nan(penalty, ops.cast(ops.shape(outputs)[0], penalty.dtype))


class ParametricLayer(DistributionLayer):
    """A layer that makes a distribution of one family from its inputs, which are the parameters.

    A subclass says how many parameters it takes, and makes the distribution.
    """

    argument_prose = MappingProxyType(
        {
            "validate_args": (
                "`True` or `False`: whether the distribution checks the parameters and the values "
                "that it is given."
            ),
        }
    )
    page_notes: ClassVar[tuple[str, ...]] = (
        "The output is a distribution, and a tensor wherever one is needed, by default a draw: see "
        "`layer_distribution_lambda()`.",
    )
    """Paragraphs at the end of the page of each such layer."""

    def __init__(
        self,
        convert_to_tensor_fn: str | Callable[[Any], Any] = sample_posterior,
        validate_args: bool = False,
        **kwargs: Any,
    ) -> None:
        is_validated = checks.boolean("validate_args", validate_args)
        super().__init__(convert_to_tensor_fn=convert_to_tensor_fn, **kwargs)
        self.validate_args = is_validated

    @property
    @abstractmethod
    def count(self) -> int | None:
        """How many parameters come in, in the last dimension; `None` where that is not known."""

    @abstractmethod
    def make_of_parameters(self, parameters: Any) -> Any:
        """Return the distribution of parameters of shape (..., count)."""

    def make_distribution(self, inputs: Any) -> Any:
        """See `DistributionLayer.make_distribution`."""
        found = inputs.shape[-1] if len(inputs.shape) > 0 else 0
        if self.count is not None and found not in (None, self.count):
            rule = (
                f"must have the {self.count} parameters of the distribution in its last dimension"
            )
            raise ArgumentError("inputs", rule, {"shape": tuple(inputs.shape)})
        return self.make_of_parameters(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "validate_args": self.validate_args}


class ParametricLayerOfDraws(ParametricLayer):
    """A layer that makes the distribution of a family whose draws may be of any dtype."""

    page_notes: ClassVar[tuple[str, ...]] = (
        'With "mean" as `convert_to_tensor_fn` the tensor holds the probabilities.',
    )

    def __init__(
        self,
        convert_to_tensor_fn: str | Callable[[Any], Any] = sample_posterior,
        sample_dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        dtype = distribution_checks.dtype("sample_dtype", sample_dtype)
        super().__init__(convert_to_tensor_fn=convert_to_tensor_fn, **kwargs)
        self.sample_dtype = dtype

    @property
    def dtype_of_draws(self) -> Any:
        """The framework's own dtype of the draws: by default that of the parameters."""
        return native_dtype(self.sample_dtype or self.variable_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "sample_dtype": self.sample_dtype}
