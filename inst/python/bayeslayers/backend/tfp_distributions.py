"""What distributions of TensorFlow Probability have in common on TensorFlow and on JAX.

Each function takes the library's module of distributions, which differs, and is never imported
here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers.backend.classes import ClassDistribution, mixture_over_classes


class _NumPyWithNewshape:
    """NumPy, whose `reshape` still has the argument `newshape`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def reshape(self, values: Any, newshape: Any) -> Any:
        """Return an array in another shape."""
        return np.reshape(values, newshape)


def mend(pad: Any) -> None:
    """Let the library's module of `Pad` find an argument that NumPy 2.4 has dropped.

    Its releases up to 0.25 call `np.reshape(x, newshape=...)` there, and nowhere else.
    """
    if "newshape" not in inspect.signature(np.reshape).parameters:
        pad.np = _NumPyWithNewshape()


def class_at(tfp: Any, path: str, missing: str) -> Any:
    """Return the class at a path, such as "distributions.Normal".

    Args:
        tfp: TensorFlow Probability.
        path: The path.
        missing: What is said where there is no such class.

    Raises:
        NotImplementedError: If there is none.
    """
    module, name = path.split(".")
    found = getattr(getattr(tfp, module), name, None)
    if found is None:
        raise NotImplementedError(missing)
    return found


def class_distribution(tfd: Any, distribution: Any) -> ClassDistribution | None:
    """Return the distribution over classes that a distribution is, or consists of; else `None`.

    Args:
        tfd: The module of distributions.
        distribution: One of its distributions.
    """
    while isinstance(distribution, tfd.Independent):
        distribution = distribution.distribution
    # Distributions of counts have a probability among their parameters as well.
    outcomes = {
        tfd.Categorical: "numbers",
        tfd.OneHotCategorical: "columns",
        tfd.Bernoulli: "binary",
    }
    for kind, outcome in outcomes.items():
        if isinstance(distribution, kind):
            is_logits = distribution.logits is not None
            return ClassDistribution(
                outcome=outcome,
                given=distribution.logits if is_logits else distribution.probs,
                is_logits=is_logits,
                probabilities=distribution.probs_parameter,
                batch_shape=distribution.batch_shape,
            )
    if isinstance(distribution, tfd.MixtureSameFamily):
        components = distribution.components_distribution
        # A mixture of joint distributions of several outcomes is not the mixture of each outcome.
        if isinstance(components, (tfd.Categorical, tfd.OneHotCategorical)):
            over_classes = class_distribution(tfd, components)
            assert over_classes is not None
            logits = distribution.mixture_distribution.logits_parameter()
            return mixture_over_classes(logits, over_classes, distribution.batch_shape)
    return None


# Families that a factor widens about their location: the parameter that it multiplies.
_SCALES = {
    **dict.fromkeys(("Normal", "Logistic", "Laplace", "StudentT", "Cauchy", "Gumbel"), "scale"),
    "MultivariateNormalDiag": "scale_diag",
    "MultivariateNormalTriL": "scale_tril",
}
_OF_CLASSES = {"numbers": "Categorical", "columns": "OneHotCategorical", "binary": "Bernoulli"}


def widened(tfd: Any, distribution: Any, factor: Any) -> Any:
    """Return a distribution with its scale times a factor, or its logits divided by it.

    Args:
        tfd: The module of distributions.
        distribution: One of its distributions.
        factor: A tensor of one positive number.

    Returns:
        A distribution; `None` if this is no location-scale family, and not over classes.
    """
    if type(distribution) is tfd.Independent:
        inner = widened(tfd, distribution.distribution, factor)
        return None if inner is None else distribution.copy(distribution=inner)
    name = _SCALES.get(type(distribution).__name__)
    # A subclass of a user's may have the same name.
    if name is not None and type(distribution) is getattr(tfd, type(distribution).__name__):
        scale = distribution.parameters[name]
        if scale is None:
            return None
        return distribution.copy(**{name: scale * ops.cast(factor, distribution.dtype)})
    over_classes = class_distribution(tfd, distribution)
    if over_classes is None:
        return None
    logits = over_classes.logits()
    return getattr(tfd, _OF_CLASSES[over_classes.outcome])(
        logits=logits / ops.cast(factor, logits.dtype), dtype=distribution.dtype
    )


def with_seeds(
    tfd: Any,
    distribution: Any,
    next_seed: Callable[[], Any],
    sample_normal: Callable[[Any, Any, Any], Any],
    as_seed: Callable[[Any], Any] = lambda seed: seed,
) -> Any:
    """Return a distribution with a `sample` that draws with seeds of ours, unless given one.

    Args:
        tfd: The module of distributions.
        distribution: One of its distributions.
        next_seed: Returns a seed as the library takes it.
        sample_normal: Draws from a normal distribution, given a shape and a seed, in a faster way
            than the library's own.
        as_seed: Returns a seed that a caller gives as the library takes it.
    """
    unseeded = distribution.sample

    def sample(
        sample_shape: Any = (), seed: Any = None, name: str = "sample", **kwargs: Any
    ) -> Any:
        if seed is not None:
            return unseeded(sample_shape, seed=as_seed(seed), name=name, **kwargs)
        seed = next_seed()
        normal = _normal_inside(tfd, distribution)
        if normal is None or kwargs:
            return unseeded(sample_shape, seed=seed, name=name, **kwargs)
        return sample_normal(normal, sample_shape, seed)

    # A shallow copy: the caller's own distribution stays as it is. `copy.copy` would construct
    # anew.
    seeded = object.__new__(type(distribution))
    vars(seeded).update(vars(distribution))
    seeded.sample = sample
    return seeded


def kl_divergence(tfd: Any, q: Any, p: Any) -> Any:
    """Return the divergence KL(q || p), of vectors also where one is independent normals.

    Args:
        tfd: The module of distributions.
        q: A distribution.
        p: Another.

    Raises:
        NotImplementedError: If there is no closed form for the pair.
    """
    try:
        return tfd.kl_divergence(q, p)
    except NotImplementedError:
        vectors = _as_vector(tfd, q), _as_vector(tfd, p)
        if vectors == (q, p):
            raise
        return tfd.kl_divergence(*vectors)


def divergence_from(tfd: Any, distribution: Any, other: Any, name: str = "kl_divergence") -> Any:
    """Return the divergence of a distribution from another, as its method of this name does."""
    del name
    return kl_divergence(tfd, distribution, getattr(other, "tensor_distribution", other))


def _as_vector(tfd: Any, distribution: Any) -> Any:
    """Return independent normal numbers as a vector that is normal, and all else as it is."""
    normal = _normal_inside(tfd, distribution)
    if normal is None or distribution.event_shape.rank != 1:
        return distribution
    scale = normal.scale + 0.0 * normal.loc
    return tfd.MultivariateNormalDiag(normal.loc, scale)


def family_and_parameters(tfd: Any, distribution: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the name of a distribution's class, and the parameters that it was made of.

    Those at their defaults are left out. `None`: the class is not one of the library's own.

    Args:
        tfd: The module of distributions.
        distribution: One of its distributions.
    """
    # Some classes return an object of their base, which has their name behind an underscore.
    family = type(distribution).__name__.removeprefix("_")
    public = getattr(tfd, family, None)
    if public is None or not issubclass(public, type(distribution)):
        return None
    named = inspect.signature(public.__init__).parameters
    given = {
        name: value
        for name, value in distribution.parameters.items()
        if name in named and name != "name" and value is not named[name].default
    }
    return family, given


def given_variables(distribution: Any) -> Iterator[keras.Variable]:
    """Go through Keras's variables among the parameters of a distribution and of those inside.

    The library takes their values of the moment, and follows them no further.
    """
    for value in keras.tree.flatten(getattr(distribution, "parameters", {})):
        if isinstance(value, keras.Variable):
            yield value
        else:
            yield from given_variables(value)


def _normal_inside(tfd: Any, distribution: Any) -> Any:
    """Return the normal distribution that this one is, or is independent draws of; or `None`."""
    if type(distribution) is tfd.Independent:
        distribution = distribution.distribution
    return distribution if type(distribution) is tfd.Normal else None
