"""Bijectors that work number by number."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import OF_BIJECTOR, Kin, Spec
from bayeslayers.distributions.kin.translations import shifted_and_scaled

_REFERENCE = (
    "Papamakarios, G., Nalisnick, E., Rezende, D. J., Mohamed, S., and Lakshminarayanan, B. "
    "(2021). "
    "Normalizing Flows for Probabilistic Modeling and Inference. https://arxiv.org/abs/1912.02762"
)

ELEMENTWISE = Kin(
    name="tfb_elementwise",
    title="Bijectors that work number by number",
    about=(
        "Each function makes a map y = f(x) of numbers, with its inverse and the logarithm of its "
        "derivative."
    ),
    common=OF_BIJECTOR,
    members={
        "tfb_exp": Spec("bijectors.Exp", "...", "Exponential", "y = exp(x)"),
        "tfb_expm1": Spec("bijectors.Expm1", "...", "Exponential minus 1", "y = exp(x) - 1"),
        "tfb_identity": Spec("bijectors.Identity", "...", "Identity", "y = x"),
        "tfb_sigmoid": Spec("bijectors.Sigmoid", "...", "Sigmoid", "y = 1 / (1 + exp(-x))"),
        "tfb_tanh": Spec("bijectors.Tanh", "...", "Hyperbolic tangent", "y = tanh(x)"),
        "tfb_sinh": Spec("bijectors.Sinh", "...", "Hyperbolic sine", "y = sinh(x)"),
        "tfb_softsign": Spec("bijectors.Softsign", "...", "Softsign", "y = x / (1 + |x|)"),
        "tfb_softplus": Spec(
            "bijectors.Softplus",
            "hinge_softness=None, low=None, ...",
            "Softplus",
            "y = low + hinge_softness log(1 + exp(x / hinge_softness))",
            "hinge_softness=0.5",
        ),
        "tfb_square": Spec("bijectors.Square", "...", "Square", "y = x^2,   x >= 0"),
        "tfb_reciprocal": Spec("bijectors.Reciprocal", "...", "Reciprocal", "y = 1 / x"),
        "tfb_absolute_value": Spec(
            "bijectors.AbsoluteValue",
            "...",
            "Absolute value",
            "y = |x|",
            note="Its inverse returns two numbers, -y and y.",
        ),
        "tfb_power_transform": Spec(
            "bijectors.PowerTransform",
            "power, ...",
            "Power transform",
            "y = (1 + power x)^(1 / power);   exp(x) where power is 0",
            "power=0.5",
        ),
        "tfb_sinh_arcsinh": Spec(
            "bijectors.SinhArcsinh",
            "skewness=None, tailweight=None, ...",
            "Sinh-arcsinh",
            "y = sinh((arcsinh(x) + skewness) tailweight) 2 / sinh(arcsinh(2) tailweight)",
            "skewness=0.5, tailweight=1.2",
            name="SinhArcsinh",
        ),
        "tfb_lambert_w_tail": Spec(
            "bijectors.LambertWTail",
            "shift=None, scale=None, tailweight=None, ...",
            "Heavier tails by Lambert's W function",
            "y = shift + scale z exp(tailweight z^2 / 2),   z = (x - shift) / scale",
            "shift=0.0, scale=1.0, tailweight=0.5",
            name="lambertw_tail",
        ),
        "tfb_shift": Spec("bijectors.Shift", "shift, ...", "Shift", "y = x + shift", "shift=1.0"),
        "tfb_scale": Spec(
            "bijectors.Scale",
            "scale=None, log_scale=None, ...",
            "Scale",
            "y = scale x = exp(log_scale) x",
            "scale=2.0",
        ),
        "tfb_affine_scalar": Spec(
            "bijectors.Chain",
            "shift=None, scale=None, ...",
            "Scale and shift",
            "y = scale x + shift",
            "shift=1.0, scale=2.0",
            translate=shifted_and_scaled,
            note="The same as `tfb_shift(shift)(tfb_scale(scale))`.",
        ),
        "tfb_rational_quadratic_spline": Spec(
            "bijectors.RationalQuadraticSpline",
            "bin_widths, bin_heights, knot_slopes, range_min=-1.0, validate_args=False, name=None",
            "Rational quadratic spline",
            "y = a monotone spline of x from range_min to range_min + the sum of bin_widths,\n"
            "y = x outside",
            "bin_widths=[1.0, 0.5, 0.5], bin_heights=[0.5, 1.0, 0.5], knot_slopes=[1.0, 2.0]",
        ),
        "tfb_gompertz_cdf": Spec(
            "bijectors.GompertzCDF",
            "concentration, rate, ...",
            "Distribution function of the Gompertz distribution",
            "y = 1 - exp(-concentration (exp(rate x) - 1)),   x >= 0",
            "concentration=0.5, rate=1.0",
        ),
        "tfb_shifted_gompertz_cdf": Spec(
            "bijectors.ShiftedGompertzCDF",
            "concentration, rate, ...",
            "Distribution function of the shifted Gompertz distribution",
            "y = (1 - exp(-rate x)) exp(-concentration exp(-rate x)),   x >= 0",
            "concentration=0.5, rate=1.0",
        ),
        "tfb_gumbel_cdf": Spec(
            "bijectors.GumbelCDF",
            "loc=0.0, scale=1.0, ...",
            "Distribution function of the Gumbel distribution",
            "y = exp(-exp(-(x - loc) / scale))",
            "loc=0.5, scale=2.0",
        ),
        "tfb_kumaraswamy_cdf": Spec(
            "bijectors.KumaraswamyCDF",
            "concentration1=1.0, concentration0=1.0, ...",
            "Distribution function of the Kumaraswamy distribution",
            "y = 1 - (1 - x^concentration1)^concentration0,   0 <= x <= 1",
            "concentration1=2.0, concentration0=3.0",
        ),
        "tfb_normal_cdf": Spec(
            "bijectors.NormalCDF",
            "...",
            "Distribution function of the standard normal distribution",
            "y = (1 + erf(x / sqrt(2))) / 2",
            name="normal",
        ),
        "tfb_rayleigh_cdf": Spec(
            "bijectors.RayleighCDF",
            "scale, ...",
            "Distribution function of the Rayleigh distribution",
            "y = 1 - exp(-(x / scale)^2 / 2),   x >= 0",
            "scale=1.5",
        ),
        "tfb_weibull_cdf": Spec(
            "bijectors.WeibullCDF",
            "scale=1.0, concentration=1.0, ...",
            "Distribution function of the Weibull distribution",
            "y = 1 - exp(-(x / scale)^concentration),   x >= 0",
            "scale=2.0, concentration=1.5",
        ),
    },
    arguments={
        "loc": "Location.",
        "scale": "Factor; of a distribution function its positive scale.",
        "low": "Smallest value of y. `None` is 0.",
        "power": "Exponent, from 0.",
        "rate": "Positive rate.",
        "concentration": "Positive shape.",
        "concentration1": "First positive shape.",
        "concentration0": "Second positive shape.",
    },
    references=(
        _REFERENCE,
        "Durkan, C., Bekasov, A., Murray, I., and Papamakarios, G. (2019). Neural Spline Flows. "
        "https://arxiv.org/abs/1906.04032",
        "Goerg, G. M. (2015). The Lambert Way to Gaussianize Heavy-Tailed Data. "
        "https://doi.org/10.1155/2015/909231",
    ),
    example="tfb_forward(made, 0.5)",
)
