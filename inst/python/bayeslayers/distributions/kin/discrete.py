"""Distributions of counts, classes and single values."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec
from bayeslayers.distributions.kin.translations import on_whole_numbers

DISCRETE = Kin(
    name="tfd_discrete",
    title="Distributions of counts, classes and single values",
    about=(
        "Each function makes a distribution of one whole number, or of one of a few numbers; or a "
        "batch of distributions where its arguments are vectors or arrays. Classes are counted "
        "from 0."
    ),
    members={
        "tfd_bernoulli": Spec(
            "distributions.Bernoulli",
            "logits=None, probs=None, dtype='int32', ...",
            "Bernoulli distribution",
            "P(x = 1) = probs = 1 / (1 + exp(-logits))",
            "probs=0.3",
        ),
        "tfd_probit_bernoulli": Spec(
            "distributions.ProbitBernoulli",
            "probits=None, probs=None, dtype='int32', ...",
            "Bernoulli distribution with a probit link",
            "P(x = 1) = probs = Phi(probits),   Phi = the normal distribution function",
            "probits=0.3",
        ),
        "tfd_binomial": Spec(
            "distributions.Binomial",
            "total_count, logits=None, probs=None, ...",
            "Binomial distribution",
            "P(x = k) = choose(total_count, k) probs^k (1 - probs)^(total_count - k)",
            "total_count=10.0, probs=0.3",
            # As tfprobability has it.
            name="Beta",
        ),
        "tfd_beta_binomial": Spec(
            "distributions.BetaBinomial",
            "total_count, concentration1, concentration0, ...",
            "Beta-binomial distribution",
            "x ~ Binomial(total_count, p),   p ~ Beta(concentration1, concentration0)",
            "total_count=10.0, concentration1=2.0, concentration0=3.0",
        ),
        "tfd_negative_binomial": Spec(
            "distributions.NegativeBinomial",
            "total_count, logits=None, probs=None, ...",
            "Negative binomial distribution",
            "P(x = k) = choose(k + total_count - 1, k) (1 - probs)^total_count probs^k",
            "total_count=3.0, probs=0.4",
        ),
        "tfd_geometric": Spec(
            "distributions.Geometric",
            "logits=None, probs=None, ...",
            "Geometric distribution",
            "P(x = k) = (1 - probs)^k probs,   k = 0, 1, ...",
            "probs=0.3",
        ),
        "tfd_poisson": Spec(
            "distributions.Poisson",
            "rate=None, log_rate=None, interpolate_nondiscrete=True, ...",
            "Poisson distribution",
            "P(x = k) = rate^k exp(-rate) / k!",
            "rate=2.5",
            translate=on_whole_numbers,
        ),
        "tfd_poisson_log_normal_quadrature_compound": Spec(
            "distributions.PoissonLogNormalQuadratureCompound",
            "loc, scale, quadrature_size=8, quadrature_fn=None, ...",
            "Poisson distribution of a log-normal rate, by quadrature",
            "x ~ Poisson(rate),   log(rate) ~ Normal(loc, scale) on `quadrature_size` points",
            "loc=0.0, scale=0.5",
        ),
        "tfd_skellam": Spec(
            "distributions.Skellam",
            "rate1=None, rate2=None, log_rate1=None, log_rate2=None,"
            " force_probs_to_zero_outside_support=False, ...",
            "Skellam distribution",
            "x = x1 - x2,   x1 ~ Poisson(rate1),   x2 ~ Poisson(rate2)",
            "rate1=2.0, rate2=1.0",
        ),
        "tfd_zipf": Spec(
            "distributions.Zipf",
            "power, dtype='int32', interpolate_nondiscrete=True, sample_maximum_iterations=100,"
            " validate_args=False, allow_nan_stats=False, name='Zipf'",
            "Zipf distribution",
            "P(x = k) = k^(-power) / zeta(power),   k = 1, 2, ...",
            "power=2.0",
            translate=on_whole_numbers,
        ),
        "tfd_categorical": Spec(
            "distributions.Categorical",
            "logits=None, probs=None, dtype='int32', ...",
            "Categorical distribution",
            "P(x = k) = probs[k] = exp(logits[k]) / sum over j of exp(logits[j]),   k from 0",
            "probs=[0.2, 0.3, 0.5]",
        ),
        "tfd_finite_discrete": Spec(
            "distributions.FiniteDiscrete",
            "outcomes, logits=None, probs=None, rtol=None, atol=None, ...",
            "Distribution over a few numbers",
            "P(x = outcomes[k]) = probs[k]",
            "outcomes=[1.0, 2.0, 4.0], probs=[0.2, 0.3, 0.5]",
        ),
        "tfd_empirical": Spec(
            "distributions.Empirical",
            "samples, event_ndims=0, ...",
            "Empirical distribution",
            "P(x = a) = share of `samples` that are a",
            "samples=[0.0, 1.0, 1.0, 2.0]",
        ),
        "tfd_deterministic": Spec(
            "distributions.Deterministic",
            "loc, atol=None, rtol=None, ...",
            "Deterministic distribution",
            "P(x = loc) = 1",
            "loc=0.0",
        ),
    },
    arguments={
        "loc": "Location: number, array or tensor; for a deterministic distribution the value.",
        "scale": "Positive standard deviation of the logarithm of the rate.",
        "total_count": (
            "Number of trials; for the negative binomial distribution the number of failures until "
            "which successes are counted."
        ),
        "concentration1": "Positive shape of the beta distribution at 1.",
        "concentration0": "Positive shape of the beta distribution at 0.",
        "power": "Exponent, above 1.",
        "event_ndims": (
            "Whole number: how many of the last dimensions of `samples` are one event. The samples "
            "run over the dimension before."
        ),
    },
    r_defaults={"quadrature_fn": "tfp$distributions$quadrature_scheme_lognormal_quantiles"},
    references=(
        "Johnson, N. L., Kemp, A. W., and Kotz, S. (2005). Univariate Discrete Distributions. "
        "Wiley.",
    ),
    example="tfd_log_prob(made, 1.0)",
)
