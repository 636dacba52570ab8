"""Bayesian neural-network layers for Keras 3, with one contract in Python and R."""

# The backend first: it refuses a Keras that runs on another one.
from bayeslayers import backend, layers, models, pictures, shim, tfp
from bayeslayers._version import __version__
from bayeslayers.contract.errors import ArgumentError
from bayeslayers.contract.functions import PUBLIC as _PUBLIC
from bayeslayers.distributions import constructors as _constructors
from bayeslayers.distributions.bijector_verbs import (
    tfb_forward,
    tfb_forward_log_det_jacobian,
    tfb_inverse,
    tfb_inverse_log_det_jacobian,
)
from bayeslayers.distributions.correlated_posteriors import (
    full_covariance_normal_fn,
    low_rank_normal_fn,
)
from bayeslayers.distributions.positive import half_cauchy_prior_fn, log_normal_fn
from bayeslayers.distributions.priors import (
    horseshoe_prior_fn,
    normal_prior_fn,
    scale_mixture_prior_fn,
)
from bayeslayers.distributions.verbs import (
    tfd_cdf,
    tfd_covariance,
    tfd_cross_entropy,
    tfd_entropy,
    tfd_kl_divergence,
    tfd_log_cdf,
    tfd_log_prob,
    tfd_log_survival_function,
    tfd_mean,
    tfd_mode,
    tfd_prob,
    tfd_quantile,
    tfd_sample,
    tfd_stddev,
    tfd_survival_function,
    tfd_variance,
)
from bayeslayers.layers.attention import (
    layer_group_query_attention_flipout,
    layer_group_query_attention_rank1,
    layer_group_query_attention_reparameterization,
    layer_multi_head_attention_flipout,
    layer_multi_head_attention_rank1,
    layer_multi_head_attention_reparameterization,
)
from bayeslayers.layers.autoregressive import layer_autoregressive
from bayeslayers.layers.autoregressive_transform import layer_autoregressive_transform
from bayeslayers.layers.convolution import (
    layer_conv_1d_flipout,
    layer_conv_1d_local_reparameterization,
    layer_conv_1d_rank1,
    layer_conv_1d_reparameterization,
    layer_conv_1d_transpose_flipout,
    layer_conv_1d_transpose_rank1,
    layer_conv_1d_transpose_reparameterization,
    layer_conv_2d_flipout,
    layer_conv_2d_local_reparameterization,
    layer_conv_2d_rank1,
    layer_conv_2d_reparameterization,
    layer_conv_2d_transpose_flipout,
    layer_conv_2d_transpose_rank1,
    layer_conv_2d_transpose_reparameterization,
    layer_conv_3d_flipout,
    layer_conv_3d_local_reparameterization,
    layer_conv_3d_rank1,
    layer_conv_3d_reparameterization,
    layer_conv_3d_transpose_flipout,
    layer_conv_3d_transpose_rank1,
    layer_conv_3d_transpose_reparameterization,
    layer_depthwise_conv_1d_flipout,
    layer_depthwise_conv_1d_rank1,
    layer_depthwise_conv_1d_reparameterization,
    layer_depthwise_conv_2d_flipout,
    layer_depthwise_conv_2d_rank1,
    layer_depthwise_conv_2d_reparameterization,
    layer_separable_conv_1d_flipout,
    layer_separable_conv_1d_rank1,
    layer_separable_conv_1d_reparameterization,
    layer_separable_conv_2d_flipout,
    layer_separable_conv_2d_rank1,
    layer_separable_conv_2d_reparameterization,
)
from bayeslayers.layers.dense import (
    layer_dense_flipout,
    layer_dense_local_reparameterization,
    layer_dense_rank1,
    layer_dense_reparameterization,
)
from bayeslayers.layers.dense_variational import layer_dense_variational
from bayeslayers.layers.distribution_lambda import layer_distribution_lambda
from bayeslayers.layers.einsum_dense import (
    layer_einsum_dense_flipout,
    layer_einsum_dense_rank1,
    layer_einsum_dense_reparameterization,
)
from bayeslayers.layers.embedding import layer_embedding_reparameterization
from bayeslayers.layers.gaussian_process import layer_variational_gaussian_process
from bayeslayers.layers.independent import (
    layer_homoscedastic_normal,
    layer_independent_bernoulli,
    layer_independent_logistic,
    layer_independent_normal,
    layer_independent_poisson,
)
from bayeslayers.layers.kl_divergence import (
    layer_kl_divergence_add_loss,
    layer_kl_divergence_regularizer,
)
from bayeslayers.layers.mixtures import (
    layer_categorical_mixture_of_one_hot_categorical,
    layer_mixture_logistic,
    layer_mixture_normal,
    layer_mixture_same_family,
)
from bayeslayers.layers.params_size import (
    params_size_categorical_mixture_of_one_hot_categorical,
    params_size_independent_bernoulli,
    params_size_independent_logistic,
    params_size_independent_normal,
    params_size_independent_poisson,
    params_size_mixture_logistic,
    params_size_mixture_normal,
    params_size_mixture_same_family,
    params_size_multivariate_normal_tri_l,
    params_size_one_hot_categorical,
)
from bayeslayers.layers.recurrent import (
    layer_gru_flipout,
    layer_gru_rank1,
    layer_gru_reparameterization,
    layer_lstm_flipout,
    layer_lstm_rank1,
    layer_lstm_reparameterization,
)
from bayeslayers.layers.variable import layer_variable
from bayeslayers.layers.vectors import (
    layer_multivariate_normal_tri_l,
    layer_one_hot_categorical,
)
from bayeslayers.models import (
    as_bayesian,
    as_deterministic,
    as_inference_data,
    callback_kl_annealing,
    callback_kl_history,
    callback_log_score,
    compare_predictive,
    conformal_interval,
    conversion_report,
    fit_bayesian,
    kl_divergence,
    log_likelihood,
    ood_detection,
    ood_scores,
    posterior_draws,
    posterior_summary,
    predict_draws,
    predictive_scores,
    predictive_summary,
    prune,
    pruning_curve,
    recalibrate,
    reliability_curve,
    reseed,
    scale_kl,
    training_history,
)
from bayeslayers.pictures import (
    plot_bands,
    plot_comparison,
    plot_posterior,
    plot_reliability,
    plot_training,
)


def __getattr__(name: str) -> object:
    """Make functions such as `tfd_normal` when they are first used, as there are many."""
    if name not in _constructors.CONSTRUCTORS:
        raise AttributeError(f"module 'bayeslayers' has no attribute {name!r}")
    globals()[name] = _constructors.constructor(name)
    return globals()[name]


def __dir__() -> list[str]:
    """Return the public names, those included that are made when first asked for."""
    return sorted({*globals(), *__all__})


__all__ = [
    "ArgumentError",
    "__version__",
    "layers",
    "pictures",
    "shim",
    "tfp",
    *(layer.function_name for layer in layers.FAMILY.values()),
    *(regularizer.function_name for regularizer in layers.REGULARIZERS.values()),
    *sorted(_PUBLIC),
    *_constructors.CONSTRUCTORS,
]
