"""What an output of a model is taken for: values, or the probabilities or logits of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.predictive.outputs import OutputKind

if TYPE_CHECKING:
    import keras

OUTPUTS = ("auto", "values", "probabilities", "logits")


def kind_of_output(output: OutputKind, outputs: str) -> str:
    """Return what an output of a model is.

    Args:
        output: The output.
        outputs: What the caller says of it.

    Returns:
        "values"; or "probabilities" or "logits" of classes, which the model returns, or makes its
        distribution from.
    """
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    if output.is_distribution:
        return _kind_of_distribution(output, outputs)
    return "values" if outputs == "auto" else outputs


def _kind_of_distribution(output: OutputKind, outputs: str) -> str:
    if outputs in ("probabilities", "logits"):
        rule = 'must be "auto" or "values" for a model that ends in a distribution'
        raise ArgumentError("outputs", rule, {"outputs": outputs})
    if outputs == "values" and output.is_number_of_class:
        rule = 'must be "auto" for a model that ends in a distribution over classes'
        raise ArgumentError("outputs", rule, {"outputs": outputs})
    return output.classes if outputs == "auto" and output.classes else "values"


def check_order(model: keras.Model, output: OutputKind) -> None:
    """Raise an error where outcomes are numbers of classes, which have neither order nor mean."""
    if output.is_number_of_class:
        rule = "must end in values, or in a distribution over one class for each example"
        received = Described(f"{model.name!r}, which ends in numbers of classes")
        raise ArgumentError("model", rule, {"model": received})


def check_noise(output: OutputKind, model: keras.Model) -> None:
    """Raise an error unless a model's output is a distribution."""
    if not output.is_distribution:
        rule = (
            "must end in a distribution, such as `layer_distribution_lambda()` gives, or in "
            "classes that `outputs` names"
        )
        received = Described(f"{model.name!r}, which ends in a tensor of values")
        raise ArgumentError("model", rule, {"model": received})
