"""Draws in the form that ArviZ reads."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.models.draws import first_output, predict_draws, statistics_of_draws
from bayeslayers.models.posterior import posterior_draws
from bayeslayers.models.scores import log_likelihood
from bayeslayers.models.summary import CLASSES, class_log_probabilities, kind_of_output

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def as_inference_data(
    model: keras.Model,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    draws: int = 1000,
    outputs: str = "auto",
    batch_size: int | None = None,
    seed: int | None = None,
) -> Any:
    """Draws of a model as ArviZ's InferenceData.

        posterior: w_d ~ q;   posterior_predictive: y_d ~ p(y | x, w_d);   d = 1, ..., draws

    There is one chain, whose draws are independent. The same draw of the weights stands behind a
    number in each of the groups: `posterior`, with the weights, named after their layer
    (`dense.kernel`); with `x`, `posterior_predictive`, in which the outcome is `y`, and
    `constant_data`; with `y` as well, `log_likelihood` and `observed_data`.

    Args:
        model: A Keras 3 model, sequential, functional or subclassed.
        x: Inputs, an array of shape (n, ...), or `None`.
        y: Targets, one for each example, or `None`.
        draws: Positive whole number: how many draws.
        outputs: What the outputs are, where they are a tensor: "values", or "probabilities" or
            "logits" of classes; "auto" stands for values. Of a distribution, "auto" knows it.
        batch_size: Positive whole number: how many examples are computed at once. With `None` 1024.
        seed: Whole number that the draws follow from, or `None`.

    Returns:
        ArviZ's InferenceData, which from ArviZ 1.0 on is a DataTree of xarray.

    Raises:
        ArgumentError: If an argument breaks a rule that is stated here; or if there is `x`, and the
            model ends in a tensor of values, which say nothing of their noise.
        ImportError: If ArviZ is not installed.

    Example:
        >>> import keras
        >>> from bayeslayers import as_inference_data, layer_dense_flipout
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2, name="out")
        >>> data = as_inference_data(model, draws=10)
        >>> data["posterior"]["out.kernel"].shape
        (1, 10, 3, 2)

    Reference:
        Kumar, R., Carroll, C., Hartikainen, A., and Martin, O. (2019). ArviZ: a unified library for
            exploratory analysis of Bayesian models in Python. Journal of Open Source Software
            4(33), 1143. https://doi.org/10.21105/joss.01143
    """
    given = checks.seed("seed", seed)
    seed = random.randint(1, 10**9) if given is None else given
    if x is None and y is not None:
        raise ArgumentError("x", "must be given where `y` is", {"x": x})
    groups = {"posterior": posterior_draws(model, draws, seed)}
    if x is not None:
        outcomes = _outcomes(model, x, draws, outputs, batch_size, seed)
        groups["posterior_predictive"] = {"y": outcomes}
    if y is not None:
        found = log_likelihood(model, x, y, draws, outputs, batch_size, seed, verbose=0)
        groups["log_likelihood"] = {"y": found}
    # One chain, in front of the draws.
    groups = {
        name: {key: value[None] for key, value in group.items()} for name, group in groups.items()
    }
    if x is not None and not isinstance(x, (list, dict)):
        groups["constant_data"] = {"x": keras.ops.convert_to_numpy(x)}
    if y is not None:
        shape = groups["posterior_predictive"]["y"].shape[2:]
        groups["observed_data"] = {"y": _observed(y, shape)}
    return _from_dict(groups)


def _outcomes(
    model: keras.Model, x: Any, draws: int, outputs: str, batch_size: int | None, seed: int
) -> np.ndarray:
    """Return draws (draws, n, ...) of the outcome."""
    kind = kind_of_output(model, x, outputs)
    if kind == "values" or first_output(model, x).is_distribution:
        return predict_draws(model, x, draws, "sample", batch_size, seed, verbose=0)
    found = statistics_of_draws(model, x, draws, CLASSES, batch_size, seed, verbose=0)
    p = np.exp(class_log_probabilities(kind, found[0]["classes"]))
    places = np.random.default_rng(seed).random((*p.shape[:-1], 1))
    # The first class whose cumulative probability reaches the place, the last despite rounding.
    return (places > p.cumsum(axis=-1)[..., :-1]).sum(axis=-1)


def _observed(y: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the targets in the shape of the outcomes, where they are the same numbers."""
    observed = keras.ops.convert_to_numpy(y)
    return observed.reshape(shape) if observed.size == np.prod(shape) else observed


def _from_dict(groups: dict[str, Any]) -> Any:
    try:
        import arviz
    except ImportError as error:
        message = "as_inference_data() needs ArviZ: pip install 'bayeslayers[arviz]'"
        raise ImportError(message) from error
    if int(arviz.__version__.split(".")[0]) >= 1:
        return arviz.from_dict(groups)
    return arviz.from_dict(**groups)
