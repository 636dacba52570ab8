"""The arguments of the weights of layers that pair an estimator with a geometry."""

from __future__ import annotations

from bayeslayers.contract.arguments import Argument, Coercion

_MEAN_FIELD = "tfp$layers$util$default_mean_field_normal_fn({arguments})"
_SAMPLE = "function(d) d %>% tfd_sample()"
_KL = "function(q, p, ignore) tfd_kl_divergence(q, p)"

_POSTERIOR = (
    "Function of `(dtype, shape, name, trainable, add_variable_fn)` that returns the posterior of "
    "the {weight}, a distribution over tensors of that shape. It makes its variables with "
    "`add_variable_fn(name, shape, dtype, initializer, regularizer, constraint, trainable)`, and "
    "is called again whenever the posterior is used, with the same variables."
)
_OTHER_POSTERIORS = (
    " The default is independent normals. For the reparameterization estimator there are "
    "`low_rank_normal_fn()` and `full_covariance_normal_fn()`."
)
_TENSOR = (
    "Function of a distribution that returns a tensor drawn from it. Samples that it takes "
    "without a seed come from the layer's own stream of random numbers."
)
_PRIOR = (
    "Function of `(dtype, shape, name, trainable, add_variable_fn)` that returns the prior of the "
    "{weight}, a distribution. With `None` there is no prior, and no divergence is added to the "
    "losses."
)
_DIVERGENCE = (
    "Function of `(posterior, prior, sample)` that returns a single number, which is added to the "
    "layer's `losses` once per forward pass. `sample` is the draw with which this call computes. "
    "The default is the exact Kullback-Leibler divergence of the whole {weight}; from a prior of "
    "this package that has no closed form, its estimate at that draw. Where the loss is a mean "
    "over examples, divide it by the number of training examples: see `scale_kl()`. With `None` "
    "nothing is added."
)


def _of_kernel(role: str, weight: str) -> dict[str, Argument]:
    """Return the arguments of one kernel."""
    posterior, prior, divergence = (
        text.format(weight=weight) for text in (_POSTERIOR, _PRIOR, _DIVERGENCE)
    )
    standard = (
        " The default is the standard normal distribution; `tfp.layers.util.trainable_normal_fn()` "
        "makes a normal prior whose mean and scale are trained. A name stands for a prior with its "
        'defaults: "normal", "scale_mixture", "horseshoe" or "trainable_normal"; see '
        "`normal_prior_fn()`, `scale_mixture_prior_fn()` and `horseshoe_prior_fn()`."
    )
    return {
        f"{role}_posterior_fn": Argument(
            posterior + _OTHER_POSTERIORS, Coercion.FUNCTION, _MEAN_FIELD.format(arguments="")
        ),
        f"{role}_posterior_tensor_fn": Argument(_TENSOR, Coercion.FUNCTION, _SAMPLE),
        f"{role}_prior_fn": Argument(
            prior + standard, Coercion.FUNCTION, "tfp$layers$util$default_multivariate_normal_fn"
        ),
        f"{role}_divergence_fn": Argument(divergence, Coercion.FUNCTION, _KL),
    }


def _of_trained_kernel(role: str, weight: str) -> dict[str, Argument]:
    """Return the arguments of a trained kernel, and of the factors that scale it."""
    own = {
        "initializer": f"Keras initializer of the {weight}, its name, or a function of a shape and "
        "a dtype.",
        "regularizer": f"Keras regularizer of the {weight}, its name, or a function of one tensor.",
        "constraint": f"Keras constraint on the {weight}, its name, or a function of one tensor.",
    }
    return {
        **{f"{role}_{name}": Argument(prose, Coercion.FUNCTION) for name, prose in own.items()},
        **_of_factors(f"{role}_", weight),
    }


def _of_factors(prefix: str, weight: str) -> dict[str, Argument]:
    """Return the arguments of the two factors of a kernel."""
    return {
        **_of_factor(f"{prefix}alpha", f"factors of the {weight}'s input channels"),
        **_of_factor(f"{prefix}gamma", f"factors of the {weight}'s output channels"),
    }


def _of_factor(role: str, weight: str) -> dict[str, Argument]:
    """Return the arguments of the factors of the members of an ensemble."""
    posterior, prior, divergence = (
        text.format(weight=weight) for text in (_POSTERIOR, _PRIOR, _DIVERGENCE)
    )
    posteriors = (
        " The factors are of shape (ensemble_size, channels). A name stands for one: "
        '"mean_field_normal" is independent normals, whose means start at 1, or at random signs '
        'where there are several members; "log_normal" is for positive factors, see '
        '`log_normal_fn()`; and "deterministic" are plain trained numbers, which start like the '
        "normals and have no divergence from any prior, as in a BatchEnsemble."
    )
    priors = (
        ' A name stands for one: "normal" is Normal(1, 1), "half_cauchy" is for positive factors, '
        'see `half_cauchy_prior_fn()`, "trainable_normal" starts at Normal(1, 1), and '
        '"scale_mixture" and "horseshoe" draw factors to zero, which switches channels off.'
    )
    return {
        f"{role}_posterior_fn": Argument(posterior + posteriors, Coercion.FUNCTION),
        f"{role}_posterior_tensor_fn": Argument(_TENSOR, Coercion.FUNCTION, _SAMPLE),
        f"{role}_prior_fn": Argument(prior + priors, Coercion.FUNCTION),
        f"{role}_divergence_fn": Argument(divergence, Coercion.FUNCTION, _KL),
    }


def _of_bias(prose: str) -> str:
    return prose.format(weight="bias")


WEIGHT_ARGUMENTS = {
    **_of_kernel("kernel", "kernel"),
    **_of_kernel("depthwise", "depthwise kernel"),
    **_of_kernel("pointwise", "pointwise kernel"),
    **_of_kernel("recurrent", "recurrent kernel"),
    **_of_kernel("embeddings", "embeddings"),
    **_of_kernel("query", "kernel of the queries"),
    **_of_kernel("key", "kernel of the keys"),
    **_of_kernel("value", "kernel of the values"),
    **_of_kernel("output", "kernel of the outputs"),
    **_of_factors("", "kernel"),
    **_of_trained_kernel("depthwise", "depthwise kernel"),
    **_of_trained_kernel("pointwise", "pointwise kernel"),
    **_of_trained_kernel("recurrent", "recurrent kernel"),
    **_of_trained_kernel("query", "kernel of the queries"),
    **_of_trained_kernel("key", "kernel of the keys"),
    **_of_trained_kernel("value", "kernel of the values"),
    **_of_trained_kernel("output", "kernel of the outputs"),
    "bias_posterior_fn": Argument(
        _of_bias(_POSTERIOR)
        + " The default puts all mass on one point, as in a deterministic layer. With `None` the "
        "layer has no bias.",
        Coercion.FUNCTION,
        _MEAN_FIELD.format(arguments="is_singular = TRUE"),
    ),
    "bias_posterior_tensor_fn": Argument(
        _TENSOR + " May be `None` where `bias_posterior_fn` is.", Coercion.FUNCTION, _SAMPLE
    ),
    "bias_prior_fn": Argument(
        _of_bias(_PRIOR) + " The default is `None`.",
        Coercion.FUNCTION,
    ),
    "bias_divergence_fn": Argument(_of_bias(_DIVERGENCE), Coercion.FUNCTION, _KL),
}
