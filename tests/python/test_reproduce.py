"""The UCI protocol's own arithmetic: data, splits, scores, means and bars."""

import hashlib
import json
import math
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from bars import verdicts
from reproduce import __main__ as command
from reproduce import data, limits, methods, published, scores, table, tasks

import bayeslayers as bl

# Of the published files of the splits: their test indices, one file after the other.
DIGESTS = {
    "boston": "435435ca2a4e13b7",
    "concrete": "31cf1390af902183",
    "energy": "b202fbdb561c531e",
    "wine": "0f65c2f551071e0f",
    "yacht": "6d7a8deadacb78ee",
    "kin8nm": "4717152934d099af",
    "naval": "13f8dbd59d119443",
    "power": "d6de47b98a795ac6",
}
SIZES = {"concrete": (1030, 8), "energy": (768, 8), "wine": (1599, 11), "yacht": (308, 6)}
FIRST_AND_LAST_TARGET = {
    "concrete": (79.99, 32.4),
    "energy": (15.55, 16.64),
    "wine": (5.0, 6.0),
    "yacht": (0.11, 46.66),
}


def record(method, name, split, seed=None, **found):
    seed = split if seed is None else seed
    return {"method": method, "set": name, "split": split, "seed": seed, "scores": found}


def log_scores(method, name, values):
    return [record(method, name, split, log_score=value) for split, value in enumerate(values)]


@pytest.mark.parametrize("name", SIZES)
def test_an_enclosed_set_is_read_with_its_target_last(name):
    x, y = data.read_set(name)
    assert x.shape == SIZES[name]
    assert (y[0], y[-1]) == pytest.approx(FIRST_AND_LAST_TARGET[name], abs=0.01)


def write_boston(folder, rows=506):
    table_ = np.random.default_rng(1).normal(size=(rows, 14))
    file = folder / "bostonHousing" / "data" / "data.txt"
    file.parent.mkdir(parents=True)
    np.savetxt(file, table_)
    return table_


@pytest.mark.parametrize("above", ["", "UCI_Datasets"])
def test_other_sets_are_read_from_the_folder_or_one_below_it(tmp_path, above):
    written = write_boston(tmp_path / above)
    x, y = data.read_set("boston", tmp_path)
    np.testing.assert_allclose(x, written[:, :13])
    np.testing.assert_allclose(y, written[:, 13])
    assert data.is_there("boston", tmp_path)


def test_a_set_that_is_not_there_or_another_one_is_refused(tmp_path):
    assert not data.is_there("boston")
    with pytest.raises(data.MissingError, match="name the folder"):
        data.read_set("boston")
    with pytest.raises(data.MissingError, match="there is no"):
        data.read_set("boston", tmp_path)
    write_boston(tmp_path, rows=505)
    with pytest.raises(data.MissingError, match="506 examples"):
        data.read_set("boston", tmp_path)


@pytest.mark.parametrize("name", DIGESTS)
def test_the_splits_are_the_published_ones(name):
    digest = hashlib.sha256()
    examples = data.SETS[name].examples
    for split in range(data.SETS[name].splits):
        _, held_out = data.split_indices(examples, split)
        digest.update(held_out.astype("<i4").tobytes())
    assert digest.hexdigest()[:16] == DIGESTS[name]


@pytest.mark.parametrize("split", [0, 19])
def test_a_split_has_each_example_once(split):
    learnt, held_out = data.split_indices(308, split)
    assert (len(learnt), len(held_out)) == (277, 31)
    assert sorted([*learnt, *held_out]) == list(range(308))


def test_a_problem_is_standardised_by_what_is_learnt_from():
    x, y = data.read_set("yacht")
    learnt, held_out = data.split_indices(308, 3)
    part = data.values_of("yacht", 3)
    np.testing.assert_allclose(part.problem.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(part.problem.x.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(part.loc + part.scale * part.problem.y[:, 0], y[learnt], atol=1e-4)
    expected = (x[held_out] - x[learnt].mean(axis=0)) / x[learnt].std(axis=0)
    np.testing.assert_allclose(part.problem.x_test, expected, atol=1e-4)
    np.testing.assert_array_equal(part.y_test, y[held_out])


def test_a_constant_feature_stays_a_number(tmp_path):
    written = write_boston(tmp_path)
    written[:, 4] = 288.0
    np.savetxt(tmp_path / "bostonHousing" / "data" / "data.txt", written)
    assert np.all(data.values_of("boston", 0, tmp_path).problem.x[:, 4] == 0)


def test_epochs_have_at_least_the_steps():
    problem = data.values_of("yacht", 0).problem
    assert problem.epochs(900) == 100  # nine batches of 32 hold 277 examples
    assert problem.epochs(901) == 101


def test_the_digits_are_those_of_the_example():
    images = data.digits()
    assert images.problem.x.shape == (724, 64)
    assert len(images.labels) == 486
    assert len(images.problem.x_test) == 486 + 113
    assert set(np.unique(images.problem.y)) == set(np.unique(images.labels)) == set(range(8))


def test_the_log_score_of_a_mixture_is_that_of_its_density_in_the_unit_of_the_values():
    random = np.random.default_rng(1)
    answer = scores.Mixture(random.normal(size=(7, 5)), random.uniform(0.1, 2, size=(7, 5)))
    y = random.normal(size=5) * 9 + 20
    found = scores.score_values(answer, y, loc=20.0, scale=9.0)
    densities = [
        np.mean([stats.norm(20 + 9 * m, 9 * s).pdf(y[i]) for m, s in zip(*draws, strict=True)])
        for i, draws in enumerate(zip(answer.loc.T, answer.scale.T, strict=True))
    ]
    assert found["log_score"] == pytest.approx(np.mean(np.log(densities)))
    error = 20 + 9 * answer.loc.mean(axis=0) - y
    assert found["rmse"] == pytest.approx(math.sqrt(np.mean(error**2)))


def test_coverage_counts_the_values_between_the_quantiles():
    loc, scale = np.zeros((1, 4)), np.ones((1, 4))
    y = np.array([0.0, 0.6, -0.7, 1.7])  # quartiles at 0.674, the other quantiles at 1.645
    found = scores.score_values(scores.Mixture(loc, scale), y)
    assert (found["coverage_50"], found["coverage_90"]) == (0.5, 0.75)


def test_the_coverage_of_a_mixture_is_that_of_its_samples():
    random = np.random.default_rng(2)
    answer = scores.Mixture(random.normal(size=(3, 400)), random.uniform(0.1, 2, size=(3, 400)))
    which = random.integers(3, size=400)
    place = (which, np.arange(400))
    y = random.normal(answer.loc[place], answer.scale[place])
    # Four standard errors: one run in 15,000 fails by chance, if the seed is another.
    assert abs(scores.score_values(answer, y)["coverage_90"] - 0.9) < 4 * math.sqrt(0.09 / 400)


def test_scores_of_classes():
    logits = np.random.default_rng(3).normal(size=(4, 6, 3)) * 2
    labels = np.array([0, 2, 1, 1])
    found = scores.score_classes(logits, labels)
    probability = np.exp(log_softmax(logits, axis=2)).mean(axis=0)
    chosen = probability[np.arange(4), labels]
    assert found["log_score"] == pytest.approx(np.log(chosen).mean())
    assert found["accuracy"] == np.mean(probability[:4].argmax(axis=1) == labels)
    entropy = stats.entropy(probability, axis=1)
    assert found["auroc"] == (entropy[4:, None] > entropy[:4]).mean()


def test_ties_count_half_in_the_auroc():
    assert scores.auroc(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == 0.875


def test_the_calibration_error_weighs_bins_by_their_share():
    confidence = np.array([0.95, 0.95, 0.95, 0.55])
    correct = np.array([True, True, False, False])
    expected = (3 * abs(0.95 - 2 / 3) + 0.55) / 4
    assert scores.calibration_error(confidence, correct, bins=10) == pytest.approx(expected)


def test_means_have_the_standard_error_over_splits():
    values = [1.0, 2.5, 4.0, 3.0]
    found = table.mean_of(values)
    assert found.mean == np.mean(values)
    assert found.error == pytest.approx(stats.sem(values))
    assert math.isnan(table.mean_of([1.0]).error)
    assert table.mean_of([1.0]).text(2) == "1.00"
    assert table.mean_of([1.0, math.nan]).text(2) == "diverged"


def test_seeds_of_the_first_split_are_kept_from_the_mean_over_splits():
    records = [
        *log_scores("ours", "yacht", [1.0, 2.0]),
        record("ours", "yacht", 0, seed=1, log_score=9.0),
    ]
    assert table.by_split(records, "ours", "yacht", "log_score") == {0: 1.0, 1: 2.0}
    assert table.by_seed(records, "ours", "yacht", "log_score") == {0: 1.0, 1: 9.0}


def judged(records, title):
    found = [bar.judge(records) for bar in limits.BARS if bar.title.startswith(title)]
    return found[0]


def test_a_lead_over_a_published_row_is_of_means_on_every_set():
    published_mean = published.ROWS["mean_field"].scores["log_score"]["yacht"][0]
    better = log_scores("ours", "yacht", [published_mean + 0.5] * 5)
    worse = log_scores("ours", "wine", [-9.0] * 5)
    assert judged(better, "Lead over published")["met"]
    both = judged(better + worse, "Lead over published")
    assert (both["met"], both["missed by"]) == (False, ["wine"])
    assert both["figures"]["yacht"] == pytest.approx(0.5)
    assert judged(better[:4], "Lead over published")["met"] is None


def test_small_sets_are_won_on_the_splits_that_both_have():
    sets = ("boston", "concrete", "energy", "yacht")
    records = []
    for i, name in enumerate(sets):
        records += log_scores("ours", name, [0.0] * 5)
        # The sixth split would turn the mean of the first set.
        theirs = [-1.0] * 5 + [99.0] if i < 3 else [1.0] * 5
        records += log_scores("plain_5", name, theirs)
    bar = judged(records, "Small sets won from five")
    assert bar["figures"] == {"of 4 sets run": 3.0}
    assert bar["met"]
    assert verdicts([bar]).startswith("MET")


def test_coverage_may_be_neither_too_low_nor_too_high():
    def covered(share):
        return [record("ours", "yacht", split, coverage_90=share) for split in range(5)]

    of = [bar for bar in limits.BARS if bar.title.startswith("Coverage")]
    assert [bar.judge(covered(0.9))["met"] for bar in of] == [True, True]
    assert [bar.judge(covered(0.8))["met"] for bar in of] == [False, True]
    assert [bar.judge(covered(0.99))["met"] for bar in of] == [True, False]


def test_the_worst_of_twenty_runs_is_judged_against_their_median():
    values = [-1.0] * 19
    assert judged(log_scores("ours", "yacht", values), "Worst split")["met"] is None
    assert judged(log_scores("ours", "yacht", [*values, -1.09]), "Worst split")["met"]
    missed = judged(log_scores("ours", "yacht", [*values, -1.2]), "Worst split")
    assert (missed["met"], missed["figures"]["yacht"]) == (False, pytest.approx(0.2))


def test_bars_of_digits_look_at_digits_alone():
    records = [record("ours_cold", "digits", 0, seed, calibration_error=0.01) for seed in range(5)]
    bar = judged(records, "Temperature 0.1: calibration error")
    assert bar["figures"] == {"digits": pytest.approx(0.01)}


def test_published_standard_deviations_become_standard_errors():
    rows = published.ROWS
    mean, error = rows["deep_ensembles"].scores["log_score"]["boston"]
    assert (mean, error) == (-2.41, pytest.approx(0.25 / math.sqrt(20)))
    assert rows["dropout_paper"].scores["log_score"]["boston"] == (-2.46, 0.06)
    assert math.isnan(rows["mean_field"].scores["log_score"]["boston"][1])
    assert all(row.source for row in rows.values())


def test_means_of_the_result_files_are_those_of_numpy(tmp_path):
    random = np.random.default_rng(4)
    written = {}
    for chosen in data.SETS.values():
        for file in published.FILES.values():
            path = tmp_path / "UCI_Datasets" / chosen.folder / "results" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            written[chosen.folder, file] = random.normal(size=chosen.splits)
            np.savetxt(path, written[chosen.folder, file])
    found = published.summarise_dropout(tmp_path)["scores"]["rmse"]["protein"]
    values = written["protein-tertiary-structure", published.FILES["rmse"]]
    assert found["mean"] == pytest.approx(values.mean(), abs=1e-6)
    assert found["standard error"] == pytest.approx(stats.sem(values), abs=1e-6)


def test_tasks_go_split_by_split_with_the_seeds_of_the_recipe_last():
    found = tasks.tasks_of(["ours", "plain"], ["yacht", "protein", "digits"], 6, 3, 100)
    assert [(each.set, each.split) for each in found[:2]] == [("yacht", 0)] * 2
    assert max(each.split for each in found if each.set == "protein") == 4
    assert {each.seed for each in found if each.set == "digits"} == set(range(6))
    last = found[-4:]
    assert {(each.method, each.set, each.split, each.seed) for each in last} == {
        ("ours", name, 0, seed) for name in ("yacht", "protein") for seed in (1, 2)
    }
    assert len(set(found)) == len(found)


def test_a_training_on_naval_is_three_times_as_long():
    found = tasks.tasks_of(["ours"], ["yacht", "naval", "digits"], 1, 2, 100)
    steps = {(each.set, each.steps) for each in found}
    assert steps == {("yacht", 100), ("naval", 300), ("digits", 100)}


def test_the_quick_run_has_the_small_sets_that_are_there(capsys):
    options = command.arguments(["--quick", "--backend", "jax"])
    assert (options.splits, options.steps, options.seeds) == (5, 1500, 0)
    assert command.sets_of(options) == ["concrete", "energy", "wine", "yacht", "digits"]
    assert "boston" in capsys.readouterr().out


def test_a_quick_run_leaves_the_results_of_the_whole_one(tmp_path, monkeypatch):
    whole = {tmp_path / f"reproduce.{end}" for end in ("json", "jsonl", "md", "png")}
    for file in whole:
        file.write_text("of the whole run")
    # All is done, so that nothing is trained.
    scores = dict.fromkeys(table.VALUES, 0.5)
    done = {"steps": 9, "backend": "jax", "seconds": 1.0, "made on": "a machine"}
    results = [{**record("plain", "yacht", split, **scores), **done} for split in range(2)]
    lines = "".join(f"{json.dumps(result)}\n" for result in results)
    (tmp_path / "reproduce-quick.jsonl").write_text(lines)
    options = "--sets yacht --methods plain --splits 2 --steps 9 --backend jax --output"
    monkeypatch.setattr(sys, "argv", ["reproduce", "--quick", *options.split(), str(tmp_path)])
    assert command.main() == 0
    assert {file.read_text() for file in whole} == {"of the whole run"}
    assert "0.500 ± 0.000" in (tmp_path / "reproduce-quick.md").read_text()
    assert {file.name for file in set(tmp_path.iterdir()) - whole} == {
        f"reproduce-quick.{end}" for end in ("json", "jsonl", "md", "png")
    }


def test_the_whole_run_has_all_splits_and_the_folder_s_sets(tmp_path):
    write_boston(tmp_path)
    options = command.arguments(["--data", str(tmp_path)])
    assert (options.splits, options.seeds) == (20, 20)
    assert command.sets_of(options)[0] == "boston"


def test_results_that_are_there_are_not_run_again(tmp_path):
    task = tasks.Task("ours", "yacht", 0, 0, 100)
    file = tmp_path / "results.jsonl"
    done = {**record("ours", "yacht", 0, log_score=1.0), "steps": 100, "backend": "jax"}
    file.write_text(json.dumps(done) + "\n")
    assert list(tasks.run_all([task], file, "jax", 1, None)) == []


def test_a_run_writes_what_it_finds_and_goes_on_with_the_rest(tmp_path):
    # A process of its own, in whose environment the backend is.
    found = [tasks.Task("plain", "yacht", split, split, 9) for split in range(2)]
    file = tmp_path / "results.jsonl"
    backend, before = keras.backend.backend(), dict(os.environ)
    first = list(tasks.run_all(found[:1], file, backend, 1, None))
    rest = list(tasks.run_all(found, file, backend, 1, None))
    assert [each["split"] for each in first + rest] == [0, 1]
    assert tasks.read(file) == first + rest
    assert dict(os.environ) == before
    assert np.isfinite(rest[0]["scores"]["log_score"])


def test_a_line_that_was_cut_short_is_left_out(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    whole = json.dumps(record("ours", "yacht", 0, log_score=1.0))
    file.write_text(f'{whole}\n{{"method": "ou')
    assert len(tasks.read(file)) == 1
    assert file.read_text() == f"{whole}\n"
    assert "cut short" in capsys.readouterr().err
    assert tasks.read(tmp_path / "none") == []


def test_the_tables_show_what_was_run_beside_what_was_published():
    records = log_scores("ours", "yacht", [-1.0, -2.0])
    written = table.write(records, {"splits": 2}, "MET")
    assert f"| {methods.METHODS['ours'].title} | -1.50 ± 0.50 |" in written
    assert "| published: mean-field VI | -2.01 |" in written
    assert "Digits" not in written


@pytest.mark.parametrize(
    "name",
    [
        "ours",
        "plain",
        "former",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("moped", "laplace")),
    ],
)
def test_the_answer_is_scored_as_the_package_scores_its_model(name, monkeypatch):
    from reproduce import networks

    part = data.values_of("yacht", 0)
    models = []
    answer = networks.answer
    monkeypatch.setattr(
        networks, "answer", lambda model, *given: models.append(model) or answer(model, *given)
    )
    monkeypatch.setattr(methods, "_factor_of", lambda *given: 2.5)
    found = methods.METHODS[name].run(part.problem, 0, 20)
    y = (part.y_test - part.loc) / part.scale
    model = models[-1]
    if name == "laplace":
        x, targets = part.problem.x[:9], part.problem.y[:9]
        model = bl.recalibrate(model, x, targets, draws=2, verbose=0)
        model.layers[-1].factor.assign(2.5)
    if name == "plain":
        rv = model(part.problem.x_test)
        log_prob = bl.tfd_log_prob(rv, y[:, None].astype("float32"))
        expected = keras.ops.convert_to_numpy(log_prob)[None]
    else:
        expected = bl.log_likelihood(
            model, part.problem.x_test, y[:, None], draws=methods.DRAWS, seed=0, verbose=0
        )
    ours = stats.norm.logpdf(y, found.loc.astype("float64"), found.scale.astype("float64"))
    np.testing.assert_allclose(ours, expected.reshape(ours.shape), rtol=2e-4, atol=2e-4)


def test_a_part_is_held_out_once_and_answered_for():
    problem = data.values_of("yacht", 0).problem
    left, targets = problem.without_a_part(0.2, 3)
    assert (len(left.x), len(left.x_test), len(targets)) == (222, 55, 55)
    both = [*zip(left.x, left.y[:, 0], strict=True), *zip(left.x_test, targets, strict=True)]
    whole = zip(problem.x, problem.y[:, 0], strict=True)
    assert sorted((*x, y) for x, y in both) == sorted((*x, y) for x, y in whole)
    again, other = (problem.without_a_part(0.2, seed)[0].x_test for seed in (3, 4))
    np.testing.assert_array_equal(again, left.x_test)
    assert not np.array_equal(other, left.x_test)


def test_the_precision_is_the_best_for_examples_that_are_held_out(monkeypatch):
    problem = data.values_of("yacht", 0).problem
    known, targets = problem.without_a_part(methods.HELD_OUT, 2)
    called = []

    def laplace_of(given, seed, steps, precision):
        del seed, steps
        called.append((len(given.x), precision))
        return precision

    def recalibrated(precision, given, seed, factor):
        del seed
        assert factor == 7 * precision
        off = 0.0 if precision == 10 else 1.0
        loc = np.resize(targets + off, (1, len(given.x_test)))
        return scores.Mixture(loc, np.ones_like(loc))

    monkeypatch.setattr(methods, "_laplace_of", laplace_of)
    monkeypatch.setattr(methods, "_factor_of", lambda precision, *given: 7 * precision)
    monkeypatch.setattr(methods, "_recalibrated", recalibrated)
    methods.METHODS["laplace"].run(problem, 2, 9)
    tried = [(len(known.x), precision) for precision in methods.PRECISIONS]
    assert called == [*tried, (len(problem.x), 10)]


@pytest.mark.parametrize("classes", [None, 3])
def test_the_factor_makes_up_for_noise_that_is_too_small(classes):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 2)).astype("float32")
    inputs = keras.Input((2,))
    if classes:
        # Logits that are four times too large for the labels, which follow softmax(logits / 4).
        logits = 4 * np.concatenate([x, np.zeros((500, 1))], axis=1)
        y = (logits / 4 + rng.gumbel(size=logits.shape)).argmax(axis=1)
        model = keras.Sequential([inputs, keras.layers.Dense(3)])
        model.layers[0].set_weights([4 * np.eye(2, 3, dtype="float32"), np.zeros(3, "float32")])
        right = 4.0
    else:
        y = x[:, 0] + rng.normal(size=500)
        model = keras.Sequential([inputs, keras.layers.Dense(1)])
        model.layers[0].set_weights([np.float32([[1], [0]]), np.zeros(1, "float32")])
        model.add(bl.layer_homoscedastic_normal(event_shape=1))
        right = 1 / float(np.mean(keras.ops.convert_to_numpy(bl.tfd_stddev(model(x)))))
    problem = data.Problem(x, y[:, None], x, 32, 50, classes)
    # The standard error of a scale's logarithm by 500 values is 1 / sqrt(1000). That of the
    # temperature is 1 / sqrt(500 v), where v, some 0.5, is a logit's variance under its softmax.
    error = 0.032 if classes is None else 0.063
    assert methods._factor_of(model, problem, y, 0) == pytest.approx(right, rel=5 * error)


def test_a_network_that_diverged_has_no_scores():
    nothing = np.full((3, 4), math.nan)
    found = scores.score_values(scores.Mixture(nothing, nothing), np.zeros(4))
    assert set(found) == {"log_score", "rmse", "coverage_50", "coverage_90"}
    assert all(map(math.isnan, found.values()))


def test_five_networks_answer_together():
    part = data.values_of("yacht", 0)
    together = methods.METHODS["plain_5"].run(part.problem, 1, 9)
    alone = methods.METHODS["plain"].run(part.problem, 5, 9)
    assert together.loc.shape == (5, 31)
    np.testing.assert_allclose(together.loc[:1], alone.loc, rtol=1e-4, atol=1e-5)
