#!/bin/sh
# demo.sh [BACKEND]: runs the demo from Python and from R, and says where the pictures are.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

demo=examples/el_nino
backend=${1:-${KERAS_BACKEND:-tensorflow}}
case $backend in
  tensorflow | jax) venv=.venv ;;
  torch) venv=.venv-torch ;;
  *)
    echo "demo.sh: BACKEND must be tensorflow, jax or torch, not $backend." >&2
    exit 2
    ;;
esac
export KERAS_BACKEND="$backend" RETICULATE_PYTHON="$root/$venv/bin/python"
start=$venv/.demo-start
touch "$start"

say "The demo from Python, on $backend"
"$venv/bin/python" "$demo/el_nino.py"
if r_ready; then
  say "The demo from R, on $backend"
  Rscript "$demo/el_nino.R"
fi

say "Done. The pictures:"
find "$demo" -name '*.png' -newer "$start" | sort | sed 's/^/    /'
r_ready || why_not .Rlib/.ready
