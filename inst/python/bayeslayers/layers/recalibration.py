"""The layers that `recalibrate()` puts behind a model, with what it has found as their weight."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from bayeslayers.backend import inner_distribution, widened
from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.distribution_layer import DistributionLayer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.checks import class_names
from bayeslayers.distributions.symbolic import SymbolicDistribution, find_symbolic


class Recalibration(BaseLayer):
    """A layer with a positive number, above 1 where the model before it is too sure.

    It is no weight that is trained: `recalibrate()` sets it.
    """

    factor: keras.Variable

    def build(self, input_shape: Any) -> None:
        """Make the number: at 1, the layer changes nothing."""
        self.factor = self.add_weight(
            name="factor", shape=(), initializer="ones", trainable=False, autocast=False
        )


@keras.saving.register_keras_serializable("bayeslayers")
class RecalibratedClasses(Recalibration):
    """Divides logits of classes by a temperature, those behind probabilities, too.

    Args:
        outputs: "logits" or "probabilities", which come in and go out.
        **kwargs: Arguments of every Keras layer.
    """

    def __init__(self, outputs: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs = checks.choice("outputs", outputs, ("logits", "probabilities"))

    def call(self, inputs: Any) -> Any:
        """Return the outputs at the temperature."""
        factor = ops.cast(ops.convert_to_tensor(self.factor), inputs.dtype)
        if self.outputs == "logits":
            return inputs / factor
        # A single column, or none, is that of the second of two classes.
        if len(inputs.shape) == 1 or inputs.shape[-1] == 1:
            return ops.sigmoid((ops.log(inputs) - ops.log1p(-inputs)) / factor)
        return ops.softmax(ops.log(inputs) / factor)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; see `BaseLayer.get_config`."""
        return {**super().get_config(), "outputs": self.outputs}


@keras.saving.register_keras_serializable("bayeslayers")
class RecalibratedDistribution(DistributionLayer, Recalibration):
    """Multiplies the scale of a distribution by a number, or divides the logits of one by it."""

    families: ClassVar[str] = (
        "independent, multivariate or single normal, logistic, Laplace, Student-t, Cauchy or "
        "Gumbel numbers, or classes"
    )
    build = Recalibration.build

    def make_distribution(self, inputs: Any) -> Any:
        """Return the distribution with another spread."""
        inner = inner_distribution(inputs)
        found = widened(inner, ops.convert_to_tensor(self.factor))
        if found is None:
            rule = f"must end in a distribution with a scale or logits: {self.families}"
            received = Described(f"a distribution {class_names(inner)}")
            hint = "`conformal_interval()` takes every model of values."
            raise ArgumentError("model", rule, {"model": received}, hint)
        return found

    def call(self, inputs: Any) -> Any:
        """Return the distribution with another spread, which is a tensor wherever one is needed."""
        return self.coercible(self.make_distribution(inputs))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Describe the outputs: a tensor like the one that comes in, with a distribution's methods.

        Outside of a model that is put together, they are those of the call.
        """
        symbolic = find_symbolic(inputs)
        if symbolic is None:
            return super().compute_output_spec(inputs)

        def make(values: Any) -> Any:
            return self.call(symbolic.make(values))

        tensor = keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
        return SymbolicDistribution(tensor, make, symbolic.inputs)
