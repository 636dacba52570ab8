"""Draws of a model's predictive distribution: one function after the other."""

from __future__ import annotations

import math
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
        "hold the noise of the data as well. The mean of a distribution over classes is their "
        "probabilities. Where the model ends in a tensor, only `mean` is there: the outputs.",
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
    r_result="as_predictive_draws",
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
    targets: Any = None,
) -> list[dict[str, np.ndarray]]:
    """Return statistics of a model's outputs under draws of its weights.

    Args:
        model: A Keras model.
        x: Inputs: an array or tensor, or a nest of them.
        draws: The number of draws.
        statistics: What is asked of an output that is a distribution: "mean", "sample", "log_prob"
            of the targets, "classes" (the logits or the probabilities that it was made from), or
            the name of another method without arguments. A tensor is its own mean and classes.
        batch_size: How many examples are computed at once.
        seed: Whole number that the draws follow from.
        verbose: Whether there is a progress bar.
        targets: What was observed, for "log_prob" of a model of one output.

    Returns:
        For each output a dictionary of arrays (draws, n, ...) by statistic.
    """
    draws = checks.positive_integer("draws", draws)
    size = BATCH_SIZE if batch_size is None else checks.positive_integer("batch_size", batch_size)
    given = checks.seed("seed", seed)
    # Keras draws its default seeds from the same generator, which `set_random_seed` sets.
    seed = random.randint(1, 10**9) if given is None else given
    inputs, n = _as_tensors(x)
    _built(model, inputs)
    inputs = (inputs,) if targets is None else (inputs, _as_targets(targets, n))
    function = _compiled(model, statistics, inputs)
    starts = range(0, max(n, 1), size)
    chunks = range(0, draws, _DRAWS_AT_ONCE)
    bar = _progress_bar(verbose, len(starts) * len(chunks))
    rows = []
    for number, start in enumerate(starts):
        batch = keras.tree.map_structure(lambda v, start=start: v[start : start + size], inputs)
        parts = []
        for low in chunks:
            seeds = [(seed, draw) for draw in range(low, min(low + _DRAWS_AT_ONCE, draws))]
            found = function(tf.constant(seeds, tf.int32), tf.constant(number), batch)
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


def _as_targets(y: Any, n: int) -> Any:
    """Return the targets as a tensor, of which there must be one for each example."""
    rule = "must be an array or a tensor that holds a target for each example"
    try:
        targets = _as_tensor(y)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise ArgumentError("y", rule, {"y": Described(f"a {type(y).__name__}")}) from error
    if not (targets.dtype.is_floating or targets.dtype.is_integer or targets.dtype.is_bool):
        raise ArgumentError("y", f"{rule}, in numbers", {"y": Described(targets.dtype.name)})
    if targets.shape.rank == 0 or targets.shape[0] != n:
        received = Described(f"shape {tuple(targets.shape)} for {n} examples")
        raise ArgumentError("y", rule, {"y": received})
    return targets


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


def _statistics(outputs: Any, statistics: tuple[str, ...], targets: Any) -> list[Any]:
    """Return the statistics of every output, one after the other."""
    outputs = _flat_outputs(outputs)
    return [_statistic(output, name, targets) for output in outputs for name in statistics]


def _flat_outputs(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def is_distribution(output: Any) -> bool:
    """Whether a model's output is a distribution."""
    return hasattr(output, "log_prob")


def _over_classes(distribution: Any) -> Any:
    """Return the distribution over classes that an output is, or consists of; else `None`."""
    # TensorFlow Probability is loaded where an output is a distribution, and not by this module.
    from tensorflow_probability import distributions as tfd

    from bayeslayers.distributions.coercible import inner

    distribution = inner(distribution)
    while isinstance(distribution, tfd.Independent):
        distribution = distribution.distribution
    # Counts have a probability among their parameters, too.
    kinds = (tfd.Categorical, tfd.OneHotCategorical, tfd.Bernoulli)
    return distribution if isinstance(distribution, kinds) else None


def _is_number_of_class(distribution: Any) -> bool:
    from tensorflow_probability import distributions as tfd

    return isinstance(_over_classes(distribution), tfd.Categorical)


def _classes(distribution: Any) -> str | None:
    """Say what a distribution over one class for each example was made from."""
    from tensorflow_probability import distributions as tfd

    made = _over_classes(distribution)
    if made is None or made.batch_shape[1:].num_elements() != 1:
        return None
    # What has a single class decides nothing; a single column is that of the second of two.
    if not isinstance(made, tfd.Bernoulli) and _parameter(made).shape[-1] == 1:
        return None
    return "probabilities" if made.logits is None else "logits"


def _count_of_classes(distribution: Any) -> int | None:
    """Return how many numbers there are, from 0, that the outcome can be; where it is a class."""
    from tensorflow_probability import distributions as tfd

    made = _over_classes(distribution)
    if isinstance(made, tfd.Bernoulli):
        return 2
    return int(_parameter(made).shape[-1]) if isinstance(made, tfd.Categorical) else None


def _parameter(over_classes: Any) -> Any:
    """Return the logits or the probabilities, as they were given: each loses some of the other."""
    from tensorflow_probability import distributions as tfd

    if over_classes.logits is not None:
        return over_classes.logits
    p = over_classes.probs
    # Those of several classes need not add up to 1.
    return p if isinstance(over_classes, tfd.Bernoulli) else p / tf.reduce_sum(p, -1, keepdims=True)


def _log_prob(distribution: Any, targets: Any) -> Any:
    """Return the log-probability of each example's target, over all of its dimensions."""
    shape = tuple((distribution.batch_shape + distribution.event_shape)[1:])
    given = tuple(targets.shape[1:])
    # All numbers of an example may stand in a row; in an array, each must have its place.
    is_row = len(given) <= 1 and math.prod(given) == math.prod(shape)
    if not is_row and _above_one(given) != _above_one(shape):
        rule = f"must hold for each example a target of shape {shape}, as the outputs do"
        raise ArgumentError("y", rule, {"shape of each target": given})
    # As the outputs: a column (n, 1) and a vector (n) would broadcast to (n, n).
    parts = distribution.batch_shape_tensor(), distribution.event_shape_tensor()
    targets = tf.reshape(tf.cast(targets, distribution.dtype), tf.concat(parts, axis=0))
    # So the sum over many outputs loses nothing to rounding.
    found = tf.cast(distribution.log_prob(targets), tf.float64)
    return tf.reduce_sum(found, axis=list(range(1, found.shape.rank)))


def _above_one(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape if size != 1]


def _statistic(output: Any, name: str, targets: Any) -> Any:
    if not is_distribution(output):
        if name not in ("mean", "classes"):
            rule = 'must be "mean" for a model whose output is a tensor, not a distribution'
            raise ArgumentError("kind", rule, {"kind": name})
        return tf.convert_to_tensor(output)
    if name == "log_prob":
        return _log_prob(output, targets)
    if name == "sample":
        return output.sample(seed=tf.cast(coherent_draw().stream.next(), tf.int32))
    if name == "classes":
        return tf.convert_to_tensor(_parameter(_over_classes(output)))
    if name == "mean" and _is_number_of_class(output):
        # Which has no mean.
        return _over_classes(output).probs_parameter()
    return tf.convert_to_tensor(getattr(output, name)())


def _call(model: Any, seed: Any, batch: Any, inputs: Any, statistics: tuple[str, ...]) -> list[Any]:
    """Call the model on inputs (and targets) under one draw of its weights."""
    x, *targets = inputs
    with drawing(CoherentDraw(seed, batch, all_layers(model))):
        return _statistics(model(x, training=False), statistics, *(targets or [None]))


def _dtypes(model: Any, statistics: tuple[str, ...], inputs: Any) -> tuple[tf.DType, ...]:
    """Return what a graph can't know before it has called the model: the dtypes of its outputs."""
    one = _first(inputs)
    found = _call(model, tf.constant([0, 0]), tf.constant(0), one, statistics)
    return tuple(value.dtype for value in found)


@dataclass(frozen=True)
class OutputKind:
    """What a model's outputs are.

    Args:
        count: How many outputs there are.
        is_distribution: Whether the first is a distribution, not a tensor.
        classes: "logits" or "probabilities", which it was made from, where it is a distribution
            over one class for each example.
        count_of_classes: How many numbers, from 0, an outcome can be, where it is one of 0 and 1,
            or the number of a class.
        is_number_of_class: Whether its outcomes are the numbers of classes, which have no order.
    """

    count: int
    is_distribution: bool
    classes: str | None
    count_of_classes: int | None
    is_number_of_class: bool


def first_output(model: Any, x: Any) -> OutputKind:
    """Say what a model's outputs are."""
    inputs, _ = _as_tensors(x)
    with drawing(CoherentDraw(tf.constant([0, 0]), tf.constant(0), all_layers(model))):
        outputs = _flat_outputs(_built(model, inputs)(_first(inputs), training=False))
    has_noise = is_distribution(outputs[0])
    return OutputKind(
        count=len(outputs),
        is_distribution=has_noise,
        classes=_classes(outputs[0]) if has_noise else None,
        count_of_classes=_count_of_classes(outputs[0]) if has_noise else None,
        is_number_of_class=has_noise and _is_number_of_class(outputs[0]),
    )


_functions: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def compiled_once(model: Any, key: Any, make: Callable[[Any], Any], signature: list[Any]) -> Any:
    """Return a compiled function of a model, traced once for as long as the model lives.

    Args:
        model: A Keras model.
        key: What tells this function from others of the model.
        make: Is called with a weak reference to the model, which must not be kept alive by what is
            kept with it, and returns what to compile. That is an object of its own each time: of
            functions that share their code TensorFlow counts the traces together, and warns.
        signature: The specifications of the function's arguments.

    Returns:
        A `tf.function`.
    """
    key = (key, tuple(map(id, all_layers(model))), str(signature))
    kept = _functions.setdefault(model, {})
    if key not in kept:
        function = make(weakref.ref(model))
        kept[key] = tf.function(function, input_signature=signature, autograph=False)
    return kept[key]


@dataclass(frozen=True)
class _Draws:
    """Statistics of a model's outputs under draws of its weights."""

    model: Callable[[], Any]
    statistics: tuple[str, ...]
    dtypes: tuple[tf.DType, ...]

    def __call__(self, seeds: Any, batch: Any, inputs: Any) -> Any:
        """Return each statistic for all seeds: (draws, batch, ...)."""
        return tf.map_fn(
            lambda seed: tuple(_call(self.model(), seed, batch, inputs, self.statistics)),
            seeds,
            fn_output_signature=self.dtypes,
        )


def _compiled(model: Any, statistics: tuple[str, ...], inputs: Any) -> Any:
    dtypes = _dtypes(model, statistics, inputs)
    # Batches of all sizes go through one trace.
    specs = keras.tree.map_structure(
        lambda tensor: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype), inputs
    )
    seeds, batch = tf.TensorSpec([None, 2], tf.int32), tf.TensorSpec([], tf.int32)
    return compiled_once(
        model,
        (statistics, dtypes),
        lambda model: _Draws(model, statistics, dtypes),
        [seeds, batch, specs],
    )


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
