"""Time what is no row: normals, calls, draws of predictions, and steps of whole networks."""

from __future__ import annotations

from typing import Any

from columns import OURS, PLAIN, Worker
from rows import NETWORKS

TURNS = 5
NORMALS = (1_000_000, 41_000)
ROW_OF_CALLS = 2
STEPS_OF_NETWORKS = 8


def time_parts(workers: dict[str, Worker]) -> dict[str, Any]:
    """Return the fields of a `Run` beside its results, from the columns that run."""
    plain = {name: workers[name] for name in PLAIN.values() if name in workers}
    ours = {name: workers[name] for name in OURS.values() if name in workers}
    return {
        "normals": {count: _in_turns(plain, "normals", count=count) for count in NORMALS},
        "calls": _in_turns(plain | ours, "calls", row={"number": ROW_OF_CALLS}),
        "draws": _in_turns(ours, "draws"),
        "networks": _in_turns(plain | ours, "networks", names=NETWORKS, count=STEPS_OF_NETWORKS),
    }


def _in_turns(workers: dict[str, Worker], do: str, **arguments: Any) -> dict[str, list[float]]:
    """Return the milliseconds of each column by turn; of each way where a column has several."""
    times: dict[str, list[float]] = {}
    for turn in range(TURNS):
        # There and back, so that none always comes after the same other one.
        for name in list(workers)[:: -1 if turn % 2 else 1]:
            answer = workers[name].ask(do, **arguments)
            for way, milliseconds in answer.get("milliseconds", {}).items():
                times.setdefault(f"{name}: {way}" if way else name, []).append(milliseconds)
    return times
