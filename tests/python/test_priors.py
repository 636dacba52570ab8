"""Priors by name: their densities, and the divergence that each needs."""

import itertools

import keras
import numpy as np
import pytest
from frameworks import (
    BACKEND,
    NormalWithoutSpread,
    assert_allclose,
    compiled,
    distributions,
    moment,
    numpy_of,
    value_and_gradients,
)
from keras import ops
from oracles import normal_kl
from scipy import integrate, special, stats

import bayeslayers
from bayeslayers import (
    ArgumentError,
    as_bayesian,
    horseshoe_prior_fn,
    kl_divergence,
    layer_dense_flipout,
    layers,
    normal_prior_fn,
    scale_kl,
    scale_mixture_prior_fn,
    tfp,
)
from bayeslayers.backend import method_of

PAPER = (1.0, np.exp(-6.0))
ESTIMATORS = {
    "flipout": layers.DenseFlipout,
    "reparameterization": layers.DenseReparameterization,
    "local": layers.DenseLocalReparameterization,
}


def log_mixture(w, weight, scales):
    """The density of Blundell et al. (2015), by SciPy."""
    parts = (stats.norm.logpdf(w, scale=scale) for scale in scales)
    return np.logaddexp(*(p + np.log(v) for p, v in zip(parts, (weight, 1 - weight), strict=True)))


def log_horseshoe(w, scale):
    """The density with the half-Cauchy scale integrated out, by quadrature over its angle.

    With lambda = tan(angle), the angle is uniform on (0, pi / 2).
    """
    peak = np.arctan(abs(w) / scale)

    def density(angle):
        return stats.norm.pdf(w, scale=scale * np.tan(angle)) * 2 / np.pi

    points = [peak / 10, peak / 2, peak, 0.5 * (peak + np.pi / 2)]
    return np.log(integrate.quad(density, 0, np.pi / 2, points=points, epsabs=0, limit=400)[0])


def log_horseshoe_by_integral(w, scale):
    """The same density by SciPy's exponential integral, which does not take long."""
    z = (w / scale) ** 2 / 2
    # Beyond 300 by its series, before exp(z) is too large.
    near = np.minimum(z, 300.0)
    far = np.maximum(z, 300.0)
    series = (1 - 1 / far + 2 / far**2 - 6 / far**3) / far
    value = np.where(z < 300, np.exp(near) * special.exp1(near), series)
    return np.log(value) - 0.5 * np.log(2 * np.pi**3) - np.log(scale)


# The default of each, and another: what makes it, and its log-density.
ESTIMATED = {
    "mixture": (scale_mixture_prior_fn(), lambda w: log_mixture(w, 0.5, PAPER)),
    "mixture of others": (
        scale_mixture_prior_fn(0.2, (2.0, 0.1)),
        lambda w: log_mixture(w, 0.2, (2.0, 0.1)),
    ),
    "horseshoe": (horseshoe_prior_fn(), lambda w: log_horseshoe_by_integral(w, 1.0)),
    "small horseshoe": (horseshoe_prior_fn(0.1), lambda w: log_horseshoe_by_integral(w, 0.1)),
}
# What log-densities may differ by: the horseshoe is approximated.
ROUNDING = {"mixture": 2e-5, "horseshoe": 1e-3}
# Means and scales of the four numbers of the kernels below.
LOC = np.array([[0.3, -0.8], [0.05, 1.5]])
SCALE = np.array([[0.1, 0.4], [0.2, 0.05]])


# Near zero the derivative of a horseshoe's log-density is so large that the estimate of the
# gradient has no finite variance, and that of a narrow mixture has one that few draws show.
FAR_LOC = np.array([[0.8, -1.5], [-0.6, 3.0]])
FAR_SCALE = np.array([[0.1, 0.2], [0.08, 0.05]])
TAMED = {"mixture of others": (LOC, SCALE)}


def rounding_of(name):
    return ROUNDING[name.split()[0].replace("small", "horseshoe")]


def divergence(log_prior, loc, scale):
    """KL(Normal(loc, scale) || prior) of one number, by quadrature."""

    def integrand(w):
        return stats.norm.pdf(w, loc, scale) * (stats.norm.logpdf(w, loc, scale) - log_prior(w))

    # The horseshoe is infinite at zero, and the mixture narrow around it.
    ends = loc - 9 * scale, loc + 9 * scale
    points = sorted({p for p in (-0.05, -0.01, 0.0, 0.01, 0.05, loc) if ends[0] < p < ends[1]})
    edges = [ends[0], *points, ends[1]]
    parts = itertools.pairwise(edges)
    return sum(integrate.quad(integrand, a, b, epsabs=1e-8, epsrel=1e-7)[0] for a, b in parts)


def total_divergence(log_prior, loc=LOC, scale=SCALE):
    return sum(divergence(log_prior, m, s) for m, s in zip(loc.ravel(), scale.ravel(), strict=True))


def built(estimator, prior_fn, loc=LOC, scale=SCALE, **arguments):
    """Return a layer of four weights, whose posterior has these means and scales."""
    layer = ESTIMATORS[estimator](2, kernel_prior_fn=prior_fn, seed=3, **arguments)
    layer.build((None, 2))
    layer.trainable_variables[0].assign(loc)
    layer.trainable_variables[1].assign(np.log(np.expm1(scale)))
    return layer


def losses_of(layer):
    """Return a function that calls the layer once, and returns its divergence."""

    def call():
        layer(np.eye(2, dtype="float32"))
        (loss,) = layer.losses
        return loss

    return call


# Of the makers.


@pytest.mark.parametrize(
    ("name", "prior_fn", "text"),
    [
        ("normal", normal_prior_fn(0.5, loc=1), "normal_prior_fn(scale=0.5, loc=1.0)"),
        (
            "scale_mixture",
            scale_mixture_prior_fn(0.25, [1, 0.5]),
            "scale_mixture_prior_fn(weight=0.25, scales=(1.0, 0.5))",
        ),
        ("horseshoe", horseshoe_prior_fn(0.5), "horseshoe_prior_fn(scale=0.5)"),
        (
            "trainable_normal",
            tfp.layers.util.trainable_normal_fn(is_centred=True),
            "trainable_normal_fn(is_centred=True)",
        ),
    ],
)
def test_makers_are_values_with_names(name, prior_fn, text, rng, tmp_path):
    default = type(prior_fn)()
    assert repr(prior_fn) == text
    assert repr(default) == f"{default.function_name}()"
    assert prior_fn != default == type(prior_fn)()
    assert hash(default) == hash(type(prior_fn)())
    assert layers.DenseFlipout(2, kernel_prior_fn=name).kernel_prior_fn == default
    assert getattr(tfp.layers.util, default.function_name)() == default
    model = keras.Sequential([keras.Input((3,))])
    model = layer_dense_flipout(model, 2, kernel_prior_fn=prior_fn, bias_prior_fn=name)
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    (layer,) = keras.models.load_model(tmp_path / "m.keras").layers
    assert layer.kernel_prior_fn == prior_fn
    assert layer.bias_prior_fn == default
    assert layer.bias_posterior_fn == model.layers[0].bias_posterior_fn


def test_files_hold_plain_numbers():
    """The same on all backends, so that each reads the files of the others."""
    registered = {"module": "bayeslayers.distributions.priors"}
    layer = layers.DenseFlipout(
        2,
        kernel_prior_fn=scale_mixture_prior_fn(0.25, (2, 0.5)),
        bias_prior_fn=horseshoe_prior_fn(2),
    )
    config = layer.get_config()
    assert config["kernel_prior_fn"] == {
        **registered,
        "class_name": "ScaleMixturePrior",
        "config": {"weight": 0.25, "scales": [2.0, 0.5]},
        "registered_name": "bayeslayers>ScaleMixturePrior",
    }
    assert config["bias_prior_fn"] == {
        **registered,
        "class_name": "HorseshoePrior",
        "config": {"scale": 2.0},
        "registered_name": "bayeslayers>HorseshoePrior",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normal_prior_fn(0), "`scale` must be a positive number"),
        (lambda: normal_prior_fn(loc=np.inf), "`loc` must be a finite number"),
        (lambda: scale_mixture_prior_fn(weight=1), "`weight` must be a number between 0 and 1"),
        (lambda: scale_mixture_prior_fn(scales=(1, 0)), "`scales` must be 2 positive numbers"),
        (lambda: scale_mixture_prior_fn(scales=(1, 2, 3)), "`scales` must be 2 positive numbers"),
        (lambda: horseshoe_prior_fn("1"), "`scale` must be a positive number"),
        (lambda: horseshoe_prior_fn(sacle=1), "did you mean `scale`|sacle"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize("role", ["kernel", "bias"])
def test_a_name_that_is_none_is_answered_with_those_that_are(role):
    names = '"normal", "scale_mixture", "horseshoe", "trainable_normal"'
    with pytest.raises(ArgumentError, match=f"or one of {names}.") as caught:
        layers.DenseFlipout(2, **{f"{role}_prior_fn": "Horseshoe"})
    assert caught.value.argument == f"{role}_prior_fn"
    assert layers.DenseFlipout(2, kernel_posterior_fn="mean_field_normal").kernel_posterior_fn == (
        layers.default_mean_field_normal_fn()
    )


# Of the densities.


@pytest.mark.parametrize("name", ESTIMATED)
def test_the_density_is_that_of_scipy(name):
    prior_fn, log_prior = ESTIMATED[name]
    layer = layers.DenseReparameterization(1, kernel_prior_fn=prior_fn)
    values = np.concatenate([-np.logspace(-4, 2, 25), np.logspace(-4, 2, 25)]).astype("float32")
    layer.build((None, 1))
    prior = layer.kernel_prior
    found = [numpy_of(method_of(prior, "log_prob")(ops.array([[w]]))) for w in values]
    expected = [log_prior(float(w)) for w in values]
    assert_allclose(found, expected, atol=rounding_of(name), rtol=2e-5)
    if "horseshoe" in name:
        by_quadrature = [log_horseshoe(float(w), prior_fn.scale) for w in values]
        assert_allclose(expected, by_quadrature, atol=1e-6)


@pytest.mark.parametrize("name", ESTIMATED)
def test_draws_follow_the_density(name):
    """By the Kolmogorov-Smirnov test, which fails once in a million runs with new seeds."""
    prior_fn, _ = ESTIMATED[name]
    layer = layers.DenseReparameterization(100, kernel_prior_fn=prior_fn)
    layer.build((None, 100))
    drawn = numpy_of(method_of(layer.kernel_prior, "sample")(seed=5)).ravel()
    if "mixture" in name:
        weight, scales = prior_fn.weight, prior_fn.scales

        def cdf(x):
            first, second = (stats.norm.cdf(x, scale=scale) for scale in scales)
            return weight * first + (1 - weight) * second
    else:
        # Normal and half-Cauchy draws of NumPy's stand for the distribution function.
        rng = np.random.default_rng(1)
        scale = prior_fn.scale * np.abs(rng.standard_cauchy(10**5))
        assert stats.ks_2samp(drawn, scale * rng.standard_normal(10**5)).pvalue > 1e-6
        return
    assert stats.kstest(drawn, cdf).pvalue > 1e-6


# Of exact divergences.


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("scale", "loc"), [(1.0, 0.0), (0.3, 0.0), (5.0, -2.0)])
def test_from_normal_priors_the_divergence_is_exact(scale, loc, estimator):
    layer = built(estimator, normal_prior_fn(scale, loc), bias_prior_fn=normal_prior_fn(scale, loc))
    assert_allclose(moment(layer.kernel_prior, "mean"), np.full((2, 2), loc))
    variables = layer.trainable_variables[:2]

    def kernel_divergence():
        layer(np.eye(2, dtype="float32"))
        return layer.losses[0]

    value, found = value_and_gradients(kernel_divergence, variables)
    assert_allclose(value, normal_kl(LOC, SCALE, loc, scale), rtol=1e-5)
    assert_allclose(found[0], (LOC - loc) / scale**2, rtol=1e-4, atol=1e-5)
    # By the chain rule, d scale / d untransformed = 1 - exp(-scale).
    by_scale = SCALE / scale**2 - 1 / SCALE
    assert_allclose(found[1], by_scale * -np.expm1(-SCALE), rtol=1e-4, atol=1e-6)
    # All mass of the bias is on one point.
    layer(np.eye(2, dtype="float32"))
    point = numpy_of(layer.trainable_variables[2])
    assert_allclose(layer.losses[1], -stats.norm.logpdf(point, loc, scale).sum(), rtol=1e-5)
    table = kl_divergence(keras.Sequential([keras.Input((2,)), layer])).table
    assert list(table["mcse"]) == [0.0, 0.0]


# Of estimated divergences.


def test_the_estimate_is_at_the_draw_of_the_call():
    prior_fn, log_prior = ESTIMATED["mixture of others"]
    layer = built("reparameterization", prior_fn, bias_posterior_fn=None)
    for _ in range(3):
        kernel = numpy_of(layer(np.eye(2, dtype="float32"))).astype("float64")
        log_q = stats.norm.logpdf(kernel, LOC, SCALE).sum()
        assert_allclose(layer.losses[0], log_q - log_prior(kernel).sum(), rtol=1e-4)


def test_the_estimate_of_flipout_is_at_the_draw_behind_the_signs():
    prior_fn, log_prior = ESTIMATED["mixture of others"]
    layer = layers.DenseFlipout(1, kernel_prior_fn=prior_fn, bias_posterior_fn=None)
    layer.build((None, 1))
    loc, untransformed = layer.trainable_variables
    loc.assign([[0.4]])
    untransformed.assign([[0.0]])
    for _ in range(5):
        # A positive and a negative sign turn the draw to the other side of the mean.
        outputs = numpy_of(layer(np.ones((1, 1), "float32"))).item()
        sides = np.array([outputs, 0.8 - outputs])
        expected = stats.norm.logpdf(sides, 0.4, np.log(2)) - log_prior(sides)
        assert np.abs(expected - float(layer.losses[0])).min() < 1e-3


def assert_mean(samples, expected, slack):
    """Compare within 4 standard errors of the mean, and a slack besides."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    distance = np.abs(samples.mean(axis=0) - expected)
    assert np.all(distance < 4 * error + slack), (distance / error).max()


@pytest.mark.parametrize("name", ESTIMATED)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mean_of_estimates_is_the_divergence_by_quadrature(estimator, name):
    """Within 4 standard errors, which fails once in 15,000 runs with new seeds."""
    prior_fn, log_prior = ESTIMATED[name]
    call = compiled(losses_of(built(estimator, prior_fn, bias_posterior_fn=None)))
    values = np.array([float(numpy_of(call())) for _ in range(600)])
    assert_mean(values, total_divergence(log_prior), 4 * rounding_of(name))


@pytest.mark.parametrize("name", ESTIMATED)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mean_of_gradients_is_the_gradient_of_the_divergence(estimator, name):
    """Within 4 standard errors: one of the 8 numbers is further once in 1,900 runs of new seeds."""
    prior_fn, log_prior = ESTIMATED[name]
    loc, scale = TAMED.get(name, (FAR_LOC, FAR_SCALE))
    layer = built(estimator, prior_fn, loc, scale, bias_posterior_fn=None)
    call = losses_of(layer)

    def step():
        return value_and_gradients(call, layer.trainable_variables)[1]

    # On JAX it is compiled already.
    step = compiled(step) if BACKEND == "tensorflow" else step
    steps = [step() for _ in range(300)]
    found = np.array([[numpy_of(each) for each in step] for step in steps])
    expected = np.zeros((2, 2, 2))
    for place in np.ndindex(2, 2):
        m, s = loc[place], scale[place]
        h = 1e-3 * s
        ends = [divergence(log_prior, m + d, s) for d in (h, -h)]
        expected[(0, *place)] = (ends[0] - ends[1]) / (2 * h)
        ends = [divergence(log_prior, m, s + d) for d in (h, -h)]
        # By the chain rule, d scale / d untransformed = 1 - exp(-scale).
        expected[(1, *place)] = (ends[0] - ends[1]) / (2 * h) * -np.expm1(-s)
    # The derivative of the approximation to the horseshoe is within 0.4 percent.
    assert_mean(found, expected, 0.005 * np.abs(expected) + 1e-4)


@pytest.mark.parametrize("name", ["mixture", pytest.param("horseshoe", marks=pytest.mark.soak)])
def test_kl_divergence_averages_and_shows_the_error(name):
    prior_fn, log_prior = ESTIMATED[name]
    layer = built("flipout", prior_fn)
    model = scale_kl(keras.Sequential([keras.Input((2,)), layer]), 50)
    kl = kl_divergence(model, draws=400, seed=1)
    (mcse,) = kl.table["mcse"]
    assert 0 < mcse < 1
    # Further away once in 15,000 runs with new seeds.
    assert abs(kl.total - total_divergence(log_prior)) < 4 * mcse + 4 * rounding_of(name)
    assert_allclose(kl.loss, kl.total / 50)
    assert kl_divergence(model, draws=400, seed=1).total == kl.total


def test_the_divergence_of_a_point_is_no_estimate():
    layer = layers.DenseFlipout(3, bias_prior_fn="scale_mixture")
    model = keras.Sequential([keras.Input((2,)), layer])
    point = numpy_of(layer.trainable_variables[2]).astype("float64")
    table = kl_divergence(model).table.set_index("weight")
    expected = -log_mixture(point, 0.5, PAPER).sum()
    assert_allclose(table["divergence"]["bias"], expected, rtol=1e-4)
    assert table["mcse"]["bias"] == 0


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["scale_mixture", "horseshoe"])
def test_other_precisions_estimate_in_single_at_least(name, dtype):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX computes in double precision only where it is told to.")
    prior_fn, log_prior = ESTIMATED["mixture" if name == "scale_mixture" else name]
    layer = built("reparameterization", prior_fn, bias_posterior_fn=None, dtype=dtype)
    kernel = numpy_of(ops.cast(layer(np.eye(2, dtype="float32")), "float64"))
    assert keras.backend.standardize_dtype(layer.losses[0].dtype) == "float32"
    if dtype == "float64":
        log_q = stats.norm.logpdf(kernel, LOC, SCALE).sum()
        expected = log_q - log_prior(kernel).sum()
        assert_allclose(layer.losses[0], expected, atol=4 * ROUNDING["horseshoe"])
    else:
        call = compiled(losses_of(layer))
        values = np.array([float(numpy_of(call())) for _ in range(200)])
        # The smallest step from 1, which each scale is larger by, is 2^-7 in 16 bits.
        smallest = 0.0 if dtype.startswith("mixed") else 2.0**-7
        expected = total_divergence(log_prior, scale=SCALE + smallest)
        # Means and scales are rounded to 9 binary digits; it fails once in 15,000 runs.
        assert_mean(values, expected, 0.005 * expected + 4 * ROUNDING["horseshoe"])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_trains_where_the_steps_are_compiled(jit_compile, rng):
    if jit_compile and BACKEND == "torch":
        pytest.skip("PyTorch's own compiler takes a minute to start.")
    model = keras.Sequential([keras.Input((6, 3))])
    model = bayeslayers.layer_conv_1d_flipout(model, 4, 3, kernel_prior_fn="horseshoe")
    model = bayeslayers.layer_conv_1d_reparameterization(
        model, 1, 4, kernel_prior_fn="scale_mixture"
    )
    model = scale_kl(model, 64)
    model.compile("adam", "mse", jit_compile=jit_compile)
    x = rng.normal(size=(64, 6, 3))
    history = model.fit(x, x[:, :1, :1], epochs=3, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))


def test_scaling_does_not_warn_of_a_divergence_of_the_callers(recwarn):
    scale_kl(
        layer_dense_flipout(keras.Sequential([keras.Input((3,))]), 2, kernel_prior_fn="horseshoe"),
        5,
    )
    assert not [w for w in recwarn if "of their own" in str(w.message)]


def test_a_horseshoe_shrinks_noise_and_leaves_signals(rng):
    """Under a normal prior of the size of the signals, weights of noise stay further from zero."""
    x = rng.normal(size=(40, 12)).astype("float32")
    y = (3 * x[:, :1] - 2 * x[:, 1:2] + rng.normal(size=(40, 1))).astype("float32")
    means = {}
    for name in ("normal", "horseshoe"):
        prior_fn = horseshoe_prior_fn(0.05) if name == "horseshoe" else normal_prior_fn(3.0)
        keras.utils.set_random_seed(1)
        layer = layers.DenseLocalReparameterization(1, kernel_prior_fn=prior_fn)
        model = scale_kl(keras.Sequential([keras.Input((12,)), layer]), 40)
        # The negative log-likelihood of a standard deviation of 1.
        model.compile(keras.optimizers.Adam(0.02), lambda y, p: 0.5 * ops.square(y - p))
        # A step for each copy: an epoch of one step takes many times as long.
        many = np.tile(x, (600, 1)), np.tile(y, (600, 1))
        model.fit(*many, batch_size=40, shuffle=False, verbose=0)
        means[name] = np.abs(moment(layer.kernel_posterior, "mean")).ravel()
    assert means["horseshoe"][2:].mean() < 0.6 * means["normal"][2:].mean()
    assert_allclose(means["horseshoe"][:2], [3, 2], atol=0.5)


def test_conversion_takes_a_name():
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model = as_bayesian(plain, moped=True, kernel_prior_fn="scale_mixture")
    assert [each.kernel_prior_fn for each in model.layers] == [scale_mixture_prior_fn()] * 2
    assert_allclose(moment(model.layers[0].kernel_posterior, "mean"), plain.layers[0].kernel)
    model(np.ones((1, 3)))
    assert len(model.losses) == 2


def test_what_another_prior_lacks_is_said_as_before():
    def laplace(dtype, shape, name, trainable, add_variable_fn):
        return distributions.Independent(
            distributions.Laplace(ops.zeros(shape), ops.ones(shape)), len(shape)
        )

    def cauchy(dtype, shape, name, trainable, add_variable_fn):
        return distributions.Independent(
            distributions.Cauchy(ops.zeros(shape), ops.ones(shape)), len(shape)
        )

    layer = layers.DenseReparameterization(2, kernel_posterior_fn=laplace, kernel_prior_fn=cauchy)
    with pytest.raises(ArgumentError, match="must have a closed form"):
        layer(np.ones((1, 2), "float32"))
    # A prior of ours estimates it from this posterior, too.
    layer = layers.DenseReparameterization(
        2, kernel_posterior_fn=laplace, kernel_prior_fn="horseshoe", bias_posterior_fn=None
    )
    kernel = numpy_of(layer(np.eye(2, dtype="float32"))).astype("float64")
    expected = stats.laplace.logpdf(kernel).sum() - log_horseshoe_by_integral(kernel, 1).sum()
    assert_allclose(layer.losses[0], expected, atol=4e-3)


def test_a_posterior_without_a_density_is_refused():
    class NoDensity(NormalWithoutSpread):
        def log_prob(self, *args, **kwargs):
            raise NotImplementedError

    def posterior(dtype, shape, name, trainable, add_variable_fn):
        return distributions.Independent(NoDensity(ops.zeros(shape), ops.ones(shape)), len(shape))

    layer = layers.DenseReparameterization(
        2, kernel_posterior_fn=posterior, kernel_prior_fn="horseshoe"
    )
    with pytest.raises(ArgumentError, match="must return a distribution that has a density"):
        layer(np.ones((1, 2), "float32"))
