"""Multivariate normal and t distributions, and distributions of matrices."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec
from bayeslayers.distributions.kin.translations import factored, scaled

MULTIVARIATE_NORMAL = Kin(
    name="tfd_multivariate_normal",
    title="Multivariate normal and t distributions",
    about=(
        "Each function makes a distribution of one vector, x = loc + S z with independent standard "
        "normal numbers z. The functions differ in how S is given. The covariance is S S'. Further "
        "dimensions in front of the arguments make a batch."
    ),
    members={
        "tfd_multivariate_normal_diag": Spec(
            "distributions.MultivariateNormalDiag",
            "loc=None, scale_diag=None, scale_identity_multiplier=None, ...",
            "Multivariate normal distribution with a diagonal covariance",
            "S = diag(scale_diag) + scale_identity_multiplier I",
            "loc=[0.0, 1.0], scale_diag=[1.0, 2.0]",
            translate=scaled,
        ),
        "tfd_multivariate_normal_tri_l": Spec(
            "distributions.MultivariateNormalTriL",
            "loc=None, scale_tril=None, ...",
            "Multivariate normal distribution with a triangular scale",
            "S = scale_tril",
            "loc=[0.0, 1.0], scale_tril=[[1.0, 0.0], [0.5, 2.0]]",
        ),
        "tfd_multivariate_normal_full_covariance": Spec(
            "distributions.MultivariateNormalFullCovariance",
            "loc=None, covariance_matrix=None, ...",
            "Multivariate normal distribution with a covariance matrix",
            "S S' = covariance_matrix",
            "loc=[0.0, 1.0], covariance_matrix=[[1.0, 0.5], [0.5, 2.0]]",
        ),
        "tfd_multivariate_normal_diag_plus_low_rank": Spec(
            "distributions.MultivariateNormalDiagPlusLowRank",
            "loc=None, scale_diag=None, scale_identity_multiplier=None, scale_perturb_factor=None,"
            " scale_perturb_diag=None, ...",
            "Multivariate normal distribution with a diagonal scale and a part of low rank",
            "S = diag(scale_diag) + scale_identity_multiplier I + F diag(scale_perturb_diag) F',\n"
            "F = scale_perturb_factor",
            "loc=[0.0, 1.0], scale_diag=[1.0, 2.0], scale_perturb_factor=[[0.5], [1.0]]",
            translate=scaled,
        ),
        "tfd_multivariate_normal_linear_operator": Spec(
            "distributions.MultivariateNormalLinearOperator",
            "loc=None, scale=None, ...",
            "Multivariate normal distribution with a linear operator as its scale",
            "S = scale",
            example="loc=[0.0, 1.0], scale=tf.linalg.LinearOperatorDiag([1.0, 2.0])",
            everywhere=False,
            kinds={"scale": "operator"},
        ),
        "tfd_multivariate_student_t_linear_operator": Spec(
            "distributions.MultivariateStudentTLinearOperator",
            "df, loc, scale, ...",
            "Multivariate t distribution with a linear operator as its scale",
            "x = loc + S z sqrt(df / c),   c ~ Chi2(df),   S = scale",
            example="df=4.0, loc=[0.0, 1.0], scale=tf.linalg.LinearOperatorDiag([1.0, 2.0])",
            everywhere=False,
            kinds={"scale": "operator"},
        ),
    },
    arguments={
        "loc": "Vector of the means. `None` is 0.",
        "scale": "Linear operator of the library below Keras, such as of a triangular matrix.",
        "scale_diag": "Standard deviations, one for each dimension. `None` is 1.",
    },
    references=(),
    example="tfd_sample(made, 2)",
)

MATRICES = Kin(
    name="tfd_matrices",
    title="Distributions of matrices: Wishart and LKJ",
    about=(
        "Each function makes a distribution of one matrix: of positive definite matrices, of "
        "correlation matrices, or of their Cholesky factors, which are lower triangular. Z is the "
        "constant with which a density integrates to 1."
    ),
    members={
        "tfd_wishart_tri_l": Spec(
            "distributions.WishartTriL",
            "df, scale_tril, input_output_cholesky=False, ...",
            "Wishart distribution with a triangular scale",
            "p(X) = det(X)^((df - k - 1) / 2) exp(-trace(V^(-1) X) / 2) / Z,\n"
            "V = scale_tril scale_tril', of k rows",
            "df=4.0, scale_tril=[[1.0, 0.0], [0.5, 2.0]]",
        ),
        "tfd_wishart": Spec(
            "distributions.WishartTriL",
            "df, scale=None, scale_tril=None, input_output_cholesky=False, validate_args=False,"
            " allow_nan_stats=True, name='Wishart'",
            "Wishart distribution",
            "p(X) = det(X)^((df - k - 1) / 2) exp(-trace(V^(-1) X) / 2) / Z,\n"
            "V = scale = scale_tril scale_tril', of k rows",
            "df=4.0, scale=[[1.0, 0.5], [0.5, 2.0]]",
            translate=factored,
            note="Give either `scale` or `scale_tril`.",
        ),
        "tfd_wishart_linear_operator": Spec(
            "distributions.WishartLinearOperator",
            "df, scale, input_output_cholesky=False, ...",
            "Wishart distribution with a linear operator as its scale",
            "the same with V = scale scale'",
            example="df=4.0, scale=tf.linalg.LinearOperatorDiag([1.0, 2.0])",
            everywhere=False,
            kinds={"scale": "operator"},
        ),
        "tfd_lkj": Spec(
            "distributions.LKJ",
            "dimension, concentration, input_output_cholesky=False, ...",
            "LKJ distribution of correlation matrices",
            "p(X) = det(X)^(concentration - 1) / Z",
            "dimension=3.0, concentration=1.5",
        ),
        "tfd_cholesky_lkj": Spec(
            "distributions.CholeskyLKJ",
            "dimension, concentration, ...",
            "Distribution of the Cholesky factors of LKJ's correlation matrices",
            "L L' ~ LKJ(dimension, concentration)",
            "dimension=3.0, concentration=1.5",
        ),
    },
    arguments={
        "df": "Degrees of freedom, at least the number of rows.",
        "scale": (
            "Positive definite matrix; for `tfd_wishart_linear_operator()` a linear "
            "operator of the "
            "library below Keras."
        ),
        "scale_tril": "Lower triangular matrix with a positive diagonal.",
        "dimension": "Whole number: how many rows a matrix has.",
        "concentration": "Positive number: the greater, the nearer the draws are to the identity.",
        "input_output_cholesky": (
            "`True` or `False`: whether draws and the arguments of densities are Cholesky factors "
            "instead of matrices."
        ),
    },
    references=(
        "Lewandowski, D., Kurowicka, D., and Joe, H. (2009). Generating random correlation "
        "matrices "
        "based on vines and extended onion method. Journal of Multivariate Analysis 100(9), "
        "1989-2001. https://doi.org/10.1016/j.jmva.2009.04.008",
    ),
    example="tfd_sample(made)",
)
