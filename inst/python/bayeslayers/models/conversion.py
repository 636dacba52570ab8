"""Between Bayesian and plain Keras: the same architecture with the other kind of layers."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import keras
from numpy.typing import ArrayLike

from bayeslayers.architecture.cloning import Pair, copy_of, in_one_line
from bayeslayers.architecture.configurations import configuration
from bayeslayers.architecture.walk import all_layers, bayesian_layers, check_model, held_layers
from bayeslayers.base_layers import serialization
from bayeslayers.base_layers.attention_layer import AttentionLayer
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.distributions.fixed_priors import NormalAround
from bayeslayers.layers import FAMILY
from bayeslayers.predictive.inputs import ModelInputs, is_array
from bayeslayers.training.laplace import LaplaceData, LaplacePosterior, settings_of, with_noise
from bayeslayers.training.laplace_layers import chosen_layers, laplace_layer


@public_function()
def as_deterministic(model: keras.Model, weights: str = "mean") -> keras.Model:
    """Plain Keras model of a Bayesian one.

        w = E_q[w]   or   w ~ q

    Take it to use a Bayesian model where only Keras is installed, or to see what the model predicts
    at the mean of its weights. q is the posterior of the weights w.

    The new model has the same architecture, with Keras's own layers in the place of this package's.
    Their weights are the means of the posteriors ("mean"), or one draw of them all ("sample"). It
    suits files that only Keras has to read, TensorFlow Lite, and fast prediction. Layers are
    replaced wherever they are: in nested models, in wrappers such as `Bidirectional`, and in any
    layer that has them as arguments. The model that is passed does not change.

    Other layers are cloned with their weights and with what they have learnt from data. Functions
    need not be registered, as no file is written. A distribution at the end of the model stays
    there: a file of such a model needs this package, and registered functions.

    The outputs at the mean of the weights are not the mean of the outputs, and do not show how
    uncertain they are: see `predict_draws()`.

    Args:
        model: A Keras 3 model, sequential or functional.

    Returns:
        A Keras model, not compiled.

    Raises:
        ArgumentError: If `model` is not sequential or functional, or holds no built layer with a
            posterior; or if a posterior would remain, in a layer that another one makes by itself.

    Example:
        >>> import keras
        >>> from bayeslayers import as_deterministic, layer_dense_flipout
        >>> model = keras.Sequential([keras.Input((3,))])
        >>> model = layer_dense_flipout(model, units=2)
        >>> [type(layer).__name__ for layer in as_deterministic(model).layers]
        ['Dense']

    R example:
        library(keras3)
        model <- keras_model_sequential(input_shape = 3) |>
          layer_dense_flipout(units = 2)
        as_deterministic(model)

    Reference:
        Blundell et al. (2015).
    """
    weights = checks.choice("weights", weights, ("mean", "sample"))
    bayesian_layers(model)
    _check_inputs_of_attention(model)
    copy = copy_of(
        model, lambda layer: layer.plain_layer() if isinstance(layer, BayesianLayer) else None
    )
    left = [_standing(pair) for pair in copy.kept if isinstance(pair.layer, BayesianLayer)]
    if left:
        rule = "must have its layers with a posterior where plain ones can take their place"
        raise ArgumentError("model", rule, {"layers": Described("; ".join(left))})
    for pair in copy.replaced:
        pair.copy.set_weights(pair.layer.plain_weights(weights))
    return copy.model


def _check_inputs_of_attention(model: keras.Layer) -> None:
    """Refuse attention in a `Sequential` model: Keras's own layer takes a query and a value."""
    found = [
        layer.name
        for holder in all_layers(model)
        if isinstance(holder, keras.Sequential)
        for layer in holder.layers
        if isinstance(layer, AttentionLayer)
    ]
    if found:
        rule = "must have attention layers in functional models, where they get query and value"
        raise ArgumentError("model", rule, {"layers of `Sequential`": found})


_LAPLACE = "laplace"
_ESTIMATORS = ("flipout", "reparameterization", "local_reparameterization")
# What Keras regularizes or constrains, where a prior now does.
_REPLACED = ("regularizer", "constraint")


@public_function()
def as_bayesian(
    model: keras.Model,
    estimator: str = "flipout",
    moped: bool = False,
    delta: float = 0.1,
    x: ModelInputs | None = None,
    y: ArrayLike | None = None,
    hessian_structure: str = "full",
    subset_of_weights: str = "last_layer",
    prior_precision: float | str = 1.0,
    noise: float | None = None,
    outputs: str = "auto",
    **kwargs: Any,
) -> keras.Model:
    """Bayesian model of a plain Keras one.

        w ~ q
        with MOPED     q = Normal(w0, delta |w0|),      p = Normal(w0, 1)
        with Laplace   q = Normal(w0, (H + tau I)^-1),  p = Normal(0, 1 / tau)

    Take it for a network that exists already: one call makes it Bayesian. With MOPED it also keeps
    what it has learnt, and with Laplace's approximation it needs no further training. w0 is a
    trained weight; q and p are its posterior and its prior; tau is `prior_precision`.

    The new model has the same architecture, with this package's layers in the place of Keras's
    dense, einsum, convolution, recurrent, embedding and attention layers, under the same names.
    Layers are replaced wherever they are: in nested models, in wrappers such as `Bidirectional`,
    and in any layer that has them as arguments. Where there is no such layer with the given
    estimator, the new layer has the reparameterization estimator. The model that is passed does not
    change.

    Other layers are cloned with their weights and with what they have learnt from data. A warning
    names the layers with kernels that stay plain, and the reason: another layer makes them by
    itself, as `GroupQueryAttention` does, or there is no Bayesian counterpart, as for the cells of
    `RNN`. Low-rank updates (LoRA) are added to the kernels first.

    Without MOPED all posteriors start anew. With MOPED (model priors with empirical Bayes using a
    deterministic network), the posteriors and priors of the kernels are centred on the trained
    weights w0, and the biases start at their trained values. Training then finds how certain each
    weight is. A prior function of your own keeps its mean, unless it takes the mean from a variable
    `<name>_loc`. The standard deviation is `delta |w0|` for each weight. A weight of zero counts as
    one of the mean absolute value of its kernel, or of 0.1 where all are zero. No standard
    deviation is below the smallest step from 1 in the dtype of the variables. Divide the divergence
    by the number of examples with `scale_kl()`.

    Regularizers and constraints of kernels and biases are left out, with a warning, as the prior
    takes their place.

    `estimator = "laplace"` computes the posterior of trained weights from the data `x` and `y`, in
    one pass and without training (MacKay 1992, Daxberger et al. 2021). H is the generalized
    Gauss-Newton matrix, the sum over examples of J' F J: J is the Jacobian of what the likelihood
    is a function of, such as logits, and F the Fisher information of that. For the last dense layer
    J is made of its inputs. So with "full" and normal noise the posterior is the exact one of
    Bayesian linear regression on these inputs, if the weights are the best ones under the prior:
    train with the penalty tau / 2 times the sum of their squares on the log-likelihood summed over
    the examples. A Keras loss is a mean over examples, so there the penalty is divided by their
    number.
    Kernel and bias have one joint posterior and the same prior, and all other layers stay plain.

    "full" holds the covariance of any two weights of the layer. It takes memory by the square of
    their number, and time by the cube: half a minute for 2,500. "kron" holds Kronecker factors, of
    the layer's inputs and of its outputs, and "diagonal" no covariance. Where `subset_of_weights`
    is "all", all dense and convolution layers have a posterior, each by itself. Outputs are then
    those of the network under draws of the weights, not of its linearization as in other
    implementations. Such draws may fit worse than the trained network, the more weights there are:
    compare them with the last layer alone.

    A network that tells the classes of its examples apart almost without doubt leaves a small H,
    and under a wide prior a posterior that is too wide. "auto" is of little help where the weights
    were trained without weight decay, as they are not the best ones under any prior. Then try some
    values of `prior_precision`, such as 1, 10, 100 and 1000, and keep the one with the best
    `log_score` of `predictive_scores()` on examples that were held out.

    The likelihood is that of the distribution that the model ends in, if its numbers are
    independent and normal, or that of classes. For a tensor it is what `outputs` says. A model of
    values then ends in a normal distribution of its own with the standard deviation `noise`, so
    that its predictions have the noise of the data; `predict()` returns the mean. Weights of
    examples are ignored. As training goes on, the posterior does not follow the weights.

    Args:
        model: A Keras 3 model, sequential or functional.
        x: The inputs that the model was trained on, in any form that `predict()` takes, for
            "laplace" alone. Batches may also hold targets.
        y: Their targets, as `predictive_scores()` takes them, or `None` where they come with `x`;
            for "laplace" alone.
        outputs: What the numbers in an output are, where it is a tensor, for "laplace" alone:
            "values", or "probabilities" or "logits" of classes. "auto" means what the loss says
            that the model was compiled with, a mean squared error or a crossentropy; without one,
            probabilities behind a softmax or a sigmoid, and values else.
        **kwargs: `kernel_prior_fn` and its like: arguments for all layers that are put in.

    Returns:
        A Keras model, not compiled.

    Raises:
        ArgumentError: If `model` is not sequential or functional, holds no layer that can be
            Bayesian, or holds one that is quantized; with MOPED, if a posterior function of your
            own does not take its mean from a variable `<name>_loc`; with "laplace", if the last
            layer with a kernel is not dense, a layer has a posterior already, or the likelihood is
            another one; or if an argument breaks a rule that is stated here.

    Example:
        >>> import keras
        >>> from bayeslayers import as_bayesian
        >>> plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> model = as_bayesian(plain, estimator="flipout", moped=True)
        >>> [type(layer).__name__ for layer in model.layers]
        ['DenseFlipout']
        >>> import numpy as np
        >>> x, y = np.random.default_rng(1).normal(size=(2, 32, 3))
        >>> model = as_bayesian(plain, estimator="laplace", x=x, y=y[:, :2])
        >>> [type(layer).__name__ for layer in model.layers]
        ['DenseLaplace', 'HomoscedasticNormal']

    R example:
        library(keras3)
        plain <- keras_model_sequential(input_shape = 3) |>
          layer_dense(2)
        as_bayesian(plain, estimator = "flipout", moped = TRUE)
        x <- matrix(rnorm(96), 32, 3)
        y <- matrix(rnorm(64), 32, 2)
        as_bayesian(plain, estimator = "laplace", x = x, y = y)

    Reference:
        Daxberger, E., Kristiadi, A., Immer, A., Eschenhagen, R., Bauer, M., and Hennig, P. (2021).
            Laplace Redux: Effortless Bayesian Deep Learning. Advances in Neural Information
            Processing Systems. https://arxiv.org/abs/2106.14806
        MacKay, D. J. C. (1992). A Practical Bayesian Framework for Backpropagation Networks.
            Neural Computation, 4(3), 448-472. https://doi.org/10.1162/neco.1992.4.3.448
        Krishnan, R., Subedar, M., and Tickoo, O. (2020). Specifying Weight Priors in Bayesian Deep
            Neural Networks with Empirical Bayes. AAAI Conference on Artificial Intelligence.
            https://arxiv.org/abs/1906.05323
    """
    estimator = checks.choice("estimator", estimator, (*_ESTIMATORS, _LAPLACE))
    moped, delta = checks.boolean("moped", moped), checks.positive_number("delta", delta)
    of_laplace = {
        "x": x,
        "y": y,
        "hessian_structure": hessian_structure,
        "subset_of_weights": subset_of_weights,
        "prior_precision": prior_precision,
        "noise": noise,
        "outputs": outputs,
    }
    if estimator == _LAPLACE:
        _refuse_others({"moped": moped, **kwargs})
        return _laplace_model(check_model(model), **of_laplace)
    _refuse_laplace(of_laplace, estimator)
    arguments = {"kernel_prior_fn": NormalAround()} if moped else {}
    if moped and not check_model(model).built:
        rule = "must be false for a model that has not been built"
        raise ArgumentError("moped", rule, {"moped": moped})

    def replacement(layer: keras.Layer) -> keras.Layer | None:
        kind = _bayesian_kind(layer, estimator)
        return None if kind is None else _bayesian_if_any(layer, kind, arguments, kwargs)

    copy = copy_of(check_model(model), replacement)
    staying = _staying(copy.kept, lambda layer: _bayesian_kind(layer, estimator))
    if not copy.replaced:
        rule = "must contain a dense, convolution, recurrent or embedding layer of Keras"
        received = {"model": Described(f"{model.name!r} without one")}
        if staying:
            received["layers"] = Described("; ".join(staying))
        raise ArgumentError("model", rule, received)
    if staying:
        warnings.warn(f"These layers stay as they are: {'; '.join(staying)}.", stacklevel=3)
    for pair in copy.replaced:
        lost = _replaced_by_prior(pair.layer)
        if lost:
            text = f"Layer {pair.layer.name!r} loses {lost}: its prior takes their place."
            warnings.warn(text, stacklevel=3)
        if moped:
            pair.copy.centre_on(_trained_weights(pair.layer), delta)
    return copy.model


def _refuse_others(arguments: dict[str, Any]) -> None:
    """Refuse arguments that have no meaning for Laplace's approximation."""
    for name, value in arguments.items():
        if value is not False:
            rule = f'must be left out where `estimator` is "{_LAPLACE}"'
            raise ArgumentError(name, rule, {name: value})


def _refuse_laplace(arguments: dict[str, Any], estimator: str) -> None:
    """Refuse arguments that have a meaning for Laplace's approximation alone."""
    defaults = inspect.signature(as_bayesian).parameters
    for name, value in arguments.items():
        default = defaults[name].default
        if value is not default and (is_array(value) or value != default):
            rule = f'must be left out unless `estimator` is "{_LAPLACE}"'
            raise ArgumentError(name, rule, {"estimator": estimator})


def _laplace_model(model: keras.Model, x: Any, y: Any, **arguments: Any) -> keras.Model:
    """Return a model with posteriors by Laplace's approximation; see `as_bayesian()`."""
    settings = settings_of(**arguments)
    chosen = chosen_layers(model, settings.subset, settings.structure)
    if x is None:
        rule = f'must be given where `estimator` is "{_LAPLACE}": the posterior comes from data'
        raise ArgumentError("x", rule, {"x": x})
    data = LaplaceData(model, x, y, settings, chosen[-1].activation)

    def replacement(layer: keras.Layer) -> keras.Layer | None:
        is_chosen = any(layer is each for each in chosen)
        return laplace_layer(layer, settings.structure) if is_chosen else None

    copy = copy_of(model, replacement)
    staying = _staying(copy.kept, lambda layer: any(layer is each for each in chosen))
    if not copy.replaced:
        rule = "must let another layer take the place of its last dense one"
        raise ArgumentError("model", rule, {"layers": Described("; ".join(staying))})
    if staying and settings.subset == "all":
        warnings.warn(f"These layers stay as they are: {'; '.join(staying)}.", stacklevel=4)
    for pair in copy.replaced:
        pair.copy.set_means(_trained_weights(pair.layer))
    posterior = LaplacePosterior(copy.model, [p.copy for p in copy.replaced], data, settings)
    posterior.fit()
    return copy.model if posterior.noise is None else with_noise(copy.model, posterior.noise)


def _staying(kept: list[Pair], is_asked_for: Callable[[keras.Layer], Any]) -> list[str]:
    """Say which layers stay plain, of those that have kernels, and why."""
    listed: list[keras.Layer] = []
    for pair in kept:
        layer = pair.layer
        has_kernel = hasattr(layer, "kernel") or hasattr(layer, "embeddings")
        is_kernel = has_kernel and not held_layers(layer)
        is_inside = any(layer is holder for layer in listed for holder in pair.holders)
        if (is_asked_for(layer) or is_kernel) and not is_inside:
            listed.append(layer)
    return [_standing(pair) for pair in kept if any(pair.layer is layer for layer in listed)]


def _standing(pair: Pair) -> str:
    """Say of a layer that stays as it is where it stands, and why it stays."""
    if pair.failure is not None:
        reason = f"the layer around it takes no other: {in_one_line(pair.failure)}"
    elif pair.was_asked_for:
        reason = "there is no Bayesian layer for it"
    else:
        holder = pair.holders[-1]
        reason = f"{type(holder).__name__} {holder.name!r} makes it by itself"
    return f"{pair.place!r} ({type(pair.layer).__name__}): {reason}"


def _bayesian_kind(layer: keras.Layer, estimator: str) -> type[VariationalLayer] | None:
    """Return the class that takes the place of a layer of Keras, if there is one."""
    name = type(layer).__name__
    # A user's subclass of Keras's layer computes something else.
    if getattr(keras.layers, name, None) is not type(layer):
        return None
    words = [word.capitalize() for word in estimator.split("_")]
    return FAMILY.get(name + "".join(words)) or FAMILY.get(f"{name}Reparameterization")


def _bayesian_if_any(
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
    # "kernel" stands for all kernels, however a layer calls them.
    for_kernels = {
        name.replace("kernel", role, 1): value
        for name, value in {**defaults, **own}.items()
        if name.startswith("kernel_")
        for role in kind.geometry_type.kernels
    }
    others = {name: value for name, value in own.items() if not name.startswith("kernel_")}
    return kind(**{**arguments, **for_kernels, **others})


def _replaced_by_prior(layer: keras.Layer) -> list[str]:
    """Return the arguments of a layer of Keras that the prior takes the place of."""
    names = [name for name in inspect.signature(type(layer)).parameters if name.endswith(_REPLACED)]
    # Attention hands them on to the layers that it makes.
    holders = held_layers(layer) or [layer]
    return [
        name
        for name in names
        if not name.startswith("activity") and any(getattr(each, name, None) for each in holders)
    ]


def _trained_weights(layer: keras.Layer) -> list[Any]:
    """Return the weights of a layer of Keras, and of those inside it, kernels first."""
    held = held_layers(layer)
    if held:
        return [weight for each in held for weight in _trained_weights(each)]
    if not getattr(layer, "lora_enabled", False):
        return layer.get_weights()
    # A file holds the kernel to which low-rank updates have been added, and not these.
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return [keras.ops.convert_to_numpy(store[place]) for place in sorted(store, key=int)]
