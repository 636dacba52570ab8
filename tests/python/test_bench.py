"""The benchmark's own arithmetic: ratios by turns, and which bars a run has met."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import bars
import devices
from bench import ACCELERATOR, QUICK, WHOLE, table
from measurements import Measurement, Run


def measured(row, **turns):
    return Measurement(row, f"Row {row}", "Flipout", "float32", "default", turns=turns)


def test_a_ratio_is_the_median_over_pairs_of_turns():
    # The second turn of both was on a machine five times as slow.
    result = measured(1, slow=[3.0, 20.0, 6.0], fast=[1.0, 5.0, 3.0])
    assert result.ratio("slow", "fast") == pytest.approx(3.0)
    assert result.ratio("slow", "another") is None


@pytest.mark.parametrize(
    ("limit", "at_least", "met", "missed_by"),
    [
        (1.5, True, True, []),
        (2.5, True, False, ["row 1"]),
        (3.5, False, False, ["row 2"]),
        (4.0, False, True, []),
    ],
)
def test_a_bar_is_met_where_every_row_keeps_to_its_limit(limit, at_least, met, missed_by):
    results = [measured(1, a=[2.0], b=[1.0]), measured(2, a=[8.0], b=[2.0])]
    judged = bars.Bar("a / b", limit, bars.ratios("a", "b"), at_least).judge(Run(results))
    assert judged["figures"] == {"row 1": 2.0, "row 2": 4.0}
    assert (judged["met"], judged["missed by"]) == (met, missed_by)
    assert bars.verdicts([judged]).startswith("MET" if met else "MISSED")


def test_a_bar_looks_at_its_rows_at_the_defaults_alone():
    other = Measurement(2, "Row 2", "Flipout", "float32", "on", turns={"a": [1.0], "b": [9.0]})
    results = [measured(1, a=[1.0], b=[9.0]), measured(2, a=[4.0], b=[1.0]), other]
    assert bars.ratios("a", "b", 2)(Run(results)) == {"row 2": 4.0}


def test_a_mean_of_ratios_is_geometric():
    results = [measured(1, a=[2.0], b=[1.0]), measured(2, a=[8.0], b=[1.0])]
    assert bars.geometric_mean(bars.ratios("a", "b"))(Run(results)) == {
        "of 2 rows": pytest.approx(4.0)
    }


def test_what_was_not_measured_is_neither_met_nor_missed():
    judged = bars.Bar("a / b", 1.0, bars.ratios("a", "b")).judge(Run([measured(1, a=[1.0])]))
    assert judged["met"] is None
    assert bars.verdicts([judged]).endswith("not measured")


def test_the_table_has_the_columns_that_were_measured():
    result = measured(1, tfp=[3.0], bayeslayers=[2.0])
    result.median = {"tfp": 3.0, "bayeslayers": 2.0}
    head, line = table([result]).split("\n")
    assert "ours, TF" in head
    assert "ours, JAX" not in head.split("TFP/ours")[0]
    assert "1.50" in line


def test_parts_are_compared_turn_by_turn():
    times = {"keras: bayeslayers": [2.0, 9.0, 3.0], "keras, torch: torch.randn": [1.0, 3.0, 3.0]}
    run = Run([], normals={1000: times}, calls={"bayeslayers": [6.0], "keras": [2.0]})
    assert bars.normals_ratios(1000)(run) == {"tensorflow": 2.0}
    assert bars.normals_ratios(41_000)(run) == {}
    assert bars.call_ratios(run) == {"tensorflow": 3.0}
    assert bars.draws_ratio(run) == {}


def test_networks_are_compared_by_backend():
    times = {
        "keras: a": [1.0, 2.0],
        "bayeslayers: a": [2.0, 4.0],
        "keras: b": [1.0, 1.0],
        "bayeslayers: b": [9.0, 9.0],
        "keras, jax: a": [1.0, 1.0],
    }
    assert bars.network_ratios("a")(Run([], networks=times)) == {"a, tensorflow": 2.0}


def test_memory_is_compared_where_both_were_measured():
    results = [measured(1), measured(2)]
    results[0].peak = {"bayeslayers": 50.0, "tfp": 100.0}
    results[1].peak = {"bayeslayers": 50.0}
    assert bars.peak_ratios("bayeslayers", "tfp")(Run(results)) == {"row 1": 0.5}


def test_only_a_run_that_is_asked_to_computes_on_an_accelerator(monkeypatch):
    monkeypatch.delenv("BENCH_ON_ACCELERATOR", raising=False)
    assert devices.environment()["CUDA_VISIBLE_DEVICES"] == ""
    assert (devices.torch_device(), devices.describe_accelerator()) == ("cpu", None)
    # What it sets is taken back after the test.
    monkeypatch.setenv("BENCH_ON_ACCELERATOR", "")
    devices.choose_accelerator()
    assert "CUDA_VISIBLE_DEVICES" not in devices.environment()
    assert devices.torch_device() == "cuda"


def test_no_part_takes_the_place_of_another():
    assert len({part.name for part in (WHOLE, QUICK, ACCELERATOR)}) == 3
    assert ACCELERATOR.rows[: len(WHOLE.rows)] == WHOLE.rows
    assert len({row.number for row in ACCELERATOR.rows}) == len(ACCELERATOR.rows) > len(WHOLE.rows)
    assert QUICK.rows == WHOLE.rows
