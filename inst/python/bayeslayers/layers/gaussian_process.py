"""A layer whose output is a Gaussian process at the inputs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from bayeslayers.backend import (
    computed_from,
    distribution_library,
    has_values,
    native_variable,
    softplus,
)
from bayeslayers.base_layers.distribution_layer import EVENT_SHAPE, DistributionLayer
from bayeslayers.base_layers.publishing import public_layer
from bayeslayers.compat import without_autocast
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import layer_function

# The values before training, as in TensorFlow Probability: the variance of the noise is
# softplus(-10), and the posterior is almost a point.
_UNCONSTRAINED_NOISE = -10.0
_POSTERIOR_SCALE = 1e-5


@public_layer
class VariationalGaussianProcess(DistributionLayer):
    """Sparse Gaussian process as a layer's output.

        y = f(inputs) + noise, f ~ GP(mean_fn, kernel), noise ~ Normal(0, sqrt(softplus(v))),
        f(z) ~ Normal(m, S S')
        variational_loss(y) = -E[log p(y | f)] + kl_weight KL(f(z) || p(f(z)))

    Take it as the last layer of a regression whose uncertainty is to grow away from the data.

    The process f has the mean `mean_fn` and the covariance `kernel`. It is described by its values
    f(z) at `num_inducing_points` inducing points z, whose normal posterior has the mean m and the
    covariance S S'. So the time of a training step grows with the cube of the number of inducing
    points, and not with that of the training data. z, m, S and v are trainable variables.

    The output is the joint distribution of all rows of a batch, of shape (rows, event_shape). Train
    with its method `variational_loss()` of the targets: the sum over the rows of a batch. Set
    `kl_weight` to the number of rows in a batch over the number of rows in the training set.

    `kernel_provider` is a Keras layer with a property `kernel`, which returns a kernel of
    TensorFlow Probability made of the layer's variables. These variables are trained and saved with
    this layer.

    In single precision, draws can be NaN where inputs lie close together for the kernel: raise
    `jitter` to 1e-4, or give the kernel's layer the dtype "float64", which this layer follows. A
    warning says so, but not within a function that is compiled, such as `predict()`.

    The layer needs TensorFlow Probability, which runs on TensorFlow and on JAX. On PyTorch it
    raises an error that says so.

    Args:
        name: Name of the layer, without "/". With `None` Keras makes one.

    Example:
        >>> import keras
        >>> from bayeslayers import layer_variational_gaussian_process, tfp
        >>> class Kernel(keras.Layer):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.amplitude = self.add_weight(name="amplitude", initializer="zeros")
        ...     @property
        ...     def kernel(self):
        ...         amplitude = keras.ops.softplus(self.amplitude)
        ...         return tfp.math.psd_kernels.ExponentiatedQuadratic(amplitude)
        >>> model = keras.Sequential([keras.Input((2,))])
        >>> model = layer_variational_gaussian_process(model, 5, Kernel())
        >>> model.compile("adam", loss=lambda y, rv: rv.variational_loss(y, kl_weight=32 / 320))
        >>> history = model.fit(keras.ops.ones((32, 2)), keras.ops.ones((32, 1)), verbose=0)
        >>> model(keras.ops.ones((32, 2))).mean().shape
        TensorShape([32, 1])

    R example:
        library(keras3)
        Kernel <- reticulate::PyClass("Kernel", inherit = reticulate::import("keras")$Layer, list(
          kernel = reticulate::import_builtins()$property(reticulate::py_func(function(self) {
            tfp$math$psd_kernels$ExponentiatedQuadratic(op_softplus(self$amplitude))
          }))
        ))
        provider <- Kernel()
        provider$amplitude <- provider$add_weight(name = "amplitude", initializer = "zeros")
        model <- keras_model_sequential(input_shape = 2) |>
          layer_variational_gaussian_process(num_inducing_points = 5, kernel_provider = provider)
        loss <- function(y, rv) rv$variational_loss(y, kl_weight = 32 / 320)
        model |> compile("adam", loss = loss)
        model |> fit(array(1, c(32, 2)), array(1, c(32, 1)), verbose = 0)

    Reference:
        Titsias, M. K. (2009). Variational Learning of Inducing Variables in Sparse Gaussian
        Processes. International Conference on Artificial Intelligence and Statistics.
        https://proceedings.mlr.press/v5/titsias09a.html
    """

    function_name = "layer_variational_gaussian_process"
    family_arguments = ("num_inducing_points", "event_shape", "jitter")
    argument_prose = MappingProxyType({"event_shape": EVENT_SHAPE})

    def __init__(
        self,
        num_inducing_points: int,
        kernel_provider: keras.Layer,
        event_shape: int | Sequence[int] = 1,
        inducing_index_points_initializer: str | Callable[..., Any] | None = None,
        unconstrained_observation_noise_variance_initializer: (
            str | Callable[..., Any] | None
        ) = None,
        mean_fn: Callable[[Any], Any] | None = None,
        jitter: float = 1e-06,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # Where there is no such library, this raises an error before a model is put together.
        distribution_library()
        points = checks.positive_integer("num_inducing_points", num_inducing_points)
        _check_provider(kernel_provider)
        sizes = checks.shape("event_shape", event_shape)
        initializers = {
            argument: checks.initializer(argument, value)
            for argument, value in (
                ("inducing_index_points_initializer", inducing_index_points_initializer),
                (
                    "unconstrained_observation_noise_variance_initializer",
                    unconstrained_observation_noise_variance_initializer,
                ),
            )
        }
        mean = checks.function("mean_fn", mean_fn, optional=True)
        small = checks.positive_number("jitter", jitter)
        # The library computes the two together.
        kwargs["dtype"] = kwargs.get("dtype") or kernel_provider.dtype_policy
        super().__init__(name=name, **kwargs)
        self.num_inducing_points = points
        # As an attribute, it has its variables tracked by Keras.
        self.kernel_provider = kernel_provider
        self.event_shape = sizes
        for argument, initializer in initializers.items():
            setattr(self, argument, initializer)
        self.mean_fn = mean
        self.jitter = small

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the variables: mean, noise, inducing points, and the posterior at them."""
        count, sizes = self.num_inducing_points, self.event_shape
        rank = _features_of(self.kernel_provider)
        features = tuple(input_shape[len(input_shape) - rank :])
        self._mean = None if self.mean_fn else self._weight("mean", (), "zeros")
        self._noise = self._weight(
            "observation_noise_variance",
            (),
            self.unconstrained_observation_noise_variance_initializer
            or keras.initializers.Constant(_UNCONSTRAINED_NOISE),
        )
        self._points = self._weight(
            "inducing_index_points",
            (*sizes, count, *features),
            self.inducing_index_points_initializer or "glorot_uniform",
        )
        self._loc = self._weight("variational_inducing_observations_loc", (*sizes, count), "zeros")
        self._scale = self._weight(
            "variational_inducing_observations_scale", (*sizes, count, count), _small_identity
        )

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> keras.Variable:
        # Parameters of a distribution keep their precision under mixed precision.
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

    def make_distribution(self, inputs: Any) -> Any:
        """See `DistributionLayer.make_distribution`."""
        # Parameters of a distribution keep their precision under mixed precision.
        with without_autocast():
            kernel = self.kernel_provider.kernel
        return _process_class()(
            kernel=kernel,
            index_points=inputs,
            inducing_index_points=native_variable(self._points),
            loc=native_variable(self._loc),
            scale=native_variable(self._scale),
            noise=computed_from(native_variable(self._noise), softplus),
            constant_mean=None if self._mean is None else native_variable(self._mean),
            mean_fn=self.mean_fn,
            jitter=self.jitter,
        )

    @classmethod
    def _function_arguments(cls) -> list[str]:
        # Like functions, the layer with the kernel is saved by its registered name.
        return [
            *super()._function_arguments(),
            "kernel_provider",
            "inducing_index_points_initializer",
            "unconstrained_observation_noise_variance_initializer",
            "mean_fn",
        ]


_PROVIDER = "must be a Keras layer with a property `kernel`, a kernel of TensorFlow Probability"


def _check_provider(value: Any) -> None:
    if not isinstance(value, keras.Layer) or not hasattr(type(value), "kernel"):
        raise ArgumentError("kernel_provider", _PROVIDER, {"kernel_provider": value})


def _features_of(provider: Any) -> int:
    """Return how many dimensions of the inputs are features: the kernel knows it."""
    try:
        return int(provider.kernel.feature_ndims)
    except AttributeError as error:
        # A layer such as `Dense` has a property of that name, too.
        hint = f"It failed: {str(error).rstrip('.')}."
        received = {"kernel_provider": provider}
        raise ArgumentError("kernel_provider", _PROVIDER, received, hint) from error


def _small_identity(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Return identity matrices in the last two dimensions, times a small number."""
    values = np.broadcast_to(_POSTERIOR_SCALE * np.eye(shape[-1]), shape)
    return keras.ops.convert_to_tensor(values, dtype)


def _holds_no_numbers(values: Any) -> bool:
    """Whether a value is known that is no number."""
    return has_values(values) and not bool(keras.ops.all(keras.ops.isfinite(values)))


def _advice(jitter: float) -> str:
    return (
        "Draws from the Gaussian process are no numbers, as its covariance at these inputs is not "
        f"positive definite in this precision. Raise `jitter`, which is {jitter}, or take "
        '"float64" as the dtype of the layer with the kernel.'
    )


@functools.cache
def _process_class() -> type:
    """Return the class of the layer's outputs; its base class takes seconds to import."""
    tfp: Any = distribution_library()
    tfd, tfb = tfp.distributions, tfp.bijectors
    base: Any = tfd.TransformedDistribution

    class VariationalProcess(base):
        """A variational Gaussian process at points, of shape (points, *event_shape).

        Args:
            kernel: The kernel.
            index_points: The points.
            inducing_index_points: The inducing points.
            loc: The mean of its values there.
            scale: A factor of their covariance.
            noise: The variance of the noise.
            constant_mean: The mean of the process; `None` where there is a function of it.
            mean_fn: The mean of the process as a function of points.
            jitter: What is added to the diagonals of the covariances.
        """

        def __init__(
            self,
            kernel: Any,
            index_points: Any,
            inducing_index_points: Any,
            loc: Any,
            scale: Any,
            noise: Any,
            constant_mean: Any,
            mean_fn: Any,
            jitter: float,
        ) -> None:
            parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
            self._process = tfd.VariationalGaussianProcess(
                kernel=kernel,
                index_points=index_points,
                inducing_index_points=inducing_index_points,
                variational_inducing_observations_loc=loc,
                variational_inducing_observations_scale=scale,
                mean_fn=mean_fn if constant_mean is None else lambda points: constant_mean,
                observation_noise_variance=noise,
                jitter=jitter,
            )
            super().__init__(
                tfd.Independent(self._process, 1),
                tfb.Transpose(rightmost_transposed_ndims=2),
            )
            # TensorFlow Probability makes copies of the distribution from these.
            self._parameters = parameters

        @classmethod
        def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
            """Say that no parameter has a batch: shapes come from the distribution within."""
            return {}

        def sample(self, *args: Any, **kwargs: Any) -> Any:
            """Draw, and say so where the draws are no numbers."""
            draws = super().sample(*args, **kwargs)
            # Where the mean is none either, it is the variables that are no numbers.
            if _holds_no_numbers(draws) and not _holds_no_numbers(self.mean()):
                warnings.warn(_advice(jitter=self._parameters["jitter"]), stacklevel=2)
            return draws

        def variational_loss(self, observations: Any, kl_weight: Any = 1.0) -> Any:
            """Return the loss to train with: the negative evidence lower bound.

            Args:
                observations: Targets of shape (points, *event_shape).
                kl_weight: The rows of a batch over those of the training set.
            """
            observations = keras.ops.cast(observations, self.dtype)
            return self._process.variational_loss(
                self.bijector.forward(observations), kl_weight=kl_weight
            )

        def surrogate_posterior_kl_divergence_prior(self) -> Any:
            """Return the divergence of the posterior at the inducing points from the prior."""
            return self._process.surrogate_posterior_kl_divergence_prior()

    return VariationalProcess


layer_variational_gaussian_process = layer_function(VariationalGaussianProcess)
