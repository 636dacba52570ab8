#!/bin/sh
# Makes .venv and installs the package there, in place, with two of its backends and with what tests,
# demo and linters need.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

supported='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))'
if ! .venv/bin/python -c "$supported" 2>/dev/null || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(tools/find-python.sh)
  say "Making .venv with $python"
  "$python" -m venv --clear .venv
fi

# On a terminal pip shows its progress; in a log that would only be noise.
quiet=--quiet
[ ! -t 1 ] || quiet=
say "Installing Python packages into .venv (TensorFlow is large: some minutes the first time)"
# shellcheck disable=SC2086
.venv/bin/python -m pip install $quiet --disable-pip-version-check -e '.[tensorflow,jax,test,demo,lint]'
echo ready >.venv/.ready
