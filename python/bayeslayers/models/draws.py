"""Draws of a model's predictive distribution: one function after the other."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import model_function
from bayeslayers.layers.coherent import CoherentDraw, coherent_draw, drawing
from bayeslayers.models.walk import all_layers, check_model

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BATCH_SIZE = 1024
_DRAWS_AT_ONCE = 16
_KINDS = ("mean", "sample")

_REFERENCE = (
    "Wilson, A. G., and Izmailov, P. (2020). Bayesian Deep Learning and a Probabilistic "
    "Perspective of Generalization. Advances in Neural Information Processing Systems 33. "
    "https://arxiv.org/abs/2002.08791"
)


@model_function(
    title="Draw from a model's predictive distribution",
    formula="f_d(x) = model(x; w_d),   w_d ~ q,   d = 1, ..., draws",
    details=(
        "Each draw is one function: one sample of every weight, the same for all inputs. So draws "
        "can be plotted as curves, and what is computed from a draw is a draw of what is computed. "
        "Whatever their estimator, layers take the sampled kernel once, which costs one linear "
        "map. Layers other than this package's do what they do in prediction.",
        "Where the model ends in a distribution, `mean` is that distribution's mean under each "
        'draw of the weights, and `sample` a draw of the outcome from it, so that the "samples" '
        "hold the noise of the data as well. Where it ends in a tensor, only `mean` is there: the "
        "outputs.",
        "The same `seed` gives the same draws, whatever the batch size; the first of many draws "
        "are those of few.",
    ),
    returns="A NumPy array of shape (draws, n, ...), an R array of these dimensions; for a model "
    "of several outputs, one for each.",
    raises="If an argument breaks a rule that is stated here.",
    python_example="""\
>>> import keras
>>> from bayeslayers import layer_dense_flipout, predict_draws
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = layer_dense_flipout(model, units=2)
>>> predict_draws(model, keras.ops.ones((5, 3)), draws=10, verbose=0).shape
(10, 5, 2)""",
    r_example="""\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 2, input_shape = 3)
dim(predict_draws(model, array(1, c(5, 3)), draws = 10, verbose = 0))""",
    reference=_REFERENCE,
)
def predict_draws(
    model: keras.Model,
    x: ArrayLike,
    draws: int = 100,
    kind: str = "mean",
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
) -> np.ndarray:
    kind = checks.choice("kind", kind, _KINDS)
    found = statistics_of_draws(model, x, draws, (kind,), batch_size, seed, verbose)
    outputs = [of_output[kind] for of_output in found]
    return outputs[0] if len(outputs) == 1 else outputs


def statistics_of_draws(
    model: keras.Model,
    x: Any,
    draws: int,
    statistics: tuple[str, ...],
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
) -> list[dict[str, np.ndarray]]:
    """Return statistics of a model's outputs under draws of its weights.

    Args:
        model: A Keras model.
        x: Inputs: an array or tensor, or a nest of them.
        draws: The number of draws.
        statistics: What is asked of an output that is a distribution: "mean", "sample", or the name
            of another method without arguments.
        batch_size: How many examples are computed at once.
        seed: Whole number that the draws follow from.
        verbose: Whether there is a progress bar.

    Returns:
        For each output a dictionary of arrays (draws, n, ...) by statistic.
    """
    draws = checks.positive_integer("draws", draws)
    size = BATCH_SIZE if batch_size is None else checks.positive_integer("batch_size", batch_size)
    given = checks.seed("seed", seed)
    # Keras draws its default seeds from the same generator, which `set_random_seed` sets.
    seed = random.randint(1, 10**9) if given is None else given
    inputs, n = _as_tensors(x)
    dtypes = _dtypes(_built(model, inputs), statistics, inputs)
    function = _compiled(model, statistics)
    starts = range(0, max(n, 1), size)
    chunks = range(0, draws, _DRAWS_AT_ONCE)
    bar = _progress_bar(verbose, len(starts) * len(chunks))
    rows = []
    for number, start in enumerate(starts):
        batch = keras.tree.map_structure(lambda v, start=start: v[start : start + size], inputs)
        parts = []
        for low in chunks:
            seeds = [(seed, draw) for draw in range(low, min(low + _DRAWS_AT_ONCE, draws))]
            found = function(dtypes)(tf.constant(seeds, tf.int32), tf.constant(number), batch)
            parts.append([value.numpy() for value in found])
            bar()
        rows.append([np.concatenate(part, axis=0) for part in zip(*parts, strict=True)])
    # Each (draws, batch, ...), joined along the examples.
    flat = [np.concatenate(part, axis=1) for part in zip(*rows, strict=True)]
    step = len(statistics)
    return [
        dict(zip(statistics, flat[i : i + step], strict=True)) for i in range(0, len(flat), step)
    ]


def _as_tensors(x: Any) -> tuple[Any, int]:
    """Return the inputs as tensors in a nest, and how many examples there are."""
    rule = "must be an array or a tensor, or a list or dictionary of them, of as many examples each"
    try:
        tensors = keras.tree.map_structure(_as_tensor, x)
        sizes = {int(tensor.shape[0]) for tensor in keras.tree.flatten(tensors)}
    except (TypeError, ValueError, IndexError, tf.errors.OpError) as error:
        raise ArgumentError("x", rule, {"x": Described(f"a {type(x).__name__}")}) from error
    if len(sizes) != 1:
        raise ArgumentError("x", rule, {"x": Described(f"{sorted(sizes)} examples")})
    return tensors, sizes.pop()


def _as_tensor(values: Any) -> Any:
    tensor = tf.convert_to_tensor(values)
    # NumPy's and R's numbers are of double precision; Keras casts to the dtype of a layer.
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype == tf.float64 else tensor


def _first(inputs: Any) -> Any:
    return keras.tree.map_structure(lambda values: values[:1], inputs)


def _built(model: Any, inputs: Any) -> keras.Layer:
    """Return the model with its variables made: Keras calls it in a graph of its own to do so."""
    if not check_model(model).built:
        model(_first(inputs), training=False)
    return model


def _statistics(outputs: Any, statistics: tuple[str, ...]) -> list[Any]:
    """Return the statistics of every output, one after the other."""
    return [_statistic(output, name) for output in _flat_outputs(outputs) for name in statistics]


def _flat_outputs(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def is_distribution(output: Any) -> bool:
    """Whether a model's output is a distribution."""
    return hasattr(output, "log_prob")


def _statistic(output: Any, name: str) -> Any:
    if not is_distribution(output):
        if name != "mean":
            rule = 'must be "mean" for a model whose output is a tensor, not a distribution'
            raise ArgumentError("kind", rule, {"kind": name})
        return tf.convert_to_tensor(output)
    if name == "sample":
        return output.sample(seed=tf.cast(coherent_draw().stream.next(), tf.int32))
    return tf.convert_to_tensor(getattr(output, name)())


def _call(model: Any, seed: Any, batch: Any, inputs: Any, statistics: tuple[str, ...]) -> list[Any]:
    """Call the model under one draw of its weights."""
    with drawing(CoherentDraw(seed, batch)):
        return _statistics(model(inputs, training=False), statistics)


def _dtypes(model: Any, statistics: tuple[str, ...], inputs: Any) -> tuple[tf.DType, ...]:
    """Return what a graph can't know before it has called the model: the dtypes of its outputs."""
    one = _first(inputs)
    found = _call(model, tf.constant([0, 0]), tf.constant(0), one, statistics)
    return tuple(value.dtype for value in found)


@dataclass(frozen=True)
class OutputKind:
    """What a model's first output is.

    Args:
        is_distribution: Whether it is a distribution, not a tensor.
        is_class: Whether it is a distribution over classes.
    """

    is_distribution: bool
    is_class: bool


def first_output(model: Any, x: Any) -> OutputKind:
    """Say what a model's first output is."""
    inputs, _ = _as_tensors(x)
    with drawing(CoherentDraw(tf.constant([0, 0]), tf.constant(0))):
        output = _flat_outputs(_built(model, inputs)(_first(inputs), training=False))[0]
    if not is_distribution(output):
        return OutputKind(is_distribution=False, is_class=False)
    return OutputKind(is_distribution=True, is_class=hasattr(output, "probs_parameter"))


_functions: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def _compiled(model: Any, statistics: tuple[str, ...]) -> Callable[..., Any]:
    """Return what gives the compiled function of a model, traced once for as long as it lives."""
    layers = tuple(map(id, all_layers(model)))
    # The function must not keep alive the model that it is kept with.
    model_of = weakref.ref(model)

    def compiled(dtypes: tuple[tf.DType, ...]) -> Callable[..., Any]:
        key = (statistics, layers, dtypes)
        kept = _functions.setdefault(model_of(), {})
        if key not in kept:

            def draw(seeds: Any, batch: Any, inputs: Any) -> Any:
                return tf.map_fn(
                    lambda seed: tuple(_call(model_of(), seed, batch, inputs, statistics)),
                    seeds,
                    fn_output_signature=dtypes,
                )

            kept[key] = tf.function(draw, reduce_retracing=True, autograph=False)
        return kept[key]

    return compiled


def _progress_bar(verbose: str | int, steps: int) -> Callable[[], None]:
    """Return what to call after each step."""
    rule = 'must be "auto", 0 or 1'
    if isinstance(verbose, str) and verbose != "auto":
        raise ArgumentError("verbose", rule, {"verbose": verbose})
    # What takes one step is over before a bar is drawn.
    if not verbose or (verbose == "auto" and steps == 1):
        return lambda: None
    bar = keras.utils.Progbar(steps, unit_name="step")
    return lambda: bar.add(1)
