"""Run an example of `examples/` as a user would, and read the figures that it prints."""

import os
import re
import subprocess
from pathlib import Path

import bayeslayers

ROOT = Path(__file__).parents[2]
PACKAGE_ROOT = Path(bayeslayers.__file__).parents[1]
AT_EVERY_CHANGE = ("el_nino",)  # the others take minutes, and are left to `make soak`
SECONDS = 240  # an example takes less than 60 on a machine that has nothing else to do

# Each figure of the closing line, in order: its name in the line, and where it has to lie. The
# ranges are those that a README states for several seeds, wider by a few standard errors.
FIGURES = {
    "el_nino": {
        "RMSE": (0.45, 0.51),
        "log score": (-0.80, -0.62),
        "50 % band": (38, 56),
        "90 % band": (82, 97),
    },
    "engel": {
        "RMSE": (80, 95),
        "log score": (-5.80, -5.62),
        "50 % band": (34, 66),
        "90 % band": (86, 100),
    },
    "digits": {
        "accuracy": (94, 99),
        "log score": (-0.22, -0.12),
        "calibration error": (5, 12),
        "entropy": (0.88, 0.98),
        "8 and 9,": (0.96, 1),
        "flagged": (2, 13),
        "of 0 to 7,": (40, 95),
        "of 8 and 9,": (94, 100),
    },
    "el_nino_density": {
        "flow": (-4.2, -3.95),
        "normal": (-4.26, -4.22),
        "50 % region": (36, 60),
        "90 % region": (84, 97),
        "sums to": (0.99, 1.01),
    },
}


def run_example(command, **environment):
    """Return the line of figures, which is the last that an example prints."""
    path = os.pathsep.join([str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout.strip().splitlines()[-1]


def figures_of(name, line):
    """Return the numbers that follow the names of the figures, each looked for behind the last."""
    found, position = {}, 0
    for figure in FIGURES[name]:
        match = re.compile(rf"{re.escape(figure)} (-?\d+\.\d+)").search(line, position)
        assert match, f"no figure {figure!r} in: {line}"
        found[figure] = float(match[1])
        position = match.end()
    return found


def assert_good(name, line):
    """Check that each figure lies where it has to."""
    for figure, value in figures_of(name, line).items():
        low, high = FIGURES[name][figure]
        assert low <= value <= high, f"{figure} {value} in: {line}"


def printed_in_readme(name):
    """Return the line of figures that an example's README shows."""
    lines = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8").splitlines()
    (line,) = [line.strip() for line in lines if line.startswith("    test ")]
    return line
