"""Write down which Python tests take longer than 1.5 seconds: they are left to `make soak`.

Of a test all of whose cases do, the fastest stays, if it takes no more than three seconds.

Run: python tools/list_slow_tests.py BACKEND REPORT.xml

The report is what `pytest --junitxml` wrote for a whole run of two processes, with
BAYESLAYERS_SOAK=true for all tests there are. Tests that the report lacks stay as they are listed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

LIST = Path(__file__).parents[1] / "tests" / "python" / "slow_generated.json"
SECONDS = 1.5
SECONDS_OF_THE_ONLY_CASE = 3.0


def main(backend: str, report: str) -> None:
    """Bring the list of a backend up to date."""
    times = {}
    for case in ElementTree.parse(report).iter("testcase"):
        module = case.get("classname", "").rpartition(".")[2]
        times[f"{module}::{case.get('name')}"] = float(case.get("time", 0))
    listed = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    slow = slow_among(times)
    listed[backend] = sorted(slow | (set(listed.get(backend, [])) - times.keys()))
    LIST.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def slow_among(times: dict[str, float]) -> set[str]:
    """Return the names of the tests that are slow, by the seconds that each took."""
    tests: dict[str, list[str]] = {}
    for name in times:
        tests.setdefault(name.partition("[")[0], []).append(name)
    kept = {min(cases, key=lambda name: times[name]) for cases in tests.values()}

    def limit(name: str) -> float:
        return SECONDS_OF_THE_ONLY_CASE if name in kept else SECONDS

    return {name for name, seconds in times.items() if seconds > limit(name)}


if __name__ == "__main__":
    main(*sys.argv[1:])
