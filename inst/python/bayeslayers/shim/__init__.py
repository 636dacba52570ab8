"""Functions of the Python core for the R package alone."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from bayeslayers.base_layers.serialization import NeverRegistered
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.models.draws import predict_draws
from bayeslayers.predictive.classes import check_labels
from bayeslayers.predictive.evaluation import Block, Evaluation
from bayeslayers.predictive.inputs import as_inputs
from bayeslayers.predictive.outputs import OutputKind, Outputs, listed
from bayeslayers.predictive.results import Results, outputs_of
from bayeslayers.shim.linear_predictor import LinearPredictor

_FLOATS = frozenset(("bfloat16", "float16", "float32", "float64"))

# The dtype of the arguments of the R function that is running.
_dtype_of_caller: ContextVar[str | None] = ContextVar("dtype_of_caller", default=None)


class Numbers:
    """R's numbers, which have no dtype of their own.

    They take that of the tensors and distributions beside them; failing that, of those that the R
    function was called with in which they stand; failing that, Keras's `floatx`.

    Args:
        values: A number, a list of numbers or an array.
    """

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)


def call(function: Callable[..., Any], /, **arguments: Any) -> Any:
    """Call a function, whose arguments may hold R's numbers.

    Args:
        function: A function of the core.
        arguments: What R sent.
    """
    return function(**_with_dtype(arguments, _float_dtype(arguments.values())))


def _float_dtype(values: Iterable[Any]) -> str | None:
    """Return the first dtype of floating-point numbers among values, or that a value names."""
    names = (_dtype_name(value) for value in values)
    return next((name for name in names if name in _FLOATS), None)


def _dtype_name(value: Any) -> str | None:
    """Return the name of a value's dtype, or of a dtype."""
    dtype = getattr(value, "dtype", value)
    if dtype is None:
        return None
    if dtype is value and hasattr(value, "event_shape"):
        # Distributions of PyTorch have no dtype, but their parameters have.
        return _float_dtype(vars(value).values())
    try:
        return keras.backend.standardize_dtype(dtype)
    except (TypeError, ValueError):
        return None


def _with_dtype(value: Any, dtype: str | None) -> Any:
    """Replace the numbers in a value, however deep in lists, by tensors."""
    if isinstance(value, Numbers):
        if dtype and value.values.dtype.kind == "i":
            # As plain numbers, which become floats or integers as the function needs.
            return value.values.tolist()
        dtype = dtype or _dtype_of_caller.get() or keras.config.floatx()
        return keras.ops.convert_to_tensor(value.values, dtype)
    if type(value) in (list, tuple):
        return type(value)(_with_dtype(item, dtype) for item in value)
    if type(value) is dict:
        return {name: _with_dtype(item, dtype) for name, item in value.items()}
    return value


class RClosure(NeverRegistered):
    """An R function in the place of a Python function.

    R matches arguments by name, and the names that its author chose are not ours: arguments are
    handed over by position alone. What comes back is what R returned, lists as lists; numbers
    become tensors, of the dtype of the tensors that the function was called with.

    Args:
        function: The R function, as reticulate hands it over.
        argument: The argument that it was given for.
        names: The names of the function's own arguments, where they mean something to Python.
    """

    way_out = (
        "An R function lives in its R session alone: save the weights with `save_weights()`, and "
        "build the model anew before `load_weights()`; or pass a Python function registered with "
        "`keras.saving.register_keras_serializable()`."
    )

    def __init__(
        self, function: Callable[..., Any], argument: str, names: Sequence[str] | None = None
    ) -> None:
        self._function = function
        self._argument = argument
        if names is not None:
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters = [inspect.Parameter(name, kind) for name in names]
            vars(self)["__signature__"] = inspect.Signature(parameters)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = (*args, *kwargs.values())
        token = _dtype_of_caller.set(_float_dtype(args) or _dtype_of_caller.get())
        try:
            return _with_dtype(self._function(*args), None)
        except NotImplementedError:
            # A distribution without a closed form: the caller handles this.
            raise
        except Exception as error:
            # The message names the argument, whether `fit()` or the model itself called.
            message = f"The function `{self._argument}` failed: {_text(error)}"
            raise RuntimeError(message) from error
        finally:
            _dtype_of_caller.reset(token)

    def __repr__(self) -> str:
        return "an R function"


def _text(error: Exception) -> str:
    """Return the text of an R error, or type and text of an error of Python."""
    comes_from_r = hasattr(error, "r_class")
    return str(error) if comes_from_r else "".join(traceback.format_exception_only(error)).strip()


def columns(table: Any) -> dict[str, Any]:
    """Return a data frame's columns: reticulate does not know those of every pandas."""
    return {
        name: column.to_numpy() if column.dtype.kind in "bif" else column.astype(str).tolist()
        for name, column in table.items()
    }


class NotAvailable:
    """R's `NA`, which reticulate would turn into `True` or a number; no rule accepts it."""

    def __repr__(self) -> str:
        return "NA"


def linear_predictors(model: Any, x: Any, output: Any, **settings: Any) -> np.ndarray:
    """Return draws of a model's linear predictor, (draws, n, ...).

    Args:
        model: A Keras model.
        x: Inputs.
        output: Name or place of one of several outputs, or `None`.
        settings: The other arguments of `predict_draws()`.
    """
    inputs: Any = as_inputs(x)
    predictor = LinearPredictor(model, outputs_of(model, inputs), output)
    return predict_draws(predictor, inputs, **settings)


def outcomes(model: Any, x: Any, output: Any, *, in_order: bool, **settings: Any) -> Any:
    """Return draws of the outcome, (draws, n, ...), or those of each output in a nest.

    Args:
        model: A Keras model.
        x: Inputs.
        output: Name or place of one of several outputs; `None` stands for all.
        in_order: Whether outcomes must have an order, as intervals need it.
        settings: The other arguments of `predict_draws()`.
    """
    inputs: Any = as_inputs(x)
    outputs = outputs_of(model, inputs)
    asked = outputs.kinds if output is None else (outputs.select(output),)
    _check_outcomes(model, outputs, asked, in_order=in_order)
    return predict_draws(model, inputs, kind="sample", output=output, **settings)


def predictive_errors(model: Any, x: Any, y: Any, output: Any, **settings: Any) -> np.ndarray:
    """Return what was observed minus draws of the outcome, (draws, n, ...).

    Args:
        model: A Keras model.
        x: Inputs.
        y: Targets, or `None` where they come with the inputs.
        output: Name or place of one of several outputs, or `None`.
        settings: The other arguments of `predict_draws()`.
    """
    evaluation = Evaluation(model, x, **settings)
    selected = evaluation.outputs.select(output)
    _check_outcomes(model, evaluation.outputs, (selected,), in_order=True)
    check = functools.partial(check_labels, selected)
    targets = evaluation.targets(y, selected, check, selected.width if selected.classes else None)
    results = Results(evaluation.inputs.count)

    def subtract(block: Block) -> None:
        outcomes = block.values[0].astype("float64")
        observed = block.observed.astype("float64").reshape(outcomes.shape[1:])
        results.add(Block(block.start, block.size, [observed - outcomes], None))

    # The log density is asked for because it takes targets of the outcome's shape alone.
    wanted = [(selected.place, name) for name in ("sample", "log_prob")]
    evaluation.reduce(wanted, subtract, targets, in_pieces=False)
    return results.values()[0]


def _check_outcomes(
    model: Any, outputs: Outputs, asked: tuple[OutputKind, ...], *, in_order: bool
) -> None:
    """Raise an error unless outcomes can be drawn from the outputs that are asked for."""
    hint = "`posterior_epred()` gives the draws of what the model returns."
    kinds = [kind for kind in outputs.kinds if kind.is_distribution]
    if not kinds:
        rule = "must end in a distribution, such as `layer_distribution_lambda()` gives"
        received = {"model": Described(f"{model.name!r}, which ends in a tensor")}
        raise ArgumentError("model", rule, received, hint)
    if in_order:
        hint = "`posterior_epred()` gives the draws of their probabilities."
        kinds = [kind for kind in kinds if not kind.is_number_of_class]
    if not kinds:
        rule = "must have outcomes in an order, as classes have no intervals"
        received = {"model": Described(f"{model.name!r}, which ends in classes")}
        raise ArgumentError("model", rule, received, hint)
    if not set(asked) <= set(kinds):
        order = " with outcomes in an order, as classes have no intervals" if in_order else ""
        rule = f"must be the name or the place of a distribution{order}{listed(kinds)}"
        name = asked[0].name if len(asked) == 1 else None
        raise ArgumentError("output", rule, {"output": name})
