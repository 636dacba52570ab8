"""The cdf of a model's outcomes, averaged over draws of its weights in double precision."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from bayeslayers.backend import marginals
from bayeslayers.backend.tensorflow.distributions import distribution_library, inner_distribution
from bayeslayers.backend.tfp_marginals import TfpDissection


def marginal_cdf(distribution: Any) -> marginals.MarginalCdf | None:
    """Return the cdf of each number of an outcome; `None` where there is none."""
    tfp = distribution_library()

    def is_tensor(value: Any) -> bool:
        kinds = tf.Variable, tfp.util.DeferredTensor, tfp.util.TransformedVariable
        return tf.is_tensor(value) or isinstance(value, kinds)

    library = TfpDissection(tfp, is_tensor, tf.convert_to_tensor, tf.math.erfc)
    return marginals.marginal_cdf(library, inner_distribution(distribution))


def sum_over_draws(function: Callable[[list[Any], Any], Any]) -> Callable[..., np.ndarray]:
    """Return a function's sum over draws, compiled.

    Args:
        function: Takes tensors, and points. It returns as many numbers as there are points.

    Returns:
        A function of arrays (draws, ...), and of points. It computes in double precision.
    """
    compiled: list[Any] = []

    def total(arrays: list[Any], points: Any) -> Any:
        def add(place: Any, so_far: Any) -> tuple[Any, Any]:
            draw = [array[place] for array in arrays]
            return place + 1, tf.ensure_shape(so_far + function(draw, points), points.shape)

        count = tf.shape(arrays[0])[0]
        # Not `tf.foldl()`, which leaves the scope of variables changed where a function raises.
        _, found = tf.while_loop(lambda place, _: place < count, add, (0, tf.zeros_like(points)))
        return found

    def call(arrays: list[np.ndarray], points: np.ndarray) -> np.ndarray:
        if not compiled:
            # For any number of draws, of points and of examples.
            of_arrays = [
                tf.TensorSpec([None, None, *a.shape[2:]][: a.ndim], a.dtype) for a in arrays
            ]
            of_points = [len(points), None, None, *points.shape[3:]]
            signature = [of_arrays, tf.TensorSpec(of_points, points.dtype)]
            # An object of its own each time: TensorFlow warns where many functions of the same code
            # are traced once each, as those of an ensemble's members are.
            own = functools.partial(total)
            compiled.append(tf.function(own, input_signature=signature, autograph=False))
        return compiled[0](arrays, points).numpy()

    return call
