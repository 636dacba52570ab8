#!/bin/sh
# Says what is set up and what is not.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

say "Python is ready in .venv ($(.venv/bin/python --version))."
if r_ready; then
  say "R is ready, with the package in .Rlib."
  parity_ready || why_not .venv/.parity
else
  why_not .Rlib/.ready
fi
