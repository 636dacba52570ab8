"""Constructors of tfprobability whose classes TensorFlow Probability has dropped."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import OF_BIJECTOR, Dropped, Kin

_TRANSFORMED = (
    "Take `tfd_transformed_distribution(tfd_sample_distribution({of_one}, k), {bijector})`, for "
    "vectors of k numbers."
)
_DIAGONAL = "tfb_shift(loc)(tfb_scale_matvec_diag(scale_diag))"
_OPERATOR = "tfb_shift(loc)(tfb_scale_matvec_linear_operator(scale))"

DROPPED_DISTRIBUTIONS = Kin(
    name="tfd_dropped",
    title="Distributions that TensorFlow Probability has dropped",
    about=(
        "TensorFlow Probability no longer has the classes of these functions of tfprobability. "
        "Each function raises an error that says what to use instead."
    ),
    members={
        "tfd_vector_diffeomixture": Dropped(
            "mix_loc, temperature, distribution, loc=None, scale=None, quadrature_size=8,"
            " quadrature_fn=None, ...",
            "Mixture of infinitely many affine transformations, by quadrature",
            "0.11",
            "Nothing takes its place; `tfd_mixture_same_family()` makes finite mixtures.",
            "VectorDiffeomixture",
        ),
        "tfd_vector_exponential_diag": Dropped(
            "loc=None, scale_diag=None, scale_identity_multiplier=None, ...",
            "Vector of exponential numbers, scaled and shifted",
            "0.16",
            _TRANSFORMED.format(of_one="tfd_exponential(1)", bijector=_DIAGONAL),
            "VectorExponentialDiag",
        ),
        "tfd_vector_exponential_linear_operator": Dropped(
            "loc=None, scale=None, ...",
            "Vector of exponential numbers under a linear operator",
            "0.16",
            _TRANSFORMED.format(of_one="tfd_exponential(1)", bijector=_OPERATOR),
            "VectorExponentialLinearOperator",
        ),
        "tfd_vector_laplace_diag": Dropped(
            "loc=None, scale_diag=None, scale_identity_multiplier=None, ...",
            "Vector of Laplace numbers, scaled and shifted",
            "0.10",
            "Take `tfd_independent(tfd_laplace(loc, scale_diag), 1)`.",
            "VectorLaplaceDiag",
        ),
        "tfd_vector_laplace_linear_operator": Dropped(
            "loc=None, scale=None, ...",
            "Vector of Laplace numbers under a linear operator",
            "0.10",
            _TRANSFORMED.format(of_one="tfd_laplace(0, 1)", bijector=_OPERATOR),
            "VectorLaplaceLinearOperator",
        ),
        "tfd_vector_sinh_arcsinh_diag": Dropped(
            "loc=None, scale_diag=None, scale_identity_multiplier=None, skewness=None,"
            " tailweight=None, distribution=None, ...",
            "Vector of sinh-arcsinh numbers, scaled and shifted",
            "0.10",
            "Take `tfd_independent(tfd_sinh_arcsinh(loc, scale_diag, skewness, tailweight), 1)`.",
            "VectorSinhArcsinhDiag",
        ),
    },
    arguments={
        "loc": "Shift.",
        "scale": "Linear operator.",
        "distribution": "Distribution of what was transformed.",
        "skewness": "Skewness.",
        "tailweight": "Weight of the tails.",
        "temperature": "Temperature of the weights of the mixture.",
    },
    r_defaults={"quadrature_fn": "tfp$distributions$quadrature_scheme_softmaxnormal_quantiles"},
)

DROPPED_BIJECTORS = Kin(
    name="tfb_dropped",
    title="Bijectors that TensorFlow Probability has dropped",
    about=DROPPED_DISTRIBUTIONS.about,
    common=OF_BIJECTOR,
    members={
        "tfb_affine": Dropped(
            "shift=None, scale_identity_multiplier=None, scale_diag=None, scale_tril=None,"
            " scale_perturb_factor=None, scale_perturb_diag=None, adjoint=False, ..., dtype=None",
            "Affine map",
            "0.14",
            "Take `tfb_shift(shift)(tfb_scale_matvec_diag(scale_diag))`, or the same with "
            "`tfb_scale_matvec_tri_l(scale_tril)` or `tfb_scale(scale_identity_multiplier)`.",
            "affine",
        ),
        "tfb_affine_linear_operator": Dropped(
            "shift=None, scale=None, adjoint=False, ...",
            "Affine map of a linear operator",
            "0.14",
            "Take `tfb_shift(shift)(tfb_scale_matvec_linear_operator(scale))`.",
            "affine_linear_operator",
        ),
        "tfb_gumbel": Dropped(
            "loc=0.0, scale=1.0, ...",
            "Distribution function of the Gumbel distribution",
            "0.10",
            "Take `tfb_gumbel_cdf(loc, scale)`, which computes the same.",
            "gumbel",
        ),
        "tfb_kumaraswamy": Dropped(
            "concentration1=None, concentration0=None, ...",
            "Quantile function of the Kumaraswamy distribution",
            "0.10",
            "Take `tfb_invert(tfb_kumaraswamy_cdf(concentration1, concentration0))`, which "
            "computes "
            "the same.",
            "kumaraswamy",
        ),
        "tfb_ordered": Dropped(
            "...",
            "Map from increasing vectors to all vectors",
            "0.17",
            "Take `tfb_invert(tfb_ascending())`, which computes the same.",
            "ordered",
        ),
        "tfb_scale_tri_l": Dropped(
            "diag_bijector=None, diag_shift=1e-05, ...",
            "Map from vectors to triangular matrices with a positive diagonal",
            "0.12",
            "Take `tfb_fill_scale_tri_l(diag_bijector, diag_shift)`, which computes the same.",
            "scale_tril",
        ),
        "tfb_weibull": Dropped(
            "scale=1.0, concentration=1.0, ...",
            "Distribution function of the Weibull distribution",
            "0.10",
            "Take `tfb_weibull_cdf(scale, concentration)`, which computes the same.",
            "weibull",
        ),
    },
    arguments={
        "loc": "Location.",
        "scale": "Scale, or linear operator.",
        "scale_diag": "Diagonal of the matrix.",
        "scale_tril": "Lower triangular matrix.",
        "concentration": "Shape.",
        "concentration1": "First shape.",
        "concentration0": "Second shape.",
    },
)
