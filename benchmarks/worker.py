"""One library in a process of its own: builds models and times their training, as it is told.

Reads a command a line, as JSON, and answers with a line of JSON. The driver runs several of these
in turn, so that a noisy machine hurts all of them alike.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Any

# Standard output is for answers alone.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
from devices import clock, on_accelerator, peak_bytes  # noqa: E402
from libraries import LIBRARIES, Library  # noqa: E402
from rows import LARGE_ROWS, ROWS, Row, growth_rows  # noqa: E402

WARM_UP = 8
_MEGABYTE = 1024


def find_row(spec: dict[str, Any]) -> Row:
    """Return the row that a command names: by number, or as one of those that grow."""
    if "number" in spec:
        return next(row for row in ROWS + LARGE_ROWS if row.number == spec["number"])
    return dict(growth_rows()[spec["growing"]])[spec["size"]]


def find_library(name: str) -> Library:
    """Return the library of a name."""
    if name in LIBRARIES:
        return LIBRARIES[name]()
    # Imports PyTorch, which not every process has to.
    from loops import LOOPS

    return LOOPS[name]()


def median_time(function: Callable[[], Any], repeats: int = 20) -> float:
    """Return the milliseconds of a call, after three that are not timed."""
    for _ in range(3):
        function()
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(1000 * (clock() - start))
    return float(np.median(times))


class Bench:
    """Models under measurement, by name, in one library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.steps: dict[str, Callable[[int], list[float]]] = {}
        self.ways: dict[int, dict[str, Callable[[], Any]]] = {}
        self.network_steps: dict[str, Callable[[int], list[float]]] = {}
        self.call: Callable[[], Any] | None = None
        self.draw: Callable[[], Any] | None = None

    def build(self, name: str, row: dict[str, Any], **how: Any) -> dict[str, Any]:
        """Make and warm up a model, if the library has one."""
        found = find_row(row)
        if not self.library.measures(found, **how):
            return {"built": False}
        self.steps[name] = self.library.trainer(found, **how)
        self.steps[name](WARM_UP)
        return {"built": True}

    def run(self, name: str, count: int) -> dict[str, Any]:
        """Time steps, in milliseconds each."""
        return {"times": [1000 * seconds for seconds in self.steps[name](count)]}

    def drop(self, name: str) -> dict[str, Any]:
        """Forget a model."""
        del self.steps[name]
        self.library.clear()
        gc.collect()
        return {}

    def peak(self, row: dict[str, Any], **how: Any) -> dict[str, Any]:
        """Return by how many megabytes the first steps of a model raise the process's peak.

        On an accelerator: how many they have in use there at most.
        """
        if on_accelerator():
            self.library.trainer(find_row(row), **how)(WARM_UP)
            return {"megabytes": peak_bytes(self.library.backend) / _MEGABYTE**2}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.library.trainer(find_row(row), **how)(WARM_UP)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"megabytes": (after - before) / _MEGABYTE}

    def normals(self, count: int) -> dict[str, Any]:
        """Time draws of `count` normals by each exact method that the library has."""
        from normals import draws_of_a_call

        if count not in self.ways:
            self.ways[count] = self.library.normals(count)
        found = {name: median_time(draw) for name, draw in self.ways[count].items()}
        draws = draws_of_a_call(count)
        return {"milliseconds": {name: time / draws for name, time in found.items()}}

    def networks(self, names: list[str], count: int) -> dict[str, Any]:
        """Time steps of networks, in milliseconds; the median of each."""
        for name in names:
            if name not in self.network_steps:
                self.network_steps[name] = self.library.network_trainer(name)
                self.network_steps[name](WARM_UP)
        medians = {name: np.median(self.network_steps[name](count)) for name in names}
        return {"milliseconds": {name: 1000 * float(time) for name, time in medians.items()}}

    def calls(self, row: dict[str, Any]) -> dict[str, Any]:
        """Time calls of a row's layer outside of compiled steps."""
        if self.call is None:
            self.call = self.library.caller(find_row(row))
        return {"milliseconds": {"": median_time(self.call)}}

    def draws(self) -> dict[str, Any]:
        """Time 100 draws of the predictive distribution for 1,000 inputs."""
        if self.draw is None:
            self.draw = self.library.drawer()
        return {"milliseconds": {"": median_time(self.draw, repeats=3)}}

    def versions(self) -> dict[str, Any]:
        """Return the versions of what runs here."""
        return {"versions": self.library.versions()}


def main() -> None:
    """Answer commands until there are no more."""
    bench = Bench(find_library(sys.argv[1]))
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(bench, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".split("\n")[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
