"""The cdf of a model's outcomes, averaged over draws of its weights in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslayers.backend import marginals
from bayeslayers.backend.jax.coercible import inner_distribution
from bayeslayers.backend.jax.compat import double_precision, tensorflow_probability
from bayeslayers.backend.tfp_marginals import TfpDissection


def marginal_cdf(distribution: Any) -> marginals.MarginalCdf | None:
    """Return the cdf of each number of an outcome; `None` where there is none."""

    def is_tensor(value: Any) -> bool:
        return isinstance(value, jax.Array)

    def as_tensor(value: Any) -> Any:
        return jnp.asarray(getattr(value, "value", value))

    erfc = jax.scipy.special.erfc
    library = TfpDissection(tensorflow_probability(), is_tensor, as_tensor, erfc)
    return marginals.marginal_cdf(library, inner_distribution(distribution))


def sum_over_draws(function: Callable[[list[Any], Any], Any]) -> Callable[..., np.ndarray]:
    """Return a function's sum over draws, compiled.

    Args:
        function: Takes tensors, and points. It returns as many numbers as there are points.

    Returns:
        A function of arrays (draws, ...), and of points. It computes in double precision.
    """

    @jax.jit
    def total(arrays: list[Any], points: Any) -> Any:
        def add(so_far: Any, draw: list[Any]) -> tuple[Any, None]:
            return so_far + function(draw, points), None

        return jax.lax.scan(add, jnp.zeros_like(points), arrays)[0]

    def call(arrays: list[np.ndarray], points: np.ndarray) -> np.ndarray:
        with double_precision():
            return np.asarray(total(arrays, points))

    return call
