"""Time a training step of each layer against Keras's deterministic layer and the ancestors'.

Keras's layer is timed in the Keras 2 that TensorFlow Probability needs, too: what a step of `fit()`
costs there and here. One process per library, run in turn, so that what disturbs the machine
disturbs all of them. A time is the median over all timed steps. Prints a table, and writes it with
the machine's description and versions to results/, beside two pictures.

Run: python benchmarks/bench.py            the whole table
     python benchmarks/bench.py --quick    float32 at the defaults alone, and no pictures of growth
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rows import ROW_OF_EPOCHS, ROWS, Row, growth_rows

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROUNDS, STEPS = 4, 8  # timed steps of each library: their product, in so many turns
EPOCH_ROUNDS, EPOCHS = 4, 5
COMPILED = {"default": "default", "on": True, "off": False}
DTYPES = ("float32", "mixed_bfloat16")
LIBRARIES = ("keras", "bayeslayers", "tf_keras", "tfp")
COLUMNS = {
    "keras": "Keras",
    "bayeslayers": "ours",
    "tf_keras": "tf_keras",
    "tfp": "TFP",
    "torch": "torch",
}
FROM_R = {"R": "", "R, closure": "closure"}
# How many linear maps a draw takes, as the floor counts them.
MAPS = {"Flipout": 2, "Reparameterization": 1, "LocalReparameterization": 1}


class Worker:
    """A library's process."""

    def __init__(self, library: str) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        if library in FROM_R:
            environment["RETICULATE_PYTHON"] = sys.executable
            command = ["Rscript", str(HERE / "worker.R"), FROM_R[library]]
        else:
            command = [sys.executable, str(HERE / "worker.py"), library]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Measurement:
    """Times of one model in each library, in milliseconds.

    Args:
        row: The row's number.
        title: The row's title.
        estimator: The way to draw.
        dtype: The dtype policy.
        jit: Whether XLA compiles: "on", "off", or "default", each library's own choice.
        median: The median time by library.
        quartiles: The quartiles by library.
        errors: What a library raised instead.
        floor: What the arithmetic costs: deterministic steps, and a draw of normals.
        peak: The megabytes by which training raises the peak of a process, by library.
    """

    row: int
    title: str
    estimator: str
    dtype: str
    jit: str
    median: dict[str, float] = field(default_factory=dict)
    quartiles: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    floor: float | None = None
    peak: dict[str, float] = field(default_factory=dict)

    def ratio(self, over: str, under: str) -> float | None:
        """Return how many times longer one library takes than another."""
        if over in self.median and under in self.median:
            return self.median[over] / self.median[under]
        return None


def time_row(workers: dict[str, Worker], spec: dict[str, Any], row: Row, **how: Any) -> dict:
    """Build a model in each library, then time them in turn."""
    rounds, count = (EPOCH_ROUNDS, EPOCHS) if row.examples else (ROUNDS, STEPS)
    times: dict[str, list[float]] = {}
    errors = {}
    for name, worker in workers.items():
        answer = worker.ask("build", name="model", row=spec, **how)
        if "error" in answer:
            errors[name] = answer["error"]
        elif answer["built"]:
            times[name] = []
    for _ in range(rounds):
        for name, timed in times.items():
            timed.extend(workers[name].ask("run", name="model", count=count)["times"])
    for name in times:
        workers[name].ask("drop", name="model")
    return {
        "median": {name: statistics.median(timed) for name, timed in times.items()},
        "quartiles": {name: statistics.quantiles(timed, n=4) for name, timed in times.items()},
        "errors": errors,
    }


def measure(
    workers: dict[str, Worker], rows: list[Row], dtypes: tuple[str, ...], jits: tuple[str, ...]
) -> Iterator[Measurement]:
    """Time all rows in all ways."""
    normals = {row.number: draw_time(workers["keras"], row.weights) for row in rows}
    for row in rows:
        for dtype in dtypes:
            for jit in jits:
                for estimator in row.estimators:
                    how = {"estimator": estimator, "dtype": dtype, "jit": COMPILED[jit]}
                    found = time_row(workers, {"number": row.number}, row, **how)
                    result = Measurement(row.number, row.title, estimator, dtype, jit, **found)
                    steps = -(-row.examples // row.batch) if row.examples else 1
                    deterministic = result.median.get("keras")
                    if deterministic is not None:
                        maps, draw = MAPS[estimator], normals[row.number]["best"]
                        result.floor = maps * deterministic + steps * draw
                    yield result


def draw_time(worker: Worker, count: int) -> dict[str, Any]:
    """Return the time of a draw of normals by each exact method, and the shortest."""
    found = worker.ask("normals", count=count, repeats=20)["milliseconds"]
    return {"best": min(found.values()), "methods": found}


def peaks(row: Row, estimator: str) -> dict[str, float]:
    """Return the peak memory of each library's training, each in a fresh process."""
    found = {}
    for library in LIBRARIES:
        worker = Worker(library)
        how = {"estimator": estimator, "dtype": "float32", "jit": "default"}
        answer = worker.ask("peak", row={"number": row.number}, **how)
        worker.close()
        if "megabytes" in answer:
            found[library] = answer["megabytes"]
    return found


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
        "instructions": sorted(fast & set(cpu.get("flags", "").split())),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def table(results: list[Measurement]) -> str:
    """Write the measurements as a table."""
    head = ["row", "estimator", "dtype", "XLA", *COLUMNS.values(), "TFP/ours", "ours/floor"]
    lines = [head]
    for result in results:
        times = [result.median.get(library) for library in COLUMNS]
        ratios = [result.ratio("tfp", "bayeslayers")]
        ours = result.median.get("bayeslayers")
        ratios.append(ours / result.floor if ours and result.floor else None)
        cells = ["-" if value is None else f"{value:.2f}" for value in (*times, *ratios)]
        lines.append([result.title, result.estimator, result.dtype, result.jit, *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def summary(results: list[Measurement]) -> str:
    """Write the ratios at the defaults in one line for each estimator."""
    lines = []
    for estimator in MAPS:
        ratios = {
            result.row: result.ratio("tfp", "bayeslayers")
            for result in results
            if (result.estimator, result.dtype, result.jit) == (estimator, "float32", "default")
        }
        known = {row: ratio for row, ratio in ratios.items() if ratio is not None}
        if known:
            listed = ", ".join(f"row {row} {ratio:.2f}" for row, ratio in known.items())
            mean = statistics.geometric_mean(known.values())
            lines.append(f"TFP/ours, {estimator}, defaults: {listed}; geometric mean {mean:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="float32 at the defaults alone")
    parser.add_argument("--rows", type=int, nargs="+", help="numbers of the rows to run")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.rows or row.number in options.rows]
    dtypes = DTYPES[:1] if options.quick else DTYPES
    jits = tuple(COMPILED)[:1] if options.quick else tuple(COMPILED)
    names = [*LIBRARIES, *(["torch"] if importlib.util.find_spec("bayesian_torch") else [])]
    workers = {name: Worker(name) for name in names}
    versions = {}
    for worker in workers.values():
        versions |= worker.ask("versions")["versions"]
    results = []
    for result in measure(workers, rows, dtypes, jits):
        results.append(result)
        print(table([result]).split("\n")[1], flush=True)
    grown = {} if options.quick else growth(workers)
    for worker in workers.values():
        worker.close()
    for result in results:
        if (result.dtype, result.jit, result.estimator) == ("float32", "default", "Flipout"):
            result.peak = peaks(next(row for row in rows if row.number == result.row), "Flipout")
    from_r = time_from_r()
    report = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": describe_machine(),
        "versions": versions,
        "timed steps": {"rows": ROUNDS * STEPS, f"row {ROW_OF_EPOCHS}": EPOCH_ROUNDS * EPOCHS},
        "results": [asdict(result) for result in results],
        "growth": grown,
        f"row {ROW_OF_EPOCHS} from R": from_r,
    }
    options.output.mkdir(exist_ok=True)
    (options.output / "steps.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{table(results)}\n\n{summary(results)}")
    for result in results:
        if result.peak:
            listed = ", ".join(f"{name} {value:.0f}" for name, value in result.peak.items())
            print(f"peak memory of row {result.row}, MB: {listed}")
    if from_r:
        listed = ", ".join(f"{name} {from_r[name] / from_r['bayeslayers']:.3f}" for name in FROM_R)
        print(f"an epoch of row {ROW_OF_EPOCHS}, in epochs from Python: {listed}")
    from pictures import draw_growth, draw_ratios

    draw_ratios(report, options.output / "steps.png")
    if grown:
        draw_growth(report, options.output / "growth.png")


if __name__ == "__main__":
    main()
