"""How the layers draw from a posterior and compute its divergence, unless told otherwise."""

from __future__ import annotations

from typing import Any

import keras

from bayeslayers.backend import kl_divergence


@keras.saving.register_keras_serializable("bayeslayers")
def sample_posterior(distribution: Any) -> Any:
    """Draw one value: the default of `kernel_posterior_tensor_fn` and `bias_posterior_tensor_fn`.

    Args:
        distribution: The distribution to draw from.

    Returns:
        A tensor of the distribution's shape.
    """
    return distribution.sample()


@keras.saving.register_keras_serializable("bayeslayers")
def exact_divergence(q: Any, p: Any, ignore: Any) -> Any:
    """Kullback-Leibler divergence KL(q || p) in closed form: the default of `*_divergence_fn`.

    From a prior of ours that has no closed form, `RandomWeight` estimates the divergence instead.

    Args:
        q: The posterior.
        p: The prior.
        ignore: The draw behind this call's outputs, which a closed form does not need.

    Returns:
        A scalar tensor, in nats.

    Raises:
        NotImplementedError: If there is no closed form for the pair.
    """
    del ignore
    return kl_divergence(q, p)
