"""Distributions of numbers on the real line."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec

REAL_LINE = Kin(
    name="tfd_real_line",
    title="Distributions of numbers on the real line",
    about=(
        "Each function makes a distribution of one number, or a batch of distributions where its "
        "arguments are vectors or arrays. Below, z = (x - loc) / scale, and Z is the constant with "
        "which the density integrates to 1."
    ),
    members={
        "tfd_normal": Spec(
            "distributions.Normal",
            "loc, scale, ...",
            "Normal distribution",
            "p(x) = exp(-z^2 / 2) / (sqrt(2 pi) scale),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
        ),
        "tfd_student_t": Spec(
            "distributions.StudentT",
            "df, loc, scale, ...",
            "Student's t distribution",
            "p(x) = (1 + z^2 / df)^(-(df + 1) / 2) / Z,   z = (x - loc) / scale,\n"
            "Z = scale sqrt(df pi) Gamma(df / 2) / Gamma((df + 1) / 2)",
            "df=4.0, loc=0.0, scale=1.0",
        ),
        "tfd_cauchy": Spec(
            "distributions.Cauchy",
            "loc, scale, ...",
            "Cauchy distribution",
            "p(x) = 1 / (pi scale (1 + z^2)),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
        ),
        "tfd_laplace": Spec(
            "distributions.Laplace",
            "loc, scale, ...",
            "Laplace distribution",
            "p(x) = exp(-|z|) / (2 scale),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
        ),
        "tfd_logistic": Spec(
            "distributions.Logistic",
            "loc, scale, ...",
            "Logistic distribution",
            "p(x) = exp(-z) / (scale (1 + exp(-z))^2),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
        ),
        "tfd_gumbel": Spec(
            "distributions.Gumbel",
            "loc, scale, ...",
            "Gumbel distribution",
            "p(x) = exp(-(z + exp(-z))) / scale,   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
        ),
        "tfd_generalized_normal": Spec(
            "distributions.GeneralizedNormal",
            "loc, scale, power, ...",
            "Generalized normal distribution",
            "p(x) = power exp(-|z|^power) / (2 scale Gamma(1 / power)),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0, power=1.5",
            note="A Laplace distribution where `power` is 1, a normal distribution where it is 2.",
        ),
        "tfd_johnson_s_u": Spec(
            "distributions.JohnsonSU",
            "skewness, tailweight, loc, scale, validate_args=False, allow_nan_stats=True, "
            "name=None",
            "Johnson's S_U distribution",
            "skewness + tailweight arcsinh((x - loc) / scale) ~ Normal(0, 1)",
            "skewness=0.5, tailweight=2.0, loc=0.0, scale=1.0",
        ),
        "tfd_sinh_arcsinh": Spec(
            "distributions.SinhArcsinh",
            "loc, scale, skewness=None, tailweight=None, distribution=None, ...",
            "Sinh-arcsinh distribution",
            "x = loc + scale f(z) 2 / f0(2),   z ~ distribution,\n"
            "f(z) = sinh((arcsinh(z) + skewness) tailweight),   f0 = f without skewness",
            "loc=0.0, scale=1.0, skewness=0.5, tailweight=1.2",
        ),
        "tfd_doublesided_maxwell": Spec(
            "distributions.DoublesidedMaxwell",
            "loc, scale, ...",
            "Double-sided Maxwell distribution",
            "p(x) = z^2 exp(-z^2 / 2) / (sqrt(2 pi) scale),   z = (x - loc) / scale",
            "loc=0.0, scale=1.0",
            name="doublesided_maxwell",
        ),
        "tfd_horseshoe": Spec(
            "distributions.Horseshoe",
            "scale, ...",
            "Horseshoe distribution",
            "x ~ Normal(0, scale s),   s ~ HalfCauchy(0, 1)",
            "scale=1.0",
            note="Its density has no closed form, and is approximated.",
        ),
        "tfd_exp_gamma": Spec(
            "distributions.ExpGamma",
            "concentration, rate=None, log_rate=None, ...",
            "Distribution of the logarithm of a gamma variable",
            "exp(x) ~ Gamma(concentration, rate)",
            "concentration=2.0, rate=1.5",
        ),
        "tfd_exp_inverse_gamma": Spec(
            "distributions.ExpInverseGamma",
            "concentration, scale=None, log_scale=None, ...",
            "Distribution of the logarithm of an inverse gamma variable",
            "exp(x) ~ InverseGamma(concentration, scale)",
            "concentration=2.0, scale=1.5",
            # As tfprobability has it.
            name="ExpGamma",
        ),
        "tfd_truncated_normal": Spec(
            "distributions.TruncatedNormal",
            "loc, scale, low, high, ...",
            "Truncated normal distribution",
            "p(x) = Normal(x; loc, scale) / Z  for low <= x <= high, and 0 elsewhere",
            "loc=0.0, scale=1.0, low=-1.0, high=2.0",
        ),
        "tfd_truncated_cauchy": Spec(
            "distributions.TruncatedCauchy",
            "loc, scale, low, high, ...",
            "Truncated Cauchy distribution",
            "p(x) = Cauchy(x; loc, scale) / Z  for low <= x <= high, and 0 elsewhere",
            "loc=0.0, scale=1.0, low=-1.0, high=2.0",
        ),
    },
    arguments={
        "scale": "Positive scale: number, array or tensor.",
        "distribution": "Distribution of z. `None` is the standard normal distribution.",
        "concentration": "Positive shape of the gamma distribution.",
        "skewness": "Skewness: positive to the right, 0 for a symmetric distribution.",
        "low": "Smallest value.",
        "high": "Largest value.",
    },
    references=(
        "Johnson, N. L., Kotz, S., and Balakrishnan, N. (1994). Continuous Univariate "
        "Distributions, volume 1. Wiley.",
        "Jones, M. C., and Pewsey, A. (2009). Sinh-arcsinh distributions. Biometrika 96(4), "
        "761-780. https://doi.org/10.1093/biomet/asp053",
        "Carvalho, C. M., Polson, N. G., and Scott, J. G. (2010). The horseshoe estimator for "
        "sparse signals. Biometrika 97(2), 465-480. https://doi.org/10.1093/biomet/asq017",
    ),
    example="tfd_log_prob(made, 0.5)",
)
