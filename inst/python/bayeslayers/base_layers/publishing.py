"""The step that makes a class of layers public.

`@public_layer` stands above each layer whose constructor and docstring are written out. With
`@estimator_layer`, which stands above each layer that pairs an estimator with a geometry, signature
and page are put together from the two, and the distributions of the weights become attributes. A
user's subclass of a layer does not go through this step: it keeps the constructor that it wrote or
inherited.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import keras
from keras.regularizers import Regularizer

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.linear_layer import ActivatedLinearLayer
from bayeslayers.base_layers.variational_layer import BIAS, VariationalLayer
from bayeslayers.contract import binding, docstrings, pages

_Layer = TypeVar("_Layer", bound=pages.LayerClass)
_EstimatorLayer = TypeVar("_EstimatorLayer", bound=VariationalLayer)
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
_DISTRIBUTIONS = ("posterior", "prior")
_DETAILS = (
    "The layer draws its weights anew at every call, in training and in prediction. "
    "`predict_draws()` calls a model many times to give its predictive distribution.",
    "After the layer has been built, its attributes {distributions} are distributions that follow "
    "its variables. They come from TensorFlow Probability on TensorFlow and on JAX, and from "
    "`torch.distributions` on PyTorch. `losses` holds one number for each prior: the divergence of "
    "the posterior from this prior, which Keras adds to the loss. The sum over a model is the KL "
    "term of the evidence lower bound for the whole training set. With a loss that is a mean over "
    "examples, this sum must be divided by the number of training examples: see `scale_kl()`.",
)


def public_layer(layer_class: type[_Layer]) -> type[_Layer]:
    """Make a layer public that is written out; see `_publish`."""
    arguments = binding.join(*map(binding.parameters_of, _constructors(layer_class.__mro__)))
    parts = docstrings.parse(layer_class.__doc__).parts()
    prose: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    for each in reversed(layer_class.__mro__):
        prose |= vars(each).get("argument_prose", {})
        notes = (*notes, *vars(each).get("page_notes", ()))
    parts["details"] = (*parts.get("details", ()), *notes)
    return _publish(layer_class, arguments, {**parts, "own_prose": prose | parts["own_prose"]})


def estimator_layer(layer_class: type[_EstimatorLayer]) -> type[_EstimatorLayer]:
    """Make a layer public that names its `estimator_type` and its `geometry_type`."""
    _add_distributions(layer_class)
    return _publish(layer_class, _arguments(layer_class), _documentation(layer_class))


def converted_layer(layer_class: type[_EstimatorLayer]) -> type[_EstimatorLayer]:
    """Complete a layer as `estimator_layer` does, but for a page.

    For layers that functions of models put in the places of others, and that nobody makes by hand.
    """
    _add_distributions(layer_class)
    return _complete(layer_class, _arguments(layer_class))


def _add_distributions(layer_class: type[VariationalLayer]) -> None:
    """Give a class the distributions of its random weights as attributes."""
    for role in layer_class.roles():
        for kind in _DISTRIBUTIONS:
            setattr(layer_class, f"{role}_{kind}", _distribution(role, kind))


def _publish(
    layer_class: type[_Layer], arguments: inspect.Signature, parts: dict[str, Any]
) -> type[_Layer]:
    """Complete a class, and document it.

    Args:
        layer_class: The class, which names its `function_name`.
        arguments: See `_complete`.
        parts: The parts of its page that are its own; see `contract.pages.Page`.
    """
    completed = _complete(layer_class, arguments)
    completed.page = pages.layer_page(completed, parts)
    completed.__doc__ = pages.docstring(completed.page)
    return completed


def _complete(layer_class: type[_Layer], arguments: inspect.Signature) -> type[_Layer]:
    """Bind the constructor of a layer, and register the class with Keras.

    Args:
        layer_class: The class.
        arguments: All arguments, those of the bases included. Those that are keyword-only come
            through `**kwargs`.
    """
    _refuse_abstract(layer_class)
    layer_class.arguments = arguments
    layer_class.__init__ = _bound(layer_class, arguments)  # type: ignore[method-assign]
    return keras.saving.register_keras_serializable("bayeslayers")(layer_class)


def _constructors(classes: Iterable[type]) -> list[Callable[..., None]]:
    """Return the constructors that classes of ours among these define themselves."""
    layers = [each for each in classes if issubclass(each, (BaseLayer, Regularizer))]
    return [vars(each)["__init__"] for each in layers if "__init__" in vars(each)]


def _bound(
    layer_class: type[pages.LayerClass], arguments: inspect.Signature
) -> Callable[..., None]:
    """Return the constructor with its arguments checked, and with its public signature."""
    constructor = layer_class.__init__

    @functools.wraps(constructor)
    def __init__(self: pages.LayerClass, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        constructor(self, **binding.bind(arguments, args, kwargs))

    public = binding.public(arguments)
    __init__.__qualname__ = f"{layer_class.__qualname__}.__init__"
    __init__.__annotations__ = {**binding.types(public), "return": None}
    signature = public.replace(parameters=[_SELF, *public.parameters.values()])
    vars(__init__)["__signature__"] = signature
    return __init__


def _refuse_abstract(layer_class: type[pages.LayerClass]) -> None:
    """Refuse a class that leaves an abstract method open: Keras's metaclass does not."""
    methods = {name: getattr(layer_class, name, None) for name in dir(layer_class)}
    abstract = [n for n, method in methods.items() if getattr(method, "__isabstractmethod__", 0)]
    if abstract:
        raise TypeError(f"{layer_class.__name__} must define {', '.join(abstract)}")


def _distribution(role: str, kind: str) -> property:
    """Return the property of a layer that is a weight's posterior or prior."""

    def get(self: VariationalLayer) -> Any:
        if not self.built:
            name = f"{role}_{kind}"
            raise AttributeError(f"`{name}` is there once layer '{self.name}' has been built.")
        return getattr(self.random_weights[role], kind)

    doc = f"The {kind} of the weight `{role}`, a distribution on live variables, or `None`."
    return property(get, doc=doc)


def _arguments(layer_class: type[VariationalLayer]) -> inspect.Signature:
    """Return the arguments of the geometry, of the layer, of its weights, and of its bases."""
    classes = layer_class.__mro__
    # The arguments of the weights stand between those of the two.
    own = _constructors(each for each in classes if issubclass(each, VariationalLayer))
    bases = _constructors(each for each in classes if not issubclass(each, VariationalLayer))
    return binding.join(
        binding.parameters_of(layer_class.geometry_type),
        *map(binding.parameters_of, own),
        *itertools.starmap(_weight_parameters, layer_class.arguments_of_weights().items()),
        *map(binding.parameters_of, bases),
        by_position=layer_class.positional_arguments,
    )


def _weight_parameters(role: str, weight_type: type) -> list[inspect.Parameter]:
    """Return the arguments of one weight, whose names begin with its role."""
    parameters = binding.parameters_of(weight_type)
    return [p.replace(name=f"{role}_{p.name}") for p in parameters if p.name != "role"]


def _documentation(layer_class: type[VariationalLayer]) -> dict[str, Any]:
    """Return the parts of the layer's page that are its own; see `contract.pages.Page`."""
    geometry, estimator = layer_class.geometry_type, layer_class.estimator_type
    names = [f"`{role}_{kind}`" for role in layer_class.roles() for kind in _DISTRIBUTIONS]
    open_text = {
        "distributions": f"{', '.join(names[:-1])} and {names[-1]}",
        "first": layer_class.roles()[0],
    }
    activation = ', activation="relu"' if issubclass(layer_class, ActivatedLinearLayer) else ""
    references = [estimator.reference, geometry.reference]
    return {
        "title": f"{geometry.title} with the {estimator.name} estimator",
        "formula": f"{estimator.formula}\n{geometry.formula}",
        "details": (
            f"{geometry.title} whose weights are random: training fits {estimator.fitted}. "
            f"{estimator.occasion}",
            f"{geometry.shapes}.",
            *f"{estimator.explanation}.".split("\n\n"),
            *(text.format(**open_text) for text in _DETAILS),
        ),
        "reference": " ".join(filter(None, references)),
        "example_arguments": f"{geometry.example_arguments}{activation}",
        "example_shape": geometry.example_shape,
        "example_losses": sum(role != BIAS for role in layer_class.roles()),
        "rank": getattr(geometry, "rank", ""),
        "own_prose": geometry.own_prose,
    }
