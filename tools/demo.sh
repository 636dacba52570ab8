#!/bin/sh
# Runs the demo from Python and from R, and says where the pictures are.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

demo=examples/el_nino
start=.venv/.demo-start
touch "$start"

say "The demo from Python"
.venv/bin/python "$demo/el_nino.py"
if r_ready; then
  say "The demo from R"
  Rscript "$demo/el_nino.R"
fi

say "Done. The pictures:"
find "$demo" -name '*.png' -newer "$start" | sort | sed 's/^/    /'
r_ready || why_not .Rlib/.ready
