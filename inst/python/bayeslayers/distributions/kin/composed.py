"""Distributions that are made from others."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec
from bayeslayers.distributions.kin.translations import shaped

COMPOSED = Kin(
    name="tfd_composed",
    title="Distributions that are made from others",
    about=(
        "Each function makes a distribution from others: of independent numbers, mixtures, joint "
        "or transformed distributions."
    ),
    members={
        "tfd_independent": Spec(
            "distributions.Independent",
            "distribution, reinterpreted_batch_ndims=None, validate_args=False, name=None",
            "Independent distribution",
            "p(x) = product of distribution(x[i]) over the last `reinterpreted_batch_ndims` "
            "dimensions",
            "distribution=tfd_normal([0.0, 1.0], 1.0), reinterpreted_batch_ndims=1.0",
        ),
        "tfd_sample_distribution": Spec(
            "distributions.Sample",
            "distribution, sample_shape=(), validate_args=False, name=None",
            "Distribution of independent draws",
            "p(x) = product of distribution(x[i]) over `sample_shape`",
            "distribution=tfd_normal(0.0, 1.0), sample_shape=[2.0, 3.0]",
        ),
        "tfd_batch_reshape": Spec(
            "distributions.BatchReshape",
            "distribution, batch_shape, validate_args=False, allow_nan_stats=True, name=None",
            "Distribution with its batch in another shape",
            "p[i](x) = distribution[j](x),   i and j at one place in the two batches",
            "distribution=tfd_normal([0.0, 1.0, 2.0, 3.0], 1.0), batch_shape=[2.0, 2.0]",
        ),
        "tfd_blockwise": Spec(
            "distributions.Blockwise",
            "distributions, dtype_override=None, validate_args=False, allow_nan_stats=False,"
            " name='Blockwise'",
            "Distribution of several parts of a vector",
            "p(x) = product over k of distributions[k](x[k]),   x = the parts x[k] in one vector",
            "distributions=[tfd_normal(0.0, 1.0), tfd_gamma(2.0, 1.0)]",
        ),
        "tfd_mixture": Spec(
            "distributions.Mixture",
            "cat, components, ...",
            "Mixture of distributions",
            "p(x) = sum over k of cat(k) components[k](x)",
            "cat=tfd_categorical(probs=[0.4, 0.6]), "
            "components=[tfd_normal(0.0, 1.0), tfd_laplace(2.0, 1.0)]",
        ),
        "tfd_mixture_same_family": Spec(
            "distributions.MixtureSameFamily",
            "mixture_distribution, components_distribution, reparameterize=False, ...",
            "Mixture of distributions of one family",
            "p(x) = sum over k of mixture_distribution(k) components_distribution[k](x)",
            "mixture_distribution=tfd_categorical(probs=[0.4, 0.6]), "
            "components_distribution=tfd_normal([0.0, 2.0], 1.0)",
        ),
        "tfd_transformed_distribution": Spec(
            "distributions.TransformedDistribution",
            "distribution, bijector, batch_shape=None, event_shape=None, kwargs_split_fn=None,"
            " validate_args=False, parameters=None, name=None",
            "Transformed distribution",
            "y = bijector(x),   x ~ distribution;   "
            "log p(y) = log distribution(x) - log |det d bijector(x) / dx|",
            "distribution=tfd_normal(0.0, 1.0), bijector=tfb_exp()",
            translate=shaped,
        ),
        "tfd_quantized": Spec(
            "distributions.QuantizedDistribution",
            "distribution, low=None, high=None, validate_args=False, name='QuantizedDistribution'",
            "Distribution on whole numbers",
            "x = min(max(ceiling(y), low), high),   y ~ distribution",
            "distribution=tfd_normal(0.0, 2.0), low=-3.0, high=3.0",
        ),
        "tfd_autoregressive": Spec(
            "distributions.Autoregressive",
            "distribution_fn, sample0=None, num_steps=None, ...",
            "Autoregressive distribution",
            "p(x) = product over i of distribution_fn(x[:i])(x[i])",
            "distribution_fn=lambda x: tfd_independent(tfd_normal(0.5 * x, 1.0), 1.0), "
            "sample0=[0.0, 0.0], num_steps=2.0",
            note="Entry i of the distribution may depend only on entries before i.",
        ),
        "tfd_joint_distribution_sequential": Spec(
            "distributions.JointDistributionSequential",
            "model, validate_args=False, name=None",
            "Joint distribution of a list",
            "p(x) = product over i of model[i](x[i - 1], ..., x[0])(x[i])",
            "model=[tfd_normal(0.0, 1.0), lambda m: tfd_normal(m, 2.0)]",
            note="A function takes the draws of the distributions before it, the latest first.",
        ),
        "tfd_joint_distribution_named": Spec(
            "distributions.JointDistributionNamed",
            "model, validate_args=False, name=None",
            "Joint distribution of a named list",
            "p(x) = product over names i of model[i](the draws that its arguments name)(x[i])",
            "model={'m': tfd_normal(0.0, 1.0), 'x': lambda m: tfd_normal(m, 2.0)}",
        ),
        "tfd_joint_distribution_sequential_auto_batched": Spec(
            "distributions.JointDistributionSequentialAutoBatched",
            "model, batch_ndims=0, use_vectorized_map=True, validate_args=False, name=None",
            "Joint distribution of a list, of one draw at a time",
            "p(x) = product over i of model[i](x[i - 1], ..., x[0])(x[i])",
            "model=[tfd_normal(0.0, 1.0), lambda m: tfd_normal(m, 2.0)]",
            note="The functions take a single draw; batches are made from them.",
        ),
        "tfd_joint_distribution_named_auto_batched": Spec(
            "distributions.JointDistributionNamedAutoBatched",
            "model, batch_ndims=0, use_vectorized_map=True, validate_args=False, name=None",
            "Joint distribution of a named list, of one draw at a time",
            "p(x) = product over names i of model[i](the draws that its arguments name)(x[i])",
            "model={'m': tfd_normal(0.0, 1.0), 'x': lambda m: tfd_normal(m, 2.0)}",
            note="The functions take a single draw; batches are made from them.",
        ),
    },
    arguments={
        "distribution": "The distribution that another is made from.",
        "sample_shape": "Whole number, or several: how many draws are one event.",
        "batch_shape": (
            "Whole number, or several: how many distributions there are. For a transformed one, "
            "`distribution` must have no batch of its own."
        ),
        "low": "Smallest value: lower values are set to it. `None` is no bound.",
        "high": "Largest value: higher values are set to it. `None` is no bound.",
    },
    references=(
        "Papamakarios, G., Nalisnick, E., Rezende, D. J., Mohamed, S., and Lakshminarayanan, B. "
        "(2021). Normalizing Flows for Probabilistic Modeling and Inference. "
        "https://arxiv.org/abs/1912.02762",
        "Piponi, D., Moore, D., and Dillon, J. V. (2020). Joint Distributions for TensorFlow "
        "Probability. https://arxiv.org/abs/2001.11819",
    ),
    example="tfd_log_prob(made, [0.0, 0.5])",
)
