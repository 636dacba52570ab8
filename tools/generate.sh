#!/bin/sh
# Writes the generated files anew: the stubs of Python, the wrappers of R, then NAMESPACE and man/ from
# the wrappers' comments.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if ! r_ready; then
  say "The generated files need R, which was left out."
  exit 1
fi
.venv/bin/python tools/generate_stubs.py
.venv/bin/python tools/generate_r.py
Rscript -e 'roxygen2::roxygenise()'
