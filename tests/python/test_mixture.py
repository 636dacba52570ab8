"""Quantiles and scores of the mixture over draws of the weights, against SciPy's closed forms."""

import keras
import numpy as np
import pytest
from frameworks import BACKEND, assert_allclose, assert_array_equal, distributions, moment, on
from keras import ops
from models import linear
from oracles import parameters
from scipy import optimize, stats

from bayeslayers import (
    ArgumentError,
    predict_draws,
    predictive_scores,
    predictive_summary,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda

X = np.random.default_rng(3).normal(size=(12, 3)).astype("float32")
PROBS = (0.001, 0.05, 0.5, 0.95, 0.999)
NOISE = 0.7


def heads(first, *more):
    """Return a model of several parameters of each outcome, wide in its weights."""
    keras.utils.set_random_seed(11)
    inputs = keras.Input((3,))
    outputs = DenseFlipout(1 + len(more))(inputs)
    model = keras.Model(inputs, outputs)
    model.layers[1].trainable_variables[1].assign_add(np.full((3, 1 + len(more)), 2.5))
    parameters = (first, *more)

    def last(t):
        return [function(t[..., i : i + 1]) for i, function in enumerate(parameters)]

    return model, last


def ending(model, last, make):
    outputs = DistributionLambda(lambda t: make(*last(t)))(model.output)
    return keras.Model(model.input, outputs)


def same(t):
    return t


def positive(t):
    return ops.softplus(t) + 0.1


def parameters_of(model, last, draws, seed=1, x=X):
    found = predict_draws(model, x, draws=draws, seed=seed, verbose=0)
    columns = last(ops.convert_to_tensor(found))
    # In the single precision in which the distribution has them.
    return [ops.convert_to_numpy(column).astype("float64")[..., 0] for column in columns]


def table_of(model, draws=40, probs=PROBS, seed=1, x=X, **arguments):
    return predictive_summary(model, x, draws=draws, probs=probs, seed=seed, verbose=0, **arguments)


def names(probs):
    return [f"q{100 * p:g}" for p in probs]


def inverted(cdf, low, high, p):
    return optimize.brentq(lambda t: cdf(t).mean() - p, low, high, xtol=1e-12, rtol=1e-14)


FAMILIES = {
    "normal": (("Normal", same, positive), stats.norm, (-60, 60)),
    "lognormal": (("LogNormal", same, positive), None, (1e-9, 1e12)),
    "gamma": (("Gamma", positive, positive), None, (1e-30, 500)),
    "laplace": (("Laplace", same, positive), stats.laplace, (-200, 200)),
    "cauchy-like": (("StudentT", same, positive), None, (-1e5, 1e5)),
}
FROZEN = {
    "lognormal": lambda a, b: stats.lognorm(b, scale=np.exp(a)),
    "gamma": lambda a, b: stats.gamma(a, scale=1 / b),
    "cauchy-like": lambda a, b: stats.t(5.0, a, b),
}


def continuous(name):
    (family, *functions), frozen, ends = FAMILIES[name]
    model, last = heads(*functions)
    frozen = frozen or FROZEN[name]
    kind = getattr(distributions, family)
    make = (lambda a, b: kind(5.0, a, b)) if family == "StudentT" else kind
    return model, last, ending(model, last, make), frozen, ends


# PyTorch's Student's t has no cdf.
KNOWN = [name for name in FAMILIES if BACKEND != "torch" or name != "cauchy-like"]


@pytest.mark.parametrize("name", KNOWN)
def test_quantiles_invert_the_mean_of_the_cdfs(name):
    model, last, made, frozen, ends = continuous(name)
    table = table_of(made)
    a, b = parameters_of(model, last, 40)
    for i in range(len(X)):
        cdf = frozen(a[:, i], b[:, i]).cdf
        expected = [inverted(cdf, *ends, p) for p in PROBS]
        # The outcome's own precision; where it is near 0, that of its spread.
        spread = expected[3] - expected[1]
        found = table.loc[i, names(PROBS)].to_numpy("float64")
        assert_allclose(found, expected, rtol=2e-6, atol=2e-6 * spread)
        median = expected[2]
        within = lambda s, m=median, cdf=cdf: cdf(m + s) - cdf(m - s)  # noqa: E731
        mad = 1.482602218505602 * inverted(within, 0, ends[1], 0.5)
        assert_allclose(table.loc[i, "mad"], mad, rtol=5e-6)
    assert_array_equal(table["median"], table["q50"])


def test_the_mixture_has_the_quantiles_of_a_million_samples():
    model, last, made, _, _ = continuous("normal")
    draws, probs = 100, (0.05, 0.5)
    mean, sd = parameters_of(model, last, draws)
    rng = np.random.default_rng(0)
    table = table_of(made, draws, probs)
    for i in range(4):
        places = rng.integers(0, draws, 1_000_000)
        many = rng.normal(mean[places, i], sd[places, i])
        for p, name in zip(probs, names(probs), strict=True):
            q = table.loc[i, name]
            density = stats.norm.pdf(q, mean[:, i], sd[:, i]).mean()
            # The standard error of a quantile of n samples; five of them, once in a million.
            error = np.sqrt(p * (1 - p) / 1_000_000) / density
            assert abs(np.quantile(many, p) - q) < 5 * error


def test_a_hundred_draws_are_as_good_as_a_thousand_samples():
    # Weights that leave little open, as they do after training: a tenth of the variance.
    model = linear(1, lambda t: distributions.Normal(t, NOISE), seed=11)
    raw = np.full((3, 1), np.log(np.expm1(0.1)))
    model.layers[0].trainable_variables[1].assign(raw)
    x = X[np.linalg.norm(X, axis=1) < 2.2][:5]
    runs = range(10)
    layer = model.layers[0]
    loc, scale = parameters(layer.kernel_posterior)
    mean = (x @ loc + moment(layer.bias_posterior, "mean"))[:, 0]
    sd = np.sqrt(x**2 @ scale**2 + NOISE**2)[:, 0]
    exact = stats.norm.ppf([0.05, 0.5], mean[:, None], sd[:, None])
    few = np.stack([table_of(model, 100, (0.05, 0.5), s, x)[["q5", "q50"]] for s in runs])
    sampled = np.stack(
        [
            np.quantile(
                predict_draws(model, x, draws=1000, kind="sample", seed=s, verbose=0),
                (0.05, 0.5),
                axis=0,
            )[..., 0].T
            for s in runs
        ]
    )
    rms = lambda found: np.sqrt(np.mean((found - exact) ** 2, axis=(0, 1)))  # noqa: E731
    # The error of 100 draws is that of the weights' part alone, sd_epistemic / 10; of 1000 samples
    # sd / sqrt(1000) times 1.25 for the median, 2.1 for the quantile of 5 %.
    assert (rms(few) < rms(sampled)).all()


def test_quantiles_are_smooth_where_the_model_is():
    x = np.linspace(-2, 2, 200, dtype="float32")[:, None]
    model = linear(1, lambda t: distributions.Normal(t, NOISE), seed=11, channels=1)
    found = table_of(model, 20, (0.05, 0.25, 0.75, 0.95), x=x)
    q = found[["q5", "q25", "median", "q75", "q95"]].to_numpy()
    assert (np.diff(q, axis=1) > 0).all()
    # Second differences of a smooth function at distance 0.02, but for single precision; those of
    # samples are of the size of the noise.
    assert np.abs(np.diff(q, n=2, axis=0)).max() < 1e-3


COUNTS = {
    "Poisson": (lambda a: distributions.Poisson(positive(a) * 4), lambda a: stats.poisson(4 * a)),
    "Bernoulli": (lambda a: distributions.Bernoulli(logits=a), None),
    "Geometric": (
        lambda a: distributions.Geometric(logits=a),
        lambda a: stats.geom(1 / (1 + np.exp(-a)), loc=-1),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_quantile_of_a_count_is_the_smallest_that_reaches_the_probability(name):
    make, frozen = COUNTS[name]
    model, last = heads(same)
    made = ending(model, last, make)
    table = table_of(made, outputs="values")
    (a,) = parameters_of(model, last, 40)
    if name == "Poisson":
        a = np.log1p(np.exp(a)) + 0.1
    frozen = frozen or (lambda a: stats.bernoulli(1 / (1 + np.exp(-a))))
    y = np.arange(12.0) % (2 if name == "Bernoulli" else 12)
    scores = scores_of(made, y[:, None], outputs="values")
    k = np.arange(20_000)
    for i in range(len(X)):
        steps = frozen(a[:, i, None]).cdf(k).mean(axis=0)
        expected = [np.argmax(steps >= p) for p in PROBS]
        assert_array_equal(table.loc[i, names(PROBS)].to_numpy("float64"), expected)
        at = np.r_[0.0, steps][int(y[i]) : int(y[i]) + 2]
        assert_allclose(scores.loc[i, "pit"], at.mean(), atol=1e-6)
        crps = fair_crps(frozen(a[:, i, None]).cdf(k), k, y[i])
        # A sum, but for the geometric distribution, which goes far beyond 256.
        atol = 2e-2 * table.loc[i, "sd"] if name == "Geometric" else 1e-5
        assert_allclose(scores.loc[i, "crps"], crps, atol=atol, rtol=1e-5)


def fair_crps(cdfs, t, y):
    """Return the CRPS of a mixture from cdfs (draws, points) at the left ends of intervals."""
    mean, variance = cdfs.mean(axis=0), cdfs.var(axis=0, ddof=1)
    squares = (mean - (t >= y)) ** 2 - variance / len(cdfs)
    return (squares[:-1] * np.diff(t)).sum()


def scores_of(model, y, draws=40, **arguments):
    return predictive_scores(model, X, y, draws=draws, seed=1, by="example", verbose=0, **arguments)


def of_normals(mean, sd):
    """Return E|Y| of normals, the term that the CRPS of their mixtures is made of."""
    z = mean / sd
    return mean * (2 * stats.norm.cdf(z) - 1) + 2 * sd * stats.norm.pdf(z)


@pytest.mark.parametrize("draws", [2, 40])
@pytest.mark.parametrize("narrow", [1.0, 0.1])
def test_scores_of_normals_have_their_closed_forms(draws, narrow):
    model, last = heads(same, lambda t: positive(t) * narrow)
    made = ending(model, last, distributions.Normal)
    mean, sd = parameters_of(model, last, draws)
    # Some outcomes are far out.
    y = np.r_[np.linspace(-3, 3, 10), -500.0, 80.0]
    found = scores_of(made, y[:, None], draws)
    assert_allclose(found["pit"], stats.norm.cdf(y, mean, sd).mean(axis=0), atol=1e-7)
    # Grimit et al. (2006), over pairs of two different draws.
    pairs = of_normals(mean[:, None] - mean, np.hypot(sd[:, None], sd))
    pairs[range(draws), range(draws)] = 0.0
    expected = of_normals(y - mean, sd).mean(axis=0) - pairs.sum((0, 1)) / 2 / draws / (draws - 1)
    # What the page states: a hundredth of the predictive standard deviation, and 1e-4 of it.
    spread = np.sqrt(mean.var(axis=0) + (sd**2).mean(axis=0))
    share = 1e-4 if narrow == 1.0 else 1e-2
    assert (np.abs(found["crps"] - expected) < share * spread + 1e-6 * np.abs(y)).all()


@on("tensorflow", "jax")
def test_heavy_tails_have_a_crps():
    model, last, made, frozen, _ = continuous("cauchy-like")
    y = np.linspace(-3, 300, 12)
    found = scores_of(made, y[:, None])
    a, b = parameters_of(model, last, 40)
    for i in range(len(X)):
        edges = np.unique(np.r_[-np.geomspace(1e-4, 1e5, 20_000), np.geomspace(1e-4, 1e5, 20_000)])
        middle = (edges[1:] + edges[:-1]) / 2
        cdfs = frozen(a[:, i, None], b[:, i, None]).cdf(middle)
        crps = fair_crps(np.c_[cdfs, cdfs[:, -1]], edges, y[i])
        assert_allclose(found.loc[i, "crps"], crps, rtol=2e-3)


def test_coverage_is_that_of_the_quantiles():
    _, _, made, _, _ = continuous("normal")
    y = np.linspace(-3, 3, 12)[:, None]
    probs = (0.05, 0.25, 0.75, 0.95)
    q = table_of(made, probs=probs)
    found = scores_of(made, y)
    assert_array_equal(found["covered_90"], (q["q5"] <= y[:, 0]) & (y[:, 0] <= q["q95"]))
    assert_array_equal(found["covered_50"], (q["q25"] <= y[:, 0]) & (y[:, 0] <= q["q75"]))
    curve = reliability_curve(made, X, y, draws=40, bins=10, seed=1, verbose=0)
    assert_allclose(curve["coverage"][4], found["covered_50"].mean())


def test_quantiles_are_the_same_in_batches_and_beside_others():
    _, _, made, _, _ = continuous("gamma")
    whole = table_of(made)
    assert_array_equal(table_of(made, probs=(0.05,))["q5"], whole["q5"])


def test_outputs_of_an_event_have_their_own_quantiles():
    tfd = distributions
    ends = [
        lambda t: tfd.Normal(t, NOISE),
        lambda t: tfd.Independent(tfd.Normal(t, NOISE), 1),
        lambda t: (
            tfd.MultivariateNormal(t, scale_tril=NOISE * ops.eye(2))
            if BACKEND == "torch"
            else tfd.MultivariateNormalDiag(t, NOISE * ops.ones_like(t))
        ),
    ]
    tables = [table_of(linear(2, last, seed=11)) for last in ends]
    means = predict_draws(linear(2, seed=11), X, draws=40, seed=1, verbose=0).reshape(40, -1)
    for i in range(means.shape[1]):
        cdf = stats.norm(means[:, i].astype("float64"), np.float32(NOISE)).cdf
        for table in tables:
            expected = [inverted(cdf, -60, 60, p) for p in PROBS]
            found = table.loc[i, names(PROBS)].to_numpy("float64")
            assert_allclose(found, expected, rtol=2e-6, atol=5e-6)


def test_a_mixture_under_each_draw_is_mixed_as_well():
    tfd = distributions

    def last(t):
        loc = ops.stack([t, t + 3.0], axis=-2)
        logits = ops.stack([ops.zeros_like(t[..., 0]), ops.ones_like(t[..., 0])], axis=-1)
        parts = tfd.Independent(tfd.Normal(loc, NOISE), 1)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), parts)

    table = table_of(linear(2, last, seed=11))
    means = predict_draws(linear(2, seed=11), X, draws=40, seed=1, verbose=0).reshape(40, -1)
    share = 1 / (1 + np.exp(-1.0))
    for i in range(6):
        both = np.stack([means[:, i], means[:, i] + 3.0]).astype("float64")
        cdf = lambda t, both=both: (  # noqa: E731
            np.array([[1 - share], [share]]) * stats.norm(both, np.float32(NOISE)).cdf(t)
        ).sum(axis=0)
        found = table.loc[i, names(PROBS)].to_numpy("float64")
        assert_allclose(found, [inverted(cdf, -60, 60, p) for p in PROBS], rtol=1e-5, atol=1e-5)


def test_a_point_is_a_step():
    from bayeslayers.backend import independent_point

    model = linear(1, lambda t: independent_point(t, 1), seed=11)
    means = predict_draws(model, X, draws=3, seed=1, verbose=0)[..., 0]
    table = table_of(model, 3, (0.1, 0.5, 0.9))
    found = table[["q10", "q50", "q90"]].to_numpy().T
    # In single precision, of the distances between the points where they are near 0.
    assert_allclose(found, np.sort(means, axis=0), rtol=1e-7, atol=1e-8)
    scores = predictive_scores(
        model, X, means[0][:, None], draws=3, seed=1, by="example", verbose=0, levels=0.9
    )
    rank = (means < means[0]).mean(axis=0) + 1 / 6
    assert_allclose(scores["pit"], rank, atol=1e-9)
    assert scores["covered_90"].all()


class Unknown(type(distributions.Normal(0.0, 1.0))):
    """A distribution whose cdf is not known."""

    def cdf(self, value, name="cdf"):
        raise NotImplementedError


def test_a_distribution_without_a_cdf_has_the_quantiles_of_its_samples():
    made = linear(1, lambda t: Unknown(t, NOISE), seed=11)
    table = table_of(made)
    samples = predict_draws(made, X, draws=40, kind="sample", seed=1, verbose=0)[..., 0]
    # Interpolated in single and in double precision; one of these quantiles is almost 0.
    expected = np.quantile(samples, PROBS, axis=0)
    assert_allclose(table[names(PROBS)].T, expected, rtol=1e-5, atol=1e-6)
    y = np.zeros((12, 1))
    assert_allclose(scores_of(made, y)["pit"], (samples < 0).mean(axis=0))


def test_parameters_that_are_no_numbers_have_no_quantiles():
    def last(t):
        return distributions.Normal(t * np.float32("nan"), NOISE)

    table = table_of(linear(1, last, seed=11))
    assert table[["median", "mad", *names(PROBS)]].isna().all(axis=None)


def test_one_draw_has_quantiles():
    _, _, made, _, _ = continuous("normal")
    table = table_of(made, 1)
    assert (np.diff(table[names(PROBS)].to_numpy(), axis=1) > 0).all()
    with pytest.raises(ArgumentError, match="`draws` must be 2 or more"):
        scores_of(made, np.zeros((12, 1)), 1)


def test_all_and_none_are_quantiles_at_the_ends():
    made = linear(1, lambda t: distributions.Normal(t, NOISE), seed=11)
    table = table_of(made, probs=(0, 1))
    assert (np.isfinite(table[["q0", "q100"]])).all(axis=None)
    assert (table["q0"] < table["median"] - 5 * NOISE).all()
    assert scores_of(made, np.zeros((12, 1)), levels=(0.999999, 1))["covered_100"].all()
