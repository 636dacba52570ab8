#!/bin/sh
# Writes the generated files anew: R wrappers first, then NAMESPACE and man/ from their comments.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

if ! r_ready; then
  say "The generated files need R, which was left out."
  exit 1
fi
.venv/bin/python tools/generate_r.py
Rscript -e 'roxygen2::roxygenise()'
