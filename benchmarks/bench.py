"""Time a training step of each layer on each backend, and of the libraries it is compared with.

Beside ours: Keras's deterministic layer on the same backend, TensorFlow Probability's layer and the
deterministic one of the Keras 2 that it needs, and bayesian-torch's. One process per column, all on
one processor, run in turn, so that what disturbs the machine disturbs all of them. A time is the
processor's, and the median over all timed steps; a ratio is the median over pairs of turns. On an
accelerator a time is what passes until all of a step is done. Prints a table and which bars are
met, and writes them with the machine's description and versions to results/: steps.json, or
quick.json where a part was asked for, beside pictures, or accelerator.json. What is not installed
is left out.

Run: python benchmarks/bench.py                  the whole table
     python benchmarks/bench.py --quick          Flipout in float32 at the defaults alone
     python benchmarks/bench.py --accelerator    Flipout in both precisions, and two larger layers
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bars import BARS, verdicts
from columns import COLUMNS, FROM_R, OURS, PLAIN, Worker, start_workers
from devices import choose_accelerator, describe_accelerator, on_accelerator, stay_on_one_processor
from measurements import Measurement, Run
from parts import time_parts
from rows import LARGE_ROWS, ROW_OF_EPOCHS, ROWS, Row, growth_rows

RESULTS = Path(__file__).parent / "results"
ROUNDS, STEPS = 6, 8  # timed steps of each column: their product, in so many turns
EPOCH_ROUNDS, EPOCHS = 6, 3
COMPILED = {"default": "default", "on": True, "off": False}
DTYPES = ("float32", "mixed_bfloat16")
# How many linear maps a draw takes, as the floor counts them.
MAPS = {"Flipout": 2, "Reparameterization": 1, "LocalReparameterization": 1}
RATIOS = {
    "TFP/ours, TF": ("tfp", "bayeslayers"),
    "TFP/ours, JAX": ("tfp", "bayeslayers, jax"),
    "b-torch/loop": ("bayesian-torch", "loop"),
}


def time_row(workers: dict[str, Worker], spec: dict[str, Any], row: Row, **how: Any) -> dict:
    """Build a model in each column, then time them in turn."""
    rounds, count = (EPOCH_ROUNDS, EPOCHS) if row.examples else (ROUNDS, STEPS)
    times: dict[str, list[list[float]]] = {}
    errors = {}
    for name, worker in workers.items():
        answer = worker.ask("build", name="model", row=spec, **how)
        if "error" in answer:
            errors[name] = answer["error"]
        elif answer["built"]:
            times[name] = []
    for turn in range(rounds):
        # There and back, so that none always comes after the same other one.
        for name in list(times)[:: -1 if turn % 2 else 1]:
            answer = workers[name].ask("run", name="model", count=count)
            if "error" in answer:
                errors[name] = answer["error"]
                del times[name]
            else:
                times[name].append(answer["times"])
    for name in times:
        workers[name].ask("drop", name="model")
    all_times = {name: [time for turn in turns for time in turn] for name, turns in times.items()}
    return {
        "turns": {name: list(map(statistics.median, turns)) for name, turns in times.items()},
        "median": {name: statistics.median(timed) for name, timed in all_times.items()},
        "quartiles": {name: statistics.quantiles(timed, n=4) for name, timed in all_times.items()},
        "errors": errors,
    }


def measure(
    workers: dict[str, Worker],
    rows: Sequence[Row],
    estimators: tuple[str, ...],
    dtypes: tuple[str, ...],
    jits: tuple[str, ...],
) -> Iterator[Measurement]:
    """Time all rows in all ways."""
    for row in rows:
        draws = {
            backend: draw_time(workers[name], row)
            for backend, name in PLAIN.items()
            if name in workers
        }
        for dtype in dtypes:
            for jit in jits:
                for estimator in (name for name in row.estimators if name in estimators):
                    how = {"estimator": estimator, "dtype": dtype, "jit": COMPILED[jit]}
                    found = time_row(workers, {"number": row.number}, row, **how)
                    result = Measurement(row.number, row.title, estimator, dtype, jit, **found)
                    steps = -(-row.examples // row.batch) if row.examples else 1
                    for backend, name in PLAIN.items():
                        if name in result.median:
                            maps = MAPS[estimator] * result.median[name]
                            result.floor[backend] = maps + steps * draws[backend]
                    yield result


def draw_time(worker: Worker, row: Row) -> float:
    """Return the time of a row's draw of normals by the fastest exact method of a backend."""
    found = worker.ask("normals", count=row.weights)
    return min(found["milliseconds"].values())


def peaks(names: list[str], row: Row, estimator: str) -> dict[str, float]:
    """Return the peak memory of each column's training, each in a fresh process."""

    def ask(name: str) -> dict[str, Any]:
        worker = Worker(name)
        how = {"estimator": estimator, "dtype": "float32", "jit": "default"}
        answer = worker.ask("peak", row={"number": row.number}, **how)
        worker.close()
        return answer

    # Those that share an accelerator do not share its memory's count.
    with ThreadPoolExecutor(len(names) if on_accelerator() else 1) as processes:
        answers = dict(zip(names, processes.map(ask, names), strict=True))
    return {name: found["megabytes"] for name, found in answers.items() if "megabytes" in found}


def growth(workers: dict[str, Worker]) -> dict[str, dict[str, list[float]]]:
    """Return times of the Flipout convolution as one size at a time doubles."""
    how = {"estimator": "Flipout", "dtype": "float32", "jit": "default"}
    found: dict[str, dict[str, list[float]]] = {}
    for name, rows in growth_rows().items():
        of_size: dict[str, list[float]] = {"sizes": [size for size, _ in rows]}
        for size, row in rows:
            timed = time_row(workers, {"growing": name, "size": size}, row, **how)
            for library, median in timed["median"].items():
                of_size.setdefault(library, []).append(median)
        found[name] = of_size
    return found


def time_from_r() -> dict[str, float] | None:
    """Return the median epoch of the network from Python, and from R where its package is there."""
    ask_r = ["Rscript", "-e", "library(bayeslayers); library(jsonlite)"]
    if (
        not shutil.which("Rscript")
        or subprocess.run(ask_r, capture_output=True, check=False).returncode
    ):
        return None
    workers = {name: Worker(name) for name in ("bayeslayers", *FROM_R)}
    how = {"estimator": "Flipout", "dtype": "float32", "jit": "default"}
    times: dict[str, list[float]] = {name: [] for name in workers}
    for name, worker in workers.items():
        further = {"warm_up": 8} if name in FROM_R else {}
        worker.ask("build", name="model", row={"number": ROW_OF_EPOCHS}, **how, **further)
    for _ in range(2 * EPOCH_ROUNDS):
        for name, worker in workers.items():
            times[name].extend(worker.ask("run", name="model", count=EPOCHS)["times"])
    for worker in workers.values():
        worker.close()
    return {name: statistics.median(timed) for name, timed in times.items()}


def describe_machine() -> dict[str, Any]:
    """Return what the machine is, as far as times depend on it."""
    cpu = {}
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        cpu = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    fast = {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}
    return {
        "cpu": cpu.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "accelerator": describe_accelerator(),
        "load": os.getloadavg(),
        "instructions": sorted(fast & set(cpu.get("flags", "").split())),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def table(results: list[Measurement]) -> str:
    """Write the measurements as a table, of the columns that are there."""
    names = [name for name in COLUMNS if any(name in result.median for result in results)]
    titles = [COLUMNS[name].title for name in names]
    floors = [f"{backend}/floor" for backend in OURS]
    lines = [["row", "estimator", "dtype", "XLA", *titles, *RATIOS, *floors]]
    for result in results:
        values = [result.median.get(name) for name in names]
        values += [result.ratio(*pair) for pair in RATIOS.values()]
        values += [result.over_floor(backend) for backend in OURS]
        cells = ["-" if value is None else f"{value:.2f}" for value in values]
        lines.append([result.title, result.estimator, result.dtype, result.jit, *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def line(result: Measurement) -> str:
    """Write a measurement in a line, as it comes."""
    times = ", ".join(f"{COLUMNS[name].title} {time:.2f}" for name, time in result.median.items())
    return f"{result.title}, {result.estimator}, {result.dtype}, XLA {result.jit}: {times}"


def summary(results: list[Measurement]) -> str:
    """Write the ratios at the defaults, with their quartiles, in one line for each estimator."""
    lines = []
    for estimator in MAPS:
        for title, pair in RATIOS.items():
            pairs = {
                result.row: result.pairs(*pair)
                for result in results
                if (result.estimator, result.dtype, result.jit) == (estimator, "float32", "default")
            }
            pairs = {row: found for row, found in pairs.items() if found}
            if not pairs:
                continue
            quarters = {row: statistics.quantiles(found, n=4) for row, found in pairs.items()}
            listed = ", ".join(
                f"row {row} {middle:.2f} ({low:.2f} to {high:.2f})"
                for row, (low, middle, high) in quarters.items()
            )
            mean = statistics.geometric_mean(middle for _, middle, _ in quarters.values())
            lines.append(f"{title}, {estimator}: {listed}; geometric mean {mean:.2f}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--quick", action="store_true", help="Flipout, float32, defaults alone")
    part.add_argument("--accelerator", action="store_true", help="Flipout, on the machine's GPU")
    parser.add_argument("--rows", type=int, nargs="+", help="numbers of the rows to run")
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, help="columns to run")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    return parser.parse_args()


@dataclass(frozen=True)
class Part:
    """What of the table is measured.

    Args:
        name: The results' file, without its ending.
        rows: The models.
        estimators: The ways to draw.
        dtypes: The dtype policies.
        jits: The ways to compile.
        with_growth: Whether sizes grow one at a time, and an epoch is timed from R.
        with_peaks: Whether memory is measured.
    """

    name: str
    rows: tuple[Row, ...] = ROWS
    estimators: tuple[str, ...] = ("Flipout",)
    dtypes: tuple[str, ...] = ("float32",)
    jits: tuple[str, ...] = ("default",)
    with_growth: bool = False
    with_peaks: bool = False


WHOLE = Part("steps", ROWS, tuple(MAPS), DTYPES, tuple(COMPILED), with_growth=True, with_peaks=True)
# A part never takes the place of the whole.
QUICK = Part("quick")
ACCELERATOR = Part("accelerator", ROWS + LARGE_ROWS, dtypes=DTYPES, with_peaks=True)


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    part = QUICK if options.quick else ACCELERATOR if options.accelerator else WHOLE
    if options.accelerator:
        choose_accelerator()
    stay_on_one_processor()
    rows = [row for row in part.rows if not options.rows or row.number in options.rows]
    workers, versions = start_workers(options.columns or list(COLUMNS))
    results = []
    for result in measure(workers, rows, part.estimators, part.dtypes, part.jits):
        results.append(result)
        print(line(result), flush=True)
    run = Run(results, **time_parts(workers))
    grown = growth(workers) if part.with_growth else {}
    for worker in workers.values():
        worker.close()
    for result in results if part.with_peaks else []:
        if (result.dtype, result.jit, result.estimator) == ("float32", "default", "Flipout"):
            row = next(row for row in rows if row.number == result.row)
            result.peak = peaks(list(workers), row, "Flipout")
    from_r = time_from_r() if part.with_growth else None
    judged = [bar.judge(run) for bar in BARS]
    report = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": describe_machine(),
        "versions": versions,
        "timed steps": {"rows": ROUNDS * STEPS, f"row {ROW_OF_EPOCHS}": EPOCH_ROUNDS * EPOCHS},
        "bars": judged,
        **asdict(run),
        "growth": grown,
        f"row {ROW_OF_EPOCHS} from R": from_r,
    }
    options.output.mkdir(exist_ok=True)
    (options.output / f"{part.name}.json").write_text(json.dumps(report, indent=1) + "\n")
    print_report(run, from_r, judged)
    from pictures import draw_growth, draw_ratios

    if any("tfp" in result.median for result in results):
        draw_ratios(report, options.output / f"{part.name}.png")
    if grown:
        draw_growth(report, options.output / "growth.png")


def print_report(run: Run, from_r: dict[str, float] | None, judged: list[dict[str, Any]]) -> None:
    """Print the table, and what else was measured."""
    print(f"\n{table(run.results)}\n\n{summary(run.results)}\n")
    for result in run.results:
        if result.peak:
            listed = ", ".join(f"{name} {value:.0f}" for name, value in result.peak.items())
            print(f"peak memory of row {result.row}, MB: {listed}")
        for name, error in result.errors.items():
            print(f"no time of row {result.row}, {COLUMNS[name].title}: {error}")
    if from_r:
        listed = ", ".join(f"{name} {from_r[name] / from_r['bayeslayers']:.3f}" for name in FROM_R)
        print(f"an epoch of row {ROW_OF_EPOCHS}, in epochs from Python: {listed}")
    print(f"\n{verdicts(judged)}")


if __name__ == "__main__":
    main()
