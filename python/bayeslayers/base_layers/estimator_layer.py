"""The step that makes a pair of an estimator and a geometry a public layer.

Signature and page are put together from the two, and the distributions of the weights become
attributes.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from bayeslayers.base_layers.linear_layer import ActivatedLinearLayer
from bayeslayers.base_layers.public_layer import constructors, publish
from bayeslayers.base_layers.variational_layer import VariationalLayer, weight_type
from bayeslayers.contract import binding

_Layer = TypeVar("_Layer", bound=VariationalLayer)
_DISTRIBUTIONS = ("posterior", "prior")
_DETAILS = (
    "The layer draws its weights anew at every call, in training and in prediction alike: call the "
    "model many times for the predictive distribution.",
    "After the layer has been built, {distributions} are TensorFlow Probability distributions that "
    "follow the layer's variables. `losses` holds one number for each prior that is there: the "
    "divergence of the posterior from it, which Keras adds to the loss. The sum over a model is "
    "the KL term of the evidence lower bound, for the whole training set: with a loss that is a "
    "mean over examples, divide it by the number of training examples (see "
    "`{first}_divergence_fn`).",
)


def estimator_layer(layer_class: type[_Layer]) -> type[_Layer]:
    """Make a layer public that names its `estimator_type` and its `geometry_type`."""
    for role in layer_class.roles():
        for what in _DISTRIBUTIONS:
            setattr(layer_class, f"{role}_{what}", _distribution(role, what))
    return publish(layer_class, _arguments(layer_class), _documentation(layer_class))


def _distribution(role: str, what: str) -> property:
    """Return the property of a layer that is a weight's posterior or prior."""

    def get(self: VariationalLayer) -> Any:
        if not self.built:
            name = f"{role}_{what}"
            raise AttributeError(f"`{name}` is there once layer '{self.name}' has been built.")
        return getattr(self.random_weights[role], what)

    doc = f"The {what} of the weight `{role}`, a distribution on live variables, or `None`."
    return property(get, doc=doc)


def _arguments(layer_class: type[VariationalLayer]) -> inspect.Signature:
    """Return the arguments of the geometry, of the layer, of its weights, and of its bases."""
    own = constructors(layer_class)
    bases = 1 + own.index(VariationalLayer.__init__)
    return binding.join(
        binding.parameters_of(layer_class.geometry_type),
        *map(binding.parameters_of, own[:bases]),
        *map(_weight_parameters, layer_class.roles()),
        *map(binding.parameters_of, own[bases:]),
        by_position=layer_class.positional_arguments,
    )


def _weight_parameters(role: str) -> list[inspect.Parameter]:
    """Return the arguments of one weight, whose names begin with its role."""
    parameters = binding.parameters_of(weight_type(role))
    return [p.replace(name=f"{role}_{p.name}") for p in parameters if p.name != "role"]


def _documentation(layer_class: type[VariationalLayer]) -> dict[str, Any]:
    """Return the parts of the layer's page that are its own; see `contract.pages.Page`."""
    geometry, estimator = layer_class.geometry_type, layer_class.estimator_type
    names = [f"`{role}_{what}`" for role in layer_class.roles() for what in _DISTRIBUTIONS]
    open_text = {
        "distributions": f"{', '.join(names[:-1])} and {names[-1]}",
        "first": geometry.kernels[0],
    }
    activation = ', activation="relu"' if issubclass(layer_class, ActivatedLinearLayer) else ""
    references = [estimator.reference, geometry.reference]
    return {
        "title": f"{geometry.title} with the {estimator.name} estimator",
        "formula": f"{estimator.formula}\n{geometry.formula}",
        "details": (
            f"{geometry.shapes}.",
            f"{estimator.explanation}.",
            *(text.format(**open_text) for text in _DETAILS),
        ),
        "reference": " ".join(filter(None, references)),
        "example_arguments": f"{geometry.example_arguments}{activation}",
        "example_shape": geometry.example_shape,
        "example_losses": len(geometry.kernels),
        "rank": getattr(geometry, "rank", ""),
        "own_prose": geometry.own_prose,
    }
