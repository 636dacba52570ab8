"""Bijectors of vectors and matrices."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import OF_BIJECTOR, Kin, Spec

_UNNAMED = "validate_args=False, name=None"

CONSTRAINED = Kin(
    name="tfb_constrained",
    title="Bijectors onto increasing vectors, shares and matrices",
    about=(
        "Each function makes a map y = f(x) of vectors or matrices, with its inverse and the "
        "logarithm of the determinant of its derivative."
    ),
    common=OF_BIJECTOR,
    members={
        "tfb_ascending": Spec(
            "bijectors.Ascending",
            "...",
            "Increasing vectors",
            "y[0] = x[0],   y[i] = y[i - 1] + exp(x[i])",
        ),
        "tfb_cumsum": Spec(
            "bijectors.Cumsum", "axis=-1, ...", "Cumulative sum", "y[i] = x[0] + ... + x[i]"
        ),
        "tfb_softmax_centered": Spec(
            "bijectors.SoftmaxCentered",
            "...",
            "Shares by softmax",
            "y = softmax((x[0], ..., x[k - 1], 0))",
            note="y has one number more than x.",
        ),
        "tfb_iterated_sigmoid_centered": Spec(
            "bijectors.IteratedSigmoidCentered",
            "...",
            "Shares by breaking a stick",
            "y[i] = s[i] (1 - y[0] - ... - y[i - 1]),   s[i] = sigmoid(x[i] - log(k - i))",
            name="iterated_sigmoid",
            note="x has k numbers; y has k + 1 numbers that sum to 1.",
        ),
        "tfb_discrete_cosine_transform": Spec(
            "bijectors.DiscreteCosineTransform",
            "validate_args=False, dct_type=2, name='dct'",
            "Discrete cosine transform",
            "y[i] = c[i] sum over j of x[j] cos(pi i (2 j + 1) / (2 n)),   of type 2",
            everywhere=False,
            note="It works on TensorFlow alone.",
        ),
        "tfb_fill_triangular": Spec(
            "bijectors.FillTriangular",
            "upper=False, ...",
            "Triangular matrices",
            "Y = the triangular matrix that x fills, clockwise",
        ),
        "tfb_fill_scale_tri_l": Spec(
            "bijectors.FillScaleTriL",
            "diag_bijector=None, diag_shift=1e-05, ...",
            "Triangular matrices with a positive diagonal",
            "Y = the triangular matrix that x fills, with diag_bijector(diagonal) + diag_shift",
            name="fill_scale_tril",
        ),
        "tfb_transform_diagonal": Spec(
            "bijectors.TransformDiagonal",
            "diag_bijector, ...",
            "Matrix with another diagonal",
            "Y = X, with diag_bijector(diagonal of X) as its diagonal",
            "diag_bijector=tfb_exp()",
        ),
        "tfb_correlation_cholesky": Spec(
            "bijectors.CorrelationCholesky",
            "...",
            "Cholesky factors of correlation matrices",
            "Y = lower triangular, of rows of length 1",
        ),
        "tfb_cholesky_outer_product": Spec(
            "bijectors.CholeskyOuterProduct",
            "...",
            "Positive definite matrices",
            "Y = X X',   X lower triangular with a positive diagonal",
        ),
        "tfb_cholesky_to_inv_cholesky": Spec(
            "bijectors.CholeskyToInvCholesky",
            "...",
            "Cholesky factor of the inverse",
            "Y Y' = (X X')^(-1),   X and Y lower triangular",
        ),
        "tfb_matrix_inverse_tri_l": Spec(
            "bijectors.MatrixInverseTriL",
            "...",
            "Inverse of a triangular matrix",
            "Y = X^(-1),   X lower triangular",
            name="matrix_inverse_tril",
        ),
    },
    arguments={
        "axis": "Whole number: the dimension that is summed over, counted from the end: -1 "
        "and less.",
        "diag_bijector": "Bijector of the diagonal. `None` is softplus.",
    },
    references=(
        "Stan Development Team. Stan Reference Manual, chapter on constraint transforms. "
        "https://mc-stan.org/docs/reference-manual/transforms.html",
    ),
    example="tfb_forward(made, [0.5, 1.0])",
)

LINEAR = Kin(
    name="tfb_linear",
    title="Bijectors that multiply a vector by a matrix",
    about=(
        "Each function makes a linear map y = A x of vectors. They differ in how the matrix A is "
        "given."
    ),
    common=OF_BIJECTOR,
    members={
        "tfb_scale_matvec_diag": Spec(
            "bijectors.ScaleMatvecDiag",
            "scale_diag, adjoint=False, ..., dtype=None",
            "Product with a diagonal matrix",
            "A = diag(scale_diag)",
            "scale_diag=[1.0, 2.0]",
        ),
        "tfb_scale_matvec_tri_l": Spec(
            "bijectors.ScaleMatvecTriL",
            "scale_tril, adjoint=False, ..., dtype=None",
            "Product with a triangular matrix",
            "A = scale_tril",
            "scale_tril=[[1.0, 0.0], [0.5, 2.0]]",
            name="scale_matvec_tril",
        ),
        "tfb_scale_matvec_linear_operator": Spec(
            "bijectors.ScaleMatvecLinearOperator",
            "scale, adjoint=False, ...",
            "Product with a linear operator",
            "A = scale",
            example="scale=tf.linalg.LinearOperatorDiag([1.0, 2.0])",
            everywhere=False,
            kinds={"scale": "operator"},
        ),
        "tfb_scale_matvec_lu": Spec(
            "bijectors.ScaleMatvecLU",
            f"lower_upper, permutation, {_UNNAMED}",
            "Product with a matrix in its LU decomposition",
            "A = P L U,   L + U - I = lower_upper,   P moves row permutation[i] to i",
            "lower_upper=[[1.0, 0.5], [0.25, 2.0]], permutation=[1.0, 0.0]",
        ),
        "tfb_matvec_lu": Spec(
            "bijectors.MatvecLU",
            f"lower_upper, permutation, {_UNNAMED}",
            "Product with a matrix in its LU decomposition, by its old name",
            "A = P L U,   L + U - I = lower_upper,   P moves row permutation[i] to i",
            "lower_upper=[[1.0, 0.5], [0.25, 2.0]], permutation=[1.0, 0.0]",
        ),
    },
    arguments={
        "scale": "Linear operator of the library below Keras.",
        "scale_diag": "Diagonal of the matrix, none of it 0.",
        "scale_tril": "Lower triangular matrix, with no 0 on its diagonal.",
    },
    example="tfb_forward(made, [0.5, 1.0])",
)

SHAPES = Kin(
    name="tfb_shapes",
    title="Bijectors that move numbers around",
    about="Each function makes a map that changes the order or the shape of numbers alone.",
    common=OF_BIJECTOR,
    members={
        "tfb_permute": Spec(
            "bijectors.Permute",
            f"permutation, axis=-1, {_UNNAMED}",
            "Permutation",
            "y[i] = x[permutation[i]]",
            "permutation=[1.0, 0.0, 2.0]",
        ),
        "tfb_reshape": Spec(
            "bijectors.Reshape",
            f"event_shape_out, event_shape_in=(-1,), {_UNNAMED}",
            "Other shape",
            "y = x in the shape event_shape_out",
            "event_shape_out=[2.0, 2.0], event_shape_in=4.0",
        ),
        "tfb_transpose": Spec(
            "bijectors.Transpose",
            "perm=None, rightmost_transposed_ndims=None, validate_args=False, name='transpose'",
            "Transposition",
            "y = x with its last dimensions in another order",
            "perm=[1.0, 0.0]",
        ),
        "tfb_pad": Spec(
            "bijectors.Pad",
            "paddings=((0, 1),), mode='CONSTANT', constant_values=0.0, axis=None, "
            "validate_args=False, name=None",
            "Padding",
            "y = (constant_values, ..., x, constant_values, ...)",
            "paddings=[[0.0, 2.0]], constant_values=1.0",
        ),
        "tfb_split": Spec(
            "bijectors.Split",
            "num_or_size_splits, axis=-1, validate_args=False, name='split'",
            "Parts",
            "y = list of parts of x",
            "num_or_size_splits=[1.0, 2.0]",
        ),
    },
    arguments={"axis": "Whole number: the dimension, counted from the end: -1 and less."},
    example="tfb_forward(made, [0.5, 1.0, 2.0])",
)
