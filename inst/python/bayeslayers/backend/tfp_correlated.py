"""The correlated normal distribution as a class of TensorFlow Probability, on TensorFlow and JAX.

The functions take the library's module of distributions, which differs, and is never imported here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bayeslayers.backend import correlated


class _Methods:
    """What the library asks of a distribution."""

    loc: Any
    scale: Any
    correlation: correlated.Correlation
    dtype: Any
    shape_of: Callable[[Any], Any]
    noise: Callable[..., Any]

    def _batch_shape(self) -> Any:
        return self.shape_of(())

    def _batch_shape_tensor(self, **kwargs: Any) -> Any:
        del kwargs
        return ()

    def _event_shape(self) -> Any:
        return self.shape_of(self.loc.shape)

    def _event_shape_tensor(self) -> Any:
        return tuple(self.loc.shape)

    def _sample_n(self, n: Any, seed: Any = None) -> Any:
        shape = (n, self.correlation.noise_size)
        return correlated.draws(self, self.noise(shape, self.dtype, seed))

    def _log_prob(self, value: Any) -> Any:
        return correlated.log_density(self, value)

    def _entropy(self) -> Any:
        return correlated.entropy(self)

    def _mean(self) -> Any:
        return correlated.mean(self)

    _mode = _mean

    def _variance(self) -> Any:
        return correlated.variance(self)

    def _stddev(self) -> Any:
        return correlated.variance(self) ** 0.5

    def _covariance(self) -> Any:
        return correlated.covariance(self)


@functools.cache
def correlated_normal_class(
    tfd: Any, shape_of: Callable[[Any], Any], noise: Callable[..., Any]
) -> type:
    """Return the class, whose divergence from independent normals the library then knows.

    Args:
        tfd: The module of distributions.
        shape_of: Makes a shape of the framework's of its sizes.
        noise: Draws standard normals of a shape and a dtype, from a seed as the library takes it.
    """

    class CorrelatedNormal(_Methods, tfd.Distribution):
        """Normal distribution over tensors: loc + scale * u, of correlated numbers u.

        Args:
            loc: The mean.
            scale: The scale of each number.
            correlation: The correlation of u.
            dtype: The dtype of draws.
        """

        def __init__(
            self, loc: Any, scale: Any, correlation: correlated.Correlation, dtype: Any
        ) -> None:
            parameters = {"loc": loc, "scale": scale, "correlation": correlation, "dtype": dtype}
            self.loc, self.scale, self.correlation = loc, scale, correlation
            self.shape_of, self.noise = shape_of, noise
            super().__init__(
                dtype=dtype,
                reparameterization_type=tfd.FULLY_REPARAMETERIZED,
                validate_args=False,
                allow_nan_stats=True,
                parameters=parameters,
                name="CorrelatedNormal",
            )

    tfd.RegisterKL(CorrelatedNormal, tfd.Independent)(functools.partial(_divergence, tfd))
    return CorrelatedNormal


def _divergence(tfd: Any, q: Any, p: Any, name: str | None = None) -> Any:
    """Return the divergence from independent normals.

    Raises:
        NotImplementedError: If the numbers are independent, and not normal.
    """
    del name
    normal = p.distribution
    if not isinstance(normal, tfd.Normal):
        raise NotImplementedError
    return correlated.divergence_from_normal(q, normal.loc, normal.scale)
