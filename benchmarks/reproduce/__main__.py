"""Run the UCI protocol of Hernandez-Lobato and Adams (2015), and the digits, and write the table.

Each method learns from the splits of each set that can be read; the results are written as they
come, a line each, so that a run which was stopped goes on where it was. Then the table, the picture
and the bars are written. What is not installed is left out, and so is a set that is not there.

Run from benchmarks: python -m reproduce             20 splits of each set
                     python -m reproduce --quick     5 splits of the small ones, shorter trainings
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from bars import verdicts

from reproduce import picture, table
from reproduce.data import SETS, SMALL, is_there
from reproduce.limits import BARS
from reproduce.methods import METHODS
from reproduce.tasks import DIGITS, Record, key_of, read, run_all, steps_on, tasks_of

RESULTS = Path(__file__).parents[1] / "results"
# On the small sets and the digits. The published plain networks and ensembles have 7500 steps at
# most; the published row of mean-field VI has 30000 steps of 256 examples on every set.
STEPS, QUICK_STEPS = 7500, 1500
SPLITS, QUICK_SPLITS = 20, 5
SEEDS = 20


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help=f"small sets, {QUICK_SPLITS} splits, {QUICK_STEPS} steps",
    )
    add("--sets", nargs="+", choices=[*SETS, DIGITS], help="sets to run")
    add("--methods", nargs="+", choices=METHODS, help="methods to run")
    add("--splits", type=int, help="how many splits of each set, and how many seeds of the digits")
    add("--seeds", type=int, help="how many seeds the recipe has on the first split")
    add("--steps", type=int, help="how many steps a training on a small set has")
    add("--backend", default=os.environ.get("KERAS_BACKEND"), help="the backend of Keras")
    add("--jobs", type=int, default=os.cpu_count(), help="how many processes of one thread each")
    add("--data", type=Path, help="folder of the sets that are not in this repository")
    add("--output", type=Path, default=RESULTS, help="folder of the results")
    add("--fresh", action="store_true", help="begin anew instead of going on")
    chosen = parser.parse_args(given)
    chosen.splits = chosen.splits or (QUICK_SPLITS if chosen.quick else SPLITS)
    chosen.steps = chosen.steps or (QUICK_STEPS if chosen.quick else STEPS)
    if chosen.seeds is None:
        chosen.seeds = 0 if chosen.quick else SEEDS
    # JAX is the fastest on processors.
    is_here = importlib.util.find_spec("jax") is not None
    chosen.backend = chosen.backend or ("jax" if is_here else "tensorflow")
    return chosen


def sets_of(options: argparse.Namespace) -> list[str]:
    """Return the sets to run; say which are left out, as they are not there."""
    wanted = options.sets or [*(SMALL if options.quick else SETS), DIGITS]
    there = [name for name in wanted if name == DIGITS or is_there(name, options.data)]
    missing = [name for name in wanted if name not in there]
    if missing:
        print(f"left out, as no folder has them (DATA=folder): {', '.join(missing)}")
    return there


def methods_of(options: argparse.Namespace) -> list[str]:
    """Return the methods to run; say which are left out, and what they need."""
    wanted = options.methods or list(METHODS)
    for name in wanted:
        if METHODS[name].missing:
            print(f"left out: {METHODS[name].title}, needs {', '.join(METHODS[name].missing)}")
    return [name for name in wanted if not METHODS[name].missing]


def line(record: Record) -> str:
    """Write a result in a line, as it comes."""
    head = f"{record['set']} {record['split']}, {METHODS[record['method']].title}"
    if "error" in record:
        return f"{head}: failed\n{record['error']}"
    scores = ", ".join(f"{name} {value:.3f}" for name, value in record["scores"].items())
    return f"{head} ({record['seconds']:.0f} s): {scores}"


def main() -> int:
    """Run what is left to be run, and write the results. Return how many tasks failed."""
    options = arguments()
    sets, methods = sets_of(options), methods_of(options)
    tasks = tasks_of(methods, sets, options.splits, options.seeds, options.steps)
    options.output.mkdir(exist_ok=True, parents=True)
    # A part never takes the place of the whole.
    name = "reproduce-quick" if options.quick else "reproduce"
    file = options.output / f"{name}.jsonl"
    if options.fresh:
        file.unlink(missing_ok=True)
    failed = 0
    for record in run_all(tasks, file, options.backend, options.jobs, options.data):
        failed += "error" in record
        print(line(record), flush=True)
    wanted = {(*asdict(task).values(), options.backend) for task in tasks}
    records = [record for record in read(file) if key_of(record) in wanted]
    judged = [bar.judge(records) for bar in BARS]
    facts = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "splits": options.splits,
        "steps of a training": ", ".join(
            f"{name} {steps_on(name, options.steps)}" for name in sets
        ),
        "backend": options.backend,
        "processor seconds of all trainings": round(sum(record["seconds"] for record in records)),
        "made on": "; ".join(sorted({record["made on"] for record in records})),
    }
    if records:
        written = table.write(records, facts, verdicts(judged))
        (options.output / f"{name}.md").write_text(written, encoding="utf-8")
        report = {**facts, "bars": judged}
        text = json.dumps(report, indent=1) + "\n"
        (options.output / f"{name}.json").write_text(text, encoding="utf-8")
        picture.draw(records, options.output / f"{name}.png")
        print(f"\n{written}")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
