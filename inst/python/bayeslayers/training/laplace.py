"""Laplace's approximation: the posterior of trained weights, from the curvature of their loss."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from bayeslayers import backend
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.mean_field import untransformed_of
from bayeslayers.layers import HomoscedasticNormal
from bayeslayers.layers.laplace import STRUCTURES, LaplaceLayer, Probe, probing
from bayeslayers.predictive.classes import as_labels, check_labels
from bayeslayers.predictive.evaluation import check_target_shapes
from bayeslayers.predictive.input_checks import check_inputs, check_shapes
from bayeslayers.predictive.inputs import ArrayInputs, repeatable, specification
from bayeslayers.predictive.kinds import OUTPUTS
from bayeslayers.predictive.outputs import OutputKind, call_under, describe, leaves
from bayeslayers.predictive.targets import Targets
from bayeslayers.training.curvature import best_prior_precision, curvature_of
from bayeslayers.training.laplace_likelihoods import (
    Likelihood,
    NormalNoise,
    likelihood_for,
    likelihood_of_classes,
    likelihood_of_distribution,
)

# How many numbers of a Jacobian are held at once, and how many examples at the most.
_NUMBERS, _LARGEST_BATCH = 2**24, 256


@dataclass(frozen=True)
class LaplaceSettings:
    """What the caller asks for.

    Args:
        structure: What is known of the Hessian: "full", "kron" or "diagonal".
        subset: The layers: "last_layer" or "all".
        prior_precision: That of all weights; `None` is the best by the marginal likelihood.
        noise: The standard deviation of values around the outputs; `None` is that of the residuals.
        outputs: What the numbers in a tensor are.
    """

    structure: str
    subset: str
    prior_precision: float | None
    noise: float | None
    outputs: str


def settings_of(
    hessian_structure: str,
    subset_of_weights: str,
    prior_precision: float | str,
    noise: float | None,
    outputs: str,
) -> LaplaceSettings:
    """Return what the caller asks for, checked; the arguments are those of `as_bayesian()`."""
    structure = checks.choice("hessian_structure", hessian_structure, STRUCTURES)
    subset = checks.choice("subset_of_weights", subset_of_weights, ("last_layer", "all"))
    if structure == "full" and subset == "all":
        rule = 'must be "kron" or "diagonal" for all layers: "full" is for the last one alone'
        raise ArgumentError("hessian_structure", rule, {"hessian_structure": structure})
    if isinstance(prior_precision, str):
        checks.choice("prior_precision", prior_precision, ("auto",))
        precision = None
    else:
        precision = checks.positive_number("prior_precision", prior_precision)
    noise = None if noise is None else checks.positive_number("noise", noise)
    outputs = checks.choice("outputs", outputs, OUTPUTS)
    return LaplaceSettings(structure, subset, precision, noise, outputs)


class LaplaceData:
    """The examples that the posterior is computed from, checked against a plain model.

    Args:
        model: The plain model.
        x: Inputs in any form that `predict()` takes.
        y: Targets, or `None` where they come with the inputs.
        settings: What the caller asks for.
        activation: The activation of the last dense layer.
    """

    def __init__(
        self, model: keras.Model, x: Any, y: Any, settings: LaplaceSettings, activation: Any
    ) -> None:
        self._inputs = repeatable(x)
        check_inputs(self._inputs)
        first = self._inputs.first.x
        check_shapes(model, first)
        outputs = describe(model, specification(first))
        if len(outputs.kinds) != 1:
            rule = "must have one output, whose likelihood is then that of the targets"
            raise ArgumentError("model", rule, {"outputs": len(outputs.kinds)})
        (self.output,) = outputs.kinds
        self.kind = likelihood_for(model, self.output, settings.outputs, activation)
        self._check_noise(settings.noise, model)

        def pick(targets: Any) -> Any:
            return outputs.target_of(self.output, targets)

        classes = None if self.kind == "values" else self.output.width
        check = functools.partial(_check_targets, self.output, self.kind)
        self._targets = Targets(self._inputs, y, pick, check, classes)

    def _check_noise(self, noise: float | None, model: keras.Model) -> None:
        is_tensor_of_values = self.kind == "values" and not self.output.is_distribution
        if noise is not None and not is_tensor_of_values:
            rule = "must be `None` for a model of classes, and for one that ends in a distribution"
            raise ArgumentError("noise", rule, {"noise": noise})
        shape = self.output.shape
        if is_tensor_of_values and (shape is None or len(shape) != 1):
            rule = "must return one row of values for each example"
            received = Described(f"{model.name!r}, which returns the shape {shape} for each")
            raise ArgumentError("model", rule, {"model": received})

    def batches(self, size: int) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield inputs and targets, of so many examples where they do not come in batches."""
        start = 0
        inputs = self._inputs
        found = inputs.batches(size) if isinstance(inputs, ArrayInputs) else inputs.batches(None)
        for batch in found:
            yield batch.x, self._targets.of_batch(batch, start)
            start += batch.size


def _check_targets(output: OutputKind, kind: str, y: np.ndarray) -> None:
    if kind != "values":
        as_labels(y, output.width)
        return
    check_labels(output, y)
    if output.shape is not None and None not in output.shape:
        check_target_shapes((None, *output.shape), y)


class LaplacePosterior:
    """The posterior of the weights of layers in a model.

    Args:
        model: A model with Laplace layers, at the trained weights.
        layers: These layers.
        data: The examples.
        settings: What the caller asks for.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: list[LaplaceLayer],
        data: LaplaceData,
        settings: LaplaceSettings,
    ) -> None:
        self._model, self._layers, self._data, self._settings = model, layers, data, settings
        self.noise: np.ndarray | None = None

    def fit(self) -> None:
        """Compute the posterior, and set it in the layers."""
        likelihood = self._likelihood()
        curvatures = {}
        for layer in self._layers:
            rows, columns = layer.shape_of_matrix
            curvatures[layer] = curvature_of(self._settings.structure, rows, columns)
        for x, _ in self._data.batches(self._batch_size(likelihood)):
            for layer, inputs, gradients in self._gradients(x, likelihood):
                curvatures[layer].add(inputs, gradients)
        spectra = {layer: curvature.spectrum() for layer, curvature in curvatures.items()}
        precision = self._settings.prior_precision
        if precision is None:
            means = [mean for layer in self._layers for mean in layer.plain_weights("mean")]
            squares = sum(float(np.sum(np.square(mean, dtype="float64"))) for mean in means)
            values = [spectrum.values for spectrum in spectra.values()]
            precision = best_prior_precision(values, squares)
        for layer, spectrum in spectra.items():
            layer.set_spread(spectrum.values, spectrum.rotations, precision)
        # The penalties that layers keep are those of this call, which has no gradients.
        self._call(next(self._data.batches(1))[0], Probe())

    def _likelihood(self) -> Likelihood:
        kind, output = self._data.kind, self._data.output
        if output.is_distribution:
            x, _ = next(self._data.batches(1))
            return likelihood_of_distribution(self._call(x, Probe()), kind)
        if kind != "values":
            return likelihood_of_classes(kind)
        noise, given = self._residuals(), self._settings.noise
        if given is None and not (noise > 0).all():
            rule = "must be given where the model meets all targets exactly"
            raise ArgumentError("noise", rule, {"noise": given})
        self.noise = noise if given is None else np.full_like(noise, given)
        return NormalNoise(self.noise)

    def _residuals(self) -> np.ndarray:
        """Return the root mean square of each value's residuals."""
        total, count = np.zeros(()), 0
        for x, y in self._data.batches(_LARGEST_BATCH):
            found = _numbers(self._call(x, Probe()))
            total = total + np.square(y.reshape(found.shape) - found).sum(axis=0)
            count += len(found)
        return np.sqrt(total / count)

    def _call(self, x: Any, probe: Probe) -> Any:
        """Return the model's output at the means of the weights."""
        with probing(probe):
            outputs, _ = call_under(self._model, ops.zeros(2, "int32"), 0, x)
        return leaves(outputs)[0]

    def _batch_size(self, likelihood: Likelihood) -> int:
        """Return for how many examples the Jacobians are not too large."""
        x, _ = next(self._data.batches(1))
        probe = Probe()
        parameters = likelihood.parameters(self._call(x, probe)).shape[1]
        sizes = [math.prod(self._only(probe.outputs, layer).shape[1:]) for layer in self._layers]
        return max(1, min(_LARGEST_BATCH, _NUMBERS // (parameters * max(sizes))))

    def _gradients(
        self, x: Any, likelihood: Likelihood
    ) -> Iterator[tuple[LaplaceLayer, np.ndarray, np.ndarray]]:
        """Yield each layer with its inputs and G for a batch: see `training.curvature`."""
        probe = Probe()
        self._call(x, probe)
        outputs = [self._only(probe.outputs, layer) for layer in self._layers]

        def parameters(shifts: list[Any]) -> Any:
            ids = map(id, self._layers)
            shifted = self._call(x, Probe(dict(zip(ids, shifts, strict=True))))
            return likelihood.parameters(shifted)

        found, pull = backend.pullback(parameters, [ops.zeros_like(each) for each in outputs])
        jacobians = self._jacobians(found, pull)
        root = likelihood.root(_numbers(found))
        for layer, jacobian in zip(self._layers, jacobians, strict=True):
            inputs = _numbers(layer.multiplied(self._only(probe.inputs, layer)))
            gradients = np.einsum("njm,njtk->nmtk", root, jacobian, optimize=True)
            yield layer, inputs.reshape(len(inputs), -1, inputs.shape[-1]), gradients

    @staticmethod
    def _jacobians(found: Any, pull: Callable[[Any], list[Any]]) -> list[np.ndarray]:
        """Return the Jacobians (n, parameters, positions, columns) with respect to each layer."""
        count = found.shape[1]
        each = [
            [_numbers(part) for part in pull(ops.broadcast_to(direction, ops.shape(found)))]
            for direction in ops.eye(count, dtype=found.dtype)
        ]
        stacked = [np.stack(parts, axis=1) for parts in zip(*each, strict=True)]
        return [part.reshape(*part.shape[:2], -1, part.shape[-1]) for part in stacked]

    def _only(self, found: dict[int, list[Any]], layer: LaplaceLayer) -> Any:
        """Return what a layer was called with, or returned, in its only call."""
        calls = found.get(id(layer), [])
        if len(calls) != 1:
            rule = "must call each of these layers once"
            received = Described(f"{len(calls)} calls of {layer.name!r}")
            raise ArgumentError("model", rule, {"calls": received})
        return calls[0]


def with_noise(model: keras.Model, noise: np.ndarray) -> keras.Model:
    """Return a model of values that ends in their normal distribution.

    Args:
        model: A model that returns a row of values for each example.
        noise: The standard deviation of each value.
    """
    layer = HomoscedasticNormal(len(noise), convert_to_tensor_fn="mean")
    if isinstance(model, keras.Sequential):
        model.add(layer)
    else:
        model = type(model)(model.input, layer(model.output), name=model.name)
    layer.untransformed_scale.assign(untransformed_of(noise, layer.variable_dtype))
    return model


def _numbers(tensor: Any) -> np.ndarray:
    """Return a tensor as an array in double precision."""
    return ops.convert_to_numpy(ops.cast(tensor, backend.at_least_single(tensor.dtype))).astype(
        "float64"
    )
