"""Ensembles and dropout under the verbs of prediction, against NumPy and Keras's own outputs."""

import keras
import numpy as np
import pytest
from frameworks import assert_allclose, distributions, numpy_of, on
from scipy import stats
from statistical import ERROR_RATE

from bayeslayers import (
    ArgumentError,
    as_inference_data,
    conformal_interval,
    log_likelihood,
    ood_detection,
    ood_scores,
    predict_draws,
    predictive_scores,
    predictive_summary,
    recalibrate,
    reliability_curve,
)
from bayeslayers.layers import DenseFlipout, DistributionLambda, LSTMFlipout

tfd = distributions
layers = keras.layers
GENERATOR = np.random.default_rng(7)
X = GENERATOR.normal(size=(40, 3)).astype("float32")
Y = GENERATOR.normal(size=(40, 1)).astype("float32")
LABELS = GENERATOR.integers(0, 4, 40)
COMMON = {"seed": 4, "verbose": 0}


def model_of(*stack, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *stack])


def normal(t):
    return tfd.Normal(t[:, :1], 0.2 + keras.ops.softplus(t[:, 1:]))


def plain(units=2, *last):
    return model_of(layers.Dense(4, "tanh"), layers.Dense(units), *last)


@pytest.fixture
def three():
    keras.utils.set_random_seed(1)
    return [plain() for _ in range(3)]


@pytest.fixture
def noisy():
    keras.utils.set_random_seed(2)
    return [plain(2, DistributionLambda(normal)) for _ in range(3)]


def parameters(model):
    """Return mean and standard deviation of what a noisy member predicts."""
    raw = X
    for layer in model.layers[:-1]:
        raw = layer(raw)
    raw = numpy_of(raw).astype("float64")
    if raw.shape[1] == 1:
        return raw, np.full_like(raw, 0.5)
    return raw[:, :1], 0.2 + np.logaddexp(0, raw[:, 1:])


def test_each_plain_member_is_one_draw(three):
    found = predict_draws(three, X, **COMMON)
    assert_allclose(found, np.stack([numpy_of(member(X)) for member in three]), rtol=1e-5)
    assert predict_draws(three, X, draws=2, **COMMON).shape == found.shape
    # A product of fewer examples may sum in another order: half a rounding of outputs of size 1.
    in_parts = predict_draws(tuple(three), X, batch_size=7, **COMMON)
    assert_allclose(in_parts, found, rtol=1e-5, atol=6e-8)
    named = dict(zip("abc", three, strict=True))
    assert_allclose(predict_draws(named, X, **COMMON), found)


def test_random_members_share_the_draws_evenly_and_in_turn():
    keras.utils.set_random_seed(3)
    members = [model_of(DenseFlipout(2)) for _ in range(2)]
    found = predict_draws(members, X, draws=9, **COMMON)
    # Rounded up to as many from each.
    assert found.shape == (10, 40, 2)
    for place, member in enumerate(members):
        # Each draw has the seed that it has where all are of this member.
        alone = predict_draws(member, X, draws=10, **COMMON)
        assert_allclose(found[place::2], alone[place::2], rtol=1e-6)
    assert_allclose(predict_draws([members[0]], X, draws=10, **COMMON)[::2], found[::2], rtol=1e-6)


def test_plain_and_bayesian_members_go_together():
    keras.utils.set_random_seed(3)
    members = [model_of(layers.Dense(2)), model_of(DenseFlipout(2))]
    found = predict_draws(members, X, draws=6, **COMMON)
    assert found.shape == (6, 40, 2)
    assert_allclose(found[::2], np.stack([numpy_of(members[0](X))] * 3), rtol=1e-5)
    assert (found[1::2].std(axis=0) > 0).all()


def test_samples_of_the_outcome_are_as_many_as_are_asked_for(noisy):
    assert predict_draws(noisy, X, **COMMON).shape == (3, 40, 1)
    samples = predict_draws(noisy, X, draws=60, kind="sample", **COMMON)
    assert samples.shape == (60, 40, 1)
    for place, member in enumerate(noisy):
        mean, sd = parameters(member)
        z = ((samples[place::3] - mean) / sd).ravel()
        # The two-sided test of Kolmogorov and Smirnov is exact.
        assert stats.kstest(z, "norm").pvalue > ERROR_RATE


def test_the_summary_is_that_of_the_mixture_of_members(noisy):
    found = predictive_summary(noisy, X, **COMMON)
    means, sds = map(np.array, zip(*map(parameters, noisy), strict=True))
    assert_allclose(found["mean"], means.mean(axis=0)[:, 0], rtol=1e-5, atol=1e-6)
    assert_allclose(found["sd_epistemic"], means.std(axis=0)[:, 0], rtol=1e-4)
    assert_allclose(found["sd_aleatoric"], np.sqrt((sds**2).mean(axis=0))[:, 0], rtol=1e-5)
    for prob, name in ((0.05, "q5"), (0.5, "median"), (0.95, "q95")):
        at = found[name].to_numpy()[:, None]
        assert_allclose(stats.norm.cdf(at, means, sds).mean(axis=0), prob, atol=1e-5)


def crps_of_normals(y, means, sds):
    """Return the CRPS of a mixture of normals in equal shares (Grimit et al., 2006)."""

    def distance(mean, sd):
        """Return E|Z| for Z ~ Normal(mean, sd)."""
        return mean * (2 * stats.norm.cdf(mean / sd) - 1) + 2 * sd * stats.norm.pdf(mean / sd)

    pairs = distance(means[:, None] - means, np.hypot(sds[:, None], sds))
    return distance(y - means, sds).mean(axis=0) - pairs.mean(axis=(0, 1)) / 2


def test_scores_are_those_of_the_mixture_of_members(noisy):
    found = predictive_scores(noisy, X, Y, by="example", **COMMON)
    means, sds = map(np.array, zip(*map(parameters, noisy), strict=True))
    density = stats.norm.pdf(Y, means, sds).mean(axis=0)
    assert_allclose(found["log_score"], np.log(density)[:, 0], rtol=1e-4, atol=1e-5)
    cdf = stats.norm.cdf(Y, means, sds).mean(axis=0)
    assert_allclose(found["pit"], cdf[:, 0], atol=1e-5)
    inside = (cdf >= 0.05) & (cdf <= 0.95)
    assert (found["covered_90"] == inside[:, 0]).all()
    # Members are all that there are: pairs of one member count, unlike pairs of one draw.
    assert_allclose(found["crps"], crps_of_normals(Y, means, sds)[:, 0], rtol=2e-3, atol=1e-4)
    whole = predictive_scores(noisy, X, Y, **COMMON)
    rmse = np.sqrt(((means.mean(axis=0) - Y) ** 2).mean())
    assert_allclose(whole["rmse"], rmse, rtol=1e-5)
    assert_allclose(log_likelihood(noisy, X, Y, **COMMON).shape, (3, 40))


@on("tensorflow")
def test_many_members_are_no_reason_for_a_warning_of_retracing(caplog):
    many = [plain(2, DistributionLambda(normal)) for _ in range(12)]
    predictive_summary(many, X, draws=12, **COMMON)
    assert "retracing" not in caplog.text


def test_a_list_of_one_is_that_model(noisy):
    one = predictive_scores(noisy[:1], X, Y, **COMMON)
    alone = predictive_scores(noisy[0], X, Y, **COMMON)
    assert_allclose(one.to_numpy(), alone.to_numpy(), rtol=1e-6)


def test_members_of_two_families_are_mixed_by_their_cdfs():
    keras.utils.set_random_seed(4)
    members = [
        model_of(layers.Dense(2), DistributionLambda(normal)),
        model_of(
            layers.Dense(2),
            DistributionLambda(lambda t: tfd.Laplace(t[:, :1], 0.2 + keras.ops.softplus(t[:, 1:]))),
        ),
    ]
    found = predictive_summary(members, X, probs=(0.1, 0.9), **COMMON)
    raw = [numpy_of(member.layers[0](X)).astype("float64") for member in members]
    (m, s), (a, b) = [(r[:, 0], 0.2 + np.logaddexp(0, r[:, 1])) for r in raw]
    for prob, name in ((0.1, "q10"), (0.9, "q90")):
        at = found[name].to_numpy()
        cdf = (stats.norm.cdf(at, m, s) + stats.laplace.cdf(at, a, b)) / 2
        assert_allclose(cdf, prob, atol=1e-5)


def test_members_with_other_parameters_are_mixed_by_their_samples():
    keras.utils.set_random_seed(4)
    members = [
        model_of(layers.Dense(1), DistributionLambda(lambda t: tfd.Normal(t, 0.5))),
        model_of(layers.Dense(2), DistributionLambda(normal)),
    ]
    found = predictive_scores(members, X, Y, draws=400, **COMMON)
    means, sds = map(np.array, zip(*map(parameters, members), strict=True))
    expected = crps_of_normals(Y, means, sds).mean()
    by_example = predictive_scores(members, X, Y, draws=400, by="example", **COMMON)["crps"]
    # Without bias; the error of one example is below the standard deviation of its outcome over
    # the root of the number of samples, and examples have samples of their own.
    spread = np.sqrt((sds**2).mean(axis=0) + means.var(axis=0))
    error = np.sqrt((spread**2 / 400).sum()) / len(Y)
    assert abs(found["crps"][0] - expected) < stats.norm.isf(ERROR_RATE / 2) * error
    assert_allclose(by_example.mean(), found["crps"][0], rtol=1e-6)


def test_classifiers_are_mixed_by_their_probabilities():
    keras.utils.set_random_seed(5)
    members = [plain(4) for _ in range(3)]
    logits = np.stack([numpy_of(member(X)) for member in members]).astype("float64")
    p = (np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)).mean(axis=0)
    found = predictive_scores(members, X, LABELS, outputs="logits", **COMMON)
    rows = np.arange(len(X))
    assert_allclose(found["log_score"], np.log(p[rows, LABELS]).mean(), rtol=1e-5)
    assert_allclose(found["brier"], ((p - np.eye(4)[LABELS]) ** 2).sum(axis=1).mean(), rtol=1e-5)
    assert_allclose(found["accuracy"], (p.argmax(axis=1) == LABELS).mean())
    scores = ood_scores(members, X, outputs="logits", **COMMON)
    assert_allclose(scores["entropy"], -(p * np.log(p)).sum(axis=1), rtol=1e-5)
    curve = reliability_curve(members, X, LABELS, outputs="logits", **COMMON)
    assert curve["n"].sum() == 40


def test_other_verbs_take_a_list(noisy):
    detected = ood_detection(noisy, X, X + 5, **COMMON)
    assert list(detected["score"]) == ["sd", "sd_epistemic", "sd_aleatoric"]
    intervals = conformal_interval(noisy, X[:5], X, Y, **COMMON)
    assert (intervals["lower"] < intervals["upper"]).all()
    curve = reliability_curve(noisy, X, Y, **COMMON)
    means, sds = map(np.array, zip(*map(parameters, noisy), strict=True))
    cdf = stats.norm.cdf(Y, means, sds).mean(axis=0)
    central = [(np.abs(cdf - 0.5) <= level / 2).mean() for level in curve["level"]]
    assert_allclose(curve["coverage"], central)


def test_inference_data_of_a_list_has_no_posterior(noisy):
    pytest.importorskip("arviz")
    data = as_inference_data(noisy, X, Y, draws=30, seed=1)
    assert data["posterior_predictive"]["y"].shape == (1, 30, 40, 1)
    means, sds = map(np.array, zip(*map(parameters, noisy), strict=True))
    expected = stats.norm.logpdf(Y, means, sds)[:, :, 0]
    assert_allclose(data["log_likelihood"]["y"][0][:3], expected, rtol=1e-4, atol=1e-4)
    assert not hasattr(data, "posterior")
    with pytest.raises(ArgumentError) as raised:
        as_inference_data(noisy)
    assert raised.value.argument == "x"


def test_a_network_of_one_function_inside_a_random_one_is_drawn_again():
    def build():
        return model_of(
            layers.Dense(2),
            DistributionLambda(lambda t: tfd.Normal(t, 1.0)),
            layers.Dense(1),
            DistributionLambda(lambda t: tfd.Normal(t, 1.0)),
        )

    found = predict_draws([build(), build()], X, draws=10, **COMMON)
    assert found.shape == (10, 40, 1)
    assert (found[::2].std(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("build", "rule", "member"),
    [
        (list, "at least one model", None),
        (lambda: [plain(), "a"], "Keras 3 model", "2 of 2"),
        (lambda: [plain(), plain(3)], "outputs are alike", None),
        (lambda: [plain(2), plain(2, DistributionLambda(normal))], "outputs are alike", None),
        (
            lambda: [plain(), model_of(layers.Dense(2), shape=(4,))],
            "inputs of shape (4,)",
            "2 of 2",
        ),
        (lambda: [plain(), layers.LSTM(2, stateful=True)], "stateful", "2 of 2"),
    ],
)
def test_what_is_no_ensemble_is_refused_by_the_member(build, rule, member):
    with pytest.raises(ArgumentError) as raised:
        predict_draws(build(), X, **COMMON)
    assert rule in raised.value.rule
    assert raised.value.received.get("member") == member
    assert raised.value.argument == ("x" if "inputs" in rule else "model")


def test_outputs_that_differ_are_named():
    with pytest.raises(ArgumentError) as raised:
        predict_draws([plain(2), plain(2), plain(3)], X, **COMMON)
    assert raised.value.received == {
        "outputs of member 1": "a tensor of shape (2,) for each example",
        "outputs of member 3": "a tensor of shape (3,) for each example",
    }


def test_a_list_is_no_model_that_could_be_recalibrated(noisy):
    with pytest.raises(ArgumentError) as raised:
        recalibrate(noisy, X, Y, **COMMON)
    assert raised.value.argument == "model"


def test_two_draws_of_each_random_member_are_needed_for_scores():
    members = [plain(2, DistributionLambda(normal)) for _ in range(3)]
    with pytest.raises(ArgumentError) as raised:
        predictive_scores(members, X, Y, draws=3, **COMMON)
    assert raised.value.argument == "draws"


# Dropout.


def dropout_model(rate=0.3, layer=layers.Dropout):
    keras.utils.set_random_seed(6)
    return model_of(layer(rate), layers.Dense(2))


def assert_moments(draws, mean, variance, fourth):
    """Compare mean and variance of draws, independent along the first dimension.

    Both are normal in the limit of many draws: the error rate holds to that approximation.

    Args:
        draws: The draws.
        mean: Their expected mean.
        variance: Their expected variance.
        fourth: Their expected fourth central moment.
    """
    count = len(draws)
    limit = stats.norm.isf(ERROR_RATE / (4 * mean.size))
    z = (draws.mean(axis=0) - mean) / np.sqrt(variance / count)
    assert np.abs(z).max() < limit
    squares = ((draws - mean) ** 2).mean(axis=0)
    z = (squares - variance) / np.sqrt((fourth - variance**2) / count)
    assert np.abs(z).max() < limit


@pytest.mark.parametrize("kind", [layers.Dropout, layers.GaussianDropout])
def test_dropout_in_front_of_a_linear_layer_has_its_closed_form(kind):
    rate, x = 0.3, X[:4]
    model = dropout_model(rate, kind)
    found = predict_draws(model, x, draws=4000, dropout=True, **COMMON).astype("float64")
    kernel, bias = (numpy_of(w).astype("float64") for w in model.layers[-1].weights)
    # (examples, inputs, units): what each input adds; its factor has mean 1.
    parts = x.astype("float64")[:, :, None] * kernel
    noise = rate / (1 - rate)
    fourth_of_noise = 3 * noise**2
    if kind is layers.Dropout:
        # 1 / (1 - rate) - 1 = noise with probability 1 - rate, else -1.
        fourth_of_noise = rate + (1 - rate) * noise**4
    second, fourth = (parts**2).sum(axis=1), (parts**4).sum(axis=1)
    variance = noise * second
    # Of a sum of independent terms: the fourth moments, and three times the pairs of variances.
    central = fourth_of_noise * fourth + 3 * noise**2 * (second**2 - fourth)
    assert_moments(found, parts.sum(axis=1) + bias, variance, central)


def test_draws_by_dropout_are_repeatable_and_differ_between_examples():
    model = dropout_model()
    x = np.repeat(X[:1], 30, axis=0)
    before = numpy_of(model(x))
    found = predict_draws(model, x, draws=8, dropout=True, **COMMON)
    assert_allclose(predict_draws(model, x, draws=8, dropout=True, **COMMON), found, rtol=0)
    assert_allclose(predict_draws(model, x, draws=5, dropout=True, **COMMON), found[:5], rtol=0)
    other = predict_draws(model, x, draws=8, dropout=True, seed=5, verbose=0)
    assert not np.array_equal(other, found)
    assert len(np.unique(found[0], axis=0)) > 1
    assert len(np.unique(found[:, 0], axis=0)) > 1
    # A second batch has masks of its own.
    two = predict_draws(model, x, draws=8, batch_size=15, dropout=True, **COMMON)
    assert not np.array_equal(two[:, :15], two[:, 15:])
    # Without it, nothing acts, and the model predicts as ever.
    assert_allclose(predict_draws(model, x, draws=3, **COMMON), [before] * 3, rtol=1e-6)
    assert_allclose(numpy_of(model(x)), before)
    assert "call" not in vars(model.layers[0])


def test_batch_normalization_predicts_by_its_moving_averages_and_keeps_them():
    keras.utils.set_random_seed(6)
    model = model_of(layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1))
    normalization = model.layers[0]
    averages = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])]
    normalization.moving_mean.assign(averages[0])
    normalization.moving_variance.assign(averages[1])
    found = predict_draws(model, X, draws=60, dropout=True, **COMMON)
    assert_allclose(numpy_of(normalization.moving_mean), averages[0], rtol=0)
    assert_allclose(numpy_of(normalization.moving_variance), averages[1], rtol=0)
    # Each outcome is one of the eight that the masks can make of the normalized inputs.
    normalized = (X - averages[0]) / np.sqrt(averages[1] + normalization.epsilon)
    kernel, bias = map(numpy_of, model.layers[-1].weights)
    masks = 2 * np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(8, 3)
    possible = (masks[:, None] * normalized) @ kernel + bias
    distances = np.abs(found[:, None] - possible).min(axis=1)
    assert distances.max() < 1e-4
    # Batch statistics would make others.
    assert np.abs(normalized.mean(axis=0)).min() > 0.1


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: [layers.SpatialDropout1D(0.5), layers.Flatten(), layers.Dense(1)], (5, 3)),
        (lambda: [layers.AlphaDropout(0.5), layers.Flatten(), layers.Dense(1)], (5, 3)),
        (lambda: [layers.LSTM(2, dropout=0.5)], (5, 3)),
        (lambda: [layers.GRU(2, recurrent_dropout=0.5)], (5, 3)),
        (lambda: [layers.Bidirectional(layers.SimpleRNN(2, dropout=0.5))], (5, 3)),
        (lambda: [layers.RNN([layers.GRUCell(2, dropout=0.5), layers.LSTMCell(2)])], (5, 3)),
        (lambda: [layers.ConvLSTM1D(2, 2, recurrent_dropout=0.5)], (3, 5, 3)),
        (lambda: [layers.TimeDistributed(layers.Dropout(0.5))], (5, 3)),
        (lambda: [keras.Sequential([layers.Dropout(0.5), layers.Dense(1)])], (3,)),
        (lambda: [LSTMFlipout(2, dropout=0.5)], (5, 3)),
    ],
    ids=lambda value: None,
)
def test_all_that_drops_acts(build, shape):
    keras.utils.set_random_seed(8)
    model = model_of(*build(), shape=shape)
    x = np.random.default_rng(1).normal(size=(6, *shape)).astype("float32")
    found = predict_draws(model, x, draws=20, dropout=True, **COMMON)
    assert_allclose(predict_draws(model, x, draws=20, dropout=True, **COMMON), found, rtol=0)
    without = predict_draws(model, x, draws=20, **COMMON)
    assert (np.abs(found - without).max(axis=(0, *range(2, found.ndim))) > 1e-3).all()
    # The masks that cells keep for a call are let go.
    assert_allclose(predict_draws(model, x, draws=20, **COMMON), without, rtol=0)
    assert np.isfinite(numpy_of(model(x, training=True))).all()


def test_dropout_inside_of_attention_acts():
    keras.utils.set_random_seed(8)
    inputs = keras.Input((5, 4))
    found = {}
    for name, layer in {
        "heads": layers.MultiHeadAttention(2, 2, dropout=0.5),
        "dots": layers.Attention(dropout=0.5),
    }.items():
        outputs = layer(inputs, inputs) if name == "heads" else layer([inputs, inputs])
        model = keras.Model(inputs, outputs)
        x = np.random.default_rng(1).normal(size=(6, 5, 4)).astype("float32")
        found[name] = predict_draws(model, x, draws=20, dropout=True, **COMMON)
        assert_allclose(predict_draws(model, x, draws=20, dropout=True, **COMMON), found[name])
    assert all((draws.std(axis=0) > 1e-3).all() for draws in found.values())


def test_dropout_is_the_expected_mixture_in_scores():
    keras.utils.set_random_seed(9)
    model = model_of(
        layers.Dropout(0.5), layers.Dense(1), DistributionLambda(lambda t: tfd.Normal(t, 0.5))
    )
    common = {"draws": 4000, "dropout": True, **COMMON}
    found = predictive_scores(model, X, Y, by="example", **common)
    kernel, bias = (numpy_of(w).astype("float64") for w in model.layers[1].weights)
    masks = 2 * np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(8, 3)
    means = (masks[:, None] * X) @ kernel + bias
    density = stats.norm.pdf(Y, means, 0.5)
    # The standard error of a mean density over draws.
    error = density.std(axis=0)[:, 0] / np.sqrt(4000)
    z = (np.exp(found["log_score"]) - density.mean(axis=0)[:, 0]) / error
    assert np.abs(z).max() < stats.norm.isf(ERROR_RATE / (2 * len(Y)))


def test_ensembles_of_networks_with_dropout():
    members = [dropout_model(), dropout_model()]
    found = predict_draws(members, X, draws=10, dropout=True, **COMMON)
    assert found.shape == (10, 40, 2)
    assert (found[::2].std(axis=0) > 0).all()
    with pytest.raises(ArgumentError) as raised:
        predict_draws([dropout_model(), plain()], X, dropout=True, **COMMON)
    assert raised.value.received["member"] == "2 of 2"


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: layers.Activation("relu"), (3,)),
        (lambda: layers.Dropout(0.0), (3,)),
        (lambda: layers.GaussianNoise(1.0), (3,)),
        (lambda: layers.LSTM(3), (5, 3)),
    ],
)
def test_a_model_without_dropout_is_refused(build, shape):
    with pytest.raises(ArgumentError, match="rate of dropout above 0"):
        predict_draws(model_of(build(), shape=shape), X, dropout=True, **COMMON)


def test_dropout_is_true_or_false():
    with pytest.raises(ArgumentError) as raised:
        predict_draws(dropout_model(), X, dropout=1, **COMMON)
    assert raised.value.argument == "dropout"


def test_dropout_leaves_the_draws_of_the_weights_as_they_are():
    keras.utils.set_random_seed(8)
    last = DenseFlipout(2, bias_posterior_fn=None)
    model = model_of(layers.Dropout(0.5, noise_shape=(1, 1)), last)
    found = predict_draws(model, X, draws=20, dropout=True, **COMMON)
    without = predict_draws(model, X, draws=20, **COMMON)
    # One mask for all: a draw is twice what it is without dropout, or nothing.
    is_kept = found.any(axis=(1, 2))
    assert 0 < is_kept.sum() < 20
    assert_allclose(found, 2 * without * is_kept[:, None, None], rtol=1e-5)


def test_dropout_acts_where_it_is_asked_for_alone():
    model = dropout_model()
    for dropout in (True, False, True):
        draws = predict_draws(model, X, draws=4, dropout=dropout, **COMMON)
        assert (draws.std(axis=0) > 0).any() == dropout
