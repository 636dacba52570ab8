#!/bin/sh
# setup-oldest.sh FOLDER BACKEND: an environment with the oldest version of everything that
# pyproject.toml allows. One backend each: those of two need different versions of what both need.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

folder=$1
backend=$2
python=$(tools/find-python.sh)
say "Making $folder with $python"
"$python" -m venv --clear "$folder"
bounds=$folder/oldest.txt
"$folder/bin/python" tools/lower_bounds.py "$backend" test demo >"$bounds"
say "Installing the oldest supported packages into $folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$bounds"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
echo ready >"$folder/.ready"
