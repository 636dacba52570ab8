#!/bin/sh
# Runs the UCI protocol and the digits; what is passed on goes to benchmarks/reproduce.
# The first argument is the folder of the sets that are not in the repository, or nothing.
set -eu
# shellcheck source=tools/common.sh
. "$(dirname -- "$0")/common.sh"

data=$1
shift
say "The UCI protocol and the digits: ours beside others"
PYTHONPATH="$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}" \
  .venv-bench/bin/python -m reproduce ${data:+--data "$data"} "$@"
say "Done. The results:"
find benchmarks/results -name 'reproduce*' -type f | sort | sed 's/^/    /'
