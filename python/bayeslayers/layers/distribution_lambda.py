"""A layer whose output is a distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from bayeslayers.contract import checks
from bayeslayers.distributions.makers import sample_posterior
from bayeslayers.distributions.symbolic import SymbolicDistribution
from bayeslayers.layers.seeded import SEED_OF_SAMPLES, SeededLayer

_FUNCTIONS = ("make_distribution_fn", "convert_to_tensor_fn")
_DETAILS = (
    "The output is a TensorFlow Probability distribution, with all its methods, and also a tensor "
    "to every Keras layer, loss and metric that it meets: by default a draw. The tensor is made "
    "when it is first needed, and stays the same for that output; the draw of the next call is a "
    "new one.",
    "A model that ends in this layer is trained with a loss function of the targets and the "
    "distribution, such as its negative log density: a function that is passed to `compile()` "
    "receives the distribution itself. `predict()` returns the tensors; for the distribution, call "
    "the model, or let `predict()` of a model without this layer return the parameters. Where "
    "shapes differ by a last axis of one, Keras makes targets and distribution agree.",
    "`make_distribution_fn` is called at every use, on the outputs of the layers before: it must "
    "take its parameters from them, or from constants, and has no trainable variables of its own.",
    "XLA, which `fit()` and `predict()` switch on by default on some devices, can't draw from some "
    "distributions, such as gamma and Poisson: take `Distribution.mean` to convert them, or "
    "compile the model with `jit_compile` off.",
)
_PYTHON_EXAMPLE = """\
>>> import keras
>>> from bayeslayers import layer_distribution_lambda, tfp
>>> tfd = tfp.distributions
>>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
>>> model = layer_distribution_lambda(
...     model, lambda t: tfd.Normal(t[..., :1], 1e-3 + keras.ops.softplus(t[..., 1:]))
... )
>>> model.compile("adam", loss=lambda y, rv: -rv.log_prob(y))
>>> history = model.fit(keras.ops.ones((32, 3)), keras.ops.ones((32, 1)), verbose=0)
>>> model(keras.ops.ones((32, 3))).mean().shape
TensorShape([32, 1])"""
_R_EXAMPLE = """\
keras <- reticulate::import("keras")
make_normal <- function(t) {
  t <- keras$ops$split(t, 2L, axis = -1L)
  tfp$distributions$Normal(t[[1]], keras$ops$softplus(t[[2]]) + 1e-3)
}
model <- keras$Sequential(list(keras$Input(list(3L)), keras$layers$Dense(2L))) |>
  layer_distribution_lambda(make_normal)
model$compile("adam", loss = function(y, rv) -tfd_log_prob(rv, y))
model$fit(array(1, c(32, 3)), array(1, c(32, 1)), verbose = 0L)
model(array(1, c(32, 3)))$mean()"""
_REFERENCE = (
    "Dillon, J. V., Langmore, I., Tran, D., Brevdo, E., Vasudevan, S., Moore, D., Patton, B., "
    "Alemi, A., Hoffman, M., and Saurous, R. A. (2017). TensorFlow Distributions. "
    "https://arxiv.org/abs/1711.10604"
)


def _distribution_arguments(
    make_distribution_fn: Callable[[Any], Any],
    convert_to_tensor_fn: str | Callable[[Any], Any] = sample_posterior,
    *,
    seed: int | None = None,
) -> None:
    """Stand for the layer's own arguments; only the signature is used."""


@keras.saving.register_keras_serializable("bayeslayers")
class DistributionLambda(SeededLayer):
    function_name = "layer_distribution_lambda"
    own_arguments = staticmethod(_distribution_arguments)

    @classmethod
    def documentation(cls) -> dict[str, Any]:
        """Return the parts of the layer's page that are its own."""
        return {
            "title": "Distribution as a layer's output",
            "formula": "y ~ p(y; x), where p is made from the inputs x",
            "details": _DETAILS,
            "reference": _REFERENCE,
            "own_prose": {"seed": SEED_OF_SAMPLES},
            "python_example": _PYTHON_EXAMPLE,
            "r_example": _R_EXAMPLE,
        }

    def _construct(self, **arguments: Any) -> None:
        make = checks.function(
            "make_distribution_fn", arguments.pop("make_distribution_fn"), optional=False
        )
        convert = checks.conversion("convert_to_tensor_fn", arguments.pop("convert_to_tensor_fn"))
        seed = arguments.pop("seed")
        self._construct_keras_layer(**arguments)
        self._construct_stream(seed)
        # Parameters of a distribution keep their precision under mixed precision.
        self.autocast = False
        self.make_distribution_fn = make
        self.convert_to_tensor_fn = convert

    def build(self, input_shape: Any) -> None:
        """Do nothing: the layer has no variables."""

    def call(self, inputs: Any) -> Any:
        """Return the distribution at these inputs."""
        # Slow to import: not before a distribution is needed.
        from bayeslayers.distributions.coercible import to_coercible

        distribution = self.make_distribution_fn(tree.map_structure(self._with_precision, inputs))
        checks.distribution("make_distribution_fn", distribution)
        checks.without_variables("make_distribution_fn", distribution)
        return to_coercible(distribution, self.stream, self.convert_to_tensor_fn)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Describe the outputs: a tensor, with the methods of a distribution."""
        tensor = super().compute_output_spec(inputs)
        return SymbolicDistribution(tensor, self.call, inputs)

    @classmethod
    def _function_names(cls) -> list[str]:
        return [*super()._function_names(), *_FUNCTIONS]

    def _with_precision(self, inputs: Any) -> Any:
        is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(inputs.dtype))
        return ops.cast(inputs, self.variable_dtype) if is_float else inputs
