"""Every constructor of tfprobability: its arguments, and what TensorFlow Probability makes of them.

The values are those that R sends: numbers that are whole by their value alone, and lists.
"""

import inspect
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_allclose, numpy_of, on

import bayeslayers
from bayeslayers import ArgumentError, tfp
from bayeslayers.distributions.kin import KIN_OF, Dropped

# PyTorch has no such constructors: see test_constructors_on_torch.
pytestmark = on("tensorflow", "jax")

# The formals of tfprobability 0.15.2, as R's `formals()` gave them.
PARITY = Path(__file__).parents[1] / "parity"
FORMALS = json.loads((PARITY / "tfprobability.json").read_text("utf-8"))
IN_PYTHON = {
    "NULL": None,
    "TRUE": True,
    "FALSE": False,
    "list()": (),
    "c(-1)": (-1,),
    "c(3, 3)": (3, 3),
    "c(32, 32, 3)": (32, 32, 3),
    "list(c(0, 1))": ((0, 1),),
    "-1L": -1,
    "0L": 0,
    "1L": 1,
    "tf$int32": "int32",
    "tf$float32": "float32",
    "tf$nn$relu": "relu",
    # Functions of the library, which are its own defaults.
    "tfp$distributions$quadrature_scheme_lognormal_quantiles": None,
    "tfp$distributions$quadrature_scheme_softmaxnormal_quantiles": None,
    "tfp$bijectors$ffjord$trace_jacobian_hutchinson": None,
    'paste0("Independent", distribution$name)': None,
}

SPECS = {name: kin.members[name] for name, kin in KIN_OF.items()}
DROPPED = [name for name, spec in SPECS.items() if isinstance(spec, Dropped)]
# Networks, whose first weights are random.
RANDOM = {
    "tfd_pixel_cnn",
    "tfb_glow",
    "tfb_batch_normalization",
    "tfb_masked_autoregressive_default_template",
    "tfb_masked_dense",
    "tfb_real_nvp_default_template",
}
MADE = [
    name
    for name, spec in SPECS.items()
    if name not in DROPPED and name not in RANDOM and (spec.everywhere or BACKEND == "tensorflow")
]
OTHER_NAMES = {
    "tfd_sample_distribution": "Sample",
    "tfd_quantized": "QuantizedDistribution",
    "tfd_wishart": "WishartTriL",
}
# The arguments that the library takes as whole numbers alone, or as shapes of them.
WHOLE = {
    *("reinterpreted_batch_ndims", "event_ndims", "num_steps", "num_timesteps", "dimension"),
    *("forward_min_event_ndims", "num_masked", "paddings", "num_or_size_splits"),
}
SHAPES = {
    *("sample_shape", "batch_shape", "permutation", "perm", "event_shape_out", "event_shape_in"),
    "block_sizes",
}
# Where densities are compared; 0.6 where nothing is said.
POINTS = {
    "tfd_pert": 7.0,
    **dict.fromkeys(("tfd_bernoulli", "tfd_probit_bernoulli", "tfd_categorical"), 1),
    **dict.fromkeys(("tfd_binomial", "tfd_beta_binomial", "tfd_negative_binomial"), 1.0),
    **dict.fromkeys(("tfd_geometric", "tfd_poisson", "tfd_skellam", "tfd_zipf"), 1.0),
    **dict.fromkeys(("tfd_poisson_log_normal_quadrature_compound", "tfd_quantized"), 1.0),
    **dict.fromkeys(("tfd_finite_discrete", "tfd_empirical"), 2.0),
    "tfd_deterministic": 0.0,
    "tfd_one_hot_categorical": [0, 1, 0],
    **dict.fromkeys(("tfd_relaxed_one_hot_categorical", "tfd_dirichlet"), (0.2, 0.3, 0.5)),
    "tfd_exp_relaxed_one_hot_categorical": np.log([0.2, 0.3, 0.5]),
    **dict.fromkeys(("tfd_multinomial", "tfd_dirichlet_multinomial"), (1.0, 1.0, 2.0)),
    "tfd_plackett_luce": [2, 0, 1],
    "tfd_vector_deterministic": [0.0, 1.0],
    **dict.fromkeys(("tfd_von_mises_fisher", "tfd_power_spherical"), (0.8, 0.6)),
    "tfd_spherical_uniform": [0.6, 0.8, 0.0],
    "tfd_independent": [0.0, 0.5],
    "tfd_sample_distribution": np.full((2, 3), 0.6),
    "tfd_batch_reshape": np.full((2, 2), 0.6),
    "tfd_blockwise": [0.5, 0.6],
    "tfd_autoregressive": [0.5, 0.6],
    **dict.fromkeys(("tfd_gaussian_process", "tfd_student_t_process"), (0.1, 0.6, 0.2)),
    "tfd_gaussian_process_regression_model": np.full(1, 0.6),
    "tfd_variational_gaussian_process": np.full(1, 0.6),
    "tfd_linear_gaussian_state_space_model": np.full((3, 2), 0.6),
    "tfd_hidden_markov_model": [0.1, 15.0, 10.0, 2.0],
    "tfd_lkj": np.full((3, 3), 0.1) + 0.9 * np.eye(3),
    "tfd_cholesky_lkj": np.linalg.cholesky(np.full((3, 3), 0.1) + 0.9 * np.eye(3)),
}
X = np.array([0.3, 0.6, 0.8], "float32")
MATRIX = np.array([[1.0, 0.0], [0.5, 2.0]], "float32")
INPUTS = {
    "tfb_reshape": np.array([0.1, 0.2, 0.3, 0.4], "float32"),
    **dict.fromkeys(
        (
            "tfb_cholesky_outer_product",
            "tfb_cholesky_to_inv_cholesky",
            "tfb_matrix_inverse_tri_l",
            "tfb_transform_diagonal",
            "tfb_transpose",
        ),
        MATRIX,
    ),
    **dict.fromkeys(
        (
            "tfb_scale_matvec_diag",
            "tfb_scale_matvec_tri_l",
            "tfb_scale_matvec_linear_operator",
            "tfb_scale_matvec_lu",
            "tfb_matvec_lu",
            "tfb_blockwise",
            "tfb_masked_autoregressive_flow",
            "tfb_real_nvp",
        ),
        X[:2],
    ),
}
# The names that the examples use.
NAMES = {name: getattr(bayeslayers, name) for name in bayeslayers.__all__}
if BACKEND == "tensorflow":
    import tensorflow as tf

    NAMES["tf"] = tf


def arguments_of(name):
    """Return the arguments of the example in the documentation."""
    arguments = eval(f"dict({SPECS[name].example})", NAMES)
    for value in arguments.values():
        if isinstance(value, keras.Layer):
            # JAX makes no variables inside of a loop that it compiles.
            value(X[None, :2])
    return arguments


def class_of(name):
    """Return TensorFlow Probability's class by its name, which is ours without underscores."""
    kind, _, rest = name.partition("_")
    module = {"tfd": tfp.distributions, "tfb": tfp.bijectors}[kind]
    wanted = OTHER_NAMES.get(name, rest).replace("_", "").lower()
    classes = {each.lower(): each for each in dir(module) if inspect.isclass(getattr(module, each))}
    return getattr(module, classes[wanted])


def from_the_library(name, arguments):
    """Return what TensorFlow Probability makes of the arguments in the types that it wants."""
    exact = dict(arguments)
    for argument, value in arguments.items():
        if argument in WHOLE | SHAPES:
            whole = np.asarray(value).astype("int64")
            exact[argument] = (whole if argument in WHOLE else np.atleast_1d(whole)).tolist()
    if name == "tfd_wishart":
        exact["scale_tril"] = np.linalg.cholesky(exact.pop("scale")).astype("float32")
    if name == "tfb_affine_scalar":
        return tfp.bijectors.Shift(exact["shift"])(tfp.bijectors.Scale(exact["scale"]))
    return class_of(name)(**exact)


def point_of(name):
    """Return where a density is looked at, in the dtype that draws have."""
    if "joint" in name:
        return {"m": 0.1, "x": 0.6} if "named" in name else [0.1, 0.6]
    point = POINTS.get(name, [0.5, 0.6] if "multivariate" in name else 0.6)
    if "wishart" in name:
        point = [[2.0, 0.1], [0.1, 3.0]]
    point = np.asarray(point)
    return point.astype("int32" if point.dtype.kind == "i" else "float32")


@pytest.mark.parametrize("name", [name for name in FORMALS if name.startswith(("tfd_", "tfb_"))])
def test_the_formals_are_those_of_tfprobability(name):
    found = [
        ["..." if parameter.name == "kwargs" else parameter.name, parameter.default]
        for parameter in inspect.signature(getattr(bayeslayers, name)).parameters.values()
    ]
    empty = inspect.Parameter.empty
    expected = []
    for argument, default in FORMALS[name]:
        if default in IN_PYTHON:
            expected.append([argument, IN_PYTHON[default]])
        else:
            expected.append([argument, json.loads(default) if default else empty])
    assert found == expected
    assert {type(value) is bool for _, value in found} == {type(v) is bool for _, v in expected}


def test_every_function_of_tfprobability_is_there():
    ours = {name for name in bayeslayers.__all__ if name.startswith(("tfd_", "tfb_"))}
    assert ours == {name for name in FORMALS if name.startswith(("tfd_", "tfb_"))}
    assert sum(name.startswith("tfd_") for name in ours) == 117
    assert sum(name.startswith("tfb_") for name in ours) == 70
    assert len(DROPPED) == 13


@pytest.mark.parametrize("name", [name for name in MADE if name.startswith("tfd_")])
def test_a_distribution_is_that_of_the_library(name):
    arguments = arguments_of(name)
    ours, theirs = NAMES[name](**arguments), from_the_library(name, arguments)
    point = point_of(name)
    assert_allclose(ours.log_prob(point), theirs.log_prob(point), rtol=1e-6)
    assert np.isfinite(numpy_of(ours.log_prob(point))).all()
    assert str(ours.event_shape) == str(theirs.event_shape)
    assert str(ours.batch_shape) == str(theirs.batch_shape)
    assert type(ours) is type(theirs)
    # The default of `name` is tfprobability's, two of which are those of another distribution.
    other_names = {"tfd_binomial": "Beta", "tfd_exp_inverse_gamma": "ExpGamma"}
    expected = other_names.get(name, theirs.name)
    assert ours.name.lower() == (expected.lower() if name != "tfd_wishart" else "wishart")


@pytest.mark.parametrize("name", [name for name in MADE if name.startswith("tfb_")])
def test_a_bijector_is_that_of_the_library(name):
    arguments = arguments_of(name)
    ours, theirs = NAMES[name](**arguments), from_the_library(name, arguments)
    x = keras.ops.convert_to_tensor(INPUTS.get(name, X))
    # As new tensors: a bijector keeps what it has computed, and finds it again by its tensor.
    y = keras.tree.map_structure(keras.ops.convert_to_tensor, numpy_of(theirs.forward(x)))
    found = bayeslayers.tfb_forward(ours, x)
    _assert_same(found, y)
    _assert_same(bayeslayers.tfb_inverse(ours, y), theirs.inverse(y))
    # A bijector of several tensors has a number for each.
    ndims = theirs.inverse_min_event_ndims
    whole = float(ndims) if isinstance(ndims, int) else ndims
    found = bayeslayers.tfb_inverse_log_det_jacobian(ours, y, whole)
    _assert_same(found, theirs.inverse_log_det_jacobian(y, ndims))
    # Two numbers have the same absolute value.
    if name != "tfb_absolute_value":
        found = bayeslayers.tfb_forward_log_det_jacobian(ours, x, theirs.forward_min_event_ndims)
        _assert_same(found, theirs.forward_log_det_jacobian(x, theirs.forward_min_event_ndims))


def _assert_same(found, expected):
    keras.tree.map_structure(
        lambda a, b: assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected
    )


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_argument_is_named(name):
    function, arguments = NAMES[name], arguments_of(name)
    with pytest.raises(ArgumentError, match="`no_such` is not an argument"):
        function(**arguments, no_such=1)
    for argument in arguments:
        with pytest.raises(ArgumentError) as caught:
            function(**{**arguments, argument: "a text"})
        assert caught.value.argument == argument
    required = [argument for argument, default in FORMALS[name] if not default]
    for argument in required:
        for others in ({argument: None}, {}):
            given = {key: value for key, value in arguments.items() if key != argument}
            with pytest.raises(ArgumentError, match=f"`{argument}` must be given"):
                function(**given, **others)


WHOLE_ONES = [
    (name, argument)
    for name in MADE
    for argument in arguments_of(name)
    if argument in WHOLE | SHAPES
]


@pytest.mark.parametrize(("name", "argument"), WHOLE_ONES)
def test_a_broken_number_where_a_whole_one_is_meant_is_refused(name, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must be a whole number"):
        NAMES[name](**{**arguments_of(name), argument: 1.5})


def test_whole_numbers_may_be_tensors_and_arrays():
    for places in (np.array([1, 0, 2]), keras.ops.convert_to_tensor([1, 0, 2]), [1, 0, 2]):
        assert_allclose(NAMES["tfb_permute"](places).forward(X), X[[1, 0, 2]])
    # R's matrix comes as floats.
    assert_allclose(NAMES["tfb_permute"](np.array([1.0, 0.0, 2.0])).forward(X), X[[1, 0, 2]])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("tfd_beta", {}, "`concentration1` must be given"),
        ("tfd_wishart", {"df": 3.0}, "`scale` must be given, or else `scale_tril`"),
        ("tfd_normal", {"loc": 0.0, "scale": 1.0, "validate_args": 1}, "`validate_args` must be"),
        ("tfd_normal", {"loc": 0.0, "scale": 1.0, "name": 1}, "`name` must be text"),
        ("tfd_categorical", {"probs": [0.5, 0.5], "dtype": "int3"}, "`dtype` must be a dtype"),
        ("tfd_mixture", {"cat": 1.0, "components": []}, "`cat` must be a distribution"),
        ("tfb_chain", {"bijectors": [1.0]}, "`bijectors` must be a bijector"),
        ("tfd_multivariate_normal_linear_operator", {"scale": MATRIX}, "a linear operator"),
        ("tfd_normal", {"loc": lambda x: x, "scale": 1.0}, "`loc` must be a number"),
    ],
)
def test_other_mistakes(name, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        NAMES[name](**arguments)


# Values for the names in what is said to use instead.
VALUES = {
    "loc": [0.0, 1.0],
    "scale": 2.0,
    "scale_diag": [1.0, 2.0],
    "scale_tril": MATRIX,
    "scale_identity_multiplier": 2.0,
    "shift": 1.0,
    "skewness": 0.5,
    "tailweight": 1.2,
    "concentration": 1.5,
    "concentration1": 2.0,
    "concentration0": 3.0,
    "diag_bijector": None,
    "diag_shift": 1e-5,
    "k": 2,
}


@pytest.mark.parametrize("name", DROPPED)
def test_what_was_dropped_says_so(name):
    with pytest.raises(NotImplementedError, match="has dropped the class of") as caught:
        NAMES[name]()
    message = str(caught.value)
    assert f"`{name}()`: version 0.1" in message
    # What it says to use can be run.
    for line in re.findall(r"`(tf[db]_.+?)`", message.partition("later")[2]):
        if "linear_operator" in line:
            continue
        made = eval(line, {**NAMES, **VALUES}) if "mixture" not in line else None
        assert made is None or hasattr(made, "name")


def test_what_takes_their_place_computes_the_same():
    """The formulas are those of the classes that were dropped."""
    made = NAMES["tfb_invert"](NAMES["tfb_kumaraswamy_cdf"](2.0, 3.0))
    assert_allclose(made.forward(X), (1 - (1 - X) ** (1 / 3)) ** (1 / 2), rtol=1e-5)
    made = NAMES["tfb_gumbel_cdf"](0.5, 2.0)
    assert_allclose(made.forward(X), np.exp(-np.exp(-(X - 0.5) / 2)), rtol=1e-5)
    made = NAMES["tfb_invert"](NAMES["tfb_ascending"]())
    expected = np.concatenate([X[:1], np.log(np.diff(X))])
    assert_allclose(made.forward(X), expected, rtol=1e-5)


@on("jax")
@pytest.mark.parametrize("name", [*sorted(RANDOM), "tfb_discrete_cosine_transform"])
def test_what_is_not_there_on_jax_says_so(name):
    required = {argument: [2.0, 2.0] for argument, default in FORMALS[name] if not default}
    with pytest.raises(NotImplementedError, match="on JAX, which Keras runs on here"):
        NAMES[name](**{key: value for key, value in required.items() if key != "..."})


def test_a_scale_that_was_dropped_keeps_its_meaning():
    made = NAMES["tfd_multivariate_normal_diag_plus_low_rank"](
        [0.0, 1.0], [1.0, 2.0], 0.5, [[0.5], [1.0]]
    )
    scale = np.diag([1.5, 2.5]) + np.array([[0.25, 0.5], [0.5, 1.0]])
    assert_allclose(made.covariance(), scale @ scale.T, rtol=1e-5)


def test_draws_of_what_a_table_of_defaults_changes():
    """tfprobability's own defaults, where the library has others."""
    assert NAMES["tfd_plackett_luce"]([1.0, 2.0]).allow_nan_stats is False
    assert numpy_of(NAMES["tfd_zipf"](2.0, interpolate_nondiscrete=False).log_prob(1.5)) == -np.inf
