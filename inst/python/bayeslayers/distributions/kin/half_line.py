"""Distributions of positive numbers."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec

HALF_LINE = Kin(
    name="tfd_half_line",
    title="Distributions of positive numbers",
    about=(
        "Each function makes a distribution of one number above 0 or above a bound, or a batch of "
        "distributions where its arguments are vectors or arrays. The formulas hold for x inside "
        "the range; outside of it the densities are 0."
    ),
    members={
        "tfd_exponential": Spec(
            "distributions.Exponential",
            "rate, ...",
            "Exponential distribution",
            "p(x) = rate exp(-rate x),   x >= 0",
            "rate=1.5",
        ),
        "tfd_gamma": Spec(
            "distributions.Gamma",
            "concentration, rate, ...",
            "Gamma distribution",
            "p(x) = rate^concentration x^(concentration - 1) exp(-rate x) / Gamma(concentration)",
            "concentration=2.0, rate=1.5",
        ),
        "tfd_inverse_gamma": Spec(
            "distributions.InverseGamma",
            "concentration, scale, ...",
            "Inverse gamma distribution",
            "p(x) = scale^concentration x^(-concentration - 1) exp(-scale / x) / "
            "Gamma(concentration)",
            "concentration=2.0, scale=1.5",
        ),
        "tfd_gamma_gamma": Spec(
            "distributions.GammaGamma",
            "concentration, mixing_concentration, mixing_rate, ...",
            "Gamma-gamma distribution",
            "x ~ Gamma(concentration, r),   r ~ Gamma(mixing_concentration, mixing_rate)",
            "concentration=2.0, mixing_concentration=3.0, mixing_rate=1.5",
        ),
        "tfd_inverse_gaussian": Spec(
            "distributions.InverseGaussian",
            "loc, concentration, ...",
            "Inverse Gaussian distribution",
            "p(x) = sqrt(concentration / (2 pi x^3))\n"
            "       exp(-concentration (x - loc)^2 / (2 loc^2 x))",
            "loc=1.0, concentration=2.0",
        ),
        "tfd_half_normal": Spec(
            "distributions.HalfNormal",
            "scale, ...",
            "Half-normal distribution",
            "p(x) = sqrt(2 / pi) exp(-(x / scale)^2 / 2) / scale,   x >= 0",
            "scale=1.5",
        ),
        "tfd_half_cauchy": Spec(
            "distributions.HalfCauchy",
            "loc, scale, ...",
            "Half-Cauchy distribution",
            "p(x) = 2 / (pi scale (1 + ((x - loc) / scale)^2)),   x >= loc",
            "loc=0.0, scale=1.5",
        ),
        "tfd_log_normal": Spec(
            "distributions.LogNormal",
            "loc, scale, ...",
            "Log-normal distribution",
            "log(x) ~ Normal(loc, scale)",
            "loc=0.0, scale=1.0",
        ),
        "tfd_log_logistic": Spec(
            "distributions.LogLogistic",
            "loc, scale, ...",
            "Log-logistic distribution",
            "log(x) ~ Logistic(loc, scale)",
            "loc=0.0, scale=1.0",
        ),
        "tfd_chi": Spec(
            "distributions.Chi",
            "df, ...",
            "Chi distribution",
            "p(x) = x^(df - 1) exp(-x^2 / 2) / (2^(df / 2 - 1) Gamma(df / 2))",
            "df=3.0",
        ),
        "tfd_chi2": Spec(
            "distributions.Chi2",
            "df, ...",
            "Chi-squared distribution",
            "p(x) = x^(df / 2 - 1) exp(-x / 2) / (2^(df / 2) Gamma(df / 2))",
            "df=3.0",
        ),
        "tfd_weibull": Spec(
            "distributions.Weibull",
            "concentration, scale, ...",
            "Weibull distribution",
            "p(x) = (concentration / scale) (x / scale)^(concentration - 1)\n"
            "       exp(-(x / scale)^concentration)",
            "concentration=1.5, scale=2.0",
        ),
        "tfd_pareto": Spec(
            "distributions.Pareto",
            "concentration, scale=1.0, ...",
            "Pareto distribution",
            "p(x) = concentration scale^concentration / x^(concentration + 1),   x >= scale",
            "concentration=2.0, scale=0.5",
        ),
        "tfd_generalized_pareto": Spec(
            "distributions.GeneralizedPareto",
            "loc, scale, concentration, validate_args=False, allow_nan_stats=True, name=None",
            "Generalized Pareto distribution",
            "p(x) = (1 + concentration z)^(-1 / concentration - 1) / scale,   "
            "z = (x - loc) / scale >= 0",
            "loc=0.0, scale=1.0, concentration=0.5",
        ),
    },
    arguments={
        "concentration": (
            "Shape: number, array or tensor. Positive; for the generalized Pareto distribution any "
            "number."
        ),
        "scale": "Positive scale: number, array or tensor.",
        "rate": "Positive rate, the inverse of a scale: number, array or tensor.",
    },
    references=(
        "Johnson, N. L., Kotz, S., and Balakrishnan, N. (1994). Continuous Univariate "
        "Distributions, volume 1. Wiley.",
        "Fader, P. S., and Hardie, B. G. S. (2013). The Gamma-Gamma Model of Monetary Value. "
        "http://www.brucehardie.com/notes/025/",
    ),
    example="tfd_log_prob(made, 0.5)",
)
