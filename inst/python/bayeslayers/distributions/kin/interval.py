"""Distributions of numbers in an interval."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec

INTERVAL = Kin(
    name="tfd_interval",
    title="Distributions of numbers in an interval",
    about=(
        "Each function makes a distribution of one number between two bounds, or a batch of "
        "distributions where its arguments are vectors or arrays. The formulas hold for x inside "
        "the interval; outside of it the densities are 0. Z is the constant with which a density "
        "integrates to 1."
    ),
    members={
        "tfd_uniform": Spec(
            "distributions.Uniform",
            "low=0.0, high=1.0, ...",
            "Uniform distribution",
            "p(x) = 1 / (high - low),   low <= x < high",
            "low=-1.0, high=2.0",
        ),
        "tfd_beta": Spec(
            "distributions.Beta",
            "concentration1=None, concentration0=None, ...",
            "Beta distribution",
            "p(x) = x^(concentration1 - 1) (1 - x)^(concentration0 - 1) / Z,   0 < x < 1",
            "concentration1=2.0, concentration0=3.0",
        ),
        "tfd_kumaraswamy": Spec(
            "distributions.Kumaraswamy",
            "concentration1=1.0, concentration0=1.0, ...",
            "Kumaraswamy distribution",
            "p(x) = a b x^(a - 1) (1 - x^a)^(b - 1),   a = concentration1, b = concentration0",
            "concentration1=2.0, concentration0=3.0",
        ),
        "tfd_logit_normal": Spec(
            "distributions.LogitNormal",
            "loc, scale, ...",
            "Logit-normal distribution",
            "log(x / (1 - x)) ~ Normal(loc, scale)",
            "loc=0.0, scale=1.0",
        ),
        "tfd_continuous_bernoulli": Spec(
            "distributions.ContinuousBernoulli",
            "logits=None, probs=None, dtype='float32', ...",
            "Continuous Bernoulli distribution",
            "p(x) = probs^x (1 - probs)^(1 - x) / Z,   0 <= x <= 1",
            "probs=0.3",
        ),
        "tfd_triangular": Spec(
            "distributions.Triangular",
            "low=0.0, high=1.0, peak=0.5, ...",
            "Triangular distribution",
            "p(x) = a triangle of height 2 / (high - low) over `peak`,   low <= x <= high",
            "low=0.0, high=2.0, peak=0.5",
        ),
        "tfd_pert": Spec(
            "distributions.PERT",
            "low, peak, high, temperature=4.0, validate_args=False, allow_nan_stats=False,"
            " name='Pert'",
            "PERT distribution",
            "(x - low) / (high - low) ~ Beta(1 + temperature m, 1 + temperature (1 - m)),\n"
            "m = (peak - low) / (high - low)",
            "low=1.0, peak=7.0, high=11.0",
        ),
        "tfd_bates": Spec(
            "distributions.Bates",
            "total_count, low=0.0, high=1.0, ...",
            "Bates distribution",
            "x = mean of `total_count` independent draws of Uniform(low, high)",
            "total_count=3.0, low=0.0, high=2.0",
            kinds={"total_count": "whole"},
        ),
        "tfd_von_mises": Spec(
            "distributions.VonMises",
            "loc, concentration, ...",
            "Von Mises distribution",
            "p(x) = exp(concentration cos(x - loc)) / (2 pi I0(concentration)),   -pi <= x <= pi",
            "loc=0.5, concentration=2.0",
            note="I0 is the modified Bessel function of order 0.",
        ),
        "tfd_relaxed_bernoulli": Spec(
            "distributions.RelaxedBernoulli",
            "temperature, logits=None, probs=None, ...",
            "Relaxed Bernoulli distribution",
            "log(x / (1 - x)) ~ Logistic(logits / temperature, 1 / temperature)",
            "temperature=0.5, probs=0.3",
            note="The lower the temperature, the nearer the draws are to 0 and 1.",
        ),
    },
    arguments={
        "low": "Lower bound.",
        "high": "Upper bound.",
        "peak": "Most likely value.",
        "temperature": (
            "Positive number: how peaked the density is, or how near to 0 and 1 the draws are."
        ),
        "total_count": "Positive whole number: how many draws are averaged.",
        "loc": "Location: number, array or tensor; the mean direction of angles.",
        "concentration": "Positive concentration around `loc`.",
    },
    references=(
        "Johnson, N. L., Kotz, S., and Balakrishnan, N. (1995). Continuous Univariate "
        "Distributions, volume 2. Wiley.",
        "Loaiza-Ganem, G., and Cunningham, J. P. (2019). The continuous Bernoulli: fixing a "
        "pervasive error in variational autoencoders. https://arxiv.org/abs/1907.06845",
        "Maddison, C. J., Mnih, A., and Teh, Y. W. (2017). The Concrete Distribution. "
        "https://arxiv.org/abs/1611.00712",
    ),
    example="tfd_log_prob(made, 0.5)",
)
