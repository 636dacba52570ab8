"""The Bayesian layers that take the places of Keras's, and the weights that they start from."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from bayeslayers.architecture.configurations import configuration
from bayeslayers.architecture.walk import held_layers
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.factors import KERNEL_ARGUMENTS
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.layers import FAMILY
from bayeslayers.layers.lora import LORA

LOW_RANK = "lora"
"""What low-rank adaptation is called among the estimators."""

# Arguments of layers with factors, which those that have none do without.
_OF_FACTORS = ("ensemble_size", "alpha_", "gamma_")
# What Keras regularizes or constrains, where a prior now does.
_REPLACED = ("regularizer", "constraint")


def bayesian_kind(layer: keras.Layer, estimator: str) -> type[VariationalLayer] | None:
    """Return the class that takes the place of a layer of Keras, if there is one."""
    name = _name_in_keras(type(layer))
    # A user's subclass of Keras's layer computes something else.
    if name is None:
        return None
    if estimator == LOW_RANK:
        return LORA.get(name)
    words = [word.capitalize() for word in estimator.split("_")]
    return FAMILY.get(name + "".join(words)) or FAMILY.get(f"{name}Reparameterization")


def _name_in_keras(kind: type[keras.Layer]) -> str | None:
    """Return the name under which Keras has a class, which may not be that of its definition."""
    names = [name for name, each in vars(keras.layers).items() if each is kind]
    return kind.__name__ if kind.__name__ in names else next(iter(names), None)


def bayesian_layer(
    layer: keras.Layer,
    kind: type[VariationalLayer],
    defaults: dict[str, Any],
    own: dict[str, Any],
) -> VariationalLayer | None:
    """Make the Bayesian layer, or nothing where it does not compute all that Keras's layer does."""
    config = configuration(layer)
    if any(config.get(name) for name in kind.geometry_type.of_keras_alone):
        return None
    try:
        return _bayesian(layer, kind, defaults, own)
    except ArgumentError as error:
        if error.argument not in kind.geometry_type.narrower:
            raise
        return None


def _bayesian(
    layer: keras.Layer,
    kind: type[VariationalLayer],
    defaults: dict[str, Any],
    own: dict[str, Any],
) -> VariationalLayer:
    """Make the Bayesian layer that computes what a layer of Keras does."""
    modes = {each.quantization_mode for each in (layer, *held_layers(layer))} - {None}
    if modes:
        rule = "must not have quantized layers in the places of Bayesian ones"
        received = Described(f"{layer.name!r} in {', '.join(modes)}")
        raise ArgumentError("model", rule, {"layer": received})
    config = configuration(layer)
    known = kind.arguments.parameters
    arguments = {
        name: serialization.deserialize(name, value)
        for name, value in config.items()
        if name in known and name != "seed"
    }
    arguments |= {"dtype": layer.dtype_policy}
    if config.get("use_bias") is False:
        arguments["bias_posterior_fn"] = None
    if kind.estimator_type.factors:
        # A kernel with factors has no prior of its own, and is trained as Keras's is.
        defaults = _of_trained_kernels(kind, config)
    else:
        own = {name: value for name, value in own.items() if not name.startswith(_OF_FACTORS)}
    return kind(**{**arguments, **_of_all_kernels(kind, {**defaults, **own})})


def _of_trained_kernels(kind: type[VariationalLayer], config: dict[str, Any]) -> dict[str, Any]:
    """Return what Keras's layer asks of its kernels by names that ours does not have."""
    in_keras = kind.geometry_type.kernel_in_keras
    names = {f"{in_keras}_{name}": f"kernel_{name}" for name in KERNEL_ARGUMENTS}
    return {
        ours: serialization.deserialize(ours, config[name])
        for name, ours in names.items()
        if name in config and name not in kind.arguments.parameters
    }


def _of_all_kernels(kind: type[VariationalLayer], arguments: dict[str, Any]) -> dict[str, Any]:
    """Let "kernel", "alpha" and "gamma" stand for those of all kernels, however they are called."""
    kernels, factors = kind.geometry_type.kernels, kind.estimator_type.factors
    roles = {"kernel": kernels}
    if not factors:
        roles = {"kernel": tuple(role for kernel in kernels for role in kind.roles_of(kernel))}
    for place, factor in enumerate(factors):
        roles[factor] = tuple(kind.roles_of(kernel)[place] for kernel in kernels)
    words = {name: name.partition("_")[0] for name in arguments}
    for_all = {
        name.replace(words[name], role, 1): value
        for name, value in arguments.items()
        for role in roles.get(words[name], ())
    }
    return for_all | {name: v for name, v in arguments.items() if words[name] not in roles}


def replaced_by_prior(layer: keras.Layer, ours: VariationalLayer) -> list[str]:
    """Return the arguments of a layer of Keras that the prior of ours takes the place of."""
    names = [name for name in inspect.signature(type(layer)).parameters if name.endswith(_REPLACED)]
    # Attention hands them on to the layers that it makes.
    holders = held_layers(layer) or [layer]
    trained = ours.geometry_type.kernel_in_keras if ours.estimator_type.factors else None
    return [
        name
        for name in names
        if not name.startswith("activity")
        and name not in ours.arguments.parameters
        and name.partition("_")[0] != trained
        and any(getattr(each, name, None) for each in holders)
    ]


def trained_weights(layer: keras.Layer) -> list[Any]:
    """Return the weights of a layer of Keras, and of those inside it, kernels first."""
    held = held_layers(layer)
    if held:
        return [weight for each in held for weight in trained_weights(each)]
    if not getattr(layer, "lora_enabled", False):
        return layer.get_weights()
    # A file holds the kernel to which low-rank updates have been added, and not these.
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return [keras.ops.convert_to_numpy(store[place]) for place in sorted(store, key=int)]
