#!/bin/sh
# Makes .venv-oldest, with the oldest version of everything that pyproject.toml allows, on TensorFlow.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

python=$(tools/find-python.sh)
say "Making .venv-oldest with $python"
"$python" -m venv --clear .venv-oldest
bounds=.venv-oldest/oldest.txt
.venv-oldest/bin/python tools/lower_bounds.py tensorflow test demo >"$bounds"
say "Installing the oldest supported packages into .venv-oldest"
.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -r "$bounds"
.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
echo ready >.venv-oldest/.ready
