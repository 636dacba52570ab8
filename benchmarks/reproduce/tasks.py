"""What is to be run, and running it: in processes of one thread each, with results as they come."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import describe_machine
from devices import ONE_THREAD

from reproduce.data import SETS, digits, values_of
from reproduce.methods import METHODS
from reproduce.scores import score_classes, score_values

DIGITS = "digits"
TASKS_OF_A_PROCESS = 12  # after which another takes its place, as compiled functions stay in memory
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A method on a split of a set.

    Args:
        method: The method, by its key.
        set: The set, by its key, or "digits".
        split: The number of the split; digits have one alone.
        seed: The seed of the training.
        steps: How many steps it has.
    """

    method: str
    set: str
    split: int
    seed: int
    steps: int


def tasks_of(
    methods: Iterable[str], sets: Iterable[str], splits: int, seeds: int, steps: int
) -> list[Task]:
    """Return what is to be run, split by split, so that a part of it is a fair part.

    Args:
        methods: The methods.
        sets: The sets, "digits" among them.
        splits: How many splits of each set; of digits, how many seeds.
        seeds: How many seeds the recipe runs with on the first split.
        steps: How many steps a training has on the small sets and the digits.
    """
    methods, sets, tasks = list(methods), list(sets), []
    for split in range(splits):
        for name in sets:
            kind = "classes" if name == DIGITS else "values"
            if name != DIGITS and split >= SETS[name].splits:
                continue
            length = steps_on(name, steps)
            tasks += [
                Task(method, name, 0 if name == DIGITS else split, split, length)
                for method in methods
                if kind in METHODS[method].is_of
            ]
    values = [name for name in sets if name != DIGITS and "ours" in methods]
    return tasks + [
        Task("ours", name, 0, seed, steps_on(name, steps))
        for seed in range(1, seeds)
        for name in values
    ]


def steps_on(name: str, steps: int) -> int:
    """Return how many steps a training on a set has, where it has so many on the small sets."""
    return steps if name == DIGITS else steps * SETS[name].longer


def run(task: Task, folder: Path | None) -> Record:
    """Run a task, and return its scores, and the seconds that it had of a processor."""
    start = time.process_time()
    method = METHODS[task.method].run
    if task.set == DIGITS:
        images = digits()
        scores = score_classes(method(images.problem, task.seed, task.steps), images.labels)
    else:
        part = values_of(task.set, task.split, folder)
        answer = method(part.problem, task.seed, task.steps)
        scores = score_values(answer, part.y_test, part.loc, part.scale)
    return {"scores": scores, "seconds": round(time.process_time() - start, 2)}


def made_on() -> str:
    """Return what a result was made on: a run may be stopped, and go on on another machine."""
    machine = describe_machine()
    python, keras = machine["python"], importlib.metadata.version("keras")
    return f"{machine['cpu']}, {machine['cores']} cores, Python {python}, Keras {keras}"


def _work(given: tuple[Task, Path | None]) -> Record:
    task, folder = given
    done = {**asdict(task), "backend": os.environ["KERAS_BACKEND"], "made on": made_on()}
    try:
        return {**done, **run(task, folder)}
    except Exception:
        return {**done, "error": traceback.format_exc()}


def run_all(
    tasks: list[Task], file: Path, backend: str, jobs: int, folder: Path | None
) -> Iterator[Record]:
    """Run what the file has not got yet, and write each result to it as it comes.

    Args:
        tasks: What is to be run.
        file: The file of the results, a line of JSON for each.
        backend: The backend of Keras.
        jobs: How many processes.
        folder: Where the sets lie that this repository does not hold.
    """
    done = {key_of(record) for record in read(file)}
    left = [task for task in tasks if (*asdict(task).values(), backend) not in done]
    if not left:
        return
    with tempfile.TemporaryDirectory() as compiled:
        context = multiprocessing.get_context("spawn")
        with (
            _environment(backend, compiled),
            context.Pool(min(jobs, len(left)), maxtasksperchild=TASKS_OF_A_PROCESS) as pool,
            file.open("a", encoding="utf-8") as lines,
        ):
            given = [(task, folder) for task in left]
            for record in pool.imap_unordered(_work, given):
                if "error" not in record:
                    lines.write(json.dumps(record) + "\n")
                    lines.flush()
                yield record


@contextlib.contextmanager
def _environment(backend: str, compiled: str) -> Iterator[None]:
    """Set the variables of the processes, which take them from this one.

    JAX keeps what it compiles in a folder: the splits of a set have the same shapes, and compiling
    takes longer than a training.
    """
    above = str(Path(__file__).parents[1])
    before = dict(os.environ)
    os.environ.update(
        {
            **ONE_THREAD,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": compiled,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "PYTHONPATH": os.pathsep.join(filter(None, [above, os.environ.get("PYTHONPATH")])),
        }
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def key_of(record: Record) -> tuple[Any, ...]:
    """Return what makes a result that of a task."""
    return tuple(record[name] for name in ("method", "set", "split", "seed", "steps", "backend"))


def read(file: Path) -> list[Record]:
    """Return the results of a file; none where there is no such file.

    A last line that was cut short, as that of a run which was stopped, is left out, from the file
    as well.
    """
    if not file.exists():
        return []
    records, whole = [], []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
            whole.append(line)
        except json.JSONDecodeError:
            print(f"left out of {file.name}, as it was cut short: {line[:60]}", file=sys.stderr)
    if len(whole) < len(file.read_text(encoding="utf-8").splitlines()):
        file.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
    return records
