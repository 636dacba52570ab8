"""From a plain model to a Bayesian one: the same architecture with the other kind of layers."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import keras
from numpy.typing import ArrayLike

from bayeslayers.architecture.adaptation import adapt
from bayeslayers.architecture.cloning import Copy, copy_of
from bayeslayers.architecture.counterparts import (
    LOW_RANK,
    bayesian_kind,
    bayesian_layer,
    replaced_by_prior,
    trained_weights,
)
from bayeslayers.architecture.records import record
from bayeslayers.architecture.selection import Entry, Selection
from bayeslayers.architecture.staying import staying_layers
from bayeslayers.architecture.walk import all_layers, check_model
from bayeslayers.base_layers.bayesian_layer import BayesianLayer
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.contract.functions import public_function
from bayeslayers.distributions.fixed_priors import NormalAround
from bayeslayers.predictive.inputs import ModelInputs, is_array
from bayeslayers.training.laplace_models import laplace_model

_LAPLACE = "laplace"
_ESTIMATORS = ("flipout", "reparameterization", "local_reparameterization", "rank1")


@public_function()
def as_bayesian(
    model: keras.Model,
    estimator: str = "flipout",
    moped: bool = False,
    delta: float = 0.1,
    include: Entry | Sequence[Entry] | None = None,
    exclude: Entry | Sequence[Entry] | None = None,
    x: ModelInputs | None = None,
    y: ArrayLike | None = None,
    hessian_structure: str = "full",
    subset_of_weights: str = "last_layer",
    prior_precision: float | str = 1.0,
    noise: float | None = None,
    outputs: str = "auto",
    rank: int = 8,
    lora_alpha: float | None = None,
    **kwargs: Any,
) -> keras.Model:
    """Bayesian model of a plain Keras one.

        w ~ q
        with MOPED     q = Normal(w0, delta |w0|),      p = Normal(w0, 1)
        with Laplace   q = Normal(w0, (H + tau I)^-1),  p = Normal(0, 1 / tau)
        with LoRA      w = w0 + alpha / rank * A B,     A ~ q = Normal(M, S),   p = Normal(0, 0.2)

    Take it for a network that exists already: one call makes it Bayesian. With MOPED it also keeps
    what it has learnt, with Laplace's approximation it needs no further training, and with low-rank
    adaptation (LoRA) few numbers are trained. w0 is a trained weight; q and p are its posterior and
    its prior; tau is `prior_precision`.

    The new model has the same architecture, with this package's layers in the place of Keras's
    dense, einsum, convolution, recurrent, embedding and attention layers, under the same names.
    Layers are replaced wherever they are: in nested models, in wrappers such as `Bidirectional`, in
    any layer that has them as arguments, and in blocks that make them by themselves and keep them
    in attributes, or in lists and the like. Where there is no such layer with the given
    estimator, the new layer has the reparameterization estimator. The model that is passed does not
    change. Build it first: a block that was not built keeps the layers that it makes.

    A block is called once with the new layers, on symbolic tensors. If that fails, each is tried
    alone, and those with which it fails stay plain. A file of a block with other layers holds them
    beside the block's own configuration, and needs this package. A model that is written as a
    subclass is converted if Keras can make it from its configuration, but not for "laplace".

    `include` and `exclude` choose among the layers, such as `include = "last_layer"`, or
    `exclude = "Embedding"`. An entry that means no layer is an error. With `estimator = "laplace"`
    they choose among the layers of `subset_of_weights = "all"`.

    Other layers are cloned with their weights and with what they have learnt from data; those of
    normalization stay deterministic. `conversion_report()` says of each layer what became of it,
    and why. A warning names the layers with kernels that were meant and stay plain: the block
    around them does not work with others, or there is no Bayesian counterpart, as for the cells of
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

    With `estimator = "rank1"` the kernels are trained as before, with their initializers,
    regularizers and constraints, and have random factors; `ensemble_size`, `alpha_prior_fn` and the
    like are among the further arguments. With MOPED the kernels start at the trained ones, and the
    factors at 1 with the standard deviation `delta`. Where there are several members, their means
    are as far apart: each is drawn from Normal(1, delta).

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

    `estimator = "lora"` adapts a trained network to further data (Hu et al. 2022, and Wang et al.
    2024, whose method is called BLoB). All trained weights w0 stay as they are. Each kernel of
    c input and o output channels gets an update of low rank. Its factor A of shape (c, rank), which
    inputs are multiplied by first, is random, with the means M and the standard deviations S; its
    factor B of shape (rank, o) is not, and starts at zero. alpha is `lora_alpha`. So the new model
    first predicts what the old one does. Under a prior of the whole kernel that has as low a rank,
    the divergence is that of A, in closed form. `kernel_prior_fn` and `kernel_posterior_fn` set
    prior and posterior of A, which is the weight `lora_kernel_a`. By default M starts where Keras
    starts it, and S at 0.05. S is the softplus of a variable, and not a square as in BLoB.

    Each example has its own draw of A by Flipout; in an embedding, a batch shares one. Keras's
    dense, einsum, embedding, attention and convolution layers get updates, but not transposed,
    depthwise or separable convolutions, nor einsum layers whose kernel ends in an axis of the
    inputs. As under Keras's `enable_lora()`, the factors and the biases of these layers are
    trained. All else is frozen: normalization layers, and layers without an update, which a warning
    names if they have kernels. Layers that have a posterior already are trained as before. To train
    another layer of the new model as a whole, such as a new head, set its `trainable` to `True`.
    `as_deterministic()` adds the mean of each update to its kernel.

    Args:
        model: A Keras 3 model, sequential, functional, or a subclass that Keras can make from its
            configuration.
        x: The inputs that the model was trained on, in any form that `predict()` takes, for
            "laplace" alone. Batches may also hold targets.
        y: Their targets, as `predictive_scores()` takes them, or `None` where they come with `x`;
            for "laplace" alone.
        outputs: What the numbers in an output are, where it is a tensor, for "laplace" alone:
            "values", or "probabilities" or "logits" of classes. "auto" means what the loss says
            that the model was compiled with, a mean squared error or a crossentropy; without one,
            probabilities behind a softmax or a sigmoid, and values else.
        **kwargs: `kernel_prior_fn` and its like: arguments for all layers that are put in.
            "kernel", "alpha" and "gamma" stand for those of all kernels of a layer.

    Returns:
        A Keras model, not compiled.

    Raises:
        ArgumentError: If `model` can't be made from its configuration, holds no layer that can be
            Bayesian, or holds one that is quantized; if an entry of `include` or `exclude` means no
            layer, or they leave none; with MOPED or "lora", if a layer has not been built; with
            MOPED, if a posterior function of your
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
        >>> model = as_bayesian(plain, estimator="lora", rank=4)
        >>> [type(layer).__name__ for layer in model.layers]
        ['DenseLora']

    R example:
        library(keras3)
        plain <- keras_model_sequential(input_shape = 3) |>
          layer_dense(2)
        as_bayesian(plain, estimator = "flipout", moped = TRUE)
        x <- matrix(rnorm(96), 32, 3)
        y <- matrix(rnorm(64), 32, 2)
        as_bayesian(plain, estimator = "laplace", x = x, y = y)
        as_bayesian(plain, estimator = "lora", rank = 4)

    Reference:
        Daxberger, E., Kristiadi, A., Immer, A., Eschenhagen, R., Bauer, M., and Hennig, P. (2021).
            Laplace Redux: Effortless Bayesian Deep Learning. Advances in Neural Information
            Processing Systems. https://arxiv.org/abs/2106.14806
        MacKay, D. J. C. (1992). A Practical Bayesian Framework for Backpropagation Networks.
            Neural Computation, 4(3), 448-472. https://doi.org/10.1162/neco.1992.4.3.448
        Krishnan et al. (2020).
        Hu, E. J., Shen, Y., Wallis, P., Allen-Zhu, Z., Li, Y., Wang, S., Wang, L., and Chen, W.
            (2022). LoRA: Low-Rank Adaptation of Large Language Models. International Conference on
            Learning Representations. https://arxiv.org/abs/2106.09685
        Wang, Y., Shi, H., Han, L., Metaxas, D., and Wang, H. (2024). BLoB: Bayesian Low-Rank
            Adaptation by Backpropagation for Large Language Models. Advances in Neural Information
            Processing Systems 37. https://arxiv.org/abs/2406.11675
    """
    estimator = checks.choice("estimator", estimator, (*_ESTIMATORS, _LAPLACE, LOW_RANK))
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
    of_low_rank = {"rank": rank, "lora_alpha": lora_alpha}
    _refuse_unless(_LAPLACE, of_laplace, estimator)
    _refuse_unless(LOW_RANK, of_low_rank, estimator)
    if estimator == _LAPLACE:
        _refuse_others({"moped": moped, **kwargs}, estimator)
        return laplace_model(check_model(model), include=include, exclude=exclude, **of_laplace)
    arguments: dict[str, Any] = {"kernel_prior_fn": NormalAround()} if moped else {}
    if estimator == LOW_RANK:
        _refuse_others({"moped": moped}, estimator)
        arguments = of_low_rank
    needs_weights = moped or estimator == LOW_RANK
    if needs_weights:
        _check_is_built(check_model(model), moped=moped)

    def is_candidate(layer: keras.Layer) -> bool:
        return bayesian_kind(layer, estimator) is not None

    selection = Selection(check_model(model), include, exclude, is_candidate)

    def replacement(layer: keras.Layer) -> keras.Layer | None:
        kind = bayesian_kind(layer, estimator) if layer in selection else None
        return None if kind is None else bayesian_layer(layer, kind, arguments, kwargs)

    copy = copy_of(model, replacement)
    staying = staying_layers(copy, is_candidate, selection)
    if not copy.replaced:
        _refuse_without(model, staying, estimator, {"include": include, "exclude": exclude})
    if staying:
        frozen = ", and are frozen" if estimator == LOW_RANK else ""
        text = f"These layers stay as they are{frozen}: {'; '.join(staying)}."
        warnings.warn(text, stacklevel=3)
    record(copy, lambda layer: selection.reason_against(layer) if is_candidate(layer) else None)
    _warn_of_lost(copy)
    if needs_weights:
        _start_from_weights(copy, delta, moped=moped)
    return copy.model


def _warn_of_lost(copy: Copy) -> None:
    """Say which regularizers and constraints the priors take the place of."""
    for pair in copy.replaced:
        lost = replaced_by_prior(pair.layer, pair.copy)
        if lost:
            text = f"Layer {pair.layer.name!r} loses {lost}: its prior takes their place."
            warnings.warn(text, stacklevel=4)


def _start_from_weights(copy: Copy, delta: float, *, moped: bool) -> None:
    """Centre posteriors and priors on the trained weights, or let updates be added to them."""
    for pair in copy.replaced:
        _check_is_built(pair.layer, moped=moped)
        if moped:
            pair.copy.centre_on(trained_weights(pair.layer), delta)
    if not moped:
        adapt(copy)


def _check_is_built(layer: keras.Layer, *, moped: bool) -> None:
    """Refuse a model, or a layer in it, without the trained weights that are to be started from."""
    if not layer.built:
        argument, value = ("moped", "be false") if moped else ("estimator", f'not be "{LOW_RANK}"')
        rule = f"must {value} for a model that has not been built"
        hint = "A block that does not build its layers has them when it has been called."
        raise ArgumentError(argument, rule, {"layer": Described(repr(layer.name))}, hint)


def _refuse_without(
    model: keras.Model, staying: list[str], estimator: str, chosen: dict[str, Any]
) -> None:
    """Refuse a model in which no layer was replaced."""
    given = {name: value for name, value in chosen.items() if value is not None}
    if given and not staying:
        raise ArgumentError([*given][-1], "must leave layers that can be Bayesian", given)
    recurrent = "" if estimator == LOW_RANK else "recurrent, "
    kinds = f"dense, einsum, convolution, {recurrent}embedding or attention"
    received = {"model": Described(f"{model.name!r} without one")}
    if staying:
        received["layers"] = Described("; ".join(staying))
    are_random = any(isinstance(layer, BayesianLayer) for layer in all_layers(model))
    hint = "Its layers have a posterior; `as_deterministic()` makes plain ones of them."
    rule = f"must contain a {kinds} layer of Keras"
    raise ArgumentError("model", rule, received, hint if are_random else None)


def _refuse_others(arguments: dict[str, Any], estimator: str) -> None:
    """Refuse arguments that have no meaning for an estimator."""
    for name, value in arguments.items():
        if value is not False:
            rule = f'must be left out where `estimator` is "{estimator}"'
            raise ArgumentError(name, rule, {name: value})


def _refuse_unless(meant: str, arguments: dict[str, Any], estimator: str) -> None:
    """Refuse arguments that have a meaning for one estimator alone where it is another."""
    defaults = inspect.signature(as_bayesian).parameters
    for name, value in arguments.items():
        default = defaults[name].default
        is_given = value is not default and (is_array(value) or value != default)
        if is_given and estimator != meant:
            rule = f'must be left out unless `estimator` is "{meant}"'
            raise ArgumentError(name, rule, {"estimator": estimator})
