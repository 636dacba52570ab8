"""Between Bayesian and plain Keras: the same architecture with the other kind of layers."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import model_function
from bayeslayers.distributions.makers import NormalAround
from bayeslayers.layers import FAMILY
from bayeslayers.layers.diverging import DivergingLayer
from bayeslayers.layers.variational import VariationalLayer
from bayeslayers.models.walk import check_model, diverging_layers


@model_function(
    title="Plain Keras model of a Bayesian one",
    formula="w = E_q[w]   or   w ~ q",
    details=(
        "The same architecture with Keras's own layers in the place of this package's, whose "
        'weights are the means of the posteriors ("mean") or one draw of them all ("sample"): '
        "for a file that needs nothing but Keras, for TensorFlow Lite, or for speed. The model "
        "that is passed stays as it is. Other layers are cloned with their weights.",
        "The outputs at the mean of the weights are not the mean of the outputs, and say nothing "
        "of what is uncertain: see `predict_draws()`.",
    ),
    returns="A Keras model, not compiled.",
    raises="If `model` is not sequential or functional, or holds no built layer with a posterior.",
    python_example="""\
>>> import keras
>>> from bayeslayers import as_deterministic, layer_dense_flipout
>>> model = keras.Sequential([keras.Input((3,))])
>>> model = layer_dense_flipout(model, units=2)
>>> [type(layer).__name__ for layer in as_deterministic(model).layers]
['Dense']""",
    r_example="""\
keras <- reticulate::import("keras")
model <- keras$Sequential() |>
  layer_dense_flipout(units = 2, input_shape = 3)
as_deterministic(model)""",
    reference="Blundell, C., Cornebise, J., Kavukcuoglu, K., and Wierstra, D. (2015). Weight "
    "Uncertainty in Neural Networks. International Conference on Machine Learning. "
    "https://arxiv.org/abs/1505.05424",
)
def as_deterministic(model: keras.Model, weights: str = "mean") -> keras.Model:
    weights = checks.choice("weights", weights, ("mean", "sample"))
    diverging_layers(model)
    twins: list[tuple[keras.Layer, keras.Layer]] = []

    def clone(layer: keras.Layer) -> keras.Layer:
        is_ours = isinstance(layer, DivergingLayer)
        twin = layer.plain_layer() if is_ours else type(layer).from_config(layer.get_config())
        twins.append((layer, twin))
        return twin

    plain = clone_with(model, clone)
    for layer, twin in twins:
        if isinstance(layer, DivergingLayer):
            twin.set_weights(layer.plain_weights(weights))
        elif not isinstance(layer, keras.Model):
            twin.set_weights(layer.get_weights())
    return plain


_ESTIMATORS = ("flipout", "reparameterization", "local_reparameterization")
# What Keras regularizes or constrains, where a prior now does.
_REPLACED = ("regularizer", "constraint")


@model_function(
    title="Bayesian model of a plain Keras one",
    formula="w ~ q;   with MOPED   q = Normal(w0, delta |w0|),   p = Normal(w0, 1)",
    details=(
        "The same architecture with this package's layers in the place of Keras's dense, "
        "convolution, recurrent and embedding layers, under the same names. Layers that the "
        "estimator is not there for take reparameterization. Other layers, and those inside "
        "wrappers such as `Bidirectional`, are cloned with their weights. The model that is passed "
        "stays as it is.",
        "Without MOPED all posteriors start anew. With it (model priors with empirical Bayes using "
        "a deterministic network) posteriors and priors of the kernels are centred on the trained "
        "weights w0, and biases start at theirs: training then finds out how sure each weight is, "
        "from where it stands. Divide the divergence by the number of examples with `scale_kl()`.",
        "Regularizers and constraints of kernels and biases are left out, with a warning: the "
        "prior takes their place.",
    ),
    further="`kernel_prior_fn` and its like: arguments for all layers that are put in.",
    returns="A Keras model, not compiled.",
    raises="If `model` is not sequential or functional, or holds no layer that can be Bayesian; or "
    "if an argument breaks a rule that is stated here.",
    python_example="""\
>>> import keras
>>> from bayeslayers import as_bayesian
>>> plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
>>> model = as_bayesian(plain, estimator="flipout", moped=True)
>>> [type(layer).__name__ for layer in model.layers]
['DenseFlipout']""",
    r_example="""\
keras <- reticulate::import("keras")
plain <- keras$Sequential(list(keras$Input(list(3L)), keras$layers$Dense(2L)))
as_bayesian(plain, estimator = "flipout", moped = TRUE)""",
    reference="Krishnan, R., Subedar, M., and Tickoo, O. (2020). Specifying Weight Priors in "
    "Bayesian Deep Neural Networks with Empirical Bayes. AAAI Conference on Artificial "
    "Intelligence. https://arxiv.org/abs/1906.05323",
)
def as_bayesian(
    model: keras.Model,
    estimator: str = "flipout",
    moped: bool = False,
    delta: float = 0.1,
    **kwargs: Any,
) -> keras.Model:
    estimator = checks.choice("estimator", estimator, _ESTIMATORS)
    moped, delta = checks.boolean("moped", moped), checks.positive_number("delta", delta)
    arguments = {"kernel_prior_fn": NormalAround()} if moped else {}
    if moped and not check_model(model).built:
        rule = "must be false for a model that has not been built"
        raise ArgumentError("moped", rule, {"moped": moped})
    twins: list[tuple[keras.Layer, keras.Layer]] = []

    def clone(layer: keras.Layer) -> keras.Layer:
        kind = _bayesian_kind(layer, estimator)
        if kind is None:
            twin = type(layer).from_config(layer.get_config())
        else:
            twin = _bayesian(layer, kind, arguments, kwargs)
        twins.append((layer, twin))
        return twin

    bayesian = clone_with(check_model(model), clone)
    if all(type(layer) is type(twin) for layer, twin in twins):
        rule = "must contain a dense, convolution, recurrent or embedding layer of Keras"
        raise ArgumentError("model", rule, {"model": Described(f"{model.name!r} without one")})
    for layer, twin in twins:
        if type(layer) is type(twin):
            if layer.built and not isinstance(layer, keras.Model):
                twin.set_weights(layer.get_weights())
        elif moped:
            twin.centre_on(layer.get_weights(), delta)
    return bayesian


def _bayesian_kind(layer: keras.Layer, estimator: str) -> type[VariationalLayer] | None:
    """Return the class that takes the place of a layer of Keras, if there is one."""
    name = type(layer).__name__
    # A user's subclass of Keras's layer computes something else.
    if getattr(keras.layers, name, None) is not type(layer):
        return None
    words = [word.capitalize() for word in estimator.split("_")]
    return FAMILY.get(name + "".join(words)) or FAMILY.get(f"{name}Reparameterization")


def _bayesian(
    layer: keras.Layer,
    kind: type[VariationalLayer],
    defaults: dict[str, Any],
    further: dict[str, Any],
) -> VariationalLayer:
    """Make the Bayesian layer that computes what a layer of Keras does."""
    config = layer.get_config()
    replaced = [
        name for name, value in config.items() if name.endswith(_REPLACED) and value is not None
    ]
    replaced = [name for name in replaced if not name.startswith("activity")]
    if replaced:
        warnings.warn(
            f"Layer {layer.name!r} loses {replaced}: its prior takes their place.", stacklevel=4
        )
    known = kind.arguments.parameters
    arguments = {name: value for name, value in config.items() if name in known and name != "seed"}
    arguments |= {"dtype": layer.dtype_policy}
    if config.get("use_bias") is False:
        arguments["bias_posterior_fn"] = None
    # "kernel" stands for all kernels, however a layer calls them.
    of_kernels = {
        name.replace("kernel", role, 1): value
        for name, value in {**defaults, **further}.items()
        if name.startswith("kernel_")
        for role in kind.geometry_type.kernels
    }
    others = {name: value for name, value in further.items() if not name.startswith("kernel_")}
    return kind(**{**arguments, **of_kernels, **others})


def clone_with(model: keras.Model, clone_function: Any) -> keras.Model:
    """Return the architecture of a model with the layers that a function makes of its own."""
    try:
        return keras.models.clone_model(model, clone_function=clone_function, recursive=True)
    except ValueError as error:
        rule = "must be a `Sequential` or functional model, whose architecture Keras can clone"
        received = Described(f"a {type(model).__name__}: {str(error).splitlines()[0]}")
        raise ArgumentError("model", rule, {"model": received}) from error
