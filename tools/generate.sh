#!/bin/sh
# Writes the generated files anew: the stubs of Python, the wrappers of R, then NAMESPACE and man/ from
# the wrappers' comments.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

.venv/bin/python tools/generate_stubs.py
.venv/bin/python tools/generate_r.py
if ! r_ready; then
  say "NAMESPACE and man/ need R, which was left out."
  exit 1
fi
Rscript -e 'roxygen2::roxygenise()'
